"""A real run on screen: what its sentences cost, the run, the ledger and the statement say the same, to the nano."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from tests import servers
from tests.browser.document import prose, saved
from tests.browser.looks import looked_at
from tests.browser.test_main_job import do_the_main_job, nano
from tests.browser.window import Console, sign_in_as
from tests.rest import Rest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def bill_on_screen(page: Page, run: str) -> dict[str, int]:
    """Return the sums of the page, in nano-units; Σ of its sentences as `each`."""
    page.goto(f"/runs/{run}/bill/")
    sums = {
        str(cell.get_attribute("data-sum")): nano(cell.inner_text().strip())
        for cell in page.locator("[data-sum]").all()
    }
    return sums | {"each": sum(nano(text.strip()) for text in page.locator("[data-cost]").all_inner_texts())}


def ledger_on_screen(page: Page, run: str) -> int:
    """Return what the ledger's page has charged for a run, page by page."""
    page.goto(f"/w/northwind/ledger/?run={run}")
    charged = 0
    while True:
        for text in page.locator("table.entries tbody tr td:nth-child(4)").all_inner_texts():
            charged -= nano(text.strip()[1:]) * (-1 if text.strip()[0] in "-−" else 1)
        if not page.locator('a[rel="next"]').count():
            return charged
        page.locator('a[rel="next"]').click()


def statement_on_screen(page: Page, run: str) -> int:
    """Return the parts of a run in all lines of the statement that is still running."""
    month, found = f"{datetime.now(UTC):%Y-%m}", 0
    page.goto(f"/w/northwind/statements/{month}/")
    lines = page.locator('.tariff a[href*="/lines/"]').evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert lines
    for line in lines:
        page.goto(line)
        row = page.locator("tr", has=page.locator(f'a[href="?run={run}"]'))
        if row.count():
            found += nano(row.locator("td").last.inner_text().strip())
    return found


def test_sentences_run_ledger_and_statement_are_one_sum(
    page: Page, console: Console, site: servers.Embedded, rest: Rest
) -> None:
    sign_in_as(page, "demo@example.com")
    seen = do_the_main_job(page, site, rest, "scripted", seconds=60)
    assert seen["state"] == "done"
    document = page.url.rstrip("/").rpartition("/")[2]
    run = next(one for one in rest.get("runs/?workspace=northwind")["results"] if document in one["documents"])["id"]

    before = bill_on_screen(page, run)
    assert before["each"] == before["sentences"] > 0
    assert before["sentences"] + before["rejected"] + before["overhead"] == before["sum"] == seen["cost"]
    expect(page.get_by_text("difference 0.")).to_be_visible()
    assert ledger_on_screen(page, run) == seen["cost"]
    assert statement_on_screen(page, run) == seen["cost"]

    page.goto(f"/documents/{document}/")
    expect(prose(page)).to_be_visible()
    paragraph = prose(page).locator("> p").filter(has_text=".").first
    paragraph.click(click_count=3)
    page.keyboard.press("Delete")
    saved(page)
    after = bill_on_screen(page, run)
    assert after["sum"] == after["sentences"] + after["rejected"] + after["overhead"] == seen["cost"]
    assert after["rejected"] > before["rejected"]
    assert after["overhead"] == before["overhead"]

    assert looked_at(page) == {}
    assert site.manage("books").splitlines()[-1] == "difference 0 nano"
