"""The pieces of a document in their places, dead ones too: the list order of Yjs (YATA), kept in runs. Pure.

A run is a stretch of one client's clocks that lies together; what follows directly is added to it. Nothing is collected
as garbage: words that somebody brings back have to be found among the dead.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from workspaces.documents.authorship.reading import Id, Kind, Piece, Span
from workspaces.documents.protocol import Malformed

LONGEST_RUN: Final = 1024  # a run grows by copying its text: 5,000 keystrokes in one would be 12 MB of copies
CONFLICT_STEPS: Final = 200_000  # an update; beyond it the order is a guess. Honest ones need a handful a piece
_TYPES: Final = (Kind.ELEMENT, Kind.TEXT_NODE)


class Grave:
    """What one row of the log has deleted: by which connection, and when (seconds)."""

    __slots__ = ("at", "by", "is_empty", "is_forgotten")

    def __init__(self, by: int, at: int) -> None:
        self.by, self.at = by, at
        self.is_empty, self.is_forgotten = True, False


class Node:
    """A type: the top (`run` None), an element, or a text node.

    Each attribute is a list too: `oldest` holds its first piece, `values` its last, which is the one that counts.
    `copied` is the dead type that an undo has brought back as this one.
    """

    __slots__ = ("copied", "first", "oldest", "run", "values")

    def __init__(self, run: "Run | None") -> None:
        self.run = run
        self.first: Run | None = None
        self.copied: Node | None = None
        self.oldest: dict[str, Run] = {}
        self.values: dict[str, Run] = {}

    @property
    def is_dead(self) -> bool:
        return self.run is not None and self.run.is_dead


class Run:
    """Consecutive clocks of one client, side by side in one list. `origin` is that of the first, as Yjs has it.

    `grave` tells of dead runs who has killed them; None if they came dead. `parent` is None for what has no place.
    """

    __slots__ = (
        "attribute", "client", "clock", "grave", "is_dead", "kind", "left", "length", "node", "origin", "parent",
        "right", "right_origin", "text",
    )  # fmt: skip

    def __init__(self, client: int, clock: int, length: int, kind: Kind) -> None:
        self.client, self.clock, self.length, self.kind = client, clock, length, kind
        self.text: str | None = None
        self.left: Run | None = None
        self.right: Run | None = None
        self.origin: Id | None = None
        self.right_origin: Id | None = None
        self.parent: Node | None = None
        self.attribute: str | None = None
        self.is_dead = False
        self.grave: Grave | None = None
        self.node = Node(self) if kind in _TYPES else None

    @property
    def end(self) -> int:
        return self.clock + self.length

    @property
    def killer(self) -> Grave | None:
        """Who has killed it, as long as that is remembered."""
        return None if self.grave is None or self.grave.is_forgotten else self.grave


class Strand:
    """All runs of one client id, in clock order and without gaps."""

    __slots__ = ("end", "runs", "starts")

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.runs: list[Run] = []
        self.end = 0

    def add(self, run: Run) -> None:
        self.starts.append(run.clock)
        self.runs.append(run)
        self.end = run.end

    def index(self, clock: int) -> int:
        """Return the place of the run that holds `clock`, which has to be there."""
        return bisect_right(self.starts, clock) - 1


class Tree:
    """A document's pieces. Knows nothing of authors."""

    def __init__(self) -> None:
        self.strands: dict[int, Strand] = {}
        self.root = Node(None)
        self._steps = 0

    # --- finding -----------------------------------------------------------------------------------------------------
    def find(self, at: Id) -> Run | None:
        """Return the run that holds this clock."""
        strand = self.strands.get(at[0])
        return None if strand is None or at[1] >= strand.end else strand.runs[strand.index(at[1])]

    def runs_in(self, span: Span) -> Iterator[tuple[Run, int, int]]:
        """Yield the runs of a span with the part that is in it: from, until (units from the run's beginning)."""
        client, clock, length = span
        strand = self.strands.get(client)
        if strand is None or clock >= strand.end or length < 1:
            return
        place, end = strand.index(clock), min(clock + length, strand.end)
        while clock < end:
            run = strand.runs[place]
            yield run, clock - run.clock, min(end, run.end) - run.clock
            clock, place = run.end, place + 1

    def _beginning_at(self, at: Id) -> Run:
        strand = self.strands[at[0]]
        run = strand.runs[place := strand.index(at[1])]
        return run if run.clock == at[1] else self._split(strand, place, at[1] - run.clock)

    def _ending_with(self, at: Id) -> Run:
        strand = self.strands[at[0]]
        run = strand.runs[place := strand.index(at[1])]
        if run.end != at[1] + 1:
            self._split(strand, place, at[1] + 1 - run.clock)
        return run

    def _split(self, strand: Strand, place: int, offset: int) -> Run:
        """Cut a run; returns its second half. In living words half a pair becomes U+FFFD on both sides, as in Yjs."""
        run = strand.runs[place]
        half = Run(run.client, run.clock + offset, run.length - offset, run.kind)
        if run.text is not None and run.kind is Kind.TEXT:
            left, right = run.text[:offset], run.text[offset:]
            if "\ud800" <= left[-1] <= "\udbff" and not run.is_dead:
                left, right = f"{left[:-1]}\ufffd", f"\ufffd{right[1:]}"
            run.text, half.text = left, right
        else:
            half.text = run.text
        run.length = offset
        half.origin, half.right_origin = (run.client, half.clock - 1), run.right_origin
        half.parent, half.attribute, half.is_dead, half.grave = run.parent, run.attribute, run.is_dead, run.grave
        half.left, half.right, run.right = run, run.right, half
        if half.right is not None:
            half.right.left = half
        elif half.attribute is not None and half.parent is not None:
            half.parent.values[half.attribute] = half
        strand.starts.insert(place + 1, half.clock)
        strand.runs.insert(place + 1, half)
        return half

    # --- adding ------------------------------------------------------------------------------------------------------
    def add(self, blocks: dict[int, list[Piece]]) -> Iterator[Piece]:
        """Put the pieces of an update into their places; yields those that are new, in an order that can be applied.

        A piece of which the beginning is known is cut. Raises Malformed when something is missing.
        """
        self._steps = 0
        todo = {client: iter(pieces) for client, pieces in blocks.items()}
        heads = {client: next(pieces, None) for client, pieces in todo.items()}
        for first in blocks:
            waiting: list[tuple[int, int]] = [(first, -1)]  # a client, and the clock of it that somebody waits for
            while waiting:
                client, needed = waiting[-1]
                piece = heads[client]
                if piece is None or 0 <= needed < self._end(client):
                    waiting.pop()
                    if piece is None and needed >= self._end(client):
                        raise Malformed("a piece leans on one that is not there")
                    continue
                if (leans_on := self._missing(piece)) is not None:
                    if leans_on[0] not in heads or any(leans_on[0] == one for one, _ in waiting):
                        raise Malformed("a piece leans on one that is not there")
                    waiting.append(leans_on)
                    continue
                heads[client] = next(todo[client], None)
                if self._add(piece):
                    yield piece

    def _end(self, client: int) -> int:
        strand = self.strands.get(client)
        return 0 if strand is None else strand.end

    def _missing(self, piece: Piece) -> Id | None:
        if piece.clock > self._end(piece.client):
            raise Malformed("clocks are left out")
        for at in (piece.left, piece.right, piece.parent):
            if at is not None and at[0] != piece.client and at[1] >= self._end(at[0]):
                return at
            if at is not None and at[0] == piece.client and at[1] >= piece.clock:
                raise Malformed("a piece leans on a later one")
        return None

    def _add(self, piece: Piece) -> bool:
        """Return whether the piece brings something."""
        strand = self.strands.setdefault(piece.client, Strand())
        if (known := strand.end - piece.clock) >= piece.length:
            return False
        if known:
            self._cut(piece, known)
        left = None if piece.left is None else self._ending_with(piece.left)
        right = None if piece.right is None else self._beginning_at(piece.right)
        if left is not None and self._extend(strand, piece, left, right):
            return True
        run = Run(piece.client, piece.clock, piece.length, piece.kind)
        run.text, run.origin, run.right_origin, run.is_dead = piece.text, piece.left, piece.right, piece.is_dead
        strand.add(run)
        self._place(run, piece, left, right)
        piece.is_dead = run.is_dead
        return True

    @staticmethod
    def _cut(piece: Piece, known: int) -> None:
        piece.clock += known
        piece.length -= known
        if piece.kind is Kind.TEXT and piece.text is not None:
            piece.text = piece.text[known:]
            if "\udc00" <= piece.text[0] <= "\udfff":
                piece.text = f"\ufffd{piece.text[1:]}"
        if piece.kind is not Kind.GONE:
            piece.left = piece.client, piece.clock - 1

    @staticmethod
    def _extend(strand: Strand, piece: Piece, left: Run, right: Run | None) -> bool:
        """Write words on at the end of the client's last run, if that is where they belong."""
        if (
            piece.kind is not Kind.TEXT
            or piece.is_dead
            or left.kind is not Kind.TEXT
            or left.is_dead
            or left.end != piece.clock
            or left.client != piece.client
            or left.right is not right
            or left.right_origin != piece.right
            or left.length >= LONGEST_RUN
            or left.text is None
            or piece.text is None
        ):
            return False
        left.text += piece.text
        left.length += piece.length
        strand.end = left.end
        return True

    def _place(self, run: Run, piece: Piece, left: Run | None, right: Run | None) -> None:
        near = left or right
        if run.kind is Kind.GONE or (near is not None and near.parent is None):
            run.kind, run.is_dead = Kind.GONE, True
            return
        if near is not None:
            run.parent, run.attribute = near.parent, near.attribute
        else:
            run.parent, run.attribute = self._parent_of(piece), piece.attribute
        if (left is not None and left.parent is not run.parent) or (
            right is not None and right.parent is not run.parent
        ):
            run.parent = None
        parent = run.parent
        if parent is None:
            run.kind, run.is_dead = Kind.GONE, True
            return
        self._link(run, self._left_of(run, parent, left, right), parent)
        # Yjs: what stands in something dead, and a value that is not the last one, is dead.
        if parent.is_dead or (run.attribute is not None and run.right is not None):
            run.is_dead = True
            run.text = None if run.kind is Kind.TEXT else run.text

    def _parent_of(self, piece: Piece) -> Node | None:
        if piece.parent is None:
            return self.root
        holder = self.find(piece.parent)
        return None if holder is None else holder.node

    def _left_of(self, run: Run, parent: Node, left: Run | None, right: Run | None) -> Run | None:
        """Return the run behind which `run` belongs: the rule of YATA for pieces that were put there at once."""
        first = parent.first if run.attribute is None else parent.oldest.get(run.attribute)
        at = first if left is None else left.right
        if at is right:
            return left
        seen: set[Run] = set()
        open_: set[Run] = set()
        while at is not None and at is not right:
            self._steps += 1
            if self._steps > CONFLICT_STEPS:
                break
            seen.add(at)
            open_.add(at)
            if at.origin == run.origin:
                if at.client < run.client:
                    left = at
                    open_.clear()
                elif at.right_origin == run.right_origin:
                    break
            elif at.origin is not None and (leans_on := self.find(at.origin)) in seen:
                if leans_on not in open_:
                    left = at
                    open_.clear()
            else:
                break
            at = at.right
        return left

    @staticmethod
    def _link(run: Run, left: Run | None, parent: Node) -> None:
        run.left = left
        if left is not None:
            run.right, left.right = left.right, run
        elif run.attribute is None:
            run.right, parent.first = parent.first, run
        else:
            run.right, parent.oldest[run.attribute] = parent.oldest.get(run.attribute), run
        if run.right is not None:
            run.right.left = run
        elif run.attribute is not None:
            parent.values[run.attribute] = run
            if left is not None:
                left.is_dead = True

    # --- deleting ----------------------------------------------------------------------------------------------------
    def kill(self, spans: list[Span], grave: Grave) -> Iterator[tuple[Run, bool]]:
        """Delete; yields the runs of words and whether they were alive until now. What is in a type dies with it."""
        for span in spans:
            for run in self._cut_out(span):
                yield from self._kill(run, grave)

    def _cut_out(self, span: Span) -> Iterator[Run]:
        client, clock, length = span
        end = min(clock + length, self._end(client))
        if clock >= end:
            return
        self._beginning_at((client, clock))
        self._ending_with((client, end - 1))
        for run, _from, _until in self.runs_in((client, clock, end - clock)):
            yield run

    @staticmethod
    def _kill(run: Run, grave: Grave) -> Iterator[tuple[Run, bool]]:
        todo = [run]
        while todo:
            one = todo.pop()
            was_alive = not one.is_dead
            if was_alive:
                one.is_dead, one.grave, grave.is_empty = True, grave, False
                child = one.node.first if one.node is not None else None
                while child is not None:
                    if not child.is_dead:
                        todo.append(child)
                    child = child.right
            if one.kind is Kind.TEXT:
                yield one, was_alive
