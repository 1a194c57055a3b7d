"""Monthly statements: issued once, equal to the ledger to the nano-unit, rounded once, never changed."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from billing import ledger, ops, services
from billing.cards import publish
from billing.contracts import Usage
from billing.models.statements import MeterReading, Statement, StatementLine
from billing.statements import calls, check, csv_form, store, tax
from billing.statements import services as statements
from tests.billing.calendar import CENT, NOVEMBER, SEPTEMBER, USAGE, clock_at, issue, use
from tests.billing.conftest import hold_op
from tests.billing.reference import price
from tests.billing.test_tiers import SONNET
from wukong.kernel.errors import Invalid, NotFound
from wukong.kernel.ids import new_id


# --- what is on it ---------------------------------------------------------------------------------------------------
def test_a_month_reads_on_from_the_one_before(issued):
    september, october = issued

    assert (september.number, october.number) == ("2026-09-0001", "2026-10-0001")
    assert (september.opening_nano, september.opening_reading, september.carry_in_nano) == (0, 0, 0)
    assert september.closing_nano == 5 * 10**9 - price(USAGE)
    assert (october.opening_nano, october.opening_reading) == (september.closing_nano, USAGE.total_tokens)
    assert october.closing_reading == 2 * USAGE.total_tokens
    assert october.carry_in_nano == september.carry_nano
    assert (september.period_end, october.period_end) == (datetime(2026, 10, 1, tzinfo=UTC), NOVEMBER.replace(minute=0))
    assert [(moved["code"], moved["amount_nano"]) for moved in september.movements] == [("grant", 5 * 10**9)]
    assert (september.entries, october.entries) == (2, 1)
    lines = {line.meter: line for line in october.lines.all()}
    assert {meter: line.tokens for meter, line in lines.items()} == {
        "input": 100_001,
        "cache_read": 77,
        "output": 9_000,
        "reasoning": 1,
    }
    assert (lines["input"].opening_reading, lines["input"].closing_reading) == (100_001, 200_002)
    assert sum(line.amount_nano for line in lines.values()) == price(USAGE)
    readings = MeterReading.objects.filter(meter="output").order_by("at").values_list("reading", flat=True)
    assert list(readings) == [9_000, 18_000]


def test_the_sum_is_rounded_once_and_the_rest_is_carried(issued):
    september, october = issued
    charge = price(USAGE)

    assert september.total_nano % CENT == october.total_nano % CENT == 0
    assert september.total_nano + september.carry_nano == charge
    assert september.total_nano + october.total_nano + october.carry_nano == 2 * charge


def test_what_moved_otherwise_stands_in_the_balance(workspace, issued):
    with clock_at(NOVEMBER):
        services.top_up(workspace_id=workspace.pk, amount_nano=3 * 10**9 + 1, key="card", actor="person:1")
        bill, proof = statements.bill_of(workspace, date(2026, 11, 1))

    assert [(moved.code, moved.is_charge, moved.amount_nano) for moved in bill.movements] == [
        ("topup", False, 3 * 10**9 + 1)
    ]
    assert bill.closing_nano == services.balance_of(workspace.pk).balance_nano
    assert (bill.total_nano, bill.charged_nano, bill.number) == (0, 0, "")
    assert (proof.entries, proof.apart_nano) == (1, 0)


def test_what_was_not_charged_is_told_by_its_reason(workspace):
    run = new_id()
    with clock_at(SEPTEMBER):
        for reason in ("timeout", "wasted", "Interrupted by a restart."):
            op = hold_op(workspace.pk, run=run)
            ledger.post(op)
            ledger.post(ops.NotCharged(call=op.call, usage=USAGE, reason=reason))
        over = hold_op(workspace.pk)
        ledger.post(over)
        ledger.post(ops.Capture(call=over.call, usage=Usage(input_tokens=1000, output_tokens=200)))
    issue(NOVEMBER)

    bill = store.read(Statement.objects.get(month=date(2026, 9, 1)))

    assert [(entry.kind, entry.calls, entry.runs, entry.tokens) for entry in bill.not_charged] == [
        ("failed", 1, 1, USAGE.total_tokens),
        ("restart", 2, 1, 2 * USAGE.total_tokens),
        ("above_hold", 1, 0, 0),
    ]
    assert bill.not_charged[0].worth_nano == price(USAGE)
    assert bill.not_charged[2].worth_nano == 100 * 8_000
    assert bill.usage_nano == 1000 * 2_000 + 100 * 8_000
    assert bill.tokens == 1200


def test_a_call_that_paid_less_than_its_price_is_shared_out_too(workspace):
    with clock_at(SEPTEMBER):
        over = hold_op(workspace.pk)
        ledger.post(over)
        ledger.post(ops.Capture(call=over.call, usage=Usage(input_tokens=999, cache_read_tokens=7, output_tokens=501)))
    issue(NOVEMBER)

    assert sum(StatementLine.objects.values_list("amount_nano", flat=True)) == 1000 * 2_000 + 100 * 8_000


def test_a_correction_is_a_line_of_the_month_in_which_it_was_booked(workspace, issued):
    with clock_at(NOVEMBER):
        services.adjust(workspace_id=workspace.pk, signed_nano=7, key="1", actor="person:1", note="a wrong price")
        bill, proof = statements.bill_of(workspace, date(2026, 11, 1))

    assert [(moved.code, moved.is_charge, moved.amount_nano) for moved in bill.movements] == [("adjust", True, 7)]
    assert bill.charged_nano == -7
    assert bill.total_nano + bill.carry_nano == bill.carry_in_nano - 7
    assert proof.apart_nano == 0
    assert "correction,adjust" in csv_form.to_csv(bill)


def test_two_tariffs_of_a_month_are_two_groups(workspace, settings):
    settings.WUKONG_ENDPOINT_MODEL = "qwen-max"
    for day, prices in ((3, "1.00,2.00"), (9, "3.00,4.00")):
        settings.WUKONG_ENDPOINT_PRICES = prices
        with clock_at(SEPTEMBER.replace(day=day)):
            services.publish_builtin_cards()
        use(workspace, SEPTEMBER.replace(day=day), Usage(input_tokens=10, output_tokens=1), model="qwen-max")
    issue(NOVEMBER)

    lines = list(StatementLine.objects.filter(statement__month=date(2026, 9, 1)).order_by("place"))

    assert [(line.meter, line.pico_per_token, line.opening_reading, line.amount_nano) for line in lines] == [
        ("input", 1_000_000, 0, 10_000),
        ("output", 2_000_000, 0, 2_000),
        ("input", 3_000_000, 10, 30_000),
        ("output", 4_000_000, 1, 4_000),
    ]


def test_a_period_closes_on_when_something_was_booked(workspace):
    """In the workspace's own midnight, not in ours."""
    workspace.time_zone = "Asia/Shanghai"
    workspace.save()
    use(workspace, datetime(2026, 9, 30, 15, 59, 59, tzinfo=UTC), USAGE)
    use(workspace, datetime(2026, 9, 30, 16, 0, 0, tzinfo=UTC), USAGE)

    issue(NOVEMBER)

    assert [(row.month, row.entries) for row in Statement.objects.order_by("month")] == [
        (date(2026, 9, 1), 2),
        (date(2026, 10, 1), 1),
    ]


