"""Cost beside price, margins and tiers on rate cards; proposals for an operator; workspaces that keep their prices.

SQLite makes the tables of cards anew and loses their triggers, so they are taken away first and put back last. What
was published so far was sold at cost.
"""

import django.db.models.deletion
from django.db import migrations, models

import wukong.kernel.clock
import wukong.kernel.ids
from billing.guards import Guards

APPEND_ONLY = ["billing_ratecard", "billing_rate"]
BEFORE = Guards(append_only=APPEND_ONLY, whole={"billing_rate": ["pico_per_token"]})
AFTER = Guards(
    append_only=APPEND_ONLY,
    fixed={
        "billing_priceproposal": (
            "OLD.state <> 'proposed' OR NEW.model <> OLD.model OR NEW.currency <> OLD.currency "
            "OR NEW.margin_bp <> OLD.margin_bp OR CAST(NEW.costs AS text) <> CAST(OLD.costs AS text) "
            "OR COALESCE(CAST(NEW.base_id AS text), '') <> COALESCE(CAST(OLD.base_id AS text), '')"
        ),
        "billing_pricepin": (
            "OLD.lifted_at IS NOT NULL OR NEW.workspace_id <> OLD.workspace_id "
            "OR NEW.model <> OLD.model OR NEW.card_id <> OLD.card_id"
        ),
    },
    whole={
        "billing_rate": ["pico_per_token", "cost_pico", "from_tokens"],
        "billing_ratecard": ["version", "margin_bp"],
        "billing_priceproposal": ["margin_bp"],
    },
)


def _sold_at_cost(apps, schema_editor):
    schema_editor.execute("UPDATE billing_rate SET cost_pico = pico_per_token", params=None)


def _nothing(apps, schema_editor):
    pass


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_budgets_and_lots"), ("workspaces", "0002_histories_and_authorship")]

    operations = [
        migrations.RunPython(BEFORE.take, BEFORE.put),
        migrations.CreateModel(
            name="PricePin",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("model", models.CharField(max_length=120)),
                ("moment", models.DateTimeField()),
                ("actor", models.CharField(max_length=80)),
                ("lifted_at", models.DateTimeField(null=True)),
                ("lifted_by", models.CharField(blank=True, max_length=80)),
            ],
        ),
        migrations.CreateModel(
            name="PriceProposal",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("model", models.CharField(max_length=120)),
                ("currency", models.CharField(max_length=3)),
                ("provider", models.CharField(max_length=40)),
                ("source", models.CharField(max_length=40)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("costs", models.JSONField()),
                ("margin_bp", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "Proposed"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("superseded", "Superseded"),
                        ],
                        default="proposed",
                        max_length=10,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.CharField(blank=True, max_length=80)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="rate",
            name="one_rate_a_meter",
        ),
        migrations.RemoveConstraint(
            model_name="rate",
            name="rate_in_range",
        ),
        migrations.AddField(
            model_name="rate",
            name="cost_pico",
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="rate",
            name="from_tokens",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="ratecard",
            name="margin_bp",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddConstraint(
            model_name="rate",
            constraint=models.UniqueConstraint(fields=("card", "meter", "from_tokens"), name="one_rate_a_meter"),
        ),
        migrations.AddConstraint(
            model_name="rate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cost_pico__range", (0, 9000000000000000000)), ("pico_per_token__range", (0, 9000000000000000000))
                ),
                name="rate_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="ratecard",
            constraint=models.CheckConstraint(condition=models.Q(("margin_bp__lte", 1000000)), name="margin_in_range"),
        ),
        migrations.AddField(
            model_name="pricepin",
            name="card",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="billing.ratecard"
            ),
        ),
        migrations.AddField(
            model_name="pricepin",
            name="workspace",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="workspaces.workspace"
            ),
        ),
        migrations.AddField(
            model_name="priceproposal",
            name="base",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.ratecard",
            ),
        ),
        migrations.AddField(
            model_name="priceproposal",
            name="card",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.ratecard",
            ),
        ),
        migrations.AddConstraint(
            model_name="pricepin",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lifted_at", None)), fields=("workspace", "model"), name="one_standing_pin_a_model"
            ),
        ),
        migrations.AddConstraint(
            model_name="priceproposal",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "proposed")),
                fields=("model", "currency"),
                name="one_open_proposal_a_model",
            ),
        ),
        migrations.AddConstraint(
            model_name="priceproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("state", "proposed")),
                    models.Q(models.Q(("state", "proposed"), _negated=True), ("decided_at__isnull", False)),
                    _connector="OR",
                ),
                name="decisions_have_a_date",
            ),
        ),
        migrations.AddConstraint(
            model_name="priceproposal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("card__isnull", False), ("state", "approved")),
                    models.Q(models.Q(("state", "approved"), _negated=True), ("card", None)),
                    _connector="OR",
                ),
                name="approval_publishes_a_card",
            ),
        ),
        migrations.RunPython(_sold_at_cost, _nothing),
        migrations.RunPython(AFTER.put, AFTER.take),
    ]
