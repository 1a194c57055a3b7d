"""The only way from (person, id) to a workspace and what is in it: strangers get NotFound, others Forbidden."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from workspaces.people.models import ApiKey, Invitation, Membership, Role, User, Workspace, seen_by
from wukong.kernel.errors import Forbidden, NotFound

SCOPES = (
    "workspaces:read",
    "workspaces:write",
    "projects:read",
    "projects:write",
    "documents:read",
    "documents:write",
    "sources:read",
    "sources:write",
    "runs:read",
    "runs:write",
    "billing:read",
    "billing:write",
)

NOTHING = UUID(int=0)
"""An id that no row has: what is no id finds nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who acts: a person, signed in or by one of their keys (`key.scopes` then say what the key may do)."""

    user: User
    key: ApiKey | None = None

    @property
    def id(self) -> UUID:
        """The id under which a caller is counted and remembered."""
        return self.key.pk if self.key is not None else self.user.pk

    def may(self, scope: str) -> bool:
        """Return whether the key allows `scope`; a signed-in person may use all."""
        return self.key is None or scope in self.key.scopes


def principal_of(user: User) -> Principal:
    return Principal(user=user, key=user.acting_key)


def hash_of(secret: str) -> str:
    """Return what is stored of a key or an invitation's token: SHA-256 in hex (both are random: no salt needed)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def as_uuid(text: object) -> UUID | None:
    """Return `text` as UUID, or None."""
    if isinstance(text, UUID):
        return text
    try:
        return UUID(str(text))
    except ValueError:
        return None


def workspaces_of(user: User) -> QuerySet[Workspace]:
    """Return the workspaces that `user` may see, by name, each with `role`."""
    return Workspace.objects.of(user)


def workspace_for(user: User, id_or_slug: UUID | str, at_least: Role = Role.VIEWER) -> Workspace:
    """Return a workspace with `role` set; raises NotFound for strangers, Forbidden below `at_least`."""
    key = as_uuid(id_or_slug)
    query = Workspace.objects.of(user)
    workspace = (query.filter(pk=key) if key else query.filter(slug=str(id_or_slug))).first()
    if workspace is None:
        raise NotFound(_("There is no such workspace, or it is not for you."))
    workspace.role = Role(workspace.role)
    require(workspace.role, at_least)
    return workspace


def require(role: Role, at_least: Role) -> None:
    """Raise Forbidden when `role` may not do what `at_least` may."""
    if not role.includes(at_least):
        raise Forbidden(
            _("This needs the role “%(needed)s”; yours is “%(role)s”.") % {"needed": at_least.label, "role": role.label}
        )


def role_of(user: User, workspace_id: UUID) -> Role | None:
    """Return what `user` is in the workspace; None for strangers and for keys of another workspace."""
    role = (
        Membership.objects.filter(seen_by(user, "workspace"), user=user.pk, workspace=workspace_id)
        .values_list("role", flat=True)
        .first()
    )
    return Role(role) if role else None


def role_in(user: User, workspace: Workspace) -> Role:
    """Return what `user` is in the workspace; raises NotFound for strangers."""
    role = role_of(user, workspace.pk)
    if role is None:
        raise NotFound(_("There is no such workspace, or it is not for you."))
    return role


def members_of(workspace: Workspace) -> QuerySet[Membership]:
    """Return the memberships of a workspace with their people, in the order in which they joined."""
    return workspace.memberships.select_related("user").order_by("id")


def membership_in(user: User, workspace: Workspace) -> Membership:
    """Return the own membership of `user`; raises NotFound for strangers."""
    membership = memberships_seen_by(user).filter(user=user.pk, workspace=workspace).first()
    if membership is None:
        raise NotFound(_("There is no such member."))
    return membership


def memberships_seen_by(user: User) -> QuerySet[Membership]:
    """Return the memberships of all workspaces that `user` may see."""
    return Membership.objects.filter(seen_by(user, "workspace")).select_related("user", "workspace")


