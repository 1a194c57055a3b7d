"""The embedded process as people live with it: start, idle, the project page, first words of agents, the end.

    python benchmarks/main_job.py [--quick]

Medians of five (`--quick`: each once, a shorter idle watch, and without the single Ctrl+C). Targets: second start ≤ 3 s
to /healthz; idle with one tab open ≤ 1 % of a core and ≤ 220 MB, 60 s after the start, model off; project page
≤ 150 ms; first words of an agent ≤ 1 s after *Start*, at least three agents at once; Ctrl+C, Ctrl+C twice and SIGTERM
in the middle of a run: gone in ≤ 2 s, exit code 0, no orphan. The last line is one JSON object.
"""

import argparse
import asyncio
import contextlib
import http.cookiejar
import signal
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import measure  # noqa: E402 - the path has to be known first
from tests import servers  # noqa: E402
from tests.rest import BRIEF, Rest  # noqa: E402
from tests.tab import Tab  # noqa: E402
from workspaces.documents import content  # noqa: E402

START_S, IDLE_CPU, IDLE_MB, PAGE_MS, WORDS_S, AGENTS, END_S = 3.0, 1.0, 220.0, 150.0, 1.0, 3, 2.0
IDLE_AFTER_S, IDLE_WATCH_S = 60.0, 30.0
ENDINGS = {"ctrl_c": (signal.SIGINT,), "ctrl_c_twice": (signal.SIGINT, signal.SIGINT), "sigterm": (signal.SIGTERM,)}


@contextlib.contextmanager
def running(site: servers.Site) -> Iterator[int]:
    """Start the site for a while; gives the pid of its process."""
    site.start()
    try:
        yield site.processes[0].pid
    finally:
        site.kill()


class Caller:
    """A program and a person of the demo workspace."""

    def __init__(self, site: servers.Site, key: str) -> None:
        self.site, self.key = site, key
        self.rest = Rest(site.url, self.key)
        self.project = str(self.rest.post("projects/", {"workspace": "northwind", "name": "Tea launch"})["id"])

    def document(self) -> str:
        return str(self.rest.post("documents/", {"project": self.project, "title": "Campaign plan"})["id"])

    def run(self, document: str, *, start: bool = True) -> str:
        body = {"project": self.project, "document": document, "template": "campaign", "goal": BRIEF, "start": start}
        return str(self.rest.post("runs/", body | {"model": "scripted"})["id"])

    async def tab(self, document: str) -> Tab:
        return await Tab.open(f"ws://127.0.0.1:{self.site.port}/ws/documents/{document}", key=self.key)

    def signed_in(self) -> urllib.request.OpenerDirector:
        """Return a browser's way of fetching pages."""
        cookies = http.cookiejar.CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
        address = f"{self.site.url}/accounts/login/"
        opener.open(address).read()
        token = next(cookie.value for cookie in cookies if cookie.name == "csrftoken")
        form = {"login": "demo@example.com", "password": servers.PASSWORD, "csrfmiddlewaretoken": token}
        headers = {"Referer": address, "Origin": self.site.url}
        request = urllib.request.Request(address, urllib.parse.urlencode(form).encode(), headers)
        opener.open(request).read()
        return opener


def starts(site: servers.Site, times: int) -> list[float]:
    """Return the seconds from the command to /healthz, each time after an orderly end."""
    found = []
    for _ in range(times):
        site.spawn(sys.executable, "manage.py", "up")
        found.append(servers.wait_for(f"{site.url}/healthz"))
        servers.wait_for(f"{site.url}/readyz")
        site.stop()
    return found


async def idle(caller: Caller, pid: int, after_s: float, watch_s: float) -> measure.Cost:
    """Return what the process uses while one tab is open and nobody does anything."""
    tab = await caller.tab(caller.document())
    await asyncio.sleep(after_s)
    with measure.watched(pid) as cost:
        await asyncio.sleep(watch_s)
    await tab.close()
    return cost


def page_ms(caller: Caller, times: int) -> list[float]:
    """Return the milliseconds of the project page over loopback, of a project with documents and a run."""
    opener = caller.signed_in()
    address = f"{caller.site.url}/projects/{caller.project}/"
    opener.open(address).read()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        with opener.open(address) as answer:
            answer.read()
        found.append((time.perf_counter() - began) * 1e3)
        if answer.url != address:
            raise RuntimeError(f"not the project page: {answer.url}")
    return found


