"""Behind the gate: where pieces came to stand in the document, which the bytes alone do not tell."""

import pytest

from tests.workspaces.documents.updates import (
    STRING,
    S,
    U,
    attribute,
    child_of,
    element,
    text_node,
    update,
    words,
)
from tests.workspaces.documents.writers import Editor
from workspaces.documents import content, crdt, wire
from workspaces.documents.limits import Size
from workspaces.documents.watch import Watch
from workspaces.documents.wire import walk

PAGE = "> 茶😀\n\n```\ncode\n```\n\n- item\n\n| a | b |\n|---|---|\n| c | d |\n"


@pytest.fixture
def room():
    doc = crdt.open_doc(client_id=1)
    content.seed(doc, content.parse_markdown(PAGE))
    return doc


@pytest.fixture
def at(room):
    """Return a function that gives (client id, clock) of the n-th node of a kind, in the order of writing."""
    pieces = wire._Walker(room.get_update(), wire.LIMITS)
    pieces.walk()
    named = {}
    for start, (_end, piece) in zip(pieces.nesting._starts[1], pieces.nesting._pieces[1], strict=True):
        named.setdefault(piece.name, []).append((1, start))
    return lambda name, number=0: named[name][number]


def after(at: tuple[int, int], content: bytes, kind: int) -> bytes:
    return bytes((0x80 | kind,)) + U(at[0]) + U(at[1]) + content


def before(text: tuple[int, int], content: bytes, kind: int) -> bytes:
    """Something in front of the first letter of a text node."""
    return bytes((0x40 | kind,)) + U(text[0]) + U(text[1] + 1) + content


def beside(at: tuple[int, int], tag: str) -> bytes:
    return after(at, U(3) + S(tag), 7)


def table(doc, width: int, **attrs) -> None:
    """Add a table of one row."""
    cell = {"type": "tableCell", "attrs": attrs, "content": [{"type": "paragraph"}]}
    crdt.write(
        crdt.root_of(doc), [{"type": "table", "content": [{"type": "tableRow", "content": [cell] * width}]}], None
    )


IN_CODE = 5
"""The text node of the code comes after those of four cells and an item."""

