"""A transfer without indexes of its two accounts: nothing is looked up by them, and each charge had to write both.

Written in SQL, because on SQLite Django would make the table anew for it, without the guards that stand on it.
"""

import django.db.models.deletion
from django.db import migrations, models

INDEXES = {"debit": "billing_transfer_debit_id_292fe32b", "credit": "billing_transfer_credit_id_93202b6d"}


def _side(name):
    return migrations.AlterField(
        model_name="transfer",
        name=name,
        field=models.ForeignKey(
            db_index=False,
            on_delete=django.db.models.deletion.PROTECT,
            related_name="+",
            to="billing.account",
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_look_back")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f"DROP INDEX IF EXISTS {index}",
                    f"CREATE INDEX IF NOT EXISTS {index} ON billing_transfer ({name}_id)",
                )
                for name, index in INDEXES.items()
            ],
            state_operations=[_side(name) for name in INDEXES],
        ),
    ]
