"""From a price list to what a customer reads: an operator approves it, the prices page tells it, to everyone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, StorageState, expect

from tests import servers
from tests.browser.looks import looked_at
from tests.browser.window import Console

pytestmark = pytest.mark.browser

MODEL = "claude-sonnet-4-5"


@pytest.fixture
def priced(
    site: servers.Embedded,
    window: Callable[..., BrowserContext],
    signed_in: Callable[[str], StorageState],
) -> Page:
    """The prices page after an operator has approved a list with two tiers in the console."""
    site.manage("sync_prices", "--provider", "anthropic", "--model", MODEL)  # proposes nothing twice
    page = window(storage_state=signed_in("demo@example.com")).new_page()
    page.goto("/console/billing/priceproposal/?state=proposed")
    if page.get_by_role("link", name=MODEL).count():  # the first of these tests
        expect(page.get_by_text("output from 200,001 tokens in: new → 22.50")).to_be_visible()
        page.locator("input.action-select").first.check()
        page.locator("select[name=action]").select_option("approve")
        page.get_by_role("button", name="Go").or_(page.get_by_role("button", name="Run")).first.click()
        expect(page.get_by_text(f"Published: {MODEL} USD.")).to_be_visible()
    page.goto("/w/northwind/prices/")
    return page


def panel(page: Page) -> Locator:
    return page.locator("section.panel", has=page.get_by_role("heading", name=MODEL, exact=True))


def test_what_an_operator_approves_is_what_customers_read(priced: Page):
    console = Console(priced)
    priced.reload()
    rows = panel(priced).locator(".price-table tr").all_inner_texts()

    assert [" ".join(row.split()) for row in rows] == [
        "Kind Up to 200,000 tokens in Over 200,000",
        "Input 3.00 6.00",
        "Cached input 0.30 0.60",
        "Written to the cache 3.75 7.50",
        "Output 15.00 22.50",
        "Reasoning 15.00 22.50",
    ]
    assert console.errors == []


def test_tiers_and_versions_are_readable_for_everyone(priced: Page):
    for summary in priced.locator(".versions summary").all():
        summary.click()

    assert looked_at(priced) == {}


def test_sections_and_versions_are_reached_with_the_keyboard(priced: Page):
    tab = priced.locator(".tabs:visible .tab", has_text="Prices")
    expect(tab).to_have_attribute("aria-current", "page")
    summary = panel(priced).locator("summary")
    for _key in range(60):
        priced.keyboard.press("Tab")
        if summary.evaluate("element => element === document.activeElement"):
            break
    priced.keyboard.press("Enter")
    expect(panel(priced).get_by_text("The first price.")).to_be_visible()

    priced.locator(".tabs:visible .tab", has_text="Usage").focus()
    priced.keyboard.press("Enter")
    priced.wait_for_url("**/w/northwind/usage/")
    priced.set_viewport_size({"width": 390, "height": 844})
    priced.locator(".tabs:visible .tab", has_text="Prices").click()
    priced.wait_for_url("**/w/northwind/prices/")
