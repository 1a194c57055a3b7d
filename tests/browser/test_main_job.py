"""The main job as a business user does it: a project, a brief, a plan and its price, a swarm that writes beside you."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests import servers
from tests.browser.document import prose, saved, text_on_server
from tests.browser.window import Console, sign_in_as
from tests.rest import BRIEF, Rest

pytestmark = pytest.mark.browser

OWN_WORDS = [f"mine{number}." for number in range(1, 25)]


def do_the_main_job(page: Page, site: servers.Embedded, rest: Rest, model: str, seconds: float) -> dict[str, object]:
    """Go from an empty project to a finished document, typing while agents write; returns what was seen."""
    before = nano(rest.get("billing/balance/?workspace=northwind")["balance"]["amount"])
    page.goto("/w/northwind/projects/new/")
    page.get_by_label("Name").fill("Morning Ridge")
    page.get_by_role("button", name="Create the project").click()
    page.get_by_role("link", name="New run").first.click()
    page.get_by_role("radio", name=re.compile("Campaign")).check(force=True)
    page.get_by_role("button", name="Continue").click()
    page.locator("#goal").fill(BRIEF)
    page.locator("#model").select_option(model)
    page.get_by_role("button", name="Make the plan").click()
    start = page.get_by_role("button", name=re.compile("Start, at most"))
    expect(start).to_be_enabled(timeout=seconds * 1000)
    expect(page.locator("ol.plan li")).not_to_have_count(0)
    start.click()
    page.wait_for_url(re.compile("/documents/"))
    document = page.url.rstrip("/").rpartition("/")[2]
    expect(page.locator("[data-ready] .prose")).to_be_visible()  # not the copy that is read until the editor is there
    most = 0
    prose(page).press("Control+End")
    page.keyboard.press("Enter")
    for word in OWN_WORDS:
        page.keyboard.type(f"{word} ", delay=30)
        most = max(most, page.locator(".agent .wave").count())
    saved(page)
    run = rest.get(f"runs/?project={rest.get(f'documents/{document}/')['project']}")["results"][0]["id"]
    ended = rest.wait_run(run, seconds=seconds)
    text = text_on_server(rest, document)
    after = nano(rest.get("billing/balance/?workspace=northwind")["balance"]["amount"])
    return {
        "state": ended["state"],
        "most_at_once": most,
        "lost": [word for word in OWN_WORDS if text.count(word) != 1],
        "text": text,
        "fell": before - after,
        "cost": nano(ended["cost"]["amount"]),
        "books": site.manage("books").splitlines()[-1],
    }


def nano(amount: str) -> int:
    whole, _, rest = amount.partition(".")
    return int(whole) * 10**9 + int(rest.ljust(9, "0"))


def test_a_brief_becomes_a_document_while_its_owner_types(
    page: Page, console: Console, site: servers.Embedded, rest: Rest
) -> None:
    sign_in_as(page, "demo@example.com")
    seen = do_the_main_job(page, site, rest, "scripted", seconds=60)

    assert seen["state"] == "done"
    assert seen["most_at_once"] >= 3
    assert seen["lost"] == []
    assert seen["fell"] == seen["cost"] > 0
    assert seen["books"] == "difference 0 nano"
