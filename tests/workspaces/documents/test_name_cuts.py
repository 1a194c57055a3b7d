"""Message 64 of a browser, the only one: what it says that it pastes. Whatever it names, nobody is harmed."""

import json
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sockets import in_database, until
from workspaces.documents import crdt, limits, protocol, services
from workspaces.documents.authorship import services as authorship
from workspaces.documents.authorship import shown
from workspaces.documents.models import DocumentUpdate
from workspaces.documents.protocol import Malformed, control_message, read_cut, var_bytes

LARGEST = (1 << 53) - 1


def cut(*ranges: list[int]) -> bytes:
    return control_message({"type": "cut", "ranges": list(ranges)})


def raw(text: str) -> bytes:
    return bytes((protocol.CONTROL,)) + var_bytes(text.encode())


GARBAGE = {
    "no JSON": raw("{"),
    "no object": raw("[]"),
    "another type": control_message({"type": "hello", "ranges": []}),
    "a message of the server": control_message({"type": "role", "role": "owner"}),
    "no type": control_message({"ranges": []}),
    "no ranges": control_message({"type": "cut"}),
    "more than it may say": control_message({"type": "cut", "ranges": [], "principal": "x"}),
    "ranges that are none": control_message({"type": "cut", "ranges": {"0": [1, 2, 3]}}),
    "a range of two": cut([1, 2]),
    "a range of four": cut([1, 2, 3, 4]),
    "a text": control_message({"type": "cut", "ranges": ["1,2,3"]}),
    "a truth": control_message({"type": "cut", "ranges": [[True, 0, 1]]}),
    "a fraction": raw('{"type":"cut","ranges":[[1,0.5,1]]}'),
    "a whole fraction": raw('{"type":"cut","ranges":[[1,0.0,1]]}'),
    "a power": raw('{"type":"cut","ranges":[[1e3,0,1]]}'),
    "no number": raw('{"type":"cut","ranges":[[NaN,0,1]]}'),
    "infinity": raw('{"type":"cut","ranges":[[Infinity,0,1]]}'),
    "nothing at all": control_message({"type": "cut", "ranges": [None]}),
    "a negative client": cut([-1, 0, 1]),
    "a negative clock": cut([1, -1, 1]),
    "an empty range": cut([1, 0, 0]),
    "a negative length": cut([1, 5, -3]),
    "a client that no browser counts": cut([LARGEST + 1, 0, 1]),
    "an end that no browser counts": cut([1, LARGEST, 1]),
    "a number of a thousand digits": raw('{"type":"cut","ranges":[[1,0,' + "9" * 1000 + "]]}"),
    "too many ranges": cut(*[[1, n, 1] for n in range(limits.CUT_RANGES + 1)]),
    "too many bytes": raw('{"type":"cut","ranges":[]' + " " * limits.CUT_BYTES + "}"),
    "a deep nest": raw('{"type":"cut","ranges":' + "[" * 3000 + "]" * 3000 + "}"),
    "a half of a pair": raw('{"type":"cut","ranges":["\\ud83d"]}'),
    "no UTF-8": bytes((protocol.CONTROL,)) + var_bytes(b'{"type":"\xff"}'),
    "bytes left over": cut([1, 0, 1]) + b"!",
    "bytes that are missing": cut([1, 0, 1])[:-1],
    "nothing behind the kind": b"\x40",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_cut_is_refused(data):
    with pytest.raises(Malformed):
        read_cut(data)


@given(data=st.binary(max_size=200).map(lambda data: b"\x40" + data))
def test_any_bytes_are_a_cut_or_malformed(data):
    with suppress(Malformed):
        assert all(len(one) == 3 for one in read_cut(data))


def test_a_cut_comes_as_it_was_said():
    ranges = [[1, 0, 5], [LARGEST, LARGEST - 1, 1], [0, 7, 1]]

    assert [list(one) for one in read_cut(cut(*ranges))] == ranges
    assert read_cut(cut()) == []
    assert len(read_cut(cut(*[[1, n, 1] for n in range(limits.CUT_RANGES)]))) == limits.CUT_RANGES


@pytest.mark.parametrize("name", ["another type", "too many ranges"])
async def test_garbage_closes_its_sender_alone(sockets, document, name):
    """hocuspocus #1103: a client that spoke with the server's own codes."""
    bob, ada = await sockets.at("Bob"), await sockets.at("Ada")

    bob.send(GARBAGE[name])

    assert await bob.until_closed() == 4400
    ada.update(ada.type(" unharmed"))
    await ada.until_acked()
    assert await in_database(document.updates.count) == 2


async def test_a_stock_client_says_nothing_by_64(sockets):
    stock, ada = await sockets("Bob", protocols=()).open(), await sockets.at("Ada")
    await stock.sync()

    stock.send(cut([1, 0, 1]))

    assert await stock.until_closed() == 4400
    await ada.sync()


def cuts_in_log(document):
    rows = DocumentUpdate.objects.filter(document=document).order_by("seq").values_list("cut", flat=True)
    return in_database(lambda: list(rows))


async def test_a_cut_counts_for_the_next_words_once_and_the_last_of_several(sockets, document):
    ada = await sockets.at("Ada")

    for number in range(20):
        ada.send(cut([number, 0, 1]))
    ada.update(protocol.EMPTY_UPDATE)
    ada.update(ada.edit(_delete))  # what is pasted over goes first
    ada.update(ada.type(" pasted"))
    ada.update(ada.type(" typed"))
    await ada.until_acked()

    assert await cuts_in_log(document) == [None, None, [[19, 0, 1]], None]


def _delete(doc) -> None:
    del crdt.last_text(crdt.root_of(doc).children[1])[0:5]


async def test_the_cut_of_a_viewer_comes_nowhere(sockets, document):
    rita = await sockets.at("Rita")

    rita.send(cut([1, 0, 1]))
    rita.update(rita.type(" graffiti"))
    await until(lambda: rita.rejected)

    assert await cuts_in_log(document) == [None]


def writers_of(document_id: UUID) -> list[tuple[str, UUID]]:
    """Return (text, principal) of all words of a document, as it is told."""
    current, _seq = authorship.project(document_id), None
    return [(part.text, part.writer.principal) for block in shown.blocks(current) for part in block.ranges]


async def test_ranges_of_other_documents_and_of_nothing_give_no_words_away(sockets, document, project, ada, bob):
    """The words that are named are alive, or somebody else's, or in another document, or nowhere."""
    secret = await in_database(
        lambda: services.create_document(project=project, title="Other", actor=ada, markdown="The secret of Ada.\n")
    )
    at_ada = await sockets("Ada", path=f"/ws/documents/{secret.pk}").open()
    await at_ada.sync()
    foreign = next(iter(protocol.read_state_vector(at_ada.doc.get_state())))
    here = await sockets.at("Bob")
    seeded = next(iter(protocol.read_state_vector(here.doc.get_state())))
    hostile = [[foreign, 0, 1000], [seeded, 0, LARGEST], [LARGEST, LARGEST - 1, 1], [4711, 0, 1 << 40]]

    for words in ("The secret of Ada.", "First words."):
        here.send(cut(*(hostile * 50)))
        here.update(here.add_block(words))
    await here.until_acked()

    told = await in_database(lambda: writers_of(document.pk))
    assert [principal for text, principal in told[-2:]] == [bob.pk, bob.pk]
    assert [text for text, _principal in told[-2:]] == ["The secret of Ada.", "First words."]
    assert bob.pk not in {principal for _text, principal in told[:-2]}
    assert bob.pk not in {principal for _text, principal in await in_database(lambda: writers_of(secret.pk))}
    assert crdt.words_of(crdt.root_of(at_ada.doc).children[0]) == "The secret of Ada."
    assert json.loads(json.dumps(await cuts_in_log(document)))[1] == hostile * 50
