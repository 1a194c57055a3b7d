"""The console's tables of runs: with their tasks and model calls, to look at. The one thing to do is to stop a run."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from agents import access, services
from agents.models import ModelCall, Run, Step
from billing import services as billing
from wukong.kernel.errors import WukongError
from wukong.kernel.http.console import InWords, OperatorsOnly
from wukong.kernel.money import format_amount


class StepsOfRun(OperatorsOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = Step
    extra = 0
    can_delete = False
    show_change_link = True
    ordering = ["number"]
    fields = readonly_fields = ("number", "title", "agent", "state", "epoch", "lease_until", "failures", "error")


class CallsOfStep(OperatorsOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = ModelCall
    extra = 0
    can_delete = False
    ordering = ["opened_at", "id"]
    fields = readonly_fields = (
        "opened_at",
        "model",
        "state",
        "epoch",
        "max_tokens",
        "input_tokens",
        "output_tokens",
        "reasoning_tokens",
        "error",
    )


@admin.register(Run)
class RunAdmin(OperatorsOnly, InWords, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = [
        "created_at",
        "workspace",
        "project",
        "number",
        "template",
        "model",
        "state",
        "pause_reason",
        "cost",
    ]
    list_filter = ["state", "template", "model"]
    search_fields = ["id", "workspace__slug", "title"]
    ordering = ["-id"]
    list_per_page = 50
    show_full_result_count = False
    inlines = [StepsOfRun]
    actions = ["stop"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        return access.all_runs()

    @admin.display(description=_("Cost"))
    def cost(self, run: Run) -> str:
        return format_amount(billing.run_figures(run.pk).cost_nano)

    @admin.action(description=_("Stop the runs: agents end within two seconds, what was written stays"))
    def stop(self, request: HttpRequest, chosen: QuerySet[Run]) -> None:
        for run in chosen:
            name: dict[str, Any] = {"run": str(run)}
            try:
                services.stop_run(run=run, actor=None)
            except WukongError as error:
                self.message_user(request, f"{run}: {error.message}", messages.ERROR)
            else:
                self.message_user(request, _("Run %(run)s stops.") % name, messages.SUCCESS)


@admin.register(Step)
class StepAdmin(OperatorsOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["run", "number", "title", "agent", "state", "epoch", "lease_until", "failures"]
    list_filter = ["state", "kind"]
    list_select_related = ["run"]
    search_fields = ["run__id", "title"]
    ordering = ["-id"]
    list_per_page = 50
    show_full_result_count = False
    inlines = [CallsOfStep]
