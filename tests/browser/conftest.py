"""One embedded server and one Chromium for all browser tests; each test has its own context; its console is read."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright

from tests import machine, servers
from tests.browser.document import join
from tests.browser.window import CHROMIUM_ARGS, Console, sign_in_as
from tests.browser.wire import Wire
from tests.rest import Rest


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Embedded]:
    """A running embedded server with demo@example.com, the workspace northwind and the scripted model."""
    running = servers.embedded(tmp_path_factory.mktemp("site"))
    try:
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if why := machine.missing("browser"):
        pytest.skip(why)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=machine.CHROMIUM, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def window(browser: Browser, site: servers.Embedded) -> Iterator[Callable[..., BrowserContext]]:
    """Return a function that opens a browser context on the site; all of them are closed in the end."""
    opened: list[BrowserContext] = []

    def make(width: int = 1440, height: int = 900, **options: object) -> BrowserContext:
        context = browser.new_context(
            base_url=site.url, viewport={"width": width, "height": height}, reduced_motion="reduce", **options
        )
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()


@pytest.fixture
def sign_in() -> Callable[..., None]:
    """Return `sign_in(page, email)`; the demo person by default."""
    return sign_in_as


@pytest.fixture
def page(window: Callable[..., BrowserContext]) -> Page:
    return window().new_page()


@pytest.fixture
def console(page: Page) -> Iterator[Console]:
    """What the page says on its console; anything unexpected fails the test when it ends."""
    heard = Console(page)
    yield heard
    assert heard.errors == []


# --- documents -----------------------------------------------------------------------------------------------------
@pytest.fixture(scope="package")
def rest(site: servers.Embedded) -> Rest:
    join(site, "bob@example.com", "Bob Osei")
    return Rest(site.url, site.manage("create_api_key", "demo@example.com", "northwind"))


@pytest.fixture
def document(rest: Rest) -> str:
    project = rest.post("projects/", {"workspace": "northwind", "name": "Tea launch"})["id"]
    return str(rest.post("documents/", {"project": project, "title": "Plan"})["id"])


@pytest.fixture(scope="package")
def signed_in(browser: Browser, site: servers.Embedded) -> Callable[[str], StorageState]:
    """Return a function that gives somebody's cookies; each signs in once, sign-ins are limited."""
    known: dict[str, StorageState] = {}

    def of(email: str) -> StorageState:
        if email not in known:
            context = browser.new_context(base_url=site.url)
            sign_in_as(context.new_page(), email)
            known[email] = context.storage_state()
            context.close()
        return known[email]

    return of


@pytest.fixture
def open_page(
    browser: Browser, site: servers.Embedded, signed_in: Callable[[str], StorageState], wire: Wire
) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a document in a browser of its own; in the end no console has said anything bad.

    The wire is there before it, so that it stays until the last page has gone.
    """
    contexts: list[BrowserContext] = []
    consoles: list[Console] = []

    def open_it(
        document: str,
        email: str = "demo@example.com",
        *,
        port: int = 0,
        width: int = 1440,
        height: int = 900,
        waits: bool = True,
        allows: str = "",
    ) -> Page:
        context = browser.new_context(
            base_url=f"http://127.0.0.1:{port or site.port}",
            viewport={"width": width, "height": height},
            storage_state=signed_in(email),
        )
        contexts.append(context)
        page = context.new_page()
        consoles.append(Console(page))
        if port:
            consoles[-1].allow("WebSocket connection")  # a blocked socket is told by the browser itself
        if allows:
            consoles[-1].allow(allows)
        page.goto(f"/documents/{document}/")
        if waits:
            expect(page.locator("#editor[data-ready]")).to_be_visible()
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert [error for console in consoles for error in console.errors] == []


@pytest.fixture
def wire(site: servers.Embedded) -> Iterator[Wire]:
    made = Wire(site.port)
    yield made
    made.close()
