"""Who may only read writes nothing: under no client id, in no kind of message, not even what others wrote."""

import pytest

from tests.sockets import in_database, until
from workspaces.documents import crdt, log, protocol
from workspaces.documents.models import DocumentWriter
from workspaces.documents.rooms import hub


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
