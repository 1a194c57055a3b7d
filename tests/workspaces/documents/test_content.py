"""Markdown, HTML and words: what goes out comes back, and nothing that runs gets through."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workspaces.documents import content, crdt, links
from workspaces.documents.schema import NotInSchema, validate

BOOK = """# The tea trade

Prices rose by **4 %**, *slowly*, and ~~fell~~ `held`. See [this](https://example.com/a?b=1&c=2 "A title"), **_both_**.

## 市场

- one
- two
  - nested **word**

    a second paragraph

    ```py
    print("code")

    more
    ```
- three

1. first
2. second
   1. below

- [ ] to do
- [x] done

> Quoted
>
> - inside

| Item | Price |
| :-- | --: |
| Oolong \\| green | [4](/prices) |
| Pu'er | 6 |

---

**重点：**&#35828;明 😀 snake_case 2\\*3
"""


def without_ids(node):
    attrs = {name: value for name, value in node.get("attrs", {}).items() if name != "id"}
    done = {key: value for key, value in node.items() if key not in ("attrs", "content")}
    if attrs:
        done["attrs"] = attrs
    if node.get("content"):
        done["content"] = [without_ids(child) for child in node["content"]]
    return done


def through_a_document(nodes):
    doc = crdt.open_doc(client_id=7)
    content.seed(doc, nodes)
    return [without_ids(node) for node in content.read(crdt.open_doc(doc.get_update()))]


def test_a_document_goes_out_and_comes_back_as_the_same_markdown():
    nodes = content.parse_markdown(BOOK)

    assert content.to_markdown(through_a_document(nodes)) == BOOK
    assert through_a_document(nodes) == nodes


def test_every_block_that_is_written_has_an_id_of_its_own():
    doc = crdt.open_doc(client_id=7)
    content.seed(doc, content.parse_markdown(BOOK) * 2)

    elements = [
        element
        for element in crdt.elements_in(crdt.root_of(doc))
        if element.tag not in ("tableRow", "tableCell", "tableHeader")
    ]
    ids = [crdt.id_of(element) for element in elements]
    assert len(set(ids)) == len(ids) > 40
    assert all(re.fullmatch(r"[A-Za-z0-9]{12}", one) for one in ids)


def test_an_id_that_is_there_twice_is_given_anew():
    doc = crdt.open_doc(client_id=7)
    paragraph = {"type": "paragraph", "attrs": {"id": "same"}}

    first = content.seed(doc, [paragraph, paragraph])
    second = content.seed(doc, [paragraph])

    assert first[0] == "same"
    assert len({*first, *second}) == 3


def test_what_is_not_in_the_schema_is_not_written():
    doc = crdt.open_doc(client_id=7)

    with pytest.raises(NotInSchema):
        content.seed(doc, [{"type": "video"}])
    assert content.read(doc) == []


# --- any document ---------------------------------------------------------------------------------------------------
LETTERS = st.sampled_from("ab Z9 ._-*+#>|`~[]()!<&;:=\\/'\"，。：“”茶😀é\u0301ß$^1)\u3000")
WORDS = st.text(LETTERS, min_size=1, max_size=8)
HREFS = st.sampled_from(
    ["https://a.b/c_(d)?e=f&g=h", "/x y", "#top", "mailto:a@b.c", "https://x/`*_~]", "http://x/&amp;y", "a\\b"]
)
PLAIN_MARKS = st.lists(st.sampled_from(["bold", "italic", "strike"]), unique=True)


@st.composite
def inline(draw):
    nodes = []
    for _ in range(draw(st.integers(0, 5))):
        if draw(st.integers(0, 9)) == 0:
            nodes.append({"type": "hardBreak"})
            continue
        marks = [{"type": name} for name in draw(PLAIN_MARKS)]
        if draw(st.integers(0, 4)) == 0:
            marks.append({"type": "link", "attrs": {"href": draw(HREFS)}})
        if draw(st.integers(0, 5)) == 0:
            marks.append({"type": "code"})
        nodes.append({"type": "text", "text": draw(WORDS), **({"marks": marks} if marks else {})})
    return nodes


def textual(kind, **attrs):
    return inline().map(lambda spans: {"type": kind, "content": spans, **({"attrs": attrs} if attrs else {})})


PARAGRAPH = textual("paragraph")
LEAVES = st.one_of(
    PARAGRAPH,
    textual("heading", level=2),
    st.just({"type": "horizontalRule"}),
    st.text(LETTERS, max_size=12).map(
        lambda code: {"type": "codeBlock", "content": [{"type": "text", "text": code}] if code else []}
    ),
    st.lists(st.lists(PARAGRAPH, min_size=2, max_size=2), min_size=1, max_size=3).map(
        lambda rows: {
            "type": "table",
            "content": [
                {
                    "type": "tableRow",
                    "content": [{"type": "tableCell" if place else "tableHeader", "content": [cell]} for cell in row],
                }
                for place, row in enumerate(rows)
            ],
        }
    ),
)


def containers(inner):
    blocks = st.lists(inner, min_size=1, max_size=3)
    items = st.lists(st.tuples(PARAGRAPH, st.booleans(), st.lists(inner, max_size=2)), min_size=1, max_size=3)
    return st.one_of(
        blocks.map(lambda content: {"type": "blockquote", "content": content}),
        items.map(
            lambda items: {
                "type": "bulletList",
                "content": [{"type": "listItem", "content": [p, *rest]} for p, _, rest in items],
            }
        ),
        items.map(
            lambda items: {
                "type": "orderedList",
                "attrs": {"start": 7},
                "content": [{"type": "listItem", "content": [p, *rest]} for p, _, rest in items],
            }
        ),
        items.map(
            lambda items: {
                "type": "taskList",
                "content": [
                    {"type": "taskItem", "attrs": {"checked": done}, "content": [p, *rest]} for p, done, rest in items
                ],
            }
        ),
    )


DOCUMENTS = st.lists(st.recursive(LEAVES, containers, max_leaves=8), min_size=1, max_size=4)


@given(DOCUMENTS)
def test_markdown_comes_back_as_itself_whatever_the_document(nodes):
    """What Markdown cannot say is lost on the first way out; from there on nothing is."""
    first = content.parse_markdown(content.to_markdown(nodes))

    assert content.parse_markdown(content.to_markdown(first)) == first


@given(DOCUMENTS)
@pytest.mark.slow
def test_no_character_is_lost_on_the_way_through_markdown(nodes):
    def letters(blocks):
        return re.sub(r"\s", "", content.plain_text(blocks))

    assert letters(content.parse_markdown(content.to_markdown(nodes))) == letters(nodes)


def marks_of(nodes):
    """Each letter that is not a blank with its marks."""
    found = []
    for node in nodes:
        if node["type"] == "text":
            marks = frozenset((mark["type"], str(mark.get("attrs", {}))) for mark in node.get("marks", []))
            found += [(letter, marks) for letter in node["text"] if not letter.isspace()]
        found += marks_of(node.get("content", []))
    return found


def marked(text, *marks):
    return {"type": "text", "text": text, "marks": [{"type": name} for name in marks]}


@example(
    [
        {
            "type": "paragraph",
            "content": [marked("1", "bold", "code"), marked("1_1"), marked("1", "bold", "italic", "code")],
        }
    ]
)
@given(DOCUMENTS)
@pytest.mark.slow
def test_no_mark_is_lost_on_the_way_through_markdown(nodes):
    assert marks_of(content.parse_markdown(content.to_markdown(nodes))) == marks_of(nodes)


@given(DOCUMENTS)
@pytest.mark.slow
def test_a_document_in_yjs_comes_back_as_the_same_nodes(nodes):
    validate(nodes)
    once = through_a_document(nodes)

    assert through_a_document(once) == once
    assert marks_of(once) == marks_of(nodes)


@example("~~~`")
@given(st.text(st.sampled_from('ab1 \n\t*_~`#>-+=|[]()!<&;:\\"茶😀'), max_size=60))
def test_any_text_is_markdown_that_settles(text):
    first = content.parse_markdown(text)

    assert content.parse_markdown(content.to_markdown(first)) == first


@pytest.mark.parametrize(
    ("markdown", "kinds"),
    [
        ("- a\n\n* b", ["bulletList", "bulletList"]),
        ("1. a\n\n1) b", ["orderedList", "orderedList"]),
        ("- [ ] a\n- b", ["taskList"]),
        ("1\\. no list", ["paragraph"]),
        ("<b>html</b>", ["paragraph"]),
        ("    code", ["codeBlock"]),
        ("###### deep", ["heading"]),
        ("", []),
    ],
)
def test_markdown_becomes_these_blocks(markdown, kinds):
    nodes = content.parse_markdown(markdown)

    assert [node["type"] for node in nodes] == kinds
    assert content.parse_markdown(content.to_markdown(nodes)) == nodes


def test_bold_that_ends_in_chinese_punctuation_stays_bold():
    node = {
        "type": "paragraph",
        "content": [{"type": "text", "text": "重点：", "marks": [{"type": "bold"}]}, {"type": "text", "text": "说明"}],
    }

    assert content.to_markdown([node]) == "**重点：**&#35828;明\n"
    assert content.parse_markdown("**重点：**&#35828;明\n") == [node]


def test_an_image_becomes_a_link_and_html_stays_text():
    (node,) = content.parse_markdown("![a *cat*](/cat.png) <script>x</script>")

    assert node["content"] == [
        {"type": "text", "text": "a cat", "marks": [{"type": "link", "attrs": {"href": "/cat.png"}}]},
        {"type": "text", "text": " <script>x</script>"},
    ]


def test_halves_of_characters_and_ragged_tables_are_repaired():
    assert content.parse_markdown("a\ud800b\ud83d\ude00") == [
        {"type": "paragraph", "content": [{"type": "text", "text": "a\ufffdb😀"}]}
    ]
    (table,) = content.parse_markdown("| a | b |\n|---|---|\n| 1 |\n")
    assert [len(row["content"]) for row in table["content"]] == [2, 2]


DANGEROUS = [
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    " \tjava\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "java\u200bscript:alert(1)",
    "data:text/html,<script>1</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.example/x",
    "\\\\evil.example",
    "/\\evil.example",
    "",
    " ",
]


@pytest.mark.parametrize("href", DANGEROUS)
def test_a_dangerous_link_leaves_as_plain_words(href):
    nodes = [
        {
            "type": "paragraph",
            "content": [{"type": "text", "text": "click", "marks": [{"type": "link", "attrs": {"href": href}}]}],
        }
    ]

    assert content.to_html(nodes) == "<p>click</p>"
    assert content.to_markdown(nodes) == "click\n"


@pytest.mark.parametrize(
    "href", ["https://a.b/c:d", "HTTP://a", "mailto:a@b.c", "tel:+49", "/path", "#top", "page?a=b:c", "?q", "a/b:c"]
)
def test_an_honest_link_stays(href):
    assert links.is_safe(href)


def test_html_is_escaped_everywhere():
    evil = '"><script>alert(1)</script>&'
    nodes = [
        {
            "type": "paragraph",
            "content": [
                {"type": "text", "text": evil, "marks": [{"type": "link", "attrs": {"href": "https://x/" + evil}}]}
            ],
        },
        {"type": "codeBlock", "attrs": {"language": evil}, "content": [{"type": "text", "text": evil}]},
        {
            "type": "orderedList",
            "attrs": {"start": 3},
            "content": [{"type": "listItem", "content": [{"type": "paragraph"}]}],
        },
    ]

    html = content.to_html(nodes)

    assert "<script" not in html
    assert html.count("&lt;script&gt;") == 3
    assert html.startswith('<p><a href="https://x/&quot;&gt;&lt;script')
    assert html.endswith('<ol start="3"><li><p></p></li></ol>')


@given(DOCUMENTS)
@pytest.mark.slow
def test_html_never_holds_more_tags_than_its_own(nodes):
    tags = set(re.findall(r"<(/?[a-z0-9]+)", content.to_html(nodes)))

    known = [
        "p",
        "h2",
        "hr",
        "br",
        "pre",
        "code",
        "table",
        "tbody",
        "tr",
        "td",
        "th",
        "blockquote",
        "ul",
        "ol",
        "li",
        "strong",
        "em",
        "s",
        "a",
    ]
    assert {tag.strip("/") for tag in tags} <= set(known)
