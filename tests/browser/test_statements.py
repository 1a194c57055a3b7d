"""Statements in a browser: readable for everyone in both themes and on a phone, and a sheet of paper when printed."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests import servers
from tests.browser.looks import looked_at, use_theme
from tests.browser.statements import furnish
from tests.browser.window import Console, sign_in_as

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Open = Callable[[str], Page]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[servers.Embedded, str]]:
    """A site of its own with two issued statements, and the month of the later one."""
    running = servers.embedded(tmp_path_factory.mktemp("past") / "data")
    try:
        month = furnish(running)
        running.start()
        yield running, month
    finally:
        running.kill()


@pytest.fixture(scope="module")
def page(browser: Browser, past: tuple[servers.Embedded, str]) -> Iterator[Page]:
    site, _month = past
    context = browser.new_context(base_url=site.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    console = Console(page)
    sign_in_as(page)
    yield page
    context.close()
    assert console.errors == []


PATHS = {
    "list": "/w/northwind/statements/",
    "month": "/w/northwind/statements/{month}/",
    "line": "/w/northwind/statements/{month}/lines/1/",
    "calls": "/w/northwind/statements/{month}/lines/4/?run=none",
}


@pytest.mark.parametrize("name", PATHS)
def test_it_is_readable_for_everyone_and_nothing_overflows(name: str, page: Page, past: tuple[servers.Embedded, str]):
    answer = page.goto(PATHS[name].format(month=past[1]))
    assert answer is not None
    assert answer.status == 200
    page.wait_for_timeout(200)  # the balance in the top bar

    assert looked_at(page, within=".bill, .page") == {}


def test_on_paper_it_is_the_sheet_alone(page: Page, past: tuple[servers.Embedded, str]):
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(PATHS["month"].format(month=past[1]))
    use_theme(page, "dark")
    page.emulate_media(media="print")
    try:
        seen = page.evaluate(
            "['.bill', '.tariff', '.sidebar', '.topbar', '.tabbar']"
            ".filter(s => document.querySelector(s).checkVisibility())"
        )
        colours = page.evaluate(
            "['.bill', '.bill .dials b'].map(s => getComputedStyle(document.querySelector(s)))"
            ".map(s => [s.color, s.boxShadow])"
        )
        made = page.pdf(prefer_css_page_size=True)
    finally:
        page.emulate_media(media="screen")

    assert seen == [".bill", ".tariff"]
    assert colours[0] == ["rgb(26, 25, 21)", "none"]  # dark ink, whatever the theme
    assert colours[1][0] == "rgb(0, 0, 0)"
    assert made.count(b"/Type /Page\n") == 1


def test_the_button_prints(page: Page, past: tuple[servers.Embedded, str]):
    page.goto(PATHS["month"].format(month=past[1]))
    page.evaluate("window.print = () => { document.body.dataset.printed = 'yes' }")
    page.get_by_role("button", name="Print").click()

    assert page.evaluate("document.body.dataset.printed") == "yes"


def test_a_line_leads_to_its_calls(page: Page, past: tuple[servers.Embedded, str]):
    page.goto(PATHS["list"])
    page.get_by_role("main").get_by_role("link").filter(has_text="20").nth(1).click()
    page.get_by_role("link", name="Input").first.click()
    page.get_by_role("link", name="Writer").first.click()

    assert page.get_by_text("Step 11: Writer").is_visible()
