"""Credits as lots: which is used first, what expires when, and what can be paid back."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import ledger, ops, services
from billing.contracts import Usage
from billing.models import Lot, Transfer, Wallet
from tests.billing.conftest import hold_op
from tests.examples import few
from wukong.kernel import clock
from wukong.kernel.errors import Conflict, IdempotencyMismatch, InsufficientFunds, Invalid

USAGE = Usage(input_tokens=1000, output_tokens=100)
PRICE = 2_800_000


@pytest.fixture
def poor(workspace, settings):
    """A workspace without a welcome."""
    settings.WUKONG_WELCOME_CREDIT = "0"
    return workspace


@pytest.fixture
def after(monkeypatch):
    """Return a function that moves the ledger's clock."""

    def go(**delta) -> None:
        later = clock.now() + timedelta(**delta)
        for module in ("billing.page", "billing.services.calls", "billing.services.wallets"):
            monkeypatch.setattr(f"{module}.now", lambda: later)

    return go


def give(workspace, key, nano=PRICE, **more):
    services.grant(workspace_id=workspace.pk, amount_nano=nano, key=key, actor="person:1", **more)


def pay(workspace, key, nano=PRICE):
    services.top_up(workspace_id=workspace.pk, amount_nano=nano, key=key, actor="person:1")


def spend(workspace):
    op = hold_op(workspace.pk)
    ledger.post(op)
    ledger.post(ops.Capture(call=op.call, usage=USAGE))


def left(workspace):
    return {lot.key.partition(":")[2]: lot.remaining_nano for lot in Lot.objects.filter(wallet__workspace=workspace)}


def test_what_a_correction_gives_back_never_becomes_money_that_can_be_paid_out(workspace, hold, monkeypatch):
    """It may have been drawn from a gift: neither a late count nor an operator's adjustment turns that into cash."""
    op = hold()
    ledger.post(op)
    services.extend(call=op.call, max_tokens=100, written_tokens=40)
    later = clock.now() + timedelta(minutes=3)
    monkeypatch.setattr("billing.page.now", lambda: later)
    monkeypatch.setattr("billing.services.calls.now", lambda: later)
    services.expire_stale()
    services.settle(call=op.call, usage=Usage(output_tokens=10))
    booking = {"workspace_id": workspace.pk, "actor": "person:1", "note": "a wrong price"}
    services.adjust(**booking, signed_nano=7, key="1", call=op.call)

    assert set(Lot.objects.values_list("amount_nano", "category")) >= {(30 * 8_000, "promo"), (7, "promo")}
    assert not Lot.objects.filter(category="paid").exists()
    assert services.books().difference_nano == 0


def test_lots_are_drawn_by_priority_then_by_their_end_then_given_before_paid(poor):
    later, soon = clock.now() + timedelta(days=9), clock.now() + timedelta(days=2)
    pay(poor, "paid")
    give(poor, "given")
    give(poor, "later", expires_at=later)
    give(poor, "soon", expires_at=soon)
    give(poor, "first", priority=10)

    order = []
    for _ in range(5):
        before = left(poor)
        spend(poor)
        order += [key for key, nano in left(poor).items() if nano != before[key]]

    assert order == ["first", "soon", "later", "given", "paid"]


def test_what_has_expired_cannot_be_used_although_nobody_has_swept_it(poor, after):
    give(poor, "given", expires_at=clock.now() + timedelta(hours=1))
    after(hours=2)

    with pytest.raises(InsufficientFunds):
        spend(poor)

    assert services.balance_of(poor.pk).balance_nano == 0
    expired = Transfer.objects.get(code="expire")
    assert (expired.amount_nano, expired.credit.kind) == (PRICE, "breakage")
    assert services.expire_lots() == 0


def test_the_sweep_takes_away_what_nobody_uses(poor, after):
    pay(poor, "paid")
    give(poor, "given", expires_at=clock.now() + timedelta(hours=1))
    assert services.expire_lots() == 0
    after(hours=2)

    assert services.expire_lots() == 1

    assert left(poor) == {"paid": PRICE, "given": 0}
    assert services.balance_of(poor.pk).balance_nano == PRICE


def test_expiry_takes_nothing_that_an_open_call_holds(poor, after):
    give(poor, "given", nano=2 * PRICE, expires_at=clock.now() + timedelta(seconds=30))
    op = hold_op(poor.pk)
    ledger.post(op)
    after(seconds=60)

    services.expire_lots()
    assert services.balance_of(poor.pk).balance_nano == PRICE
    assert ledger.post(ops.Capture(call=op.call, usage=Usage(input_tokens=1000))).amount_nano == 2_000_000
    services.expire_lots()

    assert services.balance_of(poor.pk).balance_nano == 0
    assert [one.amount_nano for one in Transfer.objects.filter(code="expire").order_by("id")] == [PRICE, 800_000]


