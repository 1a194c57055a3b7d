"""Runs by REST: made, planned, paused, stopped, watched; who may, and what cannot be."""

from uuid import UUID

import pytest

from agents.models import Run, RunState, Step
from tests.contract.conftest import OPEN_TO_PEOPLE
from workspaces.documents.services import archive_document, archive_project, create_document, create_project
from workspaces.events.services import record
from workspaces.people.services import create_key
from workspaces.sources.services import add_source
from wukong.kernel.ids import new_id

URL = "/api/v1/runs/"
VERBS = ("start", "pause", "resume", "stop")
NOTHING = {
    "input_tokens": 0,
    "cache_read_tokens": 0,
    "cache_write_tokens": 0,
    "output_tokens": 0,
    "reasoning_tokens": 0,
    "estimated": False,
}


def money(amount):
    return {"amount": amount, "currency": "USD"}


@pytest.fixture
def make(project):
    """Return a function that asks for a run of the scripted model."""

    def of(client, headers=None, **more):
        body = {"project": str(project.id), "template": "campaign", "goal": "Sell tea", "model": "scripted", **more}
        return client.post(URL, body, format="json", headers=headers)

    return of


def test_a_run_is_made_and_plans(api, workspace, project, document, bob, make):
    source = add_source(project=project, name="prices.csv", data="tea,14\n", actor=bob)

    made = make(api(bob), sources=[str(source.id)], document=str(document.id))

    assert made.status_code == 201
    run = dict(made.json())
    assert {name: run.pop(name) for name in ("id", "created_at", "workspace", "project")} == {
        "id": str(Run.objects.get().pk),
        "created_at": run_time(Run.objects.get().created_at),
        "workspace": str(workspace.id),
        "project": str(project.id),
    }
    assert run == {
        "number": 1,
        "template": "campaign",
        "title": "",
        "goal": "Sell tea",
        "model": "scripted",
        "state": "planning",
        "pause_reason": None,
        "pause_details": {},
        "error": "",
        "sources": [str(source.id)],
        "documents": [str(document.id)],
        "plan": None,
        "cost": money("0.000000000"),
        "held": money("0.000000000"),
        "budget": money("5.000000000"),  # all that is available
        "usage": NOTHING,
        "started_at": None,
        "ended_at": None,
    }
    assert api(bob).get(f"{URL}{made.json()['id']}/").json() == made.json()


def run_time(moment):
    return moment.isoformat().replace("+00:00", "Z")


def test_the_plan_is_told_with_its_price(api, workspace, project, bob, make):
    made = make(api(bob), start=False).json()
    task = {"number": 1, "title": "Summary", "role": "lead", "needs": []}
    Run.objects.update(state=RunState.DRAFT, title="Tea", plan={"title": "Tea", "tasks": [task]})
    Step.objects.create(
        run_id=made["id"], number=1, kind="compose", title="Summary", role="lead", agent="Lead", spec=task
    )

    plan = api(bob).get(f"{URL}{made['id']}/").json()["plan"]

    assert plan["title"] == "Tea"
    assert [list(told) for told in plan["tasks"]] == [["number", "title", "role", "kind", "needs", "estimate"]]
    assert plan["at_most"]["currency"] == plan["about"]["currency"] == "USD"


WRONG = [
    ({"template": "moon"}, 400, "template"),
    ({"model": "moon"}, 400, "model"),
    ({"goal": " "}, 400, "goal"),
    ({"goal": "x" * 4001}, 400, "goal"),
    ({"budget": "5.01"}, 400, "budget"),
    ({"budget": "0"}, 400, "budget"),
    ({"budget": "-1"}, 400, "budget"),
    ({"budget": 1.5}, 400, "budget"),
    ({"budget": "0.0000000001"}, 400, "budget"),
    ({"budget": "9999999999"}, 400, "budget"),
    ({"budget": {"amount": "1", "currency": "EUR"}}, 400, "budget"),
    ({"sources": ["x"]}, 400, "sources.0"),
    ({"start": "perhaps"}, 400, "start"),
    ({"swarm": "x"}, 400, "swarm"),
    ({"state": "done"}, 400, "state"),
]


