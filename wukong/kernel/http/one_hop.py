"""The innermost middleware, sync only.

Django then runs the whole chain in one thread hop: otherwise each of its middlewares, able to do both, stays async and
hops to a thread for itself (4.5 ms instead of 2.6 ms for a trivial request).
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class OneHop:
    """Passes everything on; what matters is what it says about itself."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)
