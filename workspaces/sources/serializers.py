"""The JSON of sources."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from workspaces.sources.models import Source
from wukong.kernel.http.serializers import Strict


class SourceRead(serializers.ModelSerializer[Source]):
    project = serializers.UUIDField(source="project_id")

    class Meta:
        model = Source
        fields = ["id", "project", "number", "name", "media_type", "bytes", "sha256", "state", "created_at"]
        read_only_fields = fields


class SourceWrite(Strict):
    """Either `file` (multipart), or `text` with `name`."""

    project = serializers.UUIDField()
    file = serializers.FileField(required=False, allow_empty_file=True)
    text = serializers.CharField(required=False, trim_whitespace=False)
    name = serializers.CharField(required=False, max_length=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("file" in attrs) == ("text" in attrs):
            raise serializers.ValidationError({"file": [_("Send a file, or text with a name.")]})
        if "text" in attrs and "name" not in attrs:
            raise serializers.ValidationError({"name": [_("Text needs a name.")]})
        return attrs
