"""A document whose websocket does not come through, or ends: the text is there to read, and no word is lost.

Threads: blocked sockets show an empty page (docmost #133, #262, #584; docs #517, #2556); an offline client that comes
back overwrites others (docs #1909, #1093; outline #5770); a copy of another history is merged (siphonophore #10,
hocuspocus #344); reconnects in a storm (BlockNote #2127, docs #2104).
"""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, StorageState, WebSocketRoute, expect

from tests import servers
from tests.browser.document import pill, prose, reconnect, saved, text_on_server, write
from tests.browser.looks import DESK, PHONE, looked_at
from tests.browser.wire import Wire
from tests.rest import Rest
from workspaces.documents import protocol

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
TEXT = """# Tea for offices

Ben knows two of the lunch places.

- [x] Ask five offices in Hamburg
- [ ] Ask five offices in Rotterdam

1. First
2. Second

| Office | People |
| --- | --- |
| Quay 7 | 42 |

> A line that was said.

The last paragraph of the plan.
"""


@pytest.fixture
def written(rest: Rest) -> str:
    """A document with a bit of everything."""
    project = rest.post("projects/", {"workspace": "northwind", "name": "Blocked"})["id"]
    body = {"project": project, "title": "Plan", "content": {"format": "markdown", "text": TEXT}}
    return str(rest.post("documents/", body)["id"])


# --- blocked --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["cut", "refuse", "swallow"])
def test_a_blocked_socket_shows_the_text_and_the_editor_takes_over_without_a_jump(
    how: str, written: str, open_page: Open, wire: Wire
):
    getattr(wire, how)()
    page = open_page(written, port=wire.port, waits=False)
    text = page.locator("#editor > .is-copy")
    expect(text).to_contain_text("The last paragraph of the plan.", timeout=3_000)
    expect(text.locator("h1")).to_have_text("Tea for offices")
    expect(pill(page)).to_have_text("Read only")
    expect(page.locator("#offline-text")).to_have_text(re.compile(r"Reading copy of \d\d:\d\d.*You can write once"))
    expect(page.locator("#toolbar")).to_be_hidden()
    before = places(page)
    wire.heal()
    reconnect(page)
    expect(page.locator("#editor[data-ready]")).to_be_visible(timeout=15_000)
    expect(page.locator("#offline-banner")).to_be_hidden()
    moved = {name: abs(places(page)[name] - at) for name, at in before.items()}
    assert {name: by for name, by in moved.items() if by > 1} == {}
    write(page, " And more.")
    saved(page)


