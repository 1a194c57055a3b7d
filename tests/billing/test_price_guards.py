"""What the database refuses of prices whoever asks, and that the migration that altered them kept its guards."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from billing import services
from billing.models import PricePin, PriceProposal, Rate, RateCard
from billing.prices.contracts import Listing
from billing.pricing import tariff_of
from tests.billing.test_guard import refused
from wukong.kernel.clock import now

PRICES = {"input": 2_000_000, "cache_read": 200_000, "cache_write": 2_500_000, "output": 10_000_000}
WHO = "person:1"


@pytest.fixture
def decided(workspace):
    """A proposal that was approved, one that waits, a pin that stands and one that was lifted."""
    for model in ("acme-1", "acme-2"):
        listing = Listing(model=model, provider="acme", source="genai-prices 0", cost=tariff_of(PRICES))
        services.propose_prices([listing])
    approved = PriceProposal.objects.get(model="acme-1")
    services.approve_prices(proposal_id=approved.pk, actor=WHO)
    services.publish_builtin_cards()
    pins = services.pin_prices(workspace_id=workspace.pk, moment=now(), actor=WHO)
    services.lift_pins(pin_ids=[pins[0].pk], actor=WHO)


def test_cards_and_rates_stay_as_they_were_published(decided):
    for table in ("billing_ratecard", "billing_rate"):
        assert refused(f"UPDATE {table} SET created_at = created_at"), table
        assert refused(f"DELETE FROM {table}"), table
        if connection.vendor == "postgresql":
            assert refused(f"TRUNCATE {table} CASCADE"), table


def test_a_proposal_is_decided_once_and_stays_what_was_looked_at(decided):
    waits = "WHERE state = 'proposed'"
    assert refused("UPDATE billing_priceproposal SET decided_by = 'person:2' WHERE state = 'approved'")
    for change in ("costs = '[]'", "margin_bp = margin_bp + 1", "model = 'acme-3'", "currency = 'EUR'"):
        assert refused(f"UPDATE billing_priceproposal SET {change} {waits}"), change
    assert refused(
        f"UPDATE billing_priceproposal SET base_id = (SELECT MAX(CAST(id AS text)) FROM billing_rate) {waits}"
    )
    assert refused(f"UPDATE billing_priceproposal SET state = 'rejected' {waits}")  # without a date
    assert refused("DELETE FROM billing_priceproposal")
    assert not refused(f"UPDATE billing_priceproposal SET note = 'looked at' {waits}")


def test_one_proposal_of_a_model_waits(decided):
    from django.db import IntegrityError, transaction

    waits = PriceProposal.objects.open().get()
    with pytest.raises(IntegrityError), transaction.atomic():
        PriceProposal.objects.create(model=waits.model, currency="USD", costs=[], margin_bp=0)


def test_a_pin_is_lifted_once_and_kept(decided):
    assert refused("UPDATE billing_pricepin SET lifted_by = 'nobody' WHERE lifted_at IS NOT NULL")
    assert refused("UPDATE billing_pricepin SET model = 'other' WHERE lifted_at IS NULL")
    assert refused("DELETE FROM billing_pricepin")
    assert PricePin.objects.count() == 3


def test_prices_are_whole_and_in_range(decided):
    """Checked on the copy of a row, because no row can be changed."""
    fields = [field.column for field in Rate._meta.concrete_fields]
    for column, value in (("cost_pico", "-1"), ("from_tokens", "-1"), ("cost_pico", "0.5"), ("from_tokens", "0.5")):
        if value == "0.5" and connection.vendor != "sqlite":
            continue  # PostgreSQL rounds it by itself
        chosen = ", ".join(
            value if name == column else f"'{'0' * 32}'" if name == "id" else "'other'" if name == "meter" else name
            for name in fields
        )
        copy = f"INSERT INTO billing_rate ({', '.join(fields)}) SELECT {chosen} FROM billing_rate LIMIT 1"
        assert refused(copy), (column, value)


BEFORE = [("billing", "0003_budgets_and_lots")]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_old_cards_were_sold_at_cost_and_are_guarded_again_on_the_way_back_too():
    services.publish_builtin_cards()
    MigrationExecutor(connection).migrate(BEFORE)
    try:
        guarded = [refused("UPDATE billing_rate SET meter = meter"), refused("DELETE FROM billing_ratecard")]
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())

    assert guarded == [True, True]
    assert Rate.objects.count() == 10
    assert all((rate.cost_pico, rate.from_tokens) == (rate.pico_per_token, 0) for rate in Rate.objects.all())
    assert set(RateCard.objects.values_list("margin_bp", flat=True)) == {0}
    assert refused("UPDATE billing_rate SET meter = meter")