@pytest.mark.parametrize(
    ("before", "after"), [("Europe/Berlin", "America/New_York"), ("Pacific/Kiritimati", "Pacific/Pago_Pago")]
)
def test_a_new_time_zone_leaves_no_gap_and_no_month_twice(workspace, before, after):
    for zone in (before, after):
        workspace.time_zone = zone
        workspace.save()
        use(workspace, datetime(2026, 9 if zone == before else 10, 15, tzinfo=UTC), USAGE)
        issue(datetime(2026, 10 if zone == before else 11, 2, tzinfo=UTC))

    first, second = Statement.objects.order_by("month")
    assert (first.month, second.month) == (date(2026, 9, 1), date(2026, 10, 1))
    assert second.period_start == first.period_end
    assert second.period_end == datetime(2026, 11, 1, tzinfo=ZoneInfo(after))
    assert check.difference() == 0


# --- calls of a line, CSV, tax ---------------------------------------------------------------------------------------
def test_the_calls_of_a_line_make_it_up(workspace):
    run, step = new_id(), new_id()
    for second in range(5):
        use(
            workspace,
            SEPTEMBER.replace(second=second),
            Usage(input_tokens=333, output_tokens=second),
            run=run,
            step=step,
        )
    use(workspace, SEPTEMBER, USAGE)
    issue(NOVEMBER)
    bill = store.read(Statement.objects.get(month=date(2026, 9, 1)))

    for place in range(1, len(bill.lines) + 1):
        line = statements.line_of(bill, place)
        parts = list(calls.of_line(bill, line))
        assert sum(part.amount_nano for part in parts) == line.amount_nano, line.meter
        assert sum(part.tokens for part in parts) == line.tokens
        assert len(parts) == line.calls
        runs = calls.by_run(iter(parts))
        assert sum(part.amount_nano for part in runs) == line.amount_nano
    assert [len(rows) for _part, rows in calls.by_step([part for part in parts if part.run == run])] in ([5], [4], [])
    for place in (0, 9):
        with pytest.raises(NotFound):
            statements.line_of(bill, place)


