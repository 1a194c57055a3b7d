"""Our count beside the provider's, what is asked again, words that were rejected, and drift that was told.

The new columns may be empty, so that SQLite adds them in place and the tables keep their triggers (see 0002).
"""

import django.db.models.deletion
import wukong.kernel.clock
import wukong.kernel.ids
from billing.guards import Guards
from django.db import migrations, models

GUARDS = Guards(append_only=["billing_driftalert", "billing_rejection"])
COUNTS = ["own_input_tokens", "own_output_tokens", "question", "repeated_tokens"]


def guard_counts(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        bad = " OR ".join(f"typeof(NEW.{column}) NOT IN ('integer', 'null')" for column in COUNTS)
        schema_editor.execute(
            f"CREATE TRIGGER billing_usagerecord_whole_counts AFTER INSERT ON billing_usagerecord WHEN {bad} "
            "BEGIN SELECT RAISE(ABORT, 'billing_usagerecord counts in whole numbers'); END",
            params=None,
        )


def unguard_counts(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER IF EXISTS billing_usagerecord_whole_counts", params=None)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0006_payments"),
        ("workspaces", "0002_histories_and_authorship"),
    ]

    operations = [
        migrations.CreateModel(
            name="DriftAlert",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("day", models.DateField()),
                ("model", models.CharField(max_length=120)),
                ("calls", models.PositiveBigIntegerField()),
                ("own_tokens", models.PositiveBigIntegerField()),
                ("provider_tokens", models.PositiveBigIntegerField()),
                ("limit_bp", models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Rejection",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("key", models.CharField(max_length=200, unique=True)),
                ("call", models.UUIDField()),
                ("tokens", models.PositiveBigIntegerField()),
                (
                    "by",
                    models.CharField(
                        choices=[("check", "A check by code"), ("reviewer", "A reviewer"), ("person", "A person")],
                        max_length=10,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="hold",
            name="question",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="hold",
            name="repeated_tokens",
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="own_input_tokens",
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="own_output_tokens",
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="question",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="repeated_tokens",
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name="usagerecord",
            index=models.Index(fields=["workspace", "model", "agent", "id"], name="usage_of_an_agent"),
        ),
        migrations.AddConstraint(
            model_name="driftalert",
            constraint=models.UniqueConstraint(fields=("day", "model"), name="one_drift_alert_a_day"),
        ),
        migrations.AddField(
            model_name="rejection",
            name="workspace",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="workspaces.workspace"
            ),
        ),
        migrations.AddIndex(
            model_name="rejection",
            index=models.Index(fields=["call"], name="rejections_of_a_call"),
        ),
        migrations.RunPython(GUARDS.put, GUARDS.take),
        migrations.RunPython(guard_counts, unguard_counts),
    ]
