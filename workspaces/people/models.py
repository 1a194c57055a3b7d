"""Who works where: users, workspaces, memberships, invitations, API keys."""

from typing import Any, ClassVar, Optional, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils.translation import gettext_lazy as _

from wukong.kernel.clock import now
from wukong.kernel.models import Row


class Role(models.TextChoices):
    """What a member may do; each role includes the ones before it."""

    VIEWER = "viewer", _("Viewer")
    COMMENTER = "commenter", _("Commenter")
    EDITOR = "editor", _("Editor")
    ADMIN = "admin", _("Admin")
    OWNER = "owner", _("Owner")

    @property
    def rank(self) -> int:
        return list(type(self)).index(self)

    def includes(self, other: "Role") -> bool:
        """Return whether this role may do what `other` may."""
        return self.rank >= other.rank


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin, Row):
    """A person, known by e-mail address (stored in lower case)."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    is_staff = models.BooleanField(_("operator"), default=False)
    is_active = models.BooleanField(_("active"), default=True)

    acting_key: Optional["ApiKey"] = None
    """The API key this request came with; None for a session. Set by the edge, not stored."""

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        return self.name or self.email.partition("@")[0]

    @property
    def initials(self) -> str:
        words = self.display_name.replace(".", " ").split()
        return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"

    @property
    def tone(self) -> int:
        """A stable number 1-3 that picks the avatar's colour."""
        return self.id.int % 3 + 1

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.display_name.split(" ")[0]


def seen_by(user: User, path: str = "") -> models.Q:
    """Return the condition "in a workspace that `user` may see"; `path` leads from the row to its workspace.

    Who came with a key sees the key's workspace alone. Every QuerySet's `of(user)` is built on this.

    >>> Document.objects.filter(seen_by(ada, "project__workspace"))
    """
    to = f"{path}__" if path else ""
    condition = models.Q(**{f"{to}memberships__user": user.pk})
    if user.acting_key is not None:
        condition &= models.Q(**{path or "pk": user.acting_key.workspace_id})
    return condition


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    def of(self, user: User) -> Self:
        """Workspaces that `user` is a member of, each annotated with `role`."""
        return self.filter(seen_by(user)).annotate(role=models.F("memberships__role")).order_by("name", "id")


class Workspace(Row):
    """A team's house. One currency for ever; `acl_epoch` rises with every change of rights: open sockets re-check."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80)
    currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=50, default="UTC")
    language = models.CharField(max_length=10, default="en")
    acl_epoch = models.PositiveIntegerField(default=0)

    role: Role
    """The role of the person who asked; set by `WorkspaceQuerySet.of`."""

    objects = WorkspaceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(Row):
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="one_membership_a_person")]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace}: {self.role}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=now())


class Invitation(Row):
    """A link for one person, once, for a while. Only the SHA-256 of its token is stored."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.CASCADE, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self) -> Self:
        return self.filter(revoked_at=None, user__is_active=True)


class ApiKey(Row):
    """A key `wk_<40 characters>` of one person in one workspace. Stored: its SHA-256, and a `prefix` to know it by."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="keys")
    user = models.ForeignKey(User, models.CASCADE, related_name="keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=10)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiKeyQuerySet.as_manager()


class StoredAnswer(Row):
    """The answer to a POST with an Idempotency-Key, kept for 24 hours: same key, caller, path and body get it again."""

    caller = models.UUIDField()
    key = models.CharField(max_length=200)
    path = models.CharField(max_length=300)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)  # null while the first request is being answered
    body = models.JSONField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key", "path"], name="one_answer_a_key")]
        indexes = [models.Index(fields=["created_at"], name="answers_by_age")]
