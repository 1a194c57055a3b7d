"""Reads a book from bytes. Pure; see `state`."""

from uuid import UUID

from workspaces.documents.authorship.book import Book, Writer
from workspaces.documents.authorship.carries import Certainty
from workspaces.documents.authorship.columns import COLUMNS, DEAD, KINDS, SAME_RIGHT, WORDS, ColumnReader
from workspaces.documents.authorship.reading import Id, Kind, units
from workspaces.documents.authorship.stretches import joined
from workspaces.documents.authorship.tree import Grave, Node, Run, Strand
from workspaces.documents.protocol import Reader


class Load:
    def __init__(self, raw: bytes) -> None:
        head = Reader(raw)
        self.book = Book()
        self.book.seq, self.book.at = head.var_uint(), head.var_uint()
        sizes = [head.var_uint() for _ in range(3 + len(COLUMNS))]
        tables, names, text, *columns = [head.take(size) for size in sizes]
        head.end()
        self.uuids = [UUID(bytes=tables[at : at + 16]) for at in range(0, len(tables), 16)]
        self.names = names.decode().split("\0")
        self.text, self.at = units(text.decode("utf-8", "surrogatepass")), 0
        self.columns = ColumnReader(dict(zip(COLUMNS, columns, strict=True)))
        self.clients: list[int] = []
        self._people()
        self.graves = self._graves()
        self.last: dict[int, int] = {}
        self.numbers: dict[Run, int] = {}
        self.runs = [self._strand(client) for client in self.clients]
        self.buried: dict[Grave, dict[int, list[Run]]] = {}
        self._lists()
        self._carries()
        for grave in self.graves:
            words = self.buried.get(grave, {})
            self.book.graves.bury(grave, [joined([(run, 0, run.length) for run in words[n]]) for n in sorted(words)])

    def _people(self) -> None:
        get, book = self.columns.get, self.book
        for _ in range(get("clients")):
            client, kind = get("clients"), KINDS[get("clients")]
            self.clients.append(client)
            book.writers[client] = Writer(kind, self.uuids[get("clients")])
            clock = 0
            for _ in range(get("clients")):
                clock += get("clients")
                call = get("clients")
                book.calls.setdefault(client, []).append((clock, self.uuids[call - 1] if call else None))

    def _graves(self) -> list[Grave]:
        graves: list[Grave] = []
        at = 0
        for _ in range(self.columns.get("graves")):
            place = self.columns.get("graves")
            by = self.clients[place - 1] if place else 0
            at += self.columns.get("graves")
            graves.append(Grave(by, at))
            graves[-1].is_empty = False
        return graves

    def _strand(self, client: int) -> list[Run]:
        strand = Strand()
        for _ in range(self.columns.get("lengths")):
            strand.add(self._run(client, strand))
        if strand.runs:
            self.book.tree.strands[client] = strand
        return strand.runs

    def _run(self, client: int, strand: Strand) -> Run:
        get = self.columns.get
        head = get("heads")
        run = Run(client, strand.end, get("lengths"), Kind(head & 7))
        run.origin = self._id(run)
        run.right_origin = strand.runs[-1].right_origin if head & SAME_RIGHT else self._id(run)
        if head & WORDS:
            run.text = self.text[self.at : self.at + run.length]
            self.at += run.length
        elif run.kind in (Kind.ELEMENT, Kind.VALUE):
            name = get("names")
            run.text = self.names[name - 1] if name else None
        if head & DEAD:
            run.is_dead = True
            grave = get("buried")
            run.grave = self.graves[grave - 1] if grave else None
            if head & WORDS:
                self.numbers[run] = get("words")
        return run

    def _id(self, run: Run) -> Id | None:
        client = self.columns.get("origins")
        if client < 2:
            return (run.client, run.clock - 1) if client else None
        client = self.clients[client - 2]
        self.last[client] = self.last.get(client, 0) + self.columns.signed("clocks")
        return client, self.last[client]

    def _lists(self) -> None:
        nodes = [self.book.tree.root]
        last = [0] * len(self.clients)
        for node in nodes:
            attributes = self.columns.get("sizes")
            for number in range(1 + attributes):
                name = self.names[self.columns.get("sizes")] if number else None
                self._list(node, name, last, nodes)
        while number := self.columns.get("copies"):
            nodes[number - 1].copied = nodes[self.columns.get("copies")]

    def _list(self, node: Node, name: str | None, last: list[int], nodes: list[Node]) -> None:
        left: Run | None = None
        for _ in range(self.columns.get("sizes")):
            client = self.columns.get("lists")
            last[client] += self.columns.signed("steps") + 1
            run = self.runs[client][last[client]]
            run.parent, run.attribute, run.left = node, name, left
            if left is not None:
                left.right = run
            elif name is None:
                node.first = run
            else:
                node.oldest[name] = run
            left = run
            if run.node is not None:
                nodes.append(run.node)
            if run.grave is not None and (number := self.numbers.get(run)) is not None:
                self.buried.setdefault(run.grave, {}).setdefault(number, []).append(run)
        if name is not None and left is not None:
            node.values[name] = left

    def _carries(self) -> None:
        get = self.columns.get
        last: dict[int, int] = {}
        while number := get("carried"):
            client, clock = self.clients[number - 1], 0
            for _ in range(get("carried")):
                clock += get("spans")
                length = get("spans")
                place, certainty = divmod(get("firsts"), 3)
                first = self.clients[place]
                at = last.get(first, 0) + self.columns.signed("moves")
                self.book.carries.add((client, clock, length), (first, at), Certainty(certainty))
                clock, last[first] = clock + length, at + length