def test_a_debt_is_paid_before_anything_is_left_of_a_credit(poor):
    services.set_credit_limit(workspace_id=poor.pk, limit_nano=10 * PRICE)
    spend(poor)
    spend(poor)
    assert services.balance_of(poor.pk).balance_nano == -2 * PRICE

    pay(poor, "paid", nano=3 * PRICE)

    assert left(poor) == {"paid": PRICE}


# --- paying back and correcting ------------------------------------------------------------------------------------
def refund(workspace, nano, key="r", topup="paid"):
    return services.refund(
        workspace_id=workspace.pk, topup=topup, amount_nano=nano, key=key, actor="person:1", note="asked for it"
    )


def test_a_refund_pays_back_what_is_left_of_its_top_up_once(poor):
    pay(poor, "paid", nano=3 * PRICE)
    spend(poor)

    refund(poor, 2 * PRICE)
    refund(poor, 2 * PRICE)

    assert services.balance_of(poor.pk).balance_nano == 0
    row = Transfer.objects.get(code="refund")
    assert (row.debit.kind, row.credit.kind, row.note) == ("wallet", "cash_clearing", "asked for it")
    with pytest.raises(IdempotencyMismatch):
        refund(poor, PRICE)
    with pytest.raises(Conflict):
        refund(poor, 1, key="again")


def test_what_is_held_or_was_given_is_not_paid_back(poor):
    pay(poor, "paid")
    ledger.post(hold_op(poor.pk))
    with pytest.raises(Conflict):
        refund(poor, 1)
    give(poor, "given")
    with pytest.raises(Conflict):
        services.refund(
            workspace_id=poor.pk, topup="given", amount_nano=1, key="g", actor="person:1", note="not theirs"
        )


def adjust(workspace, nano, key="a", note="a wrong price"):
    return services.adjust(workspace_id=workspace.pk, signed_nano=nano, key=key, actor="person:1", note=note)


def test_an_adjustment_goes_either_way_once_and_says_why(poor):
    pay(poor, "paid")

    adjust(poor, PRICE)
    adjust(poor, PRICE)
    adjust(poor, -2 * PRICE, key="b")

    assert services.balance_of(poor.pk).balance_nano == 0
    assert [(row.debit.kind, row.credit.kind) for row in Transfer.objects.filter(code="adjust").order_by("id")] == [
        ("revenue", "wallet"),
        ("wallet", "revenue"),
    ]
    assert [one.signed_nano for one in services.movements(poor.pk)] == [-2 * PRICE, PRICE, PRICE]
    with pytest.raises(InsufficientFunds):
        adjust(poor, -1, key="c")
    with pytest.raises(Invalid):
        adjust(poor, PRICE, key="d", note="  ")
    with pytest.raises(IdempotencyMismatch):
        adjust(poor, -PRICE)


_acts = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), st.integers(1, 3 * PRICE), st.integers(0, 3), st.sampled_from([None, 1, 5])),
        st.tuples(st.just("topup"), st.integers(1, 3 * PRICE)),
        st.tuples(st.just("spend")),
        st.tuples(st.just("hold")),
        st.tuples(st.just("refund"), st.integers(1, 2 * PRICE)),
        st.tuples(st.just("adjust"), st.integers(-PRICE, PRICE).filter(bool)),
        st.tuples(st.just("wait"), st.integers(1, 3)),
        st.tuples(st.just("limit"), st.sampled_from([0, 4 * PRICE])),
    ),
    max_size=14,
)


@few(20)
@given(acts=_acts)
@pytest.mark.slow
def test_the_lots_of_a_wallet_are_its_balance_whatever_happens(ada, acts):
    from workspaces.people.services import create_workspace

    workspace = create_workspace(name="Lots", owner=ada)
    start, minutes = clock.now(), 0
    with pytest.MonkeyPatch.context() as patch:
        for number, act in enumerate(acts):
            at = start + timedelta(minutes=minutes)
            for module in ("billing.page", "billing.services.calls", "billing.services.wallets"):
                patch.setattr(f"{module}.now", lambda at=at: at)
            try:
                match act:
                    case "grant", nano, priority, ends:
                        ends = None if ends is None else at + timedelta(minutes=ends)
                        give(workspace, f"g{workspace.pk}{number}", nano, priority=priority, expires_at=ends)
                    case "topup", nano:
                        pay(workspace, f"t{workspace.pk}{number}", nano)
                    case ("spend",):
                        spend(workspace)
                    case ("hold",):
                        ledger.post(hold_op(workspace.pk))
                    case "refund", nano:
                        refund(workspace, nano, f"r{workspace.pk}{number}", f"t{workspace.pk}{number - 1}")
                    case "adjust", nano:
                        adjust(workspace, nano, f"a{workspace.pk}{number}")
                    case "wait", more:
                        minutes += more
                    case "limit", nano:
                        services.set_credit_limit(workspace_id=workspace.pk, limit_nano=nano)
            except (Conflict, InsufficientFunds):
                pass
            wallet = Wallet.objects.filter(workspace=workspace).first()
            if wallet is not None:
                assert sum(left(workspace).values()) == max(wallet.balance_nano, 0), act
                assert wallet.available_nano >= 0
    assert services.books().difference_nano == 0
