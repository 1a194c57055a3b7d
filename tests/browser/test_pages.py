"""Every page, in both themes, on a desk and on a phone: readable for everyone, nothing overflows, a quiet console."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, StorageState, expect

from tests import servers
from tests.browser.looks import DESK, PHONE, TABLET, looked_at
from tests.browser.scene import Scene, build
from tests.browser.tour import NOBODY, Stop, stops
from tests.browser.window import Console

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Arrive = Callable[..., tuple[Page, Stop]]
NAMES = [stop.name for stop in stops(Scene())]
# Django's own console is a tool for operators at a desk.
IS_WIDE = ("console-",)


@pytest.fixture(scope="module")
def scene(site: servers.Embedded) -> Scene:
    return build(site)


@pytest.fixture(scope="module")
def sessions() -> dict[str, StorageState]:
    return {}


@pytest.fixture
def arrive(
    window: Callable[..., BrowserContext],
    sign_in: Callable[..., None],
    sessions: dict[str, StorageState],
    scene: Scene,
) -> Iterator[Arrive]:
    """Return a function that goes to a stop of the tour as its person, once signed in, and does what is done there."""
    consoles: list[Console] = []

    def go(name: str, *, may_be_refused: bool = False) -> tuple[Page, Stop]:
        stop = next(stop for stop in stops(scene) if stop.name == name)
        if stop.who != NOBODY and stop.who not in sessions:
            context = window()
            sign_in(context.new_page(), stop.who)
            sessions[stop.who] = context.storage_state()
        page = window(storage_state=sessions.get(stop.who)).new_page()
        console = Console(page)
        consoles.append(console)
        if stop.status >= 400 or stop.act is not None or may_be_refused:
            console.allow("the server responded with a status of 4")  # the answer is what is tested
        answer = page.goto(stop.path)
        assert answer is not None
        assert answer.status == stop.status
        assert_strict_policy(answer.headers)
        if stop.act is not None:
            stop.act(page)
        page.wait_for_timeout(300)  # fragments that a page loads once it is there
        return page, stop

    yield go
    assert [error for console in consoles for error in console.errors] == []


def assert_strict_policy(headers: dict[str, str]) -> None:
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_readable_for_everyone_and_nothing_overflows(name: str, arrive: Arrive):
    page, _stop = arrive(name)

    is_wide = name.startswith(IS_WIDE)
    assert looked_at(page, widths=(TABLET,), themes=(), may_overflow=is_wide) == {}
    assert looked_at(page, widths=(DESK, PHONE), may_overflow=is_wide) == {}


def test_a_theme_is_remembered_and_set_before_the_first_paint(arrive: Arrive):
    page, _stop = arrive("home")
    chosen = []
    for _press in range(3):
        page.get_by_role("main").locator("[data-action=theme]").click()
        chosen.append(
            (page.evaluate("localStorage.getItem('theme')"), page.evaluate("document.documentElement.dataset.theme"))
        )

    assert [theme for theme, _shown in chosen] == ["light", "dark", "system"]
    assert chosen[1][1] == "dark"
    page.evaluate("localStorage.setItem('theme', 'dark')")
    page.reload(wait_until="commit")
    page.wait_for_selector("body", state="attached")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_every_button_of_a_page_is_reached_with_the_keyboard(arrive: Arrive):
    page, _stop = arrive("project")
    wanted = page.evaluate(
        "[...document.querySelectorAll('a[href], button')].filter(e => e.checkVisibility() && !e.disabled).length"
    )
    reached = set()
    for _key in range(wanted + 4):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("[...document.querySelectorAll('a[href], button')].indexOf(document.activeElement)"))

    assert len(reached - {-1}) >= wanted


def test_a_menu_opens_closes_and_is_walked_with_the_keyboard(arrive: Arrive):
    page, _stop = arrive("home")
    brand = page.locator(".brand")
    brand.focus()
    page.keyboard.press("Enter")
    page.locator("#workspace-menu:popover-open").wait_for()
    first = page.evaluate("document.activeElement.textContent.trim()")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.textContent.trim()")
    page.keyboard.press("Escape")

    assert first != second
    assert page.locator("#workspace-menu:popover-open").count() == 0
    assert page.evaluate("document.activeElement.className") == "brand"


def test_a_question_is_asked_before_something_is_removed(arrive: Arrive):
    page, _stop = arrive("settings-members")
    rows = page.locator("table.people tbody tr").count()
    page.get_by_role("button", name="Remove").first.click()
    dialog = page.get_by_role("alertdialog")
    assert "Remove" in dialog.inner_text()
    dialog.get_by_role("button", name="Cancel").click()

    assert page.get_by_role("alertdialog").count() == 0
    assert page.locator("table.people tbody tr").count() == rows


def test_the_phone_shows_the_document_or_the_swarm(arrive: Arrive):
    page, _stop = arrive("document")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("#swarm")).to_be_hidden()
    page.locator(".tabbar").get_by_text("Swarm").click()
    expect(page.locator("#swarm")).to_be_visible()
    page.locator(".tabbar").get_by_text("Document").click()
    expect(page.locator("#swarm")).to_be_hidden()


def test_on_a_phone_the_list_of_runs_shows_whole_names(arrive: Arrive):
    page, _stop = arrive("runs")
    page.set_viewport_size({"width": 390, "height": 844})
    names = page.locator(".runs .doc-link b")

    assert names.count() > 2
    assert names.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).length") == 0
    assert names.evaluate_all("all => Math.min(...all.map(one => one.closest('td').clientWidth))") > 300


def test_on_a_phone_the_sections_are_one_line_with_the_open_one_in_view(arrive: Arrive):
    page, _stop = arrive("usage")
    page.set_viewport_size({"width": 390, "height": 844})
    sections = page.locator(".tabs:visible")
    sections.get_by_text("Limits").click()
    page.wait_for_url("**/limits/")

    for name in ("Waste", "Usage"):
        sections.get_by_text(name).focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/{name.lower()}/")
        tabs = sections.locator(".tab")
        assert tabs.evaluate_all("all => new Set(all.map(one => one.offsetTop)).size") == 1
        expect(sections.locator("[aria-current]")).to_have_text(name)
        expect(sections.locator("[aria-current]")).to_be_in_viewport(ratio=1)
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_spend_and_words_move_without_a_reload(arrive: Arrive, scene: Scene):
    assert scene.rest is not None
    run = scene.rest.post(
        "runs/", {"project": scene.project, "template": "campaign", "goal": "Launch a tea.", "model": "scripted:slow"}
    )
    scene.rest.wait_run(run["id"], {"running", "done"}, seconds=120)
    page, _stop = arrive("home")
    page.goto(f"/runs/{run['id']}/")
    spent = page.locator("[data-spend]").first
    before = spent.inner_text()
    page.wait_for_function("before => document.querySelector('[data-spend]').textContent !== before", arg=before)
    scene.rest.post(f"runs/{run['id']}/stop/")
    page.get_by_text("Stopped", exact=True).first.wait_for()
    final = scene.rest.wait_run(run["id"])["cost"]["amount"]

    page.wait_for_function(
        "cost => Math.abs(parseFloat(document.querySelector('[data-spend]').textContent.slice(2)) - cost) < 0.0006",
        arg=float(final),
    )


def test_signed_out_in_another_tab_a_button_says_so(arrive: Arrive, sessions: dict[str, Any]):
    page, _stop = arrive("run-paused", may_be_refused=True)
    page.context.clear_cookies()
    page.get_by_role("button", name="Stop").click()
    toast = page.locator(".toast")
    toast.wait_for()

    assert "sign in" in toast.inner_text().lower() or "load" in toast.inner_text().lower()


def test_the_first_load_of_a_document_is_light(arrive: Arrive):
    page, stop = arrive("document-notes")
    page.context.new_cdp_session(page).send("Network.clearBrowserCache")
    heavy: dict[str, int] = {}
    page.on("response", lambda answer: heavy.update({answer.url: _weight(answer)}))
    page.goto(stop.path, wait_until="networkidle")
    counted = {url: size for url, size in heavy.items() if "/fonts/" not in url}

    assert sum(counted.values()) <= 300_000, sorted(counted.items(), key=lambda item: -item[1])[:8]


def _weight(answer: Any) -> int:
    return int(answer.headers.get("content-length", 0))
