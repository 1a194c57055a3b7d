"""What of the ledger a person may see: that of the workspaces they are a member of, whatever their role."""

from django.db.models import QuerySet

from billing.models import Hold, Rate, Transfer
from workspaces.people.models import User


def transfers_of(user: User) -> QuerySet[Transfer]:
    """Return the movements of the workspaces that `user` may see."""
    return Transfer.objects.of(user)


def holds_of(user: User) -> QuerySet[Hold]:
    """Return the holds of the workspaces that `user` may see."""
    return Hold.objects.of(user)


def rates_of(user: User) -> QuerySet[Rate]:
    """Return all published prices in the currencies of the workspaces that `user` may see."""
    return Rate.objects.of(user).select_related("card")
