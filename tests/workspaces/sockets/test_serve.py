"""Our sockets behind the real servers: refusals keep their status, nobody is waited for, the end is said properly."""

import importlib.util
import signal
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.rest import Rest
from tests.servers import BIN, Embedded, embedded, wait_for

pytestmark = pytest.mark.slow
NOWHERE = "019ac000-0000-7000-8000-000000000000"


class Uvicorn(Embedded):
    """One process of uvicorn, as in production, on SQLite: nothing else writes there."""

    def start(self) -> float:
        self.manage("migrate", "--verbosity", "0")
        self.manage("seed_demo")
        where = ("--host", "127.0.0.1", "--port", str(self.port))
        how = ("--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--log-level", "warning")
        self.spawn(str(BIN / "uvicorn"), "wukong.asgi:application", *where, *how, "--timeout-graceful-shutdown", "5")
        return wait_for(f"{self.url}/healthz")


@pytest.fixture(params=["daphne", "uvicorn"])
def site(request, tmp_path):
    site = embedded(tmp_path)
    if request.param == "uvicorn":
        if importlib.util.find_spec("uvicorn") is None:
            pytest.skip("no uvicorn: pip install -r requirements-dev.txt")
        site = Uvicorn(env=site.env, port=site.port, log=site.log)
    site.start()
    yield site
    site.kill()


def status_of(url: str, **headers: str) -> int:
    with pytest.raises(InvalidStatus) as caught:
        connect(url, additional_headers=headers)
    return caught.value.response.status_code


def test_refusals_and_the_farewell(site):
    address = site.url.replace("http", "ws", 1)
    key = site.manage("create_api_key", "demo@example.com", "northwind")
    narrow = site.manage("create_api_key", "demo@example.com", "northwind", "--scope", "billing:read")
    rest = Rest(site.url, key)
    project = rest.post("projects/", {"workspace": "northwind", "name": "Sockets"})
    document = rest.post("documents/", {"project": project["id"], "title": "Open"})
    workspace = rest.get("workspaces/northwind/")
    url = f"{address}/ws/documents/{document['id']}"

    assert status_of(url) == 401
    assert status_of(url, Authorization="Bearer wk_" + "x" * 40) == 401
    assert status_of(url, Authorization=f"Bearer {narrow}") == 403
    assert status_of(f"{address}/ws/documents/{NOWHERE}", Authorization=f"Bearer {key}") == 404
    assert status_of(f"{address}/ws/elsewhere", Authorization=f"Bearer {key}") == 404

    with (
        connect(url, subprotocols=[f"wukong.bearer.{key}", "wukong.v1"]) as ours,
        connect(f"{url}/", additional_headers={"Authorization": f"Bearer {key}"}) as stock,
        connect(
            f"{address}/ws/workspaces/{workspace['id']}/", additional_headers={"Authorization": f"Bearer {key}"}
        ) as listener,
    ):
        sockets = [ours, stock, listener]
        assert [socket.subprotocol for socket in sockets] == ["wukong.v1", None, None]
        assert all(socket.recv(timeout=5) for socket in sockets)

        began = time.perf_counter()
        assert site.stop() in ([0], [-signal.SIGTERM])  # after its clean-up uvicorn ends by the signal it was sent
        assert time.perf_counter() - began < 2
        assert [_code_of(socket) for socket in sockets] == [1001, 1001, 1001]


def _code_of(socket) -> int:
    """Return the code with which the server has closed a socket."""
    try:
        while True:
            socket.recv(timeout=5)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else 1006
