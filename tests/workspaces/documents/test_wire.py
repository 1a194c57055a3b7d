"""The gate: it tells exactly what an update does, and refuses what kills a server, a browser or a document."""

import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text, merge_updates

from tests.workspaces.documents.updates import (
    IN_TEXT,
    PARAGRAPH,
    STRING,
    TOP,
    S,
    U,
    attribute,
    child_of,
    element,
    mark,
    text_node,
    update,
    words,
)
from tests.workspaces.documents.writers import Editor
from workspaces.documents import content, crdt
from workspaces.documents.limits import Size
from workspaces.documents.protocol import EMPTY_UPDATE, read_state_vector, var_bytes
from workspaces.documents.watch import Watch
from workspaces.documents.wire import Limits, Malformed, walk


# --- what honest editors send ---------------------------------------------------------------------------------------
def ranges_between(before, after):
    vectors = read_state_vector(before), read_state_vector(after)
    return {
        client: [(vectors[0].get(client, 0), end - vectors[0].get(client, 0))]
        for client, end in vectors[1].items()
        if end > vectors[0].get(client, 0)
    }


@given(st.integers(0, 2**32))
def test_the_ranges_are_what_the_document_grows_by(seed):
    rng = random.Random(seed)
    editors = [Editor(seed + number, 100 + number) for number in range(3)]
    room = crdt.open_doc(client_id=1)
    for _ in range(25):
        editor = rng.choice(editors)
        editor.updates.clear()
        editor.edit()
        for data in list(editor.updates):
            before = room.get_state()
            facts = walk(data)
            assert facts.gaps(read_state_vector(before)) == {}
            assert facts.adds(read_state_vector(before)) <= {editor.doc.client_id}
            room.apply_update(data)
            assert facts.fresh(read_state_vector(before)) == ranges_between(before, room.get_state())
            for other in editors:
                if other is not editor:
                    other.doc.apply_update(data)
    whole = room.get_update()
    assert {client: walk(whole).end(client) for client in walk(whole).clients} == read_state_vector(room.get_state())


@given(st.integers(0, 2**32))
def test_what_is_known_already_is_not_fresh(seed):
    editor = Editor(seed, 7)
    for _ in range(6):
        editor.edit()
    whole = editor.doc.get_update()
    half = crdt.open_doc(editor.updates[0])
    known = read_state_vector(half.get_state())

    facts = walk(whole)
    half_before = half.get_state()
    half.apply_update(whole)

    assert facts.fresh(known) == ranges_between(half_before, half.get_state())
    assert facts.fresh(read_state_vector(editor.doc.get_state())) == {}
    assert facts.adds(read_state_vector(editor.doc.get_state())) == set()
    assert walk(merge_updates(*editor.updates)).inserted == walk(whole).inserted


def test_a_document_tells_its_depth_its_words_and_its_elements():
    doc = crdt.open_doc(client_id=5)
    content.seed(doc, content.parse_markdown("# 标题😀\n\n- a\n  - b"))

    facts = walk(doc.get_update())

    assert facts.depth == 5  # list, item, list, item, paragraph
    assert len(facts.nodes) == 10
    assert len(facts.blocks) == 7
    assert facts.size({}) == Size(facts.bytes, 7, 10)
    assert facts.size({5: facts.blocks[1][1]}).blocks == 6
    assert facts.text_units == len("标题") + 2 + len("ab")
    assert sum(length for _, length in facts.texts[5]) == facts.text_units
    assert facts.roots == {"default"}
    assert facts.end(5) == read_state_vector(doc.get_state())[5]


def test_an_empty_update_does_nothing():
    facts = walk(EMPTY_UPDATE)

    assert (facts.inserted, facts.deleted, facts.roots, facts.structs) == ({}, {}, set(), 0)
    assert facts.gaps({}) == {}


