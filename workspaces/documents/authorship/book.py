"""The projection itself: row after row of a log, who wrote what. Pure, and the same in however many goes."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from workspaces.documents.authorship import pools
from workspaces.documents.authorship.carries import Carries, Certainty
from workspaces.documents.authorship.graves import Graves
from workspaces.documents.authorship.matching import Budget, Insert, TooCostly
from workspaces.documents.authorship.reading import Kind, Piece, Span, read
from workspaces.documents.authorship.revival import Revival
from workspaces.documents.authorship.stretches import Haystack, Part, stretches
from workspaces.documents.authorship.tree import Grave, Node, Run, Tree

AT_ONCE_S: Final = 15  # two people press Enter in the same words: both bring the rest of the line again.
# Later only what is equal as a whole counts: who comes back after a while names all that was ever deleted.
CUT_SPANS, CUT_UNITS = 200, 65_536  # what a client may name as the source of a paste
_MATCHED: Final = "person"  # agents and the server say themselves what they move


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the log. `client_id` 0: not told; `at` counts seconds; `cut` and `carries` as in DocumentUpdate."""

    data: bytes
    client_id: int
    principal: UUID
    kind: str
    at: int
    call: UUID | None = None
    cut: Sequence[Sequence[int]] | None = None
    carries: Sequence[Sequence[int]] | None = None


@dataclass(frozen=True, slots=True)
class Writer:
    """Whose a client id is."""

    kind: str
    principal: UUID


class Book:
    """Who wrote what, after the rows up to `seq`."""

    def __init__(self) -> None:
        self.seq = 0
        self.at = 0
        self.tree = Tree()
        self.carries = Carries()
        self.graves = Graves()
        self.writers: dict[int, Writer] = {}
        self.calls: dict[int, list[tuple[int, UUID | None]]] = {}  # of a client id: from this clock on, this call

    def apply(self, seq: int, row: Row) -> None:
        """Take in the next row. Raises Malformed for bytes that no gate has seen; what came before it stays."""
        self.seq = seq
        self.at = now = max(self.at, row.at)
        self.graves.forget(self.tree, now)
        blocks, spans = read(row.data)
        brought = _Brought(self, row)
        brought.add(blocks)
        grave = Grave(row.client_id, now)
        killed, also, late = self._kill(spans, grave)
        if row.carries is not None:
            self._note(row.carries, brought.since)
        elif row.kind == _MATCHED and brought.inserts:
            self._match(row, brought, [*killed, *also], late)
        if not grave.is_empty:
            self.graves.bury(grave, stretches(_whole(killed)) if killed else [])

    def _kill(self, spans: list[Span], grave: Grave) -> tuple[list[Run], list[Run], list[Run]]:
        """Return the runs of words that died now, those that another connection had just killed, and those that it had
        killed before."""
        killed: list[Span] = []
        also: list[Span] = []
        late: list[Span] = []
        for run, was_alive in self.tree.kill(spans, grave):
            before = run.killer
            if run.text is None or before is None:
                continue
            if was_alive:
                killed.append((run.client, run.clock, run.length))
            elif before.by != grave.by or not grave.by:
                (also if grave.at - before.at <= AT_ONCE_S else late).append((run.client, run.clock, run.length))
        return self._runs(killed), self._runs(also), self._runs(late)

    def _runs(self, spans: list[Span]) -> list[Run]:
        """Return the runs of spans: some may have been cut since they were named."""
        if not spans:
            return []
        return list(dict.fromkeys(run for span in spans for run, _from, _until in self.tree.runs_in(span)))

    # --- what has moved ----------------------------------------------------------------------------------------------
    def _match(self, row: Row, brought: "_Brought", deleted: list[Run], late: list[Run]) -> None:
        size = sum(len(insert.text) for insert in brought.inserts) + sum(run.length for run in deleted)
        found: list[pools.Found] = []
        with suppress(TooCostly):  # what the pools before have found is as true as ever
            for some in self._found(row, brought, deleted, late, Budget(size)):
                found += some
        self._carry(found)

    def _found(
        self, row: Row, brought: "_Brought", deleted: list[Run], late: list[Run], budget: Budget
    ) -> Iterator[list[pools.Found]]:
        """Look in one pool after the other for what has no author yet."""
        inserts = brought.inserts
        if deleted:
            yield pools.same_row(inserts, Haystack(stretches(_whole(deleted))), budget)
        if late and not all(insert.is_done for insert in inserts):
            budget.spend(sum(run.length for run in late))
            yield pools.same_row_late(inserts, Haystack(stretches(_whole(late))), budget)
        if row.cut and (cut := self._cut(row, budget)):
            yield pools.named(inserts, Haystack(stretches(cut)), budget)
        yield Revival(self.tree, row.client_id, brought.reborn, set(deleted), budget).find(inserts)
        if not all(insert.is_done for insert in inserts):
            if pools.may_be_of_session(inserts):
                yield pools.session(inserts, self.graves.session(row.client_id), budget)
            yield pools.fill(inserts, self.graves.everything, budget)

    def _cut(self, row: Row, budget: Budget) -> list[Part]:
        """Return what the client says it pastes, as far as its own person has deleted it."""
        parts: dict[Run, tuple[int, int]] = {}
        left = CUT_UNITS
        for client, clock, length in (row.cut or ())[:CUT_SPANS]:
            for run, start, end in self.tree.runs_in((client, clock, min(length, left))):
                budget.spend()
                killer = run.killer
                writer = self.writers.get(killer.by) if killer is not None else None
                if run.text is None or writer is None or writer.principal != row.principal:
                    continue
                known = parts.get(run, (start, end))
                parts[run] = min(known[0], start), max(known[1], end)
                left -= end - start
        return [(run, start, end) for run, (start, end) in parts.items()]

    def _carry(self, found: list[pools.Found]) -> None:
        for insert, at, spans, certainty in sorted(
            found, key=lambda one: (one.insert.client, one.insert.clock, one.at)
        ):
            clock = insert.clock + at
            for span in spans:
                clock = self._carry_span(insert.client, clock, span, certainty)

    def _carry_span(self, client: int, clock: int, old: Span, certainty: Certainty) -> int:
        """Note that clocks from `clock` on are the words of `old`; returns where they end."""
        for first, before in self.carries.firsts(old):
            self.carries.add((client, clock, first[2]), first[:2], max(certainty, before or Certainty.EXACT))
            clock += first[2]
        return clock

    def _note(self, carries: Sequence[Sequence[int]], since: dict[int, int]) -> None:
        """Take over what a verb of the server has moved, as far as this row brings it."""
        for client, clock, length, old_client, old_clock in sorted(carries, key=tuple):
            start, end = max(clock, since.get(client, clock + length)), clock + length
            end = min(end, self._end(client))
            old = old_client, old_clock + start - clock, end - start
            if start >= end or old[1] + old[2] > self._end(old_client):
                continue
            since[client] = end  # what is named twice counts once
            self._carry_span(client, start, old, Certainty.EXACT)

    def _end(self, client: int) -> int:
        strand = self.tree.strands.get(client)
        return 0 if strand is None else strand.end


