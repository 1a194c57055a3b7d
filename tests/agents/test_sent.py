"""What a run sends again, and words that are taken back: what agents tell the meter for its report of waste."""

from uuid import UUID

from agents.engine import rejected
from agents.engine.hand import Hand
from agents.ports import ChatRequest, Turn
from agents.sent import MOST_RUNS, Sent
from agents.writing.writes import Block, Close, Open, Remove, Replace, Text
from wukong.kernel.ids import new_id

RUN = new_id()


def request(*texts: str, seed: int = 1) -> ChatRequest:
    roles = ("system", *("user", "assistant") * 9)
    turns = tuple(Turn(role, text) for role, text in zip(roles, texts, strict=False))
    return ChatRequest(turns=turns, max_tokens=10, role="writer", seed=seed)


def letters(asked: ChatRequest) -> int:
    return sum(len(turn.text) for turn in asked.turns)


def test_the_beginning_that_was_sent_before_is_counted():
    sent = Sent()

    question, repeated = sent.add(RUN, "m", request("rules", "ask"), letters)
    assert repeated == 0
    assert -(2**63) <= question < 2**63
    assert sent.add(RUN, "m", request("rules", "ask", "answer", "more"), letters)[1] == 8
    assert sent.add(RUN, "m", request("rules", "other"), letters)[1] == 5
    assert sent.add(RUN, "m", request("rules", "ask", seed=2), letters) == (question, 8)
    assert sent.add(RUN, "m", request("new rules", "ask"), letters)[1] == 0


def test_other_runs_and_models_have_sent_nothing():
    sent = Sent()
    sent.add(RUN, "m", request("rules", "ask"), letters)

    assert sent.add(new_id(), "m", request("rules", "ask"), letters)[1] == 0
    assert sent.add(RUN, "n", request("rules", "ask"), letters)[1] == 0
    for _run in range(MOST_RUNS):
        sent.add(new_id(), "m", request("x"), letters)
    assert sent.add(RUN, "m", request("rules", "ask"), letters)[1] == 0
    assert len(sent._runs) == MOST_RUNS


# --- words that are taken back ---------------------------------------------------------------------------------------
class Page:
    """A peer that holds texts by block."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def has(self, block):
        return block in self.texts

    def text_of(self, block):
        return self.texts[block]

    def insert_after(self, _anchor, nodes):
        block = f"b{len(self.texts)}"
        self.texts[block] = "" if "content" not in nodes[0] else "facts"
        return [block]

    def append(self, block, text, _marks):
        self.texts[block] += text
        return True

    def replace_text(self, block, text):
        self.texts[block] = text

    def delete(self, blocks):
        for block in blocks:
            del self.texts[block]


def taken(hand, write):
    return rejected.by_write(hand, write, lambda text: len(text))


def test_a_check_takes_words_back_of_the_call_that_wrote_them():
    call = new_id()
    hand = Hand(Page(), None, {}, {})
    hand.apply(Open("p"))
    hand.apply(Text("p", "Twelve words. "), str(call))
    hand.apply(Text("p", "Bad ones."), str(call))

    assert taken(hand, Close("p")) is None
    found = taken(hand, Replace("p", "Twelve words."))
    assert (found.call, found.tokens, found.by) == (call, 10, "check")
    assert taken(hand, Remove("p")).tokens == 23
    assert taken(hand, Replace("p", "x" * 30)) is None
    assert taken(hand, Remove("other")) is None


def test_a_reviewer_takes_words_back_from_another_task_unless_a_person_has_touched_them():
    call, page = new_id(), Page()
    page.texts["b7"] = "Claims."
    row = {"id": "b7", "place": 1, "text": "Claims.", "is_done": True, "call": str(call)}
    hand = Hand(page, None, {}, {}, {4: {"p": row}})

    found = taken(hand, Remove("p", task=4))
    assert (found.call, found.tokens, found.by) == (call, 7, "reviewer")
    assert taken(hand, Remove("p", task=5)) is None
    page.texts["b7"] = "Claims, and mine."
    assert taken(hand, Remove("p", task=4)) is None


def test_words_of_code_and_of_earlier_versions_cost_nothing():
    page = Page()
    hand = Hand(page, None, {"old": {"id": "b9", "place": 1, "text": "x", "is_done": True}}, {})
    page.texts["b9"] = "x"
    hand.apply(Block("facts", {"type": "paragraph", "content": []}))

    assert taken(hand, Remove("facts")) is None
    assert taken(hand, Remove("old")) is None
    assert UUID(hand.record()["facts"]["call"] or str(UUID(int=0))) == UUID(int=0)