def member_for(
    user: User, membership_id: UUID | str, at_least: Role = Role.VIEWER, *, or_self: bool = False
) -> Membership:
    """Return a membership of a workspace of `user`; with `or_self` one's own needs no role (to leave)."""
    membership = memberships_seen_by(user).filter(pk=as_uuid(membership_id) or NOTHING).first()
    if membership is None:
        raise NotFound(_("There is no such member."))
    if not (or_self and membership.user_id == user.pk):
        require(role_in(user, membership.workspace), at_least)
    return membership


def invitations_of(workspace: Workspace) -> QuerySet[Invitation]:
    """Return the invitations of a workspace that can still be accepted, newest first."""
    return workspace.invitations.open().select_related("invited_by").order_by("-id")


def invitations_managed_by(user: User) -> QuerySet[Invitation]:
    """Return all invitations, also spent ones, of the workspaces where `user` is admin or owner."""
    return Invitation.objects.filter(workspace__in=managed_by(user).values("pk")).select_related("invited_by")


def managed_by(user: User) -> QuerySet[Workspace]:
    """Return the workspaces where `user` is admin or owner."""
    return Workspace.objects.filter(seen_by(user), memberships__role__in=[Role.ADMIN, Role.OWNER])


def invitation_for(user: User, invitation_id: UUID | str) -> Invitation:
    """Return an invitation to a workspace that `user` manages; members without that right get Forbidden."""
    invitation = (
        Invitation.objects.filter(seen_by(user, "workspace"), pk=as_uuid(invitation_id) or NOTHING)
        .select_related("workspace", "invited_by")
        .first()
    )
    if invitation is None:
        raise NotFound(_("There is no such invitation."))
    require(role_in(user, invitation.workspace), Role.ADMIN)
    return invitation


def invitation_of(token: str) -> Invitation | None:
    """Return the open invitation whose link carries `token`."""
    return Invitation.objects.open().filter(token_hash=hash_of(token)).select_related("workspace", "invited_by").first()


def has_accepted(user: User, token: str) -> bool:
    """Return whether `user` has joined by the link with `token`, and is still a member."""
    accepted = Invitation.objects.filter(token_hash=hash_of(token), email=user.email).exclude(accepted_at=None)
    return accepted.filter(seen_by(user, "workspace")).exists()


def keys_of(user: User, workspace: Workspace) -> QuerySet[ApiKey]:
    """Return the keys of a workspace that `user` may see, newest first: admins see all, others their own."""
    keys = workspace.keys.select_related("user").order_by("-id")
    return keys if role_in(user, workspace).includes(Role.ADMIN) else keys.filter(user=user.pk)


def keys_seen_by(user: User) -> QuerySet[ApiKey]:
    """Return the own keys of `user` and those of the workspaces that `user` manages."""
    theirs = Q(user=user.pk) | Q(workspace__in=managed_by(user).values("pk"))
    return ApiKey.objects.filter(seen_by(user, "workspace")).filter(theirs).select_related("user")


def key_for(user: User, key_id: UUID | str) -> ApiKey:
    """Return a key that `user` may revoke: an own one, or one of a workspace that `user` manages."""
    key = keys_seen_by(user).filter(pk=as_uuid(key_id) or NOTHING).first()
    if key is None:
        raise NotFound(_("There is no such key."))
    return key


def key_of(secret: str) -> ApiKey | None:
    """Return the live key with this secret, its person's `acting_key` set to it."""
    key = ApiKey.objects.live().filter(key_hash=hash_of(secret)).select_related("user").first()
    if key is not None:
        key.user.acting_key = key
    return key


def live_key(key_id: UUID) -> ApiKey | None:
    """Return a key as it is now, its person's `acting_key` set to it; None when it no longer works."""
    key = ApiKey.objects.live().filter(pk=key_id).select_related("user").first()
    if key is not None:
        key.user.acting_key = key
    return key


def user_by_email(email: str) -> User:
    """Return a person by e-mail address, for operators' commands; raises NotFound."""
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise NotFound(_("There is nobody with the e-mail address %(email)s.") % {"email": email})
    return user


def workspace_by_slug(slug: str) -> Workspace:
    """Return a workspace by slug, for operators' commands; raises NotFound."""
    workspace = Workspace.objects.filter(slug=slug).first()
    if workspace is None:
        raise NotFound(_("There is no workspace %(slug)s.") % {"slug": slug})
    return workspace
