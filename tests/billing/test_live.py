"""The life of a ledger in any order, with a clock: batches, forgotten holds, sweeps, late usage, repetitions.

A state machine: what the ledger answers and what its rows say is what the reference of `reference.py` says, with what
happens in time added to it here.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from billing import ledger, ops, rules, services
from billing.contracts import Usage
from billing.models import BudgetWindow, Hold, Transfer, UsageRecord, Wallet
from tests.billing.reference import Reference, price
from tests.billing.test_apply import make, said
from wukong.kernel.errors import WukongError
from wukong.kernel.ids import new_id

WELCOME = 4_000_000  # so little that calls stand in each other's way
CALLS = 6
LIFE = rules.HOLD_LIVES


class Aged(Reference):
    """The reference with a clock: holds die, and usage that comes after that is paid from what is left."""

    def __init__(self, welcome: int, now: datetime) -> None:
        super().__init__(welcome)
        self.now = now

    def hold(self, op):
        is_new = op.call not in self.holds
        answer = super().hold(op)
        if is_new and op.call in self.holds:
            self.holds[op.call] |= {"expires": self.now + LIFE, "not_charged": False}
        return answer

    def extend(self, op):
        hold = self.holds.get(op.call)
        if hold is not None and hold["state"] == "pending":
            hold["expires"] = self.now + LIFE
        return super().extend(op)

    def expire(self, op):
        hold = self.holds.get(op.call)
        if hold is None:
            return 0
        if hold["expires"] <= self.now:
            self._end(hold, "expired")
        return self._captured(hold)

    def capture(self, op):
        hold = self.holds.get(op.call)
        if hold is None or hold["state"] != "expired":
            return super().capture(op)
        if hold["not_charged"]:
            return "conflict"
        if hold["usage"] is None:
            run = hold["op"].run
            left = self.room(run, self.runs[run]["limit"] if run else None)
            hold["usage"], hold["paid"] = op.usage, min(price(op.usage), hold["amount"], left)
            self.balance -= hold["paid"]
            if run is not None:
                self.runs[run]["spent"] += hold["paid"]
        return hold["paid"] if hold["usage"] == op.usage else "idempotency_mismatch"

    def notcharged(self, op):
        hold = self.holds.get(op.call)
        if hold is not None and hold["usage"] is not None:
            return "conflict"
        answer = super().notcharged(op)
        if hold is not None:
            hold["not_charged"] = True
        return answer

    def void(self, op):
        hold = self.holds.get(op.call)
        if hold is None:
            return 0
        self._end(hold, "voided")
        return self._captured(hold)

    @staticmethod
    def _captured(hold):
        """What was paid for the call, also after its hold's life."""
        return hold["paid"]


_tokens = st.integers(0, 600)
_usages = st.builds(
    Usage, input_tokens=_tokens, cache_read_tokens=_tokens, output_tokens=_tokens, estimated=st.booleans()
)
_call = st.integers(0, CALLS - 1)
_hold = st.tuples(
    st.just("hold"),
    _call,
    st.sampled_from([None, 6, 7]),
    st.sampled_from([0, 100, 1000]),
    st.sampled_from([1, 50, 400]),
    st.sampled_from([None, 2_000_000, 6_000_000]),
)
_op = st.one_of(
    _hold,
    _hold,
    st.tuples(st.just("capture"), _call, _usages),
    st.tuples(st.just("capture"), _call, st.just(Usage(input_tokens=90, output_tokens=40))),
    st.tuples(st.just("notcharged"), _call, _usages),
    st.tuples(st.just("void"), _call),
    st.tuples(st.just("expire"), _call),
    st.tuples(st.just("extend"), _call, st.sampled_from([20, 200, 900])),
    st.tuples(st.sampled_from(["topup", "grant"]), st.integers(0, 2), st.sampled_from([0, 1_000_000, 3_000_000])),
)


