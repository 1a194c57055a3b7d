"""The workspace's socket: what happened, in order, without gaps, to those who may know."""

import asyncio

import pytest

from tests.sockets import Refused, in_database, until
from workspaces.events import access, services
from workspaces.people.access import membership_in
from workspaces.people.services import create_key, remove_member
from wukong.kernel import bus, committer


@pytest.fixture
def listen(sockets, workspace):
    """Return a function that opens a listener of somebody."""

    async def of(name, query: str = "", **options):
        return await sockets(name, path=f"/ws/workspaces/{workspace.pk}/", query=query, protocols=(), **options).open()

    return of


def record(workspace, type_: str, **data):
    return committer.arun(
        lambda: services.record(workspace_id=workspace.pk, type=type_, actor="system", data=data, run=None)
    )


async def test_a_listener_hears_what_happens_after_it_came(listen, workspace):
    head = await in_database(lambda: access.head_of(workspace.pk))
    ada = await listen("Ada")
    await until(lambda: ada.texts)

    await record(workspace, "document.renamed", title="茶 & Tee")
    await until(lambda: len(ada.texts) == 2)

    hello, event = ada.texts
    assert hello == {"type": "hello", "seq": head}
    assert event == {
        "seq": head + 1,
        "type": "document.renamed",
        "at": event["at"],
        "actor": "system",
        "run": None,
        "data": {"title": "茶 & Tee"},
    }
    assert event["at"].endswith("Z")


async def test_since_gives_what_was_missed(listen, workspace):
    def record_many() -> None:
        for number in range(250):
            services.record(workspace_id=workspace.pk, type="document.renamed", actor="system", data={"n": number})

    await committer.arun(record_many)
    head = await in_database(lambda: access.head_of(workspace.pk))

    ada = await listen("Ada", query="since=0")
    await until(lambda: len(ada.texts) == head + 1)

    assert ada.texts[0] == {"type": "hello", "seq": head}
    assert [event["seq"] for event in ada.texts[1:]] == list(range(1, head + 1))


async def test_a_lost_hint_is_made_good(listen, workspace, monkeypatch):
    monkeypatch.setattr("workspaces.sockets.consumers.LOOK_LOCAL_S", 0.05)
    ada = await listen("Ada")
    monkeypatch.setattr(bus, "publish", lambda *_args: None)

    await record(workspace, "document.renamed")

    await until(lambda: len(ada.texts) == 2)


async def test_the_meter_is_heard_twice_a_second_at_most_and_ends_with_the_newest(listen, workspace, monkeypatch):
    monkeypatch.setattr("workspaces.sockets.consumers.TICK_S", 0.05)
    ada = await listen("Ada")
    await until(lambda: ada.texts)

    for number in range(50):
        services.tick(workspace.pk, {"run": "one", "tokens_out": number})
        services.tick(workspace.pk, {"run": "two", "tokens_out": number})
        await asyncio.sleep(0.002)
    await until(lambda: {text["data"]["run"] for text in ada.texts[-2:] if "data" in text} == {"one", "two"})
    await until(lambda: all(text["data"]["tokens_out"] == 49 for text in ada.texts[-2:]))

    ticks = ada.texts[1:]
    assert len(ticks) < 15
    assert {tick["type"] for tick in ticks} == {"meter.ticked"}
    assert all("seq" not in tick for tick in ticks)


async def test_only_members_listen(sockets, workspace):
    for name, path, status in (
        (None, f"/ws/workspaces/{workspace.pk}/", 401),
        ("Eve", f"/ws/workspaces/{workspace.pk}/", 404),
        ("Ada", "/ws/workspaces/nowhere/", 404),
    ):
        with pytest.raises(Refused) as caught:
            await sockets(name, path=path).open()
        assert caught.value.status == status


@pytest.mark.parametrize("since", ["x", "-1", "9" * 40])
async def test_a_since_that_is_no_number_is_refused(listen, since):
    with pytest.raises(Refused) as caught:
        await listen("Ada", query=f"since={since}")
    assert caught.value.status == 400


async def test_a_key_needs_the_scope(listen, workspace, ada):
    _key, good = await in_database(lambda: create_key(workspace=workspace, user=ada, scopes=["workspaces:read"]))
    _key, bad = await in_database(lambda: create_key(workspace=workspace, user=ada, scopes=["billing:read"]))

    await listen(None, bearer=good)
    with pytest.raises(Refused) as caught:
        await listen(None, bearer=bad)
    assert caught.value.status == 403


async def test_who_is_removed_hears_no_more(listen, workspace, bob):
    at_bob = await listen("Bob")

    membership = await in_database(lambda: membership_in(bob, workspace))
    await in_database(lambda: remove_member(membership=membership, actor=None))

    assert await at_bob.until_closed() == 4403


async def test_a_listener_says_nothing(listen):
    ada = await listen("Ada")
    ada.send_text("{}")
    assert await ada.until_closed() == 4400

    bob = await listen("Bob")
    bob.send(b"x")
    assert await bob.until_closed() == 4400
