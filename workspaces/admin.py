"""The console's tables of the house, where Django looks for them."""

from workspaces.people.admin import UserAdmin, WorkspaceAdmin

__all__ = ["UserAdmin", "WorkspaceAdmin"]
