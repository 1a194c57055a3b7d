"""The live document in real browsers: people type together, lose the connection, reload, and lose no word."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import servers
from tests.browser.document import join, pill, prose, saved, text_on_server, write
from tests.browser.window import sign_in_as
from tests.browser.wire import Wire
from tests.rest import Rest

pytestmark = pytest.mark.browser

Open = Callable[..., Page]


def test_two_people_type_in_one_document_and_both_see_all_of_it(rest: Rest, document: str, open_page: Open):
    ada, bob = open_page(document), open_page(document, "bob@example.com")
    write(ada, "Ada's line")
    ada.keyboard.press("Enter")
    expect(prose(bob)).to_contain_text("Ada's line")
    write(bob, "Bob: ")
    for number in range(12):
        prose(ada).press("Control+Home")
        ada.keyboard.type(f"{number} ")
        bob.keyboard.type(f"b{number} ")
    wanted = "".join(f"b{number} " for number in range(12)).strip()
    for page in (ada, bob):
        expect(prose(page)).to_contain_text(wanted)
        expect(prose(page)).to_contain_text("11 10 9 8 7 6 5 4 3 2 1 0 Ada's line")
        saved(page)
    expect(bob.locator("#presence button[aria-label*='Demo']")).to_be_visible()
    expect(bob.locator(".caret.is-person b")).to_have_attribute("data-name", "Demo Person")
    assert wanted in text_on_server(rest, document)


def test_undo_takes_back_our_own_words_alone(rest: Rest, document: str, open_page: Open):
    ada, bob = open_page(document), open_page(document, "bob@example.com")
    write(ada, "Ada wrote this. ")
    expect(prose(bob)).to_contain_text("Ada wrote this.")
    write(bob, "Bob wrote that.")
    expect(prose(ada)).to_contain_text("Bob wrote that.")
    for _ in range(9):  # one undo takes what was typed within half a second
        prose(ada).press("Control+z")
    expect(prose(bob)).to_have_text("Bob wrote that.")
    for _ in range(9):
        prose(ada).press("Control+y")
    expect(prose(bob)).to_have_text("Ada wrote this. Bob wrote that.")


def test_opening_a_document_writes_nothing(rest: Rest, document: str, open_page: Open):
    before = rest.get(f"documents/{document}/")["seq"]
    page = open_page(document)
    saved(page)
    prose(page).click()
    page.wait_for_timeout(400)
    assert rest.get(f"documents/{document}/")["seq"] == before


# --- without a connection -------------------------------------------------------------------------------------------
def test_words_written_offline_survive_a_reload_and_meet_what_others_wrote(
    rest: Rest, document: str, open_page: Open, wire: Wire
):
    bob = open_page(document, "bob@example.com")
    ada = open_page(document, port=wire.port)
    write(ada, "Written with a connection. ")
    expect(prose(bob)).to_contain_text("Written with a connection.")
    wire.cut()
    write(ada, "Written without one.")
    expect(pill(ada)).to_contain_text("unsaved")
    expect(ada.locator("#offline-banner")).to_be_visible()
    expect(ada.locator("#offline-text")).to_contain_text("kept on this device")
    prose(bob).press("Control+Home")
    bob.keyboard.type("Bob meanwhile. ")
    saved(bob)
    ada.reload()
    wire.heal()
    for page in (ada, bob):
        expect(prose(page)).to_have_text("Bob meanwhile. Written with a connection. Written without one.")
    saved(ada)
    expect(ada.locator("#offline-banner")).to_be_hidden()
    assert text_on_server(rest, document).count("Written without one.") == 1


def test_try_now_connects_at_once(document: str, open_page: Open, wire: Wire):
    page = open_page(document, port=wire.port)
    wire.cut()
    write(page, "Waiting")
    expect(page.locator("#offline-banner")).to_be_visible()
    wire.heal()
    page.click("#reconnect")
    saved(page)


def test_a_server_that_is_killed_while_somebody_types_loses_nothing(tmp_path: Path, browser: Browser):
    own = servers.embedded(tmp_path / "own")
    own.start()
    try:
        rest = Rest(own.url, own.manage("create_api_key", "demo@example.com", "northwind"))
        project = rest.post("projects/", {"workspace": "northwind", "name": "Killed"})["id"]
        document = rest.post("documents/", {"project": project, "title": "Plan"})["id"]
        context = browser.new_context(base_url=own.url)
        page = context.new_page()
        sign_in_as(page)
        page.goto(f"/documents/{document}/")
        expect(page.locator("#editor[data-ready]")).to_be_visible()
        words = [f"word{number}" for number in range(60)]
        for number, word in enumerate(words):
            write(page, f"{word} ") if number == 0 else page.keyboard.type(f"{word} ")
            if number in {15, 40}:
                own.kill()
            if number in {25, 50}:
                own.start()
        saved(page, 30_000)
        page.reload()
        expect(prose(page)).to_have_text(" ".join(words))
        assert text_on_server(rest, document).split() == words
        context.close()
    finally:
        own.kill()


# --- rights ---------------------------------------------------------------------------------------------------------
def test_a_role_that_is_taken_away_while_somebody_types_stops_the_editor_and_keeps_the_words(
    site: servers.Embedded, rest: Rest, open_page: Open, document: str
):
    join(site, "kim@example.com", "Kim")
    page = open_page(document, "kim@example.com")
    write(page, "Kim was here. ")
    saved(page)
    member = next(one for one in rest.get("members/?workspace=northwind")["results"] if "kim@" in str(one))
    rest.call("PATCH", f"members/{member['id']}/", {"role": "viewer"})
    expect(pill(page)).to_have_text("Read only")
    expect(prose(page)).to_have_attribute("contenteditable", "false")
    expect(page.locator("#toolbar")).to_be_hidden()
    expect(prose(page)).to_have_text("Kim was here.")
    rest.call("PATCH", f"members/{member['id']}/", {"role": "editor"})
    expect(prose(page)).to_have_attribute("contenteditable", "true")
    expect(page.locator("#toolbar")).to_be_visible()


def test_words_that_are_refused_are_offered_to_their_author(
    site: servers.Embedded, rest: Rest, open_page: Open, document: str, wire: Wire
):
    join(site, "lee@example.com", "Lee")
    page = open_page(document, "lee@example.com", port=wire.port)
    write(page, "Saved in time.")
    saved(page)
    wire.cut()
    page.keyboard.press("Enter")
    page.keyboard.type("Too late, 悟空.")
    member = next(one for one in rest.get("members/?workspace=northwind")["results"] if "lee@" in str(one))
    rest.call("PATCH", f"members/{member['id']}/", {"role": "viewer"})
    wire.heal()
    expect(page.locator(".refused-words")).to_have_text("Too late, 悟空.")
    expect(prose(page)).to_have_text("Saved in time.")
    expect(pill(page)).to_have_text("Read only")
    page.reload()
    expect(page.locator(".refused-words")).to_have_text("Too late, 悟空.")
    page.get_by_role("button", name="Throw away").click()
    page.reload()
    expect(prose(page)).to_have_text("Saved in time.")
    expect(page.locator(".refused")).to_have_count(0)


def test_signing_out_in_another_tab_ends_the_editor_and_offers_to_come_back(
    site: servers.Embedded, document: str, open_page: Open
):
    join(site, "joe@example.com", "Joe")
    page = open_page(document, "joe@example.com")
    other = page.context.new_page()
    other.goto("/accounts/logout/")
    other.click("main button[type=submit]")
    expect(page.get_by_role("button", name="Sign in again")).to_be_visible()
    expect(page.locator("#offline-text")).to_contain_text("You signed out of this browser")
    expect(prose(page)).to_have_attribute("contenteditable", "false")
