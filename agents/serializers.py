"""The JSON of runs, steps, templates, models and events."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.engine.quoting import Picture
from agents.models import PauseReason, RunState, Step, StepState
from agents.writing.templates import Template
from billing.contracts import Usage
from workspaces.documents.models import WriterKind
from workspaces.models import Event
from wukong.kernel.http.serializers import MoneyField, Strict
from wukong.kernel.money import money_json

NOTHING = Usage(
    input_tokens=0,
    cache_read_tokens=0,
    cache_write_tokens=0,
    output_tokens=0,
    reasoning_tokens=0,
    estimated=False,
)


class UsageRead(serializers.Serializer[Any]):
    """Disjoint meters: their sum is the provider's total. `estimated`: some of it was counted by us."""

    input_tokens = serializers.IntegerField()
    cache_read_tokens = serializers.IntegerField()
    cache_write_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()
    estimated = serializers.BooleanField()


class RunWrite(Strict):
    project = serializers.UUIDField()
    template = serializers.CharField(max_length=60)
    goal = serializers.CharField(max_length=4000)
    sources = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=100)
    document = serializers.UUIDField(required=False, allow_null=True)
    model = serializers.CharField(max_length=120, required=False, allow_blank=True)
    budget = MoneyField(required=False, allow_null=True)
    start = serializers.BooleanField(required=False, default=True)


class ResumeWrite(Strict):
    budget = MoneyField(required=False, allow_null=True)


