"""The websockets of the house. Anything else is answered 404."""

from typing import Any

from django.urls import re_path

from workspaces.documents.consumers import DocumentConsumer
from workspaces.sockets.connection import nothing_here
from workspaces.sockets.consumers import WorkspaceConsumer

_nothing_here: Any = nothing_here  # Django types its paths for views, Channels takes ASGI applications

websocket_urlpatterns: list[Any] = [
    re_path(r"^ws/documents/(?P<document_id>[^/]+)/?$", DocumentConsumer.as_asgi()),
    re_path(r"^ws/workspaces/(?P<workspace_id>[^/]+)/?$", WorkspaceConsumer.as_asgi()),
    re_path(r"", _nothing_here),
]
