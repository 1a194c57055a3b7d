"""A limit that a person sets stops a run, says so on every page that is open, and lets it go on once it is raised."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, StorageState, expect

from tests import servers
from tests.browser.scene import REPORT
from tests.browser.window import Console
from tests.rest import Rest

pytestmark = pytest.mark.browser


def put(page: Page, amount: str) -> None:
    """Set the limit of the whole workspace through the dialog."""
    page.get_by_role("button", name="Set a limit").click()
    page.get_by_label("At most").fill(amount)
    page.get_by_role("button", name="Set the limit").click()
    expect(page.get_by_text("The limit is set.")).to_be_visible()


def test_a_limit_stops_a_run_and_raising_it_lets_it_go_on(
    site: servers.Embedded,
    window: Callable[..., BrowserContext],
    signed_in: Callable[[str], StorageState],
    rest: Rest,
):
    page = window(storage_state=signed_in("demo@example.com")).new_page()
    console = Console(page)
    page.goto("/w/northwind/limits/")
    expect(page.get_by_text("There is no limit yet")).to_be_visible()
    put(page, "0.01")

    run = rest.start_run(goal=REPORT, template="report")["id"]

    expect(page.locator(".toast")).to_contain_text("% of the workspace's limit are used.", timeout=60_000)
    expect(page.locator(".told li").first).to_contain_text("of the limit are used", timeout=10_000)
    assert rest.wait_run(run, {"paused", "done", "failed"})["pause_reason"] == "budget"
    page.goto(f"/runs/{run}/")
    page.get_by_role("link", name="Look at the limits").click()
    page.wait_for_url("**/w/northwind/limits/")
    put(page, "10")

    assert rest.wait_run(run)["state"] == "done"
    page.get_by_role("button", name="Remove").click()
    page.locator("dialog[open]").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The limit is removed.")).to_be_visible()
    expect(page.get_by_text("There is no limit yet")).to_be_visible()
    assert console.errors == []
