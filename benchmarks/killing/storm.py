"""Kill, look, bring back, look again: what was acknowledged is there once, whoever typed gets back in."""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.killing.browsers import Browser, Stock
from benchmarks.killing.clients import TOKEN, Client
from benchmarks.killing.rows import Stored
from benchmarks.killing.sites import Pair, Target
from workspaces.documents import content, crdt, protocol

BROWSERS, STOCKS = 6, 2
KEYS_PER_S: Final = 6
OFFLINE_KEYS_PER_S: Final = 1.5
KILLS_A_ROUND: Final = 25
BACK_S: Final = 10.0
QUIET_S: Final = 30.0
TYPING_S: Final = (0.05, 1.0)
BOOT_S: Final = 2.0
SNAPSHOT_S: Final = 8.0
WRONG: Final = ("lost", "doubled", "unsent", "diverged", "locked_out", "problems")
_TAG: Final = re.compile(r"<[^>]*>")


@dataclass
class Result:
    """What one site has seen. Lists name each token or client once a time that it was met."""

    kills: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)
    locked_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)
    edits: int = 0
    acked: int = 0
    reloads: int = 0
    snapshots: int = 0
    rows: int = 0
    cold_loads: int = 0
    earlier: set[str] = field(default_factory=set)

    @property
    def number(self) -> int:
        return sum(self.kills.values())

    def take(self, client: Client) -> None:
        """Add what a client has seen, at the end of its round."""
        self.problems += client.ledger.problems
        self.edits += client.ledger.sent
        self.acked += len(client.ledger.saved) + len(client.ledger.taken)
        self.reloads += getattr(client, "reloads", 0)

    def wrong(self) -> dict[str, list[str]]:
        """Return what should be empty and is not, the first of each."""
        return {name: found[:5] for name in WRONG if (found := getattr(self, name))}

    @property
    def is_fine(self) -> bool:
        return not self.wrong()


