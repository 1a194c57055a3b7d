"""Workspaces that keep the prices of a moment. Jobs of the committer; each may be repeated."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from billing.models import PricePin, RateCard
from workspaces.people.models import Workspace
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid, NotFound


def pin(workspace_id: UUID, moment: datetime, actor: str, models: Collection[str] = ()) -> list[PricePin]:
    """Let a workspace keep the cards that counted at a moment, of all models or of those that are named.

    What was pinned of them before is lifted, unless it is the same card. Raises NotFound, and Invalid for a moment that
    is to come or at which a named model had no card.
    """
    if moment > now():
        raise Invalid(_("Prices are pinned as they were, not as they will be."))
    workspace = Workspace.objects.select_for_update().filter(pk=workspace_id).first()
    if workspace is None:
        raise NotFound(_("There is no such workspace."))
    found = RateCard.objects.current(workspace.currency, moment)
    if missing := sorted(set(models) - found.keys()):
        raise Invalid(_("Without a price at that moment: %s.") % ", ".join(missing))
    standing = {row.model: row for row in PricePin.objects.standing().filter(workspace=workspace)}
    made = []
    for model, card in sorted(found.items()):
        if models and model not in models:
            continue
        before = standing.get(model)
        if before is not None and before.card_id == card.pk:
            continue
        if before is not None:
            _lift(before, actor)
        made.append(
            PricePin.objects.create(workspace=workspace, model=model, card=card, moment=moment, actor=actor[:80])
        )
    return made


def lift(pin_ids: Collection[UUID], actor: str) -> int:
    """Let workspaces pay what counts now again; returns how many pins were lifted."""
    rows = list(PricePin.objects.standing().filter(pk__in=pin_ids).order_by("pk").select_for_update())
    for row in rows:
        _lift(row, actor)
    return len(rows)


def _lift(row: PricePin, actor: str) -> None:
    row.lifted_at, row.lifted_by = now(), actor[:80]
    row.save(update_fields=["lifted_at", "lifted_by"])
