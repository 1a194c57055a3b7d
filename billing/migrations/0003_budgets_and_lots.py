"""Budgets of five levels, lots, and what corrects a bill.

Tables with guards are altered here, which on SQLite makes them anew: the guards are taken away first and put back last.
"""

from importlib import import_module

import django.db.models.deletion
import django.db.models.expressions
import wukong.kernel.clock
import wukong.kernel.ids
from billing.guards import Guards
from django.db import migrations, models

guards = import_module("billing.migrations.0002_guards")
WHOLE = Guards(
    whole={
        "billing_lot": ["amount_nano", "remaining_nano"],
        "billing_budget": ["limit_nano"],
        "billing_alert": ["spent_nano", "limit_nano"],
    }
)


def name_windows(apps, schema_editor):
    """Counters of runs are named by their run's id."""
    BudgetWindow = apps.get_model("billing", "BudgetWindow")
    for window in BudgetWindow.objects.all().iterator():
        window.name = str(window.scope_id)
        window.key = f"run:{window.name}"
        window.save(update_fields=["name", "key"])


def open_lots(apps, schema_editor):
    """What a wallet has becomes one lot that does not expire."""
    Wallet, Lot = apps.get_model("billing", "Wallet"), apps.get_model("billing", "Lot")
    for wallet in Wallet.objects.filter(balance_nano__gt=0).iterator():
        Lot.objects.create(
            wallet=wallet,
            key=f"opening:{wallet.pk}",
            category="paid",
            amount_nano=wallet.balance_nano,
            remaining_nano=wallet.balance_nano,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0002_guards"),
        ("workspaces", "0002_histories_and_authorship"),
    ]

    operations = [
        migrations.RunPython(guards._run(guards.unguard), guards._run(guards.guard)),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("threshold", models.PositiveSmallIntegerField()),
                ("spent_nano", models.BigIntegerField()),
                ("limit_nano", models.BigIntegerField()),
                ("mailed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Budget",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("workspace", "Workspace"),
                            ("project", "Project"),
                            ("swarm", "Swarm"),
                            ("agent", "Agent"),
                            ("run", "Run"),
                        ],
                        max_length=12,
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=80)),
                (
                    "period",
                    models.CharField(
                        choices=[("day", "Day"), ("week", "Week"), ("month", "Month"), ("once", "In all")], max_length=8
                    ),
                ),
                ("limit_nano", models.BigIntegerField()),
                ("is_hard", models.BooleanField(default=True)),
                ("actor", models.CharField(max_length=80)),
                ("changed_at", models.DateTimeField(default=wukong.kernel.clock.now)),
            ],
        ),
        migrations.CreateModel(
            name="Lot",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("key", models.CharField(max_length=200, unique=True)),
                ("category", models.CharField(choices=[("paid", "Paid"), ("promo", "Given")], max_length=8)),
                ("priority", models.PositiveSmallIntegerField(default=50)),
                ("amount_nano", models.BigIntegerField()),
                ("remaining_nano", models.BigIntegerField()),
                ("expires_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="budgetwindow",
            name="one_window_a_scope",
        ),
        migrations.RemoveConstraint(
            model_name="budgetwindow",
            name="window_is_not_overspent",
        ),
        migrations.RenameField(model_name="budgetwindow", old_name="scope", new_name="level"),
        migrations.RenameField(model_name="hold", old_name="window", new_name="run_window"),
        migrations.AddField(
            model_name="budgetwindow",
            name="is_hard",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="budgetwindow",
            name="key",
            field=models.CharField(default="", max_length=220),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="budgetwindow",
            name="level",
            field=models.CharField(
                choices=[
                    ("workspace", "Workspace"),
                    ("project", "Project"),
                    ("swarm", "Swarm"),
                    ("agent", "Agent"),
                    ("run", "Run"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="budgetwindow",
            name="name",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="budgetwindow",
            name="period",
            field=models.CharField(blank=True, max_length=12),
        ),
        migrations.RunPython(name_windows, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="budgetwindow",
            name="key",
            field=models.CharField(max_length=220, unique=True),
        ),
        migrations.RemoveField(model_name="budgetwindow", name="scope_id"),
        migrations.AddField(
            model_name="hold",
            name="agent_window",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.budgetwindow",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="input_guess",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="hold",
            name="project_window",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.budgetwindow",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="swarm",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="hold",
            name="swarm_window",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.budgetwindow",
            ),
        ),
        migrations.AddField(
            model_name="hold",
            name="workspace_window",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="billing.budgetwindow",
            ),
        ),
        migrations.AddField(
            model_name="transfer",
            name="note",
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name="transfer",
            name="swarm",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddField(
            model_name="usagerecord",
            name="swarm",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AlterField(
            model_name="account",
            name="kind",
            field=models.CharField(
                choices=[
                    ("wallet", "Wallet"),
                    ("revenue", "Revenue"),
                    ("cash_clearing", "Cash received"),
                    ("grant_promo", "Granted credit"),
                    ("breakage", "Expired credit"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="transfer",
            name="code",
            field=models.CharField(
                choices=[
                    ("topup", "Top-up"),
                    ("grant", "Credit"),
                    ("capture", "Usage"),
                    ("adjust", "Adjustment"),
                    ("refund", "Refund"),
                    ("expire", "Expired credit"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetwindow",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("limit_nano", None),
                    ("is_hard", False),
                    (
                        "limit_nano__gte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("spent_nano"), "+", models.F("held_nano")
                        ),
                    ),
                    _connector="OR",
                ),
                name="window_is_not_overspent",
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="window",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="alerts",
                to="billing.budgetwindow",
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="workspaces.workspace"
            ),
        ),
        migrations.AddField(
            model_name="budget",
            name="workspace",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="workspaces.workspace"
            ),
        ),
        migrations.AddField(
            model_name="lot",
            name="wallet",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="billing.wallet"
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(condition=models.Q(("mailed_at", None)), fields=["id"], name="alerts_to_mail"),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(fields=("window", "threshold"), name="one_alert_a_threshold"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.UniqueConstraint(fields=("workspace", "level", "name"), name="one_budget_a_scope"),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(("limit_nano__range", (0, 9000000000000000000))), name="budget_in_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(("level", "run"), _negated=True), name="budgets_of_runs_are_their_own"
            ),
        ),
        migrations.AddIndex(
            model_name="lot",
            index=models.Index(
                condition=models.Q(("remaining_nano__gt", 0)), fields=["wallet"], name="lots_with_something_left"
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_nano__lte", 9000000000000000000),
                    ("remaining_nano__gte", 0),
                    ("remaining_nano__lte", models.F("amount_nano")),
                ),
                name="lot_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="lot",
            constraint=models.CheckConstraint(condition=models.Q(("priority__lte", 100)), name="lot_priority_in_range"),
        ),
        migrations.RunPython(open_lots, migrations.RunPython.noop),
        migrations.RunPython(guards._run(guards.guard), guards._run(guards.unguard)),
        migrations.RunPython(WHOLE.put, WHOLE.take),
    ]
