"""A document whose database was put back begins another history: copies of the old one are never merged."""

import pytest
from django.core.management import call_command

from tests.sockets import in_database, until
from workspaces.documents import content, crdt, log
from workspaces.documents.models import Document, DocumentUpdate
from workspaces.documents.rooms import hub, store
from wukong.kernel import bus, committer


def renew(capsys) -> None:
    call_command("renew_documents")
    assert capsys.readouterr().out == "1 documents begin another history\n"


def put_back(document, seq: int) -> None:
    """Leave in the database what a backup of an earlier moment holds, and begin another history as one has to."""
    DocumentUpdate.objects.filter(document=document, seq__gt=seq).delete()
    Document.objects.filter(pk=document.pk).update(head_seq=seq)
    log.begin_history(document_ids=[document.pk])


async def text_in_log(document) -> str:
    state, _head = await in_database(lambda: log.load(document.pk))
    return content.plain_text(content.read(crdt.open_doc(state)))


async def test_every_socket_comes_back_to_another_generation(sockets, document, capsys):
    at_ada, stock = await sockets.at("Ada"), await sockets("Bob", protocols=()).open()
    assert (await at_ada.hello())["generation"] == 1

    await in_database(lambda: renew(capsys))

    assert [await at_ada.until_closed(), await stock.until_closed()] == [1013, 1013]
    assert hub._rooms == {}
    hello = await (await sockets.at("Ada")).hello()
    assert (hello["generation"], hello["seq"]) == (2, 1)
    assert await text_in_log(document) == "Plan\nFirst words."


async def test_words_on_their_way_into_the_old_history_are_not_written(sockets, document, monkeypatch):
    """The hint that it ended is lost: the log itself refuses."""
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    monkeypatch.setattr(bus, "publish", lambda *_args: None)
    await committer.arun(lambda: log.begin_history(document_ids=[document.pk]))

    at_ada.update(at_ada.type(" of the old history"))

    assert [await at_ada.until_closed(), await at_bob.until_closed()] == [1013, 1013]
    assert (at_ada.acked, at_bob.text) == (0, "Plan\nFirst words.")
    assert await in_database(document.updates.count) == 1


async def test_a_room_that_missed_the_hint_finds_out_by_looking(sockets, document, monkeypatch):
    monkeypatch.setattr(hub, "LOOK_S", 0.02)
    monkeypatch.setattr(hub, "SELDOM", 1)
    at_ada = await sockets.at("Ada")
    monkeypatch.setattr(bus, "publish", lambda *_args: None)

    await committer.arun(lambda: log.begin_history(document_ids=[document.pk]))

    assert await at_ada.until_closed() == 1013


async def test_who_was_admitted_to_the_old_history_does_not_enter_the_new_one(sockets, document, monkeypatch):
    """It began between the look at the rights and the opening of the room: `hello` would tell the wrong one."""
    load = store.load

    def load_after_the_change(document_id):
        Document.objects.filter(pk=document_id).update(generation=2)
        return load(document_id)

    with monkeypatch.context() as patch:
        patch.setattr(store, "load", load_after_the_change)
        client = await sockets("Ada").open()
        assert await client.until_closed() == 1013

    assert client.controls == []
    assert (await (await sockets.at("Ada")).hello())["generation"] == 2


@pytest.mark.parametrize("protocols", [("wukong.v1",), ()], ids=["ours", "stock"])
async def test_a_copy_that_goes_on_from_lost_words_brings_nothing_in(sockets, document, protocols):
    """siphonophore #10, hocuspocus #344. A stock client is told no generation: what its words lean on is missing."""
    at_ada = await sockets.at("Ada")
    bob = await sockets.at("Bob", protocols=protocols)
    at_ada.update(at_ada.type(" lost with the backup"))
    await at_ada.until_acked()
    await until(lambda: bob.text == at_ada.text)
    kept = crdt.open_doc(bob.doc.get_update(), bob.client_id)

    await committer.arun(lambda: put_back(document, 1))
    await bob.until_closed()
    back = await sockets("Bob", protocols=protocols, replica=kept).open()
    back.ask()
    back.update(kept.get_update())  # all that it has, whatever `hello` said
    back.update(back.type(" and on", block=1))
    await until(lambda: back.rejected or back.code)
    rita = await sockets.at("Rita")

    assert rita.text == "Plan\nFirst words." == await text_in_log(document)
    assert await in_database(document.updates.count) == 1
    if protocols:
        hello = await back.hello()
        assert (hello["generation"], hello["seq"]) == (2, 1)
