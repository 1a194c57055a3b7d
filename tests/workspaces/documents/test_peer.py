"""An agent writes beside people: its words stay together, theirs are never split, and all replicas end the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workspaces.documents.writers import Person, paragraph, replica, texts
from workspaces.documents import content, crdt, wire
from workspaces.documents.peer import Peer
from workspaces.documents.schema import NotInSchema, validate


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
