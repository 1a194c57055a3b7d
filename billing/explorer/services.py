"""What the explorer of the ledger asks: pages of movements, one of them, all of them. Reads only."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from billing.explorer import balances
from billing.explorer.balances import Entry
from billing.explorer.calls import Call, call_of
from billing.explorer.wanted import Wanted
from billing.models import RateCard, Transfer, UsageRecord
from workspaces.people.access import as_uuid
from workspaces.people.models import Workspace
from wukong.kernel.errors import NotFound

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPage:
    """Some movements, newest first; `older` is the id before which the next page begins, None on the last."""

    entries: list[Entry]
    older: UUID | None


def page_of(workspace: Workspace, wanted: Wanted, before: str = "") -> EntryPage:
    """Return the movements of a workspace that are wanted, newest first, from below the movement `before` (its id).

    Raises NotFound for what is no id.
    """
    rows = wanted.among(Transfer.objects.filter(workspace=workspace))
    if before:
        rows = rows.filter(pk__lt=_id(before))
    found = balances.page(workspace.pk, rows, PAGE + 1)
    return EntryPage(entries=found[:PAGE], older=found[PAGE - 1].transfer.pk if len(found) > PAGE else None)


def all_of(workspace: Workspace, wanted: Wanted) -> Iterator[Entry]:
    """Yield all movements of a workspace that are wanted, newest first, without having them all at once."""
    return balances.stream(workspace.pk, wanted.among(Transfer.objects.filter(workspace=workspace)))


def one_of(workspace: Workspace, transfer_id: str | UUID) -> tuple[Entry, Call | None]:
    """Return a movement of a workspace and the call that it belongs to; raises NotFound."""
    transfer = Transfer.objects.filter(workspace=workspace, pk=_id(transfer_id)).first()
    if transfer is None:
        raise _nothing()
    return balances.entry_of(transfer), call_of(transfer)


def names_in(workspace: Workspace) -> tuple[list[str], list[str]]:
    """Return the agents that have used anything in a workspace, and the models that have ever had a price for it."""
    priced = RateCard.objects.filter(currency=workspace.currency).order_by().values_list("model", flat=True)
    used = UsageRecord.objects.filter(workspace=workspace).exclude(agent="").order_by().values_list("agent", flat=True)
    return sorted(used.distinct()), sorted(priced.distinct())


def _id(text: str | UUID) -> UUID:
    key = as_uuid(text)
    if key is None:
        raise _nothing()
    return key


def _nothing() -> NotFound:
    return NotFound(_("There is no such movement, or it is not for you."))
