"""A small REST client for tests against real servers (standard library only)."""

import json
import time
import urllib.error
import urllib.request
from typing import Any

BRIEF = """Launch Morning Ridge, a loose-leaf tea for offices, in Hamburg and Rotterdam.
The launch is on 2 March and the first phase lasts 8 weeks.
The goal is 60 trial orders by 15 February.
In a survey of 240 office managers, 62% said that a free sample would make them try a new brand.
The starter box holds 6 teas and costs €14.
Hamburg has 9 partner cafes and Rotterdam has 5.
The advertisements must not make health claims.
The campaign budget is €24,000."""
SETTLED = {"done", "failed", "cancelled"}


class Rest:
    """Calls /api/v1/ with a key; raises AssertionError with the body for anything above 299."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                raw = answer.read()
                is_json = "json" in (answer.headers.get("Content-Type") or "")
                return json.loads(raw) if raw and is_json else raw.decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.call("POST", path, body if body is not None else {}, **headers)

    def start_run(self, *, model: str = "scripted", goal: str = BRIEF, template: str = "campaign", **more: Any) -> Any:
        project = self.post("projects/", {"workspace": "northwind", "name": "Tea launch"})
        return self.post(
            "runs/", {"project": project["id"], "template": template, "goal": goal, "model": model, **more}
        )

    def wait_run(self, run_id: str, states: set[str] = SETTLED, seconds: float = 90.0) -> Any:
        """Return the run once it is in one of `states`; connection errors while a server restarts are waited over."""
        end = time.monotonic() + seconds
        run: Any = None
        while time.monotonic() < end:
            try:
                run = self.get(f"runs/{run_id}/")
                if run["state"] in states:
                    return run
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"run is {run and run['state']} after {seconds} s: {run}")