def test_deletions_are_told_in_clock_order():
    facts = walk(U(0) + U(1) + U(4) + U(2) + U(9) + U(2) + U(1) + U(3))

    assert facts.deleted == {4: [(1, 3), (9, 2)]}
    assert facts.gaps({4: 10}) == {4: (10, 11)}
    assert facts.gaps({4: 11}) == {}


def test_a_gap_says_what_is_known_and_what_is_needed():
    late = update(words(child_of(3, 7)), clock=5)

    assert walk(late).gaps({}) == {9: (0, 5), 3: (0, 8)}
    assert walk(late).gaps({9: 5, 3: 8}) == {}
    assert walk(late).adds({9: 6}) == {9}
    assert walk(late).adds({9: 7}) == set()


def test_a_circle_across_clients_is_no_place():
    one = U(1) + U(9) + U(0) + b"\x87" + U(8) + U(0) + U(3) + S("paragraph")
    two = U(1) + U(8) + U(0) + b"\x87" + U(9) + U(0) + U(3) + S("paragraph")

    with pytest.raises(Malformed, match="circle"):
        walk(U(2) + one + two + b"\0")


# --- what nobody honest sends ---------------------------------------------------------------------------------------
def nested(kind: bytes, depth: int) -> bytes:
    return attribute(TOP, kind * depth + b"\x7e")


DEEP_ELEMENTS = update(element(), *(element(child_of(9, clock)) for clock in range(2000)))

