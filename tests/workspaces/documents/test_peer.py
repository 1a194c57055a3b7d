"""An agent writes beside people: its words stay together, theirs are never split, and all replicas end the same."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces.documents import content, crdt, wire
from workspaces.documents.peer import Peer
from workspaces.documents.protocol import read_state_vector
from workspaces.documents.schema import NotInSchema, validate


def paragraph(text="", **attrs):
    node = {"type": "paragraph", "attrs": attrs} if attrs else {"type": "paragraph"}
    return {**node, "content": [{"type": "text", "text": text}]} if text else node


class Person:
    """A browser: edits one block by characters, as an editor would."""

    def __init__(self, state, client_id):
        self.doc = crdt.open_doc(state, client_id)
        self.own = []
        self.subscription = self.doc.observe(lambda event: self.own.append(event.update))

    def catch_up(self, update):
        self.doc.apply_update(update)
        self.own.clear()

    def take(self):
        own, self.own = self.own, []
        return own

    def node(self, block_id):
        element = crdt.find(self.doc, block_id)
        return None if element is None else crdt.last_text(element)

    def text(self, block_id):
        element = crdt.find(self.doc, block_id)
        return "" if element is None else crdt.words_of(element)

    def type(self, block_id, at, words):
        self.node(block_id).insert(len(self.text(block_id)[:at].encode()), words, {})

    def erase(self, block_id, start, end):
        text = self.text(block_id)
        del self.node(block_id)[len(text[:start].encode()) : len(text[:end].encode())]

    def bold(self, block_id, start, end):
        text = self.text(block_id)
        self.node(block_id).format(len(text[:start].encode()), len(text[:end].encode()), {"bold": {}})


@pytest.fixture
def seeded():
    doc = crdt.open_doc(client_id=1)
    content.seed(doc, [paragraph("Intro", id="intro"), paragraph("End", id="end")])
    return doc.get_update()


def texts(peer):
    return content.plain_text(peer.blocks()).split("\n")


# --- blocks ---------------------------------------------------------------------------------------------------------
def test_blocks_go_behind_their_anchor_and_last_without_one(seeded):
    peer = Peer(seeded, 9)

    (first,) = peer.insert_after("intro", [paragraph("one")])
    second = peer.insert_after(first, [paragraph("two"), paragraph("three")])
    (last,) = peer.insert_after("gone", [paragraph("last")])

    assert texts(peer) == ["Intro", "one", "two", "three", "End", "last"]
    assert len({first, *second, last}) == 4
    assert all(peer.has(block) for block in second)


def test_an_empty_paragraph_at_the_end_stays_the_end(seeded):
    peer = Peer(seeded, 9)
    peer.insert_after(None, [paragraph(id="blank")])

    peer.insert_after(None, [paragraph("last")])

    assert texts(peer) == ["Intro", "End", "last", ""]


def test_a_block_that_a_person_wrapped_is_still_an_anchor(seeded):
    peer = Peer(seeded, 9)
    quote = {"type": "blockquote", "content": [paragraph("quoted", id="inner")]}
    peer.insert_after("intro", [quote])

    peer.insert_after("inner", [paragraph("behind")])

    assert texts(peer) == ["Intro", "quoted", "behind", "End"]


def test_what_the_schema_does_not_know_is_not_inserted(seeded):
    peer = Peer(seeded, 9)

    with pytest.raises(NotInSchema):
        peer.insert_after(None, [{"type": "image"}])
    assert peer.take_update() is None


def test_an_id_that_somebody_has_is_given_anew(seeded):
    peer = Peer(seeded, 9)

    assert peer.insert_after(None, [paragraph(id="mine")]) == ["mine"]
    assert peer.insert_after(None, [paragraph(id="intro")]) != ["intro"]


def test_deleting_takes_an_empty_list_along_and_spares_an_item_with_more(seeded):
    peer = Peer(seeded, 9)
    nodes = content.parse_markdown("- only\n\n1. first\n   - below")
    peer.insert_after("intro", nodes)
    only, first = (block["content"][0]["content"][0]["attrs"]["id"] for block in peer.blocks()[1:3])

    peer.delete([only, first, "gone"])

    validate(peer.blocks())
    assert [block["type"] for block in peer.blocks()] == ["paragraph", "orderedList", "paragraph"]
    assert peer.text_of(peer.blocks()[1]["attrs"]["id"]) == "\nbelow"


# --- words ----------------------------------------------------------------------------------------------------------
def test_words_go_behind_the_own_last_character_whatever_people_type_around(seeded):
    peer, person = Peer(seeded, 9), Person(seeded, 5)
    peer.append("intro", " — 智能体")
    person.catch_up(peer.take_update())
    person.type("intro", 0, "人😀")
    person.type("intro", len(person.text("intro")), " (好)")
    person.type("intro", 9, "!")
    peer.catch_up(person.take())

    peer.append("intro", "继续")

    assert peer.text_of("intro") == "人😀Intro —! 智能体继续 (好)"


def test_words_go_on_where_the_last_ones_were_deleted(seeded):
    peer, person = Peer(seeded, 9), Person(seeded, 5)
    peer.append("intro", " wrong")
    person.catch_up(peer.take_update())
    person.erase("intro", 2, 11)
    person.type("intro", 1, "茶")
    peer.catch_up(person.take())

    peer.append("intro", "X")

    assert peer.text_of("intro") == "I茶nX"


def test_two_names_of_one_text_do_not_disturb_each_other(seeded):
    """A list and its paragraph lead to the same text; each remembers its place."""
    peer = Peer(seeded, 9)
    (block,) = peer.insert_after("intro", content.parse_markdown("- 茶"))
    inner = peer.blocks()[1]["content"][0]["content"][0]["attrs"]["id"]

    for place in range(4):
        assert peer.append(block, f"{place}é")
        assert peer.append(inner, f"{place}😀")

    assert sorted(peer.text_of(block)) == sorted("茶0é1é2é3é0😀1😀2😀3😀")
    assert "0é" in peer.text_of(block)


def test_a_block_that_is_gone_takes_no_words(seeded):
    peer, person = Peer(seeded, 9), Person(seeded, 5)
    peer.append("intro", "x")
    person.catch_up(peer.take_update())
    crdt.remove(crdt.find(person.doc, "intro"))
    peer.catch_up(person.take())

    assert peer.append("intro", "y") is False
    assert peer.replace_text("intro", "y") is False
    assert (peer.has("intro"), peer.text_of("intro")) == (False, "")
    assert peer.take_update() is None


def test_a_block_that_an_editor_built_anew_takes_words_at_its_end(seeded):
    """Turning a paragraph into a heading deletes the block and writes one with the same id."""
    peer, person = Peer(seeded, 9), Person(seeded, 5)
    peer.append("intro", " begun")
    person.catch_up(peer.take_update())
    with person.doc.transaction():
        crdt.remove(crdt.find(person.doc, "intro"))
        heading = {
            "type": "heading",
            "attrs": {"level": 2, "id": "intro"},
            "content": [{"type": "text", "text": "Intro begun"}],
        }
        crdt.write(crdt.root_of(person.doc), [heading], 0)
    peer.catch_up(person.take())

    assert peer.append("intro", " and done")
    assert peer.text_of("intro") == "Intro begun and done"
    assert peer.blocks()[0]["type"] == "heading"


def test_marks_are_exactly_those_that_are_given(seeded):
    peer, person = Peer(seeded, 9), Person(seeded, 5)
    person.bold("intro", 0, 5)
    peer.catch_up(person.take())

    peer.append("intro", " plain")
    peer.append("intro", " strong", {"bold": True})
    peer.append("intro", " link", {"link": {"href": "https://x.y"}})

    assert peer.blocks()[0]["content"] == [
        {"type": "text", "text": "Intro", "marks": [{"type": "bold"}]},
        {"type": "text", "text": " plain"},
        {"type": "text", "text": " strong", "marks": [{"type": "bold"}]},
        {"type": "text", "text": " link", "marks": [{"type": "link", "attrs": {"href": "https://x.y"}}]},
    ]
    with pytest.raises(NotInSchema):
        peer.append("intro", "x", {"blink": {}})


def test_words_for_a_list_go_into_its_last_item(seeded):
    peer = Peer(seeded, 9)
    (block,) = peer.insert_after(
        None, [{"type": "bulletList", "content": [{"type": "listItem", "content": [paragraph()]}]}]
    )

    assert peer.append(block, "item")
    assert peer.text_of(block) == "item"
    validate(peer.blocks())


# --- replacing ------------------------------------------------------------------------------------------------------
def test_a_replacement_changes_only_the_words_that_differ(seeded):
    peer, person = Peer(seeded, 9), Person(seeded, 5)
    peer.append("intro", " 市场研究很好 and a long end")
    person.catch_up(peer.take_update())
    person.type("intro", 6, "(person) ")
    person.bold("intro", 0, 5)
    assert peer.replace_text("intro", "Intro 市场调查很好 and a short end")
    update = peer.take_update()
    facts = wire.walk(update)
    peer.catch_up(person.take())

    assert peer.text_of("intro") == "Intro (person) 市场调查很好 and a short end"
    assert facts.text_units == len("调查short")
    assert peer.blocks()[0]["content"][0]["marks"] == [{"type": "bold"}]


def test_a_replacement_keeps_breaks_and_never_puts_text_into_a_list(seeded):
    peer = Peer(seeded, 9)
    broken = {
        "type": "paragraph",
        "content": [{"type": "text", "text": "one"}, {"type": "hardBreak"}, {"type": "text", "text": "two"}],
    }
    first, second = peer.insert_after(None, [broken, *content.parse_markdown("- a\n- b c")])

    assert peer.replace_text(first, "uno\ntwo three\nfour")
    assert peer.replace_text(second, "c d")

    assert peer.text_of(first) == "uno\ntwo three four"
    assert peer.text_of(second) == "a\nc d"
    assert peer.replace_text(first, "")
    assert peer.text_of(first) == ""
    assert peer.replace_text(first, "new")
    assert peer.text_of(first) == "new"
    validate(peer.blocks())


TEXTS = st.lists(st.sampled_from([*"ab 市场😀é\u0301!", "word", "👩‍👩‍👧", "\n"]), max_size=12).map("".join)


@given(TEXTS, TEXTS)
def test_a_replacement_says_exactly_what_it_should(before, after):
    peer = Peer(b"", 9)
    spans = [
        span
        for line in before.split("\n")
        for span in ([{"type": "text", "text": line}] if line else [], [{"type": "hardBreak"}])
    ]
    (block,) = peer.insert_after(
        None, [{"type": "paragraph", "content": [node for span in spans for node in span][:-1]}]
    )
    assert peer.text_of(block) == before

    peer.replace_text(block, after)

    assert peer.text_of(block).replace("\n", " ") == after.replace("\n", " ")
    assert crdt.words_of(crdt.find(replica(peer), block)) == peer.text_of(block)


def replica(peer):
    return crdt.open_doc(peer._doc.get_update())


# --- together -------------------------------------------------------------------------------------------------------
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
