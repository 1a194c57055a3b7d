"""What has gone wrong elsewhere: each test names the threads of other projects whose failure it would show here."""

import random

import pytest
from pycrdt import Doc, XmlElement, XmlFragment, XmlText

from tests.sockets import Client, in_database, until
from workspaces.documents import content, crdt, log, protocol, services
from workspaces.documents.models import Document
from workspaces.documents.rooms import hub
from wukong.kernel import bus, committer

EMOJI = "A📊B👩\u200d👩\u200d👧é\u0301字𠮷"


def copy_of(client: Client) -> Doc:
    """Return a replica as somebody has it who goes away now."""
    return crdt.open_doc(client.doc.get_update(), client.client_id)


def type_into(doc: Doc, words: str, block: int = 1, at: int | None = None) -> bytes:
    """Type while offline; returns the update, for an outbox."""
    made: list[bytes] = []
    subscription = doc.observe(lambda event: made.append(event.update))
    text = crdt.last_text(crdt.root_of(doc).children[block])
    text.insert(len(text) if at is None else at, words)
    del subscription
    return made[0]


async def comes_back(sockets, name: str, doc: Doc, outbox: list[bytes]) -> Client:
    """Connect with an old copy, send what is in the outbox, and take in the rest."""
    client = await sockets(name, replica=doc).open()
    await client.hello()
    for update in outbox:
        client.update(update)
    await client.sync()
    await client.until_acked()
    return client


async def text_of(document) -> str:
    """Return the words as a fresh load of the log gives them."""
    state, _head = await in_database(lambda: log.load(document.pk))
    return content.plain_text(content.read(crdt.open_doc(state)))


async def test_an_old_copy_adds_its_words_and_overwrites_nothing(sockets, document):
    """suitenumerique/docs #1909, #1093, #456, #486 (the document of a phone that slept replaced everybody's), outline
    #5770 (a client that returns merges).
    """
    ada, sleeper = await sockets.at("Ada"), await sockets.at("Bob")
    asleep = copy_of(sleeper)
    await sleeper.close()
    ada.update(ada.type(" Written meanwhile."))
    ada.update(ada.add_block("A new block."))
    await ada.until_acked()
    outbox = [type_into(asleep, " Written asleep. ")]

    back = await comes_back(sockets, "Bob", asleep, outbox)
    await until(lambda: back.text == ada.text)

    assert "Written meanwhile." in ada.text
    assert "Written asleep." in ada.text
    assert ada.text.endswith("A new block.")
    assert ada.text == await text_of(document)


async def test_a_copy_that_has_nothing_new_changes_nothing(sockets, document):
    """suitenumerique/docs #1909: an old page that only comes back must not write at all."""
    ada, sleeper = await sockets.at("Ada"), await sockets.at("Bob")
    asleep = copy_of(sleeper)
    await sleeper.close()
    ada.update(ada.type(" Written meanwhile."))
    await ada.until_acked()
    head = hub._rooms[document.pk].head

    back = await sockets("Bob", protocols=(), replica=asleep).open()  # a stock client even offers all that it has
    await back.sync()
    back.send(_step2(asleep))
    ada.update(ada.type("!"))
    await ada.until_acked()
    await until(lambda: back.text == ada.text)

    assert hub._rooms[document.pk].head == head + 1
    assert "Written meanwhile.!" in await text_of(document)


def _step2(doc: Doc) -> bytes:
    return protocol.sync_message(protocol.STEP2, doc.get_update())


async def test_words_typed_offline_survive_that_all_words_were_deleted(sockets, document):
    """y-prosemirror #108: one is offline and types, the other deletes every character; the typed ones stay."""
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    offline = copy_of(bob)
    await bob.close()
    outbox = [type_into(offline, " typed offline", 1)]

    def delete_all(doc) -> None:
        for block in crdt.root_of(doc).children:
            text = crdt.last_text(block)
            del text[0 : len(text)]

    ada.update(ada.edit(delete_all))
    await ada.until_acked()
    assert ada.text.strip() == ""

    back = await comes_back(sockets, "Bob", offline, outbox)
    await until(lambda: back.text == ada.text)

    assert ada.text.strip() == "typed offline" == (await text_of(document)).strip()


async def test_many_who_type_at_the_start_of_a_line_double_no_letter(sockets, document):
    """y-prosemirror #161: two write at the beginning of the same (also an empty) line at the same moment, twice."""
    clients = [await sockets.at(name) for name in ("Ada", "Bob", "Bob")]
    clients[0].update(clients[0].add_block(""))
    await clients[0].until_acked()
    await until(lambda: all(len(crdt.root_of(one.doc).children) == 3 for one in clients))

    for turn in range(2):
        updates = [
            one.type(f"{name}{turn}|", block, at=0)
            for block in (1, 2)
            for one, name in zip(clients, "xyz", strict=True)
        ]
        for number, update in enumerate(updates):
            clients[number % 3].update(update)
        for one in clients:
            await one.until_acked()
        await until(lambda: len({one.text for one in clients}) == 1)

    for line in clients[0].text.split("\n")[1:]:
        assert sorted(line.replace("First words.", "").split("|")[:-1]) == ["x0", "x1", "y0", "y1", "z0", "z1"]
    assert clients[0].text == await text_of(document)