class _Brought:
    """What a row brings: words, and types that stand where dead ones stood. `since`: its first clock of each client."""

    def __init__(self, book: Book, row: Row) -> None:
        self.book, self.row = book, row
        self.inserts: list[Insert] = []
        self.reborn: dict[Node, Node] = {}
        self.since: dict[int, int] = {}

    def add(self, blocks: dict[int, list[Piece]]) -> None:
        book, row = self.book, self.row
        writer = Writer(row.kind, row.principal)
        if row.client_id:  # 0 is nobody's: whoever has told no id deletes under it
            book.writers.setdefault(row.client_id, writer)
        for piece in book.tree.add(blocks):
            if piece.client not in self.since:
                self.since[piece.client] = piece.clock
                book.writers.setdefault(piece.client, writer)
                calls = book.calls.setdefault(piece.client, [])
                if (calls[-1][1] if calls else None) != row.call:
                    calls.append((piece.clock, row.call))
            if piece.is_dead or row.kind != _MATCHED:
                continue
            run = book.tree.find((piece.client, piece.clock))
            if run is None:
                continue
            if piece.kind is Kind.TEXT and piece.text is not None:
                self.inserts.append(Insert(piece.client, piece.clock, piece.text, run.parent, piece.right))
            elif run.node is not None:
                self._note_reborn(run.node, run, piece)

    def _note_reborn(self, node: Node, run: Run, piece: Piece) -> None:
        if run.parent in self.reborn:
            self.reborn[node] = node.copied = self.reborn[run.parent]
            return
        old = self.book.tree.find(piece.right) if piece.right is not None else None
        if old is None or old.node is None or not old.is_dead:
            return
        killer = old.killer
        if killer is not None and killer.by == self.row.client_id:
            self.reborn[node] = node.copied = old.node


def _whole(runs: list[Run]) -> list[Part]:
    return [(run, 0, run.length) for run in runs]
