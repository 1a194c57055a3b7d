"""The limits page: set, change, remove; who may; what is wrong is said beside its field; nothing leaks elsewhere."""

import re
from html import unescape

import pytest

from billing import ledger, ops, services
from billing.contracts import Usage
from billing.models import Budget
from tests.billing.conftest import hold_op
from workspaces.people.models import Role
from workspaces.people.services import add_member, create_workspace
from wukong.kernel.ids import new_id

URL = "/w/northwind/limits/"
DROP = f"{URL}drop/"
USAGE = Usage(input_tokens=1000, output_tokens=100)
PRICE = 2_800_000  # what `hold_op` holds and USAGE costs
FORM = {"scope": "workspace:", "limit": "5", "period": "month", "kind": "hard"}


def put(client, url=URL, **changed):
    return client.post(url, FORM | changed, follow=True)


def kept():
    fields = ("level", "name", "period", "limit_nano", "is_hard")
    return list(Budget.objects.order_by("level", "name").values_list(*fields))


def text(answer, part="main"):
    html = answer.content.decode()
    start = html.index(f"<{part}")
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html[start : html.index(f"</{part}>", start)])).split())


def spend(workspace, **more):
    op = hold_op(workspace.pk, **more)
    ledger.post(op)
    ledger.post(ops.Capture(call=op.call, usage=USAGE))


@pytest.fixture
def max_admin(workspace):
    from workspaces.people.services import create_user

    person = create_user(email="max@example.com", password="a long enough password", name="Max")
    add_member(workspace=workspace, user=person, role=Role.ADMIN, actor=None)
    return person


# --- set, change, remove --------------------------------------------------------------------------------------------
def test_without_a_limit_the_page_says_what_stops_runs(at, workspace, ada):
    assert "There is no limit yet: runs spend as far as their own budget and the balance go." in text(at(ada).get(URL))


def test_a_limit_is_set_and_shown_with_what_is_used_of_it(at, workspace, ada):
    answer = put(at(ada), limit="0.0100")
    spend(workspace)
    spend(workspace)

    assert answer.redirect_chain == [(URL, 302)]
    assert "The limit is set." in text(answer)
    assert kept() == [("workspace", "", "month", 10_000_000, True)]
    page = text(at(ada).get(URL))
    assert "The whole workspace, each month" in page
    assert "$ 0.0056 of $ 0.01" in page
    assert "Stops what would go beyond it" in page
    assert "The whole workspace: 50 % of the limit are used." in page
    assert Budget.objects.get().actor == f"person:{ada.pk}"


def test_setting_it_again_changes_it(at, workspace, ada):
    client = at(ada)
    put(client)
    put(client, limit="7.123456789", period="week", kind="soft")

    assert kept() == [("workspace", "", "week", 7_123_456_789, False)]
    page = text(client.get(URL))
    assert "Only tells" in page
    assert "$ 0.00 of $ 7.123456789" in page, "shown as it was set, not rounded"


def test_a_double_submit_sets_one_limit(at, workspace, ada):
    client = at(ada)
    for _press in range(2):
        assert put(client).status_code == 200

    assert len(kept()) == 1


def test_every_scope_that_can_spend_can_be_chosen(at, workspace, project, ada):
    spend(workspace, swarm="campaign", agent="Editor")
    scopes = [f"project:{project.pk}", "swarm:campaign", "agent:Editor", "workspace:"]
    client = at(ada)
    for scope in scopes:
        put(client, scope=scope, period="once")

    assert {f"{level}:{name}" for level, name, *_rest in kept()} == set(scopes)
    page = text(client.get(URL))
    titles = ["The whole workspace, in all", "Project “Tea launch”, in all", "Swarm “Campaign”, in all"]
    places = [page.index(title) for title in [*titles, "Agent “Editor”, in all"]]
    assert places == sorted(places)  # the widest first


def test_a_limit_is_removed_and_removing_it_twice_is_no_mistake(at, workspace, ada):
    client = at(ada)
    put(client)
    for _press in range(2):
        answer = client.post(DROP, {"scope": "workspace:"}, follow=True)
        assert answer.redirect_chain == [(URL, 302)]
        assert "The limit is removed." in text(answer)

    assert kept() == []


def test_what_is_near_and_what_is_reached_is_marked(at, workspace, ada):
    for limit, mark in (("0.0033", "84 % used"), ("0.0028", "Reached")):
        put(at(ada), limit=limit)
        if mark == "84 % used":
            spend(workspace)
        assert mark in text(at(ada).get(URL))
    put(at(ada), limit="0.0028", kind="soft")
    assert "Passed" in text(at(ada).get(URL))


def test_a_limit_of_an_archived_project_keeps_its_name_and_can_be_removed_but_not_set(at, workspace, project, ada):
    from workspaces.documents.services import archive_project

    client, scope = at(ada), f"project:{project.pk}"
    put(client, scope=scope)
    archive_project(project=project, actor=ada)

    assert "Project “Tea launch”, each month" in text(client.get(URL))
    assert put(client, scope=scope, limit="9").context["form"].errors.keys() == {"scope"}
    client.post(DROP, {"scope": scope})
    assert kept() == []


