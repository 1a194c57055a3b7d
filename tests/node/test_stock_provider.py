"""Stock y-websocket providers in Node, at a real server."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.rest import BRIEF, Rest
from tests.servers import embedded

pytestmark = [pytest.mark.node, pytest.mark.slow]
SCRIPT = Path(__file__).with_name("provider.mjs")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = embedded(tmp_path_factory.mktemp("node"))
    site.start()
    yield site
    site.kill()


@pytest.fixture
def rest(site):
    return Rest(site.url, site.manage("create_api_key", "demo@example.com", "northwind"))


class Node:
    """The script at work: `line` is what it has to say next."""

    def __init__(self, site, document: str, key: str) -> None:
        address = site.url.replace("http", "ws", 1)
        self.process = subprocess.Popen(
            ["node", str(SCRIPT), address, document, key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self):
        said = self.process.stdout.readline()
        assert said, self.process.stderr.read()
        return json.loads(said)

    def look(self):
        self.process.stdin.write("look\n")
        self.process.stdin.flush()
        return self.line()

    def end(self) -> int:
        self.process.stdin.close()
        code = self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def __enter__(self) -> "Node":
        return self

    def __exit__(self, *_error) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.end()


def test_two_stock_providers_converge_and_watch_a_swarm(site, rest):
    project = rest.post("projects/", {"workspace": "northwind", "name": "Node"})
    text = "# Plan\n\nFirst words.\n"
    document = rest.post(
        "documents/",
        {"project": project["id"], "title": "Watched", "content": {"format": "markdown", "text": text}},
    )
    with Node(site, document["id"], rest.key) as node:
        _watch(node, rest, project, document)


def _watch(node: Node, rest: Rest, project, document) -> None:
    opened = node.line()
    assert opened["protocol"] == "wukong.sync"
    assert "First words." in opened["opened"]

    converged = node.line()
    assert converged["user"]["name"] == "Demo Person"
    assert converged["own"] == {"name": "somebody else"}
    read = rest.get(f"documents/{document['id']}/content/?format=markdown").replace("\n", " ")
    assert "**bold** and plain" in read
    assert [
        word for number in range(30) for word in (f"a{number} ", f"b{number} 字🎉 ") if word not in read + " "
    ] == []

    run = rest.post(
        "runs/",
        {
            "project": project["id"],
            "template": "report",
            "document": document["id"],
            "goal": BRIEF,
            "model": "scripted",
        },
    )
    assert rest.wait_run(run["id"])["state"] == "done"
    words = [block["content"][0]["text"] for block in _texts(rest, document["id"])]
    final = node.look()

    assert len(words) > 10
    assert final["a"] == final["b"]
    assert [word for word in words if word not in final["a"]] == []
    assert node.end() == 0


def _texts(rest, document_id: str):
    body = rest.get(f"documents/{document_id}/content/?format=json")
    blocks = body["content"] if isinstance(body, dict) else body
    return [block for block in blocks if block["type"] in ("paragraph", "heading") and block.get("content")]
