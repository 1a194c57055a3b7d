"""An agent's hand in the document: each key once, people's words kept, an interrupted attempt taken up where it was."""

from agents.engine.hand import PATIENCE_S, QUIET_S, Hand
from agents.writing.writes import Block, Close, Note, Open, Remove, Replace, Text
from workspaces.documents.peer import Peer

HEADING = {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "Audience"}]}


def paragraph(text: str) -> dict:
    return {"type": "paragraph", "content": [{"type": "text", "text": text}]}


class Desk:
    """A document with two headings, as a log of updates; hands and people join it with a client id of their own."""

    def __init__(self) -> None:
        self.log: list[tuple[int, str, bytes]] = []
        self.clients = 1
        system = self.peer()
        self.first, self.second = system.insert_after(None, [HEADING, HEADING])
        self.write(system, "system")

    def peer(self) -> Peer:
        self.clients += 1
        peer = Peer(b"\0\0", self.clients)
        peer.catch_up(data for _, _, data in self.log)
        return peer

    def write(self, peer: Peer, kind: str) -> None:
        if update := peer.take_update():
            self.log.append((peer.client_id, kind, update))

    def hand(self, before: Hand | None = None, others=None) -> Hand:
        record, notes = (before.record(), before.notes) if before else ({}, {})
        return Hand(self.peer(), self.first, record, notes, others)

    def commit(self, hand: Hand) -> None:
        self.write(hand.peer, "agent")

    def person(self) -> Peer:
        return self.peer()

    def tell(self, hand: Hand, since: int, at: float) -> None:
        hand.absorb([(kind, data) for client, kind, data in self.log[since:] if client != hand.peer.client_id], at)

    def texts(self) -> list[str]:
        peer = self.peer()
        return [peer.text_of(block["attrs"]["id"]) for block in peer.blocks()]


def test_blocks_stand_behind_the_heading_in_order():
    desk = Desk()
    hand = desk.hand()
    for write in [
        Block("a", paragraph("One."), "source"),
        Open("b"),
        Text("b", "Two "),
        Text("b", "words."),
        Close("b"),
    ]:
        hand.apply(write)
    desk.commit(hand)

    assert desk.texts() == ["Audience", "One.", "Two words.", "Audience"]
    assert hand.finished() == {"a": "One.", "b": "Two words."}
    assert hand.words == 3


def test_a_key_that_is_done_is_not_written_again():
    desk = Desk()
    first = desk.hand()
    for write in [Open("a"), Text("a", "Done."), Close("a"), Block("b", paragraph("Whole."))]:
        first.apply(write)
    desk.commit(first)

    second = desk.hand(first)
    for write in [Close("a"), Open("a"), Text("a", "Again."), Block("b", paragraph("Again."))]:
        second.apply(write)
    desk.commit(second)

    assert desk.texts() == ["Audience", "Done.", "Whole.", "Audience"]


def test_what_was_begun_and_nobody_touched_is_written_anew():
    desk = Desk()
    first = desk.hand()
    for write in [Open("a"), Text("a", "Half a sen")]:
        first.apply(write)
    desk.commit(first)

    second = desk.hand(first)
    assert second.finished() == {}
    for write in [Open("a", "bulletList"), Text("a", "A whole sentence."), Close("a")]:
        second.apply(write)
    desk.commit(second)

    assert desk.texts() == ["Audience", "A whole sentence.", "Audience"]


def test_what_was_begun_and_a_person_touched_stays():
    desk = Desk()
    first = desk.hand()
    for write in [Open("a"), Text("a", "Half a sen")]:
        first.apply(write)
    desk.commit(first)
    person = desk.person()
    person.append(first.entries["a"].id, "tence, finished by Ada.")
    desk.write(person, "person")

    second = desk.hand(first)
    for write in [Open("a"), Text("a", "Again."), Close("a")]:
        second.apply(write)
    desk.commit(second)

    assert desk.texts() == ["Audience", "Half a sentence, finished by Ada.", "Audience"]


