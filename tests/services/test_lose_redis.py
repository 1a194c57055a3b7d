"""Redis is away for a while: people go on, and afterwards nobody has missed anything."""

import asyncio
import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
import redis

from tests import servers
from tests.rest import Rest
from tests.tab import Tab

pytestmark = [pytest.mark.services, pytest.mark.skipif(shutil.which("redis-server") is None, reason="no redis-server")]

LOOK_S, SLACK_S = 2.0, 2.0


class Redis:
    """A Redis of one's own, to be taken away."""

    def __init__(self, folder: str) -> None:
        self.folder, self.port = folder, servers.free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no", "--dir", self.folder]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                with redis.Redis.from_url(self.url) as client:
                    client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.05)
        raise TimeoutError("redis-server")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def hang(self, is_hanging: bool) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP if is_hanging else signal.SIGCONT)


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Iterator[Redis]:
    cache = Redis(str(tmp_path_factory.mktemp("redis")))
    cache.start()
    yield cache
    cache.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory, cache) -> Iterator[servers.Production]:
    with servers.production(tmp_path_factory.mktemp("fragile"), redis_url=cache.url) as site:
        site.start()
        yield site


@pytest.fixture(scope="module")
def key(site) -> str:
    return site.manage("create_api_key", "demo@example.com", "northwind")


def readiness(site: servers.Production) -> dict[str, bool]:
    try:
        with urllib.request.urlopen(f"{site.url}/readyz", timeout=10) as answer:
            body = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            body = json.load(error)
    return {name: part["ok"] for name, part in body["checks"].items()}


@pytest.mark.parametrize("way", ["away", "silent"])
async def test_people_go_on_without_redis_and_catch_up(site, cache, key, web1, document, way):
    urls = [f"ws://127.0.0.1:{port}/ws/documents/{document}" for port in site.ports]
    here, beside, there = [await Tab.open(url, key=key) for url in (urls[0], urls[0], urls[1])]
    await here.type("before ")
    await there.until(lambda: "before" in there.text(), "it works")

    cache.stop() if way == "away" else cache.hang(True)
    try:
        for number in range(20):
            await here.type(f"east{number} ")
            await there.type(f"west{number} ")
            await asyncio.sleep(0.1)
        await asyncio.gather(here.until_saved(5), there.until_saved(5))
        await beside.until(lambda: "east19 " in beside.text(), "people of one process see each other", 5)
        # No hint leaves a process, but each looks at the rows every two seconds (hocuspocus #588, #669, #983).
        await there.until(lambda: "east19 " in there.text(), "the other process looks for itself", LOOK_S + SLACK_S)
        await here.until(lambda: "west19 " in here.text(), "and the other way round", LOOK_S + SLACK_S)
        down = await asyncio.to_thread(readiness, site)
        assert down["database"]
        assert not down["broker"]
        project = await asyncio.to_thread(web1.post, "projects/", {"workspace": "northwind", "name": f"While {way}"})
        run = await asyncio.to_thread(_start, web1, project["id"])  # its wake-up is lost
    finally:
        cache.start() if way == "away" else cache.hang(False)

    await there.until(lambda: "east19 " in there.text(), "the other process catches up", 10)
    await here.until(lambda: "west19 " in here.text(), "and the other way round", 10)
    assert here.text() == there.text()
    assert here.own_text() == "before " + "".join(f"east{n} " for n in range(20))
    assert (await asyncio.to_thread(web1.wait_run, run["id"]))["state"] == "done"
    await asyncio.to_thread(servers.wait_for, f"{site.url}/readyz", 30)
    assert (await asyncio.to_thread(site.manage, "books")).endswith("difference 0 nano")
    await asyncio.gather(here.close(), beside.close(), there.close())


def _start(rest: Rest, project: str) -> dict[str, str]:
    body = {"project": project, "template": "campaign", "goal": "Launch a tea in two cities.", "model": "scripted"}
    return rest.post("runs/", body)
