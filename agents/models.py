"""What agents are doing, as rows: Run → Step (a graph) → Attempt → ModelCall.

Every state is a column, every rule a constraint.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from workspaces.models import Document, Project, Source, User, Workspace
from workspaces.people.models import seen_by
from wukong.kernel.clock import now
from wukong.kernel.models import Row


class RunState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    PLANNING = "planning", _("Planning")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    FINISHING = "finishing", _("Finishing")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Stopped")


class PauseReason(models.TextChoices):
    USER = "user", _("Paused by a person")
    PLAN = "plan", _("The plan has to be looked at")
    BUDGET = "budget", _("Not enough money")
    APPROVAL = "approval", _("Waits for an approval")
    PROVIDER = "provider", _("The model does not answer")


class StepState(models.TextChoices):
    PENDING = "pending", _("Waits for other tasks")
    READY = "ready", _("Ready")
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Working")
    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    SKIPPED = "skipped", _("Skipped")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Stopped")


class StepKind(models.TextChoices):
    PLAN = "plan", _("Plan")
    RESEARCH = "research", _("Research")
    COMPOSE = "compose", _("Write")
    ANALYSE = "analyse", _("Analyse")
    REVIEW = "review", _("Review")
    SUMMARISE = "summarise", _("Summarise")


class AttemptState(models.TextChoices):
    OPEN = "open", _("Open")
    DONE = "done", _("Done")
    STOPPED = "stopped", _("Stopped")
    FAILED = "failed", _("Failed")
    LOST = "lost", _("Interrupted")


class CallState(models.TextChoices):
    """`reported` and `estimated` are charged; `wasted` (our worker died), `failed` and `refused` are not."""

    OPEN = "open", _("Open")
    REPORTED = "reported", _("Counted by the provider")
    ESTIMATED = "estimated", _("Counted by us")
    WASTED = "wasted", _("Interrupted, not charged")
    FAILED = "failed", _("Failed, not charged")
    REFUSED = "refused", _("Refused, not charged")


SETTLED = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)
MOVING = (RunState.PLANNING, RunState.RUNNING)
CLOSED = (StepState.DONE, StepState.SKIPPED, StepState.FAILED, StepState.CANCELLED)
WAITING_TO_RUN = (StepState.READY, StepState.QUEUED)


class RunQuerySet(models.QuerySet["Run"]):
    def of(self, user: User) -> Self:
        """Runs that `user` may see."""
        return self.filter(seen_by(user, "workspace"))

    def settled(self) -> Self:
        return self.filter(state__in=SETTLED)

    def unsettled(self) -> Self:
        return self.exclude(state__in=SETTLED)

    def moving(self) -> Self:
        return self.filter(state__in=MOVING)

    def finishing(self) -> Self:
        return self.filter(state=RunState.FINISHING)

    def waiting_for_money(self) -> Self:
        return self.filter(state=RunState.PAUSED, pause_reason=PauseReason.BUDGET)

    def in_care(self) -> Self:
        """Runs that `tick` looks after; the others move when a person moves them."""
        return self.filter(Q(state__in=[*MOVING, RunState.FINISHING]) | Q(pause_reason=PauseReason.BUDGET))


class Run(Row):
    """One job of a swarm. `done`, `failed` and `cancelled` mean settled: no hold is open and the cost is final.

    While `finishing` (since `finishing_at`), `outcome` names the state that follows once the money is settled.
    `plan` is `agents.writing.plan.Plan` as JSON.
    """

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    project = models.ForeignKey(Project, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    template = models.CharField(max_length=60)
    title = models.CharField(max_length=200, blank=True)
    goal = models.CharField(max_length=4000)
    brief = models.ForeignKey(Source, models.SET_NULL, null=True, related_name="+")  # the goal as a source: its [n]
    model = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.PLANNING)
    outcome = models.CharField(max_length=10, choices=RunState.choices, blank=True)
    pause_reason = models.CharField(max_length=10, choices=PauseReason.choices, blank=True)
    pause_details = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    plan = models.JSONField(default=dict)
    budget_nano = models.BigIntegerField(null=True)  # null: whatever the wallet has
    is_started = models.BooleanField(default=False)  # the plan goes on into the work without a person's "start"
    document = models.ForeignKey(Document, models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    started_at = models.DateTimeField(null=True)
    finishing_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="runs_are_numbered"),
            models.CheckConstraint(
                condition=Q(state=RunState.PAUSED, pause_reason__gt="")
                | (~Q(state=RunState.PAUSED) & Q(pause_reason="")),
                name="a_paused_run_says_why",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[RunState.FINISHING, *SETTLED]) | Q(outcome__in=SETTLED),
                name="an_ending_run_knows_its_outcome",
            ),
            models.CheckConstraint(
                condition=Q(budget_nano=None) | Q(budget_nano__gte=0), name="no_negative_run_budget"
            ),
        ]
        indexes = [
            models.Index(fields=["state"], name="runs_by_state"),
            models.Index(fields=["project", "-number"], name="runs_of_a_project"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title or self.goal[:60]}"

    @property
    def is_settled(self) -> bool:
        return self.state in SETTLED


class RunSource(models.Model):
    """A source that a run may cite, in the order in which the person chose them."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="run_sources")
    source = models.ForeignKey(Source, models.CASCADE, related_name="+")
    position = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "source"], name="a_source_once_a_run")]