HOSTILE = {
    "a nested list of 52 kB, which ends the process": update(
        element(), attribute(child_of(9, 0), b"\x75\x01" * 26_264 + b"\x7e")
    ),
    "a nested list of 10 kB, which ends every browser": update(
        element(), attribute(child_of(9, 0), b"\x75\x01" * 5_000 + b"\x7e")
    ),
    "a nested object": update(element(), attribute(child_of(9, 0), b"\x76\x01\x01a" * 9 + b"\x7e")),
    "elements in elements, 2,000 deep": DEEP_ELEMENTS,
    "2^31 clients": U(2**31) + b"\x01\x07\x00",
    "2^31 structs": U(1) + U(2**31) + U(7) + U(0),
    "2^31 deleting clients": U(0) + U(2**31),
    "2^31 deletions": U(0) + U(1) + U(7) + U(2**31),
    "a deletion of 2^31": U(0) + U(1) + U(7) + U(1) + U(0) + U(2**31),
    "a deletion of nothing": U(0) + U(1) + U(7) + U(1) + U(0) + U(0),
    "garbage of 2^32": update(b"\x00" + U(2**32 - 1)),
    "empty garbage": update(b"\x00" + U(0)),
    "a skip": update(b"\x0a" + U(3)),
    "a text of 2^31": update(*PARAGRAPH, b"\x04" + IN_TEXT + U(2**31) + b"abc"),
    "2^31 values": update(element(), b"\x28" + child_of(9, 0) + S("id") + U(2**31) + b"\x7e"),
    "no text": update(*PARAGRAPH, words(IN_TEXT, "")),
    "text that is not UTF-8": update(*PARAGRAPH, b"\x04" + IN_TEXT + b"\x02\xc3\x28"),
    "half of a character": update(*PARAGRAPH, b"\x04" + IN_TEXT + b"\x03\xed\xa0\x80"),
    "bytes left over": EMPTY_UPDATE + b"\0",
    "nothing": b"",
    "a cut update": update(*PARAGRAPH)[:-3],
    "another root": update(element(U(1) + S("other"))),
    "a block of another kind": update(element(tag="script")),
    "a document in the document": update(element(tag="doc")),
    "another mark": update(*PARAGRAPH, mark(IN_TEXT, "{}", "blink")),
    "another attribute": update(element(), attribute(child_of(9, 0), STRING, "onclick")),
    "an attribute of the root": update(attribute(TOP, STRING)),
    "an attribute of text": update(*PARAGRAPH, attribute(IN_TEXT, STRING)),
    "text at the top": update(text_node(TOP)),
    "letters at the top": update(words(TOP)),
    "letters at the top, beside a block": update(element(), b"\x84" + U(9) + U(0) + S("hi")),
    "letters in a block": update(element(), words(child_of(9, 0))),
    "a block in text": update(*PARAGRAPH, element(IN_TEXT)),
    "text in text": update(*PARAGRAPH, text_node(IN_TEXT)),
    "a child of letters": update(*PARAGRAPH, words(IN_TEXT), element(child_of(9, 2))),
    "a value among letters": update(*PARAGRAPH, b"\x08" + IN_TEXT + U(1) + STRING),
    "a block as an attribute": update(element(), b"\x27" + child_of(9, 0) + S("id") + U(3) + S("paragraph")),
    "its own parent": update(element(child_of(9, 0))),
    "its own neighbour": update(b"\x87" + U(9) + U(0) + U(3) + S("paragraph")),
    "a list type": update(b"\x07" + TOP + U(0)),
    "a map type": update(b"\x07" + TOP + U(1)),
    "a fragment in the document": update(b"\x07" + TOP + U(4)),
    "a sub-document": update(b"\x09" + TOP + S("x") + b"\x76\x00"),
    "bytes": update(b"\x03" + TOP + var_bytes(b"x")),
    "an embed": update(*PARAGRAPH, b"\x05" + IN_TEXT + S("{}")),
    "old JSON": update(b"\x02" + TOP + U(1) + S("1")),
    "a big integer, which JSON cannot say": update(element(), attribute(child_of(9, 0), b"\x7a" + bytes(8))),
    "not a number": update(element(), attribute(child_of(9, 0), b"\x7b\x7f\xf8" + bytes(6))),
    "an endless integer": update(element(), attribute(child_of(9, 0), b"\x7d" + b"\xff" * 40 + b"\0")),
    "a paragraph in a paragraph": update(element(), element(child_of(9, 0))),
    "a row at the top": update(element(tag="tableRow")),
    "text in a list": update(element(tag="bulletList"), text_node(child_of(9, 0))),
    "a paragraph in a list": update(element(tag="bulletList"), element(child_of(9, 0))),
    "a line break at the top": update(element(tag="hardBreak")),
    "a block in a rule": update(element(tag="horizontalRule"), element(child_of(9, 0))),
    "a line break in code": update(element(tag="codeBlock"), element(child_of(9, 0), "hardBreak")),
    "bold code": update(element(tag="codeBlock"), text_node(child_of(9, 0)), mark(IN_TEXT, "{}")),
    "a heading's level on a paragraph": update(element(), attribute(child_of(9, 0), b"\x7d\x01", "level")),
    "an id on a row": update(
        element(tag="table"), element(child_of(9, 0), "tableRow"), attribute(child_of(9, 1), STRING)
    ),
    "a row beside a paragraph": update(element(), b"\x87" + U(9) + U(0) + U(3) + S("tableRow")),
    "bytes as a value": update(element(), attribute(child_of(9, 0), b"\x74\x01x")),
    "a prototype": update(element(), attribute(child_of(9, 0), b"\x76\x01" + S("__proto__") + b"\x7e")),
    "a long attribute": update(element(), attribute(child_of(9, 0), b"\x77" + S("x" * 5000))),
    "a mark that is not JSON": update(*PARAGRAPH, mark(IN_TEXT, "{")),
    "a mark that Python takes and browsers do not": update(*PARAGRAPH, mark(IN_TEXT, '{"href":NaN}')),
    "a mark with half of a character": update(*PARAGRAPH, mark(IN_TEXT, '{"href":"\\ud800"}')),
    "a mark in a mark": update(*PARAGRAPH, mark(IN_TEXT, '{"href":{}}')),
    "a mark that is a number": update(*PARAGRAPH, mark(IN_TEXT, "1")),
    "a mark of 5 kB": update(*PARAGRAPH, mark(IN_TEXT, '{"href":"' + "x" * 5000 + '"}')),
    "the same client twice": U(2) + (U(1) + U(9) + U(0) + element()) * 2 + b"\0",
    "the same deleting client twice": U(0) + U(2) + (U(9) + U(1) + U(0) + U(1)) * 2,
    "a client without structs": U(1) + U(0) + U(9) + U(0) + b"\0",
    "a clock of 2^31": update(element(), clock=2**31),
    "a reference of 2^31": update(words(child_of(9, 2**31))),
    "a number of 70 bits": b"\xff" * 10 + b"\x01",
    "unknown content": update(b"\x0b" + TOP),
}


