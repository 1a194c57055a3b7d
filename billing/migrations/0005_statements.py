"""Monthly statements, their lines and the meters' readings: append-only, in whole numbers."""

import django.db.models.deletion
import django.db.models.expressions
import wukong.kernel.clock
import wukong.kernel.ids
from billing.guards import Guards
from django.db import migrations, models


GUARDS = Guards(
    append_only=["billing_statement", "billing_statementline", "billing_meterreading"],
    whole={
        "billing_statement": [
            "opening_nano",
            "closing_nano",
            "total_nano",
            "carry_in_nano",
            "carry_nano",
            "tax_nano",
            "opening_reading",
            "closing_reading",
            "entries",
        ],
        "billing_statementline": [
            "from_tokens",
            "opening_reading",
            "closing_reading",
            "tokens",
            "calls",
            "pico_per_token",
            "amount_nano",
        ],
        "billing_meterreading": ["reading"],
    },
)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0004_prices"),
        ("workspaces", "0002_histories_and_authorship"),
    ]

    operations = [
        migrations.CreateModel(
            name="MeterReading",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("model", models.CharField(max_length=120)),
                ("meter", models.CharField(max_length=12)),
                ("at", models.DateTimeField()),
                ("reading", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Statement",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("issued_to", models.CharField(max_length=80)),
                ("month", models.DateField()),
                ("number", models.CharField(max_length=20, unique=True)),
                ("currency", models.CharField(max_length=3)),
                ("time_zone", models.CharField(max_length=50)),
                ("period_start", models.DateTimeField()),
                ("period_end", models.DateTimeField()),
                ("opening_nano", models.BigIntegerField()),
                ("closing_nano", models.BigIntegerField()),
                ("total_nano", models.BigIntegerField()),
                ("carry_in_nano", models.BigIntegerField()),
                ("carry_nano", models.BigIntegerField()),
                ("tax_percent", models.CharField(max_length=13)),
                ("tax_nano", models.BigIntegerField()),
                ("opening_reading", models.BigIntegerField()),
                ("closing_reading", models.BigIntegerField()),
                ("entries", models.PositiveBigIntegerField()),
                ("movements", models.JSONField()),
                ("not_charged", models.JSONField()),
                ("issued_at", models.DateTimeField(default=wukong.kernel.clock.now)),
                ("sha256", models.CharField(max_length=64)),
            ],
            options={
                "verbose_name": "statement",
            },
        ),
        migrations.CreateModel(
            name="StatementLine",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("place", models.PositiveIntegerField()),
                ("model", models.CharField(max_length=120)),
                ("meter", models.CharField(max_length=12)),
                ("from_tokens", models.PositiveBigIntegerField(default=0)),
                ("opening_reading", models.BigIntegerField()),
                ("closing_reading", models.BigIntegerField()),
                ("tokens", models.BigIntegerField()),
                ("calls", models.PositiveBigIntegerField()),
                ("pico_per_token", models.BigIntegerField()),
                ("amount_nano", models.BigIntegerField()),
            ],
            options={
                "ordering": ["place"],
            },
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(fields=["workspace", "booked_at"], name="transfers_of_a_period"),
        ),
        migrations.AddField(
            model_name="meterreading",
            name="workspace",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="workspaces.workspace"
            ),
        ),
        migrations.AddField(
            model_name="statement",
            name="workspace",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="workspaces.workspace"
            ),
        ),
        migrations.AddField(
            model_name="statementline",
            name="rate_card",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="billing.ratecard"
            ),
        ),
        migrations.AddField(
            model_name="statementline",
            name="statement",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="billing.statement"
            ),
        ),
        migrations.AddConstraint(
            model_name="meterreading",
            constraint=models.UniqueConstraint(
                fields=("workspace", "model", "meter", "at"), name="one_reading_a_moment"
            ),
        ),
        migrations.AddConstraint(
            model_name="meterreading",
            constraint=models.CheckConstraint(condition=models.Q(("reading__gte", 0)), name="reading_is_not_negative"),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.UniqueConstraint(fields=("workspace", "month"), name="one_statement_a_month"),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(("period_end__gt", models.F("period_start"))), name="statement_has_a_period"
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(("closing_reading__gte", models.F("opening_reading")), ("opening_reading__gte", 0)),
                name="meter_never_runs_backwards",
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(("total_nano__range", (-9000000000000000000, 9000000000000000000))),
                name="statement_total_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="statementline",
            constraint=models.UniqueConstraint(fields=("statement", "place"), name="one_line_a_place"),
        ),
        migrations.AddConstraint(
            model_name="statementline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "closing_reading",
                        django.db.models.expressions.CombinedExpression(
                            models.F("opening_reading"), "+", models.F("tokens")
                        ),
                    ),
                    ("opening_reading__gte", 0),
                    ("tokens__gte", 0),
                ),
                name="line_reads_what_was_used",
            ),
        ),
        migrations.AddConstraint(
            model_name="statementline",
            constraint=models.CheckConstraint(condition=models.Q(("amount_nano__gte", 0)), name="line_is_not_negative"),
        ),
        migrations.RunPython(GUARDS.put, GUARDS.take),
    ]
