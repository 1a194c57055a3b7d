"""The law of the ledger: any batches of any ops, repeated or contradictory, do what the simple reference does."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import ledger, ops
from billing.contracts import Authorisation, Balance, Charge, Usage
from billing.models import BudgetWindow, Wallet
from billing.services import books
from tests.billing.conftest import hold_op
from tests.billing.reference import Reference
from tests.examples import few
from wukong.kernel.errors import WukongError
from wukong.kernel.ids import new_id

WELCOME = 10_000_000  # 0.01: enough for three calls or so

_tokens = st.integers(0, 600)
_usages = st.builds(
    Usage,
    input_tokens=_tokens,
    cache_read_tokens=_tokens,
    output_tokens=_tokens,
    reasoning_tokens=st.integers(0, 20),
    estimated=st.booleans(),
)


@st.composite
def batches(draw):
    """Return batches of ops on six calls and two runs, as functions of (workspace, ids): examples share no rows."""
    call, run, key = st.integers(0, 5), st.sampled_from([None, 6, 7]), st.integers(0, 2)
    a_hold = st.tuples(
        st.just("hold"),
        call,
        run,
        st.sampled_from([0, 100, 1000]),
        st.sampled_from([1, 50, 400]),
        st.sampled_from([None, 2_000_000, 6_000_000]),
    )
    an_op = st.one_of(
        a_hold,
        a_hold,
        st.tuples(st.just("capture"), call, _usages),
        st.tuples(st.just("capture"), call, st.just(Usage(input_tokens=90, output_tokens=40))),
        st.tuples(st.just("notcharged"), call, _usages),
        st.tuples(st.just("void"), call),
        st.tuples(st.just("extend"), call, st.sampled_from([20, 200, 900])),
        st.tuples(st.sampled_from(["topup", "grant"]), key, st.sampled_from([0, 1_000_000, 3_000_000])),
    )
    return draw(st.lists(st.lists(an_op, min_size=1, max_size=8), min_size=1, max_size=6))


def make(what, workspace_id: UUID, ids: list[UUID]):
    match what:
        case "hold", call, run, into, out, budget:
            run_id = None if run is None else ids[run]
            budget = None if run is None else budget
            return hold_op(
                workspace_id, call=ids[call], run=run_id, input_bound=into, max_tokens=out, run_budget_nano=budget
            )
        case "capture", call, usage:
            return ops.Capture(call=ids[call], usage=usage)
        case "notcharged", call, usage:
            return ops.NotCharged(call=ids[call], usage=usage, reason="failed")
        case "void", call:
            return ops.Void(call=ids[call], reason="stopped")
        case "extend", call, tokens:
            return ops.Extend(call=ids[call], max_tokens=tokens, checkpoint_tokens=0)
        case kind, key, nano:
            made = ops.TopUp if kind == "topup" else ops.Grant
            return made(workspace_id=workspace_id, key=f"{ids[key]}", amount_nano=nano, actor="system")


def said(answer):
    match answer:
        case WukongError():
            return answer.code
        case Authorisation() | Charge():
            return answer.amount_nano
        case Balance():
            return answer.balance_nano
    raise AssertionError(answer)


@pytest.fixture
def new_workspace(ada, monkeypatch):
    from django.conf import settings

    from workspaces.people.services import create_workspace

    monkeypatch.setattr(settings, "WUKONG_WELCOME_CREDIT", "0.01")
    return lambda: create_workspace(name="Law", owner=ada)


@few(20)
@given(plan=batches())
def test_the_ledger_does_what_the_reference_does(new_workspace, plan):
    workspace, ids = new_workspace(), [new_id() for _ in range(8)]
    reference = Reference(WELCOME)
    for batch in plan:
        todo = [make(what, workspace.pk, ids) for what in batch]

        answers = [said(answer) for answer in ledger.apply(todo)]

        expected = reference.batch(todo)
        assert answers == expected, list(zip(batch, answers, expected, strict=True))
        wallet = Wallet.objects.filter(workspace=workspace).first()
        if wallet is not None:
            assert (wallet.balance_nano, wallet.held_nano) == (reference.balance, reference.held)
        windows = {UUID(row.name): row for row in BudgetWindow.objects.filter(name__in=map(str, ids))}
        assert {run: (row.spent_nano, row.held_nano, row.limit_nano) for run, row in windows.items()} == {
            run: (row["spent"], row["held"], row["limit"]) for run, row in reference.runs.items()
        }
    assert books().difference_nano == 0


@settings(max_examples=settings.default.max_examples // 3)
@given(plan=batches())
def test_what_was_booked_is_booked_once(new_workspace, plan):
    workspace, ids = new_workspace(), [new_id() for _ in range(8)]
    todo = [make(what, workspace.pk, ids) for batch in plan for what in batch]
    answers = [ledger.apply([op])[0] for op in todo]
    before = Wallet.objects.filter(workspace=workspace).values().first()

    for op, answer in zip(todo, answers, strict=True):
        if isinstance(op, ops.Capture | ops.NotCharged) and not isinstance(answer, WukongError):
            assert ledger.apply([op]) == [answer]
        if isinstance(op, ops.Credit):
            ledger.apply([op])

    assert Wallet.objects.filter(workspace=workspace).values().first() == before