def places(page: Page) -> dict[str, float]:
    """Return where the parts of the text stand, by their first words."""
    found: dict[str, float] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".prose :is(h1, p)")]
            .flatMap(one => ["top", "left"].map(side =>
                [`${side} of ${one.tagName} ${one.textContent}`, one.getBoundingClientRect()[side]])))"""
    )
    return found


def test_a_reading_copy_follows_the_document_and_keeps_its_place(rest: Rest, open_page: Open, wire: Wire):
    project = rest.post("projects/", {"workspace": "northwind", "name": "Blocked"})["id"]
    lines = "\n\n".join(f"Paragraph {number} of a long plan." for number in range(120))
    body = {"project": project, "title": "Long", "content": {"format": "markdown", "text": lines}}
    document = rest.post("documents/", body)["id"]
    wire.refuse()
    ada = open_page(document, port=wire.port, waits=False)
    expect(ada.locator(".is-copy")).to_contain_text("Paragraph 119")
    ada.locator("#document").evaluate("one => { one.scrollTop = 1500 }")
    bob = open_page(document, "bob@example.com")
    write(bob, " Bob was here.")
    saved(bob)
    reconnect(ada)
    expect(ada.locator(".is-copy")).to_contain_text("Bob was here.")
    assert ada.locator("#document").evaluate("one => one.scrollTop") == 1500
    wire.heal()
    reconnect(ada)
    expect(ada.locator("#editor[data-ready]")).to_be_visible()
    assert abs(ada.locator("#document").evaluate("one => one.scrollTop") - 1500) <= 1


def test_a_reading_copy_is_readable_for_everyone(written: str, open_page: Open, wire: Wire):
    wire.refuse()
    page = open_page(written, port=wire.port, waits=False)
    expect(page.locator(".is-copy")).to_be_visible()
    assert looked_at(page, widths=(DESK, PHONE)) == {}


def test_without_scripts_the_text_is_there(
    written: str, browser: Browser, site: servers.Embedded, signed_in: Callable[[str], StorageState]
):
    context = browser.new_context(
        base_url=site.url, storage_state=signed_in("demo@example.com"), java_script_enabled=False
    )
    page = context.new_page()
    page.goto(f"/documents/{written}/")
    page.wait_for_url("**/read/")
    expect(page.locator("article")).to_contain_text("The last paragraph of the plan.")
    context.close()


def test_a_document_is_printed_without_the_page_around_it(written: str, open_page: Open):
    page = open_page(written)
    page.emulate_media(media="print")
    expect(prose(page)).to_contain_text("The last paragraph of the plan.")
    for around in (".sidebar", ".topbar", "#toolbar", "#swarm"):
        expect(page.locator(around)).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.getElementById('document')).overflowY") == "visible"


# --- away and back ---------------------------------------------------------------------------------------------------
def test_a_page_from_the_browsers_cache_connects_again(rest: Rest, document: str, open_page: Open):
    page = open_page(document)
    write(page, "Before. ")
    saved(page)
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    expect(pill(page)).to_have_text("Offline")
    page.keyboard.type("While away.")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    saved(page)
    assert text_on_server(rest, document).strip() == "Before. While away."


def test_two_tabs_of_one_person_write_and_one_leaves_its_words_to_the_other(
    rest: Rest, document: str, open_page: Open, wire: Wire
):
    first = open_page(document, port=wire.port)
    second = first.context.new_page()
    second.goto(f"/documents/{document}/")
    expect(second.locator("#editor[data-ready]")).to_be_visible()
    write(first, "First. ")
    expect(prose(second)).to_contain_text("First.")
    write(second, "Second. ")
    expect(prose(first)).to_contain_text("Second.")
    saved(second)
    wire.cut()
    write(first, "Only in the first.")
    expect(pill(first)).to_contain_text("unsaved")
    first.close()
    wire.heal()
    expect(prose(second)).to_contain_text("Only in the first.", timeout=20_000)
    saved(second, 20_000)
    assert text_on_server(rest, document).count("Only in the first.") == 1


# --- a document that is full ----------------------------------------------------------------------------------------
def test_a_full_document_says_so_keeps_the_words_and_goes_on(rest: Rest, document: str, open_page: Open):
    """The server's part is played: it refuses every change as it does when a document is full."""
    is_full = {"now": False}
    page = open_page(document).context.new_page()

    def play(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        count = {"n": 0}

        def to_server(message: str | bytes) -> None:
            is_update = isinstance(message, bytes) and message[0] == protocol.SYNC and message[1] != protocol.STEP1
            count["n"] += is_update
            if is_update and is_full["now"]:
                body = {"type": "rejected", "n": count["n"], "code": "full", "message": ""}
                socket.send(protocol.control_message(body))
            else:
                server.send(message)

        socket.on_message(to_server)

    page.route_web_socket("**/ws/documents/**", play)
    page.goto(f"/documents/{document}/")
    expect(page.locator("#editor[data-ready]")).to_be_visible()
    write(page, "Fits. ")
    saved(page)
    is_full["now"] = True
    for number in range(8):
        write(page, str(number))
        expect(page.locator(".refused-words")).to_contain_text(f"Fits. {number}")
        expect(page.locator("#editor[data-ready] .prose")).to_have_text("Fits.")
    expect(page.locator(".refused")).to_have_count(1)
    expect(page.locator(".refused")).to_contain_text("The document is full")
    is_full["now"] = False
    write(page, "Fits again.")
    saved(page)
    assert text_on_server(rest, document).strip() == "Fits. Fits again."


# --- another history ------------------------------------------------------------------------------------------------
def begin_anew(site: servers.Embedded, document: str) -> None:
    """Say that the log of a document is another one now, as putting back a backup does."""
    site.manage(
        "shell",
        "-c",
        "from django.db.models import F; from workspaces.documents.models import Document; "
        f"Document.objects.filter(pk='{document}').update(generation=F('generation') + 1)",
    )


def test_a_document_that_was_put_back_is_not_merged_with_an_open_copy(
    site: servers.Embedded, rest: Rest, document: str, open_page: Open, wire: Wire
):
    page = open_page(document, port=wire.port)
    write(page, "Saved before. ")
    saved(page)
    wire.cut()
    write(page, "Written in the old history.")
    expect(pill(page)).to_contain_text("unsaved")
    begin_anew(site, document)
    wire.heal()
    expect(page.locator("#offline-text")).to_contain_text("put back to an earlier state", timeout=20_000)
    expect(prose(page)).to_have_attribute("contenteditable", "false")
    expect(page.locator(".refused-words")).to_contain_text("Written in the old history.")
    assert looked_at(page, widths=(DESK, PHONE)) == {}
    page.get_by_role("link", name="Load the page again").click()
    expect(page.locator("#editor[data-ready]")).to_be_visible()
    expect(prose(page)).to_have_text("Saved before.")
    expect(page.locator(".refused-words")).to_contain_text("Written in the old history.")
    write(page, "Written after.")
    saved(page)
    assert "old history" not in text_on_server(rest, document)


def test_words_of_an_earlier_history_that_a_reload_left_behind_are_offered_and_never_sent(
    site: servers.Embedded, rest: Rest, document: str, open_page: Open, wire: Wire
):
    page = open_page(document, port=wire.port)
    write(page, "Saved before. ")
    saved(page)
    wire.cut()
    write(page, "悟空 wrote this too late.")
    expect(pill(page)).to_contain_text("unsaved")
    page.reload()
    expect(page.locator("#offline-text")).to_contain_text("1 unsaved edit is kept on this device.", timeout=5_000)
    begin_anew(site, document)
    wire.heal()
    expect(page.locator("#editor[data-ready]")).to_be_visible(timeout=20_000)
    expect(prose(page)).to_have_text("Saved before.")
    expect(page.locator(".refused-words")).to_have_text("悟空 wrote this too late.")
    saved(page)
    page.get_by_role("button", name="Throw away").click()
    page.reload()
    expect(page.locator("#editor[data-ready]")).to_be_visible()
    expect(page.locator(".refused")).to_have_count(0)
    assert "too late" not in text_on_server(rest, document)