class PlannedTask(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    title = serializers.CharField()
    role = serializers.CharField()
    kind = serializers.CharField()
    needs = serializers.ListField(child=serializers.IntegerField())
    estimate = serializers.JSONField()


class PlanRead(serializers.Serializer[Any]):
    """`about` is what the run will probably cost; it can never cost more than `at_most`.

    With `basis` `history`, before the start: half of the runs like it cost at most `about`, nine of ten at most `p90`.
    With too little history, and once it runs, `basis` is `plan`: its own estimate, and `p90` is null.
    """

    title = serializers.CharField()
    about = serializers.JSONField()
    p90 = serializers.JSONField(allow_null=True)
    basis = serializers.ChoiceField(choices=["history", "plan"])
    at_most = serializers.JSONField()
    tasks = PlannedTask(many=True)


class RunRead(serializers.Serializer[Any]):
    """A run with its figures. `done`, `failed` and `cancelled` are settled: `held` is 0 and `cost` is final."""

    id = serializers.UUIDField(source="run.id")
    number = serializers.IntegerField(source="run.number")
    workspace = serializers.UUIDField(source="run.workspace_id")
    project = serializers.UUIDField(source="run.project_id")
    template = serializers.CharField(source="run.template")
    title = serializers.CharField(source="run.title")
    goal = serializers.CharField(source="run.goal")
    model = serializers.CharField(source="run.model")
    state = serializers.ChoiceField(choices=RunState.choices, source="run.state")
    pause_reason = serializers.SerializerMethodField()
    pause_details = serializers.JSONField(source="run.pause_details")
    error = serializers.CharField(source="run.error")
    sources = serializers.ListField(child=serializers.UUIDField())
    documents = serializers.SerializerMethodField()
    plan = serializers.SerializerMethodField()
    cost = MoneyField(source="figures.cost_nano", currency="quote.currency")
    held = MoneyField(source="figures.held_nano", currency="quote.currency")
    budget = MoneyField(source="budget_nano", currency="quote.currency")
    usage = UsageRead(source="figures.usage")
    created_at = serializers.DateTimeField(source="run.created_at")
    started_at = serializers.DateTimeField(source="run.started_at", allow_null=True)
    ended_at = serializers.DateTimeField(source="run.ended_at", allow_null=True)

    @extend_schema_field(serializers.ChoiceField(choices=PauseReason.choices, allow_null=True))
    def get_pause_reason(self, picture: Picture) -> str | None:
        return picture.run.pause_reason or None

    def get_documents(self, picture: Picture) -> list[UUID]:
        return [picture.run.document_id] if picture.run.document_id else []

    @extend_schema_field(PlanRead(allow_null=True))
    def get_plan(self, picture: Picture) -> dict[str, Any] | None:
        """The plan, null until there is one."""
        quote = picture.quote
        if not picture.run.plan:
            return None
        return {
            "title": picture.run.title,
            "about": money_json(quote.about_nano, quote.currency),
            "p90": None if quote.most_nano is None else money_json(quote.most_nano, quote.currency),
            "basis": "plan" if quote.most_nano is None else "history",
            "at_most": money_json(quote.limit_nano, quote.currency),
            "tasks": [
                {
                    "number": task.number,
                    "title": task.title,
                    "role": task.role,
                    "kind": task.kind,
                    "needs": list(task.spec.get("needs", [])),
                    "estimate": money_json(quote.step_nano(task.number), quote.currency),
                }
                for task in picture.tasks
            ],
        }


class StepRead(serializers.Serializer[Step]):
    """`needs` are the ids of the steps that come before. `block` is the id of its heading in `document`."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    kind = serializers.CharField()
    title = serializers.CharField()
    role = serializers.CharField()
    agent = serializers.CharField()
    state = serializers.ChoiceField(choices=StepState.choices)
    needs = serializers.SerializerMethodField()
    document = serializers.SerializerMethodField()
    block = serializers.SerializerMethodField()
    detail = serializers.CharField()
    words = serializers.IntegerField()
    cost = serializers.SerializerMethodField()
    usage = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    interrupted_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()

    def get_needs(self, step: Step) -> list[UUID]:
        return [need.needs_id for need in step.needs.all()]

    def get_document(self, step: Step) -> UUID | None:
        return step.run.document_id if step.block else None

    def get_block(self, step: Step) -> str | None:
        return step.block or None

    @extend_schema_field(MoneyField())
    def get_cost(self, step: Step) -> dict[str, str]:
        figures = self.context["figures"].get(step.pk)
        return money_json(figures.cost_nano if figures else 0, self.context["currency"])

    @extend_schema_field(UsageRead())
    def get_usage(self, step: Step) -> dict[str, Any]:
        figures = self.context["figures"].get(step.pk)
        return dict(UsageRead(figures.usage if figures else NOTHING).data)


class TemplateRead(serializers.Serializer[Any]):
    """`id` is the slug."""

    id = serializers.CharField(source="slug")
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    language = serializers.CharField()
    roles = serializers.SerializerMethodField()

    def get_roles(self, template: Template) -> list[dict[str, str]]:
        return [{"key": role.key, "name": role.name} for role in template.roles.values()]


class ModelRead(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    provider = serializers.CharField()
    ready = serializers.BooleanField()
    context_tokens = serializers.IntegerField()


class EventRead(serializers.ModelSerializer[Event]):
    data = serializers.JSONField(source="payload")  # type: ignore[assignment]  # the name of a field only

    class Meta:
        model = Event
        fields = ["seq", "type", "at", "actor", "run", "data"]
        read_only_fields = fields


class WriterRead(serializers.Serializer[Any]):
    """A person, or the agent of a step (`id` is the step's)."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class RangeRead(serializers.Serializer[Any]):
    """Words of one writer. `start` counts code points of the block's text, a line break is one.

    `carried` words have moved since they were written; `certainty` says how that is known: `exact` (the server has
    moved them), `strong` (a whole piece that was deleted came again), `weak` (mostly by this writer).
    """

    start = serializers.IntegerField()
    text = serializers.CharField()
    writer = WriterRead(allow_null=True)
    kind = serializers.ChoiceField(choices=WriterKind.choices)
    call = serializers.UUIDField(allow_null=True)
    carried = serializers.BooleanField()
    certainty = serializers.ChoiceField(choices=["exact", "strong", "weak"], allow_null=True)


class BlockAuthorship(serializers.Serializer[Any]):
    """A block that holds text."""

    block = serializers.CharField(allow_null=True)
    type = serializers.CharField()
    ranges = RangeRead(many=True)


class AuthorshipRead(serializers.Serializer[Any]):
    """Who wrote what when the document stood at `seq`, by version `version` of the rules."""

    document = serializers.UUIDField()
    seq = serializers.IntegerField()
    version = serializers.IntegerField()
    blocks = BlockAuthorship(many=True)
