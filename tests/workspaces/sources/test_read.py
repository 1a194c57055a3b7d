"""From bytes to text (pure)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces.sources.reading import media_type_of, media_type_of_pasted, text_of
from wukong.kernel.errors import Invalid, UnsupportedType


@given(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"])), st.booleans())
def test_what_was_written_is_what_is_read(text, has_mark):
    text += "."
    data = text.encode("utf-8-sig" if has_mark else "utf-8")

    assert text_of(data, "a.txt") == text.removeprefix("\ufeff" if not has_mark else "")


@given(st.binary())
def test_any_bytes_are_text_or_refused(data):
    try:
        text = text_of(data, "a.txt")
    except Invalid:
        return

    assert text.strip()
    assert "\0" not in text
    assert "\r" not in text


def test_latin_1_is_refused_with_a_way_out():
    with pytest.raises(Invalid, match="UTF-8"):
        text_of("Caf\xe9".encode("latin-1"), "menu.txt")


@pytest.mark.parametrize(
    ("name", "declared", "kind"),
    [
        ("plan.md", "application/octet-stream", "text/markdown"),
        ("Plan.MD", "", "text/markdown"),
        ("prices.csv", "application/vnd.ms-excel", "text/csv"),
        ("notes.txt", "text/html", "text/plain"),
        ("notes", "text/markdown; charset=utf-8", "text/markdown"),
    ],
)
def test_the_ending_says_what_a_file_is(name, declared, kind):
    assert media_type_of(name, declared) == kind


@pytest.mark.parametrize(("name", "declared"), [("a.pdf", "text/plain"), ("a.docx", ""), ("a", ""), ("a", "image/png")])
def test_other_files_are_refused(name, declared):
    with pytest.raises(UnsupportedType, match="Markdown"):
        media_type_of(name, declared)


@pytest.mark.parametrize(
    ("name", "kind"), [("Brief 1.2", "text/plain"), ("Brief.md", "text/markdown"), ("a.pdf", "text/plain")]
)
def test_pasted_text_is_always_text(name, kind):
    assert media_type_of_pasted(name) == kind
