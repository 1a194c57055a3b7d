"""A room: commit, then tell. What was acknowledged is in the log, what is not in the log nobody has heard."""

import asyncio
import threading

import pytest
from django.db import OperationalError

from tests.sockets import in_database, until
from workspaces.documents import content, crdt, log
from workspaces.documents.models import DocumentUpdate, DocumentWriter
from workspaces.documents.rooms import hub, store
from workspaces.documents.rooms.room import Room
from wukong.kernel import bus, committer


async def replayed(document) -> str:
    """Return the text that the log alone makes."""
    rows = await in_database(lambda: log.since(document.pk, 0))
    doc = crdt.open_doc()
    crdt.apply(doc, [data for _seq, data in rows])
    return content.plain_text(content.read(doc))


def rows_of(document):
    return in_database(lambda: log.since(document.pk, 0))


async def test_what_one_types_the_other_sees_and_the_log_has(sockets, document, ada):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")

    data = at_ada.type(" 世界 🎉")
    at_ada.update(data)
    await at_ada.until_acked()
    await until(lambda: at_bob.text == at_ada.text)

    assert at_bob.text == "Plan\nFirst words. 世界 🎉" == await replayed(document)
    row = await in_database(lambda: DocumentUpdate.objects.get(document=document, seq=2))
    assert (bytes(row.data), row.client_id, row.principal, row.kind) == (data, at_ada.client_id, ada.pk, "person")


async def test_two_who_type_at_once_converge(sockets, document):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")

    for number in range(20):
        at_ada.update(at_ada.type(f"a{number} "))
        at_bob.update(at_bob.type(f"b{number} ", at=0))
        await asyncio.sleep(0)
    await at_ada.until_acked()
    await at_bob.until_acked()
    await until(lambda: at_ada.text == at_bob.text)

    assert at_ada.text == await replayed(document)
    assert all(f"{who}{number} " in at_ada.text for who in "ab" for number in range(20))


async def test_the_author_does_not_hear_its_own_words(sockets):
    at_ada = await sockets.at("Ada")
    before = len(at_ada.frames)

    at_ada.update(at_ada.type("x"))
    await at_ada.until_acked()

    assert len(at_ada.frames) == before + 1  # the acknowledgement


async def test_acknowledgements_count_the_messages_of_their_connection(sockets):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    at_bob.update(at_bob.type("by Bob"))
    await at_bob.until_acked()

    for word in ("one ", "two ", "three "):
        at_ada.update(at_ada.type(word))
    at_ada.update(b"\0\0")  # nothing to say is said in its turn
    await at_ada.until_acked()

    acks = [one for one in at_ada.controls if one["type"] == "ack"]
    assert acks[-1] == {"type": "ack", "n": 4, "seq": 5}
    assert [one["n"] for one in acks] == sorted(one["n"] for one in acks)


async def test_when_the_commit_fails_nobody_hears_and_all_come_back(sockets, document, monkeypatch):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    update, before = at_ada.type("lost?"), at_bob.text

    def fail(*_args):
        raise OperationalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "commit", fail)
        at_ada.update(update)
        assert await at_ada.until_closed() == 1013
        assert await at_bob.until_closed() == 1013

    assert at_ada.acked == 0
    assert at_bob.text == before
    assert len(await rows_of(document)) == 1

    again = await sockets.at("Ada")
    assert again.text == before
    again.update(update)  # the browser has kept it
    await again.until_acked()
    assert "lost?" in await replayed(document)


async def test_nobody_hears_of_words_that_are_on_their_way(sockets, document, monkeypatch):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    late = await sockets("Rita").open()
    await late.hello()
    may_commit, has_begun, commit = threading.Event(), threading.Event(), store.commit

    def wait(*args):
        has_begun.set()
        may_commit.wait(5)
        return commit(*args)

    monkeypatch.setattr(store, "commit", wait)
    at_ada.update(at_ada.type("secret"))
    await until(has_begun.is_set)
    late.ask()
    at_bob.update(at_bob.type("second"))
    await asyncio.sleep(0.05)

    assert "secret" not in at_bob.text
    assert "secret" not in late.text
    assert not late.is_synced
    assert at_ada.acked == at_bob.acked == 0

    may_commit.set()
    await until(lambda: late.is_synced and "secret" in at_bob.text)
    await at_bob.until_acked()
    await until(lambda: late.text == at_ada.text == at_bob.text)


