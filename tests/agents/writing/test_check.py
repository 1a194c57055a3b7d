"""What a model may say: figures of brief and sources in their context, its own words, nothing twice, nothing cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.writing import checks, grammar, prompts, words
from agents.writing.audit import audit
from agents.writing.checks import Material, WordGate
from agents.writing.plan import Plan, Task
from tests.agents.writing.briefs import MUSEUM, MUSEUM_COSTS, TEA

MATERIAL = Material((TEA.text,), ("Total £18,000 100%",), frozenset({1}))
KNOWN = sorted(word for word in words.vocabulary() if len(word) > 3)
SENTENCES = st.lists(st.sampled_from(KNOWN[:: len(KNOWN) // 400]), min_size=6, max_size=20).map(
    lambda chosen: f"{' '.join(chosen).capitalize()} tea."
)


def demo(sentence: str) -> list[str]:
    return checks.demo(sentence, MATERIAL, leak=prompts.LEAK, shots=prompts.answers("writer"))


@pytest.mark.parametrize(
    "sentence",
    [
        "The goal is 1,200 first orders in the first 8 weeks [1].",
        "The campaign budget is £18,000 [1].",
        "The starter box costs 14 pounds.",
        "A free sample convinces 62 percent of the tea drinkers.",
        "Leeds has 9 partner cafes and York has 5 [1].",
    ],
)
def test_figures_of_the_brief_pass_in_any_spelling(sentence):
    assert checks.general(sentence, MATERIAL) == []


@pytest.mark.parametrize(
    ("sentence", "problem"),
    [
        ("The goal is 1,300 first orders [1].", "figure not in the sources"),
        ("Sales rise by 62 before autumn.", "figure"),
        ("Rain brings £14 to Berlin.", "figure out of context"),
        ("It opens on 2 April for tea drinkers.", "date not in the sources"),
        ("A free sample helps [2].", "no such source: [2]"),
        ("A free 体验 helps.", "foreign characters"),
        ("A free sample helps because.", "cut"),
        ("A free sample helps", "cut"),
    ],
)
def test_what_nobody_said_is_a_problem(sentence, problem):
    assert any(found.startswith(problem) for found in checks.general(sentence, MATERIAL))


@given(st.integers(0, 10**7), st.sampled_from(["", "€", "£", "%"]))
def test_a_figure_passes_exactly_when_the_brief_or_code_has_it(value, unit):
    written = f"{value:,}%" if unit == "%" else f"{unit}{value:,}"
    [figure] = checks.figures(f"Tea drinkers {written} campaign.")
    pounds, bare = {18_000, 14, 6_300, 5_400, 4_500, 1_800}, {1200, 240, 2, 6, 8, 9, 5}
    known = {"%": {62, 38, 100}, "£": pounds | bare, "€": bare, "": pounds | bare}[unit]
    assert MATERIAL.holds(figure) == (value in known)


@pytest.mark.parametrize(
    "sentence",
    [
        "Kettle & Fern should speak first to people who drink tea at work on most days.",
        "Ask partner cafes to hand out a free sample rather than a printed sheet.",
        "Name one person who checks every text before it is printed.",
    ],
)
def test_plain_advice_passes(sentence):
    assert demo(sentence) == []


@pytest.mark.parametrize(
    ("sentence", "problem"),
    [
        ("Offer 6 teas to people who drink tea.", "figure in a sentence"),
        ("Offer seven teas to people who drink tea.", "number word: seven"),
        ("Reach iciency of urning among tea drinkers soon.", "unknown word: iciency"),
        ("Tell the members of the club about tea.", "word of the example"),
        ("Offer an affordable box to tea drinkers everywhere.", "claim without a reason"),
        ("Offer the best tea to tea drinkers everywhere.", "comparison: best"),
        ("Offer a lower price than the shops do here.", "comparison: lower price than"),
        ("Offer tea and tea and tea to people.", "stutter"),
        ("Tea is good.", "too short"),
        (
            "Open the boathouse before dawn and keep hot drinks ready, so that members still reach the office in time.",
            "copies the example",
        ),
    ],
)
def test_what_small_models_get_wrong_is_seen(sentence, problem):
    assert any(found.startswith(problem) for found in demo(sentence)), demo(sentence)


@given(SENTENCES)
def test_a_sentence_repeats_itself_and_its_other_spellings(sentence):
    assert checks.repeats(sentence, [sentence.upper()])
    assert checks.repeats(sentence.removesuffix(".") + " [1].", [sentence])


@given(SENTENCES, SENTENCES)
def test_repetition_works_both_ways(first, second):
    if checks.overlap(first, second) <= 0.5:
        assert checks.repeats(first, [second]) is None
    assert checks.overlap(first, second) == checks.overlap(second, first)


def test_the_same_advice_in_other_words_is_an_echo():
    said = "Kettle & Fern should explain the starter box and encourage people to try it, as it is a useful offer."
    again = "Offer the starter box to people and encourage them to try it, as it is useful."
    assert checks.echoes(again, [said], without="Kettle & Fern")
    assert not checks.echoes("Ask the cafe in York about its opening hours.", [said])


@pytest.mark.parametrize(
    ("sentence", "is_cut"),
    [
        ("The budget is £18,000 [1].", False),
        ("The goal for this autumn is 17,000 [1].", False),
        ("They wait so that.", True),
        ("They wait for the", True),
        ("Is it?", False),
        ("“They wait.”", False),
        ("他们等待。", False),
    ],
)
def test_a_cut_sentence_is_seen_and_a_figure_is_an_end(sentence, is_cut):
    assert checks.is_cut(sentence) is is_cut


@given(SENTENCES, st.lists(st.integers(1, 9), max_size=30))
def test_the_gate_lets_the_same_words_through_however_they_are_cut(sentence, cuts):
    gate, shown, rest = WordGate(MATERIAL, prompts.LEAK), "", sentence
    for cut in cuts:
        shown += gate.feed(rest[:cut])
        rest = rest[cut:]
    shown += gate.feed(rest) + gate.finish()
    whole = WordGate(MATERIAL, prompts.LEAK)
    whole.feed(sentence)
    whole.finish()
    assert (gate.text, gate.problem) == (whole.text, whole.problem)
    assert shown == gate.text
    assert gate.problem or shown == sentence


def test_the_gate_stops_before_the_bad_word_is_shown():
    gate = WordGate(MATERIAL, prompts.LEAK)
    shown = (
        "".join(gate.feed(piece) for piece in ("Offer fre", "e tea to ort", "al people of Le", "eds.")) + gate.finish()
    )
    assert shown == "Offer free tea to "
    assert gate.problem == "unknown word: ortal"


@pytest.mark.parametrize("word", ["ortal", "iciency", "eter", "urning", "ensions", "ight", "umber", "irty"])
def test_rubbish_that_was_seen_is_in_no_list(word):
    assert words.unknown(f"a {word} day") == [word]


def test_words_of_business_and_both_spellings_are_known():
    text = "certification referral organisation organization colour newsletter won't museum's brand-new cafés"
    assert words.unknown(text, frozenset({"cafés"})) == []


@given(st.lists(st.text(max_size=12), max_size=4), st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
@pytest.mark.slow
def test_a_grammar_quotes_whatever_it_is_given(names, starts):
    rules = grammar.sentence(starts, names=names)
    assert rules.startswith("root ::= (")
    for line in rules.strip().split("\n"):
        assert "::=" in line


def test_a_grammar_offers_no_digit_and_no_capital_but_names():
    rules = grammar.sentence(
        ["Ask"], names=grammar.names_in(["In Leeds, Kettle & Fern sells tea. Most is sold in May."])
    )
    assert '"Leeds"' in rules
    assert '"Kettle & Fern"' in rules
    assert '"In"' not in rules
    assert '"Most"' not in rules


PLAN = Plan(
    "Harrow Street Museum",
    (
        Task(1, "a", "writer", "compose", section="Audience", place=10),
        Task(2, "b", "reviewer", "review", section="Next steps", place=20),
    ),
)
GOOD = """# Harrow Street Museum

## Audience

- Families were 27% of visitors last autumn, and the museum wants 35% [1].

The museum should ask families what they enjoy on a wet day.

## Next steps

| Suggested owner | Next step |
|---|---|
| Marketing | Invites families who came before and asks them why. |
"""


def test_a_good_document_has_no_problem():
    assert audit(PLAN, GOOD, [MUSEUM, MUSEUM_COSTS]) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("27%", "28%", "figure nobody gave: 28%"),
        ("[1]", "[7]", "no such source: [7]"),
        ("## Audience", "## People", "heading “Audience” stands 0 times"),
        ("enjoy on a wet day.", "enjoy on a wet day because of the.", "cut"),
        ("enjoy", "体验 enjoy", "foreign characters"),
        (
            "Invites families who came before and asks them why.",
            "Asks families what they enjoy on a wet day.",
            "repeated",
        ),
        (GOOD.split("## Next steps")[1], "\n", "section “Next steps” is empty"),
    ],
)
def test_the_audit_sees_what_is_wrong(old, new, problem):
    assert any(found.startswith(problem) for found in audit(PLAN, GOOD.replace(old, new), [MUSEUM, MUSEUM_COSTS]))