async def test_the_first_words_are_there_once_however_often_a_server_is_built_anew(sockets, document):
    """hocuspocus #84, #344, #509, #592, #725; jupyter-collaboration #594, #595, #621: content was seeded again by each
    client, or by each server that loaded the document.
    """
    browser = await sockets.at("Ada")
    kept = copy_of(browser)
    await browser.close()
    for _ in range(3):
        await hub.close_all()
        hub.reopen()
        browser = await comes_back(sockets, "Ada", kept, [])
        newcomer = await sockets.at("Bob")
        assert browser.text == newcomer.text == "Plan\nFirst words."
        kept = copy_of(browser)
        await browser.close()
        await newcomer.close()

    rows = await in_database(lambda: log.since(document.pk, 0))
    assert len(rows) == 1
    assert await text_of(document) == "Plan\nFirst words."


async def test_many_who_open_an_empty_document_at_once_give_it_no_content(sockets, project, ada):
    """hocuspocus #344, #509: each of several first visitors used to bring the initial content along."""
    empty = await in_database(lambda: services.create_document(project=project, title="Empty", actor=ada))
    visitors = [await sockets(name, f"/ws/documents/{empty.pk}").open() for name in ("Ada", "Bob", "Bob", "Rita")]
    for one in visitors:
        await one.sync()

    assert [one.text for one in visitors] == [""] * 4
    assert await in_database(lambda: log.since(empty.pk, 0)) == []


async def test_a_server_that_starts_between_two_edits_doubles_nothing(sockets, document):
    """jupyter-collaboration #621, #594: what was under way as the room ended came twice, or never."""
    browser = await sockets.at("Ada")
    outbox = []
    for turn in range(4):
        outbox.append(browser.type(f"t{turn} "))
        browser.update(outbox[-1])
        await hub.close_all()  # the turn may be committed, on its way, or not taken at all
        hub.reopen()
        browser = await comes_back(sockets, "Ada", copy_of(browser), outbox)

    assert browser.text == "Plan\nFirst words." + "".join(f"t{turn} " for turn in range(4))
    assert await text_of(document) == browser.text


@pytest.mark.parametrize("at", range(len(EMOJI) + 1))
def test_every_place_between_two_characters_is_found(at):
    """pycrdt #379, #381, #382, #308: an index counted in characters lands inside of a character, and corrupts."""
    doc = crdt.open_doc(client_id=5)
    root = crdt.root_of(doc)
    text = root.children.append(XmlElement("paragraph", {}, [XmlText(EMOJI)])).children[0]
    text.insert(crdt.utf8(EMOJI[:at]), "｜")

    expected = EMOJI[:at] + "｜" + EMOJI[at:]
    assert crdt.plain(text) == expected
    assert content.plain_text(content.read(crdt.open_doc(doc.get_update()))) == expected


def test_an_index_in_characters_would_corrupt():
    """pycrdt #379, #381: the library counts bytes and does not refuse a place inside of a character; others then see
    another text than the writer. If this fails the library has changed, and crdt.utf8 has to follow.
    """
    doc = crdt.open_doc(client_id=5)
    text = crdt.root_of(doc).children.append(XmlElement("paragraph", {}, [XmlText("字字")])).children[0]
    assert len(text) == 6
    text.insert(1, "x")  # after the first character, were it counted in characters

    assert content.read(crdt.open_doc(doc.get_update())) != content.read(doc)


async def test_what_one_deletes_by_characters_is_gone_for_all(sockets, document):
    """pycrdt #308, #382: deletions of characters outside of the first plane, one by one, over the wire."""
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    ada.update(ada.type(EMOJI, 0))
    dice = random.Random(3)
    expected = "Plan" + EMOJI
    while len(expected) > 4:
        at = dice.randrange(4, len(expected))
        start, end = crdt.utf8(expected[:at]), crdt.utf8(expected[: at + 1])

        def delete(doc, start=start, end=end) -> None:
            del crdt.last_text(crdt.root_of(doc).children[0])[start:end]

        ada.update(ada.edit(delete))
        expected = expected[:at] + expected[at + 1 :]
        await ada.until_acked()
        await until(lambda text=expected: bob.text.split("\n")[0] == text)

    assert (await text_of(document)).split("\n")[0] == "Plan"


async def test_words_for_a_block_that_is_gone_break_nobody(sockets, document):
    """jupyter-collaboration #583: a client came back with edits inside of what the server no longer had, and the server
    failed with InvalidParent ("block parent must be deleted or shared ref type").
    """
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    ada.update(ada.add_block("Doomed."))
    await ada.until_acked()
    await until(lambda: "Doomed." in bob.text)
    offline = copy_of(bob)
    await bob.close()
    outbox = [type_into(offline, " late words", 2), type_into(offline, " and words that stay", 1)]

    def drop(doc) -> None:
        del crdt.root_of(doc).children[2]

    ada.update(ada.edit(drop))
    await ada.until_acked()
    await hub.close_all()  # the block is gone from the loaded copy, only its length is left
    hub.reopen()
    back = await comes_back(sockets, "Bob", offline, outbox)
    rita = await sockets.at("Rita")

    assert back.code is None
    assert back.text == rita.text == "Plan\nFirst words. and words that stay"
    assert await text_of(document) == rita.text


