"""A request that is sent to several processes at once, or twice, is performed once."""

import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.rest import Rest

pytestmark = pytest.mark.services


def test_one_key_at_two_processes_makes_one_project(web1, web2):
    body = {"workspace": "northwind", "name": "Made once"}

    def post(rest: Rest) -> str | None:
        try:
            return str(rest.post("projects/", body, **{"Idempotency-Key": "one project, please"})["id"])
        except AssertionError as error:
            if ": 409 " not in str(error):  # the first one is still being answered
                raise
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, [web1, web2] * 8))
    again = [post(web1), post(web2)]

    made = [
        one for one in web1.get("projects/?workspace=northwind&page_size=200")["results"] if one["name"] == "Made once"
    ]
    assert len(made) == 1
    assert {one for one in answers if one} == set(again) == {made[0]["id"]}


def test_a_replay_by_another_process_says_so_and_another_body_is_refused(web1, web2):
    headers = {"Idempotency-Key": "told twice"}
    web1.post("projects/", {"workspace": "northwind", "name": "Told twice"}, **headers)
    request = urllib.request.Request(
        f"{web2.url}/api/v1/projects/",
        data=b'{"workspace": "northwind", "name": "Told twice"}',
        headers={"Authorization": f"Bearer {web2.key}", "Content-Type": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.headers["Idempotent-Replayed"] == "true"

    with pytest.raises(AssertionError, match=r"409 .*idempotency_mismatch"):
        web2.post("projects/", {"workspace": "northwind", "name": "Another"}, **headers)
