"""Rows of one model that a page has made or changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from wukong.kernel import rows


@dataclass(slots=True)
class Written:
    """What is to be written, in the order in which it was made. Each row is one object, as on a page."""

    new: list[Any] = field(default_factory=list)
    changed: dict[int, Any] = field(default_factory=dict)

    def touch(self, row: Model) -> None:
        """Note that a row was changed; a new one is written as it is in the end."""
        self.changed[id(row)] = row

    def write(self, fields: Sequence[str], made: Sequence[Model] = ()) -> None:
        """Insert what is new, update the rest; `made` were inserted elsewhere, as they are in the end."""
        rows.insert(self.new)
        known = {id(row) for row in (*self.new, *made)}
        rows.update([row for key, row in self.changed.items() if key not in known], fields)
