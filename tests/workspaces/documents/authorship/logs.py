"""Logs made by pycrdt: people and agents at one document, for tests of what is projected from them."""

import random
from uuid import UUID

from pycrdt import XmlElement, XmlText

from tests.workspaces.documents.writers import Editor
from workspaces.documents import crdt
from workspaces.documents.authorship import reading, shown, state
from workspaces.documents.authorship.book import Book, Row
from workspaces.documents.schema import TEXT_BLOCKS


class Desk:
    """One document, everybody's replicas of it, and its log. Time passes a second a row."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.docs: dict[int, object] = {}
        self.now = 0
        self._subscriptions = []

    def doc(self, client: int):
        """Return the replica of a client id, which has read the log."""
        if client not in self.docs:
            self.docs[client] = crdt.open_doc(client_id=client, keeps_deleted=True)
        for row in self.rows:
            self.docs[client].apply_update(row.data)
        return self.docs[client]

    def write(self, client: int, edit, *, kind: str = "person", principal: int | None = None, **more) -> Row:
        """Let a client edit its replica in one transaction; `more` goes into the row."""
        doc = self.doc(client)
        updates: list[bytes] = []
        subscription = doc.observe(lambda event: updates.append(event.update))
        with doc.transaction():
            edit(crdt.root_of(doc))
        doc.unobserve(subscription)
        assert len(updates) == 1
        self.now += 1
        return self.put(updates[0], client, kind=kind, principal=principal, **more)

    def put(self, data: bytes, client: int, *, kind: str = "person", principal: int | None = None, **more) -> Row:
        row = Row(data=data, client_id=client, principal=UUID(int=principal or client), kind=kind, at=self.now, **more)
        self.rows.append(row)
        return row

    def book(self) -> Book:
        return project(self.rows)


def project(rows: list[Row]) -> Book:
    book = Book()
    for seq, row in enumerate(rows, 1):
        book.apply(seq, row)
    return book


def project_in_goes(rows: list[Row], rests: set[int]) -> Book:
    """Project, and put the book away and take it up again after each of these rows."""
    book = Book()
    for seq, row in enumerate(rows, 1):
        book.apply(seq, row)
        if seq in rests:
            book = state.load(state.dump(book))
    return book


def paragraph(text: str, name: str = "paragraph", **attrs) -> XmlElement:
    return XmlElement(name, {"id": crdt.new_block_id(), **attrs}, [XmlText(text)])


def put(root, *blocks: XmlElement, at: int | None = None) -> None:
    """Write blocks, at the end if no place is given."""
    place = len(root.children) if at is None else at
    for n, block in enumerate(blocks):
        root.children.insert(place + n, block)


def drop(root, *places: int) -> None:
    for place in sorted(places, reverse=True):
        del root.children[place]


def by(book: Book) -> list[list[tuple[str, int]]]:
    """Return the blocks as [(text, number of who wrote it)]."""
    return [[(part.text, part.writer.principal.int) for part in block.ranges] for block in shown.blocks(book)]


def written_by(book: Book, principal: int) -> str:
    return "".join(text for block in by(book) for text, writer in block if writer == principal)


def texts_of(book: Book) -> list[tuple[str | None, str]]:
    """Return (id, words without breaks) of the text blocks, as the book has them."""
    return [(block.id, "".join(part.text for part in block.ranges)) for block in shown.blocks(book)]


def texts_in(doc) -> list[tuple[str | None, str]]:
    """Return (id, words without breaks) of the text blocks, as Yjs has them."""
    blocks = [one for one in crdt.elements_in(crdt.root_of(doc)) if one.tag in TEXT_BLOCKS]
    return [(crdt.id_of(one), "".join(map(crdt.plain, crdt.texts_in(one)))) for one in blocks]


def random_log(seed: int, steps: int, editors: int = 3) -> list[Row]:
    """Return what some editors write who look at each other's changes now and then."""
    rng = random.Random(seed)
    people = [Editor(seed * 10 + n, client) for n, client in enumerate(rng.sample(range(1, 1 << 31), editors))]
    seen = [0] * editors
    rows: list[Row] = []
    for step in range(steps):
        n = rng.randrange(editors)
        person = people[n]
        if rng.random() < 0.5:
            for row in rows[seen[n] :]:
                if row.client_id != person.doc.client_id:
                    person.doc.apply_update(row.data)
            seen[n] = len(rows)
            person.updates.clear()
        person.edit()
        client = person.doc.client_id
        rows += [
            Row(data=data, client_id=client, principal=UUID(int=n + 1), kind="person", at=step)
            for data in person.updates
        ]
        person.updates.clear()
    return rows


def firsts_alive(book: Book) -> list[tuple[int, int]]:
    """Return the first id of each living unit."""
    found = []
    for client, strand in book.tree.strands.items():
        for run in strand.runs:
            if run.kind is reading.Kind.TEXT and not run.is_dead:
                for (first, clock, length), _certainty in book.carries.firsts((client, run.clock, run.length)):
                    found += [(first, clock + n) for n in range(length)]
    return found
