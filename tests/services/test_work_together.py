"""One document, two web processes, a worker: people and agents see each other wherever they are connected."""

import asyncio
import json
import statistics
import time

import pytest
from websockets.asyncio.client import connect

from tests import servers
from tests.rest import Rest
from tests.tab import Tab

pytestmark = pytest.mark.services


def address(site: servers.Production, number: int, document: str) -> str:
    return f"ws://127.0.0.1:{site.ports[number - 1]}/ws/documents/{document}"


@pytest.fixture
def colleague(site):
    """Return a function that makes a member with a key of their own."""

    def made(name: str, role: str) -> str:
        email = f"{name}@example.com"
        site.manage("create_user", email, "--name", name.title(), "--password", servers.PASSWORD)
        site.manage("add_member", "northwind", email, role)
        return site.manage("create_api_key", email, "northwind")

    return made


def membership(rest: Rest, email: str) -> str:
    members = rest.get("members/?workspace=northwind&page_size=200")["results"]
    return next(str(one["id"]) for one in members if one["email"] == email)


async def test_what_is_typed_through_one_process_is_read_through_the_other(site, key, document):
    here = await Tab.open(address(site, 1, document), key=key)
    there = await Tab.open(address(site, 2, document), key=key)
    took = []
    for number in range(40):
        await here.type(f"here{number} ")
        await there.type(f"there{number} ")
        took.append(await there.until(lambda n=number: f"here{n} " in there.text(), "the other process shows it"))
        await here.until(lambda n=number: f"there{n} " in here.text(), "and the other way round")
    await asyncio.gather(here.until_saved(), there.until_saved())
    late = await Tab.open(address(site, 2, document), key=key)

    assert here.text() == there.text() == late.text()
    assert here.own_text() == "".join(f"here{n} " for n in range(40))
    assert statistics.median(took) < 0.5  # by hints; without them a room looks every two seconds
    await asyncio.gather(here.close(), there.close(), late.close())


async def test_people_of_the_other_process_are_seen_come_and_go(site, key, document, colleague):
    bobs = await asyncio.to_thread(colleague, "bob", "editor")
    here = await Tab.open(address(site, 1, document), key=key)
    there = await Tab.open(address(site, 2, document), key=bobs)
    await here.show({"user": {"name": "Somebody else"}, "cursor": None})
    await there.show({"user": {"name": "Somebody else"}, "cursor": None})

    await there.until(lambda: "Demo Person" in there.names(), "who is in the other process is shown, under their name")
    await here.until(lambda: "Bob" in here.names(), "and the other way round")
    assert "Somebody else" not in here.names() | there.names()

    await there.close()
    await here.until(lambda: "Bob" not in here.names(), "who has left is not shown any more")
    await here.close()


async def test_agents_of_the_worker_write_into_both_processes_while_a_person_types(site, key, web1, web2, document):
    here = await Tab.open(address(site, 1, document), key=key)
    there = await Tab.open(address(site, 2, document), key=key)
    began = time.monotonic()
    project = (await asyncio.to_thread(web1.get, f"documents/{document}/"))["project"]
    run = await asyncio.to_thread(_start, web1, project, document)
    seen: set[str] = set()
    at_once = 0
    for number in range(60):
        await there.type(f"word{number} ")
        names = {name for name in here.names() & there.names() if name}
        seen, at_once = seen | names, max(at_once, len(names))
        await asyncio.sleep(0.1)
    run = await asyncio.to_thread(web2.wait_run, run["id"])
    await there.until_saved()
    await here.until(lambda: here.text() == there.text(), "both processes show the same")

    assert run["state"] == "done", run
    assert at_once >= 3, seen
    assert there.own_text() == "".join(f"word{n} " for n in range(60))
    assert len(here.text().split()) > 150
    assert time.monotonic() - began < 60
    holds = await asyncio.to_thread(web1.get, f"billing/holds/?workspace=northwind&run={run['id']}")
    assert {hold["state"] for hold in holds["results"]} <= {"captured", "voided"}
    assert (await asyncio.to_thread(site.manage, "books")).endswith("difference 0 nano")
    await asyncio.gather(here.close(), there.close())


def _start(rest: Rest, project: str, document: str) -> dict[str, str]:
    from tests.rest import BRIEF

    body = {"project": project, "document": document, "template": "campaign", "goal": BRIEF, "model": "scripted"}
    return rest.post("runs/", body)


async def test_who_loses_the_right_in_one_process_loses_the_socket_in_the_other(site, web1, document, colleague):
    keys = {name: await asyncio.to_thread(colleague, name, "editor") for name in ("carl", "dora", "emil")}
    tabs = {name: await Tab.open(address(site, 2, document), key=secret) for name, secret in keys.items()}
    for name, tab in tabs.items():
        await tab.type(f"{name} was here. ")
        await tab.until_saved()

    def revoke() -> None:
        emils = next(
            one for one in web1.get("keys/?page_size=200")["results"] if keys["emil"].startswith(one["prefix"])
        )
        web1.call("DELETE", f"members/{membership(web1, 'carl@example.com')}/")
        web1.call("PATCH", f"members/{membership(web1, 'dora@example.com')}/", {"role": "viewer"})
        web1.call("DELETE", f"keys/{emils['id']}/")

    began = time.monotonic()
    await asyncio.to_thread(revoke)

    assert await tabs["carl"].until_closed() in {4401, 4403}
    assert await tabs["emil"].until_closed() == 4401
    await tabs["dora"].until(lambda: tabs["dora"].role == "viewer", "the reader is told")
    assert time.monotonic() - began < 5
    await tabs["dora"].type("not any more ")
    await tabs["dora"].until(lambda: tabs["dora"].rejected or tabs["dora"].close_code, "the words are refused")
    text = await asyncio.to_thread(web1.get, f"documents/{document}/content/?format=markdown")
    assert "carl was here." in text
    assert "not any more" not in text
    await tabs["dora"].close()


async def test_events_of_one_process_are_heard_in_the_other_without_gaps(site, key, web1, document):
    workspace = await asyncio.to_thread(web1.get, "workspaces/northwind/")
    url = f"ws://127.0.0.1:{site.ports[1]}/ws/workspaces/{workspace['id']}/"
    async with connect(url, additional_headers={"Authorization": f"Bearer {key}"}, compression=None) as socket:
        hello = json.loads(await asyncio.wait_for(socket.recv(), 10))
        for title in ("One", "Two", "Three"):
            await asyncio.to_thread(web1.call, "PATCH", f"documents/{document}/", {"title": title})
        heard = []
        while len([one for one in heard if one["type"] == "document.renamed"]) < 3:
            heard.append(json.loads(await asyncio.wait_for(socket.recv(), 10)))

    assert hello["type"] == "hello"
    seqs = [one["seq"] for one in heard if "seq" in one]
    assert seqs == list(range(hello["seq"] + 1, hello["seq"] + 1 + len(seqs)))
