"""What the operators' tables of all apps share: everything can be seen, nothing is edited by hand."""

from typing import Any

from django.http import HttpRequest


class OperatorsOnly:
    """Mixin for admin classes (also inlines). What may change is an action that calls a service."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and bool(getattr(request.user, "is_staff", False))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class InWords:
    """Mixin for admin classes: the page of one row shows amounts as its table does, not the integers behind them."""

    list_display: Any

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        columns = [name for name in super().get_fields(request, obj) if not name.endswith("_nano")]  # type: ignore[misc]
        return [*columns, *(name for name in self.list_display if hasattr(type(self), name) and name not in columns)]
