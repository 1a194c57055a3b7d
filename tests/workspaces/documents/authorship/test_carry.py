"""Words that move keep who wrote them; words that are written are of who writes them."""

import pytest
from pycrdt import XmlElement, XmlText

from tests.workspaces.documents import updates
from tests.workspaces.documents.authorship.logs import Desk, by, drop, paragraph, put, texts_of
from workspaces.documents import crdt
from workspaces.documents.authorship import shown
from workspaces.documents.authorship.carries import Certainty
from workspaces.documents.authorship.reading import Kind
from workspaces.documents.protocol import var_uint

ADA, BOB, MAX = 1, 2, 7
LINE = "Tea from the high gardens 高山茶园的春茶 is picked by hand 🍃 in spring"


@pytest.fixture
def desk():
    """Max, an agent, has written one line."""
    desk = Desk()
    desk.write(MAX, lambda root: put(root, paragraph(LINE)), kind="agent")
    return desk


def line_of(root, place=0):
    return crdt.last_text(root.children[place])


def cut(root, start, end, place=0):
    text = crdt.plain(line_of(root, place))
    del line_of(root, place)[crdt.utf8(text[:start]) : crdt.utf8(text[:end])]


def insert(root, at, words, place=0):
    text = crdt.plain(line_of(root, place))
    line_of(root, place).insert(crdt.utf8(text[:at]), words)


def split(root, at):
    """Press Enter."""
    rest = crdt.plain(line_of(root))[at:]
    cut(root, at, at + len(rest))
    put(root, paragraph(rest), at=1)


def certainties(book):
    return [part.certainty for block in shown.blocks(book) for part in block.ranges]


@pytest.mark.parametrize("at", [1, 9, 26, 30, 51, 52, len(LINE) - 1])
def test_enter_anywhere(desk, at):
    desk.write(ADA, lambda root: split(root, at))

    assert by(desk.book()) == [[(LINE[:at], MAX)], [(LINE[at:], MAX)]]
    assert certainties(desk.book()) == [None, Certainty.STRONG]


@pytest.mark.parametrize(
    ("change", "seconds", "writers"),
    [
        (lambda rest: rest, 0, {MAX}),
        (lambda rest: rest, 3600, {MAX}),
        (lambda rest: rest[:30] + " and more", 0, {MAX, BOB}),
        (lambda rest: rest[:30] + " and more", 3600, {BOB}),
    ],
)
def test_two_people_press_enter_and_do_not_see_each_other(desk, change, seconds, writers):
    """Both take the rest of the line away and bring it again: it is there twice, and of who wrote it both times.

    Who comes back after a while is believed only where the whole is equal.
    """
    desk.doc(BOB)
    away = desk.docs.pop(BOB)
    desk.write(ADA, lambda root: split(root, 20))
    before = away.get_state()
    with away.transaction():
        rest = LINE[20:]
        cut(crdt.root_of(away), 20, len(LINE))
        put(crdt.root_of(away), paragraph(change(rest)), at=1)
    desk.now += seconds
    desk.put(away.get_update(before), BOB)

    blocks = by(desk.book())
    bobs = next(block for block in blocks if "".join(text for text, _writer in block) == change(LINE[20:]))
    assert {writer for block in (bobs, *blocks[:1]) for _text, writer in block} - ({MAX} - writers) == writers
    assert {writer for _text, writer in blocks[0]} == {MAX}


def _fields(row):
    return {name: getattr(row, name) for name in row.__slots__}


def test_joining_two_lines(desk):
    desk.write(ADA, lambda root: put(root, paragraph("茶 and more")))

    def join(root):
        drop(root, 1)
        insert(root, len(LINE), "茶 and more")

    desk.write(BOB, join)

    assert by(desk.book()) == [[(LINE, MAX), ("茶 and more", ADA)]]


