"""How the embedded process begins and ends: refusals, signals in the middle of a run, a database that cannot write."""

import asyncio
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import measure
from tests import servers
from tests.rest import BRIEF, Rest
from tests.tab import Tab

pytestmark = pytest.mark.slow

SIGNALS = {"ctrl-c": (signal.SIGINT,), "ctrl-c twice": (signal.SIGINT, signal.SIGINT), "sigterm": (signal.SIGTERM,)}


@pytest.fixture
def site(tmp_path) -> Iterator[servers.Embedded]:
    """A running embedded site."""
    site = servers.embedded(tmp_path / "data")
    # A shell's `command &` ignores Ctrl+C, and its children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        site.start()
        yield site
    finally:
        site.kill()
        signal.signal(signal.SIGINT, before)


@pytest.fixture
def rest(site) -> Rest:
    return Rest(site.url, site.manage("create_api_key", "demo@example.com", "northwind"))


@pytest.fixture
def document(rest) -> str:
    project = rest.post("projects/", {"workspace": "northwind", "name": "Tea launch"})["id"]
    return str(rest.post("documents/", {"project": project, "title": "Campaign plan"})["id"])


def tab(site: servers.Site, rest: Rest, document: str):
    return Tab.open(f"ws://127.0.0.1:{site.port}/ws/documents/{document}", key=rest.key)


def up(site: servers.Site, **changes: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", "up"]
    env = site.env | changes
    return subprocess.run(command, cwd=servers.ROOT, env=env, capture_output=True, text=True, timeout=30)


def test_a_used_port_is_refused_with_a_line_that_says_so(site, tmp_path):
    done = up(site, WUKONG_DATA_DIR=str(tmp_path / "other"))

    assert done.returncode == 1
    assert f"Port {site.port} on 127.0.0.1 is in use." in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_second_process_on_one_data_folder_is_refused(site):
    done = up(site, PORT=str(servers.free_port()))

    assert done.returncode == 1
    assert f"Another Wukong is running on {site.env['WUKONG_DATA_DIR']}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("signals", SIGNALS.values(), ids=SIGNALS)
async def test_a_signal_in_the_middle_of_a_run_ends_everything_in_order(site, rest, document, signals):
    run = await asyncio.to_thread(_start, rest, document)
    typist = await tab(site, rest, document)
    await asyncio.to_thread(rest.wait_run, run, {"running"})
    await typist.until(lambda: len(typist.presence) >= 2, "agents are at work", 30)
    await typist.type("not lost ")
    await typist.until_saved()
    process = site.processes.pop()

    began = time.monotonic()
    for number in signals:
        process.send_signal(number)
        await asyncio.sleep(0.02)
    code = await asyncio.to_thread(process.wait, 20)
    took = time.monotonic() - began

    assert code == 0, site.tail()
    assert took <= 2.0 + 0.02 * len(signals)
    assert measure.group(process.pid) == []
    assert await typist.until_closed(2) in {1001, 1012}  # told to come back; 1006 would be a crash
    assert "Traceback" not in site.log.read_text()

    await asyncio.to_thread(site.start)
    ended = await asyncio.to_thread(rest.wait_run, run)
    text = await asyncio.to_thread(rest.get, f"documents/{document}/content/?format=markdown")
    assert ended["state"] == "done"
    assert text.count("not lost") == 1
    assert (await asyncio.to_thread(site.manage, "books")).endswith("difference 0 nano")


def _start(rest: Rest, document: str) -> str:
    project = rest.get(f"documents/{document}/")["project"]
    body = {"project": project, "document": document, "template": "campaign", "goal": BRIEF, "model": "scripted"}
    return str(rest.post("runs/", body)["id"])


async def test_a_locked_database_is_told_and_nothing_is_lost(site, rest, document):
    """Another program holds SQLite's write lock for longer than writers wait."""
    project = (await asyncio.to_thread(rest.get, f"documents/{document}/"))["project"]
    typist, watcher = await tab(site, rest, document), await tab(site, rest, document)
    lock = sqlite3.connect(Path(site.env["WUKONG_DATA_DIR"]) / "db.sqlite3", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        asked = asyncio.create_task(asyncio.to_thread(_refused, rest, project))
        for number in range(10):
            await typist.type(f"locked{number} ")
            await asyncio.sleep(0.1)
        assert typist.unsaved
        assert "locked" not in watcher.text()  # nobody hears of what is not in the log
        assert await asked == 503
        assert (await asyncio.to_thread(rest.get, f"documents/{document}/"))["id"] == document  # reading goes on
    finally:
        lock.rollback()
        lock.close()

    await _all_saved(site, rest, typist, document, [f"locked{number} " for number in range(10)])
    await watcher.close()


async def test_a_full_disk_is_told_and_nothing_is_lost(site, rest, document):
    project = (await asyncio.to_thread(rest.get, f"documents/{document}/"))["project"]
    typist = await tab(site, rest, document)
    pid = site.processes[0].pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
    try:
        await typist.type("full ")
        status = await asyncio.to_thread(_refused, rest, project)
        assert status == 503
        assert typist.unsaved
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    await _all_saved(site, rest, typist, document, ["full "])


def _refused(rest: Rest, project: str) -> int:
    """Return the status of a POST that cannot be written; its body has to say what to do."""
    try:
        rest.post("documents/", {"project": project, "title": "Not now"})
    except AssertionError as error:
        said = str(error)
    else:
        return 201
    assert "unavailable" in said
    assert "Nothing was changed" in said
    return int(said.split(": ")[1].split()[0])


async def _all_saved(site: servers.Site, rest: Rest, typist: Tab, document: str, words: list[str]) -> None:
    """Wait until what was typed is saved, on this connection or on the next one."""
    try:
        await typist.until_saved(10)
    except ConnectionError:
        assert typist.close_code == 1013  # come back later
        typist = await typist.reopen(f"ws://127.0.0.1:{site.port}/ws/documents/{document}", key=rest.key)
        await typist.until_saved(10)
    text = await asyncio.to_thread(rest.get, f"documents/{document}/content/?format=markdown")
    assert [word for word in words if text.count(word.strip()) != 1] == []
    await asyncio.to_thread(rest.post, "projects/", {"workspace": "northwind", "name": "It writes again"})
    await typist.close()
