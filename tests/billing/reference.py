"""The ledger once more, as simple as it can be said: dictionaries, one wallet, one op at a time. Only for comparing."""

from dataclasses import replace

from billing import ops
from billing.contracts import Usage

IN, CACHED, OUT = 2_000_000, 200_000, 8_000_000  # pico-units per token of the scripted model


def price(usage: Usage) -> int:
    pico = (
        usage.input_tokens * IN
        + usage.cache_read_tokens * CACHED
        + usage.cache_write_tokens * IN
        + (usage.output_tokens + usage.reasoning_tokens) * OUT
    )
    return (pico + 500) // 1000


def bound(into: int, out: int) -> int:
    return (into * IN + out * OUT) // 1000  # exact: these prices are whole nano-units


class Reference:
    """What one workspace's ledger has to be after any list of batches."""

    def __init__(self, welcome: int) -> None:
        self.balance, self.held = welcome, 0
        self.holds: dict = {}
        self.runs: dict = {}
        self.credits: dict = {}

    def batch(self, batch) -> list:
        """Return the outcome of each op: a number, or the code of a refusal."""
        answers = [None] * len(batch)
        waiting, first, later = set(), [], []
        for place, op in enumerate(batch):
            if isinstance(op, (ops.Hold, ops.Extend)):
                waiting.add(op.call)
                later.append(place)
            else:
                (later if getattr(op, "call", None) in waiting else first).append(place)
        for place in first + later:
            answers[place] = getattr(self, type(batch[place]).__name__.lower())(batch[place])
        return answers

    def room(self, op_run, budget):
        room = self.balance - self.held
        if op_run is not None and budget is not None:
            run = self.runs.get(op_run, {"spent": 0, "held": 0})
            room = min(room, budget - run["spent"] - run["held"])
        return max(room, 0)

    def hold(self, op):
        if op.call in self.holds:
            known = self.holds[op.call]
            is_same = known["op"] == replace(op, run_budget_nano=known["op"].run_budget_nano)  # a budget may be raised
            return known["amount"] if is_same else "idempotency_mismatch"
        left = self.room(op.run, op.run_budget_nano) - op.input_bound * IN // 1000
        tokens = min(op.max_tokens, left // (OUT // 1000)) if left >= 0 else -1
        if tokens < min(op.floor_tokens, op.max_tokens):
            return "insufficient_funds"
        amount = bound(op.input_bound, tokens)
        self.holds[op.call] = {"op": op, "amount": amount, "max": tokens, "state": "pending", "usage": None, "paid": 0}
        self._hold(op.run, amount)
        if op.run is not None:
            run = self.runs[op.run]
            limit = op.run_budget_nano
            run["limit"] = None if limit is None else max(limit, run["spent"] + run["held"])
        return amount

    def extend(self, op):
        hold = self.holds.get(op.call)
        if hold is None:
            return "not_found"
        if hold["state"] != "pending":
            return "conflict"
        if op.max_tokens > hold["max"]:
            run = hold["op"].run
            room = self.room(run, self.runs[run]["limit"] if run else None) + hold["amount"]
            tokens = min(op.max_tokens, (room - hold["op"].input_bound * IN // 1000) // (OUT // 1000))
            if tokens <= hold["max"]:
                return "insufficient_funds"
            amount = bound(hold["op"].input_bound, tokens)
            self._hold(run, amount - hold["amount"])
            hold["amount"], hold["max"] = amount, tokens
        return hold["amount"]

    def capture(self, op):
        hold = self.holds.get(op.call)
        if hold is None:
            return "not_found"
        if hold["usage"] is not None:
            return hold["paid"] if hold["usage"] == op.usage else "idempotency_mismatch"
        if hold["state"] != "pending":
            return "conflict"
        self._end(hold, "captured")
        hold["usage"], hold["paid"] = op.usage, min(price(op.usage), hold["amount"])
        self.balance -= hold["paid"]
        if hold["op"].run is not None:
            self.runs[hold["op"].run]["spent"] += hold["paid"]
        return hold["paid"]

    def notcharged(self, op):
        hold = self.holds.get(op.call)
        if hold is None:
            return "not_found"
        if hold["state"] == "captured":
            return "conflict"
        self._end(hold, "voided")
        return 0

    def void(self, op):
        hold = self.holds.get(op.call)
        if hold is not None:
            self._end(hold, "voided")
        return hold["paid"] if hold else 0

    def topup(self, op):
        return self._credit(op)

    def grant(self, op):
        return self._credit(op)

    def _credit(self, op):
        if op.key in self.credits and self.credits[op.key] != (type(op), op.amount_nano):
            return "idempotency_mismatch"
        if op.key not in self.credits:
            if op.amount_nano <= 0:
                return "invalid"
            self.credits[op.key] = (type(op), op.amount_nano)
            self.balance += op.amount_nano
        return self.balance

    def _hold(self, run, amount):
        self.held += amount
        if run is not None:
            self.runs.setdefault(run, {"spent": 0, "held": 0, "limit": None})["held"] += amount

    def _end(self, hold, state):
        if hold["state"] == "pending":
            self._hold(hold["op"].run, -hold["amount"])
            hold["state"] = state
