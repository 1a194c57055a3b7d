"""From a template to a finished run, through the pages alone; wrong input stays in its form."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from agents.llm import local
from agents.llm.keeper import Status
from agents.models import Run
from billing import services as billing
from tests.rest import BRIEF
from workspaces.sources.models import Source


def test_step_one_leads_to_step_two_with_what_was_chosen(at, world, bob):
    html = at(bob).get(f"/projects/{world.project.pk}/runs/new/?template=report").content.decode()

    assert re.search(r'value="report" checked', html)
    assert f'action="/projects/{world.project.pk}/runs/new/brief/"' in html


def test_a_wrong_brief_keeps_every_field_and_every_file(at, world, bob):
    path = f"/projects/{world.project.pk}/runs/new/brief/"
    fields = {
        "template": "report",
        "goal": "Launch a tea & more.",
        "model": "scripted",
        "budget": "a lot",
        "files": SimpleUploadedFile("survey.csv", b"a,b\n1,2\n", content_type="text/csv"),
    }
    answer = at(bob).post(path, fields)
    html = answer.content.decode()
    kept = Source.objects.get(name="survey.csv")

    assert answer.status_code == 400
    assert "Launch a tea &amp; more." in html
    assert 'value="a lot"' in html
    assert '<option value="scripted" selected>' in html
    assert 'name="template" value="report"' in html
    assert f'value="{kept.pk}" checked' in html
    assert Run.objects.count() == 1  # the world's own


def test_an_empty_brief_an_unknown_model_and_too_much_money_are_refused(at, world, bob):
    path = f"/projects/{world.project.pk}/runs/new/brief/"

    for wrong in ({"goal": " "}, {"model": "gpt-9000"}, {"budget": "100000"}, {"budget": "-1"}):
        fields = {"template": "campaign", "goal": BRIEF, "model": "scripted", "budget": ""} | wrong
        answer = at(bob).post(path, fields)
        assert answer.status_code == 400, wrong
        assert 'role="alert"' in answer.content.decode()
    assert Run.objects.count() == 1


def test_each_mistake_stands_beside_its_field_in_words(at, world, bob):
    fields = {"template": "campaign", "goal": BRIEF, "model": "scripted", "budget": "100000", "paste_name": "Prices"}
    exe = SimpleUploadedFile("setup.exe", b"MZ", content_type="application/octet-stream")
    path = f"/projects/{world.project.pk}/runs/new/brief/"

    sources = at(bob).post(path, fields | {"files": exe})
    money = at(bob).post(path, fields | {"paste_name": ""})
    html = money.content.decode()

    first, second = sources.context["errors"]["sources"]
    assert first.count("setup.exe") == 1
    assert "“Prices” has no text yet" in second
    assert list(money.context["errors"]) == ["budget"]
    assert 'aria-describedby="budget_error"' in html
    assert 'aria-describedby="goal_error"' not in html
    assert not re.search(r"\d\.\d*0{6}", money.context["errors"]["budget"][0])  # money for people, not for programs


def test_a_model_that_is_switched_off_is_not_offered(at, world, bob, settings):
    settings.WUKONG_SCRIPTED = False
    path = f"/projects/{world.project.pk}/runs/new/brief/"

    html = at(bob).get(path).content.decode()
    answer = at(bob).post(path, {"template": "campaign", "goal": BRIEF, "model": "local", "budget": ""})

    assert "<option" not in html
    assert "There is no model here yet" in html
    assert list(answer.context["errors"]) == ["model"]


def test_a_run_is_planned_trimmed_started_and_finished_from_its_pages(crew, at, workspace, project, bob):
    browser = at(bob)
    plan_at = browser.post(
        f"/projects/{project.pk}/runs/new/brief/",
        {"template": "campaign", "goal": BRIEF, "model": "scripted", "budget": "2,50", "paste_text": "Prices: €14."},
    )["Location"]
    run = Run.objects.get()
    assert run.budget_nano == 2_500_000_000
    assert "reads your brief" in browser.get(plan_at).content.decode()
    crew.until(lambda: Run.objects.get().state == "draft")

    before = browser.get(plan_at).context["view"]
    shorter = browser.post(f"/runs/{run.pk}/tasks/{before.tasks[-2].step.number}/remove/", follow=True).context["view"]
    assert shorter.total == before.total - 1
    assert shorter.quote.about_nano < before.quote.about_nano
    document_at = browser.post(f"/runs/{run.pk}/start/")["Location"]
    assert browser.get(plan_at)["Location"] == document_at
    crew.finish(run)

    page = browser.get(f"/runs/{run.pk}/").content.decode()
    assert "Total, equal to the ledger" in page
    assert run.state == "done"
    assert browser.get(document_at).status_code == 200
    spent = billing.run_figures(run.pk).cost_nano
    assert billing.balance_of(workspace.pk).balance_nano == 5_000_000_000 - spent


@pytest.mark.slow
def test_a_run_is_paused_goes_on_and_is_stopped_by_its_buttons(crew, pace, at, project, deploy, bob, rita, eve):
    pace(200)
    run = deploy()
    crew.until(lambda: Run.objects.get().state == "running")

    for person, status in ((rita, 403), (eve, 404)):
        assert at(person).post(f"/runs/{run.pk}/pause/").status_code == status
    browser = at(bob)
    answer = browser.post(f"/runs/{run.pk}/pause/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Trigger"]) == (204, "run-moved")
    assert "Paused by a person" in browser.get(f"/runs/{run.pk}/").content.decode()
    browser.post(f"/runs/{run.pk}/resume/")
    assert Run.objects.get().state == "running"
    browser.post(f"/runs/{run.pk}/stop/")
    crew.finish(run, ticks=True)

    assert Run.objects.get().state == "cancelled"
    assert browser.post(f"/runs/{run.pk}/start/").status_code == 409


@pytest.mark.slow
def test_a_limit_that_is_reached_is_raised_on_the_page(crew, at, project, deploy, bob):
    run = deploy(budget_nano=12_500_000)
    crew.until(lambda: Run.objects.get().state == "paused", ticks=True)
    crew.rest()
    browser = at(bob)
    html = browser.get(f"/runs/{run.pk}/").content.decode()
    assert "more than the limit of this run, $ 0.0125." in html
    raised = re.search(r'name="budget"[^>]*value="([\d.]+)"', html)

    assert raised is not None
    assert browser.post(f"/runs/{run.pk}/resume/", {"budget": "0.000001"}).status_code == 400
    browser.post(f"/runs/{run.pk}/resume/", {"budget": raised[1]})
    crew.finish(run, ticks=True)
    assert Run.objects.get().state == "done"


def test_a_newcomer_tries_the_sample(crew, at, ada, workspace):
    plan_at = at(ada).post("/w/northwind/sample/")["Location"]
    crew.until(lambda: Run.objects.get().state == "draft")

    assert "Start, at most" in at(ada).get(plan_at).content.decode()


def test_while_the_built_in_model_warms_up_the_plan_says_so(at, world, bob, monkeypatch, settings):
    settings.WUKONG_LOCAL_MODEL = "auto"
    monkeypatch.setattr(local, "status", lambda: Status(state="starting", progress=0.5))
    path = f"/projects/{world.project.pk}/runs/new/brief/"
    answer = at(bob).post(path, {"template": "campaign", "goal": BRIEF, "model": "local", "budget": ""})

    assert "(warming up)" in at(bob).get(path).content.decode()
    assert "The built-in model is warming up; the plan follows." in at(bob).get(answer.url).content.decode()
