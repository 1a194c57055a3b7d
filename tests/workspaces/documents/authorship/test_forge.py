"""What a person can do to have words counted as somebody else's, and what it costs to look."""

import random

import pytest

from tests.sockets import in_database
from tests.workspaces.documents.authorship.logs import Desk, by, drop, firsts_alive, paragraph, put, texts_of
from workspaces.documents.authorship import book as books
from workspaces.documents.authorship.matching import BASE_STEPS, STEPS_A_UNIT, Budget, TooCostly

ADA, MAX = 1, 7
TRIALS = 40


def trial(kind: str, rng: random.Random) -> tuple[float, float]:
    """Delete an agent's block of 40 words and insert something in its place; returns the share of it that counts as
    the agent's, and the agent's own characters that are alive, as a share of what it wrote."""
    vocabulary = ["".join(rng.choice("etaoinshrdlu") for _ in range(rng.randint(2, 9))) for _ in range(300)]
    words = [rng.choice(vocabulary) for _ in range(40)]
    forged = {
        "moved": lambda: words,
        "fresh": lambda: [rng.choice(vocabulary) for _ in words],
        "shuffled": lambda: rng.sample(words, len(words)),
        "half": lambda: [word if rng.random() < 0.5 else f"{rng.choice(vocabulary)}q" for word in words],
        "negated": lambda: [*words[:20], "not", *words[20:]],
        "three times": lambda: words * 3,
    }[kind]()
    desk = Desk()
    desk.write(MAX, lambda root: put(root, paragraph(" ".join(words))), kind="agent")
    desk.write(ADA, lambda root: (drop(root, 0), put(root, paragraph(" ".join(forged), "heading", level=2))))
    book = desk.book()
    theirs = sum(len(text) for block in by(book) for text, writer in block if writer == MAX)
    firsts = {at for at in firsts_alive(book) if at[0] == MAX}
    return theirs / len(" ".join(forged)), len(firsts) / len(" ".join(words))


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("moved", 1.0, 1.0),
        ("fresh", 0.0, 0.01),
        ("shuffled", 0.0, 0.10),
        ("half", 0.0, 0.25),
        ("negated", 0.95, 0.99),
        ("three times", 0.3, 0.34),
    ],
)
def test_words_that_were_not_moved_are_the_persons(kind, low, high):
    rng = random.Random(3)

    trials = [trial(kind, rng) for _ in range(TRIALS)]

    assert low <= sum(share for share, _alive in trials) / TRIALS <= high
    assert max(alive for _share, alive in trials) <= 1.0


@pytest.fixture
def spent(monkeypatch):
    """Count the steps that rows have cost."""
    budgets: list[tuple[Budget, int]] = []

    class Counted(Budget):
        def __init__(self, units: int) -> None:
            super().__init__(units)
            budgets.append((self, self.left))

    monkeypatch.setattr(books, "Budget", Counted)
    return lambda: [first - max(budget.left, 0) for budget, first in budgets]


def hostile(kind: str, size: int) -> tuple[list[str], list[str]]:
    """Return (deleted, inserted) blocks that make a matcher compare much and believe nothing."""
    rng = random.Random(1)
    if kind == "one letter":
        return ["a" * size + "b"], ["a" * size + "c"]
    if kind == "two letters":
        return ["".join(rng.choice("ab") for _ in range(size))], ["".join(rng.choice("ab") for _ in range(size))]
    if kind == "blanks":
        return ["a " * (size // 2)], ["b " + "a " * (size // 2)]
    if kind == "many blocks":
        return [f"ab{n} cd" for n in range(size // 8)], [f"ab cd{n}" for n in range(size // 8)]
    return ["茶" * size + "高"], [("茶" * 50 + "园") * (size // 51)]


@pytest.mark.parametrize("kind", ["one letter", "two letters", "blanks", "many blocks", "chinese"])
def test_a_hostile_row_costs_what_its_size_allows(kind, spent):
    deleted, inserted = hostile(kind, 4000)
    desk = Desk()
    desk.write(MAX, lambda root: put(root, *map(paragraph, deleted)), kind="agent")

    def exchange(root):
        drop(root, *range(len(root.children)))
        put(root, *map(paragraph, inserted))

    desk.write(ADA, exchange)
    desk.write(ADA, lambda root: put(root, *map(paragraph, inserted)))

    book = desk.book()
    most = sum(map(len, [*deleted, *inserted]))
    assert all(steps <= BASE_STEPS + STEPS_A_UNIT * most for steps in spent())
    assert len(spent()) == 2
    assert [words for _id, words in texts_of(book)] == inserted * 2


def test_a_row_that_costs_too_much_is_not_matched_at_all(monkeypatch):
    def broke(self, letters=0):
        raise TooCostly

    monkeypatch.setattr(Budget, "spend", broke)
    desk = Desk()
    desk.write(MAX, lambda root: put(root, paragraph("words of an agent")), kind="agent")
    desk.write(ADA, lambda root: (drop(root, 0), put(root, paragraph("words of an agent"))))

    assert by(desk.book()) == [[("words of an agent", ADA)]]


def test_the_budget_is_a_count():
    budget = Budget(10)
    for _ in range(BASE_STEPS + 10 * STEPS_A_UNIT):
        budget.spend()

    with pytest.raises(TooCostly):
        budget.spend()


@pytest.mark.slow
async def test_words_under_somebody_elses_client_id_do_not_come_into_the_log(sockets, document):
    """etherpad #7430, #4104: words in the name of somebody else.

    Nothing that the projection reads says who somebody is: the gate has looked.
    """
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    ada.update(ada.type("mine"))
    await ada.until_acked()
    before = await in_database(document.updates.count)
    forged = Desk().write(ada.client_id, lambda root: put(root, paragraph("I never said that")))

    bob.update(forged.data)

    assert await bob.until_closed() == 4409
    assert await in_database(document.updates.count) == before
    assert "never" not in ada.text
