"""People and an agent in one paragraph: words stay whole, nobody's are split, and all replicas end the same."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workspaces.documents.writers import Person, paragraph, replica
from workspaces.documents import content, crdt, wire
from workspaces.documents.peer import Peer
from workspaces.documents.protocol import read_state_vector


class Alphabet:
    """Letters that occur once in a whole test, of one to four bytes and of one or two UTF-16 units."""

    def __init__(self):
        starts = (0x4E00, 0x1F300, 0x400, 0x100, 0x20000)
        self.ranges = [iter(range(start, start + 3000)) for start in starts]

    def words(self, rng, most):
        return "".join(chr(next(rng.choice(self.ranges))) for _ in range(rng.randint(1, most)))


class Storm:
    """Three people and an agent write in one paragraph, through one log. Each has seen the log up to somewhere."""

    def __init__(self, seed, *, deletes):
        self.rng = random.Random(seed)
        self.deletes = deletes
        self.letters = Alphabet()
        start = crdt.open_doc(client_id=1)
        content.seed(start, [paragraph("Start 开始😀", id="p")])
        self.state = start.get_update()
        self.people = [Person(self.state, 10 + number) for number in range(3)]
        self.peer = Peer(self.state, 99)
        self.log: list[tuple[object, bytes]] = []
        self.seen = dict.fromkeys([*self.people, self.peer], 0)
        self.typed, self.said = [], ""
        for _ in range(40):
            who = self.rng.choice([*self.people, self.peer])
            self.agent() if who is self.peer else self.person(who)
        self.finish()

    def news(self, who):
        rows, self.seen[who] = self.log[self.seen[who] :], len(self.log)
        return [data for writer, data in rows if writer is not who]

    def agent(self):
        if self.rng.random() < 0.7:
            self.peer.catch_up(self.news(self.peer))
        words = self.letters.words(self.rng, 4)
        assert self.peer.append("p", words, self.rng.choice([None, {"bold": {}}]))
        self.said += words
        if self.rng.random() < 0.7:
            self.flush()

    def flush(self):
        if update := self.peer.take_update():
            self.log.append((self.peer, update))

    def person(self, who):
        if self.rng.random() < 0.7:
            for data in self.news(who):
                who.catch_up(data)
        text = who.text("p")
        at = self.rng.randint(0, len(text))
        end = min(len(text), at + self.rng.randint(0, 6))
        kind = self.rng.random()
        if self.deletes and kind < 0.4:
            who.erase("p", at, end)
        elif kind < 0.5:
            who.bold("p", at, end)
        else:
            words = self.letters.words(self.rng, 4)
            who.type("p", at, words)
            self.typed.append(words)
        self.log += [(who, data) for data in who.take()]

    def finish(self):
        self.flush()
        self.peer.catch_up(self.news(self.peer))
        for who in self.people:
            for data in self.news(who):
                who.catch_up(data)
        fresh = crdt.open_doc(self.state)
        for _, data in self.log:
            wire.walk(data)
            fresh.apply_update(data)
        docs = [fresh, replica(self.peer), self.peer._doc, *(who.doc for who in self.people)]
        self.ends = {crdt.words_of(crdt.find(doc, "p")) for doc in docs}
        self.text = crdt.words_of(crdt.find(fresh, "p"))

    def check(self):
        assert self.ends == {self.text}
        assert "\ufffd" not in self.text
        said = [self.text.index(letter) for letter in self.said if letter in self.text]
        assert said == sorted(said)
        for words in self.typed:
            places = [self.text.index(letter) for letter in words if letter in self.text]
            assert places == sorted(places)
            assert not places or not any(places[0] < place < places[-1] for place in said)


@given(st.integers(0, 2**32))
def test_people_and_the_agent_keep_their_words_whole(seed):
    """BlockNote #2946: an edit by AI failed now and then while people typed."""
    storm = Storm(seed, deletes=False)

    storm.check()
    assert set(storm.text) >= {*storm.said, *"".join(storm.typed)}


@given(st.integers(0, 2**32))
def test_deletions_split_no_words_and_no_characters(seed):
    Storm(seed, deletes=True).check()


@given(st.integers(0, 2**32))
def test_the_caret_is_the_last_character_that_the_agent_wrote(seed):
    """Without deletions by people the item of the caret is the last letter said, in every replica."""
    storm = Storm(seed, deletes=False)
    cursor = storm.peer.caret()
    if not storm.said:
        assert cursor is None
        return
    item = cursor["anchor"]["item"]
    runs = [run for _, data in storm.log for run in wire.walk(data).texts.get(99, [])]

    assert cursor["anchor"] == cursor["head"] == {"type": None, "tname": None, "item": item, "assoc": -1}
    assert item == {"client": 99, "clock": sum(runs[-1]) - 1}
    assert sum(length for _, length in runs) == len(storm.said.encode("utf-16-le")) // 2


def test_the_own_update_carries_nobody_elses_deletions(seeded):
    peer, person = Peer(seeded, 9), Person(seeded, 5)
    person.erase("intro", 0, 3)
    peer.catch_up(person.take())
    peer.append("intro", "x")
    peer.append("end", "y")

    facts = wire.walk(peer.take_update())

    assert facts.clients == {9}
    assert facts.deleted == {}
    assert peer.take_update() is None


def test_the_clock_goes_on_over_many_updates_without_a_gap(seeded):
    peer, known = Peer(seeded, 9), {}
    other = crdt.open_doc(seeded)
    for turn in range(50):
        peer.append("intro", f"{turn}茶", {"bold": {}} if turn % 3 else None)
        if turn % 2:
            known = read_state_vector(other.get_state())
            update = peer.take_update()
            assert wire.walk(update).gaps(known) == {}
            other.apply_update(update)

    assert known[9] > 50


def test_a_broken_update_says_so(seeded):
    with pytest.raises(crdt.Broken):
        Peer(seeded, 9).catch_up([b"\x01\xff\xff"])


def test_nothing_said_nothing_to_send(seeded):
    peer = Peer(seeded, 9)

    assert peer.append("intro", "")
    assert (peer.take_update(), peer.caret()) == (None, None)
