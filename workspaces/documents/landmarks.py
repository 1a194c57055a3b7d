"""What the gate has to know of a document's older pieces: which hold something, which are values of attributes, where
a letter takes two clocks. Pure.

An update says of its pieces what they stand beside or in, by id alone. Most mistakes show when it has been applied
(`watch.Watch`); these do not, and each makes a log that cannot be loaded again, or readers that differ:

- a surrogate pair that is cut in two: yrs miscounts every clock of its writer that follows;
- letters or a block as the value of an attribute, a value among letters;
- neighbours that do not stand in this order: `order.Order` can tell, and is asked where nothing here does;
- a piece in something that was never an element or a text: applied after that has been cleared away it is dead, applied
  before that it is an error. What is said of older pieces in the update itself proves nothing, it may be forged.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from workspaces.documents.archive import Archive, Origins
from workspaces.documents.nesting import Id
from workspaces.documents.order import Question
from workspaces.documents.protocol import Malformed
from workspaces.documents.spans import Spans
from workspaces.documents.wire import FORMAT, GONE, LETTERS, TYPE, VALUE, Facts, Lean


class Run(NamedTuple):
    """Clocks of one client that stand behind each other, in front of `right`: what somebody has typed in one go."""

    first: int
    last: int
    right: Id | None

    def goes_on_with(self, lean: Lean) -> bool:
        """Return whether a piece of the same client stands right behind it."""
        return lean.left == (lean.last[0], self.last) and lean.first == self.last + 1 and lean.right == self.right

    def has(self, client: int, left: Id | None, right: Id | None) -> bool:
        """Return whether two pieces stand beside each other in it."""
        if left is None or right is None or not left[0] == right[0] == client:
            return False
        return self.first <= left[1] and right[1] == left[1] + 1 and right[1] <= self.last


def _is_known(lean: Lean, run: Run | None, fresh: Mapping[Id, Lean]) -> bool:
    """Return whether a piece stands in what its writer has just typed, or beside a new one at the same place."""
    if run is not None and run.has(lean.last[0], lean.left, lean.right):
        return True
    before = fresh.get(lean.left) if lean.left is not None else None
    after = fresh.get(lean.right) if lean.right is not None else None
    return (before is not None and before.right == lean.right and before.parent is None) or (
        after is not None and after.left == lean.left and after.parent is None
    )


_MOST_UNDER = 50  # whether each of them is gone costs a look at what its writer has written since
_MOST_QUESTIONS = 2_000
_IS_TEXT = {LETTERS: True, FORMAT: True, TYPE: False}


class Landmarks:
    """Of one document. Those of deleted pieces stay: others may come with what they wrote there before they knew."""

    def __init__(self, state: bytes = b"") -> None:
        """`state` is the document as it was loaded: one update that yrs has written, nothing in it is checked."""
        self.archive = archive = Archive(state)
        self.holders, self.texts = archive.holders, archive.texts
        self.values, self.halves = archive.values, archive.halves
        self._runs: dict[int, Run] = {}
        self._pieces: dict[int, list[Lean]] = {}  # of each client in the order of clocks, since the document was loaded

    def add(self, facts: Facts, known: Mapping[int, int]) -> None:
        """Note what an update brings beyond the state vector `known`."""
        for mine, found in (
            (self.holders, facts.nodes),
            (self.texts, facts.text_nodes),
            (self.halves, facts.halves),
        ):
            if found:
                mine.update(at for at in found if at[1] >= known.get(at[0], 0))
        for client, first, last in facts.values:
            if last >= (have := known.get(client, 0)):
                self.values.add(client, max(first, have), last)
        for lean in facts.leans:
            if lean.last[1] >= known.get(lean.last[0], 0):
                self._keep(lean)

    def _keep(self, lean: Lean) -> None:
        pieces = self._pieces.setdefault(lean.last[0], [])
        before = pieces[-1] if pieces else None
        if before is not None and before.last[1] >= lean.last[1]:
            return  # it was, for a question
        if before is not None and lean.first == before.last[1] + 1 and lean[2:4] == (before.last, before.right):
            pieces[-1] = before._replace(last=lean.last)
        else:
            pieces.append(lean)

    def origins(self, at: Id) -> Origins:
        """Return between what a piece was put."""
        if (found := self.archive.origins(at)) is not None:
            return found
        pieces = self._pieces.get(at[0], [])
        place = bisect_right(pieces, at[1], key=lambda lean: lean.first) - 1
        if place < 0 or pieces[place].last[1] < at[1]:
            return Origins(None, None)  # it named the root
        lean = pieces[place]
        return Origins(lean.left if lean.first == at[1] else (at[0], at[1] - 1), lean.right)

    def check(self, facts: Facts, known: Mapping[int, int]) -> set[Id]:
        """Return the older ids on which an update leans as only something dead may: see `Admission`. Raises Malformed.

        `known` is the state vector before the update.
        """
        under: set[Id] = set()
        values, nodes = facts.values, set(facts.nodes)
        for lean in facts.leans:
            if lean.last[1] >= known.get(lean.last[0], 0):
                under |= self._check_lean(lean, values, known)
                if lean.sort in (LETTERS, FORMAT) and (lean.left in nodes or lean.right in nodes):
                    raise Malformed("letters beside a new block")
        if len(under) > _MOST_UNDER:
            raise Malformed("an update below too much that is gone")
        if self.halves or facts.halves:
            halves = set(facts.halves)
            if any(at in self.halves or at in halves for at in _cuts(facts, known)):
                raise Malformed("half of a character")
        return under

    def questions(self, facts: Facts, known: Mapping[int, int]) -> list[Question]:
        """Return what only a copy of the document can tell; when an update is let in, before `add`.

        Who goes on typing has been asked about with the first letter. Raises Malformed when it is too much.
        """
        for client in facts.inserted:  # what was kept of an update that was refused after all
            pieces = self._pieces.get(client, [])
            while pieces and pieces[-1].first >= known.get(client, 0):
                pieces.pop()
        asked: list[Question] = []
        fresh: dict[Id, Lean] = {}  # by their last clock; what is put in one after the other has only one neighbour
        for lean in facts.leans:
            client, last = lean.last
            if last < known.get(client, 0):
                continue
            fresh[lean.last] = lean
            self._keep(lean)
            run = self._runs.get(client)
            if run is not None and run.goes_on_with(lean):
                self._runs[client] = Run(run.first, last, run.right)
                continue
            self._runs[client] = Run(lean.first, last, lean.right)
            if lean.parent is None and lean.sort != VALUE and not _is_known(lean, run, fresh):
                asked.append(Question(self._line(lean), _IS_TEXT.get(lean.sort)))
        if len(asked) > _MOST_QUESTIONS:
            raise Malformed("an update in too many places")
        return asked

    def _line(self, lean: Lean) -> tuple[Id, ...]:
        """Return the pieces that have to stand in this order if there was ever a replica in which the neighbours did.

        Who has the right one has also what that was put behind, who has the left one what that was put in front of.
        """
        before = behind = None
        origins: list[Origins] = []
        if lean.right is not None:
            origins.append(self.origins(lean.right))
            before = origins[-1].left
        if lean.left is not None:
            origins.append(self.origins(lean.left))
            behind = origins[-1].right
        if any(one.is_gone for one in origins):
            before = behind = None  # of both nothing will be heard
        elif (before is not None and lean.left is None) or (behind is not None and lean.right is None):
            raise Malformed("something stands before the beginning, or behind the end")
        line = (before, lean.left, lean.right, behind)
        return tuple(dict.fromkeys(at for at in line if at is not None))

    def _check_lean(self, lean: Lean, values: Spans, known: Mapping[int, int]) -> set[Id]:
        if lean.parent is not None:
            return self._check_parent(lean, lean.parent, known)
        beside = [at for at in (lean.left, lean.right) if at is not None]
        strangers = {at for at in beside if at not in self.values and at not in values}
        if lean.sort == VALUE:
            if lean.right is not None or any(clock >= known.get(client, 0) for client, clock in strangers):
                raise Malformed("a value stands in no attribute")
            return strangers
        if lean.sort == GONE and len(strangers) < len(set(beside)):
            values.add(lean.last[0], lean.first, lean.last[1])
            return set()  # it was a value; Yjs forgets to say so as it merges updates
        if len(strangers) < len(set(beside)):
            raise Malformed("a piece that is no value stands in an attribute")
        if lean.sort in (LETTERS, FORMAT) and not self.holders.isdisjoint(beside):
            raise Malformed("letters beside a block")
        return set()

    def _check_parent(self, lean: Lean, parent: Id, known: Mapping[int, int]) -> set[Id]:
        if parent[1] >= known.get(parent[0], 0):
            return set()
        if parent not in self.holders:
            return {parent}
        if lean.sort != GONE and (parent in self.texts) != (lean.sort in (LETTERS, FORMAT)):
            raise Malformed("a piece in something that does not hold such")
        return set()


def _cuts(facts: Facts, known: Mapping[int, int]) -> Iterator[Id]:
    """Yield the clocks before which an update goes between two pieces."""
    for _first, _last, left, right, _parent, _sort in facts.leans:
        if left is not None:
            yield left[0], left[1] + 1
        if right is not None:
            yield right
    for client in facts.inserted:
        yield client, known.get(client, 0)
    for client, ranges in facts.deleted.items():
        for clock, length in ranges:
            yield client, clock
            yield client, clock + length