def test_another_kind_of_block(desk):
    def wrap(root):
        drop(root, 0)
        put(root, XmlElement("bulletList", {}, [XmlElement("listItem", {}, [paragraph(LINE)])]))

    desk.write(ADA, wrap)

    assert by(desk.book()) == [[(LINE, MAX)]]


def test_words_of_several_move_with_all_of_them(desk):
    desk.write(ADA, lambda root: insert(root, 4, "leaves "))
    whole = f"{LINE[:4]}leaves {LINE[4:]}"

    def move(root):
        drop(root, 0)
        put(root, paragraph("mine:"), paragraph(whole, "heading", level=2))

    desk.write(BOB, move)

    assert by(desk.book()) == [[("mine:", BOB)], [(LINE[:4], MAX), ("leaves ", ADA), (LINE[4:], MAX)]]


def test_marks_cut_words_apart_and_they_move_together(desk):
    def move(root):
        drop(root, 0)
        put(root, paragraph(""))
        text = line_of(root)
        text.insert(0, LINE[:30], {})
        text.insert(crdt.utf8(LINE[:30]), LINE[30:], {"bold": {}})

    desk.write(ADA, move)

    assert by(desk.book()) == [[(LINE, MAX)]]


def test_half_a_pair_moves_as_what_yjs_shows_of_it():
    """Somebody writes between the halves of a character and takes it away again: two marks stay, and Max's they are."""
    half = 2 + LINE.index("🍃")
    size = len(LINE.encode("utf-16-le")) // 2
    old, new = updates.child_of(MAX, 0), updates.child_of(ADA, 0)
    shown_by_yjs = LINE.replace("🍃", "\ufffd\ufffd")
    ends = var_uint(MAX) + var_uint(half) + var_uint(MAX) + var_uint(half + 1)
    desk = Desk()
    words = updates.words(updates.child_of(MAX, 1), LINE)
    desk.put(updates.update(updates.element(), updates.text_node(old), words, client=MAX), MAX, kind="agent")
    desk.put(updates.update(b"\xc4" + ends + updates.S("x"), client=BOB), BOB)
    desk.put(b"\0" + _deleted(BOB, 0, 1), BOB)
    words = updates.words(updates.child_of(ADA, 1), shown_by_yjs)
    gone = _deleted(MAX, 0, 2 + size)
    desk.put(updates.update(updates.element(), updates.text_node(new), words, client=ADA, deleted=gone), ADA)

    assert by(desk.book()) == [[(shown_by_yjs, MAX)]]


def _deleted(client: int, clock: int, length: int) -> bytes:
    return b"".join(map(var_uint, (1, client, 1, clock, length)))


def test_words_that_come_into_a_dead_block_take_nothing_with_them(desk):
    """Ada moves a line to two places, and one of them is gone already: what nobody sees is no place to move to."""
    desk.write(BOB, lambda root: put(root, paragraph("of Bob")))
    desk.doc(ADA)
    away = desk.docs.pop(ADA)
    desk.write(BOB, lambda root: drop(root, 1))
    made: list[bytes] = []
    subscription = away.observe(lambda event: made.append(event.update))
    with away.transaction():
        root = crdt.root_of(away)
        cut(root, 0, len(LINE))
        insert(root, 3, LINE, place=1)
        put(root, paragraph(LINE))
    away.unobserve(subscription)
    desk.put(made[0], ADA)

    book = desk.book()

    assert by(book) == [[], [(LINE, MAX)]]
    late = [run for run in book.tree.strands[ADA].runs if run.kind is Kind.TEXT and run.parent.is_dead]
    assert [(run.is_dead, run.text) for run in late] == [(True, None)]


def test_what_is_typed_is_of_who_types(desk):
    for n, letter in enumerate("Tea from the high gardens"):
        desk.write(ADA, lambda root, n=n, letter=letter: insert(root, n, letter))

    assert by(desk.book()) == [[("Tea from the high gardens", ADA), (LINE, MAX)]]


