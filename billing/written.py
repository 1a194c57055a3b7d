"""Rows of one model that a page has made or changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from billing import rows


@dataclass(slots=True)
class Written:
    """What is to be written, in the order in which it was made."""

    new: list[Any] = field(default_factory=list)
    changed: dict[Any, Any] = field(default_factory=dict)

    def touch(self, row: Model) -> None:
        """Note that a row was changed; a new one is written as it is in the end."""
        self.changed[row.pk] = row

    def write(self, fields: Sequence[str], made: Sequence[Model] = ()) -> None:
        """Insert what is new, update the rest; `made` were inserted elsewhere, as they are in the end."""
        rows.insert(self.new)
        known = {row.pk for row in [*self.new, *made]}
        rows.update([row for pk, row in self.changed.items() if pk not in known], fields)
