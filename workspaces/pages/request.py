"""The person behind a page's request."""

from django.http import HttpRequest

from workspaces.people.models import User
from wukong.kernel.errors import Unauthenticated


def person(request: HttpRequest) -> User:
    """Return who is signed in; raises Unauthenticated (pages ask for sign-in before)."""
    if not isinstance(request.user, User):
        raise Unauthenticated
    return request.user
