"""What is wrong with how a page looks: what is too wide, and what axe-core finds, at each width and in both themes."""

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page

from tests import machine

DESK, TABLET, PHONE = (1440, 900), (1024, 768), (390, 844)
WIDTHS = (DESK, TABLET, PHONE)


def use_theme(page: Page, theme: str) -> None:
    page.evaluate("theme => { localStorage.setItem('theme', theme); dispatchEvent(new Event('theme')) }", theme)


def violations(page: Page) -> list[Any]:
    """Return what axe-core finds, as rule and places; where it is not installed, the test skips."""
    if not machine.AXE.exists():
        machine.go_without("browser", f"no axe-core at {machine.AXE}: npm ci in frontend/")
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(machine.AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        (
            one["id"],
            [f"{node['target'][0]}: {node['any'][0]['message'] if node['any'] else ''}" for node in one["nodes"]],
        )
        for one in found
    ]


def looked_at(
    page: Page,
    *,
    widths: Sequence[tuple[int, int]] = WIDTHS,
    themes: Sequence[str] = ("light", "dark"),
    within: str = "",
    may_overflow: bool = False,
) -> dict[str, object]:
    """Return what is wrong with the page as it is, by width and theme; it is left as wide as a desk.

    `within` selects parts that nothing may overflow, besides the page.
    """
    page.emulate_media(reduced_motion="reduce")  # colours on their way from one theme to the other are no colours
    found: dict[str, object] = {}
    for width, height in widths:
        page.set_viewport_size({"width": width, "height": height})
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0 and not may_overflow:
            found[f"overflow at {width}"] = over
        if within and (inside := page.locator(within).evaluate_all(_TOO_WIDE)):
            found[f"overflow within at {width}"] = inside
        for theme in themes:
            use_theme(page, theme)
            if broken := violations(page):
                found[f"{width} {theme}"] = broken
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    return found


_TOO_WIDE = "all => all.map(one => one.scrollWidth - one.clientWidth).filter(over => over > 0)"