def test_a_block_that_a_person_deleted_is_skipped_and_the_work_goes_on():
    desk = Desk()
    hand = desk.hand()
    for write in [Open("a"), Text("a", "Not wanted")]:
        hand.apply(write)
    desk.commit(hand)
    seen = len(desk.log)
    person = desk.person()
    person.delete([hand.entries["a"].id])
    desk.write(person, "person")
    desk.tell(hand, seen, at=1.0)
    for write in [Text("a", " at all."), Close("a"), Open("b"), Text("b", "Next."), Close("b")]:
        hand.apply(write)
    desk.commit(hand)

    assert desk.texts() == ["Audience", "Next.", "Audience"]
    assert set(hand.finished()) == {"a", "b"}


def test_words_wait_while_a_person_types_in_the_block_but_not_for_ever():
    desk = Desk()
    hand = desk.hand()
    for write in [Open("a"), Text("a", "The agent's words")]:
        hand.apply(write)
    desk.commit(hand)
    assert hand.wait("a", 100.0) == 0

    def types(at: float) -> None:
        seen = len(desk.log)
        person = desk.person()
        person.append(hand.entries["a"].id, "x")
        desk.write(person, "person")
        desk.tell(hand, seen, at)

    types(at=100.0)
    assert hand.wait("a", 100.5) == QUIET_S - 0.5
    assert hand.wait("a", 100.0 + QUIET_S) == 0
    for second in range(int(PATIENCE_S) + 1):
        types(at=200.0 + second)
        wait = hand.wait("a", 200.0 + second)
    assert wait == 0
    hand.apply(Text("a", " go on."))
    desk.commit(hand)
    assert "The agent's words go on." in desk.texts()[1]


def test_another_agent_in_its_own_block_holds_nobody():
    desk = Desk()
    hand = desk.hand()
    hand.apply(Open("a"))
    desk.commit(hand)
    seen = len(desk.log)
    other = Hand(desk.peer(), desk.second, {}, {})
    other.apply(Block("a", paragraph("Elsewhere.")))
    desk.write(other.peer, "agent")
    desk.tell(hand, seen, at=1.0)

    assert hand.wait("a", 1.0) == 0


def test_a_replacement_spares_what_a_person_changed():
    desk = Desk()
    hand = desk.hand()
    for write in [Open("a"), Text("a", "One two."), Close("a"), Open("b"), Text("b", "Three four."), Close("b")]:
        hand.apply(write)
    desk.commit(hand)
    seen = len(desk.log)
    person = desk.person()
    person.append(hand.entries["b"].id, " Mine.")
    desk.write(person, "person")
    desk.tell(hand, seen, at=1.0)
    hand.apply(Replace("a", "One."))
    hand.apply(Replace("b", "Gone."))
    hand.apply(Remove("b"))
    desk.commit(hand)

    assert desk.texts() == ["Audience", "One.", "Three four. Mine.", "Audience"]


def test_a_reviewer_changes_what_another_task_wrote_unless_a_person_did():
    desk = Desk()
    writer = desk.hand()
    for write in [Open("a"), Text("a", "Bold claim."), Close("a"), Open("b"), Text("b", "Claim."), Close("b")]:
        writer.apply(write)
    desk.commit(writer)
    person = desk.person()
    person.append(writer.entries["b"].id, " Kept.")
    desk.write(person, "person")

    reviewer = Hand(desk.peer(), desk.second, {}, {}, {1: writer.record()})
    reviewer.apply(Replace("a", "Claim.", task=1))
    reviewer.apply(Remove("b", task=1))
    reviewer.apply(Note("n", "check", {"ok": True}))
    desk.commit(reviewer)

    assert desk.texts() == ["Audience", "Claim.", "Claim. Kept.", "Audience"]
    assert reviewer.notes == {"n": {"kind": "check", "data": {"ok": True}}}
