"""What benchmarks/live/serve.py changes in our server's process."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from agents.engine.perform import FLUSH_S
from workspaces.documents import log, wire
from workspaces.documents.models import DocumentUpdate
from workspaces.documents.peer import Peer
from workspaces.documents.rooms import store
from wukong.kernel import committer


def write_nothing() -> None:
    """Count what a room would append instead of appending it, without the hop to the thread that commits."""
    heads: Counter[UUID] = Counter()
    named = signature(store.commit)

    def count(*given: Any, **more: Any) -> store.Committed:
        said = named.bind(*given, **more).arguments
        document_id = said["document_id"]
        heads[document_id] = max(heads[document_id], said["known"]) + len(said["entries"])
        return store.Committed(heads[document_id], [])

    store.commit = count
    commit = committer.arun

    async def arun(job: Callable[[], Any], **how: Any) -> Any:
        if isinstance(job, partial) and job.func is count:
            return job()
        return await commit(job, **how)

    committer.arun = arun


# --- agents in the server's process, as the embedded size has them ----------------------------------------------------
class _Agent:
    """Writes words into a paragraph of its own and flushes every 120 ms, as an attempt of the engine does."""

    def __init__(self, document_id: UUID, tokens_per_s: float) -> None:
        self.document_id, self.principal = document_id, uuid4()
        self.tokens = round(tokens_per_s * FLUSH_S)
        self.flushes: list[tuple[int, float]] = []

    async def write(self, seconds: float, delay: float) -> None:
        await asyncio.sleep(delay)
        client, state, seen = await committer.arun(self._begin)
        peer = Peer(state, client)
        (block,) = peer.insert_after(None, [{"type": "paragraph"}])
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end:
            for _ in range(self.tokens):
                peer.append(block, "token ")
            update = peer.take_update() or b""
            clock = wire.walk(update).end(client)
            at = time.perf_counter()
            seen, others = await committer.arun(partial(self._flush, client, update, seen))
            self.flushes.append((clock, at))
            peer.catch_up(others)
            await asyncio.sleep(max(0.0, began + FLUSH_S - time.perf_counter()))

    def _begin(self) -> tuple[int, bytes, int]:
        client = log.issue_client_id(document_id=self.document_id, kind="agent", principal=self.principal)
        state, head = log.load(self.document_id)
        return client, state, head

    def _flush(self, client: int, update: bytes, seen: int) -> tuple[int, list[bytes]]:
        rows = DocumentUpdate.objects.since(self.document_id, seen).values_list("seq", "client_id", "data")
        others = []
        for seq, writer, data in rows:
            seen = seq
            if writer != client:
                others.append(bytes(data))
        entry = log.LogEntry(data=update, client_id=client, principal=self.principal, kind="agent")
        log.append(document_id=self.document_id, entries=[entry])
        return seen, others


def start_agents(folder: Path) -> None:
    """Wait for `folder`/go (JSON: document, agents, rate, seconds) in a thread and write; then leave `folder`/done.

    `done` has {client id: [[clock behind the last word, moment of the flush], …]} on the clock of time.perf_counter,
    which all processes of a Linux machine share.
    """
    threading.Thread(target=_agents, args=(folder,), name="agents", daemon=True).start()


def _agents(folder: Path) -> None:
    while not (folder / "go").exists():
        time.sleep(0.02)
    wanted = json.loads((folder / "go").read_text())
    document = UUID(wanted["document"])
    agents = [_Agent(document, wanted["rate"]) for _ in range(wanted["agents"])]

    async def write_all() -> None:
        pause = FLUSH_S / len(agents)
        await asyncio.gather(*(one.write(wanted["seconds"], place * pause) for place, one in enumerate(agents)))

    asyncio.run(write_all())
    found = {str(_client_of(one)): one.flushes for one in agents}
    (folder / "done.partial").write_text(json.dumps(found))
    (folder / "done.partial").rename(folder / "done")


def _client_of(agent: _Agent) -> int:
    from workspaces.documents.models import DocumentWriter

    writers = DocumentWriter.objects.filter(document_id=agent.document_id, principal=agent.principal)
    return int(writers.values_list("client_id", flat=True).get())
