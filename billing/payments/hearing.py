"""Webhooks of the payment provider. An event is a hint to look, never the truth: they come late, twice, out of order.

verify ──► look at what it names (asks the provider, books, takes back: each once by its own key) ──► note the event

The event is noted last. Noted first, a crash in between would leave money unbooked behind an event that says it was
dealt with; so a crash leaves an event that is dealt with again, and everything it does may be done twice.
"""

import logging
from collections.abc import Callable
from functools import partial

from billing.models import StripeEvent
from billing.payments import gateway, returns, topups
from wukong.kernel import committer

_log = logging.getLogger("wukong.billing")


def receive(payload: bytes, signature: str) -> bool:
    """Do what an event asks for; False for one that we do not care for or have dealt with.

    Raises Invalid for what the provider has not signed, Unavailable when it has to come again.
    """
    event = gateway.verified(payload, signature)
    act = next((act for prefix, act in _ACTS.items() if event.type.startswith(prefix)), None)
    if act is None or StripeEvent.objects.filter(event_id=event.id).exists():
        return False
    act(event)
    committer.run(partial(_note, event))
    return True


def _note(event: gateway.Event) -> None:
    row = StripeEvent(
        event_id=event.id[:255], type=event.type[:100], object_id=event.object_id[:255], occurred_at=event.at
    )
    StripeEvent.objects.bulk_create([row], ignore_conflicts=True)  # the same event may come to two processes at once


def _session(event: gateway.Event) -> None:
    if topups.of_session(event.object_id) is None:
        _log.info("event %s (%s) is about a payment that is not ours", event.id, event.type)


def _payment(event: gateway.Event) -> None:
    if topups.of_payment(event.object_id) is None:
        _log.info("event %s (%s) is about a payment that is not ours", event.id, event.type)


def _money_back(event: gateway.Event) -> None:
    topup = topups.of_payment(event.payment_intent) if event.payment_intent else None
    if topup is None:
        _log.info("event %s (%s) is about a payment that is not ours", event.id, event.type)
        return
    if event.type.startswith(("refund.", "charge.refund.")):
        for row in topup.returns.filter(provider_id=event.object_id):
            returns.check_refund(row)
    returns.reconcile(topup)


_ACTS: dict[str, Callable[[gateway.Event], None]] = {
    "checkout.session.": _session,
    "payment_intent.": _payment,
    "charge.refund": _money_back,  # also charge.refunded
    "charge.dispute.": _money_back,
    "refund.": _money_back,
}
