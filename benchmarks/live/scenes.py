"""Scenes beside typing: readers who do not read, many who come at once, agents, rights that end, two processes."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from pycrdt import Doc, XmlFragment

from benchmarks import measure
from benchmarks.live import edits, frames, people, tally
from benchmarks.live.crowd import Client, Crowd, Plan, TooSlow
from benchmarks.live.ours import OurServer
from benchmarks.live.people import Server, Size
from tests.rest import Rest
from workspaces.documents.schema import ROOT

FROZEN = 2
LARGE_EDITS = Size(clients=20, typists=20, rate=10.0, words="x" * 10_000)
JOINERS, ONE_BY_ONE = 100, 20
AGENTS, TOKENS_PER_S, FLUSH_S, WATCHERS = 8, 200, 0.12, 20
KEYS_PER_S = 8.0
_ENDED = {4401, 4403, 4404}
_LEAVE: Final = 20


def frozen(server: Server, seconds: float, readers: int = FROZEN) -> dict[str, Any]:
    """20 people write 200 × 10 kB a second between them, two more never read; then these two read.

    `growth_mb` is all that the server grew by, the document included. `readers` 0: the same without them.
    """
    crowd = Crowd()
    try:
        (document,) = server.documents(1)
        size = LARGE_EDITS
        doors = [server.door(document, place) for place in range(size.clients + readers)]
        clients = people.enter(crowd, doors[: size.clients], size.clients)
        deaf = crowd.open(doors[size.clients :], small_buffer=True)
        for client in deaf:
            crowd.freeze(client)
        count = int((seconds + people.WARM_S) * size.rate)
        pairs = [(client, edits.typist(count, words=size.words)) for client in clients]
        memory = people.rss_mb(server)
        ran = people.run(crowd, server, people.planned(pairs, size.rate), seconds)
        ran.rss_before, ran.rss_after = memory, people.rss_mb(server)
        typists = {typist.client: typist for _client, typist in pairs}
        window = (ran.spell.began, ran.spell.ended)
        own = {place: typist.client for place, (_client, typist) in enumerate(pairs)}
        found = [tally.count(clients, typists, window, own=own)]
        began = perf_counter()
        for client in deaf:
            crowd.thaw(client)
        row = people.figures(size, ran, found, clients)
        row["document_mb"] = round(sum(len(typist.sent_at) for typist in typists.values()) * len(size.words) / 1e6, 1)
        if deaf:
            crowd.settle(quiet=1.0, seconds=15.0)
            row["missing"] += tally.count(deaf, typists, window).missing
            row["closed"] += sorted({client.code or 0 for client in deaf if not client.is_open})
            row["thawed_s"] = round(max(client.heard[-1][0] for client in deaf) - began, 2)
        return row
    finally:
        crowd.close()


def joiners(server: Server, which: str, documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """100 come to a document at once; before, 20 one after the other. Ours has it in the log, others are sent it."""
    crowd = Crowd()
    try:
        update = bytes.fromhex(documents[which]["update"])
        needed = {client: end for client, _start, end in frames.ranges_in(update)}
        if isinstance(server, OurServer):
            document = documents[which]["document"]
            first = crowd.open([server.door(document, 0)])[0]
        else:
            (document,) = server.documents(1)
            first = crowd.open([server.door(document, 0)])[0]
            crowd.send(first, first.say(frames.sync(frames.UPDATE, update)))
            crowd.perform(Plan([]), 1.0)
            crowd.settle(quiet=0.3, seconds=15.0)
        singly = crowd.open([server.door(document, place) for place in range(ONE_BY_ONE)], at_once=1)
        used, own, began = people.cpu_s(server), process_time(), perf_counter()
        doors = [server.door(document, place) for place in range(ONE_BY_ONE, ONE_BY_ONE + JOINERS)]
        together = crowd.open(doors, at_once=JOINERS, seconds=40.0, may_fail=True)
        used, own, lasted = people.cpu_s(server) - used, process_time() - own, perf_counter() - began
        crowd.settle()
        decoder = tally.Decoder(first.door.prefix)
        ms = _times(together, needed, decoder)
        alone = _times(singly, needed, decoder)
        return {
            "p50_ms": measure.percentile(ms, 0.5),
            "p95_ms": measure.percentile(ms, 0.95),
            "alone_p50_ms": measure.percentile(alone, 0.5),
            "alone_p95_ms": measure.percentile(alone, 0.95),
            "first_ms": round(((first.synced_at or 0.0) - first.began_at) * 1e3, 1),
            "cpu_ms_per_join": round(used / JOINERS * 1e3, 2),
            "missing": JOINERS + ONE_BY_ONE - len(ms) - len(alone),
            "rss_mb": people.rss_mb(server),
            "generator_percent": round(own / lasted * 100, 1),
        }
    finally:
        crowd.close()


def _times(clients: Sequence[Client], needed: dict[int, int], decoder: tally.Decoder) -> list[float]:
    """Return ms from the first packet to the whole document, of those who have it."""
    moments = [(client.began_at, tally.complete_at(client, needed, decoder)) for client in clients]
    return [(done - began) * 1e3 for began, done in moments if done is not None]


def agents(server: Server, seconds: float, folder: Path) -> dict[str, Any]:
    """8 agents write 200 tokens a second each, flushed every 120 ms; a person types, 20 watch.

    Ours writes them in its own process (`folder` is where it is told when), through log and committer; at others they
    are clients that send a message for each flush. Their milliseconds are from the flush on.
    """
    crowd = Crowd()
    try:
        (document,) = server.documents(1)
        is_ours = isinstance(server, OurServer)
        helpers = 0 if is_ours else AGENTS
        doors = [server.door(document, place) for place in range(WATCHERS + 1 + helpers)]
        clients = people.enter(crowd, doors, len(doors))
        watchers, person, writers = clients[:WATCHERS], clients[WATCHERS], clients[WATCHERS + 1 :]
        lasting = seconds + people.WARM_S
        keys = edits.typist(int(lasting * KEYS_PER_S))
        sends = people.planned([(person, keys)], KEYS_PER_S)
        words = "token " * round(TOKENS_PER_S * FLUSH_S)
        swarm = [edits.typist(int(lasting / FLUSH_S), words=words) for _ in writers]
        sends += people.planned(list(zip(writers, swarm, strict=True)), 1 / FLUSH_S)
        if is_ours:
            wanted = {"document": document, "agents": AGENTS, "rate": TOKENS_PER_S, "seconds": lasting}
            (folder / "go.partial").write_text(json.dumps(wanted))
            (folder / "go.partial").rename(folder / "go")
        ran = people.run(crowd, server, sorted(sends, key=lambda send: send.at), seconds)
        if is_ours:
            swarm = _written(crowd, folder)
        window = (ran.spell.began, ran.spell.ended)
        found = tally.count(watchers, {one.client: one for one in swarm}, window)
        typed = tally.count(watchers, {keys.client: keys}, window)
        tokens = round(TOKENS_PER_S * FLUSH_S)
        size = Size(clients=WATCHERS + 1, typists=AGENTS, rate=1 / FLUSH_S)
        row = people.figures(size, ran, [found], clients)
        row["us_per_delivered"] = round(row["us_per_delivered"] / tokens, 2)
        row["delivered_per_s"] *= tokens
        row["offered_per_s"] *= tokens
        row |= {"person_p50_ms": measure.percentile(typed.ms, 0.5), "person_p95_ms": measure.percentile(typed.ms, 0.95)}
        row["missing"] += typed.missing
        return row
    finally:
        crowd.close()


def _written(crowd: Crowd, folder: Path) -> list[edits.Typist]:
    """Return what our agents wrote, and when; goes on listening until they have told it."""
    if not crowd.listen(lambda: (folder / "done").exists(), 15.0):
        raise TooSlow("the agents did not finish")
    crowd.settle()
    said = json.loads((folder / "done").read_text())
    return [
        edits.Typist(int(client), ends=[end for end, _at in flushes], sent_at=[at for _end, at in flushes])
        for client, flushes in said.items()
    ]


def revocation(server: OurServer) -> dict[str, Any]:
    """People lose their role one after the other while somebody types; ms from the request to the closed socket."""
    crowd = Crowd()
    try:
        (document,) = server.documents(1)
        members: list[tuple[str, str]] = server.installation.has["leaving"]
        leaving, members[:_LEAVE] = members[:_LEAVE], []  # they are gone for good, for the next server too
        clients = crowd.open([server.door_with(document, key) for key, _membership in leaving])
        bystander = crowd.open([server.door(document, 0)])[0]
        rest = Rest(f"http://127.0.0.1:{server.port}", server.installation.has["owner"])
        ms = []
        for client, (_key, membership) in zip(clients, leaving, strict=True):
            began = perf_counter()
            path = f"members/{membership}/"
            thread = threading.Thread(target=rest.call, args=("DELETE", path), daemon=True)
            thread.start()
            crowd.listen(lambda client=client: not client.is_open, 10.0)  # type: ignore[misc]
            thread.join(10)
            if client.closed_at is not None and client.code in _ENDED:
                ms.append((client.closed_at - began) * 1e3)
        return {
            "people": len(leaving),
            "p50_ms": measure.percentile(ms, 0.5),
            "p95_ms": measure.percentile(ms, 0.95),
            "worst_ms": round(max(ms, default=0.0), 1),
            "missing": len(leaving) - len(ms),
            "closed": [] if bystander.is_open else [bystander.code or 0],
        }
    finally:
        crowd.close()


class Both:
    """Two processes of ours on one database: every second client is at the other one."""

    def __init__(self, first: OurServer, second: OurServer) -> None:
        self.name = "ours-two-processes"
        self.servers = (first, second)
        self.pids = [*first.pids, *second.pids]

    def documents(self, count: int) -> list[str]:
        return self.servers[0].documents(count)

    def door(self, document: str, place: int) -> Any:
        return self.servers[place % 2].door(document, place)


def two_processes(both: Both, size: Size, seconds: float) -> dict[str, Any]:
    """Return the figures of people at two processes, and whether newcomers at both are given the same document."""

    def look(crowd: Crowd, document: str, typists: Sequence[edits.Typist]) -> dict[str, Any]:
        newcomers = crowd.open([both.door(document, place) for place in (0, 1)])
        crowd.settle()
        texts = [_text(client) for client in newcomers]
        letters = sum(len(typist.sent_at) for typist in typists)
        whole = [_letters(text) == letters for text in texts]
        return {"same_text": texts[0] == texts[1] and all(whole)}

    return people.typing(both, size, seconds, look)


def _text(client: Client) -> str:
    doc: Doc[Any] = Doc()
    root = doc.get(ROOT, type=XmlFragment)
    for update in tally.updates_of(client):
        doc.apply_update(update)
    return str(root)


def _letters(text: str) -> int:
    """Return the number of characters outside of tags."""
    count, is_tag = 0, False
    for letter in text:
        if letter in "<>":
            is_tag = letter == "<"
        elif not is_tag:
            count += 1
    return count
