"""What the small model is asked, role by role: a system text and ONE example conversation each, then the request.

The prefixes are byte-identical in every call of a role, so that the model reads them from its cache. The example
comes from a trade that hardly any customer has (a rowing club), and its words are banned from answers. No prompt
holds a digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.ports import Turn

_SHOTS: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "planner": (
        "You plan business documents. For each section write one question that the reader wants answered there. "
        "Write no numbers.",
        (
            (
                "Document: Swan Rowing Club, winter season\nFacts:\n- Most members row before work.\n"
                "- A season costs a fixed sum and includes coaching.\n- The town may close the jetty in May.\n"
                "Sections: Audience / Offer / Risks",
                "Audience: Which members row often enough to need the boathouse in winter?\n"
                "Offer: Why does coaching make the season worth its price?\n"
                "Risks: What do members do when the jetty is closed?",
            ),
        ),
    ),
    "writer": (
        "You advise a business. Answer with one plain sentence that follows from the facts. Be concrete: say who "
        "does what. "
        "Write no numbers.",
        (
            (
                "Document: Swan Rowing Club, winter season\nSection: Audience\n"
                "Question: Which members row often enough to need the boathouse in winter?\nFacts:\n"
                "- Most members row before work.\n- The jetty has lights for several boats.\nGive the main "
                "advice and its reason.",
                "Swan Rowing Club should speak to early rowers first, because they come in every kind of weather "
                "and need a "
                "safe jetty.",
            ),
            (
                "Fact: Most members row before work.\nName one action that follows.",
                "Open the boathouse before dawn and keep hot drinks ready, so that members still reach the "
                "office in time.",
            ),
            (
                "Name the next step and who does it.",
                "Operations repairs the lamp at the end of the jetty and tells the crews.",
            ),
        ),
    ),
    "editor": (
        "You are the editor. Sum up a plan for management in plain sentences. Write no numbers.",
        (
            (
                "Document: Swan Rowing Club, winter season\nPoints:\n- Swan Rowing Club should speak to early "
                "rowers first, "
                "because they come in every kind of weather.\n- Swan Rowing Club should repair the jetty before "
                "the frost.\n"
                "Say what the plan puts first and why.",
                "The plan puts early rowers first, because they come in every kind of weather and keep the "
                "boathouse alive.",
            ),
            (
                "Say what management should decide now.",
                "Management should now decide whether the jetty is repaired before the frost.",
            ),
        ),
    ),
    "reviewer": (
        "You review the next steps of a draft. Pick the line that is the least concrete and say what is missing.",
        (
            (
                "1. Operations repairs the lamp at the end of the jetty and tells the crews.\n"
                "2. Marketing improves the season.\n3. Finance compares the cost of coaching with the price of a "
                "season.",
                '{"line": 2, "problem": "no clear result", "missing": "what is delivered"}',
            ),
        ),
    ),
    "reviser": (
        "You make one line of a business document more concrete. Keep who acts. Answer with one plain sentence. "
        "Write no numbers.",
        (
            (
                "Facts:\n- Most members row before work.\n- Several clubs hand out leaflets.\nLine: Marketing "
                "improves the season.\n"
                "Missing: what is delivered.",
                "Marketing sends the winter timetable to the clubs and asks them to forward it to their crews.",
            ),
        ),
    ),
}

_EXAMPLE_ONLY = (
    "swan rowing rower rowers row rows jetty jetties boathouse boathouses boat boats crew crews dawn frost lamp "
    "lamps coaching leaflets weather alive member members club clubs timetable"
)
LEAK: frozenset[str] = frozenset(_EXAMPLE_ONLY.split())
"""Words of the examples that an answer may only use when brief or sources use them."""
MISSING = {
    "what is delivered": "what is delivered",
    "who receives it": "who receives it and what they do then",
    "how the result is checked": "how the result is checked",
    "which partner is involved": "which partner is involved",
}
PROBLEMS = ("no clear result", "too general", "repeats another line", "does not follow from the facts")
ROLES = tuple(_SHOTS)


def prefix(role: str) -> tuple[Turn, ...]:
    system, examples = _SHOTS[role]
    turns = [Turn("system", system)]
    for asked, answered in examples:
        turns += [Turn("user", asked), Turn("assistant", answered)]
    return tuple(turns)


def answers(role: str) -> tuple[str, ...]:
    """The example's answers, against which copies are recognised."""
    return tuple(answered for _, answered in _SHOTS[role][1])


def bulleted(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
