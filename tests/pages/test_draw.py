"""The drawing vocabulary: icons that exist, numbers that people read, sentences for scripts, styles that stay small."""

import gzip
import re
from pathlib import Path

import pytest
from django.template import Context, Template

from wukong.templatetags import ui
from wukong.templatetags.strings import BROWSER_STRINGS

ROOT = Path(__file__).parents[2]
SPRITE = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static/icons/icons.svg").read_text()))
CSS = sorted((ROOT / "static/css").glob("*.css"))
SCRIPTS = {path: path.read_text() for path in (ROOT / "frontend/src").rglob("*.ts")}


def test_every_icon_that_is_used_is_in_the_sprite():
    used: set[str] = set()
    for path in (ROOT / "templates").rglob("*.html"):
        used |= set(re.findall(r'{% icon "([\w-]+)"', path.read_text()))
    for folder in ("agents", "billing", "workspaces", "wukong"):
        for path in [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.json")]:
            used |= set(re.findall(r'icon(?:"?: |=)"([\w-]+)"', path.read_text()))
    for text in SCRIPTS.values():
        used |= set(re.findall(r'icon(?:\(|: )"([\w-]+)"', text))

    assert len(used) > 40
    assert used - SPRITE == set()


def test_every_sentence_of_a_script_is_known_and_none_is_left_over():
    said = "\n".join(SCRIPTS.values())
    literal = set(re.findall(r'\bt\(\s*"([\w.]+)"', said))
    stems = set(re.findall(r"\bt\(`([\w.]+)\$\{", said))
    quoted = set(re.findall(r'["`]([a-z]+\.[\w.]+)["`]', said))
    unused = {
        key
        for key in BROWSER_STRINGS
        if key not in literal | quoted
        and not any(key.startswith(stem) for stem in stems)
        and key.rstrip("s") not in quoted
    }

    assert literal - set(BROWSER_STRINGS) == set()
    assert unused == set()


def test_sentences_are_put_into_the_page_as_data():
    html = Template("{% load ui %}{% browser_strings %}").render(Context())

    assert html.startswith('<script id="strings" type="application/json">{')
    assert "</script" not in html[:-9]


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$ 0.00"),
        (12_345_678_901, "$ 12.35"),
        (4_200_000, "$ 0.0042"),
        (1, "$ 0.000000"),
        (-2_500_000_000, "$ −2.50"),
        (1_234_567_000_000_000, "$ 1,234,567.00"),
        (None, "–"),
    ],
)
def test_money_shows_cents_and_more_below_a_cent(nano, text):
    assert ui.money(nano) == text


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$ 0.00"),
        (12_500_000, "$ 0.0125"),
        (7_123_456_789, "$ 7.123456789"),
        (1_234_500_000_000, "$ 1,234.50"),
        (-2_500_000_000, "$ −2.50"),
    ],
)
def test_what_was_set_is_not_rounded(nano, text):
    assert ui.exactly(nano) == text


@pytest.mark.parametrize(
    ("count", "text"), [(812, "812"), (9_999, "9,999"), (34_120, "34.1 k"), (5_230_000, "5.2 M"), (None, "–")]
)
def test_tokens_are_short(count, text):
    assert ui.tokens(count) == text


@pytest.mark.parametrize(("numbers", "text"), [([], ""), ([3], "3"), ([1, 2], "1, 2"), ([1, 4, 5, 6, 7], "1, 4–7")])
def test_neighbours_are_joined(numbers, text):
    assert ui.ranges(numbers) == text


def test_dials_have_six_digits_and_the_last_is_red():
    html = ui.dials(20_207)

    assert re.sub(r"<[^>]+>", "", html) == "020207tokens"
    assert '<b class="last">7</b>' in html
    assert 'aria-label="20,207 tokens"' in html


def test_shares_of_a_bar_fill_their_limit_and_no_more():
    widths = [float(width) for width in re.findall(r' width="([\d.]+)"', ui.split([("teal", 30), ("blue", 20)], 100))]

    assert len(widths) == 2
    assert 480 < sum(widths) <= 500


def test_every_class_of_a_template_has_a_style():
    styles = "\n".join(path.read_text() for path in CSS)
    known = set(re.findall(r"\.([a-z][\w-]*)", styles))
    hooks = {"only-mobile", "not-mobile", "field-label", "page", "truncate", "fixed", "prose"}
    missing: dict[str, set[str]] = {}
    for path in (ROOT / "templates").rglob("*.html"):
        if "admin" in path.parts:
            continue
        for value in re.findall(r'class="([^"]*)"', path.read_text()):
            names = re.sub(r"{%.*?%}|{{.*?}}", " ", value).split()
            if unknown := {name for name in names if not name.endswith("-")} - known - hooks:
                missing.setdefault(str(path.relative_to(ROOT)), set()).update(unknown)

    assert missing == {}


def test_style_sheets_are_layered_small_and_light():
    for path in CSS:
        text = path.read_text()
        assert len(text.splitlines()) <= 400, path.name
        assert "@layer" in text, path.name

    assert sum(len(gzip.compress(path.read_bytes())) for path in CSS) <= 30_000


def test_every_colour_of_a_style_sheet_is_a_token():
    found = {}
    for path in CSS:
        if path.name == "tokens.css":
            continue
        declared = re.findall(r"(?:color|background|fill|stroke|border-color): (#[0-9a-f]{3,8})", path.read_text())
        if extra := [colour for colour in declared if colour != "#fff"]:
            found[path.name] = extra

    assert set(found) - {"usage.css"} == set()  # the dials are bakelite in either theme


def test_fonts_and_icons_have_their_licences_beside_them():
    fonts = {path.name.split("-")[0] for path in (ROOT / "static/fonts").glob("*.woff2")}
    licences = "".join(path.name.lower() for path in (ROOT / "static/fonts").glob("LICENSE*"))

    assert fonts == {"geist", "inter"}
    assert all(font in licences for font in fonts)
    assert "ISC" in (ROOT / "static/icons/LICENSE-Lucide.txt").read_text()
