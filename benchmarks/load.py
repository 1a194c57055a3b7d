"""How long a document takes to open cold, and what it costs many to join it: rooms loaded from the database.

    python benchmarks/load.py [--quick] [--edits N] [--rounds N]

Twenty authors make N edits, mostly single letters, half of them at any place; each is one row of the log. The document
is loaded as a room loads it (`store.load`, then a replica): from a snapshot with 400 rows after it, from a snapshot
alone, and for comparison from the log alone, as a server without snapshots would. Then 100 people come with nothing,
alone and while somebody types. Target: a document of 100,000 edits opens in 300 ms. The last line is one JSON object.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import measure  # noqa: E402 - the path has to be known first

AUTHORS, TAIL, JOINERS = 20, 400, 100
TAKES_AWAY, MOVES = 0.05, 0.55
LOAD_MS = 300.0


def prepare(folder: str) -> None:
    """Set Django up on an empty SQLite database in `folder`."""
    os.environ |= {"WUKONG_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "wukong.settings"}
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def new_document() -> Any:
    """Return an empty document of somebody."""
    from workspaces.documents.services import create_document, create_project
    from workspaces.people.services import create_user, create_workspace

    owner = create_user(email="ada@example.com", password="a long enough password", name="Ada")
    workspace = create_workspace(name="Northwind", slug="northwind", owner=owner)
    project = create_project(workspace=workspace, name="Measured", actor=owner)
    return create_document(project=project, title="Long", actor=owner)


class Authors:
    """Type single letters: mostly behind their own last one, often at a place of anybody's, and take letters away.

    So the document falls to pieces as real ones do. The updates are made by hand: twenty replicas that hear of each
    other would take hours.
    """

    def __init__(self, document: Any) -> None:
        from workspaces.documents import crdt, log, protocol, wire
        from workspaces.documents.peer import Peer

        self.document, self.random, self.number = document, random.Random(3), protocol.var_uint
        self.ids = [
            log.issue_client_id(document_id=document.pk, kind="person", principal=document.pk) for _ in range(AUTHORS)
        ]
        first = Peer(b"", self.ids[0])
        for _ in range(AUTHORS):
            first.append(first.insert_after(None, [{"type": "paragraph"}])[0], "x")
        self.seed = first.take_update() or b""
        doc = crdt.open_doc(self.seed)
        self.clocks = dict.fromkeys(self.ids, 0) | protocol.read_state_vector(doc.get_state())
        runs = wire.walk(self.seed).texts[self.ids[0]]
        self.letters = [(self.ids[0], clock) for clock, _length in runs]
        self.last = {client: self.letters[place] for place, client in enumerate(self.ids)}

    def edit(self) -> Any:
        """Return the row of one edit."""
        client, kind = self.random.choice(self.ids), self.random.random()
        return self._row(client, self._taken(client) if kind < TAKES_AWAY else self._typed(client, kind))

    def _typed(self, client: int, kind: float) -> bytes:
        """Return a letter right behind another one (Yjs v1: one struct, ContentString with a left origin)."""
        left, left_clock = self.random.choice(self.letters) if kind < MOVES else self.last[client]
        clock, letter, number = self.clocks[client], self.random.choice("abcdefghij klmnop"), self.number
        self.clocks[client] += 1
        self.last[client] = (client, clock)
        self.letters.append((client, clock))
        head = b"\1\1" + number(client) + number(clock) + b"\x84" + number(left) + number(left_clock)
        return head + number(1) + letter.encode() + b"\0"

    def _taken(self, client: int) -> bytes:
        """Return that a letter is taken away (no structs, a delete set of one)."""
        owner, clock = self.random.choice(self.letters)
        return b"\0\1" + self.number(owner) + b"\1" + self.number(clock) + b"\1"

    def _row(self, client: int, data: bytes) -> Any:
        from workspaces.documents import log

        return log.LogEntry(data=data, client_id=client, principal=self.document.pk, kind="person")

    def write(self, count: int) -> None:
        """Put `count` edits into the log, a thousand in one transaction; the paragraphs come first."""
        from django.db import transaction

        from workspaces.documents import log

        rows = [self.edit() for _ in range(count)]
        if self.seed:
            rows.insert(0, self._row(self.ids[0], self.seed))
            self.seed = b""
        for at in range(0, len(rows), 1000):
            with transaction.atomic():
                log.append(document_id=self.document.pk, entries=rows[at : at + 1000])


def timed(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the medians of the milliseconds that `work` takes, by the clock and of CPU."""
    took, used = [], []
    for _ in range(rounds):
        began, cpu = time.perf_counter(), time.process_time()
        work()
        took.append((time.perf_counter() - began) * 1e3)
        used.append((time.process_time() - cpu) * 1e3)
    return measure.median(took), measure.median(used)


