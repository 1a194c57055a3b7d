"""Sessions that end and roles that change while somebody types: words stay with their author, and go in no other name.

Threads: a permission that is taken away has to reach open editors (docmost: none; outline's invalidation); an edit that
is refused must not be lost silently (outline #13405); text of one identity under another (etherpad #4104, #7430).
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests import servers
from tests.browser.document import pill, prose, reconnect, saved, text_on_server, write
from tests.browser.looks import DESK, PHONE, looked_at
from tests.browser.window import sign_in_as
from tests.browser.wire import Wire
from tests.rest import Rest

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
_ROWS = """() => new Promise(done => {
    const opening = indexedDB.open("wukong", 1);
    opening.onsuccess = () => {
        const counting = opening.result.transaction("updates").objectStore("updates").count();
        counting.onsuccess = () => { opening.result.close(); done(counting.result); };
    };
})"""


_CAST = ("Ann", "Cem", "Dora", "Emil", "Fay", "Gil", "Hanna", "Ivo", "Jo", "Kaya")


@pytest.fixture(scope="module", autouse=True)
def _cast(site: servers.Embedded) -> None:
    """Everybody of this module, each for one test: a session that was ended is of no use to the next."""
    site.manage(
        "shell",
        "-c",
        "from workspaces.people.models import Membership, Role, User, Workspace\n"
        "northwind = Workspace.objects.get(slug='northwind')\n"
        f"for name in {_CAST!r}:\n"
        f"    user = User.objects.create_user(f'{{name.lower()}}@example.com', {servers.PASSWORD!r}, name=name)\n"
        "    Membership.objects.create(workspace=northwind, user=user, role=Role.EDITOR)\n",
    )


@pytest.fixture
def end_session(
    browser: Browser, site: servers.Embedded, signed_in: Callable[[str], StorageState]
) -> Callable[[str], None]:
    """Return a function that ends the session of somebody's browsers from elsewhere."""

    def end(email: str) -> None:
        context = browser.new_context(base_url=site.url, storage_state=signed_in(email))
        page = context.new_page()
        page.goto("/accounts/logout/")
        page.click("main button[type=submit]")
        page.wait_for_url("**/accounts/login/**")
        context.close()

    return end


def dialog(page: Page) -> Any:
    return page.get_by_role("dialog", name="Sign in again")


# --- a session that ends --------------------------------------------------------------------------------------------
def test_a_session_that_ends_while_somebody_types_is_renewed_in_place_and_no_word_is_lost(
    rest: Rest, document: str, open_page: Open, end_session: Callable[[str], None]
):
    email = "ann@example.com"
    page = open_page(document, email, allows="status of 400")  # the wrong password
    write(page, "Before. ")
    saved(page)
    end_session(email)
    expect(page.locator("#offline-text")).to_contain_text("You are signed out.")
    expect(prose(page)).to_have_attribute("contenteditable", "true")
    page.keyboard.type("Meanwhile, 悟空. ")
    expect(pill(page)).to_have_text("Offline, 1 unsaved")
    page.get_by_role("button", name="Sign in again").click()
    expect(dialog(page).get_by_label("E-mail")).to_have_value(email)
    expect(dialog(page).get_by_label("Password")).to_be_focused()
    page.keyboard.type("not the password")
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_role("alert")).to_contain_text("not correct")
    expect(dialog(page).get_by_label("Password")).to_be_focused()
    assert looked_at(page, widths=(DESK, PHONE)) == {}
    page.set_viewport_size({"width": 1440, "height": 900})
    dialog(page).get_by_label("Password").fill(servers.PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog(page)).to_be_hidden()
    saved(page)
    expect(page.locator("#offline-banner")).to_be_hidden()
    expect(prose(page)).to_be_focused()
    page.keyboard.type("After.")
    saved(page)
    assert text_on_server(rest, document).strip() == "Before. Meanwhile, 悟空. After."
    # The forms of the page go with the new session's token.
    page.get_by_role("button", name="Document menu").click()
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Title").fill("Renamed after all")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1[data-document-title]")).to_have_text("Renamed after all")
    expect(prose(page)).to_have_text("Before. Meanwhile, 悟空. After.")


