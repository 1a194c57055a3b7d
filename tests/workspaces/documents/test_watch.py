"""Behind the gate: where pieces came to stand in the document, which the bytes alone do not tell."""

import pytest

from tests.workspaces.documents.updates import S, U, child_of, element, update, words
from tests.workspaces.documents.writers import Editor
from workspaces.documents import content, crdt
from workspaces.documents.wire import walk


@pytest.fixture
def room():
    doc = crdt.open_doc(client_id=1)
    content.seed(
        doc, [{"type": "blockquote", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "茶😀"}]}]}]
    )
    return doc


def after(client: int, clock: int, content: bytes, kind: int) -> bytes:
    return bytes((0x80 | kind,)) + U(client) + U(clock) + content


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("text at the top", after(1, 0, U(6), 7)),
        ("letters at the top", after(1, 0, S("x"), 4)),
        ("letters in a block", words(child_of(1, 2))),
        ("a block in text", element(child_of(1, 4))),
    ],
)
def test_the_watch_sees_what_the_bytes_alone_do_not_tell(room, name, item):
    watch = crdt.Watch(room)
    data = update(item)
    walk(data)

    crdt.apply(room, [data])

    with pytest.raises(crdt.Broken):
        watch.check()


def test_the_watch_sees_a_nest_that_grows_with_each_update(room):
    watch = crdt.Watch(room, depth=20)
    parent = child_of(1, 0)
    for clock in range(18):
        crdt.apply(room, [update(element(parent, "blockquote"), clock=clock)])
        watch.check()
        parent = child_of(9, clock)
    crdt.apply(room, [update(element(parent, "blockquote"), clock=18), update(element(child_of(9, 18)), clock=19)])

    with pytest.raises(crdt.Broken, match="deep"):
        watch.check()


def test_the_watch_is_silent_while_people_work(room):
    watch, editor = crdt.Watch(room), Editor(3, 7)
    editor.doc.apply_update(room.get_update())
    editor.updates.clear()
    for _ in range(60):
        editor.edit()
    crdt.apply(room, editor.updates)

    watch.check()
    assert content.read(room) == content.read(editor.doc)


def test_letters_outside_of_text_are_seen_when_many_updates_come_at_once(room):
    """The watch walks into blocks that are new in this transaction: they raise no events of their own."""
    watch = crdt.Watch(room)
    crdt.apply(
        room, [update(element()), update(element(child_of(9, 0)), clock=1), update(words(child_of(9, 1)), clock=2)]
    )

    with pytest.raises(crdt.Broken):
        watch.check()
