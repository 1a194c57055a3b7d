"""What people do in a document's page, for the tests of it."""

from playwright.sync_api import Locator, Page, expect

from tests import servers
from tests.rest import Rest


def join(site: servers.Embedded, email: str, name: str) -> None:
    """Add an editor to the workspace."""
    site.manage("create_user", email, "--password", servers.PASSWORD, "--name", name)
    site.manage("add_member", "northwind", email, "editor")


def prose(page: Page) -> Locator:
    return page.locator(".prose")


def pill(page: Page) -> Locator:
    return page.locator("#save-state")


def saved(page: Page, timeout: float = 5_000) -> None:
    """Wait until the server has acknowledged everything."""
    expect(pill(page)).to_have_attribute("data-state", "saved", timeout=timeout)
    expect(pill(page)).to_have_text("Saved")


def text_on_server(rest: Rest, document: str) -> str:
    return str(rest.get(f"documents/{document}/content/?format=markdown"))


def write(page: Page, words: str, *, delay: float = 0) -> None:
    prose(page).press("Control+End")
    page.keyboard.type(words, delay=delay)


def reconnect(page: Page) -> None:
    """Press the banner's button; it is gone when the page was quicker to come back by itself."""
    page.locator("#reconnect").dispatch_event("click")