def machine(new_workspace, set_clock):
    """Return the machine's class; its workspaces are of the test that asks."""

    class Life(RuleBasedStateMachine):
        @initialize()
        def begin(self):
            self.now = datetime(2026, 3, 1, tzinfo=UTC)
            set_clock(lambda: self.now)
            self.workspace = new_workspace()
            self.ids = [new_id() for _ in range(8)]
            self.reference = Aged(WELCOME, self.now)
            self.last: list = []

        def put(self, todo):
            answers = [said(answer) for answer in ledger.apply(todo)]
            expected = self.reference.batch(todo)
            assert answers == expected, list(zip(todo, answers, expected, strict=True))

        @rule(batch=st.lists(_op, min_size=1, max_size=6))
        def submit(self, batch):
            self.last = [self.made(what) for what in batch]
            self.put(self.last)

        def made(self, what):
            if what[0] == "expire":
                return ops.Expire(call=self.ids[what[1]])
            return make(what, self.workspace.pk, self.ids)

        @precondition(lambda self: self.last)
        @rule()
        def submit_again(self):
            """A caller that heard no answer sends the same again."""
            self.put(self.last)

        @rule(part=st.sampled_from([0.01, 0.5, 1.0, 1.1]))
        def wait(self, part):
            self.now += timedelta(seconds=LIFE.total_seconds() * part)
            self.reference.now = self.now

        @rule()
        def sweep(self):
            stale = [call for call, hold in self.reference.holds.items() if self._is_stale(hold)]

            assert services.expire_stale() == len(stale)

            for call in stale:
                self.reference.expire(ops.Expire(call=call))

        def _is_stale(self, hold):
            return hold["state"] == "pending" and hold["expires"] <= self.now

        @invariant()
        def rows_say_the_same(self):
            wallet = Wallet.objects.filter(workspace=self.workspace).first()
            if wallet is None:
                return
            reference = self.reference
            assert (wallet.balance_nano, wallet.held_nano) == (reference.balance, reference.held)
            assert wallet.available_nano >= 0
            windows = {UUID(row.name): row for row in BudgetWindow.objects.filter(name__in=map(str, self.ids))}
            assert {run: (row.spent_nano, row.held_nano, row.limit_nano) for run, row in windows.items()} == {
                run: (row["spent"], row["held"], row["limit"]) for run, row in reference.runs.items()
            }
            fields = ("call", "state", "amount_nano", "expires_at")
            holds = Hold.objects.filter(workspace=self.workspace).values_list(*fields)
            assert {call: tuple(said) for call, *said in holds} == {
                call: (hold["state"], hold["amount"], hold["expires"]) for call, hold in reference.holds.items()
            }

        def teardown(self):
            if not hasattr(self, "workspace"):
                return
            paid = {call: hold["paid"] for call, hold in self.reference.holds.items() if hold["usage"] is not None}
            records = UsageRecord.objects.filter(workspace=self.workspace, not_charged="")
            assert dict(records.values_list("call", "amount_nano")) == paid
            captures = Transfer.objects.filter(workspace=self.workspace, code="capture")
            assert dict(captures.values_list("call", "amount_nano")) == {call: n for call, n in paid.items() if n}
            assert services.books().difference_nano == 0
            self.now += 2 * LIFE
            while services.expire_stale():  # the next example is asked for its own stale holds alone
                pass

    return Life


@pytest.fixture
def new_workspace(ada, monkeypatch):
    from django.conf import settings as django_settings

    from workspaces.people.services import create_workspace

    monkeypatch.setattr(django_settings, "WUKONG_WELCOME_CREDIT", "0.004")
    return lambda: create_workspace(name="Life", owner=ada)


@pytest.mark.slow
def test_the_ledger_lives_as_the_reference_does(new_workspace, monkeypatch):
    def set_clock(now):
        for place in ("billing.page.now", "billing.services.calls.now"):
            monkeypatch.setattr(place, now)

    examples = settings.default.max_examples // 2
    run_state_machine_as_test(
        machine(new_workspace, set_clock), settings=settings(max_examples=examples, stateful_step_count=20)
    )


def test_ending_once_more_what_was_paid_late_says_what_was_paid(workspace, monkeypatch):
    """`Charge.amount_nano` is what the wallet paid, whoever ends the call once more."""
    from tests.billing.conftest import SMALL, hold_op
    from wukong.kernel import clock

    op = hold_op(workspace.pk)
    ledger.post(op)
    for place in ("billing.page.now", "billing.services.calls.now"):
        monkeypatch.setattr(place, lambda: clock.now() + LIFE + timedelta(seconds=1))
    services.expire_stale()
    paid = ledger.post(ops.Capture(call=op.call, usage=SMALL))
    assert not isinstance(paid, WukongError)

    assert ledger.post(ops.Void(call=op.call, reason="stopped")) == paid
    assert ledger.post(ops.Expire(call=op.call)) == paid
