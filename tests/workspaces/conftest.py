"""Sockets of people at documents and workspaces, in the test's own event loop."""

import asyncio

import pytest
import pytest_asyncio

from tests.signed_in import sessions_of
from tests.sockets import Client
from wukong.kernel import bus


def session_of(person) -> str:
    """Return the key of a fresh session of a person."""
    [key] = sessions_of([person])
    return key


@pytest.fixture
def sessions(transactional_db, ada, bob, rita, eve):
    """Return {name: session key} of the cast."""
    people = (ada, bob, rita, eve)
    return {person.name: key for person, key in zip(people, sessions_of(people), strict=True)}


@pytest_asyncio.fixture
async def sockets(transactional_db, document, sessions, monkeypatch):
    """Return a function that makes a client of somebody at the document; all are closed at the end."""
    from workspaces.documents.rooms import hub

    monkeypatch.setattr(hub, "_FAREWELL_S", 0)  # there is no network that close frames would have to leave by
    bus.attach(asyncio.get_running_loop())
    hub.reopen()
    made: list[Client] = []

    def of(name: str | None, path: str = "", **options) -> Client:
        cookie = sessions[name] if name else None
        client = Client(path or f"/ws/documents/{document.pk}", cookie=cookie, **options)
        made.append(client)
        return client

    async def at(name: str, **options) -> Client:
        """Return a client that has the document."""
        client = await of(name, **options).open()
        await client.sync()
        return client

    of.at = at
    yield of
    for client in made:
        if hasattr(client, "task") and not client.task.done():
            await client.close()
    await hub.close_all()
    hub.reopen()
