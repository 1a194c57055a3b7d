"""Another time for everything that asks the clock, and months that lie behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock

from billing import ledger, ops, services
from billing.contracts import Usage
from tests.billing.conftest import hold_op
from wukong.kernel import clock

SEPTEMBER, OCTOBER = datetime(2026, 9, 3, 12, tzinfo=UTC), datetime(2026, 10, 3, 12, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, 0, 2, tzinfo=UTC)
USAGE = Usage(input_tokens=100_001, cache_read_tokens=77, output_tokens=9_000, reasoning_tokens=1)
CENT = 10_000_000


@contextmanager
def clock_at(moment: datetime) -> Iterator[None]:
    """Let it be another time: every `now()` of the product says so, also as a default of a column."""
    with mock.patch.object(clock, "datetime", mock.Mock(now=lambda _zone: moment)):
        yield


def use(workspace, moment: datetime, usage: Usage, **given):
    """Let a call be made and charged at a moment; returns its id."""
    with clock_at(moment):
        op = hold_op(workspace.pk, **{"input_bound": usage.total_tokens, "max_tokens": usage.total_tokens + 16} | given)
        ledger.post(op)
        ledger.post(ops.Capture(call=op.call, usage=usage))
    return op.call


def issue(moment: datetime) -> int:
    """Let the statements be issued that are due at a moment."""
    with clock_at(moment):
        return services.issue_statements()


def months_behind(workspace, count: int) -> None:
    """Give a workspace `count` issued statements, the last of the month before the real one; it has not moved yet."""
    first = datetime.now(UTC).replace(day=1, hour=12, minute=0, second=0, microsecond=0)
    for _month in range(count):
        first = (first - timedelta(days=20)).replace(day=1)
    moment = first
    for _month in range(count):
        use(
            workspace,
            moment + timedelta(days=3),
            Usage(input_tokens=400_000, output_tokens=9_000, cache_read_tokens=77),
        )
        moment = (moment + timedelta(days=32)).replace(day=1)
    assert issue(datetime.now(UTC) + timedelta(minutes=2) if datetime.now(UTC).day == 1 else datetime.now(UTC)) == count
