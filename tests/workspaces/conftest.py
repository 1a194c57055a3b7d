"""Sockets of people at documents and workspaces, in the test's own event loop."""

import asyncio

import pytest
import pytest_asyncio

from tests.sockets import Client
from wukong.kernel import bus


def session_of(person) -> str:
    """Return the key of a fresh session of a person."""
    from django.test import Client as Browser

    browser = Browser()
    browser.force_login(person)
    return browser.cookies["sessionid"].value


@pytest.fixture
def sessions(transactional_db, ada, bob, rita, eve):
    """Return {name: session key} of the cast."""
    return {person.name: session_of(person) for person in (ada, bob, rita, eve)}


@pytest_asyncio.fixture
async def sockets(transactional_db, document, sessions):
    """Return a function that makes a client of somebody at the document; all are closed at the end."""
    from workspaces.documents.rooms import hub

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
