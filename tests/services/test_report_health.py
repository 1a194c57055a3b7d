"""/readyz says whether people can work; /healthz whether the process lives."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests import servers

pytestmark = [pytest.mark.services, pytest.mark.slow]


def readiness(port: int) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def until_down(port: int, part: str, seconds: float = 30.0) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status, body = readiness(port)
        if status == 503 and not body["checks"][part]["ok"]:
            return body
        time.sleep(0.2)
    raise AssertionError(f"{part} is still well: {body}")


def test_everything_that_people_need_is_well(site):
    for port in site.ports:
        status, body = readiness(port)

        assert status == 200
        assert body["status"] == "degraded"  # the built-in model is off here
        assert {name: part["ok"] for name, part in body["checks"].items()} == {
            "database": True,
            "broker": True,
            "worker": True,
            "model": False,
        }


@pytest.mark.parametrize("part", ["beat", "worker"])
def test_a_missing_beat_or_worker_is_told_and_forgotten_when_it_is_back(site, part):
    site.kill_part(part)
    try:
        body = until_down(site.port, "worker")
        assert body["status"] == "down"
        assert "no worker has reported" in body["checks"]["worker"]["detail"]
        assert servers.wait_for(f"http://127.0.0.1:{site.port}/healthz", 5) < 5
    finally:
        site.start()

    assert readiness(site.port)[0] == 200


def test_a_worker_that_is_told_to_end_hands_its_steps_over_at_once(site, web1):
    run = web1.start_run()
    web1.wait_run(run["id"], {"running"})
    time.sleep(1.0)
    worker = site.parts.pop("worker")
    site.processes.remove(worker)

    began = time.monotonic()
    worker.terminate()
    code = worker.wait(20)
    took = time.monotonic() - began
    site.start()

    assert code == 0
    assert took < 6, took
    assert web1.wait_run(run["id"])["state"] == "done"
    steps = web1.get(f"runs/{run['id']}/steps/")["results"]
    assert [step for step in steps if step["interrupted_at"]], "it was in the middle of its work"
