"""Two browsers on one document, alone and beside three agents that write: the embedded size against y-websocket.

One client types 8 keys a second, the other watches; both are the same Python client for both servers. Ours is `make
run`: the agents, the meter and the database work in the server's process, every edit is committed before anybody hears
of it. y-websocket keeps documents in memory; its three agents are clients that send words at the pace of ours: 180
tokens a second in all, flushed every 120 ms.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.live.peers import PeerServer
from benchmarks.live.processes import SERVER_CORE, CannotStart, on_core
from tests import servers
from tests.rest import BRIEF, Rest
from tests.tab import Tab

KEYS_PER_S = 8
AGENTS, TOKENS_PER_S, FLUSH_S = 3, 60, 0.12
SCRIPTED_TPS = 30  # six of our agents write at once at the beginning: together as fast as three at 60


class Ours:
    """The embedded server, one document for each measurement."""

    def __init__(self, site: servers.Site) -> None:
        self.site, self.pid = site, site.processes[0].pid
        self.key = site.manage("create_api_key", "demo@example.com", "northwind")
        self.rest = Rest(site.url, self.key)
        self.project = str(self.rest.post("projects/", {"workspace": "northwind", "name": "Tea launch"})["id"])

    def document(self) -> str:
        return str(self.rest.post("documents/", {"project": self.project, "title": "Measured"})["id"])

    async def open(self, document: str) -> Tab:
        return await Tab.open(f"ws://127.0.0.1:{self.site.port}/ws/documents/{document}", key=self.key)

    async def swarm(self, document: str, watcher: Tab) -> "asyncio.Task[None]":
        """Let a run write until cancelled; returns when three agents are seen at once, the longest part is ahead."""
        body = {"project": self.project, "document": document, "template": "campaign", "goal": BRIEF}
        run = (await asyncio.to_thread(self.rest.post, "runs/", body | {"model": "scripted"}))["id"]

        async def until_cancelled() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                self.rest.post(f"runs/{run}/stop/")
                self.rest.wait_run(run)

        task = asyncio.create_task(until_cancelled())
        await watcher.until(lambda: len(watcher.presence) >= AGENTS, "three agents write at once", 60)
        return task


class Theirs:
    """y-websocket's own server; agents are clients of it."""

    def __init__(self, server: PeerServer) -> None:
        self.server, self.pid = server, server.pids[0]

    def document(self) -> str:
        return self.server.documents(1)[0]

    async def open(self, document: str) -> Tab:
        return await Tab.open(f"ws://127.0.0.1:{self.server.port}/{document}", stock=True)

    async def swarm(self, document: str, watcher: Tab) -> "asyncio.Task[None]":
        agents = [await self.open(document) for _ in range(AGENTS)]
        words = "token " * round(TOKENS_PER_S * FLUSH_S)

        async def write() -> None:
            try:
                while True:
                    began = time.perf_counter()
                    for agent in agents:
                        await agent.type(words)
                    await asyncio.sleep(FLUSH_S - (time.perf_counter() - began))
            finally:
                for agent in agents:
                    await agent.close()

        return asyncio.create_task(write())


async def _measured(server: Ours | Theirs, *, beside_agents: bool, seconds: float) -> dict[str, Any]:
    document = await asyncio.to_thread(server.document)
    typist, watcher = await server.open(document), await server.open(document)
    swarm = await server.swarm(document, watcher) if beside_agents else None
    sent: dict[int, float] = {}
    keys: list[float] = []
    agents: list[float] = []
    edit_ms: list[float] = []
    ack_ms: list[float] = []

    def seen() -> None:
        at = time.perf_counter()
        if watcher.block != typist.block:
            watcher.block = typist.block
        edit_ms.extend((at - key) * 1e3 for key in keys[len(edit_ms) : len(watcher.own_text())])

    def acknowledged(number: int) -> None:
        at = time.perf_counter()
        ack_ms.extend((at - sent.pop(one)) * 1e3 for one in [one for one in sent if one <= number])

    watcher.on_change, typist.on_ack = seen, acknowledged
    own = time.process_time()
    with measure.watched(server.pid) as cost:
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            keys.append(began)
            agents.append(len(watcher.presence))
            sent[typist.sent + 1] = began
            await typist.type("x")
            await asyncio.sleep(max(0.0, began + 1 / KEYS_PER_S - time.perf_counter()))
    own = time.process_time() - own
    with suppress(AssertionError):
        await watcher.until(lambda: len(edit_ms) == len(keys), "every key has arrived", 10)
    words = len(watcher.text().split())
    if swarm is not None:
        swarm.cancel()
        with suppress(asyncio.CancelledError):
            await swarm
    await typist.close()
    await watcher.close()
    return {
        "p50_ms": measure.percentile(edit_ms, 0.5),
        "p95_ms": measure.percentile(edit_ms, 0.95),
        "ack_p50_ms": measure.percentile(ack_ms, 0.5),
        "ack_p95_ms": measure.percentile(ack_ms, 0.95),
        "missing": len(keys) - len(edit_ms),
        "cpu_percent": cost.cpu,
        "rss_mb": cost.rss,
        "agents": measure.median(agents),
        "words": words,
        "generator_percent": round(own / seconds * 100, 1),
    }


def measured(server: Ours | Theirs, *, beside_agents: bool, seconds: float) -> dict[str, Any]:
    """Return the figures of one measurement."""
    return asyncio.run(_measured(server, beside_agents=beside_agents, seconds=seconds))


@contextmanager
def ours(folder: Path) -> Iterator[Ours]:
    """Run the embedded size. Raises CannotStart."""
    site = servers.embedded(folder, WUKONG_SCRIPTED_TPS=str(SCRIPTED_TPS))
    try:
        with on_core(SERVER_CORE):
            site.start()
        yield Ours(site)
    except AssertionError as error:
        raise CannotStart(str(error)[-300:]) from error
    finally:
        site.kill()


def books(server: Ours) -> str:
    """Return what the ledger says of itself."""
    return server.site.manage("books").splitlines()[-1]
