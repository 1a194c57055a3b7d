"""Top-ups through a payment provider, what goes back of them, and its events."""

import django.db.models.deletion
import wukong.kernel.clock
import wukong.kernel.ids
from billing.guards import Guards
from django.db import migrations, models


GUARDS = Guards(
    append_only=["billing_stripeevent"],
    fixed={
        # a booked top-up stays booked, and a top-up what was asked for
        "billing_topup": (
            "(OLD.state = 'booked' AND NEW.state <> 'booked') OR NEW.amount_nano <> OLD.amount_nano "
            "OR NEW.currency <> OLD.currency OR NEW.workspace_id <> OLD.workspace_id OR NEW.key <> OLD.key"
        ),
        # so does what goes back of it
        "billing_topupreturn": (
            "OLD.state IN ('failed', 'given') OR NEW.amount_nano <> OLD.amount_nano OR NEW.topup_id <> OLD.topup_id "
            "OR NEW.kind <> OLD.kind OR NEW.key <> OLD.key OR NEW.taken_nano < OLD.taken_nano"
        ),
    },
    whole={
        "billing_topup": ["amount_nano"],
        "billing_topupreturn": ["amount_nano", "taken_nano"],
        "billing_autotopup": ["below_nano", "amount_nano", "daily_most_nano"],
    },
)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0005_statements"),
        ("workspaces", "0002_histories_and_authorship"),
    ]

    operations = [
        migrations.CreateModel(
            name="StripeEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("event_id", models.CharField(max_length=255, unique=True)),
                ("type", models.CharField(max_length=100)),
                ("object_id", models.CharField(blank=True, max_length=255)),
                ("occurred_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "payment event",
            },
        ),
        migrations.CreateModel(
            name="AutoTopUp",
            fields=[
                (
                    "workspace",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="workspaces.workspace",
                    ),
                ),
                ("is_on", models.BooleanField(default=False)),
                ("below_nano", models.BigIntegerField(default=0)),
                ("amount_nano", models.BigIntegerField(default=0)),
                ("daily_most_nano", models.BigIntegerField(default=0)),
                ("customer", models.CharField(blank=True, max_length=100)),
                ("payment_method", models.CharField(blank=True, max_length=100)),
                ("method_label", models.CharField(blank=True, max_length=80)),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField(null=True)),
                ("actor", models.CharField(blank=True, max_length=80)),
            ],
            options={
                "verbose_name": "automatic top-up",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amount_nano__gte", 0), ("below_nano__gte", 0), ("daily_most_nano__gte", 0)
                        ),
                        name="automatic_topup_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_on", False),
                            models.Q(
                                ("amount_nano__gt", 0),
                                ("daily_most_nano__gte", models.F("amount_nano")),
                                models.Q(("payment_method", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="automatic_topup_can_pay",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TopUp",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("key", models.CharField(max_length=120)),
                ("amount_nano", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Waiting for payment"),
                            ("processing", "The bank is working on it"),
                            ("paid", "Paid, being booked"),
                            ("booked", "Booked"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                        ],
                        default="open",
                        max_length=12,
                    ),
                ),
                ("is_auto", models.BooleanField(default=False)),
                ("saves_method", models.BooleanField(default=False)),
                ("actor", models.CharField(max_length=80)),
                ("session", models.CharField(blank=True, max_length=200)),
                ("payment_intent", models.CharField(blank=True, max_length=100)),
                ("url", models.TextField(blank=True)),
                ("failure", models.CharField(blank=True, max_length=200)),
                ("version", models.PositiveIntegerField(default=0)),
                ("looked_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                ("mailed_at", models.DateTimeField(null=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="workspaces.workspace",
                    ),
                ),
            ],
            options={
                "verbose_name": "top-up",
            },
        ),
        migrations.CreateModel(
            name="TopUpReturn",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=wukong.kernel.ids.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=wukong.kernel.clock.now, editable=False)),
                ("key", models.CharField(max_length=190, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("refund", "Refund"), ("outside", "Refund at the provider"), ("dispute", "Dispute")],
                        max_length=8,
                    ),
                ),
                ("amount_nano", models.BigIntegerField()),
                ("taken_nano", models.BigIntegerField(default=0)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "To be taken from the wallet"),
                            ("taken", "To be paid back"),
                            ("done", "Done"),
                            ("failed", "Refused"),
                            ("giving", "To be given back to the wallet"),
                            ("given", "Given back to the wallet"),
                        ],
                        default="asked",
                        max_length=8,
                    ),
                ),
                ("provider_id", models.CharField(blank=True, max_length=100)),
                ("actor", models.CharField(max_length=80)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("failure", models.CharField(blank=True, max_length=200)),
                ("looked_at", models.DateTimeField(null=True)),
                (
                    "topup",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="returns", to="billing.topup"
                    ),
                ),
            ],
            options={
                "verbose_name": "return of a top-up",
            },
        ),
        migrations.AddIndex(
            model_name="topup",
            index=models.Index(fields=["workspace", "id"], name="topups_of_a_workspace"),
        ),
        migrations.AddIndex(
            model_name="topup",
            index=models.Index(
                condition=models.Q(("state__in", ("open", "processing", "paid"))),
                fields=["looked_at"],
                name="pending_topups",
            ),
        ),
        migrations.AddConstraint(
            model_name="topup",
            constraint=models.UniqueConstraint(fields=("workspace", "key"), name="one_topup_a_key"),
        ),
        migrations.AddConstraint(
            model_name="topup",
            constraint=models.UniqueConstraint(
                condition=models.Q(("session", ""), _negated=True), fields=("session",), name="one_topup_a_session"
            ),
        ),
        migrations.AddConstraint(
            model_name="topup",
            constraint=models.UniqueConstraint(
                condition=models.Q(("payment_intent", ""), _negated=True),
                fields=("payment_intent",),
                name="one_topup_a_payment",
            ),
        ),
        migrations.AddConstraint(
            model_name="topup",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_auto", True), ("state__in", ["open", "processing"])),
                fields=("workspace",),
                name="one_pending_automatic_topup",
            ),
        ),
        migrations.AddConstraint(
            model_name="topup",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nano__range", (1, 9000000000000000000))), name="topup_adds_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="topup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["paid", "booked"]), _negated=True),
                    models.Q(("payment_intent", ""), _negated=True),
                    _connector="OR",
                ),
                name="paid_topups_have_a_payment",
            ),
        ),
        migrations.AddIndex(
            model_name="topupreturn",
            index=models.Index(
                condition=models.Q(("state__in", ["asked", "taken", "giving"])),
                fields=["looked_at"],
                name="unfinished_returns",
            ),
        ),
        migrations.AddConstraint(
            model_name="topupreturn",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nano__range", (1, 9000000000000000000))), name="return_moves_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="topupreturn",
            constraint=models.CheckConstraint(
                condition=models.Q(("taken_nano__gte", 0), ("taken_nano__lte", models.F("amount_nano"))),
                name="taken_within_its_return",
            ),
        ),
        migrations.RunPython(GUARDS.put, GUARDS.take),
    ]
