"""The limit that people have set, beside the one that lets through what was spent and held before.

The new column may be empty, so that SQLite adds it in place and the table keeps its triggers (see 0002).
"""

from django.db import migrations, models


def guard(apps, schema_editor):
    for event in ("insert", "update") if schema_editor.connection.vendor == "sqlite" else ():
        schema_editor.execute(
            f"CREATE TRIGGER billing_budgetwindow_whole_set_{event} AFTER {event} ON billing_budgetwindow "
            "WHEN typeof(NEW.set_nano) NOT IN ('integer', 'null') "
            "BEGIN SELECT RAISE(ABORT, 'billing_budgetwindow counts in whole numbers'); END",
            params=None,
        )


def unguard(apps, schema_editor):
    for event in ("insert", "update") if schema_editor.connection.vendor == "sqlite" else ():
        schema_editor.execute(f"DROP TRIGGER IF EXISTS billing_budgetwindow_whole_set_{event}", params=None)


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_own_counts")]

    operations = [
        migrations.AddField(
            model_name="budgetwindow",
            name="set_nano",
            field=models.BigIntegerField(null=True),
        ),
        migrations.RunPython(guard, unguard),
    ]
