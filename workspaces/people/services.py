"""Verbs about people, workspaces, memberships, invitations and keys. Each change of rights is told to open sockets."""

import logging
import secrets
import smtplib
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from workspaces.events import services as events
from workspaces.people import names
from workspaces.people.access import SCOPES, hash_of
from workspaces.people.models import ApiKey, Invitation, Membership, Role, User, Workspace
from wukong.kernel import bus
from wukong.kernel.clock import now
from wukong.kernel.errors import Conflict, Forbidden, Invalid, NotFound

INVITATION_LIVES = timedelta(days=7)
USE_IS_NOTED_EVERY = timedelta(minutes=1)
_log = logging.getLogger("wukong.people")


# --- people ---------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_user(*, email: str, password: str | None = None, name: str = "", is_operator: bool = False) -> User:
    """Create a person; without a password they set one by "forgot the password". Raises Invalid."""
    email = names.clean_email(email)
    if User.objects.filter(email=email).exists():
        raise Invalid(_("There is an account with this e-mail address."), {"email": [_("Already in use.")]})
    return User.objects.create_user(email=email, password=password, name=name.strip()[:80], is_staff=is_operator)


@transaction.atomic
def set_password(*, user: User, password: str) -> None:
    """Give a person another password (operators' commands); whoever is signed in elsewhere is signed out."""
    user.set_password(password)
    user.save(update_fields=["password"])
    tell_sockets(user_id=user.pk)


def tell_sockets(*, user_id: UUID) -> None:
    """Make the open sockets of a person look up, after the commit, whether their sessions and keys still hold."""
    transaction.on_commit(lambda: bus.publish(f"person:{user_id}", {"rights": True}))


@transaction.atomic
def rename_person(*, user: User, name: str) -> User:
    """Change how a person is called on cursors and beside words."""
    user.name = names.clean_name(name)
    user.save(update_fields=["name"])
    return user


@transaction.atomic
def welcome(*, user: User, name: str, invitation: str = "") -> Workspace:
    """Settle somebody who has just signed up: into the workspace they were invited to, else into one of their own."""
    if name.strip():
        rename_person(user=user, name=name)
    if invitation:
        try:
            return accept_invitation(token=invitation, user=user)
        except (NotFound, Conflict, Forbidden):
            pass  # used meanwhile, or for another address: they still get a place to work
    title = _("%(name)s's workspace") % {"name": user.display_name}
    return create_workspace(name=title[:80], owner=user)


@transaction.atomic
def set_active(*, user: User, is_active: bool) -> None:
    """Close or open an account (operators). A closed one is signed out everywhere, its keys do not work."""
    user.is_active = is_active
    user.save(update_fields=["is_active"])
    for membership in user.memberships.all():
        _lock(membership.workspace_id)
        _tell(membership.workspace_id, user.pk)


# --- workspaces -----------------------------------------------------------------------------------------------------
@transaction.atomic
def create_workspace(
    *, name: str, owner: User, slug: str = "", time_zone: str = "UTC", language: str = "en", currency: str = ""
) -> Workspace:
    """Create a workspace that `owner` owns. Its currency is for ever. Raises Invalid, also for a slug that is taken."""
    workspace = Workspace(
        name=names.clean_name(name),
        slug=names.clean_slug(slug) if slug else names.free_slug(name, _slugs_with),
        time_zone=names.clean_time_zone(time_zone),
        language=names.clean_language(language),
        currency=names.clean_currency(currency or settings.WUKONG_CURRENCY),
    )
    try:
        with transaction.atomic():
            workspace.save(force_insert=True)
    except IntegrityError:
        raise Invalid(_("This address is taken."), {"slug": [_("Already in use.")]}) from None
    Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    workspace.role = Role.OWNER
    return workspace


def _slugs_with(stem: str) -> set[str]:
    return set(Workspace.objects.filter(slug__startswith=stem).values_list("slug", flat=True))


@transaction.atomic
def change_workspace(
    *, workspace: Workspace, name: str | None = None, time_zone: str | None = None, language: str | None = None
) -> Workspace:
    """Rename a workspace, or change its time zone or language. Slug and currency stay."""
    if name is not None:
        workspace.name = names.clean_name(name)
    if time_zone is not None:
        workspace.time_zone = names.clean_time_zone(time_zone)
    if language is not None:
        workspace.language = names.clean_language(language)
    workspace.save(update_fields=["name", "time_zone", "language"])
    return workspace


def rename_workspace(*, workspace: Workspace, name: str) -> Workspace:
    """Change the name alone."""
    return change_workspace(workspace=workspace, name=name)


