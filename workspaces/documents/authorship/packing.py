"""Writes a book as bytes. Pure; see `state`."""

import lzma
from collections.abc import Iterator
from uuid import UUID

from workspaces.documents.authorship.book import Book
from workspaces.documents.authorship.carries import Carries
from workspaces.documents.authorship.columns import COLUMNS, DEAD, FILTERS, KINDS, SAME_RIGHT, WORDS, Columns
from workspaces.documents.authorship.reading import Id, Kind
from workspaces.documents.authorship.tree import Run
from workspaces.documents.protocol import var_uint


class Dump:
    def __init__(self, book: Book) -> None:
        self.book = book
        self.columns = Columns()
        self.texts: list[str] = []
        self.clients = {
            client: place for place, client in enumerate(dict.fromkeys([*book.writers, *book.tree.strands]))
        }
        self.graves = {id(grave): place for place, (grave, _words) in enumerate(book.graves.order)}
        self.stretches = self._numbered()
        self.last: dict[int, int] = {}
        self.names: dict[str, int] = {}
        self.places: dict[Run, tuple[int, int]] = {}

    def packed(self) -> bytes:
        tables = self._people()
        self._graves()
        for client, place in self.clients.items():
            self._strand(place, self._runs_of(client))
        self._lists()
        self._carries()
        names = "\0".join(self.names).encode()
        text = "".join(self.texts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        parts = [
            tables,
            names,
            text.encode("utf-8", "surrogatepass"),
            *(bytes(self.columns.bytes[name]) for name in COLUMNS),
        ]
        head = b"".join(var_uint(number) for number in (self.book.seq, self.book.at, *map(len, parts)))
        return lzma.compress(head + b"".join(parts), lzma.FORMAT_RAW, filters=FILTERS)

    def _numbered(self) -> dict[Run, int]:
        """Return which of the stretches of its grave each run is in."""
        tree = self.book.tree
        return {
            run: number
            for _grave, words in self.book.graves.order
            for number, stretch in enumerate(words)
            for span in stretch.spans
            for run, _from, _until in tree.runs_in(span)
        }

    def _people(self) -> bytes:
        """Return all UUIDs; who has which client id, and which calls were made under it, are columns."""
        put, book = self.columns.put, self.book
        uuids: dict[UUID, int] = {}
        put("clients", len(self.clients))
        for client in self.clients:
            writer = book.writers[client]
            calls = book.calls.get(client, [])
            put(
                "clients",
                client,
                KINDS.index(writer.kind),
                uuids.setdefault(writer.principal, len(uuids)),
            )
            put("clients", len(calls))
            last = 0
            for clock, call in calls:
                put("clients", clock - last, 0 if call is None else 1 + uuids.setdefault(call, len(uuids)))
                last = clock
        return b"".join(uuid.bytes for uuid in uuids)

    def _graves(self) -> None:
        last = 0
        self.columns.put("graves", len(self.graves))
        for grave, _words in self.book.graves.order:
            by = 1 + self.clients[grave.by] if grave.by else 0  # 0: of whoever has told no id
            self.columns.put("graves", by, grave.at - last)
            last = grave.at

    def _runs_of(self, client: int) -> list[Run]:
        strand = self.book.tree.strands.get(client)
        return [] if strand is None else strand.runs

    def _strand(self, client: int, runs: list[Run]) -> None:
        groups = list(_groups(runs))
        self.columns.put("lengths", len(groups))
        last: Run | None = None
        for place, group in enumerate(groups):
            for run in group:
                self.places[run] = client, place
            self._run(group, last)
            last = group[0]

    def _run(self, group: list[Run], last: Run | None) -> None:
        put, run = self.columns.put, group[0]
        has_words = run.kind is Kind.TEXT and run.text is not None
        same = last is not None and run.right_origin == last.right_origin
        put("heads", run.kind | DEAD * run.is_dead | WORDS * has_words | SAME_RIGHT * same)
        put("lengths", sum(one.length for one in group))
        self._id(run.origin, run)
        if not same:
            self._id(run.right_origin, run)
        if has_words:
            self.texts += [one.text or "" for one in group]
        elif run.kind is Kind.ELEMENT or run.kind is Kind.VALUE:
            put("names", 0 if run.text is None or run.is_dead else 1 + self._name(run.text))
        if run.is_dead:
            put("buried", 0 if run.killer is None else 1 + self.graves[id(run.grave)])
            if has_words:
                put("words", self.stretches[run])

    def _id(self, at: Id | None, run: Run) -> None:
        if at is None:
            self.columns.put("origins", 0)
        elif at == (run.client, run.clock - 1):
            self.columns.put("origins", 1)
        else:
            self.columns.put("origins", 2 + self.clients[at[0]])
            self.columns.put_signed("clocks", at[1] - self.last.get(at[0], 0))
            self.last[at[0]] = at[1]

    def _name(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names))

    def _lists(self) -> None:
        """Write all lists, those of the top first, then those of its types in the order in which they come."""
        nodes = [self.book.tree.root]
        last = [0] * len(self.clients)
        for node in nodes:
            self.columns.put("sizes", len(node.oldest))
            for name, first in [("", node.first), *node.oldest.items()]:
                if name:
                    self.columns.put("sizes", self._name(name))
                runs = self._heads_of(first)
                self.columns.put("sizes", len(runs))
                for run in runs:
                    client, place = self.places[run]
                    self.columns.put("lists", client)
                    self.columns.put_signed("steps", place - last[client] - 1)
                    last[client] = place
                    if run.node is not None:
                        nodes.append(run.node)
        numbers = {node: number for number, node in enumerate(nodes)}
        for number, node in enumerate(nodes):
            old = node.copied
            if old is not None and old.run is not None and old.run.killer is not None:
                self.columns.put("copies", 1 + number, numbers[old])
        self.columns.put("copies", 0)

    def _heads_of(self, run: Run | None) -> list[Run]:
        found: list[Run] = []
        while run is not None:
            if not found or self.places[found[-1]] != self.places[run]:
                found.append(run)
            run = run.right
        return found

    def _carries(self) -> None:
        """Write what is carried of words that are there, or may come again."""
        put = self.columns.put
        kept = Carries()
        for client in self.clients:
            for run in self._runs_of(client):
                if run.kind is Kind.TEXT and run.text is not None:
                    at = run.clock
                    for first, certainty in self.book.carries.firsts((run.client, run.clock, run.length)):
                        if certainty is not None:
                            kept.add((run.client, at, first[2]), first[:2], certainty)
                        at += first[2]
        last: dict[int, int] = {}
        for client, carries in kept.strands.items():
            put("carried", 1 + self.clients[client], len(carries))
            end = 0
            for carry in carries:
                put("spans", carry.clock - end, carry.length)
                put("firsts", self.clients[carry.first[0]] * 3 + carry.certainty)
                self.columns.put_signed("moves", carry.first[1] - last.get(carry.first[0], 0))
                end, last[carry.first[0]] = carry.clock + carry.length, carry.first[1] + carry.length
        put("carried", 0)


def _groups(runs: list[Run]) -> Iterator[list[Run]]:
    """Yield runs, those together that need not be told apart any more."""
    group: list[Run] = []
    for run in runs:
        if group and not _is_one(group[-1], run):
            yield group
            group = []
        group.append(run)
    if group:
        yield group


def _is_one(left: Run, right: Run) -> bool:
    return (
        left.kind is right.kind
        and left.kind in (Kind.TEXT, Kind.BARE, Kind.GONE)
        and left.is_dead == right.is_dead
        and left.killer is right.killer
        and (left.text is None) == (right.text is None)
        and left.right is (None if left.kind is Kind.GONE else right)
        and right.origin == (None if left.kind is Kind.GONE else (right.client, right.clock - 1))
        and left.right_origin == right.right_origin
    )
