"""Projects, documents, and the log that is the only truth about a document's content."""

from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from workspaces.people.models import User, Workspace, seen_by
from wukong.kernel.clock import now
from wukong.kernel.models import Row


class ProjectQuerySet(models.QuerySet["Project"]):
    def of(self, user: User) -> Self:
        """Projects that `user` may see."""
        return self.filter(seen_by(user, "workspace"))

    def live(self) -> Self:
        return self.filter(archived_at=None)


class Project(Row):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="projects")
    name = models.CharField(max_length=120)
    archived_at = models.DateTimeField(null=True)

    objects = ProjectQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class DocumentQuerySet(models.QuerySet["Document"]):
    def of(self, user: User) -> Self:
        """Documents that `user` may see."""
        return self.filter(seen_by(user, "project__workspace"))

    def live(self) -> Self:
        return self.filter(archived_at=None)


class Kind(models.TextChoices):
    TEXT = "text", _("Text")


class Document(Row):
    """A document of a project's tree. `head_seq` counts its log; title and place are rows, content is the log alone.

    `generation` counts histories: it rises when the log no longer continues what browsers may hold a copy of.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="documents")
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.TEXT)
    position = models.PositiveIntegerField(default=0)
    head_seq = models.PositiveBigIntegerField(default=0)
    generation = models.PositiveIntegerField(default=1)
    byte_size = models.PositiveBigIntegerField(default=0)
    words = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(default=now)
    created_by = models.UUIDField(null=True)
    archived_at = models.DateTimeField(null=True)

    depth = 0
    """How deep it hangs in the tree; set by access.tree_of, not stored."""

    objects = DocumentQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["project", "parent", "position"], name="documents_as_a_tree")]

    def __str__(self) -> str:
        return self.title


class WriterKind(models.TextChoices):
    PERSON = "person", _("Person")
    AGENT = "agent", _("Agent")
    SYSTEM = "system", _("System")


class DocumentWriter(models.Model):
    """A Yjs client id, bound to one principal for ever: so who wrote a character cannot be forged."""

    document = models.ForeignKey(Document, models.CASCADE, related_name="writers")
    client_id = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=10, choices=WriterKind.choices)
    principal = models.UUIDField()
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "client_id"], name="one_principal_a_client_id")]


class DocumentUpdateQuerySet(models.QuerySet["DocumentUpdate"]):
    def since(self, document_id: UUID, seq: int) -> Self:
        return self.filter(document_id=document_id, seq__gt=seq).order_by("seq")


class DocumentUpdate(models.Model):
    """One Yjs v1 update as its writer sent it. Rows are never changed or deleted.

    `cut` is what the writer says that it pastes: [[client id, clock, length], …] of text that it has taken away before.
    `carries` is what a verb of the server has moved: [[client id, clock, length, old client id, old clock], …].
    """

    document = models.ForeignKey(Document, models.CASCADE, related_name="updates")
    seq = models.PositiveBigIntegerField()
    data = models.BinaryField()
    client_id = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=10, choices=WriterKind.choices)
    principal = models.UUIDField()
    call = models.UUIDField(null=True)
    key = models.CharField(max_length=100, null=True)  # noqa: DJ001 - null does not take part in the unique constraint
    cut = models.JSONField(null=True)
    carries = models.JSONField(null=True)
    at = models.DateTimeField(default=now)

    objects = DocumentUpdateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "seq"], name="updates_in_order"),
            models.UniqueConstraint(
                fields=["document", "key"], name="an_update_counts_once", condition=Q(key__isnull=False)
            ),
        ]


class DocumentSnapshot(models.Model):
    """The state after applying the log up to `seq`: additive, saves replaying, replaces nothing."""

    document = models.ForeignKey(Document, models.CASCADE, related_name="snapshots")
    seq = models.PositiveBigIntegerField()
    state = models.BinaryField()
    created_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "seq"], name="one_snapshot_a_seq")]


class DocumentAuthorship(models.Model):
    """Who wrote what, projected from the log up to `seq` by version `version` of the rules; it can be made anew."""

    document = models.OneToOneField(Document, models.CASCADE, related_name="+")
    seq = models.PositiveBigIntegerField()
    version = models.PositiveIntegerField()
    state = models.BinaryField()
    updated_at = models.DateTimeField(default=now)
