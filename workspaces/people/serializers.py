"""The JSON of people, workspaces, members, invitations and keys."""

from typing import Any

from rest_framework import serializers

from workspaces.people.access import SCOPES
from workspaces.people.models import ApiKey, Invitation, Membership, Role, User, Workspace
from wukong.kernel.clock import now
from wukong.kernel.http.serializers import Strict


class WorkspaceWrite(Strict):
    name = serializers.CharField(max_length=80)
    time_zone = serializers.CharField(max_length=50, required=False)
    language = serializers.CharField(max_length=10, required=False)


class WorkspaceCreate(WorkspaceWrite):
    slug = serializers.CharField(max_length=60, required=False)
    currency = serializers.CharField(max_length=3, required=False)


class WorkspaceRead(serializers.ModelSerializer[Workspace]):
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)

    class Meta:
        model = Workspace
        fields = ["id", "slug", "name", "currency", "time_zone", "language", "role", "created_at"]
        read_only_fields = fields


class KeyOfCaller(serializers.Serializer[ApiKey]):
    """The key that a request came with."""

    id = serializers.UUIDField()
    workspace = serializers.UUIDField(source="workspace_id")
    scopes = serializers.ListField(child=serializers.CharField())


class MeRead(serializers.ModelSerializer[User]):
    key = KeyOfCaller(source="acting_key", allow_null=True)

    class Meta:
        model = User
        fields = ["id", "email", "name", "key", "created_at"]
        read_only_fields = fields


class MeWrite(Strict):
    name = serializers.CharField(max_length=80)


class MemberRead(serializers.ModelSerializer[Membership]):
    """`id` is the membership's; `user` the person's."""

    workspace = serializers.UUIDField(source="workspace_id")
    user = serializers.UUIDField(source="user_id")
    name = serializers.CharField(source="user.display_name")
    email = serializers.EmailField(source="user.email")

    class Meta:
        model = Membership
        fields = ["id", "workspace", "user", "name", "email", "role", "created_at"]
        read_only_fields = fields


class MemberWrite(Strict):
    role = serializers.ChoiceField(choices=Role.choices)


class InvitationRead(serializers.ModelSerializer[Invitation]):
    workspace = serializers.UUIDField(source="workspace_id")
    invited_by = serializers.UUIDField(source="invited_by_id")
    state = serializers.SerializerMethodField()

    class Meta:
        model = Invitation
        fields = ["id", "workspace", "email", "role", "state", "invited_by", "expires_at", "created_at"]
        read_only_fields = fields

    def get_state(self, invitation: Invitation) -> str:
        """Return open, accepted, revoked or expired."""
        if invitation.accepted_at:
            return "accepted"
        if invitation.revoked_at:
            return "revoked"
        return "open" if invitation.expires_at > now() else "expired"


class InvitationMade(InvitationRead):
    """The answer to POST alone has the link."""

    link = serializers.SerializerMethodField()

    class Meta(InvitationRead.Meta):
        fields = [*InvitationRead.Meta.fields, "link"]
        read_only_fields = fields

    def get_link(self, invitation: Invitation) -> str:
        link: str = self.context["link"]
        return link


class InvitationWrite(Strict):
    workspace = serializers.CharField(max_length=60)
    email = serializers.EmailField()
    role = serializers.ChoiceField(choices=Role.choices, default=Role.EDITOR)


class KeyRead(serializers.ModelSerializer[ApiKey]):
    workspace = serializers.UUIDField(source="workspace_id")
    user = serializers.UUIDField(source="user_id")
    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = ApiKey
        fields = ["id", "workspace", "user", "name", "prefix", "scopes", "last_used_at", "revoked_at", "created_at"]
        read_only_fields = fields


class KeyMade(KeyRead):
    """The answer to POST alone has the secret."""

    secret = serializers.SerializerMethodField()

    class Meta(KeyRead.Meta):
        fields = [*KeyRead.Meta.fields, "secret"]
        read_only_fields = fields

    def get_secret(self, key: ApiKey) -> str:
        secret: str = self.context["secret"]
        return secret


class KeyWrite(Strict):
    workspace = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=80, required=False, default="")
    scopes: Any = serializers.ListField(
        child=serializers.ChoiceField(choices=SCOPES), required=False, allow_empty=False
    )
