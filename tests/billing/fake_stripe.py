"""A small Stripe on loopback: sessions, payments, refunds, disputes, idempotency keys, its paying page, signed events.

Objects have the documented shapes (tests/billing/stripe/*.json). What a test does with `pay`, `dispute` and so on is
what happens at Stripe; it is told to nobody until the test delivers an event, in whatever order it likes.
"""

import copy
import hashlib
import hmac
import html
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SHAPES = Path(__file__).parent / "stripe"
KEY, SECRET = "sk_test_of_the_fake", "whsec_of_the_fake"


def shape(kind: str, **fields: Any) -> dict[str, Any]:
    """Return an object of a kind as the API documents it, with these fields."""
    return {**json.loads((SHAPES / f"{kind}.json").read_text()), "created": int(time.time()), **fields}


class Refusal(Exception):
    """An answer of the API that is an error."""

    def __init__(self, status: int, kind: str, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.body = status, {"error": {"type": kind, "message": message, "code": code or None}}


class FakeStripe:
    """The account: its objects by id. Start with `with FakeStripe() as stripe:`; `url` is what to call."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.empty()

    def empty(self) -> None:
        """Begin anew."""
        self.objects: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.answers: dict[str, tuple[str, int, Any]] = {}
        self.fails: list[int] = []  # statuses of the next answers; 0: the line breaks after the request was carried out
        self.declines = ""
        self.gone: set[str] = set()  # customers that were deleted
        self.slow = False  # payments with a remembered method stay "processing"
        self._ids = count(1)

    def __enter__(self) -> "FakeStripe":
        outer = self

        class Handler(_Handler):
            stripe = outer

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)

    # --- what people and banks do -------------------------------------------------------------------------------------
    def pay(self, session_id: str, *, status: str = "succeeded") -> str:
        """Pay on the page of a session (`status` processing: by a slow bank); returns the payment's id."""
        with self._lock:
            session = self.objects[session_id]
            assert session["status"] == "open", session["status"]
            customer = session["customer"] or (self._id("cus") if session["customer_creation"] == "always" else None)
            intent = self._intent(session["amount_total"], session["currency"], session["metadata"], customer)
            session.update(status="complete", payment_intent=intent["id"], customer=customer, url=None)
            self.settle(intent["id"], status)
            session["payment_status"] = "paid" if status == "succeeded" else "unpaid"
            return str(intent["id"])

    def settle(self, intent_id: str, status: str = "succeeded") -> None:
        """Let a payment come to an end."""
        with self._lock:
            intent = self.objects[intent_id]
            intent["status"] = status
            if status == "succeeded":
                charge = shape("charge", id=self._id("ch"), amount=intent["amount"], payment_intent=intent_id)
                charge["amount_captured"], charge["currency"] = intent["amount"], intent["currency"]
                self.objects[charge["id"]] = charge
                intent.update(amount_received=intent["amount"], latest_charge=charge["id"])
            elif status == "requires_payment_method":
                intent["last_payment_error"] = {"type": "card_error", "message": "Your bank has refused."}

    def expire(self, session_id: str) -> None:
        self.objects[session_id].update(status="expired", url=None)

    def refund(self, intent_id: str, coins: int, metadata: dict[str, str] | None = None) -> str:
        """Pay back at the provider; returns the refund's id."""
        with self._lock:
            charge = self._charge(intent_id)
            if coins > charge["amount"] - charge["amount_refunded"]:
                raise Refusal(400, "invalid_request_error", "Refund amount is greater than unrefunded amount.")
            charge["amount_refunded"] += coins
            made = shape("refund", id=self._id("re"), amount=coins, payment_intent=intent_id, charge=charge["id"])
            made["metadata"] = metadata or {}
            self.objects[made["id"]] = made
            return str(made["id"])

    def fail_refund(self, refund_id: str) -> None:
        """Let a refund fail that was under way."""
        made = self.objects[refund_id]
        made.update(status="failed", failure_reason="expired_or_canceled_card")
        self._charge(made["payment_intent"])["amount_refunded"] -= made["amount"]

    def dispute(self, intent_id: str, coins: int, status: str = "needs_response") -> str:
        """Dispute a payment; returns the dispute's id."""
        with self._lock:
            charge = self._charge(intent_id)
            made = shape("dispute", id=self._id("du"), amount=coins, payment_intent=intent_id, status=status)
            made["charge"], made["currency"] = charge["id"], charge["currency"]
            self.objects[made["id"]] = made
            return str(made["id"])

    def event(self, kind: str, object_id: str, event_id: str = "") -> bytes:
        """Return the body of an event about an object as it is now."""
        told = shape("event", id=event_id or self._id("evt"), type=kind)
        told["data"]["object"] = copy.deepcopy(self.objects[object_id])
        return json.dumps(told).encode()

    @staticmethod
    def sign(body: bytes, secret: str = SECRET, at: float | None = None) -> str:
        """Return the header `Stripe-Signature` (https://docs.stripe.com/webhooks#verify-manually)."""
        stamp = int(time.time() if at is None else at)
        digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={stamp},v1={digest},v0=0"

    def made(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of a kind, the oldest first."""
        return [one for one in self.objects.values() if one["object"] == kind]

    # --- the API -----------------------------------------------------------------------------------------------------
    def answer(self, method: str, path: str, given: dict[str, Any], key: str, bearer: str) -> tuple[int, Any]:
        """Answer a request of the API."""
        with self._lock:
            self.asked.append((method, path))
            fails = self.fails.pop(0) if self.fails else None
            if fails:
                return fails, {"error": {"type": "api_error", "message": "broken"}}
            status, body = self._answer_once(method, path, given, key, bearer)
            return (0, None) if fails == 0 else (status, copy.deepcopy(body))

    def _answer_once(self, method: str, path: str, given: dict[str, Any], key: str, bearer: str) -> tuple[int, Any]:
        print_of = json.dumps([method, path, given], sort_keys=True)
        if key and key in self.answers:
            known, status, body = self.answers[key]
            if known != print_of:
                message = "Keys for idempotent requests can only be used with the same parameters."
                return 400, {"error": {"type": "idempotency_error", "message": message}}
            return status, body
        try:
            if bearer != f"Bearer {KEY}":
                raise Refusal(401, "invalid_request_error", "Invalid API Key provided")
            if given.get("customer") in self.gone:
                raise Refusal(400, "invalid_request_error", "No such customer", "resource_missing")
            status, body = 200, self._route(method, path.removeprefix("/v1/").split("/"), given)
        except Refusal as refusal:
            status, body = refusal.status, refusal.body
        if key:
            self.answers[key] = (print_of, status, body)
        return status, body

    def _route(self, method: str, parts: list[str], given: dict[str, Any]) -> Any:
        match method, parts:
            case "POST", ["checkout", "sessions"]:
                return self._new_session(given)
            case "GET", ["checkout", "sessions", name]:
                return self._get(name)
            case "POST", ["checkout", "sessions", name, "expire"]:
                if self._get(name)["status"] != "open":
                    raise Refusal(400, "invalid_request_error", "Only Checkout Sessions with a status open can expire.")
                self.expire(name)
                return self._get(name)
            case "POST", ["payment_intents"]:
                return self._charge_now(given)
            case "GET", ["payment_intents"]:
                return self._list("payment_intent", customer=given.get("customer"))
            case "GET", ["payment_intents", name]:
                return self._expanded(self._get(name), list((given.get("expand") or {}).values()))
            case "POST", ["payment_methods", name, "detach"]:
                self._get(name)["customer"] = None
                return self._get(name)
            case "POST", ["refunds"]:
                made = self.refund(given["payment_intent"], int(given["amount"]), given.get("metadata"))
                return self.objects[made]
            case "GET", ["refunds" | "disputes" as kind]:
                return self._list(kind[:-1], payment_intent=given.get("payment_intent"))
        raise Refusal(404, "invalid_request_error", f"Unrecognized request URL ({method}: {parts})")

    def _new_session(self, given: dict[str, Any]) -> dict[str, Any]:
        price = given["line_items"]["0"]["price_data"]
        name = self._id("cs_test")
        session = shape("session", id=name, url=f"{self.url}/pay/{name}", currency=price["currency"])
        session["amount_total"] = session["amount_subtotal"] = int(price["unit_amount"])
        for field in ("success_url", "cancel_url", "client_reference_id", "metadata", "customer", "customer_creation"):
            session[field] = given.get(field, session[field])
        self.objects[name] = session
        return session

    def _charge_now(self, given: dict[str, Any]) -> dict[str, Any]:
        intent = self._intent(int(given["amount"]), given["currency"], given["metadata"], given["customer"])
        if self.declines:
            self.settle(intent["id"], "requires_payment_method")
            raise Refusal(402, "card_error", self.declines, "card_declined")
        self.settle(intent["id"], "processing" if self.slow else "succeeded")
        return intent

    def _intent(self, coins: int, currency: str, metadata: Any, customer: str | None) -> dict[str, Any]:
        intent = shape("payment_intent", id=self._id("pi"), amount=coins, currency=currency, customer=customer)
        method = shape("payment_method", id=self._id("pm"), customer=customer)
        intent.update(metadata=metadata, payment_method=method["id"])
        self.objects |= {intent["id"]: intent, method["id"]: method}
        return intent

    def _expanded(self, one: dict[str, Any], names: list[str]) -> dict[str, Any]:
        return {**one, **{name: self.objects[one[name]] for name in names if one[name]}}

    def _list(self, kind: str, **wanted: Any) -> dict[str, Any]:
        found = [one for one in self.made(kind) if all(one[name] == value for name, value in wanted.items())]
        return {"object": "list", "data": found[::-1], "has_more": False, "url": f"/v1/{kind}s"}

    def _get(self, name: str) -> dict[str, Any]:
        if name not in self.objects:
            raise Refusal(404, "invalid_request_error", f"No such object: '{name}'", "resource_missing")
        return self.objects[name]

    def _charge(self, intent_id: str) -> dict[str, Any]:
        return self.objects[self.objects[intent_id]["latest_charge"]]

    def _id(self, kind: str) -> str:
        return f"{kind}_{next(self._ids):04d}"


class _Handler(BaseHTTPRequestHandler):
    stripe: FakeStripe
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body go together: apart, Nagle and delayed acknowledgements cost 40 ms
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path.startswith("/pay/"):
            return self._page()
        return self._api("GET", urlsplit(self.path).query)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.path.startswith("/pay/"):
            session = self.stripe.objects[self.path.removeprefix("/pay/")]
            self.stripe.pay(session["id"])
            return self._send(303, "", "text/html", Location=session["success_url"])
        return self._api("POST", body)

    def _api(self, method: str, encoded: str) -> None:
        given: dict[str, Any] = {}
        for name, value in parse_qsl(encoded, keep_blank_values=True):
            *path, last = name.replace("]", "").split("[")
            place = given
            for part in path:
                place = place.setdefault(part, {})
            place[last] = value
        status, body = self.stripe.answer(
            method,
            urlsplit(self.path).path,
            given,
            self.headers.get("Idempotency-Key", "") if method == "POST" else "",
            self.headers.get("Authorization", ""),
        )
        if status == 0:
            self.close_connection = True
            return
        self._send(status, json.dumps(body), "application/json")

    def _page(self) -> None:
        session = self.stripe.objects.get(self.path.removeprefix("/pay/"))
        if session is None or session["status"] != "open":
            return self._send(404, "This page is over.", "text/html")
        text = (
            "<!doctype html><html lang=en><link rel=icon href=data:,><title>Pay</title>"
            f"<form method=post><button>Pay {session['amount_total']}</button></form>"
            f"<a href='{html.escape(session['cancel_url'])}'>Back</a>"
        )
        return self._send(200, text, "text/html")

    def _send(self, status: int, text: str, kind: str, **headers: str) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are silent."""
