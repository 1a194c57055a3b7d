"""SIGKILL at random moments: a person types without a pause, agents write, the site dies and starts again."""

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any

from websockets.exceptions import InvalidHandshake

from tests import servers
from tests.rest import BRIEF, SETTLED, Rest
from tests.tab import Tab

WORDS_PER_S = 20
Strike = Callable[[random.Random], str]
"""Kills something and returns what."""


@dataclass
class Job:
    """A run in a document of its own, with a person who types there."""

    run: str
    document: str
    tab: Tab
    said: list[str] = field(default_factory=list)
    task: "asyncio.Task[None] | None" = None

    async def type_on(self) -> None:
        """Type until cancelled; words that cannot be sent wait in the tab."""
        while True:
            word = f"w{len(self.said)}."
            self.said.append(word)
            await self.tab.type(f"{word} ")
            await asyncio.sleep(1 / WORDS_PER_S)

    async def stop_typing(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
            self.task = None


class Storm:
    """`strike` takes something away, `site.start()` brings it back."""

    def __init__(self, site: servers.Site, seed: int, strike: Strike, longest_s: float) -> None:
        self.site, self.strike, self.longest_s = site, strike, longest_s
        self.random = random.Random(seed)
        self.jobs: list[Job] = []
        self.kills: list[str] = []

    async def weather(self, kills: int) -> None:
        """Run undisturbed once, then under `kills` kills, and check everything."""
        await asyncio.to_thread(self.site.start)
        key = await asyncio.to_thread(self.site.manage, "create_api_key", "demo@example.com", "northwind")
        self.key, self.rest = key, Rest(self.site.url, key)
        calm = await self._begin()
        await asyncio.to_thread(self.rest.wait_run, calm.run)
        await self._end(calm)
        self.expected = await self._agents_text(calm)
        for _ in range(kills):
            await self._one_kill()
        for job in self.jobs:
            await asyncio.to_thread(self.rest.wait_run, job.run)
            await self._end(job)
        for job in self.jobs:
            await self._check(job)
        await self._check_money()

    async def _begin(self) -> Job:
        run, document = await asyncio.to_thread(self._start)
        tab = await Tab.open(self._address(document), key=self.key)
        job = Job(run, document, tab)
        job.task = asyncio.create_task(job.type_on())
        self.jobs.append(job)
        return job

    def _start(self) -> tuple[str, str]:
        """Start a run; the project is its own too, so that sources have the numbers of the undisturbed run."""
        project = self.rest.post("projects/", {"workspace": "northwind", "name": "Storm"})["id"]
        document = self.rest.post("documents/", {"project": project, "title": "Campaign plan"})["id"]
        body = {"project": project, "document": document, "template": "campaign", "goal": BRIEF, "model": "scripted"}
        return self.rest.post("runs/", body)["id"], document

    def _address(self, document: str) -> str:
        port = self.random.choice(self.site.ports or [self.site.port])
        return f"ws://127.0.0.1:{port}/ws/documents/{document}"

    async def _one_kill(self) -> None:
        job = self.jobs[-1]
        state = (await asyncio.to_thread(self.rest.get, f"runs/{job.run}/"))["state"]
        if state in SETTLED:
            await self._end(job)
            job = await self._begin()
        await asyncio.sleep(self.random.uniform(0.1, self.longest_s))
        self.kills.append(await asyncio.to_thread(self.strike, self.random))
        # Words typed from here on wait in the tab: what was acknowledged has to be there without its help.
        saved = list(job.tab.saved)
        await asyncio.to_thread(self.site.start)
        text = await self._text(job)
        lost = [word for word in saved if text.count(f" {word}") != 1]
        assert not lost, f"acknowledged, but not there once after {self.kills}: {lost}"
        await self._come_back(job)

    async def _come_back(self, job: Job) -> None:
        """Reconnect a tab whose server is gone, as a browser does."""
        await job.stop_typing()
        for _ in range(50):  # the end of a process is noticed at once, that of another part never
            if job.tab.close_code is not None:
                break
            await asyncio.sleep(0.01)
        if job.tab.close_code is not None:
            end = time.monotonic() + 10
            while True:
                try:
                    job.tab = await job.tab.reopen(self._address(job.document), key=self.key)
                    break
                except (OSError, InvalidHandshake):
                    if time.monotonic() > end:
                        raise
                    await asyncio.sleep(0.1)
        job.task = asyncio.create_task(job.type_on())

    async def _end(self, job: Job) -> None:
        await job.stop_typing()
        if job.tab.close_code is None:
            await job.tab.until_saved()
            await job.tab.close()

    # --- what has to hold --------------------------------------------------------------------------------------------
    async def _text(self, job: Job) -> str:
        found = await asyncio.to_thread(self.rest.get, f"documents/{job.document}/content/?format=markdown")
        return f" {found}".replace("\n", " \n ")

    async def _agents_text(self, job: Job) -> str:
        """Return the document without the paragraph that the person typed, and without the run's number."""
        text = await asyncio.to_thread(self.rest.get, f"documents/{job.document}/content/?format=markdown")
        parts = [part for part in str(text).split("\n\n") if not part.startswith("w0.")]
        return re.sub(r"Brief of run \d+", "Brief of the run", "\n\n".join(parts)).strip()

    async def _check(self, job: Job) -> None:
        run = await asyncio.to_thread(self.rest.get, f"runs/{job.run}/")
        assert run["state"] == "done", run
        assert job.tab.saved == [f"{word} " for word in job.said]
        assert job.tab.own_text() == "".join(f"{word} " for word in job.said)
        text = await self._text(job)
        assert [word for word in job.said if text.count(f" {word} ") != 1] == []
        difference = "\n".join(unified_diff(self.expected.split("\n"), (await self._agents_text(job)).split("\n"), n=1))
        assert not difference, f"after {self.kills}:\n{difference}"

    async def _check_money(self) -> None:
        assert (await asyncio.to_thread(self.site.manage, "books")).endswith("difference 0 nano")
        balance = await asyncio.to_thread(self.rest.get, "billing/balance/?workspace=northwind")
        assert float(balance["held"]["amount"]) == 0
        calm = None
        for job in self.jobs:
            captures = await self._all(f"billing/ledger/?workspace=northwind&run={job.run}")
            holds = await self._all(f"billing/holds/?workspace=northwind&run={job.run}")
            cost = _nano((await asyncio.to_thread(self.rest.get, f"runs/{job.run}/"))["cost"]["amount"])
            assert [hold for hold in holds if hold["state"] == "pending"] == []
            calls = [row["call"] for row in captures if row["code"] == "capture"]
            assert len(calls) == len(set(calls)), "a call was charged twice"
            assert sum(_nano(row["amount"]["amount"]) for row in captures) == cost
            calm = cost if calm is None else calm
            assert cost <= calm, f"work that a kill took was charged: {cost} instead of {calm} nano after {self.kills}"

    async def _all(self, path: str) -> list[dict[str, Any]]:
        """Return all pages of a list."""
        found: list[dict[str, Any]] = []
        page = await asyncio.to_thread(self.rest.get, f"{path}&page_size=200")
        while True:
            found += page["results"]
            if not page["next"]:
                return found
            page = await asyncio.to_thread(self.rest.get, page["next"].partition("/api/v1/")[2])


def _nano(amount: str) -> int:
    whole, _, rest = amount.partition(".")
    return int(whole) * 10**9 + int(rest.ljust(9, "0"))