async def first_words(caller: Caller) -> tuple[float, int]:
    """Return the seconds from *Start* to an agent's first words in a tab, and how many were seen at once."""
    document = caller.document()
    run = caller.run(document, start=False)
    await asyncio.to_thread(caller.rest.wait_run, run, {"draft"})
    tab = await caller.tab(document)
    came_at, most = 0.0, 0

    def seen() -> None:
        nonlocal came_at
        words = [node for node in content.read(tab.doc) if node["type"] != "heading"]
        if not came_at and content.plain_text(words).strip():
            came_at = time.perf_counter()

    tab.on_change = seen
    began = time.perf_counter()
    await asyncio.to_thread(caller.rest.post, f"runs/{run}/start/")
    while time.perf_counter() - began < 10 and (most < AGENTS or not came_at):
        most = max(most, len(tab.presence))
        await asyncio.sleep(0.02)
    await tab.close()
    await asyncio.to_thread(caller.rest.post, f"runs/{run}/stop/")
    await asyncio.to_thread(caller.rest.wait_run, run)
    return came_at - began, most


def ending(site: servers.Site, key: str, signals: tuple[signal.Signals, ...]) -> tuple[float, str]:
    """Return the seconds from the signal in the middle of a run to the end, and what was wrong with it."""
    site.start()
    caller = Caller(site, key)
    run = caller.run(caller.document())
    caller.rest.wait_run(run, {"running"})
    time.sleep(0.7)
    process = site.processes.pop()
    began = time.perf_counter()
    for number in signals:
        process.send_signal(number)
        time.sleep(0.03)
    code = process.wait(30)
    took = time.perf_counter() - began
    orphans = measure.group(process.pid)
    return took, f"exit code {code}" if code else f"orphans {orphans}" if orphans else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="each once, at most 45 seconds")
    quick = parser.parse_args().quick
    # A shell's `command &` has us ignore Ctrl+C, and our children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    times, after_s, watch_s = (1, 3.0, 6.0) if quick else (5, IDLE_AFTER_S, IDLE_WATCH_S)
    bar = measure.Bar("main_job")
    with measure.scratch() as folder:
        site = servers.embedded(folder)
        with running(site):
            key = site.manage("create_api_key", "demo@example.com", "northwind")  # the first start makes the database
        bar.add("second_start_s", measure.median(starts(site, times)), START_S)
        with running(site) as pid:
            _while_running(bar, Caller(site, key), pid, times, (after_s, watch_s))
        for name, signals in list(ENDINGS.items())[1 if quick else 0 :]:
            ends = [ending(site, key, signals) for _ in range(times)]
            bar.add(f"{name}_s", measure.median([took for took, _ in ends]), END_S)
            bar.problems += [f"{name}: {problem}" for _, problem in ends if problem]
        books = site.manage("books").splitlines()[-1]
    if books != "difference 0 nano":
        bar.problems.append(books)
    measure.table(
        ("", "measured", "at most"), [(name, value, bar.targets.get(name, "")) for name, value in bar.figures.items()]
    )
    return bar.print_out(repetitions=times, idle_after_s=after_s)


def _while_running(bar: measure.Bar, caller: Caller, pid: int, times: int, waits: tuple[float, float]) -> None:
    cost = asyncio.run(idle(caller, pid, *waits))
    is_idle = waits[0] >= IDLE_AFTER_S  # right after the start a process still settles: shown, not judged
    bar.add("idle_cpu_percent", cost.cpu, IDLE_CPU if is_idle else None)
    bar.add("idle_mb", cost.rss, IDLE_MB)
    words: list[tuple[float, Any]] = [asyncio.run(first_words(caller)) for _ in range(times)]
    bar.add("first_words_s", measure.median([seconds for seconds, _ in words]), WORDS_S)
    bar.add("agents_at_once", min(most for _, most in words))
    if bar.figures["agents_at_once"] < AGENTS:
        bar.problems.append(f"only {bar.figures['agents_at_once']} agents at once")
    bar.add("project_page_ms", measure.median(page_ms(caller, max(times, 3))), PAGE_MS)
    bar.add("after_runs_mb", measure.rss_mb(pid))


if __name__ == "__main__":
    raise SystemExit(main())
