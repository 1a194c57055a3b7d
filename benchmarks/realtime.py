"""Two browsers on one document, alone and beside three agents that write: ours against y-websocket 2.1's server.

    python benchmarks/realtime.py [--quick] [--seconds S] [--rounds N]

One client types 8 keys a second, the other watches; both are the same Python client for both servers. Ours is the
embedded size: the agents, the meter and the database work in the server's process, every edit is committed before
anybody hears of it. y-websocket keeps documents in memory; its three agents are clients that send words at the pace of
ours: 180 tokens a second in all, flushed every 120 ms. Rounds are interleaved. Targets, beside agents: edit → other
p95 ≤ 50 ms, acknowledgement p95 ≤ 100 ms, no key lost. The last line is one JSON object; ratios are ours ÷ y-websocket.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import measure  # noqa: E402 - the path has to be known first
from tests import servers  # noqa: E402
from tests.rest import BRIEF, Rest  # noqa: E402
from tests.tab import Tab  # noqa: E402

PEERS = ROOT / "benchmarks" / "peers" / "y-websocket"
PACKAGES = ("y-websocket@2.1.0", "yjs@13.6.33")
SERVER = PEERS / "node_modules" / "y-websocket" / "bin" / "server.cjs"
KEYS_PER_S = 8
AGENTS, TOKENS_PER_S, FLUSH_S = 3, 60, 0.12
SCRIPTED_TPS = 30  # six of our agents write at once at the beginning: together as fast as three at 60
EDIT_MS, ACK_MS = 50.0, 100.0
OURS, THEIRS = "wukong", "y-websocket"


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

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.pid, self.port = process.pid, port
        self.rooms = 0

    def document(self) -> str:
        self.rooms += 1
        return f"room{self.rooms}"

    async def open(self, document: str) -> Tab:
        return await Tab.open(f"ws://127.0.0.1:{self.port}/{document}", stock=True)

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


async def measured(server: Ours | Theirs, *, beside_agents: bool, seconds: float) -> dict[str, float]:
    """Return the figures of one measurement."""
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
    with measure.watched(server.pid) as cost:
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            keys.append(began)
            agents.append(len(watcher.presence))
            sent[typist.sent + 1] = began
            await typist.type("x")
            await asyncio.sleep(max(0.0, began + 1 / KEYS_PER_S - time.perf_counter()))
    await watcher.until(lambda: len(edit_ms) == len(keys), "every key has arrived", 10)
    words = len(watcher.text().split())
    if swarm is not None:
        swarm.cancel()
        with suppress(asyncio.CancelledError):
            await swarm
    await typist.close()
    await watcher.close()
    return {
        "edit_p50_ms": measure.percentile(edit_ms, 0.5),
        "edit_p95_ms": measure.percentile(edit_ms, 0.95),
        "ack_p50_ms": measure.percentile(ack_ms, 0.5),
        "ack_p95_ms": measure.percentile(ack_ms, 0.95),
        "cpu_percent": cost.cpu,
        "rss_mb": cost.rss,
        "agents": measure.median(agents),
        "keys": len(keys),
        "words": words,
    }


@contextmanager
def peer() -> Iterator[Theirs]:
    """Install and start y-websocket's server."""
    if not SERVER.exists():
        PEERS.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(PEERS), *PACKAGES]
        subprocess.run(command, check=True, cwd=PEERS)
    port = servers.free_port()
    env = os.environ | {"HOST": "127.0.0.1", "PORT": str(port)}
    process = subprocess.Popen(["node", str(SERVER)], env=env, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        servers.wait_for(f"http://127.0.0.1:{port}/")
        yield Theirs(process, port)
    finally:
        process.kill()
        process.wait()


@contextmanager
def ours(folder: Path) -> Iterator[Ours]:
    site = servers.embedded(folder, WUKONG_SCRIPTED_TPS=str(SCRIPTED_TPS))
    try:
        site.start()
        yield Ours(site)
    finally:
        site.kill()


async def all_rounds(sides: dict[str, Ours | Theirs], rounds: int, seconds: float) -> dict[str, Any]:
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(rounds):
        for scene, beside_agents in (("alone", False), ("beside agents", True)):
            for name, side in sides.items():
                figures = await measured(side, beside_agents=beside_agents, seconds=seconds)
                found.setdefault((scene, name), []).append(figures)
    return {f"{scene}|{name}": measure.merged(parts) for (scene, name), parts in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round, at most 45 seconds")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--seconds", type=float, default=None, help="length of one measurement")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 3)
    seconds = options.seconds or (5.0 if options.quick else 8.0)
    with measure.scratch() as folder, peer() as theirs, ours(folder) as own:
        found = asyncio.run(all_rounds({THEIRS: theirs, OURS: own}, rounds, seconds))
        books = own.site.manage("books").splitlines()[-1]
    rows = []
    for place, one in found.items():
        scene, name = place.split("|")
        ack = f"{one['ack_p50_ms']:.1f} / {one['ack_p95_ms']:.1f}" if name == OURS else "–"
        edit = f"{one['edit_p50_ms']:.1f} / {one['edit_p95_ms']:.1f}"
        rows.append(
            (scene, name, edit, ack, f"{one['cpu_percent']:.1f} %", f"{one['rss_mb']:.0f} MB", int(one["words"]))
        )
    print(f"two browsers, {KEYS_PER_S} keys/s, {rounds} × {seconds:.0f} s; ms p50 / p95; CPU of one core")
    measure.table(("", "server", "edit → other", "acknowledged", "CPU", "memory", "words"), rows)
    return _judge(found, books)


def _judge(found: dict[str, Any], books: str) -> int:
    bar = measure.Bar("realtime")
    alone, busy = found[f"alone|{OURS}"], found[f"beside agents|{OURS}"]
    bar.add("edit_p95_ms", busy["edit_p95_ms"], EDIT_MS)
    bar.add("ack_p95_ms", busy["ack_p95_ms"], ACK_MS)
    for name in ("edit_p50_ms", "edit_p95_ms", "cpu_percent", "rss_mb"):
        bar.add(f"ratio_{name}_alone", measure.ratio(alone[name], found[f"alone|{THEIRS}"][name]))
        bar.add(f"ratio_{name}_beside_agents", measure.ratio(busy[name], found[f"beside agents|{THEIRS}"][name]))
    if books != "difference 0 nano":
        bar.problems.append(f"the books do not close: {books}")
    return bar.print_out(scenes=found)


if __name__ == "__main__":
    raise SystemExit(main())
