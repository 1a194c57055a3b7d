"""A room without sockets that takes what passes: walker, gate, pycrdt, watch. `python -m` runs a storm by itself."""

import base64
import json
import os
import sys
from pathlib import Path
from random import Random
from uuid import UUID

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")
    django.setup()

from tests.workspaces.documents import mutations
from workspaces.documents import content, crdt, wire
from workspaces.documents.landmarks import Landmarks
from workspaces.documents.rooms import batch
from workspaces.documents.rooms.batch import Entry
from workspaces.documents.rooms.gate import Gap, Gate
from workspaces.documents.rooms.replica import Replica
from workspaces.sockets.codes import Closed

EVE = UUID(int=7)


class Writer:
    """Stands for a socket: entries want to know whose they are."""

    principal = EVE


class Target:
    """Takes updates of one person as a room does; `log` has the rows of what it took, `told` what browsers hear."""

    def __init__(self, updates: list[bytes]) -> None:
        self.log = list(updates)
        self.outcomes: dict[str, int] = {}
        self._load()
        self.told = [self.state]

    def _load(self) -> None:
        doc = crdt.open_doc()
        crdt.apply(doc, self.log)
        state = doc.get_update()
        self.replica = Replica(crdt.open_doc(state))
        vector = self.replica.clocks()
        self.gate = Gate(dict.fromkeys(vector, EVE), vector, landmarks=Landmarks(state))

    def offer(self, data: bytes) -> bool:
        """Return whether the update was taken."""
        outcome = self._offer(data)
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        return outcome == "taken"

    def _offer(self, data: bytes) -> str:
        entry = Entry(Writer(), 1, data)
        try:
            entry.facts = self.gate.walk(data)
            for client in self.gate.strangers(entry.facts, EVE):
                self.gate.bind(client, EVE)
            entry.admit(self.gate)
        except (Closed, Gap, crdt.Full) as error:
            return error.code.name if isinstance(error, Closed) else type(error).__name__
        try:
            delta, rows = batch.apply(self.replica, [entry])
        except crdt.Broken as error:
            self._load()
            return "panic" if type(error.__cause__).__name__ == "PanicException" else "broken"
        self.log += [row.data for row in rows]
        self.told += [delta] if delta is not None else []
        return "taken" if rows else "known"

    @property
    def state(self) -> bytes:
        return self.replica.since(b"")

    def read(self) -> list:
        return content.read(self.replica._doc)

    def differences(self) -> list[str]:
        """Return which other ways of reading the log, or what was told, come to another document."""
        here, found = self.read(), []
        ways = {
            "the log at once": (self.log, True, False),
            "the log row by row": (self.log, False, False),
            "the log with what is deleted": (self.log, True, True),
            "what was told": (self.told, False, False),
            "the state": ([self.state], True, False),
        }
        for name, (updates, at_once, keeps_deleted) in ways.items():
            doc = crdt.open_doc(keeps_deleted=keeps_deleted)
            try:
                for portion in [updates] if at_once else [[one] for one in updates]:
                    crdt.apply(doc, portion)
                if content.read(doc) != here:
                    found.append(name)
            except crdt.Broken as error:
                found.append(f"{name}: {error.__cause__}")
        return found


def storm(seed: int, frames: int, most: int = 60) -> Target:
    """Offer `frames` mutated updates to one document; at most `most` are taken into it."""
    rng = Random(seed)
    sessions = mutations.seeds()
    session = sessions[seed % len(sessions)]
    target = Target(session[: rng.randint(len(session) // 3, len(session))])
    before = len(target.log)
    known = _ids(target)
    forger = mutations.Forger(rng, known, target.gate.vector)
    for _ in range(frames):
        one, two = rng.choice(session), rng.choice(rng.choice(sessions))
        data = forger.forged(one, two) if rng.random() < 0.6 else mutations.damaged(rng, one, two)
        if target.offer(data):
            forger.vector = target.gate.vector
            if len(target.log) - before >= most:
                break
            known += [at for at in _inserted(data) if len(known) < 5000]
    return target


def _ids(target: Target) -> list[mutations.Id]:
    return [(client, clock) for client, end in target.gate.vector.items() for clock in range(end)]


def _inserted(data: bytes) -> list[mutations.Id]:
    return [
        (client, clock + at)
        for client, ranges in wire.walk(data).inserted.items()
        for clock, length in ranges
        for at in range(min(length, 40))
    ]


def main(folder: str, first: str, rooms: str, frames: str) -> None:
    """Write what the rooms tell, for the judge, and what they read, for comparison; print what came of it."""
    told, contents, outcomes, offered, differences = [], [], {}, 0, []
    for seed in range(int(first), int(first) + int(rooms)):
        target = storm(seed, int(frames), most=150)
        told.append([base64.b64encode(one).decode() for one in [*target.told, target.state]])
        contents.append(target.read())
        differences += [f"{seed}: {one}" for one in target.differences()]
        for name, count in target.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + count
            offered += count
    out = Path(folder)
    (out / "rooms.json").write_text(json.dumps(told))
    (out / "contents.json").write_text(json.dumps(contents))
    print(json.dumps({"offered": offered, "differences": differences, **outcomes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
