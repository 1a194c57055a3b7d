"""Sockets of people at documents and workspaces, in the test's own event loop."""

import asyncio

import pytest
import pytest_asyncio

from tests.sockets import Client
from wukong.kernel import bus


def session_of(person) -> str:
    """Return the key of a fresh session of a person."""
    [key] = _sessions_of([person])
    return key


def _sessions_of(people) -> list[str]:
    """Write sessions like those that a sign-in makes, all at once: it would take longer than most of these tests."""
    from django.conf import settings
    from django.contrib import auth
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session

    rows = []
    for person in people:
        store = SessionStore()
        store._session_key = store._get_new_session_key()
        told = {
            auth.SESSION_KEY: str(person.pk),
            auth.BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
            auth.HASH_SESSION_KEY: person.get_session_auth_hash(),
        }
        rows.append(store.create_model_instance(told))
    return [row.session_key for row in Session.objects.bulk_create(rows)]


@pytest.fixture
def sessions(transactional_db, ada, bob, rita, eve):
    """Return {name: session key} of the cast."""
    people = (ada, bob, rita, eve)
    return {person.name: key for person, key in zip(people, _sessions_of(people), strict=True)}


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