class Storm:
    """One site under `kills` kills, in rounds with a document each."""

    def __init__(self, target: Target, seed: int, say: Callable[[str], None] = lambda line: None) -> None:
        self.target, self.random, self.say = target, random.Random(seed), say
        self.result = Result()
        self.is_typing = True
        self.clients: list[Client] = []

    async def weather(self, kills: int, until: float = float("inf")) -> Result:
        """Kill `kills` times, or fewer if the steady clock passes `until`; returns what was found."""
        try:
            for part in self.target.ports():
                self.target.spawn(part)
            await asyncio.gather(*(self.target.listen(part) for part in self.target.ports()))
            while self.result.number < kills and time.monotonic() < until and self.result.is_fine:
                await self._round(min(kills, self.result.number + KILLS_A_ROUND), until)
        except (AssertionError, OSError) as error:
            self.result.problems.append(f"{type(error).__name__}: {error}")
        if not self.result.is_fine:
            self.say(f"{self.target.name} {self.target.site.port} has failed: {self.result.wrong()}")
        return self.result

    async def _round(self, kills: int, until: float) -> None:
        await asyncio.to_thread(self.target.new_document)
        self._log, self._log_at = crdt.open_doc(), 0
        self.clients = []
        for place in range(BROWSERS + STOCKS):
            kind = Browser if place < BROWSERS else Stock
            key = self.target.keys[place % len(self.target.keys)]
            self.clients.append(kind("abcdefgh"[place], key, self._address, self.random.getrandbits(32)))
        for client in self.clients:
            client.start()
        if isinstance(self.target, Pair):
            self.target.spawn("agent")
        typists: list[asyncio.Task[None]] = []
        try:
            await self._all_back(time.monotonic(), counts=False)
            typists = [asyncio.create_task(self._type(client)) for client in self.clients]
            while self.result.number < kills and time.monotonic() < until and self.result.is_fine:
                await self._one_kill()
                self.say(f"{self.target.name} {self.target.site.port}: {self.result.number} kills")
            await self._quiet(is_last=True)
        finally:
            for typist in typists:
                typist.cancel()
            if "agent" in self.target.running:
                self.target.kill("agent")
            for client in self.clients:
                await client.stop()
                self.result.take(client)

    def _address(self) -> str:
        return self.target.address(self.random)

    async def _type(self, client: Client) -> None:
        """Type, more slowly without a connection, or a slow machine would make a long document of each kill."""
        while True:
            pace = KEYS_PER_S if client.is_back else OFFLINE_KEYS_PER_S
            await asyncio.sleep(client.random.uniform(0.3, 1.7) / pace)
            if self.is_typing:
                client.edit()

    # --- one kill ----------------------------------------------------------------------------------------------------
    async def _one_kill(self) -> None:
        """Kill at a random moment: of typing, of coming back, of a snapshot. Then look at the disk, and start again."""
        if isinstance(self.target, Pair) and self.random.random() < 0.2:
            await self._kill_the_worker()
            return
        part = self.random.choice(list(self.target.ports()))
        await asyncio.sleep(self.random.uniform(*TYPING_S))
        self.target.kill(part)
        self.result.kills["while people type"] += 1
        dice = self.random.random()
        if dice < 0.2:
            await self._kill_in_a_snapshot(part)
        elif dice < 0.4:
            await self._kill_while_starting(part)
        await self._look_at_the_disk()
        await self._bring_back(part)

    async def _kill_while_starting(self, part: str) -> None:
        """Take the successor away too, somewhere between its first line and a full house."""
        self.target.spawn(part)
        listening = asyncio.create_task(self.target.listen(part))
        await asyncio.sleep(self.random.uniform(0, BOOT_S))
        has_listened = part in self.target.listening_at
        self.target.kill(part)
        await listening
        self.result.kills["while people come back" if has_listened else "while it starts"] += 1

    async def _kill_in_a_snapshot(self, part: str) -> None:
        """Put a process in place that dies in the middle of a snapshot; if it takes none it is killed after a while."""
        self.target.spawn(part, dies=self.random.getrandbits(30) + 1)
        process = self.target.running[part]
        with suppress(AssertionError):  # it may die before it listens
            await self.target.listen(part)
        await process.until_gone(SNAPSHOT_S)
        self.result.kills["in a snapshot" if process.is_gone else "while people type"] += 1
        self.target.kill(part)

    async def _kill_the_worker(self) -> None:
        """Kill the worker while it writes; half of the next ones die in the middle of a snapshot."""
        assert isinstance(self.target, Pair)
        await asyncio.sleep(self.random.uniform(*TYPING_S))
        is_gone = self.target.running["agent"].is_gone
        self.result.kills["in a snapshot of the worker" if is_gone else "of the worker"] += 1
        self.target.kill("agent")
        await self._look_at_the_disk()
        self.target.spawn("agent", dies=self.random.getrandbits(30) + 1 if self.random.random() < 0.5 else 0)
        if self.random.random() < 0.5:
            await self._quiet()

    async def _bring_back(self, part: str) -> None:
        since = time.monotonic()
        self.target.spawn(part, is_hurried=self.random.random() < 0.3)
        listening = asyncio.create_task(self.target.listen(part))
        if self.random.random() < 0.5:
            browsers = [client for client in self.clients if isinstance(client, Browser)]
            for browser in self.random.sample(browsers, self.random.randint(1, 2)):
                await browser.reload()
        if len(self.target.ports()) == 1:
            await listening
            since = time.monotonic()
        await self._all_back(since)
        await listening
        if self.random.random() < 0.7:
            await self._quiet()

    async def _all_back(self, since: float, *, counts: bool = True) -> None:
        """Wait until everybody is in: at most ten seconds after they have tried a door that is open.

        A browser that has found it shut for long waits some seconds before it tries again.
        """
        first_try: dict[Client, float] = {}
        while missing := [client for client in self.clients if not client.is_back]:
            at = time.monotonic()
            first_try |= {one: one.tried_at for one in missing if one not in first_try and one.tried_at > since}
            if any(at > first_try.get(one, since + BACK_S) + BACK_S for one in missing):
                self.result.locked_out += [f"{client.name} {client.codes[-3:]}" for client in missing]
                return
            await asyncio.sleep(0.01)
        if counts:
            back = [client.back_at for client in self.clients if client.back_at is not None]
            self.result.back_s += [at - since for at in back if at > since]

    # --- what has to hold --------------------------------------------------------------------------------------------
    async def _look_at_the_disk(self) -> None:
        """Everything that was acknowledged is in the log once, with nobody's help.

        What is still in a client's buffer has been said by the dead process, so its sockets are read to their end.
        """
        said: set[str] = set()
        if isinstance(self.target, Pair):
            said = set(self.target.said()) - self.result.earlier
        else:
            await self._until(lambda: not any(client.socket for client in self.clients), "the sockets end")
        saved = {token for client in self.clients for token in client.ledger.saved} | said
        taken = {token for client in self.clients for token in client.ledger.taken}
        await self._read_log()
        asked = {token for client in self.clients for token in client.ledger.taking | client.ledger.taken}
        self._compare(self._counts(str(crdt.root_of(self._log))), saved - asked, taken, "after the kill")

    async def _read_log(self) -> Stored:
        """Take in the rows that are new; rows never change, which the end of a round looks at."""
        stored = await asyncio.to_thread(self.target.stored)
        crdt.apply(self._log, stored.after(self._log_at))
        if [seq for seq, _data in stored.updates] != list(range(1, stored.head + 1)):
            self.result.problems.append(f"the log has gaps: {len(stored.updates)} rows, head {stored.head}")
        if stored.head < self._log_at:
            self.result.problems.append(f"the log has lost its end: {self._log_at} → {stored.head}")
        self._log_at = stored.head
        return stored

    def _counts(self, shown: str) -> Counter[str]:
        text = _TAG.sub("", shown)
        if rest := TOKEN.sub("", text).strip():
            self.result.problems.append(f"torn words: {rest[:80]!r}")
        return Counter(TOKEN.findall(text))

    def _compare(self, counts: Counter[str], saved: Iterable[str], taken: Iterable[str], when: str) -> None:
        self.result.lost += [f"{token} {when}" for token in saved if counts[token] == 0]
        self.result.doubled += [f"{token} {when}" for token, number in counts.items() if number > 1]
        self.result.doubled += [f"{token} is back {when}" for token in taken if counts[token]]

    async def _quiet(self, *, is_last: bool = False) -> None:
        """Let everybody rest: all say the same as the server and its log, and nothing that was typed is missing."""
        self.is_typing = False
        try:
            if isinstance(self.target, Pair):
                await self.target.rest_agent()
            await self._until(self._rests, "everybody is saved and sees the same")
            shown = self.clients[0].shown()
            counts = self._counts(shown)
            for client in self.clients:
                self.result.unsent += [f"{one}: {counts[one]} times" for one in _written(client) if counts[one] != 1]
            self._compare(counts, (), {token for client in self.clients for token in client.ledger.taken}, "at rest")
            stored = await self._read_log()
            if str(crdt.root_of(self._log)) != shown:
                self.result.diverged.append("the log says something else than the clients")
            await self._ask_the_server(content.read(self.clients[0].doc), stored.head, is_cold=is_last)
            if is_last:
                self.result.problems += await asyncio.to_thread(_wrong_snapshots, stored)
                self.result.snapshots += len(stored.snapshots)
                self.result.rows += len(stored.updates)
                if isinstance(self.target, Pair):
                    self.result.earlier = set(self.target.said())
        finally:
            self.is_typing = not is_last
            if isinstance(self.target, Pair):
                self.target.wake_agent()

    async def _ask_the_server(self, nodes: list[Any], head: int, *, is_cold: bool) -> None:
        for rest in self.target.rest():
            shown = await asyncio.to_thread(rest.get, f"documents/{self.target.document}/content/?format=json")
            if (shown["content"] if isinstance(shown, dict) else shown) != nodes:
                self.result.diverged.append("REST says something else than the clients")
        if is_cold or self.random.random() < 0.2:
            if await asyncio.to_thread(self.target.cold) != [head, nodes]:
                self.result.diverged.append("a fresh process reads something else than the clients")
            self.result.cold_loads += 1

    def _rests(self) -> bool:
        if not all(client.is_back and client.is_saved for client in self.clients):
            return False
        if len({_sorted(client.doc.get_state()) for client in self.clients}) > 1:
            return False
        first = self.clients[0].shown()
        return all(client.shown() == first for client in self.clients[1:])

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + QUIET_S
        while not holds():
            if time.monotonic() > end:
                states = [f"{one.name} {one.is_back} {one.is_saved} {one.codes[-3:]}" for one in self.clients]
                self.result.diverged.append(f"not within {QUIET_S} s: {what} (back, saved, codes: {states})")
                raise AssertionError(what)
            await asyncio.sleep(0.03)


def _written(client: Client) -> list[str]:
    """Return the tokens that have to be there: all that were typed, without those that were taken away."""
    gone = client.ledger.taken | client.ledger.taking
    return [token for token in (f"{client.name}{n}" for n in range(1, client.number + 1)) if token not in gone]


def _sorted(vector: bytes) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(protocol.read_state_vector(vector).items()))


def _wrong_snapshots(stored: Stored) -> list[str]:
    """Return what is wrong with snapshots: each has to say what the rows up to it say."""
    wrong, doc, at = [], crdt.open_doc(), 0
    for seq, state in stored.snapshots:
        crdt.apply(doc, [data for number, data in stored.updates if at < number <= seq])
        at = seq
        if seq > stored.head or str(crdt.root_of(crdt.open_doc(state))) != str(crdt.root_of(doc)):
            wrong.append(f"the snapshot at {seq} is not what the log makes")
    return wrong
