"""Stock y-websocket clients: they work, under an id of their own that nobody else can take."""

import json

import pytest

from tests.sockets import in_database, until
from workspaces.documents import crdt, log
from workspaces.documents.models import DocumentUpdate
from workspaces.documents.rooms import hub


@pytest.mark.parametrize("protocols", [(), ("wukong.sync",)])
async def test_a_stock_client_works_and_never_hears_of_64(sockets, document, bob, protocols):
    stock, ada = await sockets("Bob", protocols=protocols).open(), await sockets.at("Ada")
    await stock.sync()
    assert stock.step1

    stock.update(stock.type(" from afar"))
    await until(lambda: "from afar" in ada.text)
    ada.update(ada.type("!"))
    await until(lambda: stock.text == ada.text)

    assert stock.controls == []
    row = await in_database(lambda: DocumentUpdate.objects.get(document=document, seq=2))
    assert (row.client_id, row.principal) == (stock.doc.client_id, bob.pk)
    assert (await in_database(lambda: log.owners(document.pk)))[stock.doc.client_id] == bob.pk


async def test_a_stock_client_keeps_its_id_over_connections_and_nobody_takes_it(sockets, document):
    stock = await sockets("Bob", protocols=()).open()
    await stock.sync()
    stock.update(stock.type("one "))
    await until(lambda: hub._rooms[document.pk].head == 2)
    await stock.close()

    again = await sockets("Bob", protocols=(), replica=stock.doc).open()
    await again.sync()
    again.update(again.type("two "))
    await until(lambda: hub._rooms[document.pk].head == 3)

    thief = await sockets("Ada", protocols=(), replica=stock.doc).open()
    await thief.sync()
    thief.update(thief.type("three "))
    assert await thief.until_closed() == 4409


async def test_a_client_does_not_bring_ids_without_end(sockets, document):
    stock = await sockets("Bob", protocols=()).open()
    await stock.sync()

    for number in range(30):
        stock.doc = crdt.open_doc(stock.doc.get_update(), 1000 + number)
        stock.update(stock.type("x"))

    assert await stock.until_closed() == 4429
    assert json.dumps(stock.controls) == "[]"