# --- members --------------------------------------------------------------------------------------------------------
@transaction.atomic
def add_member(*, workspace: Workspace, user: User, role: Role, actor: User | None) -> Membership:
    """Make somebody a member, or give a member that role. `actor` None: an operator."""
    _may_touch(role, workspace.pk, actor)
    _lock(workspace.pk)
    membership = Membership.objects.filter(workspace=workspace, user=user).select_related("user").first()
    if membership is not None:
        return membership if membership.role == role else _set_role(membership, role, actor)
    return _join(workspace, user, role, actor)


@transaction.atomic
def change_role(*, membership: Membership, role: Role, actor: User | None) -> Membership:
    """Give a member another role. Raises Forbidden when an admin reaches for ownership, Conflict for the last owner."""
    _lock(membership.workspace_id)
    current = Membership.objects.select_related("user").get(pk=membership.pk)
    return current if current.role == role else _set_role(current, role, actor)


@transaction.atomic
def remove_member(*, membership: Membership, actor: User | None) -> None:
    """End a membership, one's own or another's; the person's keys here end with it. Raises like `change_role`."""
    _lock(membership.workspace_id)
    current = Membership.objects.filter(pk=membership.pk).select_related("user").first()
    if current is None:
        return
    if actor is None or actor.pk != current.user_id:
        _may_touch(Role(current.role), current.workspace_id, actor)
    _keep_an_owner(current, None)
    ApiKey.objects.filter(workspace=current.workspace_id, user=current.user_id, revoked_at=None).update(
        revoked_at=now()
    )
    Membership.objects.filter(pk=current.pk).delete()
    _member_changed(current, None, actor)


def leave(*, membership: Membership) -> None:
    """End one's own membership."""
    remove_member(membership=membership, actor=membership.user)


def _join(workspace: Workspace, user: User, role: Role, actor: User | None) -> Membership:
    membership = Membership.objects.create(workspace=workspace, user=user, role=role)
    _member_changed(membership, role, actor)
    return membership


def _set_role(membership: Membership, role: Role, actor: User | None) -> Membership:
    for touched in (Role(membership.role), role):
        _may_touch(touched, membership.workspace_id, actor)
    _keep_an_owner(membership, role)
    membership.role = role
    membership.save(update_fields=["role"])
    _member_changed(membership, role, actor)
    return membership


def _may_touch(role: Role, workspace_id: UUID, actor: User | None) -> None:
    """Admins give and take roles, but only owners make, change and remove owners. `actor` None: an operator."""
    if actor is None:
        return
    needed = Role.OWNER if role == Role.OWNER else Role.ADMIN
    has = Membership.objects.filter(workspace=workspace_id, user=actor.pk).values_list("role", flat=True).first()
    if has is None or not Role(has).includes(needed):
        raise Forbidden(_("This needs the role “%(needed)s”.") % {"needed": needed.label})


def _keep_an_owner(membership: Membership, role: Role | None) -> None:
    if membership.role != Role.OWNER or role == Role.OWNER:
        return
    others = Membership.objects.filter(workspace=membership.workspace_id, role=Role.OWNER).exclude(pk=membership.pk)
    if not others.exists():
        raise Conflict(_("A workspace needs an owner. Make somebody else an owner first."))


def _lock(workspace_id: UUID) -> None:
    """Count a change of rights, and let changes happen one after the other: two last owners must not leave at once."""
    Workspace.objects.filter(pk=workspace_id).update(acl_epoch=F("acl_epoch") + 1)


def _tell(workspace_id: UUID, user_id: UUID) -> None:
    """Make the open sockets of a person look up their rights again."""
    transaction.on_commit(lambda: bus.publish(f"person:{user_id}", {"workspace": str(workspace_id)}))


def _member_changed(membership: Membership, role: Role | None, actor: User | None) -> None:
    _tell(membership.workspace_id, membership.user_id)
    events.record(
        workspace_id=membership.workspace_id,
        type="member.changed",
        actor=f"person:{actor.pk}" if actor else "system",
        data={
            "user": str(membership.user_id),
            "name": membership.user.display_name,
            "role": role.value if role else None,
        },
    )


# --- invitations ----------------------------------------------------------------------------------------------------
@transaction.atomic
def invite(*, workspace: Workspace, email: str, role: Role, actor: User) -> tuple[Invitation, str]:
    """Invite somebody by mail; returns the invitation and its link, which is known only now.

    It replaces an open one for the same address. Raises Conflict for members, Forbidden when an admin invites an owner.
    """
    email = names.clean_email(email)
    _may_touch(role, workspace.pk, actor)
    if Membership.objects.filter(workspace=workspace, user__email=email).exists():
        raise Conflict(_("%(email)s is a member of this workspace.") % {"email": email})
    workspace.invitations.open().filter(email=email).update(revoked_at=now())
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        workspace=workspace,
        email=email,
        role=role,
        token_hash=hash_of(token),
        invited_by=actor,
        expires_at=now() + INVITATION_LIVES,
    )
    link = settings.WUKONG_URL.rstrip("/") + reverse("people:invitation", args=[token])
    transaction.on_commit(lambda: _mail_invitation(invitation, link))
    return invitation, link


