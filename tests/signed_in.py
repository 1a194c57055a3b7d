"""People who are signed in already: the sign-in itself has its own tests, here it would be much of the time."""

from collections.abc import Iterable
from typing import Any


def sessions_of(people: Iterable[Any]) -> list[str]:
    """Write a session for each person, all at once, with what a sign-in leaves in it; returns their keys."""
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


def sign_in(client: Any, person: Any) -> None:
    """Let a client of Django's or of REST framework's be signed in as somebody."""
    from django.conf import settings

    [client.cookies[settings.SESSION_COOKIE_NAME]] = sessions_of([person])