def test_csv_has_exact_amounts_that_add_up(issued):
    import csv
    from decimal import Decimal

    rows = list(csv.DictReader(csv_form.to_csv(store.read(issued[1])).splitlines()))
    of: dict[str, list[Decimal]] = {}
    for row in rows:
        if row["amount"]:
            of.setdefault(row["row"], []).append(Decimal(row["amount"]))

    assert sum(of["line"]) + of["carried in"][0] == of["total"][0] + of["carried out"][0]
    assert sum(of["balance"][:-1]) == of["balance"][-1]
    assert of["balance"][-1] == Decimal(issued[1].closing_nano) / 10**9


def test_a_name_in_csv_is_no_formula(workspace, issued):
    bill = store.read(issued[0])
    object.__setattr__(bill, "issued_to", "=HYPERLINK(1)")

    assert ",'=HYPERLINK(1)," in csv_form.to_csv(bill)


def test_tax_is_of_the_sum_and_rounded_once(workspace, settings):
    settings.WUKONG_TAX_PERCENT = "19"
    use(workspace, SEPTEMBER, USAGE)
    issue(NOVEMBER)

    row = Statement.objects.get(month=date(2026, 9, 1))
    assert (row.tax_percent, row.tax_nano) == ("19", 5 * CENT)  # of 0.27: 0.0513
    assert check.difference() == 0


@pytest.mark.parametrize("text", ["-1", "101", "a lot", "19 %"])
def test_a_rate_that_cannot_be_is_refused(settings, text):
    settings.WUKONG_TAX_PERCENT = text

    with pytest.raises(Invalid):
        tax.percent()


def test_a_rate_is_written_as_people_do(settings):
    for text, shown in (("0", "0"), ("19.0", "19"), ("8.1", "8.10"), ("7.725", "7.725")):
        settings.WUKONG_TAX_PERCENT = text
        assert tax.percent() == shown


def test_calls_beyond_a_tier_have_lines_of_their_own_at_its_price(workspace):
    """A line's tokens × its price is what it says, also where a long call costs more a token than a short one."""
    model = str(new_id())
    with clock_at(SEPTEMBER):
        publish(
            model=model, currency=workspace.currency, source="test", cost=SONNET, margin_bp=0, after=None,
            moment=SEPTEMBER,
        )  # fmt: skip
        services.top_up(workspace_id=workspace.pk, amount_nano=50 * 10**9, key="card", actor="system")
    short, long = Usage(input_tokens=200_000, output_tokens=1_000), Usage(input_tokens=200_001, output_tokens=1_000)
    long_call = use(workspace, SEPTEMBER, long, model=model)
    use(workspace, SEPTEMBER, short, model=model)
    issue(NOVEMBER)

    bill, proof = statements.bill_of(workspace, date(2026, 9, 1))

    assert [(line.from_tokens, line.meter, line.tokens, line.pico_per_token) for line in bill.lines] == [
        (0, "input", 200_000, 3_000_000),
        (0, "output", 1_000, 15_000_000),
        (200_001, "input", 200_001, 6_000_000),
        (200_001, "output", 1_000, 22_500_000),
    ]
    assert all(line.tokens * line.pico_per_token == line.amount_nano * 1000 for line in bill.lines)
    assert bill.lines[2].opening_reading == bill.lines[0].closing_reading
    assert [part.call for part in calls.of_line(bill, bill.lines[2])] == [long_call]
    assert proof.apart_nano == 0
    assert check.difference() == 0