WRONG = {
    "text at the top": lambda at: after(at("blockquote"), U(6), 7),
    "letters at the top": lambda at: after(at("blockquote"), S("x"), 4),
    "letters in a block": lambda at: words(child_of(*at("blockquote"))),
    "a block in text": lambda at: element(child_of(*at("text"))),
    "a paragraph in a paragraph": lambda at: element(child_of(*at("paragraph"))),
    "a paragraph beside text": lambda at: beside(at("text"), "paragraph"),
    "a paragraph in a list": lambda at: element(child_of(*at("bulletList"))),
    "a row at the top": lambda at: beside(at("table"), "tableRow"),
    "a row in a quotation": lambda at: element(child_of(*at("blockquote")), "tableRow"),
    "a cell beside a row": lambda at: beside(at("tableRow"), "tableCell"),
    "text in a list": lambda at: text_node(child_of(*at("listItem"))),
    "a line break in code": lambda at: element(child_of(*at("codeBlock")), "hardBreak"),
    "a line break at the top": lambda at: beside(at("blockquote"), "hardBreak"),
    "bold code": lambda at: before(at("text", IN_CODE), S("bold") + S("{}"), 6),
    "a level on a paragraph": lambda at: attribute(child_of(*at("paragraph")), b"\x7d\x01", "level"),
    "an id on a row": lambda at: attribute(child_of(*at("tableRow")), STRING),
    "an attribute of text": lambda at: attribute(child_of(*at("text")), STRING),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_watch_sees_what_the_bytes_alone_do_not_tell(room, at, name):
    """y-prosemirror #39, #133, #258, #275: an editor deletes for everybody, or does not open, what its schema does not
    know. Nothing here can be seen in the update alone, whose parent is in the document.
    """
    watch = Watch(room)
    data = update(WRONG[name](at))
    walk(data)

    crdt.apply(room, [data])

    with pytest.raises(crdt.Broken) as caught:
        watch.check()
    assert not isinstance(caught.value, crdt.Full)


def test_what_is_new_altogether_is_looked_at_too(room):
    """A new block raises no events for what is in it."""
    watch = Watch(room)
    crdt.apply(
        room,
        [
            update(element(tag="codeBlock")),
            update(text_node(child_of(9, 0)), clock=1),
            update(words(child_of(9, 1)), clock=2),
            update(before((9, 1), S("bold") + S("{}"), 6), clock=4),
        ],
    )

    with pytest.raises(crdt.Broken, match="mark"):
        watch.check()


@pytest.mark.parametrize("name", ["level", "colspan"])
def test_an_attribute_that_a_new_block_does_not_have_is_seen(room, name):
    watch = Watch(room)
    crdt.apply(room, [update(element()), update(attribute(child_of(9, 0), b"\x7d\x01", name), clock=1)])

    with pytest.raises(crdt.Broken, match="attribute"):
        watch.check()


def test_an_attribute_that_a_block_should_not_have_may_be_taken_away(room, at):
    room.apply_update(update(attribute(child_of(*at("paragraph")), b"\x7d\x01", "level")))
    watch = Watch(room)

    crdt.apply(room, [U(0) + U(1) + U(9) + U(1) + U(0) + U(1)])

    watch.check()


def test_the_watch_sees_a_nest_that_grows_with_each_update(room, at):
    watch = Watch(room, depth=20)
    parent = child_of(*at("blockquote"))
    for clock in range(19):
        crdt.apply(room, [update(element(parent, "blockquote"), clock=clock)])
        watch.check()
        parent = child_of(9, clock)
    crdt.apply(room, [update(element(parent, "blockquote"), clock=19)])

    with pytest.raises(crdt.Full, match="deep"):
        watch.check()


def test_the_watch_is_silent_while_people_work(room):
    watch, editor = Watch(room), Editor(3, 7)
    editor.doc.apply_update(room.get_update())
    editor.updates.clear()
    for _ in range(60):
        editor.edit()
    crdt.apply(room, editor.updates)

    watch.check()
    assert content.read(room) == content.read(editor.doc)


def test_letters_outside_of_text_are_seen_when_many_updates_come_at_once(room):
    """The watch walks into blocks that are new in this transaction: they raise no events of their own."""
    watch = Watch(room)
    crdt.apply(
        room,
        [
            update(element()),
            update(element(child_of(9, 0), "hardBreak"), clock=1),
            update(words(child_of(9, 0)), clock=2),
        ],
    )

    with pytest.raises(crdt.Broken):
        watch.check()


# --- tables ----------------------------------------------------------------------------------------------------------
def test_a_table_has_a_widest_row_however_it_comes_about(room):
    """A thousand merged cells of a thousand columns each are a few kilobytes, and end every browser."""
    watch = Watch(room)
    with room.transaction():
        table(room, 100, colspan=2)
    watch.check()
    row = crdt.root_of(room).children[4].children[0]

    with room.transaction():
        crdt.write(row, [{"type": "tableCell", "content": [{"type": "paragraph"}]}], None)
    with pytest.raises(crdt.Full, match="wide"):
        watch.check()
    with room.transaction():
        del row.children[100]
    with room.transaction():
        row.children[0].attributes["colspan"] = 3
    with pytest.raises(crdt.Full, match="wide"):
        watch.check()
    with room.transaction():
        row.children[0].attributes["colspan"] = 1
        row.children[1].attributes["colspan"] = 3
    watch.check()
    with room.transaction():
        table(room, 201)
    with pytest.raises(crdt.Full, match="wide"):
        watch.check()


def test_a_row_that_goes_with_its_table_is_no_matter(room):
    watch = Watch(room)
    with room.transaction():
        cell = crdt.root_of(room).children[3].children[0].children[0]
        cell.attributes["colspan"] = 2
        del crdt.root_of(room).children[3]

    watch.check()


# --- how much --------------------------------------------------------------------------------------------------------
def test_the_watch_counts_what_comes_in(room):
    watch, before = Watch(room), crdt.size_of(room)
    writer = crdt.open_doc(room.get_update(), 5)
    made = []
    subscription = writer.observe(lambda event: made.append(event.update))
    content.seed(writer, content.parse_markdown(PAGE))
    text = crdt.last_text(crdt.root_of(writer).children[0].children[0])
    text.insert(0, "words are no blocks")
    del subscription

    crdt.apply(room, made)

    grown, after = watch.take_growth(), crdt.size_of(room)
    assert grown == Size(0, after.blocks - before.blocks, after.nodes - before.nodes)
    assert grown == Size(0, *walk(made[0]).size({})[1:])
    assert watch.take_growth() == Size()


def test_the_size_of_a_document_is_what_its_update_brings(room):
    state = room.get_update()

    assert crdt.size_of(room) == walk(state).size({})
    assert crdt.size_of(room, state).bytes == len(state)
