"""Moving blocks by handle, keys, menu and fingers; pasting too much; what a paste says of the cut before it."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.document import prose, saved, text_on_server
from tests.rest import Rest

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
TEXT = (
    "Alpha first.\n\n## Beta\n\nGamma third.\n\n- one\n- two\n- three\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n\nLast."
)


@pytest.fixture
def document(rest: Rest) -> str:
    project = rest.post("projects/", {"workspace": "northwind", "name": "Blocks"})["id"]
    body = {"project": project, "title": "Blocks", "content": {"format": "markdown", "text": TEXT}}
    return str(rest.post("documents/", body)["id"])


def order(page: Page) -> list[str]:
    """Return the first word of each block."""
    words = page.evaluate(
        "[...document.querySelectorAll('.prose > *')].map(one => one.innerText.match(/[A-Za-z]+/)[0])"
    )
    return [str(word) for word in words]


def ids(page: Page) -> list[str]:
    return list(page.evaluate("[...document.querySelectorAll('.prose > [data-id]')].map(one => one.dataset.id)"))


def handle(page: Page, block: Locator) -> Locator:
    """Point at a block; returns its handle."""
    block.hover()
    shown = page.locator(".block-handle")
    expect(shown).to_be_visible()
    middle = block.evaluate("one => one.getBoundingClientRect().top")
    page.wait_for_function(
        "top => Math.abs(document.querySelector('.block-handle').getBoundingClientRect().top - top) < 24", arg=middle
    )
    return shown


def drag(page: Page, grip: Locator, to: Locator, *, below: bool) -> None:
    grip.hover()
    page.mouse.down()
    box = to.bounding_box()
    assert box is not None
    height = box["y"] + box["height"] - 3 if below else box["y"] + 3
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2, steps=4)
    page.mouse.move(box["x"] + 20, height, steps=4)
    page.mouse.up()


def test_a_block_is_dragged_by_its_handle_and_comes_back_with_one_undo(rest: Rest, document: str, open_page: Open):
    ada, bob = open_page(document), open_page(document, "bob@example.com")
    known = ids(ada)
    grip = handle(ada, prose(ada).locator("p").first)
    assert (grip.get_attribute("aria-label") or "").startswith("Move the block")
    drag(ada, grip, prose(ada).locator("p", has_text="Gamma"), below=True)
    expect(prose(bob).locator("> *").nth(2)).to_have_text("Alpha first.")
    assert order(ada) == order(bob) == ["Beta", "Gamma", "Alpha", "one", "x", "Last"]
    assert sorted(ids(ada)) == sorted(known)
    expect(prose(ada).locator(".is-chosen")).to_have_count(0)
    saved(ada)
    assert text_on_server(rest, document).startswith("## Beta\n\nGamma third.\n\nAlpha first.")
    prose(ada).press("Control+z")
    expect(prose(bob).locator("> *").first).to_have_text("Alpha first.")
    assert ids(ada) == ids(bob) == known


def test_an_item_and_a_table_are_dragged_too(rest: Rest, document: str, open_page: Open):
    page = open_page(document)
    items = prose(page).locator("li")
    drag(page, handle(page, items.nth(0)), items.nth(2), below=True)
    expect(prose(page).locator("ul")).to_have_text("twothreeone")
    drag(page, handle(page, prose(page).locator("th").first), prose(page).locator("p").first, below=False)
    expect(prose(page).locator("> *").first).to_have_class("tableWrapper")
    saved(page)
    assert text_on_server(rest, document).startswith("| x | y |")
    assert "- two\n- three\n- one" in text_on_server(rest, document)


def test_keys_move_the_block_of_the_caret_and_say_where_it_is(document: str, open_page: Open):
    ada, bob = open_page(document), open_page(document, "bob@example.com")
    prose(ada).locator("p", has_text="Gamma").click()
    ada.keyboard.press("End")
    ada.keyboard.press("Alt+Shift+ArrowUp")
    expect(ada.get_by_role("status").filter(has_text="Moved: now 2 of 6")).to_have_count(1)
    ada.keyboard.press("Alt+Shift+ArrowUp")
    ada.keyboard.press("Alt+Shift+ArrowUp")  # it is the first: nothing happens
    ada.keyboard.type(" And typed on.")
    expect(prose(bob).locator("> *").first).to_have_text("Gamma third. And typed on.")
    assert order(bob) == ["Gamma", "Alpha", "Beta", "one", "x", "Last"]
    prose(ada).locator("li", has_text="two").click()
    ada.keyboard.press("Alt+Shift+ArrowDown")
    ada.keyboard.press("Alt+Shift+ArrowDown")
    expect(prose(bob).locator("ul")).to_have_text(["onethree", "two"])
    assert order(bob) == ["Gamma", "Alpha", "Beta", "one", "x", "two", "Last"]


def test_the_handle_is_a_button_with_a_menu(document: str, open_page: Open):
    page = open_page(document)
    grip = handle(page, prose(page).locator("h2"))
    grip.click()
    expect(grip).to_have_attribute("aria-expanded", "true")
    expect(prose(page).locator("h2")).to_have_class("is-chosen")
    menu = page.locator("#block-menu")
    expect(menu.get_by_role("button", name="Move up")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert order(page) == ["Alpha", "Gamma", "one", "Beta", "x", "Last"]
    expect(prose(page).locator("h2")).to_have_class("is-chosen")
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(prose(page).locator(".is-chosen")).to_have_count(0)


def test_fingers_move_a_block_by_toolbar_and_menu(document: str, open_page: Open):
    page = open_page(document, width=390, height=844)
    prose(page).locator("h2").click()
    page.get_by_role("button", name="Move up").click()
    expect(prose(page).locator("> *").first).to_have_text("Beta")
    page.keyboard.press("End")
    page.keyboard.type(" /mov")
    page.get_by_role("option", name="Move down").click()
    expect(prose(page).locator("> *").nth(1)).to_have_text("Beta")
    assert page.locator(".block-handle").is_hidden()


def test_selected_words_are_dragged_within_the_page(document: str, open_page: Open):
    ada, bob = open_page(document), open_page(document, "bob@example.com")
    prose(ada).locator("p").first.dblclick(position={"x": 12, "y": 12})
    ada.wait_for_timeout(700)  # sooner it would be a third click, which selects the paragraph
    target = prose(ada).locator("p", has_text="Last.").bounding_box()
    assert target is not None
    prose(ada).locator("p").first.hover(position={"x": 12, "y": 12})
    ada.mouse.down()
    ada.mouse.move(target["x"] + 200, target["y"] + 10, steps=8)
    ada.mouse.up()
    expect(prose(bob).locator("p", has_text="Last.")).to_contain_text("Alpha")
    expect(prose(bob).locator("p").first).to_have_text(" first.")
    prose(ada).press("Control+z")
    expect(prose(bob).locator("p").first).to_have_text("Alpha first.")


# --- paste ----------------------------------------------------------------------------------------------------------
def paste(page: Page, text: str) -> None:
    page.evaluate(
        """text => {
            const data = new DataTransfer(); data.setData("text/plain", text);
            document.querySelector(".prose").dispatchEvent(
                new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        text,
    )


def test_a_paste_that_is_too_large_is_refused_before_anything_changes(rest: Rest, document: str, open_page: Open):
    page = open_page(document)
    prose(page).press("Control+End")
    paste(page, "x" * 300_000)
    expect(page.locator(".toast")).to_contain_text("too much to paste at once")
    assert order(page)[-1] == "Last"
    paste(page, "\n".join(f"line {number}" for number in range(5_100)))
    expect(page.locator(".toast")).to_contain_text("too much to paste at once")
    assert len(order(page)) == 6
    page.keyboard.type(" Still here.")
    saved(page)
    expect(page.locator(".refused")).to_have_count(0)
    assert text_on_server(rest, document).rstrip().endswith("Last. Still here.")


def test_a_large_paste_that_is_allowed_comes_through(rest: Rest, document: str, open_page: Open):
    ada, bob = open_page(document), open_page(document, "bob@example.com")
    prose(ada).press("Control+End")
    paste(ada, "\n".join(f"line {number} " + "of words " * 12 for number in range(1_000)))
    ada.wait_for_function("document.querySelectorAll('.prose > p').length > 1000")
    saved(ada, 20_000)
    bob.wait_for_function("document.querySelectorAll('.prose > p').length > 1000")
    assert len(set(ids(ada))) == len(ids(ada))
    assert text_on_server(rest, document).count("line ") == 1_000


def test_a_paste_names_the_words_that_were_cut(rest: Rest, document: str, open_page: Open):
    page = open_page(document)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sent: list[bytes] = []
    page.on("websocket", lambda one: one.on("framesent", lambda frame: sent.append(_bytes(frame))))
    page.reload()
    expect(page.locator("#editor[data-ready]")).to_be_visible()
    prose(page).locator("p").first.click()
    for key in ("Home", "Shift+End", "Control+x"):
        page.keyboard.press(key)
    saved(page)
    assert cuts(sent) == []
    prose(page).press("Control+End")
    page.keyboard.press("Control+v")
    expect(prose(page)).to_contain_text("Last.Alpha first.")
    saved(page)
    assert [length for _client, _clock, length in cuts(sent)[0]] == [len("Alpha first.")]
    named = next(number for number, frame in enumerate(sent) if frame[0] == 64)
    assert sent[named + 1][:2] == b"\x00\x02"  # the update itself comes next
    page.keyboard.press("Control+v")  # a copy of words that stand
    expect(prose(page)).to_contain_text("Last.Alpha first.Alpha first.")
    saved(page)
    assert len(cuts(sent)) == 1


def _bytes(frame: object) -> bytes:
    return frame.encode() if isinstance(frame, str) else bytes(frame)  # type: ignore[call-overload]


def cuts(frames: list[bytes]) -> list[list[tuple[int, int, int]]]:
    """Return the ranges of all messages of kind 64."""
    said = [json.loads(frame[frame.index(b"{") :]) for frame in frames if frame[:1] == b"\x40"]
    return [message["ranges"] for message in said if message["type"] == "cut"]
