"""What a writer of ill will, or of another program, may do to a document: nothing to anybody else."""

import pytest

from tests.sockets import in_database, until
from workspaces.documents import content, crdt, log, schema
from workspaces.documents.consumers import DocumentConsumer
from workspaces.documents.rooms import hub, store
from workspaces.people.models import Role
from wukong.kernel import bus, committer

WORDS = {"type": "paragraph", "content": [{"type": "text", "text": "words"}]}
ODD = [None, True, "x", "2", -1, 0, 2.5, 1e9, 1e300, 10**12, [], [1], {"a": 1}]


def blocks(value) -> list[schema.Node]:
    """Return one of each kind of block with `value` in every attribute that it may have."""

    def node(kind: str, *children: schema.Node) -> schema.Node:
        names = {**schema.GLOBAL, **schema.NODES[kind]["attrs"]}
        return {"type": kind, "attrs": dict.fromkeys(names, value), "content": list(children)}

    text = WORDS["content"][0]
    row = node("tableRow", node("tableHeader", WORDS), node("tableCell", WORDS))
    return [
        node("heading", text),
        node("codeBlock", text),
        node("orderedList", node("listItem", WORDS)),
        node("taskList", node("taskItem", WORDS)),
        node("table", row, row),
        node("horizontalRule"),
    ]


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_document_is_written_out_whatever_its_attributes_hold(value):
    page, text = content.to_html(blocks(value)), content.to_markdown(blocks(value))

    assert page.count("words") == text.count("words") == 8
    assert "<h1>words</h1>" in page or "<h2>words</h2>" in page
    assert len(text) < 2000


def test_a_table_of_merged_cells_takes_no_more_room_than_it_has_words():
    cell = {"type": "tableCell", "attrs": {"colspan": 1000}, "content": [WORDS]}
    rows = [{"type": "tableRow", "content": [cell] * 100}, *[{"type": "tableRow", "content": [cell]}] * 100]

    assert len(content.to_markdown([{"type": "table", "content": rows}])) < 10_000


def _table(doc, span: float) -> None:
    from pycrdt import XmlElement, XmlText

    cell = XmlElement("tableCell", {"colspan": span}, [XmlElement("paragraph", {}, [XmlText("words")])])
    crdt.root_of(doc).children.append(XmlElement("table", {}, [XmlElement("tableRow", {}, [cell])]))


def _widen(doc, span: float) -> None:
    table = crdt.root_of(doc).children[2]
    table.children[0].children[0].attributes["colspan"] = span


async def test_a_cell_that_no_browser_could_draw_is_refused(sockets, document):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")

    at_bob.update(at_bob.edit(lambda doc: _table(doc, 1e9)))

    assert await at_bob.until_closed() == 4400
    at_ada.update(at_ada.edit(lambda doc: _table(doc, 2.0)))
    await at_ada.until_acked()
    at_ada.update(at_ada.edit(lambda doc: _widen(doc, 1e9)))  # the bytes do not say which attribute it is
    assert await at_ada.until_closed() == 4400
    assert await in_database(document.updates.count) == 2


async def test_a_right_that_ends_while_an_update_waits_has_ended(sockets, document, monkeypatch):
    at_ada, bind = await sockets.at("Ada"), DocumentConsumer._bind

    async def bind_while_the_role_is_taken(self, room, member, strangers):
        await bind(self, room, member, strangers)
        room.regrant(member, store.Grant(document.pk, Role.VIEWER))

    monkeypatch.setattr(DocumentConsumer, "_bind", bind_while_the_role_is_taken)
    at_ada.update(_words_as(at_ada, 4711))

    await until(lambda: at_ada.rejected or at_ada.acked)
    assert at_ada.rejected[0]["code"] == "forbidden"
    assert await in_database(document.updates.count) == 1


def _words_as(at, client_id: int) -> bytes:
    doc = crdt.open_doc(at.doc.get_update(), client_id)
    made: list[bytes] = []
    subscription = doc.observe(lambda event: made.append(event.update))
    content.seed(doc, [WORDS])
    del subscription
    return made[0]


async def test_nothing_is_acknowledged_over_what_the_end_of_the_process_has_dropped(sockets):
    at_ada = await sockets.at("Ada")
    (room,) = hub._rooms.values()
    (member,) = room.members
    room.is_draining = True

    at_ada.update(at_ada.type("dropped"))
    at_ada.update(b"\0\0")
    await until(lambda: member.received == 2 and at_ada.inbox.empty())
    room.is_draining = False

    assert at_ada.acked == 0


@pytest.mark.parametrize("query", ["schema=%C2%B2", "schema=" + "9" * 5000])
async def test_a_schema_that_is_no_number_is_no_fault_of_ours(sockets, query):
    await (await sockets("Ada", query=query).open()).sync()


async def test_a_seq_that_is_no_number_is_refused(sockets, workspace):
    from tests.sockets import Refused

    with pytest.raises(Refused) as caught:
        await sockets("Ada", path=f"/ws/workspaces/{workspace.pk}/", query="since=%C2%B2").open()

    assert caught.value.status == 400


async def test_a_hint_between_the_load_and_the_room_is_heard(sockets, document, monkeypatch):
    monkeypatch.setattr(hub, "LOOK_S", 100)
    at_bob = await sockets.at("Bob")
    entry = log.LogEntry(
        data=at_bob.add_block("meanwhile"), client_id=at_bob.client_id, principal=document.pk, kind="agent"
    )
    await at_bob.close()
    await hub.close_all()
    hub.reopen()
    subscribe, written = bus.subscribe, []

    def subscribe_and_write_at_the_end(topic, callback):
        end = subscribe(topic, callback)

        def ends():
            end()
            if topic.startswith("document:") and not written:
                written.append(committer.run(lambda: log.append(document_id=document.pk, entries=[entry])))

        return ends

    monkeypatch.setattr(bus, "subscribe", subscribe_and_write_at_the_end)
    at_ada = await sockets.at("Ada")

    await until(lambda: "meanwhile" in at_ada.text)
    assert written