def opened(document: Any) -> Any:
    """Load a document as a room does, up to where it can answer the first client; return the replica."""
    from workspaces.documents.rooms import store
    from workspaces.documents.rooms.gate import Gate
    from workspaces.documents.rooms.replica import Replica

    loaded = store.load(document.pk)
    replica = Replica(loaded.doc)
    Gate(loaded.owners, replica.clocks(), measure=replica.size, landmarks=loaded.landmarks)
    return replica


def joined(document: Any, authors: Authors, *, is_typing: bool) -> float:
    """Return the milliseconds of the server for each of many who come with nothing; somebody types between them."""
    replica = opened(document)
    took = 0.0
    for _ in range(JOINERS):
        if is_typing:
            replica.apply([authors.edit().data])
        began = time.perf_counter()
        sum(len(parcel.frames) for parcel in replica.joining.parcels())
        took += time.perf_counter() - began
    return round(took * 1e3 / JOINERS, 3)


def measured(edits: int, rounds: int) -> dict[str, float]:
    """Return all figures of a document of so many edits."""
    from workspaces.documents import snapshots
    from workspaces.documents.models import DocumentSnapshot

    document = new_document()
    authors = Authors(document)
    authors.write(edits - TAIL)
    found = {}
    found["log_ms"], found["log_cpu_ms"] = timed(lambda: opened(document), 1)
    began = time.perf_counter()
    made = snapshots.make(document.pk)
    found["make_snapshot_ms"] = round((time.perf_counter() - began) * 1e3, 1)
    snapshots.store(document_id=document.pk, made=made)
    found["snapshot_kb"] = round(len(made.state) / 1e3, 1)
    found["snapshot_alone_ms"], found["snapshot_alone_cpu_ms"] = timed(lambda: opened(document), rounds)
    authors.write(TAIL)
    found["load_ms"], found["load_cpu_ms"] = timed(lambda: opened(document), rounds)
    found["join_ms"] = joined(document, authors, is_typing=False)
    found["join_while_typing_ms"] = joined(document, authors, is_typing=True)
    assert DocumentSnapshot.objects.count() == 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10,000 edits, at most 45 seconds")
    parser.add_argument("--edits", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    edits = options.edits or (10_000 if options.quick else 100_000)
    with tempfile.TemporaryDirectory(prefix="wukong-bench-") as folder:
        prepare(folder)
        found = measured(edits, options.rounds)
    print(f"a document of {edits} edits by {AUTHORS} authors, a snapshot of {found['snapshot_kb']} kB; ms")
    rows = [
        (name.removesuffix("_ms").replace("_", " "), value) for name, value in found.items() if name.endswith("_ms")
    ]
    measure.table(("", "ms"), rows)
    bar = measure.Bar("load")
    for name, value in found.items():
        bar.add(name, value, LOAD_MS if name == "load_ms" else None)
    return bar.print_out(edits=edits)


if __name__ == "__main__":
    raise SystemExit(main())
