"""What every REST view shares: throttling before refusal, Idempotency-Key, strict bodies, lists by cursor."""

import hashlib
import json
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from workspaces.people import idempotency
from workspaces.people.access import Principal, principal_of, workspace_for
from workspaces.people.models import User
from wukong.kernel.errors import Invalid, NotFound, TooLarge
from wukong.kernel.http.pagination import CursorPages
from wukong.kernel.ids import new_id

HEADER = "Idempotency-Key"
MAX_KEY = 200


class _Replayed(Exception):
    """The request was answered before: not an error, the way out of REST framework's dispatch."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__()
        self.status = status
        self.body = body


class Idempotent(APIView):
    """Answers a POST that carries a known Idempotency-Key from memory.

    `secret_fields` of an answer (a key, a link) are never stored: a replay has null there.
    """

    secret_fields: tuple[str, ...] = ()
    _reservation: idempotency.Reservation | None = None

    @property
    def operation_id(self) -> UUID:
        """An id for what this request does: the same when the request is sent again with its Idempotency-Key."""
        return self._reservation.id if self._reservation else new_id()

    @property
    def principal(self) -> Principal:
        return principal_of(person(self.request))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        _check_words(request)
        _check_length(request)
        key = request.headers.get(HEADER) if request.method == "POST" else None
        if key is not None and not _is_form(request):
            _ = request._request.body  # read it before anything parses the stream away
        super().initial(request, *args, **kwargs)
        if key is None:
            return
        if not 0 < len(key) <= MAX_KEY or "\0" in key:
            raise Invalid(_text_of_bad_key())
        answer = idempotency.reserve(
            caller=self.principal.id, key=key, path=request.path[:300], body_hash=_hash_of(request)
        )
        if answer.status is not None:
            raise _Replayed(answer.status, answer.body)
        self._reservation = answer

    def check_permissions(self, request: Request) -> None:
        if not request.user.is_authenticated:
            self.check_throttles(request)  # else guessing would be free: refusals come before throttles
        super().check_permissions(request)

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except Exception:
            self.check_throttles(request)
            raise

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _Replayed):
            return Response(exc.body, status=exc.status, headers={"Idempotent-Replayed": "true"})
        if self._reservation is not None:
            idempotency.release(self._reservation)
            self._reservation = None
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        reservation, self._reservation = self._reservation, None
        if reservation is not None:
            if response.status_code < 400 and isinstance(response, Response):
                idempotency.finish(reservation, status=response.status_code, body=self._stored(response.data))
            else:
                idempotency.release(reservation)
        return super().finalize_response(request, response, *args, **kwargs)

    def _stored(self, data: Any) -> Any:
        if self.secret_fields and isinstance(data, dict):
            data = {**data, **dict.fromkeys(self.secret_fields)}
        return json.loads(self.renderer_classes[0]().render(data) or b"null")


class View(Idempotent):
    """Base of a view that serves one path. `required_scope`: see `auth.HasScope`."""

    required_scope: str | None

    def parse(self, serializer: type[BaseSerializer[Any]], *, partial: bool = False, **context: Any) -> dict[str, Any]:
        """Return the validated body of this request; raises 400 with a text for each field."""
        parsed = serializer(data=self.request.data, partial=partial, context={"request": self.request, **context})
        parsed.is_valid(raise_exception=True)
        return dict(parsed.validated_data)


class ViewSet(View, viewsets.GenericViewSet[Any]):
    """Base of a noun: each method asks access, calls one service, shapes the answer."""

    lookup_value_regex = "[^/]+"  # what is no id is answered by access, as what is not there
    page_ordering: str | tuple[str, ...] = CursorPages.ordering
    """What lists are ordered by; unique, so that a cursor is a place."""

    def page(self, rows: QuerySet[Any], serializer: type[BaseSerializer[Any]], **context: Any) -> Response:
        """Answer with one page of `rows`, as `?page_size=` and `?cursor=` ask."""
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(
            serializer(found, many=True, context={"request": self.request, **context}).data
        )

    def of_workspace(self, rows: QuerySet[Any], field: str = "workspace") -> QuerySet[Any]:
        """Return the rows of the workspace that `?workspace=` (id or slug) names; all without it. Strangers get 404."""
        name = self.request.query_params.get("workspace")
        if not name:
            return rows
        return rows.filter(**{field: workspace_for(person(self.request), name).pk})


def person(request: Any) -> User:
    """Return who asks: the signed-in person or the key's, `acting_key` set."""
    user: User = request.user
    return user


def _check_words(request: Request) -> None:
    """Refuse null characters, which no database of ours can look for."""
    if "\0" in request.path:
        raise NotFound(_("There is nothing here, or it is not for you."))
    if bad := [name for name, values in request.query_params.lists() if "\0" in name + "".join(values)]:
        raise Invalid(_("Null characters are not allowed."), {bad[0]: [_("Null characters are not allowed.")]})


def _check_length(request: Request) -> None:
    """Refuse what is too long to read; Django's own limit does not reach REST framework's parsers."""
    if "Transfer-Encoding" in request.headers:
        raise Invalid(_("Send the body with its Content-Length."))
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if _is_form(request):
        most += settings.WUKONG_SOURCE_MAX_BYTES
    if int(request.META.get("CONTENT_LENGTH") or 0) > most:
        raise TooLarge(_("The request is too large."), {"max_bytes": most})


def _is_form(request: Request) -> bool:
    return (request.content_type or "").startswith(("multipart/form-data", "application/x-www-form-urlencoded"))


def _hash_of(request: Request) -> str:
    """Return the SHA-256 of what was sent. Forms are hashed by field: a browser makes a new boundary for each try."""
    if not _is_form(request):
        return hashlib.sha256(request._request.body).hexdigest()
    digest = hashlib.sha256()
    form = cast("QueryDict", request.data)
    for name in sorted(form):
        for value in form.getlist(name):
            if isinstance(value, UploadedFile):
                digest.update(json.dumps([name, value.name, value.size]).encode())
                for chunk in value.chunks():
                    digest.update(chunk)
                value.seek(0)
            else:
                digest.update(json.dumps([name, value]).encode())
    return digest.hexdigest()


def _text_of_bad_key() -> str:
    return _("An Idempotency-Key has 1 to %(most)d characters.") % {"most": MAX_KEY}
