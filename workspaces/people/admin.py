"""The console's tables of people and workspaces: to look at; what may change is an action that calls a service."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from workspaces.people import services
from workspaces.people.models import ApiKey, Membership, User, Workspace
from wukong.kernel.http.console import OperatorsOnly


class _Lines(OperatorsOnly, admin.TabularInline):  # type: ignore[type-arg]
    extra = 0
    can_delete = False


class MembersOfWorkspace(_Lines):
    model = Membership
    fields = readonly_fields = ("user", "role", "created_at")


class KeysOfWorkspace(_Lines):
    model = ApiKey
    fields = readonly_fields = ("name", "prefix", "user", "scopes", "last_used_at", "revoked_at")


class WorkspacesOfPerson(_Lines):
    model = Membership
    fields = readonly_fields = ("workspace", "role", "created_at")


@admin.register(User)
class UserAdmin(OperatorsOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["email", "name", "is_active", "is_staff", "last_login", "created_at"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    ordering = ["email"]
    fields = ["id", "email", "name", "is_active", "is_staff", "last_login", "created_at"]
    inlines = [WorkspacesOfPerson]
    actions = ["close_accounts", "open_accounts"]

    @admin.action(description=_("Close the accounts: signed out everywhere, keys stop"))
    def close_accounts(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        others = [user for user in chosen if user.pk != request.user.pk]  # nobody locks themselves out
        self._set(request, others, is_active=False)

    @admin.action(description=_("Open the accounts again"))
    def open_accounts(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        self._set(request, list(chosen), is_active=True)

    def _set(self, request: HttpRequest, chosen: list[User], *, is_active: bool) -> None:
        for user in chosen:
            services.set_active(user=user, is_active=is_active)
        text = ngettext("%(n)d account changed.", "%(n)d accounts changed.", len(chosen)) % {"n": len(chosen)}
        self.message_user(request, text, messages.SUCCESS)


@admin.register(Workspace)
class WorkspaceAdmin(OperatorsOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "slug", "currency", "time_zone", "created_at"]
    search_fields = ["name", "slug"]
    ordering = ["name"]
    fields = ["id", "name", "slug", "currency", "time_zone", "language", "created_at"]
    inlines = [MembersOfWorkspace, KeysOfWorkspace]