async def test_many_small_updates_share_commits(sockets, monkeypatch):
    at_ada = await sockets.at("Ada")
    batches, commit = [], store.commit
    monkeypatch.setattr(store, "commit", lambda *args: batches.append(len(args[-1])) or commit(*args))

    for number in range(60):
        at_ada.update(at_ada.type(str(number)))
    await at_ada.until_acked()

    assert sum(batches) == 60
    assert len(batches) < 30


async def test_what_is_sent_again_counts_once(sockets, document):
    at_ada = await sockets.at("Ada")
    data = at_ada.type("once")
    at_ada.update(data)
    await at_ada.until_acked()
    await at_ada.close()

    again = await sockets.at("Ada")
    again.update(data)
    await again.until_acked()

    assert len(await rows_of(document)) == 2
    assert again.text.count("once") == 1


async def test_deletions_that_are_known_are_not_logged_again(sockets, document):
    at_ada = await sockets.at("Ada")

    def shorten(doc):
        text = crdt.last_text(crdt.root_of(doc).children[1])
        del text[0:5]

    data = at_ada.edit(shorten)
    at_ada.update(data)
    at_ada.update(data)
    await at_ada.until_acked()

    assert len(await rows_of(document)) == 2
    assert await replayed(document) == "Plan\n words."


async def test_words_of_an_agent_reach_the_sockets(sockets, document):
    at_ada = await sockets.at("Ada")
    principal = document.pk

    def write() -> bytes:
        client_id = log.issue_client_id(document_id=document.pk, kind="agent", principal=principal)
        doc = crdt.open_doc(log.load(document.pk)[0], client_id)
        made = []
        subscription = doc.observe(lambda event: made.append(event.update))
        content.seed(doc, content.parse_markdown("An agent was here.\n"))
        del subscription
        log.append(
            document_id=document.pk,
            entries=[log.LogEntry(data=made[0], client_id=client_id, principal=principal, kind="agent")],
        )
        return made[0]

    threading.Thread(target=lambda: committer.run(write)).start()
    await until(lambda: "An agent was here." in at_ada.text)

    at_ada.update(at_ada.type("!", block=2))  # leans on the agent's words
    await at_ada.until_acked()
    assert await replayed(document) == at_ada.text


async def test_what_a_person_types_goes_before_the_words_of_agents(sockets, document, monkeypatch):
    """Both wait: the person's are committed and told first, and the commit brings the agents' along."""
    at_ada, at_bob, other = await sockets.at("Ada"), await sockets.at("Bob"), await sockets.at("Rita")
    order, commit, since = [], store.commit, log.since
    monkeypatch.setattr(store, "commit", lambda *args: order.append("commit") or commit(*args))
    monkeypatch.setattr(log, "since", lambda *args: order.append("read") or since(*args))
    (room,) = hub._rooms.values()
    room._pace.read()  # the log has just been read: the agent's words have to wait a little

    await append(document, at_bob, "of an agent")
    at_ada.update(at_ada.type("of a person"))
    await at_ada.until_acked()
    await until(lambda: "of an agent" in other.text and "of a person" in other.text)

    assert order[0] == "commit"
    assert order.count("commit") == 1


async def append(document, at, words: str) -> None:
    """Append as another process would: with the log, past the room. `at` has the document."""
    data = at.add_block(words)
    entry = log.LogEntry(data=data, client_id=at.client_id, principal=document.pk, kind="agent")
    await committer.arun(lambda: log.append(document_id=document.pk, entries=[entry]))


async def test_a_lost_hint_is_made_good(sockets, document, monkeypatch):
    monkeypatch.setattr(hub, "LOOK_S", 0.05)
    monkeypatch.setattr(hub, "SELDOM", 1)
    at_ada, other = await sockets.at("Ada"), await sockets.at("Bob")

    with monkeypatch.context() as patch:
        patch.setattr(bus, "publish", lambda *_args: None)
        await append(document, other, "unheard")
        await asyncio.sleep(0)

    await until(lambda: "unheard" in at_ada.text)


async def test_rows_of_others_between_two_own_are_not_missed(sockets, document, monkeypatch):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    monkeypatch.setattr(bus, "publish", lambda *_args: None)
    monkeypatch.setattr(hub, "LOOK_S", 100)
    other = await sockets.at("Bob")
    await append(document, other, "from elsewhere")

    at_ada.update(at_ada.type("mine"))
    await at_ada.until_acked()

    await until(lambda: "mine" in at_bob.text)
    assert "from elsewhere" in at_ada.text
    assert "from elsewhere" in at_bob.text