@pytest.mark.parametrize(("more", "status", "field"), WRONG)
def test_wrong_fields_are_named_and_nothing_is_made(api, bob, make, more, status, field):
    answer = make(api(bob), **more)

    assert answer.status_code == status
    assert [name.split(".")[0] for name in answer.json()["error"]["details"]] == [field.split(".")[0]]
    assert not Run.objects.exists()


def test_what_is_of_another_project_is_refused(api, workspace, project, ada, bob, make):
    other = create_project(workspace=workspace, name="Other", actor=ada)
    source = add_source(project=other, name="a.txt", data="x", actor=ada)
    document = create_document(project=other, title="Other", actor=ada)
    archived = archive_document(document=create_document(project=project, title="Old", actor=ada), actor=ada)

    for more in (
        {"sources": [str(source.id)]},
        {"sources": [str(new_id())]},
        {"document": str(document.id)},
        {"document": str(archived.id)},
    ):
        answer = make(api(bob), **more)
        assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, [*more])
    archive_project(project=project, actor=ada)
    assert make(api(bob)).json()["error"]["code"] == "conflict"
    assert not Run.objects.exists()


def test_only_editors_move_a_run_and_only_members_see_it(api, ada, bob, rita, eve, make):
    for person, status in ((rita, 403), (eve, 404), (None, 401)):
        assert make(api(person)).status_code == status
    assert not Run.objects.exists()
    path = f"{URL}{make(api(bob)).json()['id']}/"

    for person, status in ((rita, 403), (eve, 404), (None, 401)):
        for verb in VERBS:
            assert api(person).post(f"{path}{verb}/").status_code == status, verb
    assert Run.objects.get().state == RunState.PLANNING
    for person in (ada, bob, rita):
        assert api(person).get(path).status_code == 200
        assert len(api(person).get(URL).json()["results"]) == 1
        assert len(api(person).get(f"{path}steps/").json()["results"]) == 1
        assert api(person).get(f"{path}events/").json()
    for part in ("", "steps/", "events/"):
        assert api(eve).get(path + part).status_code == 404
    assert api(eve).get(URL).json()["results"] == []


def test_a_key_moves_runs_with_its_scope_alone(api, workspace, ada, make):
    def by_key(*scopes):
        client = api()
        secret = create_key(workspace=workspace, user=ada, scopes=list(scopes))[1]
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    reader, writer = by_key("runs:read"), by_key("runs:write")
    assert make(reader).status_code == 403
    path = f"{URL}{make(writer).json()['id']}/"
    assert reader.get(path).status_code == 200
    assert writer.get(path).status_code == 403
    assert reader.post(f"{path}pause/").status_code == 403
    assert writer.post(f"{path}pause/").status_code == 200
    for noun in OPEN_TO_PEOPLE - {"me"}:
        assert reader.get(f"/api/v1/{noun}/").status_code == 200


def test_a_run_is_paused_goes_on_and_is_stopped_for_good(api, bob, make):
    path = f"{URL}{make(api(bob)).json()['id']}/"

    def post(verb, **body):
        answer = api(bob).post(f"{path}{verb}/", body, format="json")
        return answer.status_code, answer.json()

    for _again in range(2):
        status, run = post("pause")
        assert (status, run["state"], run["pause_reason"]) == (200, "paused", "user")
    assert post("start")[1]["error"]["code"] == "conflict"
    assert post("resume", budget="x")[0] == 400
    assert post("resume", budget="9999999999")[0] == 400  # more than any database of ours can count
    assert post("resume", colour="red")[0] == 400
    status, run = post("resume", budget={"amount": "2.5", "currency": "USD"})
    assert (status, run["state"], run["pause_reason"]) == (200, "planning", None)
    assert run["budget"] == money("2.500000000")
    for _again in range(2):
        status, run = post("stop")
        assert (status, run["state"]) == (200, "cancelled")
    assert run["ended_at"] is not None
    for verb in ("start", "pause", "resume"):
        status, answer = post(verb)
        assert (status, answer["error"]["code"]) == (409, "conflict"), verb
        assert answer["error"]["details"] == {"state": "cancelled"}