async def test_a_copy_of_another_history_is_told_so_and_breaks_nobody(sockets, document):
    """jupyter-collaboration #583 and #571, siphonophore #10: a document that was made anew under an old page."""
    ada = await sockets.at("Ada")
    foreign = crdt.open_doc(client_id=ada.client_id)
    root: XmlFragment = crdt.root_of(foreign)
    with foreign.transaction():
        root.children.append(XmlElement("paragraph", {"id": "other"}, [XmlText("Another history.")]))
    ada.update(_tail_of(foreign))  # leans on pieces that this document does not have
    await until(lambda: ada.rejected or ada.code)

    bob = await sockets.at("Bob")
    assert ada.rejected[0]["code"] == "gap"
    assert bob.text == "Plan\nFirst words." == await text_of(document)
    assert (await bob.hello())["generation"] == (
        await in_database(lambda: Document.objects.get(pk=document.pk))
    ).generation


def _tail_of(doc: Doc) -> bytes:
    before = doc.get_state()
    text = crdt.last_text(crdt.root_of(doc).children[0])
    text.insert(len(text), " More.")
    return doc.get_update(before)


async def test_an_update_with_a_gap_waits_at_its_sender_and_is_completed_later(sockets, document):
    """A pending update (of what was read of pycrdt): stored, invisible, in no state vector. Here it is not taken, not
    acknowledged and not in the log; with what was missing it is all there, once.
    """
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    first, second = ada.type(" one"), ada.type(" two")
    ada.update(second)  # the first has got lost
    await until(lambda: ada.rejected)

    assert ada.acked == 0
    assert [code["code"] for code in ada.rejected] == ["gap"]
    assert len(await in_database(lambda: log.since(document.pk, 0))) == 1
    await until(lambda: len(ada.step1) == 2)  # it is asked for what is missing
    ada.update(first)
    ada.update(second)
    await ada.until_acked()
    await until(lambda: bob.text == ada.text)

    assert bob.text == "Plan\nFirst words. one two" == await text_of(document)


async def test_who_brings_others_words_along_from_another_process_is_no_thief(sockets, document, monkeypatch, bob):
    """A stock client (y-websocket) changes the process while a hint is on its way, and answers step 1 with all that the
    new process lacks: with words that are somebody else's, under an id that this process has never heard of.
    """
    monkeypatch.setattr(hub, "LOOK_S", 100)
    monkeypatch.setattr(bus, "publish", lambda *_args: None)
    ada, stock = await sockets.at("Ada"), await sockets("Bob", protocols=()).open()
    await stock.sync()
    elsewhere = crdt.open_doc(ada.doc.get_update(), 77)  # somebody at the other process
    data = type_into(elsewhere, " said elsewhere")

    def written_there() -> None:
        log.bind_client_id(document_id=document.pk, client_id=77, kind="person", principal=document.pk)
        entry = log.LogEntry(data=data, client_id=77, principal=document.pk, kind="person")
        log.append(document_id=document.pk, entries=[entry])

    await committer.arun(written_there)
    stock.doc.apply_update(data)
    stock.type(" and by me")
    stock.send(_step2(stock.doc))
    await until(lambda: "by me" in ada.text or stock.code)

    assert stock.code is None
    assert ada.text == "Plan\nFirst words. said elsewhere and by me" == await text_of(document)
    owners = await in_database(lambda: log.owners(document.pk))
    assert (owners[77], owners[stock.doc.client_id]) == (document.pk, bob.pk)


async def test_a_large_document_is_opened_in_one_go_and_comes_back_in_one(sockets, document):
    """BlockNote #2127 (a large document reconnects for ever), suitenumerique/docs #2104 (reconnects in bursts): the
    whole state has to pass in one connection, and a copy that comes back gets what it lacks, not everything again.
    """
    ada = await sockets.at("Ada")
    words = "Long words 字. " * 400
    for _ in range(5):

        def add(doc) -> None:
            for _ in range(30):
                block = XmlElement("paragraph", {"id": crdt.new_block_id()}, [XmlText(words)])
                crdt.root_of(doc).children.append(block)

        ada.update(ada.edit(add))
        await ada.until_acked()
    size = len(ada.doc.get_update())
    assert size > 900_000  # more than a message may have

    bob = await sockets.at("Bob")
    assert bob.code is None
    assert bob.text == ada.text
    kept = copy_of(bob)
    await bob.close()
    ada.update(ada.type(" Meanwhile."))
    await ada.until_acked()
    back = await comes_back(sockets, "Bob", kept, [])

    assert back.text == ada.text
    assert sum(len(frame) for frame in back.frames) < 4_000
