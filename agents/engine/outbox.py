"""What one transaction has to tell: its events, recorded last, and its wake-ups, sent after the commit."""

from typing import Any
from uuid import UUID

from django.db import transaction

from agents.engine import wake
from agents.models import Run, Step
from workspaces.events import services as events


class Outbox:
    """Collects what moved; `close` is the last call in the transaction (lock order: run → step → document → stream)."""

    def __init__(self, run: Run, actor: str = "system") -> None:
        self.run = run
        self.actor = actor
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.wakes: list[UUID] = []

    def run_moved(self, run: Run, **more: Any) -> None:
        data = {
            "run": str(run.id),
            "project": str(run.project_id),
            "number": run.number,
            "title": run.title,
            "state": run.state,
            "pause_reason": run.pause_reason,
            "pause_details": run.pause_details,
            "document": str(run.document_id) if run.document_id else None,
            "error": run.error,
        }
        self.events.append(("run.moved", self.actor, data | more))

    def step_moved(self, step: Step) -> None:
        self.events.append(("step.moved", f"agent:{step.role}", step_data(step)))

    def step_progressed(self, step: Step) -> None:
        data = {"run": str(step.run_id), "step": str(step.id), "words": step.words, "detail": step.detail}
        self.events.append(("step.progressed", f"agent:{step.role}", data))

    def wake(self, step_id: UUID) -> None:
        self.wakes.append(step_id)

    def close(self) -> None:
        """Record the events and arrange the wake-ups."""
        for type_, actor, data in self.events:
            events.record(workspace_id=self.run.workspace_id, type=type_, actor=actor[:80], run=self.run.id, data=data)
        wake.send(self.wakes)
        if self.events:
            transaction.on_commit(wake.stirred.set)
        self.events, self.wakes = [], []


def step_data(step: Step) -> dict[str, Any]:
    """Return the step as events and pages have it."""
    return {
        "run": str(step.run_id),
        "step": str(step.id),
        "number": step.number,
        "kind": step.kind,
        "title": step.title,
        "role": step.role,
        "agent": step.agent,
        "state": step.state,
        "detail": step.detail,
        "error": step.error,
        "block": step.block,
        "words": step.words,
    }