def test_a_session_that_ended_is_found_when_the_socket_is_refused(
    rest: Rest, document: str, open_page: Open, end_session: Callable[[str], None], wire: Wire
):
    email = "cem@example.com"
    page = open_page(document, email, port=wire.port, allows="status of 401")
    wire.cut()
    write(page, "Written offline. ")
    expect(pill(page)).to_contain_text("unsaved")
    end_session(email)
    wire.heal()
    reconnect(page)
    expect(page.locator("#offline-text")).to_contain_text("You are signed out.")
    page.get_by_role("button", name="Sign in again").click()
    dialog(page).get_by_label("Password").fill(servers.PASSWORD)
    page.keyboard.press("Enter")
    saved(page)
    assert text_on_server(rest, document).strip() == "Written offline."


def test_who_signs_in_in_another_tab_is_back_without_a_word(
    rest: Rest, document: str, open_page: Open, end_session: Callable[[str], None]
):
    email = "dora@example.com"
    page = open_page(document, email)
    end_session(email)
    expect(page.locator("#offline-text")).to_contain_text("You are signed out.")
    write(page, "Waits for me.")
    sign_in_as(page.context.new_page(), email)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    saved(page)
    assert text_on_server(rest, document).strip() == "Waits for me."


def test_words_are_not_sent_in_the_name_of_somebody_else_who_signs_in(
    rest: Rest, document: str, open_page: Open, end_session: Callable[[str], None]
):
    email, other = "emil@example.com", "fay@example.com"
    page = open_page(document, email)
    write(page, "Saved as Emil. ")
    saved(page)
    end_session(email)
    expect(page.locator("#offline-text")).to_contain_text("You are signed out.")
    page.keyboard.type("Emil's own words.")
    expect(pill(page)).to_have_text("Offline, 1 unsaved")
    tab = page.context.new_page()
    sign_in_as(tab, other)
    page.get_by_role("button", name="Sign in again").click()
    expect(page.locator("#offline-text")).to_contain_text("Somebody else is signed in in this browser.")
    expect(page.locator("#offline-text")).to_contain_text("1 unsaved edit is kept on this device.")
    expect(dialog(page)).to_be_hidden()
    expect(prose(page)).to_have_attribute("contenteditable", "false")
    tab.goto(f"/documents/{document}/")
    expect(tab.locator("#editor[data-ready]")).to_be_visible()
    expect(prose(tab)).to_have_text("Saved as Emil.")
    write(tab, "Fay's. ")
    saved(tab)
    assert text_on_server(rest, document).strip() == "Saved as Emil. Fay's."


def test_a_socket_that_comes_back_under_another_session_takes_no_words(
    rest: Rest, document: str, open_page: Open, wire: Wire, signed_in: Callable[[str], StorageState]
):
    email, other = "gil@example.com", "hanna@example.com"
    page = open_page(document, email, port=wire.port)
    wire.cut()
    write(page, "Gil's own words.")
    expect(pill(page)).to_contain_text("unsaved")
    page.context.add_cookies(signed_in(other)["cookies"])
    wire.heal()
    reconnect(page)
    expect(page.locator("#offline-text")).to_contain_text("Somebody else is signed in in this browser.")
    assert text_on_server(rest, document).strip() == ""


