"""What of the ledger a person may see: that of the workspaces they are a member of, whatever their role."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.models import Budget, Hold, Rate, TopUp, Transfer
from workspaces.people.access import NOTHING, as_uuid, require, role_in
from workspaces.people.models import Membership, Role, User, Workspace
from wukong.kernel.errors import NotFound


def transfers_of(user: User) -> QuerySet[Transfer]:
    """Return the movements of the workspaces that `user` may see."""
    return Transfer.objects.of(user)


def holds_of(user: User) -> QuerySet[Hold]:
    """Return the holds of the workspaces that `user` may see."""
    return Hold.objects.of(user)


def rates_of(user: User) -> QuerySet[Rate]:
    """Return all published prices in the currencies of the workspaces that `user` may see."""
    return Rate.objects.of(user).select_related("card")


def budgets_of(user: User) -> QuerySet[Budget]:
    """Return the limits of the workspaces that `user` may see."""
    return Budget.objects.of(user)


def budget_for(user: User, budget_id: UUID | str, at_least: Role = Role.VIEWER) -> Budget:
    """Return a limit; raises NotFound for strangers, Forbidden below `at_least`."""
    budget = Budget.objects.of(user).select_related("workspace").filter(pk=as_uuid(budget_id) or NOTHING).first()
    if budget is None:
        raise NotFound(_("There is no such limit, or it is not for you."))
    require(role_in(user, budget.workspace), at_least)
    return budget


def topups_of(user: User) -> QuerySet[TopUp]:
    """Return the top-ups of the workspaces that `user` may see."""
    return TopUp.objects.of(user)


def topup_for(user: User, topup_id: UUID | str, at_least: Role = Role.VIEWER) -> TopUp:
    """Return a top-up; raises NotFound for strangers, Forbidden below `at_least`."""
    topup = TopUp.objects.of(user).filter(pk=as_uuid(topup_id) or NOTHING).first()
    if topup is None:
        raise NotFound(_("There is no such top-up, or it is not for you."))
    require(role_in(user, topup.workspace), at_least)
    return topup


def managers_of(workspace: Workspace) -> list[str]:
    """Return the addresses of the owners and admins of a workspace, without those who were locked out."""
    found = Membership.objects.filter(workspace=workspace, role__in=[Role.OWNER, Role.ADMIN], user__is_active=True)
    return list(found.order_by("id").values_list("user__email", flat=True))
