"""Headers that tell browsers what our pages may do: load from us, talk to us, nothing else."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {socket}; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)


class ContentSecurityPolicy(MiddlewareMixin):
    """Strict policy on every answer: no inline script or style anywhere."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        # Not every browser counts the websocket of our own host as 'self'.
        scheme = "wss" if request.is_secure() else "ws"
        response.headers.setdefault("Content-Security-Policy", _POLICY.format(socket=f"{scheme}://{_host(request)}"))
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response


def _host(request: HttpRequest) -> str:
    """Return the host as the browser names it, without asking whether it is allowed (a 400 needs its policy too)."""
    host: str = request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "localhost")
    return host if all(letter.isalnum() or letter in ".:-[]" for letter in host) else "localhost"
