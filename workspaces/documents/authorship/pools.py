"""Where words of a row may have come from, and what it takes to believe it. Pure.

The thresholds were found with people's and agents' words in alphabets of their own, so that each wrong answer shows.
Weights count a letter as one and a character of a script without blanks as three (see `matching.weight`).
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from workspaces.documents.authorship.carries import Certainty
from workspaces.documents.authorship.matching import Budget, Insert, Match, Matcher, weight
from workspaces.documents.authorship.reading import Span
from workspaces.documents.authorship.stretches import Haystack

LONG: Final = 24  # about four words in a row: nobody types these by chance
FAIR: Final = 12  # two words: enough with more evidence. Without it 93 % of a shuffled block counted as moved
SHORTEST: Final = 4  # of a whole stretch: a single short word is often typed again
SESSION_WHOLE: Final = 6  # what the connection deleted earlier, brought back whole
SESSION_LONG: Final = 40  # a part of it: loose rules took half of all typed words for old ones
NEARLY_ALL: Final = 0.9  # of what the row inserts or deletes
PASTED: Final = 0.8  # of a paste whose source the client has named
FILL_FROM, FILL_TRY, FILL_TO = 0.85, 0.6, 0.97  # shares of an insert of which the rest may be filled in


class Found(NamedTuple):
    """`spans` are the words that stand at `at` of an insert."""

    insert: Insert
    at: int
    spans: list[Span]
    certainty: Certainty


class _Evidence(NamedTuple):
    """What speaks for a match: the chain that it is part of, and how much of everything is covered."""

    weight: int  # of the chain
    is_head: bool  # the chain begins where a stretch begins …
    is_tail: bool  # … and ends where it ends
    is_whole_insert: bool
    is_in_place: bool  # in the text node where the words were deleted
    insert_share: float
    inserts_share: float
    deleted_share: float

    @property
    def is_whole(self) -> bool:
        return self.is_head and self.is_tail


def same_row(inserts: list[Insert], deleted: Haystack, budget: Budget) -> list[Found]:
    """Words that the same row takes away elsewhere: Enter, joining, other kinds of blocks, dragging."""
    return _take(inserts, Matcher(deleted, budget), _is_moved, deleted.units)


def same_row_late(inserts: list[Insert], deleted: Haystack, budget: Budget) -> list[Found]:
    """Words that the row takes away too, but that somebody else had taken away before, unseen by who wrote the row."""
    return _take(inserts, Matcher(deleted, budget), _is_moved_late)


def named(inserts: list[Insert], cut: Haystack, budget: Budget) -> list[Found]:
    """Words that the client says it pastes, and that its person has deleted."""
    return _take(inserts, Matcher(cut, budget), _is_pasted)


def may_be_of_session(inserts: list[Insert]) -> bool:
    """Whether there are enough words for `session` to believe anything: a keystroke is not."""
    return sum(weight(insert.text) for insert in inserts) >= SESSION_WHOLE


def session(inserts: list[Insert], buried: Haystack, budget: Budget) -> list[Found]:
    """Words that the same connection has deleted before."""
    return _take(inserts, Matcher(buried, budget, newest=True, heads=False), _is_brought_back)


def fill(inserts: list[Insert], buried: Haystack, budget: Budget) -> list[Found]:
    """The gaps of inserts of which most is known already, from anything that was ever deleted."""
    found: list[Found] = []
    begun = [insert for insert in inserts if FILL_TRY <= insert.share < 1]
    if not begun:
        return found
    matcher = Matcher(buried, budget, newest=True, heads=False)
    for insert in begun:
        before = insert.share
        matches = matcher.match(insert)
        share = before + sum(match.length for match in matches) / len(insert.text)
        fits = before >= FILL_FROM and share >= FILL_TO
        for match, evidence in _weighed(matches, len(insert.text)):
            if fits or evidence.weight >= LONG:
                found.append(_found(match, Certainty.WEAK))
    return found


def _is_moved(its: _Evidence) -> bool:
    if its.weight >= LONG:
        return True
    if its.is_in_place:  # rewritten where it stood: only the whole
        return its.is_whole and its.is_whole_insert and its.weight >= FAIR
    is_much = its.insert_share >= NEARLY_ALL or its.deleted_share >= NEARLY_ALL
    if its.is_whole and (its.weight >= SHORTEST or is_much):
        return True
    if (its.is_head or its.is_tail) and (its.is_whole_insert or its.weight >= FAIR):
        return True
    return its.inserts_share >= NEARLY_ALL and its.weight >= FAIR


def _is_moved_late(its: _Evidence) -> bool:
    return its.is_whole and its.is_whole_insert and its.weight >= FAIR


def _is_pasted(its: _Evidence) -> bool:
    return its.insert_share >= PASTED or its.inserts_share >= PASTED or its.weight >= FAIR


def _is_brought_back(its: _Evidence) -> bool:
    return (its.is_whole and its.weight >= SESSION_WHOLE) or its.weight >= SESSION_LONG


def _take(
    inserts: list[Insert], matcher: Matcher, believes: Callable[[_Evidence], bool], deleted: int = 0
) -> list[Found]:
    matches = matcher.match_all([insert for insert in inserts if not insert.is_done])
    total = sum(len(insert.text) for insert in inserts)
    return [
        _found(match, Certainty.STRONG if evidence.is_whole else Certainty.WEAK)
        for match, evidence in _weighed(matches, total, deleted)
        if believes(evidence)
    ]


def _weighed(matches: list[Match], inserted: int, deleted: int = 0) -> Iterable[tuple[Match, _Evidence]]:
    covered: dict[int, int] = {}
    for match in matches:
        covered[id(match.insert)] = covered.get(id(match.insert), 0) + match.length
    all_covered = sum(covered.values())
    for chain in _chains(matches):
        heavy = sum(weight(match.text) for match in chain)
        for match in chain:
            size = len(match.insert.text)
            yield (
                match,
                _Evidence(
                    weight=heavy,
                    is_head=chain[0].is_head,
                    is_tail=chain[-1].is_tail,
                    is_whole_insert=match.length == size,
                    is_in_place=match.stretch.node is match.insert.node,
                    insert_share=covered[id(match.insert)] / size,
                    inserts_share=all_covered / inserted if inserted else 0.0,
                    deleted_share=all_covered / deleted if deleted else 0.0,
                ),
            )


def _chains(matches: list[Match]) -> list[list[Match]]:
    """Join matches that go on where the one before ended, over the borders of inserts too."""
    chains: list[list[Match]] = []
    for match in matches:
        if match.goes_on and chains:
            chains[-1].append(match)
        else:
            chains.append([match])
    return chains


def _found(match: Match, certainty: Certainty) -> Found:
    match.insert.carried[match.at : match.at + match.length] = b"\1" * match.length
    return Found(match.insert, match.at, match.stretch.spans_at(match.offset, match.length), certainty)