class StepQuerySet(models.QuerySet["Step"]):
    def of_run(self, run_id: UUID) -> Self:
        return self.filter(run_id=run_id).order_by("number")

    def tasks(self) -> Self:
        """Without the step that makes the plan."""
        return self.exclude(kind=StepKind.PLAN)

    def due(self, at: datetime) -> Self:
        """Ready steps of moving runs whose time has come."""
        return self.filter(state__in=WAITING_TO_RUN, run__state__in=MOVING).filter(
            Q(not_before=None) | Q(not_before__lte=at)
        )

    def lapsed(self, at: datetime) -> Self:
        """Steps whose worker has gone silent."""
        return self.filter(state=StepState.RUNNING, lease_until__lt=at)

    def live(self) -> Self:
        return self.filter(state=StepState.RUNNING)

    def waiting(self) -> Self:
        """Steps that could run now if a worker were free."""
        return self.filter(state__in=WAITING_TO_RUN, run__state__in=MOVING)


class Step(Row):
    """One task of one agent. `epoch` is the fencing token: who holds an older one writes nothing any more.

    `blocks` is what the step has put into the document: {key: {"id": block id, "text": its words as the agent wrote
    them, "place": int, "is_done": bool, "call": id of the model's call or ""}}, `notes` what else it found:
    {key: {"kind", "data"}}. Both change in the same transaction as the log, so a new attempt knows exactly where the
    last one stopped.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="steps")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=StepKind.choices)
    title = models.CharField(max_length=200)
    role = models.CharField(max_length=40)
    agent = models.CharField(max_length=80)
    state = models.CharField(max_length=10, choices=StepState.choices, default=StepState.PENDING)
    spec = models.JSONField(default=dict)  # the task as the plan has it: agents.writing.plan.Task as JSON
    epoch = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)  # last wake-up that was sent; a lost one is sent again
    failures = models.PositiveIntegerField(default=0)
    block = models.CharField(max_length=40, blank=True)  # id of its heading in the run's document
    blocks = models.JSONField(default=dict)
    notes = models.JSONField(default=dict)
    words = models.PositiveIntegerField(default=0)
    detail = models.CharField(max_length=300, blank=True)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    interrupted_at = models.DateTimeField(null=True)
    dependencies = models.ManyToManyField(
        "self", through="StepDep", through_fields=("step", "needs"), symmetrical=False, related_name="dependents"
    )

    objects = StepQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="steps_are_numbered"),
            models.CheckConstraint(
                condition=~Q(state=StepState.RUNNING) | Q(lease_until__isnull=False), name="a_running_step_has_a_lease"
            ),
        ]
        indexes = [models.Index(fields=["state", "lease_until"], name="steps_to_do")]

    def __str__(self) -> str:
        return f"{self.number}. {self.title}"


class StepDep(models.Model):
    step = models.ForeignKey(Step, models.CASCADE, related_name="needs")
    needs = models.ForeignKey(Step, models.CASCADE, related_name="needed_by")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "needs"], name="a_need_counts_once"),
            models.CheckConstraint(condition=~Q(step=F("needs")), name="no_step_needs_itself"),
        ]


class Attempt(Row):
    """One worker's try at a step; it writes under its own Yjs client id, so that a zombie can never fork a clock."""

    step = models.ForeignKey(Step, models.CASCADE, related_name="attempts")
    epoch = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=AttemptState.choices, default=AttemptState.OPEN)
    client_id = models.PositiveBigIntegerField(null=True)
    error = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "epoch"], name="one_attempt_an_epoch")]


class ModelCallQuerySet(models.QuerySet["ModelCall"]):
    def open(self) -> Self:
        return self.filter(state=CallState.OPEN)

    def of_run(self, run_id: UUID) -> Self:
        return self.filter(step__run_id=run_id).order_by("opened_at", "id")

    def named(self, ids: Iterable[UUID]) -> Self:
        return self.filter(id__in=list(ids))


class ModelCall(Row):
    """One request to a model, written before it is sent. Its id is the key of its hold and of its charge: `call:<id>`.

    `counted_tokens` counts what has arrived so far; the disjoint usage columns are final once the row is closed. Until
    then `input_tokens` is our own count of what was sent.
    """

    step = models.ForeignKey(Step, models.CASCADE, related_name="calls")
    epoch = models.PositiveIntegerField()
    model = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=CallState.choices, default=CallState.OPEN)
    max_tokens = models.PositiveIntegerField(default=0)
    counted_tokens = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    cache_read_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    opened_at = models.DateTimeField(default=now)
    closed_at = models.DateTimeField(null=True)

    objects = ModelCallQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state=CallState.OPEN, closed_at=None)
                | (~Q(state=CallState.OPEN) & Q(closed_at__isnull=False)),
                name="a_closed_call_has_its_time",
            )
        ]
        indexes = [models.Index(fields=["state"], name="calls_by_state")]
