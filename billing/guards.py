"""What the database itself refuses, as statements for migrations: to change what was booked, money that is no integer.

SQLite loses the triggers of a table that a migration makes anew: such a migration takes the guards away first and puts
them back last. `tests/billing/test_guard.py` sees to it that none is missing. What is written here is part of released
migrations: it may grow, it does not change.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """The guards of some tables; `put` and `take` are for RunPython.

    `append_only`: no row is changed or deleted. `fixed`: a row is changed unless the SQL condition over OLD and NEW
    holds, and is never deleted. `whole`: columns that are whole numbers, SQLite turns an integer that overflows into a
    float without a word. PostgreSQL needs `billing_refuse()` of 0002.
    """

    append_only: Sequence[str] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    whole: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def put(self, _apps: Any, schema_editor: Any) -> None:
        """Set the guards up."""
        vendor = schema_editor.connection.vendor
        for statement in self._put_sqlite() if vendor == "sqlite" else self._put_postgresql():
            schema_editor.execute(statement, params=None)

    def take(self, _apps: Any, schema_editor: Any) -> None:
        """Take them away."""
        for statement in self._take(schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    def _kept(self) -> Iterator[tuple[str, str, str]]:
        """Yield (table, event, condition) of what is refused row by row."""
        for table in (*self.append_only, *self.fixed):
            yield table, "update", f"WHEN ({self.fixed[table]}) " if table in self.fixed else ""
            yield table, "delete", ""

    def _put_sqlite(self) -> Iterator[str]:
        for table, event, condition in self._kept():
            yield (
                f"CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table} {condition}"
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        for table, columns in self.whole.items():
            bad = " OR ".join(f"typeof(NEW.{column}) <> 'integer'" for column in columns)
            for event in ("insert", "update"):
                yield (
                    f"CREATE TRIGGER {table}_whole_{event} AFTER {event} ON {table} WHEN {bad} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} counts in whole numbers'); END"
                )

    def _put_postgresql(self) -> Iterator[str]:
        for table, event, condition in self._kept():
            yield (
                f"CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table} "
                f"FOR EACH ROW {condition}EXECUTE FUNCTION billing_refuse()"
            )
        for table in (*self.append_only, *self.fixed):
            yield (
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION billing_refuse()"
            )

    def _take(self, vendor: str) -> Iterator[str]:
        on_sqlite = vendor == "sqlite"
        for table in (*self.append_only, *self.fixed):
            for event in ("update", "delete") if on_sqlite else ("update", "delete", "truncate"):
                yield f"DROP TRIGGER IF EXISTS {table}_no_{event}" + ("" if on_sqlite else f" ON {table}")
        for table in self.whole if on_sqlite else ():
            for event in ("insert", "update"):
                yield f"DROP TRIGGER IF EXISTS {table}_whole_{event}"
