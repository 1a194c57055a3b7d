"""The gate: whose structs, in which order. Pure: no room, no database."""

from uuid import uuid4

import pytest

from workspaces.documents import content, crdt, wire
from workspaces.documents.limits import Size
from workspaces.documents.protocol import read_state_vector
from workspaces.documents.rooms.gate import Gap, Gate, is_empty
from workspaces.sockets.codes import Close, Closed

ADA, BOB = uuid4(), uuid4()
LIMITS = wire.Limits(bytes=400)


class Writer:
    """Somebody who writes paragraphs; `updates` holds one for each."""

    def __init__(self, client_id: int, state: bytes = b"") -> None:
        self.doc = crdt.open_doc(state, client_id)
        self.updates: list[bytes] = []
        self._subscription = self.doc.observe(lambda event: self.updates.append(event.update))

    def write(self, words: str) -> bytes:
        content.seed(self.doc, content.parse_markdown(words))
        return self.updates[-1]


def closes(gate: Gate, update: bytes, principal=ADA) -> Close:
    with pytest.raises(Closed) as caught:
        gate.admit(gate.walk(update), principal)
    return caught.value.code


def test_own_structs_enter_in_order():
    ada, gate = Writer(1), Gate({1: ADA}, {})
    updates = [ada.write(word) for word in ("one", "two", "three")]

    admissions = [gate.admit(gate.walk(update), ADA) for update in updates]

    assert [admission.adds for admission in admissions] == [{1}, {1}, {1}]
    assert gate.vector == read_state_vector(ada.doc.get_state())


def test_what_is_known_adds_nothing():
    ada, gate = Writer(1), Gate({1: ADA}, {})
    facts = gate.walk(ada.write("one"))
    gate.admit(facts, ADA)

    assert gate.admit(facts, ADA).adds == set()


def test_a_gap_is_seen_and_changes_nothing():
    ada, gate = Writer(1), Gate({1: ADA}, {})
    first, second = ada.write("one"), ada.write("two")

    with pytest.raises(Gap):
        gate.admit(gate.walk(second), ADA)
    assert gate.vector == {}

    gate.admit(gate.walk(first), ADA)
    gate.admit(gate.walk(second), ADA)


def test_what_leans_on_unknown_words_of_others_is_a_gap():
    bob = Writer(2)
    bob.write("by Bob")
    ada = Writer(1, bob.doc.get_update())
    gate = Gate({1: ADA, 2: BOB}, {})

    with pytest.raises(Gap):
        gate.admit(gate.walk(ada.write("after Bob")), ADA)


def test_somebody_elses_id_is_refused_and_an_unknown_one_has_to_be_bound():
    update, gate = Writer(7).write("forged"), Gate({7: BOB}, {})
    assert closes(gate, update) is Close.CLIENT_ID_IN_USE

    gate = Gate({}, {})
    facts = gate.walk(update)
    assert gate.strangers(facts, ADA) == {7}
    assert closes(gate, update) is Close.CLIENT_ID_IN_USE
    gate.bind(7, ADA)
    assert gate.strangers(facts, ADA) == set()
    gate.admit(facts, ADA)


def test_known_structs_of_others_may_come_along():
    """A client that answers with all that it has repeats what others wrote."""
    bob = Writer(2)
    bob.write("by Bob")
    ada = Writer(1, bob.doc.get_update())
    ada.write("by Ada")
    gate = Gate({1: ADA, 2: BOB}, read_state_vector(bob.doc.get_state()))

    assert gate.admit(gate.walk(ada.doc.get_update()), ADA).adds == {1}


def test_size_and_shape_are_checked_first():
    gate = Gate({1: ADA}, {}, LIMITS)

    assert closes(gate, Writer(1).write("word " * 100)) is Close.TOO_LARGE
    assert closes(gate, b"\xff") is Close.MALFORMED
    assert closes(gate, b"") is Close.MALFORMED


def test_what_the_log_brings_is_known():
    ada, gate = Writer(1), Gate({1: ADA}, {})
    ada.write("one")
    gate.learn(ada.updates, read_state_vector(ada.doc.get_state()), Size())
    gate.learn([], {1: 0}, Size())

    gate.admit(gate.walk(ada.write("two")), ADA)


def test_an_answer_without_words_is_empty():
    assert is_empty(b"\0\0")
    assert not is_empty(Writer(1).write("word"))
