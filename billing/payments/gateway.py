"""The only door to the payment provider, Stripe: what it tells, as frozen facts; what it refuses, as our errors.

Every request that makes something has an idempotency key, so that asking twice makes one. The provider forgets such a
key after a day: whoever asks again later looks first whether it is there (`payment_for`, `refund_for`).
Raises Unavailable when nobody knows whether the request came through, NotFound for ids that the provider (or this key)
does not know, Declined when a payment was refused, Conflict for what the provider does not do.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import stripe
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from wukong.kernel.errors import Conflict, Invalid, NotFound, Unavailable

TIMEOUT_S = 10
TOLERANCE_S = 300
DISPUTE_TAKES = frozenset({"needs_response", "under_review", "lost"})
"""While a dispute is in one of these states its money is not ours; `warning_*` are questions, no money has moved."""

_AWAY = gettext_noop("The payment provider does not answer at the moment. Please try again.")


class Declined(Conflict):
    """The payment was refused for good: another attempt is another payment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a webhook says. Only the names are used: events are late, repeated and out of order."""

    id: str
    type: str
    object_id: str
    payment_intent: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A page of the provider on which somebody pays. `status` open, complete, expired."""

    id: str
    url: str
    status: str
    payment_intent: str
    topup: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A payment. `coins` is what was received, in the currency's smallest unit; `method` a card that was used."""

    id: str
    status: str
    coins: int
    currency: str
    customer: str
    method: str
    method_label: str
    topup: str
    workspace: str
    failure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    id: str
    status: str
    coins: int
    currency: str

    @property
    def takes(self) -> bool:
        """Return whether the disputed money is away."""
        return self.status in DISPUTE_TAKES


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What of a payment has gone back in all: refunds (the sum) and disputes (each)."""

    refunded_coins: int
    currency: str
    disputes: tuple[Dispute, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """`status` pending, succeeded, requires_action; failed and canceled: the money stays with us."""

    id: str
    status: str
    failure: str

    @property
    def has_failed(self) -> bool:
        return self.status in {"failed", "canceled"}


def is_on() -> bool:
    """Return whether this installation takes payments: with the provider's key and the secret of its webhooks."""
    return bool(settings.WUKONG_STRIPE_KEY and settings.WUKONG_STRIPE_WEBHOOK_SECRET)


# --- paying ----------------------------------------------------------------------------------------------------------
def open_session(
    *, topup: str, workspace: str, coins: int, currency: str, name: str, back: str, customer: str, saves_method: bool
) -> Session:
    """Make the page on which a top-up is paid, once. The browser comes back to `back`, without having paid with
    `?cancelled=1`.
    """
    metadata = {"topup": topup, "workspace": workspace}
    payment: dict[str, Any] = {"metadata": metadata}
    asked: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": topup,
        "metadata": metadata,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": currency.lower(),
                    "unit_amount": coins,
                    "product_data": {"name": name},
                },
            }
        ],
        "adaptive_pricing": {"enabled": False},  # what is paid is what is asked for, in the wallet's currency
        "success_url": back,
        "cancel_url": f"{back}?cancelled=1",
        "payment_intent_data": payment,
    }
    if customer:
        asked["customer"] = customer
    elif saves_method:
        asked["customer_creation"] = "always"
    if saves_method:
        payment["setup_future_usage"] = "off_session"
    once = _once(f"session:{topup}:{customer}" if customer else f"session:{topup}")
    with _errors():
        return _session(_client().v1.checkout.sessions.create(asked, once))  # type: ignore[arg-type]


def session(session_id: str) -> Session:
    with _errors():
        return _session(_client().v1.checkout.sessions.retrieve(session_id))


def expire_session(session_id: str) -> None:
    """Let nobody pay on a page any more. Raises Conflict when somebody has, or it was over."""
    with _errors():
        _client().v1.checkout.sessions.expire(session_id)


def intent(intent_id: str) -> Intent:
    with _errors():
        return _intent(_client().v1.payment_intents.retrieve(intent_id, {"expand": ["payment_method"]}))


def charge(*, topup: str, workspace: str, coins: int, currency: str, customer: str, method: str) -> Intent:
    """Pay with a method that was remembered, nobody being there to confirm it, once. Raises Declined."""
    asked: dict[str, Any] = {
        "amount": coins,
        "currency": currency.lower(),
        "customer": customer,
        "payment_method": method,
        "off_session": True,
        "confirm": True,
        "metadata": {"topup": topup, "workspace": workspace},
    }
    with _errors():
        return _intent(_client().v1.payment_intents.create(asked, _once(f"charge:{topup}")))  # type: ignore[arg-type]


def payment_for(topup: str, customer: str) -> Intent | None:
    """Return the payment of a customer that was made for a top-up, if there is one among the latest hundred."""
    with _errors():
        found = _client().v1.payment_intents.list({"customer": customer, "limit": 100})
    known = (_intent(one) for one in _plain(found)["data"])
    return next((one for one in known if one.topup == topup), None)


def detach(method: str) -> None:
    """Let a payment method never be charged again."""
    with _errors():
        _client().v1.payment_methods.detach(method)