def test_a_run_is_made_once(api, bob, make):
    first, again = (make(api(bob), headers={"Idempotency-Key": "r1"}) for _ in range(2))
    other = make(api(bob), headers={"Idempotency-Key": "r1"}, goal="Sell coffee")

    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert other.json()["error"]["code"] == "idempotency_mismatch"
    assert Run.objects.count() == 1


def test_steps_come_by_number(api, bob, make):
    run = make(api(bob)).json()
    for number in (2, 1):
        Step.objects.create(
            run_id=run["id"], number=number, kind="compose", title="Write", role="writer", agent="Writer"
        )

    steps = api(bob).get(f"{URL}{run['id']}/steps/").json()["results"]

    assert [step["number"] for step in steps] == [0, 1, 2]
    assert {name: value for name, value in steps[2].items() if name not in {"id", "created_at"}} == {
        "number": 2,
        "kind": "compose",
        "title": "Write",
        "role": "writer",
        "agent": "Writer",
        "state": "pending",
        "needs": [],
        "document": None,
        "block": None,
        "detail": "",
        "words": 0,
        "cost": money("0.000000000"),
        "usage": NOTHING,
        "started_at": None,
        "ended_at": None,
        "interrupted_at": None,
        "error": "",
    }


def test_events_are_those_of_the_run_in_order(api, workspace, bob, make):
    run, other = make(api(bob)).json(), make(api(bob)).json()
    record(
        workspace_id=workspace.pk, type="run.moved", actor="agent:Writer", run=UUID(run["id"]), data={"state": "done"}
    )

    events = api(bob).get(f"{URL}{run['id']}/events/").json()

    assert [list(event) for event in events] == [["seq", "type", "at", "actor", "run", "data"]] * len(events)
    assert {event["run"] for event in events} == {run["id"]}
    assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)
    assert events[-1]["data"] == {"state": "done"}
    assert events[-1]["at"].endswith("Z")
    after = api(bob).get(f"{URL}{run['id']}/events/", {"since": events[-2]["seq"]}).json()
    assert after == events[-1:]
    assert api(bob).get(f"{URL}{other['id']}/events/", {"since": events[-1]["seq"]}).json() == []


def test_lists_are_of_a_workspace_or_a_project(api, workspace, project, ada, bob, make):
    other = create_project(workspace=workspace, name="Other", actor=ada)
    mine, theirs = make(api(bob)).json(), make(api(bob), project=str(other.id)).json()

    def ids(**query):
        return [run["id"] for run in api(bob).get(URL, query).json()["results"]]

    assert ids() == ids(workspace="northwind") == [theirs["id"], mine["id"]]
    assert ids(project=str(project.id)) == [mine["id"]]
    assert api(bob).get(URL, {"project": str(new_id())}).status_code == 404


def test_templates_and_models_are_listed(api, eve):
    templates = {row["slug"]: row for row in api(eve).get("/api/v1/templates/").json()["results"]}
    models = {row["id"]: row for row in api(eve).get("/api/v1/models/").json()["results"]}

    assert {"campaign", "report"} <= set(templates)
    assert all(row["id"] == slug for slug, row in templates.items())
    assert {"name", "language", "roles"} < set(templates["campaign"])
    assert {"scripted", "local"} <= set(models)
    assert list(models["scripted"]) == ["id", "name", "provider", "ready", "context_tokens"]
    assert models["scripted"]["ready"] is True
    assert api(eve).get("/api/v1/templates/campaign/").json() == templates["campaign"]
    assert api(eve).get("/api/v1/models/scripted/").json() == models["scripted"]
    for path in ("templates/moon/", "models/moon/"):
        assert api(eve).get(f"/api/v1/{path}").status_code == 404
