"""Money that people pay in the browser, or that comes by itself, through a payment provider; off without its key."""

from uuid import UUID

from billing.models import AutoTopUp, TopUp
from billing.payments import auto, care, gateway, hearing, topups
from workspaces.people.models import Workspace


def takes_payments() -> bool:
    """Return whether this installation takes payments; if not, nothing of it is to be seen."""
    return gateway.is_on()


def begin_top_up(*, workspace_id: UUID, amount_nano: int, key: str, actor: str, saves_method: bool = False) -> TopUp:
    """Return a top-up with the page on which it is paid (`url`), one for each `key` of a workspace.

    `saves_method`: it may be used for automatic top-ups. Raises Conflict when no payments are taken, Invalid, NotFound,
    IdempotencyMismatch, Unavailable.
    """
    return topups.begin(
        workspace_id=workspace_id, amount_nano=amount_nano, key=key, actor=actor, saves_method=saves_method
    )


def look_at_top_up(topup: TopUp) -> TopUp:
    """Ask the provider how a top-up stands and book what was paid, once. Raises Unavailable."""
    return topups.look(topup)


def cancel_top_up(topup: TopUp) -> TopUp:
    """Let a top-up not be paid any more, unless it was. Raises Unavailable."""
    return topups.cancel(topup)


def receive_payment_event(payload: bytes, signature: str) -> bool:
    """Do what a webhook asks for, once. Raises Invalid for what is not signed, Unavailable: it has to come again."""
    return hearing.receive(payload, signature)


def care_for_payments() -> int:
    """Go on with payments that stand between two steps, and top up by itself what is low (`tick` calls it)."""
    return care.care()


def auto_top_up_of(workspace: Workspace) -> AutoTopUp:
    """Return how a workspace tops up by itself."""
    return auto.of(workspace)


def set_auto_top_up(
    *, workspace_id: UUID, is_on: bool, below_nano: int = 0, amount_nano: int = 0, daily_most_nano: int = 0, actor: str
) -> AutoTopUp:
    """Say below which balance a workspace tops up by how much, in a day at most so much, or that it does not.

    Raises Conflict without a method to pay with, Invalid.
    """
    return auto.set_up(
        workspace_id=workspace_id,
        is_on=is_on,
        below_nano=below_nano,
        amount_nano=amount_nano,
        daily_most_nano=daily_most_nano,
        actor=actor,
    )


def forget_payment_method(*, workspace_id: UUID) -> None:
    """Forget with what a workspace pays by itself; it no longer does."""
    auto.forget_method(workspace_id=workspace_id)
