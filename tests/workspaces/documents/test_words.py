"""Words of a document: counted in every script, cited as they read."""

import pytest

from workspaces.documents import content


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Two words.", 2),
        ("don't stop-gap 3.14", 3),
        ("市场研究", 4),
        ("Wukong 是 AI", 3),
        ("カタカナ", 4),
        ("— 😀 ,", 0),
        ("naïve_café", 2),
        ("한국어 단어", 2),
    ],
)
def test_words_are_counted_in_every_script(text, count):
    assert content.words_in(text) == count


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ("as [1] and [12] say [3].", "as [1] and [12] say [3]."),
        ("see [1](x)", "see \\[1\\](x)"),
        ("[1]: no definition", "\\[1\\]: no definition"),
        ("[1][2]", "\\[1\\][2]"),
        ("[x]", "\\[x\\]"),
    ],
)
def test_a_citation_leaves_as_it_reads_unless_it_could_be_a_link(words, written):
    paragraph = [{"type": "paragraph", "content": [{"type": "text", "text": words}]}]

    assert content.to_markdown(paragraph) == f"{written}\n"
    assert content.parse_markdown(f"{written}\n") == paragraph


def test_plain_text_has_a_line_for_each_block_and_break():
    nodes = content.parse_markdown("# A\n\nb **c**\\\nd\n\n- e\n  - f\n\n| g | h |\n|---|---|\n")

    assert content.plain_text(nodes).split("\n") == ["A", "b c", "d", "e", "f", "g", "h"]
