"""Who is signed in, for a page that was left open over the end of its session."""

from django.http import HttpRequest, JsonResponse
from django.middleware.csrf import get_token
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET


@never_cache
@require_GET
def session(request: HttpRequest) -> JsonResponse:
    """Answer `{"user": id or null, "token": str}`: the person of this session, and the token for its forms.

    The page signs in again in place with it, and sends nobody's words in somebody else's name.
    """
    user = str(request.user.pk) if request.user.is_authenticated else None
    return JsonResponse({"user": user, "token": get_token(request)})