def test_an_offline_tab_stores_nothing_after_a_sign_out_in_another_tab(
    rest: Rest, document: str, open_page: Open, wire: Wire
):
    email = "ivo@example.com"
    page = open_page(document, email, port=wire.port)
    wire.cut()
    write(page, "Stored. ")
    expect(pill(page)).to_contain_text("unsaved")
    page.wait_for_function(f"({_ROWS})().then(rows => rows > 0)")
    tab = page.context.new_page()
    tab.goto("/accounts/logout/")
    tab.click("main button[type=submit]")
    expect(page.locator("#offline-text")).to_contain_text("1 unsaved edit is in this page alone")
    expect(prose(page)).to_have_attribute("contenteditable", "false")
    assert page.evaluate(_ROWS) == 0
    wire.heal()
    page.get_by_role("button", name="Sign in again").click()
    dialog(page).get_by_label("Password").fill(servers.PASSWORD)
    page.keyboard.press("Enter")
    saved(page)
    assert text_on_server(rest, document).strip() == "Stored."


def test_guessing_in_the_dialog_is_slowed_down_and_says_so(
    document: str, open_page: Open, end_session: Callable[[str], None]
):
    email = "jo@example.com"
    page = open_page(document, email, allows="status of 400")
    end_session(email)
    page.get_by_role("button", name="Sign in again").click()
    for _ in range(6):
        dialog(page).get_by_label("Password").fill("not the password")
        page.keyboard.press("Enter")
        expect(dialog(page).get_by_role("button", name="Sign in")).to_be_enabled()
    expect(dialog(page).get_by_role("alert")).to_contain_text("Too many failed login attempts")


# --- a role that goes ----------------------------------------------------------------------------------------------
def test_a_role_that_goes_in_the_middle_of_a_sentence_loses_no_word(rest: Rest, document: str, open_page: Open):
    page = open_page(document, "kaya@example.com")
    write(page, "word0 ")
    saved(page)
    members = rest.get("members/?workspace=northwind")["results"]
    member = next(one for one in members if "kaya@" in str(one))
    page.evaluate("""() => {
        window.stopped = 0;
        window.typed = "word0 ";
        document.addEventListener("beforeinput", event => { window.typed += event.data; });
        new MutationObserver(() => {
            if (document.querySelector(".prose")?.contentEditable === "false") window.stopped ||= Date.now();
        }).observe(document.getElementById("editor"), { subtree: true, attributes: true, childList: true });
    }""")
    taken = 0.0
    for number in range(1, 40):
        if number == 15:
            taken = time.time() * 1000
            rest.call("PATCH", f"members/{member['id']}/", {"role": "viewer"})
        page.keyboard.type(f"word{number} ")
    expect(pill(page)).to_have_text("Read only")
    assert 0 < page.evaluate("window.stopped") - taken < 1_000
    typed = page.evaluate("window.typed").split()
    on_server = text_on_server(rest, document).split()
    offered = " ".join(page.locator(".refused-words").all_text_contents()).split()
    assert typed[: len(on_server) - 1] == on_server[:-1]
    assert (offered or on_server) == typed


# --- a server that goes --------------------------------------------------------------------------------------------
def test_a_server_that_is_started_again_while_somebody_types_is_back_within_seconds(tmp_path: Path, browser: Browser):
    own = servers.embedded(tmp_path / "own")
    own.start()
    try:
        rest = Rest(own.url, own.manage("create_api_key", "demo@example.com", "northwind"))
        project = rest.post("projects/", {"workspace": "northwind", "name": "Again"})["id"]
        document = rest.post("documents/", {"project": project, "title": "Plan"})["id"]
        page = browser.new_context(base_url=own.url).new_page()
        sign_in_as(page)
        page.goto(f"/documents/{document}/")
        expect(page.locator("#editor[data-ready]")).to_be_visible()
        write(page, "Before. ")
        saved(page)
        own.stop()
        page.keyboard.type("While it is away. ")
        expect(pill(page)).to_have_text("Offline, 1 unsaved")
        own.start()
        saved(page, 10_000)  # the longest pause is 5 s, and the server has just begun to answer
        page.keyboard.type("After.")
        saved(page)
        assert text_on_server(rest, document).strip() == "Before. While it is away. After."
        page.context.close()
    finally:
        own.kill()
