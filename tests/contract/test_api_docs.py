"""The curl lines of docs/api.md, run as they stand there by a real shell and curl against a real server."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import servers

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
pytestmark = pytest.mark.slow


def blocks() -> list[str]:
    """Return the shell blocks of the main job, without the first: it sets what the reader has to know."""
    chapter = PAGE.read_text().partition("## The main job, by curl alone")[2].partition("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)[1:]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if shutil.which("curl") is None:
        pytest.skip("no curl on the path: apt-get install curl")
    site = servers.embedded(tmp_path_factory.mktemp("docs") / "data", WUKONG_SCRIPTED_TPS="600")
    site.start()
    yield site
    assert site.stop() == [0], site.tail()


@pytest.fixture(scope="module")
def told(site, tmp_path_factory):
    """Run all blocks in one shell; return what the variables are at the end and what each block printed."""
    key = site.manage("create_api_key", "demo@example.com", "northwind")
    folder = tmp_path_factory.mktemp("reader")
    names = ("WORKSPACE", "PROJECT", "SOURCE", "RUN", "DOCUMENT", "ETAG")
    script = ["set -euo pipefail"]
    for number, block in enumerate(blocks()):
        script.append(f"exec > out{number}.txt")
        script.append(block)
    script.append("exec > variables.txt")
    script += [f'echo "{name}=${name}"' for name in names]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={"PATH": site.env["PATH"], "WUKONG_URL": site.url, "WUKONG_KEY": key},
        capture_output=True,
        text=True,
        timeout=120,
    )
    outputs = [(folder / f"out{number}.txt").read_text() for number in range(len(blocks()))]
    assert done.returncode == 0, (done.stderr, outputs, site.tail())
    variables = dict(line.split("=", 1) for line in (folder / "variables.txt").read_text().splitlines())
    return variables, outputs, (folder / "document.md").read_text()


def answers(output: str) -> list[dict]:
    """Return the JSON answers of a block, one after another as curl prints them."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(output):
        if output[at] in "{[":
            value, at = decoder.raw_decode(output, at)
            found.append(value)
        else:
            at += 1
    return found


def nano(money):
    whole, _, rest = money["amount"].partition(".")
    return int(whole) * 10**9 + int(rest)


def test_the_lines_do_the_whole_job(told):
    variables, outputs, document = told

    assert all(variables.values()), variables
    assert outputs[5].rstrip().endswith('"state":"done"')
    assert "\n## Sources\n" in document
    assert "Morning Ridge" in document
    assert len(document.split()) > 100
    assert outputs[6].rstrip().endswith("304")


def test_what_was_watched_is_in_order(told):
    _variables, outputs, _document = told

    steps, events = answers(outputs[5])[:2]
    assert len({step["agent"] for step in steps["results"]}) >= 3
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs))
    assert "run.moved" in {event["type"] for event in events}


def test_the_bill_is_the_runs_cost_to_the_last_digit(told, site):
    variables, outputs, _document = told

    balance, ledger, usage, rates = answers(outputs[7])
    captured = sum(nano(row["amount"]) for row in ledger["results"] if row["code"] == "capture")
    assert captured > 0
    assert sum(nano(row["cost"]) for row in usage["results"]) == captured
    assert nano(balance["balance"]) == 50 * 10**9 - captured
    assert nano(balance["held"]) == 0
    assert {row["meter"] for row in rates["results"]} >= {"input", "output"}
    assert {row["run"] for row in ledger["results"]} == {variables["RUN"]}
    assert site.manage("books").endswith("difference 0 nano")


def test_no_line_needs_more_than_curl_and_a_shell():
    text = "\n".join(blocks())

    assert "jq " not in text
    assert "python" not in text
    assert text.count("wk ") > 15
