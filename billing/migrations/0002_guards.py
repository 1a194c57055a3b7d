"""What the database itself refuses, whoever asks: changing what was booked, reopening a hold, money that is no integer.

A later migration that alters one of these tables on SQLite makes the table anew and loses its triggers: it has to
put them back. `tests/billing/test_guard.py` sees to that.
"""

from django.db import migrations

APPEND_ONLY = ["billing_transfer", "billing_usagerecord", "billing_ratecard", "billing_rate"]
# SQLite turns an integer that overflows into a float without a word.
WHOLE = {
    "billing_wallet": ["balance_nano", "held_nano", "credit_limit_nano"],
    "billing_budgetwindow": ["spent_nano", "held_nano"],
    "billing_hold": ["amount_nano", "captured_nano"],
    "billing_transfer": ["amount_nano"],
    "billing_usagerecord": [
        "amount_nano",
        "uncharged_nano",
        "input_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "output_tokens",
        "reasoning_tokens",
    ],
    "billing_rate": ["pico_per_token"],
}
HOLD_MOVED = "OLD.state <> 'pending' OR NEW.key <> OLD.key OR NEW.wallet_id <> OLD.wallet_id"


def guard(vendor):
    """Yield the statements that set the guards up."""
    yield from {"sqlite": _sqlite, "postgresql": _postgresql}[vendor]()


def unguard(vendor):
    """Yield the statements that take them away."""
    on = (lambda table: "") if vendor == "sqlite" else (lambda table: f" ON {table}")
    for table in [*APPEND_ONLY, "billing_hold"]:
        for event in _events(vendor):
            yield f"DROP TRIGGER IF EXISTS {table}_no_{event}{on(table)}"
    if vendor == "sqlite":
        for table in WHOLE:
            for event in ("insert", "update"):
                yield f"DROP TRIGGER IF EXISTS {table}_whole_{event}"
    else:
        yield "DROP FUNCTION IF EXISTS billing_refuse()"


def _events(vendor):
    return ("update", "delete") if vendor == "sqlite" else ("update", "delete", "truncate")


def _sqlite():
    for table in APPEND_ONLY:
        for event in _events("sqlite"):
            yield (
                f"CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    yield (
        f"CREATE TRIGGER billing_hold_no_update BEFORE UPDATE ON billing_hold WHEN {HOLD_MOVED} "
        "BEGIN SELECT RAISE(ABORT, 'a hold ends once'); END"
    )
    yield (
        "CREATE TRIGGER billing_hold_no_delete BEFORE DELETE ON billing_hold "
        "BEGIN SELECT RAISE(ABORT, 'a hold is kept'); END"
    )
    for table, columns in WHOLE.items():
        bad = " OR ".join(f"typeof(NEW.{column}) <> 'integer'" for column in columns)
        for event in ("insert", "update"):
            yield (
                f"CREATE TRIGGER {table}_whole_{event} AFTER {event} ON {table} WHEN {bad} "
                f"BEGIN SELECT RAISE(ABORT, '{table} counts in whole numbers'); END"
            )


def _postgresql():
    yield """
        CREATE FUNCTION billing_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only: % refused', tg_table_name, tg_op USING ERRCODE = 'restrict_violation';
        END $$
    """
    for table in APPEND_ONLY:
        for event in ("update", "delete"):
            yield (
                f"CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION billing_refuse()"
            )
    yield (
        f"CREATE TRIGGER billing_hold_no_update BEFORE UPDATE ON billing_hold "
        f"FOR EACH ROW WHEN ({HOLD_MOVED}) EXECUTE FUNCTION billing_refuse()"
    )
    yield (
        "CREATE TRIGGER billing_hold_no_delete BEFORE DELETE ON billing_hold "
        "FOR EACH ROW EXECUTE FUNCTION billing_refuse()"
    )
    for table in [*APPEND_ONLY, "billing_hold"]:
        yield (
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse()"
        )
    for table in ("billing_wallet", "billing_budgetwindow"):
        yield f"ALTER TABLE {table} SET (fillfactor = 50)"  # hot rows: room for the next version on the same page


def _run(statements):
    def execute(apps, schema_editor):
        for statement in statements(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    return execute


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]
    operations = [migrations.RunPython(_run(guard), _run(unguard))]