def test_a_copy_of_living_words_is_of_who_makes_it(desk):
    desk.write(ADA, lambda root: put(root, paragraph(LINE)))

    assert by(desk.book()) == [[(LINE, MAX)], [(LINE, ADA)]]


def test_a_word_that_is_typed_over_is_of_who_types_it(desk):
    def retype(root):
        cut(root, 0, 8)
        insert(root, 0, "Tea from")

    desk.write(ADA, retype)

    assert by(desk.book()) == [[("Tea from", ADA), (LINE[8:], MAX)]]


# --- pasting --------------------------------------------------------------------------------------------------------
def spans(desk, client):
    """Return what the last row has deleted."""
    book = desk.book()
    _grave, words = book.graves.order[-1]
    return [list(span) for stretch in words for span in stretch.spans]


PART = LINE[9:30]


@pytest.mark.parametrize("text", [PART, PART[:16], f"see {PART}"])
def test_a_paste_of_what_was_cut_keeps_its_writer(desk, text):
    desk.write(ADA, lambda root: cut(root, 9, 30))
    named = spans(desk, ADA)
    desk.write(ADA + 10, lambda root: put(root, paragraph(text)), principal=ADA, cut=named)

    assert by(desk.book())[1] == [("see ", ADA)] * text.startswith("see ") + [(text.removeprefix("see "), MAX)]


def test_nobody_pastes_what_somebody_else_has_cut_or_what_is_alive(desk):
    desk.write(ADA, lambda root: cut(root, 9, 30))
    named = spans(desk, ADA)
    desk.write(BOB, lambda root: put(root, paragraph(PART)), cut=named)
    alive = [[MAX, 0, 40]]
    desk.write(BOB, lambda root: put(root, paragraph(LINE[:9])), cut=alive)

    assert by(desk.book())[1:] == [[(PART, BOB)], [(LINE[:9], BOB)]]


def test_nobody_pastes_what_somebody_without_an_id_has_cut(desk):
    """Who deletes before the first word of a connection may have told no id; that Ada did it once is no proof."""
    desk.write(0, lambda root: cut(root, 0, 4), principal=ADA)
    desk.write(0, lambda root: cut(root, 5, 26), principal=BOB)
    named = spans(desk, 0)
    desk.write(ADA, lambda root: put(root, paragraph(PART)), cut=named)

    assert by(desk.book())[1] == [(PART, ADA)]


@pytest.mark.parametrize("named", [[[5, 0, 3]], [[MAX, 10_000, 3]], [[MAX, 0, 0]], [[MAX, 3, 1 << 52]] * 300, []])
def test_a_cut_that_names_nothing_is_a_cut_of_nothing(desk, named):
    desk.write(ADA, lambda root: put(root, paragraph("fresh words")), cut=named)

    assert by(desk.book())[1] == [("fresh words", ADA)]


# --- undo -----------------------------------------------------------------------------------------------------------
def test_what_the_connection_has_deleted_is_of_its_writer_when_it_comes_again(desk):
    desk.write(ADA, lambda root: drop(root, 0))
    desk.write(ADA, lambda root: put(root, paragraph("x")))
    desk.write(ADA, lambda root: put(root, paragraph(LINE)))

    assert by(desk.book()) == [[("x", ADA)], [(LINE, MAX)]]


def test_what_another_connection_has_deleted_is_not(desk):
    desk.write(BOB, lambda root: drop(root, 0))
    desk.write(ADA, lambda root: put(root, paragraph(LINE)))

    assert by(desk.book()) == [[(LINE, ADA)]]


def test_what_was_deleted_yesterday_is_forgotten(desk):
    desk.write(ADA, lambda root: drop(root, 0))
    desk.now += 25 * 3600
    desk.write(ADA, lambda root: put(root, paragraph(LINE)))

    book = desk.book()
    assert by(book) == [[(LINE, ADA)]]
    assert not any(run.text for run in book.tree.strands[MAX].runs if run.is_dead and run.kind.name == "TEXT")


