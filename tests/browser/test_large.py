"""A document of 2,000 blocks: opening, typing, others' words meanwhile, jumping to its ends, on a desk and on a phone.

`pytest -s` prints the figures, the best of at most three rounds; a figure decides nothing here, machines are noisy.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.browser.document import prose, saved, text_on_server
from tests.rest import Rest

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
BLOCKS = 2_000
WORDS = "as many words as people write in one go "
MEDIAN_MS, P95_MS = 50, 100
SIZES = pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)], ids=["desk", "phone"])

# From the key's own time stamp to after the frame that shows it: the message comes behind the painting.
MEASURE = """() => {
    window.latencies = [];
    addEventListener("keydown", ({ timeStamp }) => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = () => window.latencies.push(performance.now() - timeStamp);
        channel.port2.postMessage(0);
    }), true);
}"""
WRITE_ALL_THE_TIME = """() => {
    let n = 0;
    window.writing = setInterval(() => document.execCommand("insertText", false, `word${n++} `), 60);
}"""


class Latency(NamedTuple):
    """Milliseconds from a key to its sign on the screen."""

    median: float
    p95: float


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Waiting is not measured: a busy machine may take longer to open the page."""
    expect.set_options(timeout=30_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def document(rest: Rest) -> str:
    def block(number: int) -> str:
        if number % 25 == 0:
            return f"## Section {number}"
        if number % 25 < 4:
            return f"- item {number} of a list"
        return f"Paragraph {number} with **bold** words and a [link](https://example.com), and it is two lines long."

    project = rest.post("projects/", {"workspace": "northwind", "name": "Large"})["id"]
    text = "\n\n".join(block(number) for number in range(BLOCKS))
    body = {"project": project, "title": "Large", "content": {"format": "markdown", "text": text}}
    return str(rest.post("documents/", body)["id"])


def type_a_round(page: Page) -> Latency:
    page.evaluate("window.latencies.length = 0")
    for letter in WORDS:
        page.keyboard.press("Space" if letter == " " else letter)
        page.wait_for_timeout(60)
    page.wait_for_function("n => window.latencies.length >= n", arg=len(WORDS))
    taken = sorted(float(one) for one in page.evaluate("window.latencies"))
    return Latency(taken[len(taken) // 2], taken[int(len(taken) * 0.95)])


def typing(page: Page, where: str) -> Latency:
    """Return the best of at most three rounds; stops when one is good enough."""
    best = Latency(1e9, 1e9)
    for _ in range(3):
        best = min(best, type_a_round(page), key=lambda one: one.p95)
        if best.median < MEDIAN_MS and best.p95 < P95_MS:
            break
    print(f"\n  {where}: median {best.median:.0f} ms, p95 {best.p95:.0f} ms", end="")
    return best


def place(page: Page, where: str) -> None:
    if where == "middle":
        block = prose(page).locator("> p").nth(BLOCKS // 3)
        block.scroll_into_view_if_needed()
        block.click()
    else:
        prose(page).press("Control+Home" if where == "start" else "Control+End")
    page.wait_for_timeout(500)


def caret_is_on_the_screen(page: Page) -> bool:
    return bool(
        page.evaluate("""() => {
            const { top, bottom } = getSelection().getRangeAt(0).getBoundingClientRect();
            const around = document.querySelector("#document").getBoundingClientRect();
            return top >= around.top - 1 && bottom <= around.bottom + 1;
        }""")
    )


@SIZES
def test_typing_is_quick_wherever_the_caret_is(document: str, open_page: Open, width: int, height: int):
    page = open_page(document, width=width, height=height)
    page.evaluate(MEASURE)
    for where in ("start", "middle", "end"):
        place(page, where)
        typing(page, f"{width} px, {where}")
    saved(page)


def test_typing_stays_quick_while_others_write(rest: Rest, document: str, open_page: Open):
    ada, bob = open_page(document), open_page(document, "bob@example.com")
    ada.evaluate(MEASURE)
    place(bob, "end")
    place(ada, "start")
    bob.evaluate(WRITE_ALL_THE_TIME)
    typing(ada, "while somebody writes 16 words a second")
    bob.evaluate("clearInterval(window.writing)")
    saved(ada)
    saved(bob)
    text = text_on_server(rest, document)
    assert WORDS.strip() in text
    assert "word0 word1 word2" in text


@SIZES
def test_it_opens_soon_and_its_ends_are_reached(document: str, open_page: Open, width: int, height: int):
    page = open_page(document, width=width, height=height)
    page.reload(wait_until="commit")
    page.wait_for_selector("#editor[data-ready]")
    opened = page.evaluate("performance.now()")
    print(f"\n  {width} px: opened in {opened:.0f} ms", end="")
    for keys in ("Control+End", "Control+Home", "Control+End"):
        prose(page).press(keys)
        page.wait_for_timeout(600)
        assert caret_is_on_the_screen(page)
    page.keyboard.type(" The very end.")
    assert caret_is_on_the_screen(page)
    expect(prose(page).locator("> :last-child")).to_have_text(re.compile(r" The very end\.$"))
    page.keyboard.press("Control+Shift+Home")
    everything = page.evaluate("getSelection().toString()")
    assert "Section 0" in everything
    assert everything.endswith("The very end.")
    page.keyboard.press("Control+z")
    saved(page)


def test_what_is_not_on_the_screen_is_not_drawn_and_nothing_beside_a_block_is_cut_off(document: str, open_page: Open):
    page = open_page(document)
    look = page.evaluate("""() => {
        const { contentVisibility, overflowClipMargin } = getComputedStyle(document.querySelector(".prose > p"));
        return [contentVisibility, parseFloat(overflowClipMargin)];
    }""")
    assert look[0] == "auto"
    assert look[1] >= 64  # stripes in the margin, the handle's tint, names of carets above the first line
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('.prose > p')).contentVisibility") == "visible"
