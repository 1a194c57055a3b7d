"""Templates speak through gettext, carry no inline style or script, and stay small."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent / "templates"
TEMPLATES = sorted(ROOT.rglob("*.html"))
_TRANSLATED = re.compile(r"{%\s*blocktranslate.*?%}.*?{%\s*endblocktranslate\s*%}", re.DOTALL)
_QUIET = re.compile(r"<(script|style|code)\b.*?</\1>|<!--.*?-->|{#.*?#}|{%.*?%}|{{.*?}}", re.DOTALL)
_ATTRIBUTE_BLOCK = re.compile(r"{% block (?:view|body_class|app_class) %}[\w -]*{% endblock %}")
# Commands are the same in every language
_CODE = re.compile(r'<p class="mono[^"]*">.*?</p>', re.DOTALL)


def bare_words(text: str) -> list[str]:
    """Return words of a template that no translator would see."""
    text = _ATTRIBUTE_BLOCK.sub("", _CODE.sub("", _TRANSLATED.sub("", text)))
    text = _QUIET.sub(" ", text)
    in_attributes = re.findall(r'\b(?:aria-label|title|placeholder|alt)="([^"]*[A-Za-z]{3,}[^"]*)"', text)
    between_tags = re.sub(r"<[^>]*>", "\n", text)
    between_tags = re.sub(r"&\w+;", " ", between_tags)
    return [*in_attributes, *(word for word in re.findall(r"[A-Za-z]{3,}[^\n]*", between_tags))]


def test_no_template_has_bare_text():
    found = [f"{path.relative_to(ROOT)}: {words}" for path in TEMPLATES if (words := bare_words(path.read_text()))]

    assert found == []


def test_the_search_for_bare_text_finds_some():
    assert bare_words('<p>Hello {{ name }}</p><a title="Go home">{% translate "x" %}</a>') == ["Go home", "Hello  "]


def test_no_template_carries_inline_style_or_script():
    pattern = re.compile(r'\sstyle=|\son[a-z]+="|<style|<script(?![^>]*\bsrc=)|javascript:')

    found = [
        f"{path.relative_to(ROOT)}: {match[0]}" for path in TEMPLATES for match in pattern.finditer(path.read_text())
    ]

    assert found == []


def test_templates_stay_small():
    long = [f"{path.name}: {n}" for path in TEMPLATES if (n := len(path.read_text().splitlines())) > 400]

    assert long == []