# --- who is believed ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["agent", "system"])
def test_agents_and_the_server_are_never_matched(desk, kind):
    desk.write(5, lambda root: split(root, 20), kind=kind)

    assert by(desk.book()) == [[(LINE[:20], MAX)], [(LINE[20:], 5)]]


def test_what_the_server_says_is_exact_and_nothing_else_of_the_row_is_matched(desk):
    def move(root):
        drop(root, 0)
        put(root, paragraph(LINE), paragraph(LINE))

    row = desk.write(ADA, move)
    words = [piece for piece in _pieces(row) if piece.text == _units(LINE)]
    old = next(piece for piece in _pieces(desk.rows[0]) if piece.text == _units(LINE))
    desk.rows[-1] = row.__class__(**{**_fields(row), "carries": [[ADA, words[1].clock, 10, MAX, old.clock]]})

    book = desk.book()
    assert by(book) == [[(LINE, ADA)], [(LINE[:10], MAX), (LINE[10:], ADA)]]
    assert certainties(book) == [None, Certainty.EXACT, None]


@pytest.mark.parametrize(
    "carries",
    [
        [[MAX, 3, 5, MAX, 3]],  # not of this row
        [[ADA, 0, 1 << 40, MAX, 1 << 41]],  # of what nobody has written
        [[ADA, 1 << 40, 5, MAX, 3]],
        [[99, 0, 5, MAX, 3]],
        [],
    ],
)
def test_carries_that_fit_nothing_change_nothing(desk, carries):
    desk.write(ADA, lambda root: put(root, paragraph("fresh")), carries=carries)

    assert by(desk.book()) == [[(LINE, MAX)], [("fresh", ADA)]]


def test_the_least_certain_of_several_moves_counts(desk):
    desk.write(ADA, lambda root: split(root, 20))

    def again(root):
        rest = crdt.plain(line_of(root, 1))
        drop(root, 1)
        put(root, paragraph(f"{rest[:26]}other{rest[26:]}"), at=1)

    desk.write(BOB, again)
    desk.write(ADA, lambda root: (drop(root, 1), put(root, paragraph(f"{LINE[20:46]}other{LINE[46:]}"))))

    parts = shown.blocks(desk.book())[1].ranges
    assert [part.certainty for part in parts if part.writer.principal.int == MAX] == [Certainty.WEAK] * 2


def test_calls_are_told_apart(desk):
    from uuid import UUID

    first, second = UUID(int=100), UUID(int=200)
    for n, call in enumerate([first, first, None, second]):
        desk.write(MAX, lambda root, n=n: insert(root, len(LINE) + 2 * n, f"{n} "), kind="agent", call=call)
    desk.write(ADA, lambda root: split(root, len(LINE) + 1))

    ranges = [(part.text, part.call) for block in shown.blocks(desk.book()) for part in block.ranges]
    assert ranges == [(LINE, None), ("0", first), (" 1 ", first), ("2 ", None), ("3 ", second)]


def test_breaks_count_but_belong_to_nobody():
    desk = Desk()

    def write(root):
        block = XmlElement("paragraph", {"id": "b"}, [XmlText("one😀"), XmlElement("hardBreak"), XmlText("two")])
        root.children.append(block)

    desk.write(ADA, write)

    [block] = shown.blocks(desk.book())
    assert (block.id, block.type) == ("b", "paragraph")
    assert [(part.start, part.text) for part in block.ranges] == [(0, "one😀"), (5, "two")]
    assert texts_of(desk.book()) == [("b", "one😀two")]


def _pieces(row):
    from workspaces.documents.authorship.reading import read

    return [piece for pieces in read(row.data)[0].values() for piece in pieces]


def _units(text):
    from workspaces.documents.authorship.reading import units

    return units(text)