def _mail_invitation(invitation: Invitation, link: str) -> None:
    context = {"invitation": invitation, "link": link}
    subject = render_to_string("workspaces/mail/invitation_subject.txt", context).strip()
    body = render_to_string("workspaces/mail/invitation.txt", context)
    try:
        send_mail(subject, body, None, [invitation.email])
    except (smtplib.SMTPException, OSError) as error:
        _log.error("the invitation %s could not be mailed: %s", invitation.pk, error)  # the link was shown, too


@transaction.atomic
def accept_invitation(*, token: str, user: User) -> Workspace:
    """Join by a link. Raises NotFound (unknown), Conflict (used, withdrawn, expired), Forbidden (for another address).

    Accepting again what one has accepted oneself changes nothing.
    """
    invitation = Invitation.objects.filter(token_hash=hash_of(token)).select_related("workspace").first()
    if invitation is None:
        raise NotFound(_("This invitation is unknown. Was the link copied completely?"))
    if invitation.email != user.email:
        raise Forbidden(
            _("This invitation is for %(email)s. Sign in with that address to accept it.") % {"email": invitation.email}
        )
    # Compare and set: of two who click at once one joins, the other is told.
    if not Invitation.objects.open().filter(pk=invitation.pk).update(accepted_at=now()):
        if invitation.accepted_at and Membership.objects.filter(workspace=invitation.workspace, user=user).exists():
            return invitation.workspace
        raise Conflict(_("This invitation has been used, withdrawn or has expired. Ask for a new one."))
    if not Membership.objects.filter(workspace=invitation.workspace, user=user).exists():
        _lock(invitation.workspace_id)
        _join(invitation.workspace, user, Role(invitation.role), user)
    return invitation.workspace


@transaction.atomic
def revoke_invitation(*, invitation: Invitation) -> None:
    """Withdraw an invitation; one that is spent stays as it is."""
    Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=now())


# --- keys -----------------------------------------------------------------------------------------------------------
@transaction.atomic
def create_key(
    *, workspace: Workspace, user: User, name: str = "", scopes: list[str] | None = None, key: ApiKey | None = None
) -> tuple[ApiKey, str]:
    """Make a key for a member; returns it and its secret `wk_…`, which is known only now. No scopes given: all.

    Made with another key (`key`), it may do no more than that one. Raises Invalid for unknown scopes, Forbidden.
    """
    if not Membership.objects.filter(workspace=workspace, user=user).exists():
        raise NotFound(_("%(name)s is not a member of this workspace.") % {"name": user.email})
    allowed = SCOPES if key is None else tuple(key.scopes)
    wanted = list(allowed) if scopes is None else list(dict.fromkeys(scopes))
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise Invalid(
            _("Unknown scope: %(scopes)s.") % {"scopes": ", ".join(unknown)},
            {"scopes": [_("Known: %s") % ", ".join(SCOPES)]},
        )
    if not wanted:
        raise Invalid(_("A key needs at least one scope."), {"scopes": [_("Choose at least one.")]})
    if more := [scope for scope in wanted if scope not in allowed]:
        raise Forbidden(_("A key cannot give more than it has: %(scopes)s.") % {"scopes": ", ".join(more)})
    secret = f"wk_{secrets.token_urlsafe(30)}"  # 30 bytes are 40 characters
    made = ApiKey.objects.create(
        workspace=workspace,
        user=user,
        name=name.strip()[:80] or _("Key"),
        prefix=secret[:10],
        key_hash=hash_of(secret),
        scopes=wanted,
    )
    return made, secret


@transaction.atomic
def revoke_key(*, key: ApiKey) -> None:
    """End a key; sockets opened with it are told. Revoking twice changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now()):
        transaction.on_commit(
            lambda: bus.publish(f"person:{key.user_id}", {"workspace": str(key.workspace_id), "key": str(key.pk)})
        )


def note_use(*, key: ApiKey) -> None:
    """Remember when a key was used, at most once a minute: a read must not cost a write."""
    moment = now()
    if key.last_used_at is None or key.last_used_at < moment - USE_IS_NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=moment - USE_IS_NOTED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=moment)
