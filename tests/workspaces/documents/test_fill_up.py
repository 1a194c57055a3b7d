"""A document that is full: what would make it larger is refused with a word, everything else goes on."""

import pytest
from pycrdt import XmlElement, XmlText

from tests.sockets import in_database, until
from workspaces.documents import content, crdt, limits, log
from workspaces.documents.rooms import gate
from workspaces.documents.rooms.gate import Capacity
from wukong.kernel import committer


@pytest.fixture(autouse=True)
def _measured_at_once(monkeypatch):
    """How often a full document may be measured is told apart below."""
    monkeypatch.setattr(gate, "_SHARE", 0)


def add_blocks(count: int, words: str = ""):
    def change(doc) -> None:
        for _ in range(count):
            block = XmlElement("paragraph", {"id": crdt.new_block_id()}, [XmlText(words)])
            crdt.root_of(doc).children.append(block)

    return change


def drop_blocks(first: int):
    def change(doc) -> None:
        children = crdt.root_of(doc).children
        while len(children) > first:
            del children[len(children) - 1]

    return change


async def text_in_log(document) -> str:
    state, _head = await in_database(lambda: log.load(document.pk))
    return content.plain_text(content.read(crdt.open_doc(state)))


FILLS = {"bytes": ("DOCUMENT_BYTES", 3000, 1, "w" * 3000), "blocks": ("BLOCKS", 12, 11, "")}


@pytest.mark.parametrize(("limit", "most", "count", "words"), FILLS.values(), ids=FILLS)
async def test_what_does_not_fit_is_refused_and_nobody_else_notices(
    sockets, document, monkeypatch, limit, most, count, words
):
    monkeypatch.setattr(limits, limit, most)
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    before, frames = at_bob.text, len(at_bob.frames)

    at_ada.update(at_ada.edit(add_blocks(count, words)))
    await until(lambda: at_ada.rejected)

    (refusal,) = at_ada.rejected
    assert (refusal["n"], refusal["code"]) == (1, "full")
    assert refusal["message"]
    assert (at_ada.code, at_ada.acked) == (None, 0)
    assert await in_database(document.updates.count) == 1
    assert (at_bob.text, len(at_bob.frames)) == (before, frames)
    at_bob.update(at_bob.type(" This fits."))
    await at_bob.until_acked()
    assert await text_in_log(document) == "Plan\nFirst words. This fits."


async def test_deleting_is_possible_in_a_full_document_and_makes_room(sockets, document, monkeypatch):
    monkeypatch.setattr(limits, "BLOCKS", 12)
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    at_ada.update(at_ada.edit(add_blocks(10, "filled")))
    await at_ada.until_acked()
    at_bob.update(at_bob.edit(add_blocks(1, "one too many")))
    await until(lambda: at_bob.rejected)

    at_ada.update(at_ada.type(" Typing goes on."))
    at_ada.update(at_ada.edit(drop_blocks(4)))
    await at_ada.until_acked()
    at_ada.update(at_ada.edit(add_blocks(8, "new")))
    await at_ada.until_acked()

    assert at_ada.rejected == []
    assert await text_in_log(document) == "\n".join(
        ["Plan", "First words. Typing goes on.", "filled", "filled", *["new"] * 8]
    )


async def test_deleting_is_possible_in_a_document_that_is_over_its_limit(sockets, document, monkeypatch):
    """What was written before a limit was lowered stays; it may only become less."""
    at_ada = await sockets.at("Ada")
    at_ada.update(at_ada.edit(add_blocks(10, "filled")))
    await at_ada.until_acked()
    monkeypatch.setattr(limits, "BLOCKS", 6)

    at_ada.update(at_ada.type("!"))
    at_ada.update(at_ada.edit(drop_blocks(8)))
    await until(lambda: at_ada.rejected and at_ada.acked == 3)

    assert [(one["n"], one["code"]) for one in at_ada.rejected] == [(2, "full")]
    assert (await text_in_log(document)).count("filled") == 6


@pytest.mark.slow
async def test_a_document_of_five_thousand_blocks_takes_no_more_of_them(sockets, document):
    """The limit as it is, with words that the server wrote itself."""
    assert (limits.BLOCKS, limits.DOCUMENT_BYTES) == (5_000, 16 << 20)
    writer = crdt.open_doc(client_id=5)
    with writer.transaction():
        add_blocks(limits.BLOCKS - 2)(writer)
    entry = log.LogEntry(data=writer.get_update(), client_id=5, principal=document.pk, kind="system")
    await committer.arun(lambda: log.append(document_id=document.pk, entries=[entry]))
    at_ada = await sockets.at("Ada")

    at_ada.update(at_ada.edit(add_blocks(1)))
    await until(lambda: at_ada.rejected or at_ada.acked)

    assert [one["code"] for one in at_ada.rejected] == ["full"]
    assert await in_database(document.updates.count) == 2


async def test_a_stock_client_which_has_no_word_for_it_is_closed(sockets, document, monkeypatch):
    monkeypatch.setattr(limits, "BLOCKS", 3)
    at_ada, stock = await sockets.at("Ada"), await sockets("Bob", protocols=()).open()
    await stock.sync()

    stock.update(stock.edit(add_blocks(2)))

    assert await stock.until_closed() == 4413
    at_ada.update(at_ada.type(" still here"))
    await at_ada.until_acked()
    assert await text_in_log(document) == "Plan\nFirst words. still here"


async def test_what_waits_in_one_turn_counts_together(sockets, document, monkeypatch):
    """Each fits by itself, and they come before any of them is committed."""
    monkeypatch.setattr(limits, "BLOCKS", 12)
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")

    for client in (at_ada, at_bob):
        client.update(client.edit(add_blocks(6, "half")))
    await until(lambda: at_ada.rejected or at_bob.rejected)
    await until(lambda: at_ada.acked + at_bob.acked == 1)

    assert (await text_in_log(document)).count("half") == 6


async def test_a_nest_that_is_too_deep_is_refused_as_full(sockets, document):
    def nest(doc) -> None:
        inner = XmlElement("paragraph", {"id": crdt.new_block_id()}, [XmlText("deep")])
        for _ in range(limits.DEPTH):
            inner = XmlElement("blockquote", {"id": crdt.new_block_id()}, [inner])
        crdt.root_of(doc).children.append(inner)

    at_ada = await sockets.at("Ada")
    at_ada.update(at_ada.edit(nest))
    await until(lambda: at_ada.rejected or at_ada.code)

    assert [one["code"] for one in at_ada.rejected] == ["full"]
    assert await in_database(document.updates.count) == 1


def test_a_document_that_seems_full_is_not_measured_all_the_time(monkeypatch):
    monkeypatch.setattr(gate, "_SHARE", 20)
    now = 100.0
    monkeypatch.setattr("workspaces.documents.rooms.gate.time.monotonic", lambda: now)
    measured = []

    def measure() -> limits.Size:
        nonlocal now
        measured.append(now)
        now += 0.05
        return limits.Size(blocks=limits.BLOCKS)

    capacity = Capacity(measure)
    for _ in range(100):
        with pytest.raises(crdt.Full):
            capacity.take(limits.Size(blocks=1))
        now += 0.025  # 2.5 s in all

    assert len(measured) == 3
