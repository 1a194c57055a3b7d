"""Calls of models, made easy."""

from functools import partial
from uuid import UUID

import pytest

from billing import ledger, ops
from billing.contracts import Usage
from tests.billing.payments import deliver, paid, stripe, stripe_server  # noqa: F401 - fixtures
from wukong.kernel.ids import new_id

SMALL = Usage(input_tokens=1000, output_tokens=100)


def hold_op(workspace_id: UUID, **given):
    """Return a hold of 1,000 tokens in and 100 out of the scripted model: 0.0028 of any currency."""
    asked = {
        "call": new_id(),
        "model": "scripted",
        "run": None,
        "step": None,
        "project": None,
        "agent": "Writer",
        "swarm": "",
        "input_bound": 1000,
        "input_guess": 0,
        "max_tokens": 100,
        "floor_tokens": 16,
        "run_budget_nano": None,
    }
    return ops.Hold(workspace_id=workspace_id, **asked | given)


@pytest.fixture
def hold(workspace):
    return partial(hold_op, workspace.pk)


@pytest.fixture
def spend(hold):
    """Return a function that holds and settles a call and gives its id."""

    def of(usage: Usage = SMALL, **given) -> UUID:
        op = hold(**{"input_bound": usage.total_tokens, "max_tokens": max(usage.total_tokens, 16)} | given)
        ledger.post(op)
        ledger.post(ops.Capture(call=op.call, usage=usage))
        return op.call

    return of


@pytest.fixture
def issued(workspace):
    """September and October, issued on the first of November."""
    from billing.models.statements import Statement
    from tests.billing.calendar import NOVEMBER, OCTOBER, SEPTEMBER, USAGE, issue, use

    use(workspace, SEPTEMBER, USAGE)
    use(workspace, OCTOBER, USAGE, run=new_id())
    assert issue(NOVEMBER) == 2
    return list(Statement.objects.order_by("month"))