# --- errors ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"limit": ""}, "required"),
        ({"limit": "a lot"}, ""),
        ({"limit": "-1"}, "A limit is 0 or more."),
        ({"limit": "1e9"}, ""),
        ({"limit": "0.0000000001"}, ""),
        ({"limit": "99999999999999999999"}, ""),
        ({"period": "year"}, "year"),
        ({"kind": "deadly"}, "deadly"),
        ({"scope": "team:a"}, "team:a"),
        ({"scope": "run:1"}, "run:1"),
        ({"scope": ""}, "required"),
        ({"scope": "agent:Nobody"}, "agent:Nobody"),
    ],
    ids=[
        *(
            "none",
            "no-number",
            "negative",
            "power",
            "too-fine",
            "too-large",
            "period",
            "kind",
            "level",
            "run",
            "no-scope",
        ),
        "unknown-agent",
    ],
)
def test_what_is_wrong_is_said_in_the_open_form_and_nothing_is_set(at, workspace, ada, wrong, said):
    answer = put(at(ada), **wrong)

    assert answer.status_code == 200
    form = text(answer, "dialog")
    assert answer.context["form"].errors.keys() == wrong.keys()
    assert said in form
    assert "data-open" in answer.content.decode()
    assert next(iter(answer.context["form"].errors.values()))[0] in form
    assert kept() == []


def test_what_was_typed_is_kept_beside_the_error(at, workspace, ada):
    html = put(at(ada), limit="a lot", period="week", kind="soft").content.decode()

    assert 'value="a lot"' in html
    assert re.search(r'<option value="week" selected', html)
    assert re.search(r'<option value="soft" selected', html)


def test_get_neither_sets_nor_removes(at, workspace, ada):
    client = at(ada)
    put(client)

    assert client.get(URL, FORM | {"limit": "9"}).status_code == 200
    assert client.get(DROP).status_code == 405
    assert kept() == [("workspace", "", "month", 5_000_000_000, True)]


def test_removing_what_never_was_changes_nothing(at, workspace, ada):
    client = at(ada)
    put(client)
    for scope in ("", "team:x", "workspace:x", f"project:{new_id()}", "run:1"):
        assert client.post(DROP, {"scope": scope}).status_code == 302

    assert len(kept()) == 1


# --- who ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("who", ["bob", "rita"])
def test_who_does_not_manage_sees_limits_and_cannot_move_them(at, workspace, ada, who, request):
    put(at(ada))
    client = at(request.getfixturevalue(who))

    html = client.get(URL).content.decode()
    assert "The whole workspace, each month" in html
    assert "set-limit" not in html
    assert "limits/drop" not in html
    assert [put(client, limit="9").status_code, client.post(DROP, {"scope": "workspace:"}).status_code] == [403, 403]
    assert kept() == [("workspace", "", "month", 5_000_000_000, True)]


def test_admins_set_and_remove(at, workspace, max_admin):
    client = at(max_admin)
    put(client)
    assert len(kept()) == 1
    client.post(DROP, {"scope": "workspace:"})
    assert kept() == []


def test_strangers_find_nothing_and_nobody_signs_in_first(at, workspace, ada, eve):
    put(at(ada))

    stranger = at(eve)
    assert [stranger.get(URL).status_code, put(stranger).status_code] == [404, 404]
    assert stranger.post(DROP, {"scope": "workspace:"}).status_code == 404
    for answer in (at().get(URL), at().post(URL, FORM), at().post(DROP, {"scope": "workspace:"})):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")
    assert len(kept()) == 1


# --- other workspaces -----------------------------------------------------------------------------------------------
def test_limits_and_names_of_another_workspace_stay_there(at, workspace, project, ada):
    other = create_workspace(name="Other", slug="other", owner=ada)
    spend(workspace, agent="Secret agent", swarm="secretswarm")
    client = at(ada)
    put(client, limit="1.25")

    page = client.get("/w/other/limits/").content.decode()
    main = page[page.index('id="limits"') :]
    assert [word for word in ("Secret", "secret", "1.25", str(project.pk)) if word in main] == []
    for scope in (f"project:{project.pk}", "agent:Secret agent"):
        assert "scope" in put(client, "/w/other/limits/", scope=scope).context["form"].errors
    client.post("/w/other/limits/drop/", {"scope": "workspace:"})
    assert Budget.objects.get().workspace == workspace
    assert services.budgets_of(other) == []


def test_many_limits_ask_the_database_no_more_than_few(at, workspace, ada, django_assert_max_num_queries):
    client = at(ada)
    put(client)
    client.get(URL)
    with django_assert_max_num_queries(30) as few:
        client.get(URL)
    for number in range(12):
        services.set_budget(
            workspace_id=workspace.pk, level="agent", name=f"A{number}", period="day", limit_nano=1, actor="x"
        )
    with django_assert_max_num_queries(30) as many:
        client.get(URL)

    assert len(many) <= len(few)
