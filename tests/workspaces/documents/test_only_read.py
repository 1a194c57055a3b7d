"""Who may only read writes nothing: under no client id, in no kind of message, not even what others wrote."""

import pytest

from tests.sockets import in_database, until
from workspaces.documents import crdt, log, protocol
from workspaces.documents.models import DocumentUpdate, DocumentWriter
from workspaces.documents.rooms import gate, hub


def words_under(client, client_id: int, words: str = " graffiti") -> bytes:
    """Return an update that types into the first paragraph under a client id."""
    doc = crdt.open_doc(client.doc.get_update(), client_id)
    made: list[bytes] = []
    subscription = doc.observe(lambda event: made.append(event.update))
    text = crdt.last_text(crdt.root_of(doc).children[1])
    text.insert(len(text), words)
    del subscription
    return made[0]


def deletion(client) -> bytes:
    """Return an update that only deletes: it brings nothing under any client id."""
    doc = crdt.open_doc(client.doc.get_update(), 1)
    made: list[bytes] = []
    subscription = doc.observe(lambda event: made.append(event.update))
    text = crdt.last_text(crdt.root_of(doc).children[1])
    del text[0:5]
    del subscription
    return made[0]


@pytest.mark.parametrize("whose", ["its own", "an editor's", "an absent editor's", "nobody's"])
async def test_a_viewer_writes_under_no_id(sockets, document, whose):
    gone = await sockets.at("Bob")
    gone.update(gone.type(" by Bob."))
    await gone.until_acked()
    await gone.close()
    at_ada, rita = await sockets.at("Ada"), await sockets.at("Rita")
    client_id = {
        "its own": rita.client_id,
        "an editor's": at_ada.client_id,
        "an absent editor's": gone.client_id,
        "nobody's": 4711,
    }[whose]
    writers = await in_database(lambda: set(DocumentWriter.objects.values_list("client_id", "principal")))

    for step in (protocol.UPDATE, protocol.STEP2):
        rita.send(protocol.sync_message(step, words_under(rita, client_id)))
    await until(lambda: len(rita.rejected) == 2 or rita.code)

    assert [one["code"] for one in rita.rejected] == ["forbidden", "forbidden"]
    assert at_ada.text == "Plan\nFirst words. by Bob."
    assert await in_database(document.updates.count) == 2
    assert await in_database(lambda: set(DocumentWriter.objects.values_list("client_id", "principal"))) == writers
    at_ada.update(at_ada.type(" Ada goes on."))  # her id is hers, and where it was
    await at_ada.until_acked()
    await until(lambda: rita.text.endswith("Ada goes on."))


@pytest.mark.parametrize("protocols", [("wukong.v1",), ()], ids=["ours", "stock"])
async def test_a_viewer_deletes_nothing(sockets, document, protocols):
    at_ada, rita = await sockets.at("Ada"), await sockets.at("Rita", protocols=protocols)

    for step in (protocol.UPDATE, protocol.STEP2):
        rita.send(protocol.sync_message(step, deletion(rita)))
    await rita.sync()

    # A stock client answers step 1 with all deletions that it knows of: as an answer they are no attempt to write.
    assert [one["n"] for one in rita.rejected] == ([1] if protocols else [])
    assert rita.code is None
    assert at_ada.text == "Plan\nFirst words."
    assert await in_database(document.updates.count) == 1


async def test_the_id_of_a_viewer_is_no_row_until_they_may_write(sockets, document):
    rita, at_ada = await sockets.at("Rita"), await sockets.at("Ada")

    owners = await in_database(lambda: log.owners(document.pk))

    assert rita.client_id not in owners
    assert at_ada.client_id in owners


async def test_what_a_viewer_forges_is_not_remembered_for_later(sockets, document):
    """An editor who comes with that id afterwards finds it free."""
    rita, stock = await sockets.at("Rita"), await sockets("Bob", protocols=()).open()
    await stock.sync()

    rita.update(words_under(rita, stock.doc.client_id))
    await until(lambda: rita.rejected)
    stock.update(stock.type(" mine"))
    await until(lambda: "mine" in rita.text or stock.code)

    assert stock.code is None
    (room,) = hub._rooms.values()
    assert room.head == 2


@pytest.mark.parametrize("way", ["two states", "asked too often"])
async def test_nobody_is_shown_or_logged_under_an_id_of_somebody_elsewhere(sockets, document, ada, way):
    """Another process has bound it: this one has to look it up first."""
    elsewhere = 4711
    at_rita, stock = await sockets.at("Rita"), await sockets("Bob", protocols=()).open()
    await stock.sync()
    await in_database(
        lambda: log.bind_client_id(document_id=document.pk, client_id=elsewhere, kind="person", principal=ada.pk)
    )
    (room,) = hub._rooms.values()
    (member,) = [one for one in room.members if one.client_id is None]

    states = [protocol.AwarenessState(elsewhere, 1, b"{}")]
    if way == "two states":
        states.append(protocol.AwarenessState(4712, 1, b"{}"))
    else:
        member.asked = gate.MOST_NEW_IDS
    stock.send(protocol.awareness_message(states))
    stock.update(deletion(stock))
    await until(lambda: at_rita.text != "Plan\nFirst words.")

    assert member.shown_id is None
    row = await in_database(lambda: DocumentUpdate.objects.get(document=document, seq=2))
    assert row.client_id == 0


async def test_to_be_shown_under_an_id_does_not_make_it_ones_own(sockets, document):
    """Nobody has it yet; whoever writes under it later is its writer."""
    at_rita, stock = await sockets.at("Rita"), await sockets("Bob", protocols=()).open()
    await stock.sync()

    stock.say({}, client_id=4711)
    await until(lambda: 4711 in at_rita.presences)
    stock.update(deletion(stock))
    await until(lambda: at_rita.text != "Plan\nFirst words.")

    row = await in_database(lambda: DocumentUpdate.objects.get(document=document, seq=2))
    assert row.client_id == 0


async def test_what_a_stock_client_takes_away_is_logged_under_the_id_it_has_written_under(sockets, document):
    """Also on the next connection."""
    at_rita, stock = await sockets.at("Rita"), await sockets("Bob", protocols=()).open()
    await stock.sync()
    stock.update(stock.type(" mine"))
    await until(lambda: "mine" in at_rita.text)
    await stock.close()

    again = await sockets("Bob", protocols=(), replica=stock.doc).open()
    await again.sync()
    again.say({})
    again.update(deletion(again))
    await until(lambda: "First" not in at_rita.text)

    row = await in_database(lambda: DocumentUpdate.objects.get(document=document, seq=3))
    assert row.client_id == stock.doc.client_id