async def test_what_is_committed_while_a_room_is_loaded_is_not_missed(sockets, document, monkeypatch):
    first = await sockets.at("Bob")
    data = first.add_block("meanwhile")
    entry = log.LogEntry(data=data, client_id=first.client_id, principal=document.pk, kind="agent")
    await first.close()
    await hub.close_all()
    hub.reopen()
    load = store.load

    def load_slowly(document_id):
        loaded = load(document_id)
        committer.run(lambda: log.append(document_id=document_id, entries=[entry]))
        return loaded

    monkeypatch.setattr(store, "load", load_slowly)
    at_ada = await sockets.at("Ada")

    await until(lambda: "meanwhile" in at_ada.text)


async def test_many_who_come_at_once_open_one_room(sockets, monkeypatch):
    loads, load = [], store.load
    monkeypatch.setattr(store, "load", lambda document_id: loads.append(document_id) or load(document_id))

    clients = await asyncio.gather(*(sockets.at(name) for name in ("Ada", "Bob", "Rita", "Ada", "Bob")))

    assert len(loads) == 1
    assert {client.text for client in clients} == {"Plan\nFirst words."}


async def test_a_document_that_cannot_be_loaded_leaves_no_room_behind(sockets, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(store, "load", lambda _id: 1 / 0)
        assert await (await sockets("Ada").open()).until_closed() == 1013

    assert (await sockets.at("Ada")).text == "Plan\nFirst words."


async def test_an_update_that_breaks_the_document_closes_only_its_sender(sockets, document):
    """pycrdt-websocket #30, #33, #143, jupyter-collaboration #245, #290: one exception ended the room for all.

    A text node at the top crashes browsers; the update alone does not tell where it stands.
    """
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    held = at_ada.type("honest ")
    bad = _text_at_the_top(at_bob)

    at_ada.update(held)
    at_bob.update(bad)
    at_ada.update(at_ada.type("words "))

    assert await at_bob.until_closed() == 4400
    await at_ada.until_acked()
    assert "honest words" in await replayed(document)
    assert len(await rows_of(document)) == 3
    fresh = await sockets.at("Rita")
    assert fresh.text == at_ada.text


def _text_at_the_top(at) -> bytes:
    """Return an update that puts words beside a paragraph: it leans on the last block of the document."""
    from pycrdt import Doc, XmlFragment, XmlText

    doc = Doc(client_id=at.client_id)
    root = doc.get("default", type=XmlFragment)
    doc.apply_update(at.doc.get_update())
    made = []
    subscription = doc.observe(lambda event: made.append(event.update))
    root.children.append(XmlText("loose"))
    del subscription
    return made[0]


async def test_the_end_of_the_process_loses_nothing(sockets, document):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    at_ada.update(at_ada.type("last words"))
    await until(lambda: at_ada.inbox.empty())

    await hub.close_all()

    assert (at_ada.code, at_bob.code) == (1001, 1001)
    assert at_ada.acked == 1
    assert "last words" in await replayed(document)


async def test_while_the_process_ends_nobody_is_let_in(sockets):
    await hub.close_all()

    assert await (await sockets("Ada").open()).until_closed() == 1013


async def test_a_document_that_is_gone_closes_its_sockets(sockets, document, monkeypatch):
    monkeypatch.setattr(hub, "LOOK_S", 0.02)
    monkeypatch.setattr(hub, "SELDOM", 1)
    at_ada = await sockets.at("Ada")

    await committer.arun(document.delete)

    assert await at_ada.until_closed() == 4404


async def test_a_fault_of_ours_closes_the_room_and_does_not_leave_it_deaf(sockets, monkeypatch):
    at_ada = await sockets.at("Ada")
    with monkeypatch.context() as patch:
        patch.setattr(Room, "_tell", lambda *_args: 1 / 0)
        at_ada.update(at_ada.type("x"))
        assert await at_ada.until_closed() == 1013

    assert "x" in (await sockets.at("Ada")).text  # it was in the log


async def test_an_issued_id_is_bound_to_its_person(sockets, document, ada):
    at_ada = await sockets.at("Ada")

    writer = await in_database(lambda: DocumentWriter.objects.get(document=document, client_id=at_ada.client_id))

    assert writer.principal == ada.pk


@pytest.mark.parametrize("size", [1, 40])
async def test_a_large_update_goes_through_in_one_piece(sockets, document, size):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")

    at_ada.update(at_ada.type("字" * 1000 * size))
    await at_ada.until_acked()

    await until(lambda: at_bob.text == at_ada.text)
    assert await replayed(document) == at_ada.text
