"""Which movements somebody wants to see: the filters of the page, of its file and of the API are these."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from billing.models import Transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Movements booked in [start, end), of one kind, project, run, agent, model; None and "" are all of them."""

    start: datetime | None = None
    end: datetime | None = None
    code: str = ""
    project: UUID | None = None
    run: UUID | None = None
    agent: str = ""
    model: str = ""

    @property
    def is_all(self) -> bool:
        return self == Wanted()

    def among(self, rows: QuerySet[Transfer]) -> QuerySet[Transfer]:
        """Return those of the rows that are wanted."""
        exact = {"code": self.code, "project": self.project, "run": self.run, "agent": self.agent, "model": self.model}
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        if self.start is not None:
            rows = rows.filter(booked_at__gte=self.start)
        return rows if self.end is None else rows.filter(booked_at__lt=self.end)