@pytest.mark.parametrize("client", [1, 2**32 - 1, 2**32, 2**53 - 1])
def test_ids_of_every_yjs_are_taken(client):
    """Yjs draws 32 bits, yrs (Rust, Python) 53."""
    doc = crdt.open_doc(client_id=client)
    content.seed(doc, content.parse_markdown("Words."))

    facts = walk(doc.get_update())

    assert facts.clients == {client}
    assert content.read(crdt.open_doc(doc.get_update())) == content.read(doc)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_gate_refuses(name):
    with pytest.raises(Malformed):
        walk(HOSTILE[name])


def test_the_honest_neighbours_of_these_pass():
    facts = walk(
        update(
            *PARAGRAPH,
            words(IN_TEXT, "hi"),
            mark(IN_TEXT, '{"href":"x"}', "link"),
            mark(IN_TEXT, "null"),
            mark(IN_TEXT, "true"),
            attribute(child_of(9, 0), STRING),
            element(tag="table"),
            element(child_of(9, 8), "tableRow"),
            element(child_of(9, 9), "tableCell"),
            attribute(child_of(9, 10), b"\x75\x02\x7d\x01\x7b\x3f\xf0" + bytes(6), "colwidth"),
            b"\x01" + IN_TEXT + U(4),
            b"\x00" + U(3),
        )
    )

    assert facts.inserted == {9: [(0, 19)]}
    assert facts.texts == {9: [(2, 2)]}
    assert facts.depth == 3


def test_limits_can_be_narrower():
    honest = update(*PARAGRAPH, words(IN_TEXT))

    for limits in (Limits(bytes=10), Limits(structs=2), Limits(depth=0)):
        with pytest.raises(Malformed):
            walk(honest, limits)
    assert walk(honest, Limits(bytes=len(honest), structs=3, depth=1)).structs == 3


def test_other_shared_types_of_pycrdt_are_refused():
    for name, shared in (("a", Array([1])), ("m", Map({"x": 1})), ("t", Text("x"))):
        doc: Doc = Doc()
        doc[name] = shared
        with pytest.raises(Malformed):
            walk(doc.get_update())


def test_a_bomb_really_kills_what_stands_behind_the_gate():
    """If this ever fails, pycrdt has grown up and the gate may become simpler."""
    bomb = HOSTILE["a nested list of 52 kB, which ends the process"]
    code = "import sys; from pycrdt import Doc; Doc().apply_update(sys.stdin.buffer.read())"

    done = subprocess.run([sys.executable, "-c", code], input=bomb, capture_output=True, check=False)

    assert done.returncode < 0


def mutated(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at] = rng.randrange(256)
            case 2:
                del data[at : at + rng.randint(1, 4)]
            case _:
                data[at:at] = rng.randbytes(rng.randint(1, 3))
        data = data or bytearray(b"\0")
    return bytes(data)


@given(st.integers(0, 2**32))
def test_a_damaged_update_is_refused_or_does_no_harm(seed):
    """What passes the gate is applied, or fails with one error, also where Rust panics; what is applied can be read."""
    rng = random.Random(seed)
    editor = Editor(seed, 7)
    for _ in range(8):
        editor.edit()
    for _ in range(40):
        data = mutated(rng, rng.choice(editor.updates))
        try:
            walk(data)
        except Malformed:
            continue
        room = crdt.open_doc(editor.updates[0])
        watch = Watch(room)
        try:
            crdt.apply(room, [data])
            watch.check()
        except crdt.Broken:
            continue
        content.to_html(content.read(room))
