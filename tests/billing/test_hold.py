"""Authorising a call: what is held, what is lowered, what is refused and what the refusal says."""

import pytest
from django.db import transaction

from billing import ledger, services
from billing.contracts import PriceMissing, Usage
from billing.models import BudgetWindow, Hold, RateCard, Transfer, Wallet
from wukong.kernel.errors import Conflict, IdempotencyMismatch, InsufficientFunds, NotFound
from wukong.kernel.ids import new_id

CENT = 10_000_000
WELCOME = 500 * CENT


def asked(workspace, **given):
    return {
        "call": new_id(),
        "workspace_id": workspace.pk,
        "model": "scripted",
        "run": None,
        "step": None,
        "project": None,
        "agent": "Writer",
        "input_bound": 1000,
        "max_tokens": 100,
    } | given


def test_a_hold_is_the_dearest_that_the_call_can_become(workspace):
    call = new_id()

    granted = services.authorise(**asked(workspace, call=call))

    assert granted.amount_nano == (1000 * 2_000_000 + 100 * 8_000_000) // 1000
    assert (granted.max_tokens, granted.hold_key) == (100, f"call:{call}")
    balance = services.balance_of(workspace.pk)
    assert (balance.balance_nano, balance.held_nano) == (WELCOME, granted.amount_nano)
    assert balance.available_nano == WELCOME - granted.amount_nano


def test_max_tokens_are_lowered_to_what_the_wallet_can_pay(workspace):
    granted = services.authorise(**asked(workspace, max_tokens=10_000_000))

    assert granted.max_tokens == (WELCOME - 2_000_000) // 8_000
    assert services.balance_of(workspace.pk).available_nano < 8_000


def test_a_refusal_says_what_is_missing(workspace):
    services.authorise(**asked(workspace, max_tokens=10_000_000))

    with pytest.raises(InsufficientFunds) as refusal:
        services.authorise(**asked(workspace))

    details = refusal.value.details
    assert details["scope"] == "wallet"
    assert details["needed_nano"] == 2_800_000
    assert details["missing_nano"] == 2_800_000 - details["available_nano"]
    assert details["missing"]["currency"] == "USD"
    assert details["missing"]["amount"] in refusal.value.message
    assert Hold.objects.count() == 1


def test_what_is_spent_beyond_a_limit_is_missing_too(workspace):
    """A limit that is set below what is held: to raise it by what one call needs would not let that call go on."""
    limit = {"workspace_id": workspace.pk, "level": "workspace", "name": "", "period": "month", "actor": "x"}
    services.set_budget(**limit, limit_nano=100_000_000)
    first = asked(workspace, max_tokens=100)
    services.authorise(**first)  # 2,800,000
    services.set_budget(**limit, limit_nano=1_000_000)

    with pytest.raises(InsufficientFunds) as refusal:
        services.authorise(**asked(workspace, max_tokens=100))
    with pytest.raises(InsufficientFunds) as longer:
        services.extend(call=first["call"], max_tokens=200, written_tokens=0)

    assert refusal.value.details["available_nano"] == 0
    assert refusal.value.details["missing_nano"] == 1_800_000 + 2_800_000
    assert longer.value.details["missing_nano"] == 1_800_000 + 800_000
    services.set_budget(**limit, limit_nano=1_000_000 + refusal.value.details["missing_nano"])
    assert services.authorise(**asked(workspace, max_tokens=100)).max_tokens == 100


def test_a_refused_hold_does_not_stand_in_the_way_of_a_smaller_one(workspace, hold):
    services.top_up(workspace_id=workspace.pk, amount_nano=1, key="a cent too little", actor="system")

    answers = ledger.apply([hold(input_bound=3_000_000), hold()])

    assert isinstance(answers[0], InsufficientFunds)
    assert answers[1].amount_nano == 2_800_000


def test_a_run_may_not_spend_more_than_its_budget(workspace):
    run = new_id()
    in_run = {"run": run, "run_budget_nano": 4_000_000}

    first = services.authorise(**asked(workspace, **in_run))
    second = services.authorise(**asked(workspace, input_bound=100, max_tokens=1000, **in_run))

    assert second.max_tokens == (4_000_000 - first.amount_nano - 200_000) // 8_000 == 125
    with pytest.raises(InsufficientFunds) as refusal:
        services.authorise(**asked(workspace, **in_run))
    assert refusal.value.details["scope"] == "run"
    assert "budget" in refusal.value.message


def test_a_budget_that_was_raised_lets_the_run_go_on(workspace):
    run = new_id()
    with pytest.raises(InsufficientFunds) as refusal:
        services.authorise(**asked(workspace, run=run, run_budget_nano=1_000_000))
    assert refusal.value.details["scope"] == "run"
    assert not BudgetWindow.objects.exists()

    granted = services.authorise(**asked(workspace, run=run, run_budget_nano=5_000_000))

    assert granted.max_tokens == 100
    assert BudgetWindow.objects.get().limit_nano == 5_000_000


def test_a_budget_below_what_is_held_refuses_but_breaks_nothing(workspace):
    run = new_id()
    services.authorise(**asked(workspace, run=run, run_budget_nano=5_000_000))

    with pytest.raises(InsufficientFunds):
        services.authorise(**asked(workspace, run=run, run_budget_nano=1_000_000))


