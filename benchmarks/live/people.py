"""Scenes in which people type: in one document, or in many."""

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks import measure
from benchmarks.live import edits, tally
from benchmarks.live.crowd import Client, Crowd, Door, Plan, Send, Spell

WARM_S = 1.0
LATE_S = 5.0
"""How long after the last key an edit may arrive: what is not there then is missing."""
BUSY = 90.0
"""Percent of a core from which on the generator may be what is measured."""


class Server(Protocol):
    """A server that is running."""

    name: str
    pids: list[int]

    def documents(self, count: int) -> list[str]: ...

    def door(self, document: str, place: int) -> Door: ...


@dataclass(frozen=True)
class Size:
    """`documents` with `clients` each, of whom `typists` make `rate` edits of `words` a second."""

    clients: int
    typists: int
    documents: int = 1
    rate: float = 15.0
    words: str = ""
    cursors: bool = False

    @property
    def offered(self) -> float:
        """Edits a second that have to reach others."""
        return self.documents * self.typists * self.rate * (self.clients - 1)


def planned(pairs: Sequence[tuple[Client, edits.Typist]], rate: float) -> list[Send]:
    """Return when each edit is sent: everybody types evenly, not all at the same moment."""
    sends = []
    for place, (client, typist) in enumerate(pairs):
        offset = place / len(pairs) / rate
        for number, message in enumerate(typist.messages):
            frame = client.say(message)
            if typist.cursors:
                frame += client.say(typist.cursors[number])
            sends.append(Send(offset + number / rate, client, frame, typist.sent_at.append))
    return sorted(sends, key=lambda send: send.at)


def cpu_s(server: Server) -> float:
    return sum(measure.cpu_s(pid) for pid in server.pids)


def rss_mb(server: Server) -> float:
    return sum(measure.rss_mb(pid) for pid in server.pids)


@dataclass
class Ran:
    """What a typing spell cost."""

    spell: Spell
    server: float  # seconds of CPU
    rss_before: float
    rss_after: float


def run(crowd: Crowd, server: Server, sends: list[Send], seconds: float) -> Ran:
    """Let people type; the first second is not measured."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        plan = Plan(sends)
        crowd.perform(plan, WARM_S)
        before, used = rss_mb(server), cpu_s(server)
        spell = crowd.perform(plan, seconds)
        ran = Ran(spell, cpu_s(server) - used, before, rss_mb(server))
        crowd.settle(quiet=0.3, seconds=LATE_S / 2)
    finally:
        gc.enable()
        gc.unfreeze()
    return ran


Look = Callable[[Crowd, str, Sequence[edits.Typist]], dict[str, Any]]


def typing(server: Server, size: Size, seconds: float, look: Look | None = None) -> dict[str, Any]:
    """Return the figures of people who type in one document, or in many at once.

    `look` may add figures while everybody is still there; it gets the (last) document.
    """
    crowd = Crowd()
    try:
        documents = server.documents(size.documents)
        doors = [server.door(document, place) for document in documents for place in _places(size, document, documents)]
        clients = enter(crowd, doors, size.clients)
        count = int((seconds + WARM_S) * size.rate)
        groups = [clients[first : first + size.clients] for first in range(0, len(clients), size.clients)]
        pairs = [
            (client, edits.typist(count, words=size.words, cursors=size.cursors, name=f"Person {place}"))
            for group in groups
            for place, client in enumerate(group[: size.typists])
        ]
        ran = run(crowd, server, planned(pairs, size.rate), seconds)
        found = [_count(group, pairs, ran.spell, size) for group in groups]
        if any(one.missing or one.cursors_missing for one in found):  # it may be on its way still
            crowd.settle(quiet=LATE_S, seconds=LATE_S / 2)
            found = [_count(group, pairs, ran.spell, size) for group in groups]
        more = look(crowd, documents[-1], [typist for _client, typist in pairs]) if look is not None else {}
        return figures(size, ran, found, clients) | more
    finally:
        crowd.close()


def enter(crowd: Crowd, doors: Sequence[Door], each: int) -> list[Client]:
    """Let clients in, `each` a document: the first of each alone, because pycrdt-websocket falls over two at once."""
    clients: list[Client | None] = [None] * len(doors)
    firsts = range(0, len(doors), each)
    rest = [place for place in range(len(doors)) if place % each]
    for places, at_once in ((firsts, 1), (rest, 8)):
        for place, client in zip(places, crowd.open([doors[place] for place in places], at_once=at_once), strict=True):
            clients[place] = client
    return [client for client in clients if client is not None]


def _places(size: Size, document: str, documents: Sequence[str]) -> range:
    """Return the numbers of a document's clients: each person is at several documents, as people are."""
    first = documents.index(document) * size.clients
    return range(first, first + size.clients)


def _count(group: list[Client], pairs: Sequence[tuple[Client, edits.Typist]], spell: Spell, size: Size) -> tally.Found:
    here = {id(client) for client in group}
    mine = [(client, typist) for client, typist in pairs if id(client) in here]
    typists: Mapping[int, edits.Typist] = {typist.client: typist for _client, typist in mine}
    own = {group.index(client): typist.client for client, typist in mine}
    sample = 20 if size.documents == 1 else size.clients
    return tally.count(group, typists, (spell.began, spell.ended), own=own, sample=sample, cursors=size.cursors)


def figures(size: Size, ran: Ran, found: Sequence[tally.Found], clients: Sequence[Client]) -> dict[str, Any]:
    """Return one row."""
    delivered = sum(one.delivered for one in found)
    ms = [value for one in found for value in one.ms]
    lasted = ran.spell.ended - ran.spell.began
    return {
        "cpu_percent": round(ran.server / lasted * 100, 1),
        "us_per_delivered": round(ran.server / delivered * 1e6, 2) if delivered else 0.0,
        "delivered_per_s": round(delivered / lasted),
        "offered_per_s": round(size.offered),
        "p50_ms": measure.percentile(ms, 0.5),
        "p95_ms": measure.percentile(ms, 0.95),
        "missing": sum(one.missing for one in found),
        "cursors_missing": sum(one.cursors_missing for one in found),
        "closed": sorted({client.code or 0 for client in clients if not client.is_open}),
        "rss_mb": ran.rss_after,
        "growth_mb": round(ran.rss_after - ran.rss_before, 1),
        "generator_percent": ran.spell.cpu,
        "late_ms": ran.spell.late_ms,
    }
