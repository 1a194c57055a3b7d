"""The JSON of projects and documents."""

from rest_framework import serializers

from workspaces.documents.models import Document, Kind, Project
from wukong.kernel.http.serializers import Strict


class ProjectRead(serializers.ModelSerializer[Project]):
    workspace = serializers.UUIDField(source="workspace_id")

    class Meta:
        model = Project
        fields = ["id", "workspace", "name", "archived_at", "created_at"]
        read_only_fields = fields


class ProjectWrite(Strict):
    name = serializers.CharField(max_length=120)


class ProjectCreate(ProjectWrite):
    workspace = serializers.CharField(max_length=60)


class DocumentRead(serializers.ModelSerializer[Document]):
    """`seq` counts what was ever written into the document; `words` may be a little behind."""

    project = serializers.UUIDField(source="project_id")
    kind = serializers.ChoiceField(choices=Kind.choices)
    seq = serializers.IntegerField(source="head_seq")

    class Meta:
        model = Document
        fields = ["id", "project", "parent", "title", "kind", "seq", "words", "archived_at", "created_at"]
        read_only_fields = fields


class ContentWrite(Strict):
    format = serializers.ChoiceField(choices=["markdown"])
    text = serializers.CharField(allow_blank=True, trim_whitespace=False)


class DocumentWrite(Strict):
    """`parent` null puts a document at the top of its project."""

    title = serializers.CharField(max_length=200)
    parent = serializers.UUIDField(required=False, allow_null=True)  # type: ignore[assignment]  # the name of a field only


class DocumentCreate(DocumentWrite):
    project = serializers.UUIDField()
    content = ContentWrite(required=False, allow_null=True)