def test_a_call_that_is_asked_for_again_gets_the_same_hold(workspace):
    call = asked(workspace, max_tokens=10_000_000)

    first = services.authorise(**call)
    again = services.authorise(**call)

    assert again == first
    assert Hold.objects.count() == 1


@pytest.mark.parametrize("change", [{"max_tokens": 99}, {"input_bound": 1}, {"model": "local"}, {"agent": "Other"}])
def test_the_same_call_with_other_arguments_is_refused(workspace, change):
    call = asked(workspace)
    services.authorise(**call)

    with pytest.raises(IdempotencyMismatch):
        services.authorise(**call | change)


def test_a_fault_of_the_scripted_model_costs_what_the_model_costs(workspace):
    plain = services.authorise(**asked(workspace))
    fault = services.authorise(**asked(workspace, model="scripted:error-429"))

    assert (fault.amount_nano, fault.rate_card) == (plain.amount_nano, plain.rate_card)


def test_a_model_without_a_price_is_refused_never_free(workspace):
    with pytest.raises(PriceMissing) as refusal:
        services.authorise(**asked(workspace, model="unheard-of"))

    assert refusal.value.status == 400
    assert "unheard-of" in refusal.value.message


def test_an_unknown_workspace_is_not_found(db):
    class Nowhere:
        pk = new_id()

    with pytest.raises(NotFound):
        services.authorise(**asked(Nowhere))


def test_the_run_of_another_workspace_is_not_found(workspace, ada):
    from workspaces.people.services import create_workspace

    other, run = create_workspace(name="Other", owner=ada), new_id()
    services.authorise(**asked(workspace, run=run))

    with pytest.raises(NotFound):
        services.authorise(**asked(other, run=run))


@pytest.mark.parametrize("bad", [{"input_bound": -1}, {"max_tokens": 0}])
def test_a_call_without_size_is_a_mistake_of_ours(workspace, bad):
    with pytest.raises(ValueError, match="tokens"):
        services.authorise(**asked(workspace, **bad))


def test_the_ledger_refuses_to_work_inside_a_transaction(workspace):
    with transaction.atomic(), pytest.raises(RuntimeError, match="atomic"):
        services.authorise(**asked(workspace))


def test_a_balance_is_told_inside_a_transaction_too(workspace):
    with transaction.atomic():
        foretold = services.balance_of(workspace.pk)

    assert not Wallet.objects.exists()
    assert services.balance_of(workspace.pk) == foretold


def test_the_welcome_credit_comes_once(workspace):
    for _ in range(3):
        services.open_wallet(workspace_id=workspace.pk)

    assert services.balance_of(workspace.pk).balance_nano == WELCOME
    assert Transfer.objects.get().key == f"welcome:{workspace.pk}"


def test_the_welcome_credit_can_be_nothing(workspace, settings):
    settings.WUKONG_WELCOME_CREDIT = "0"

    assert services.balance_of(workspace.pk).balance_nano == 0
    assert not Transfer.objects.exists()


def test_prices_are_published_at_the_first_hold(workspace):
    services.authorise(**asked(workspace))

    assert set(RateCard.objects.values_list("model", "currency", "version")) == {
        ("scripted", "USD", 1),
        ("local", "USD", 1),
    }


# --- a window that moves along --------------------------------------------------------------------------------------
def test_a_hold_is_extended_while_words_come(workspace):
    call = new_id()
    first = services.authorise(**asked(workspace, call=call, max_tokens=256))

    more = services.extend(call=call, max_tokens=512, written_tokens=200)

    assert (first.max_tokens, more.max_tokens) == (256, 512)
    assert more.amount_nano - first.amount_nano == 256 * 8_000
    row = Hold.objects.get()
    assert (row.amount_nano, row.checkpoint_tokens) == (more.amount_nano, 200)
    assert services.balance_of(workspace.pk).held_nano == more.amount_nano
    assert services.extend(call=call, max_tokens=512, written_tokens=200) == more


def test_an_extension_goes_as_far_as_the_money(workspace):
    call = new_id()
    services.authorise(**asked(workspace, call=call, run=new_id(), run_budget_nano=4_000_000))

    granted = services.extend(call=call, max_tokens=100_000)

    assert granted.max_tokens == 250
    with pytest.raises(InsufficientFunds):
        services.extend(call=call, max_tokens=100_000, written_tokens=240)
    assert Hold.objects.get().checkpoint_tokens == 240


def test_an_extension_never_takes_back(workspace):
    call = new_id()
    services.authorise(**asked(workspace, call=call, max_tokens=256))

    assert services.extend(call=call, max_tokens=10).max_tokens == 256


def test_a_call_that_is_over_is_not_extended(workspace):
    call = new_id()
    services.authorise(**asked(workspace, call=call))
    services.settle(call=call, usage=Usage(input_tokens=1))

    with pytest.raises(Conflict):
        services.extend(call=call, max_tokens=500)
    with pytest.raises(NotFound):
        services.extend(call=new_id(), max_tokens=500)