# --- paying back -----------------------------------------------------------------------------------------------------
def refund(*, intent_id: str, coins: int, key: str) -> Refund:
    """Pay a part of a payment back, once for each key."""
    asked: dict[str, Any] = {"payment_intent": intent_id, "amount": coins, "metadata": {"key": key}}
    with _errors():
        return _refund(_client().v1.refunds.create(asked, _once(f"refund:{key}")))  # type: ignore[arg-type]


def refund_for(intent_id: str, key: str) -> Refund | None:
    """Return the refund of a payment that was made for a key, if there is one."""
    with _errors():
        found = _plain(_client().v1.refunds.list({"payment_intent": intent_id, "limit": 100}))["data"]
    return next((_refund(one) for one in found if (one.get("metadata") or {}).get("key") == key), None)


def returned(intent_id: str) -> Returned:
    """Return what of a payment has gone back."""
    with _errors():
        paid = _plain(_client().v1.payment_intents.retrieve(intent_id, {"expand": ["latest_charge"]}))
        disputes = _plain(_client().v1.disputes.list({"payment_intent": intent_id, "limit": 100}))["data"]
    charged = paid.get("latest_charge") or {}
    return Returned(
        refunded_coins=charged.get("amount_refunded", 0),
        currency=paid["currency"].upper(),
        disputes=tuple(
            Dispute(id=one["id"], status=one["status"], coins=one["amount"], currency=one["currency"].upper())
            for one in disputes
        ),
    )


# --- hearing ---------------------------------------------------------------------------------------------------------
def verified(payload: bytes, signature: str) -> Event:
    """Return the event of a webhook that the provider has signed within five minutes; raises Invalid otherwise."""
    try:
        stripe.WebhookSignature.verify_header(
            payload, signature, settings.WUKONG_STRIPE_WEBHOOK_SECRET, tolerance=TOLERANCE_S
        )
        said = json.loads(payload)
        told = said["data"]["object"]
        return Event(
            id=said["id"],
            type=said["type"],
            object_id=told.get("id") or "",
            payment_intent=_id_of(told.get("payment_intent")),
            at=datetime.fromtimestamp(said["created"], UTC),
        )
    except (stripe.SignatureVerificationError, UnicodeDecodeError) as error:
        raise Invalid(_("This was not signed by the payment provider.")) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(_("This is no event.")) from error


# --- shapes ----------------------------------------------------------------------------------------------------------
def _client() -> stripe.StripeClient:
    return _client_of(settings.WUKONG_STRIPE_KEY, settings.WUKONG_STRIPE_URL)


_pools: list[Any] = []


@lru_cache(maxsize=4)
def _client_of(key: str, url: str) -> stripe.StripeClient:
    if not key:
        raise Unavailable(_("This installation takes no payments."))
    # One pool for all threads: a web process makes a thread for each request, and the library a pool for each thread.
    pool = stripe.RequestsClient().requests.Session()
    _pools.append(pool)
    http = stripe.RequestsClient(timeout=TIMEOUT_S, session=pool)
    return stripe.StripeClient(key, base_addresses={"api": url.rstrip("/")}, http_client=http, max_network_retries=1)


def close() -> None:
    """Let go of the connections to the provider."""
    while _pools:
        _pools.pop().close()
    _client_of.cache_clear()


def _once(key: str) -> Any:
    return {"idempotency_key": f"wukong:{key}"}


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except stripe.CardError as error:
        raise Declined(_words(error)) from error
    except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
        if error.http_status == 409:  # the same request is on its way
            raise Unavailable(_(_AWAY)) from error
        if error.http_status == 404 or error.code == "resource_missing":
            raise NotFound(_("The payment provider does not know this.")) from error
        raise Conflict(_words(error)) from error
    except stripe.StripeError as error:  # lost on the way, too many requests, a wrong key, a fault of theirs
        raise Unavailable(_(_AWAY)) from error


def _words(error: stripe.StripeError) -> str:
    return str(error.user_message or _("The payment was refused."))[:200]


def _plain(said: Any) -> dict[str, Any]:
    plain: dict[str, Any] = said.to_dict() if isinstance(said, stripe.StripeObject) else said
    return plain


def _id_of(said: Any) -> str:
    """Return the id of what may be an id, an object or nothing."""
    return str(said["id"] if isinstance(said, dict) else said or "")


def _session(said: Any) -> Session:
    plain = _plain(said)
    return Session(
        id=plain["id"],
        url=plain.get("url") or "",
        status=plain["status"],
        payment_intent=_id_of(plain.get("payment_intent")),
        topup=(plain.get("metadata") or {}).get("topup", ""),
    )


def _intent(said: Any) -> Intent:
    plain = _plain(said)
    method = plain.get("payment_method")
    card = (method.get("card") or {}) if isinstance(method, dict) else {}
    metadata = plain.get("metadata") or {}
    return Intent(
        id=plain["id"],
        status=plain["status"],
        coins=plain.get("amount_received") or 0,
        currency=plain["currency"].upper(),
        customer=_id_of(plain.get("customer")),
        method=_id_of(method),
        method_label=f"{card.get('brand', '').title()} •••• {card['last4']}" if card.get("last4") else "",
        topup=metadata.get("topup", ""),
        workspace=metadata.get("workspace", ""),
        failure=((plain.get("last_payment_error") or {}).get("message") or "")[:200],
    )


def _refund(said: Any) -> Refund:
    plain = _plain(said)
    return Refund(id=plain["id"], status=plain.get("status") or "", failure=(plain.get("failure_reason") or "")[:200])
