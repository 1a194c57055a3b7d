"""Eight stock y-websocket providers: text, formats, elements, being offline, joining late, presence, leaving."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.rest import Rest

pytestmark = [pytest.mark.node, pytest.mark.slow]
SCRIPT = Path(__file__).with_name("conformance.mjs")
PARTS = ["text", "formats", "elements", "offline and late", "awareness", "leave", "end"]


def conform(site: servers.Site, ports: list[int]) -> None:
    """Run the script, its providers spread over these ports, and compare with what the server has."""
    rest = Rest(site.url, site.manage("create_api_key", "demo@example.com", "northwind"))
    project = rest.post("projects/", {"workspace": "northwind", "name": "Conformance"})["id"]
    text = {"format": "markdown", "text": "First words.\n\nSecond words.\n"}
    document = rest.post("documents/", {"project": project, "title": "Eight", "content": text})["id"]
    addresses = ",".join(f"ws://127.0.0.1:{port}" for port in ports)
    command = ["node", str(SCRIPT), addresses, document, rest.key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["part"] for one in said] == PARTS, done.stderr

    parts: dict[str, Any] = {one["part"]: one for one in said}
    end = parts["end"]
    assert parts["awareness"]["names"] == ["Demo Person"]  # whatever they call themselves
    assert set(parts["leave"]["seen"]) == {7}
    assert len(end["shown"]) == 7
    assert len(set(end["shown"])) == 1
    assert {code for codes in end["closes"] for code in codes} <= {1000, 1005}  # those of the offline period
    assert [token for token in end["tokens"] if end["shown"][0].count(token) != 1] == []
    for port in ports:
        shown = Rest(f"http://127.0.0.1:{port}", rest.key).get(f"documents/{document}/content/?format=markdown")
        assert [token for token in end["tokens"] if shown.count(token) != 1] == []


def test_eight_stock_providers_converge_on_one_process(tmp_path):
    site = servers.embedded(tmp_path / "one")
    try:
        site.start()
        conform(site, [site.port])
    finally:
        site.kill()


@pytest.mark.services
def test_eight_stock_providers_converge_on_two_processes(tmp_path):
    """Over PostgreSQL and Redis: neighbours are connected to different processes."""
    with servers.production(tmp_path / "two") as site:
        site.start()
        conform(site, site.ports)
