"""Typing in a real browser: menus by keyboard, Markdown, input methods, tables, paste, a phone, a long document."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.document import prose, saved, text_on_server, write
from tests.rest import Rest

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


def test_the_menu_of_blocks_works_by_keyboard(rest: Rest, document: str, open_page: Open):
    page = open_page(document)
    expect(page.locator(".prose [data-placeholder]")).to_have_attribute(
        "data-placeholder", "Write, or press / for blocks"
    )
    write(page, "/")
    listbox = page.get_by_role("listbox", name="Blocks")
    expect(listbox).to_be_visible()
    expect(prose(page)).to_have_attribute("aria-controls", "slash-menu")
    page.keyboard.type("head")
    page.keyboard.press("ArrowDown")
    expect(listbox.get_by_role("option", selected=True)).to_have_text("Heading 2")
    page.keyboard.press("Enter")
    expect(listbox).to_have_count(0)
    page.keyboard.type("Goals")
    page.keyboard.press("Enter")
    page.keyboard.type("/task")
    page.keyboard.press("Enter")
    page.keyboard.type("Ask five offices")
    expect(prose(page).locator("h2")).to_have_text("Goals")
    expect(prose(page).locator("ul[data-type=taskList] p")).to_have_text("Ask five offices")
    page.keyboard.type(" /x")
    page.keyboard.press("Escape")
    expect(listbox).to_have_count(0)
    saved(page)
    assert "## Goals" in text_on_server(rest, document)


def test_the_menu_over_a_selection_works_by_keyboard(rest: Rest, document: str, open_page: Open):
    page = open_page(document)
    write(page, "Make this bold")
    page.keyboard.press("Control+Shift+ArrowLeft")
    bubble = page.get_by_role("toolbar", name="Selection")
    expect(bubble).to_be_visible()
    page.keyboard.press("Alt+F10")
    expect(bubble.get_by_role("button", name="Bold")).to_be_focused()
    page.keyboard.press("Enter")
    expect(prose(page).locator("strong")).to_have_text("bold")
    expect(bubble.get_by_role("button", name="Bold")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Control+k")
    page.keyboard.type("javascript:alert(1)")
    page.keyboard.press("Enter")
    expect(page.locator(".link-wrong")).to_be_visible()
    page.keyboard.press("Control+a")
    page.keyboard.type("example.com/tea")
    page.keyboard.press("Enter")
    expect(prose(page).locator("a")).to_have_attribute("href", "https://example.com/tea")
    expect(prose(page)).to_be_focused()
    saved(page)
    assert "[**bold**](https://example.com/tea)" in text_on_server(rest, document)


def test_the_toolbar_is_one_tab_stop_and_shows_where_the_caret_is(document: str, open_page: Open):
    page = open_page(document)
    write(page, "A heading")
    toolbar = page.get_by_role("toolbar", name="Formatting")
    page.keyboard.press("Alt+F10")
    expect(toolbar.get_by_role("button", name="Heading 2")).to_be_focused()
    page.keyboard.press("Enter")
    expect(prose(page).locator("h2")).to_have_text("A heading")
    expect(toolbar.get_by_role("button", name="Heading 2")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Alt+F10")
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    expect(toolbar.get_by_role("button", name="Heading 2")).to_be_focused()
    page.keyboard.press("Escape")
    expect(prose(page)).to_be_focused()
    assert toolbar.locator("button[tabindex='0']").count() == 1


def test_markdown_becomes_blocks_while_it_is_typed(rest: Rest, document: str, open_page: Open):
    page = open_page(document)
    lines = ["# One", "- two", "", "1. three", "", "[ ] four", "", "> five"]
    prose(page).press("Control+End")
    for line in lines:
        page.keyboard.type(line)
        page.keyboard.press("Enter")
    for selector, words in (
        ("h1", "One"),
        ("ul:not([data-type]) li", "two"),
        ("ol li", "three"),
        ("blockquote", "five"),
    ):
        expect(prose(page).locator(selector).first).to_contain_text(words)
    expect(prose(page).locator("ul[data-type=taskList]")).to_contain_text("four")


def test_chinese_input_arrives_whole_while_somebody_else_types(rest: Rest, document: str, open_page: Open):
    ada, bob = open_page(document), open_page(document, "bob@example.com")
    write(bob, "first")
    bob.keyboard.press("Enter")
    bob.keyboard.type("second ")
    expect(prose(ada)).to_contain_text("second")
    prose(ada).press("Control+End")
    keyboard = ada.context.new_cdp_session(ada)
    prose(bob).press("Control+Home")
    for signs, text in enumerate(("w", "wu", "wuk", "wukong")):
        keyboard.send("Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)})
        expect(prose(bob).locator("p").nth(1)).to_have_text(f"{'+' * signs}second {text}")
        bob.keyboard.type("b")
        prose(bob).press("Control+End")
        bob.keyboard.press("Home")
        bob.keyboard.type("+")
        prose(bob).press("Control+Home")
    keyboard.send("Input.insertText", {"text": "悟空"})
    keyboard.send("Input.insertText", {"text": "来了。"})
    for page in (ada, bob):
        expect(prose(page).locator("p").first).to_have_text("bbbbfirst")
        expect(prose(page).locator("p").nth(1)).to_have_text("++++second 悟空来了。")
    saved(ada)
    assert text_on_server(rest, document).split() == ["bbbbfirst", "++++second", "悟空来了。"]


def test_a_table_grows_and_shrinks_and_both_see_it(rest: Rest, document: str, open_page: Open):
    ada, bob = open_page(document), open_page(document, "bob@example.com")
    write(ada, "/table")
    ada.keyboard.press("Enter")
    expect(prose(bob).locator("tr")).to_have_count(3)
    ada.keyboard.type("Channel")
    ada.keyboard.press("Tab")
    ada.keyboard.type("Budget")
    toolbar = ada.get_by_role("toolbar", name="Formatting")
    toolbar.get_by_role("button", name="Add a row below").click()
    toolbar.get_by_role("button", name="Add a column to the right").click()
    expect(prose(bob).locator("tr")).to_have_count(4)
    expect(prose(bob).locator("tr").first.locator("th")).to_have_count(4)
    toolbar.get_by_role("button", name="Remove the column").click()
    toolbar.get_by_role("button", name="Remove the row").click()
    expect(prose(bob).locator("tr")).to_have_count(3)
    prose(bob).locator("td").first.click()
    bob.keyboard.type("Search")
    expect(prose(ada).locator("td").first).to_have_text(re.compile("Search"))
    toolbar.get_by_role("button", name="Remove the table").click()
    expect(prose(bob).locator("table")).to_have_count(0)


def test_what_is_pasted_comes_in_as_our_blocks(rest: Rest, document: str, open_page: Open):
    page = open_page(document)
    prose(page).click()
    page.evaluate(
        """html => {
            const data = new DataTransfer(); data.setData("text/html", html);
            document.querySelector(".prose").dispatchEvent(
                new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        }""",
        '<h4>Deep</h4><p onclick="x()">Plain <b>bold</b> <a href="javascript:x()">bad</a> '
        '<span style="font-style: italic">slanted</span></p><img src="/static/x.png">',
    )
    expect(prose(page).locator("h3")).to_have_text("Deep")
    expect(prose(page).locator("strong")).to_have_text("bold")
    expect(prose(page).locator("em")).to_have_text("slanted")
    expect(prose(page).locator("a")).to_have_count(0)
    saved(page)
    assert "### Deep" in text_on_server(rest, document)


def test_nothing_overflows_on_a_phone(rest: Rest, document: str, open_page: Open):
    page = open_page(document, width=390, height=844)
    write(page, "A word that never ends: " + "x" * 120)
    page.keyboard.press("Enter")
    page.keyboard.type("/table")
    page.keyboard.press("Enter")
    page.keyboard.type("A cell with an address https://example.com/" + "long" * 20)
    expect(page.locator("#toolbar")).to_be_visible()
    saved(page)
    widths = page.evaluate(
        "[document.documentElement.scrollWidth, document.querySelector('#document').scrollWidth, innerWidth]"
    )
    assert max(widths[:2]) <= widths[2]
    box = page.locator("#toolbar").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_a_long_document_takes_a_key_quickly(rest: Rest, open_page: Open):
    project = rest.post("projects/", {"workspace": "northwind", "name": "Long"})["id"]
    text = "\n\n".join(f"Paragraph {number} with some words in it, as many as people write." for number in range(1500))
    body = {"project": project, "title": "Long", "content": {"format": "markdown", "text": text}}
    page = open_page(rest.post("documents/", body)["id"])
    prose(page).press("Control+Home")
    began = time.perf_counter()
    page.keyboard.type("y" * 40)
    expect(prose(page).locator("p").first).to_have_text(re.compile("^y{40}"))
    assert (time.perf_counter() - began) / 40 < 0.1
