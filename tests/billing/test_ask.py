"""The meter by REST: who may read it, and what it says."""

from datetime import UTC, datetime, timedelta

import pytest

from billing import ledger, services
from billing.contracts import Usage
from tests.billing.calendar import OCTOBER, clock_at, use
from workspaces.people.services import create_key, create_workspace
from wukong.kernel.ids import new_id

PRICE = 1000 * 2_000 + 100 * 8_000
PATHS = ["balance", "ledger", "holds", "usage", "rates"]


def url(noun, **query):
    return f"/api/v1/billing/{noun}/?" + "&".join(f"{name}={value}" for name, value in query.items())


def by_key(api, workspace, person, *scopes):
    client = api()
    secret = create_key(workspace=workspace, user=person, scopes=list(scopes) or None)[1]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_members_read_strangers_find_nothing(api, workspace, spend, ada, bob, rita, eve):
    spend()

    for noun in PATHS:
        for person in (ada, bob, rita):
            assert api(person).get(url(noun, workspace="northwind")).status_code == 200, (noun, person)
        assert api(eve).get(url(noun, workspace="northwind")).status_code == 404, noun
        assert api(eve).get(url(noun, workspace=workspace.id)).status_code == 404, noun
        assert api().get(url(noun, workspace="northwind")).status_code == 401, noun


def test_without_a_workspace_a_stranger_sees_empty_lists(api, workspace, spend, eve):
    spend()

    for noun in ("ledger", "holds", "rates"):
        assert api(eve).get(url(noun)).json()["results"] == []


def test_a_key_needs_the_scope_to_read_the_bill(api, workspace, ada):
    with_scope, without = by_key(api, workspace, ada, "billing:read"), by_key(api, workspace, ada, "runs:read")

    for noun in PATHS:
        assert with_scope.get(url(noun)).status_code == 200, noun
        refused = without.get(url(noun, workspace="northwind"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden"), noun


def test_nothing_is_written_here(api, ada, workspace):
    for noun in PATHS:
        assert api(ada).post(url(noun, workspace="northwind"), {}, format="json").status_code == 405, noun


def test_a_key_sees_the_money_of_its_workspace_alone(api, workspace, ada, spend):
    other = create_workspace(name="Other", owner=ada)
    services.open_wallet(workspace_id=other.pk)
    spend()
    client = by_key(api, other, ada)

    assert [row["code"] for row in client.get(url("ledger")).json()["results"]] == ["grant"]
    assert client.get(url("balance", workspace="northwind")).status_code == 404


def test_the_balance(api, workspace, ada, hold):
    ledger.post(hold())

    answer = api(ada).get(url("balance", workspace="northwind")).json()

    assert answer == {
        "balance": {"amount": "5.000000000", "currency": "USD"},
        "held": {"amount": "0.002800000", "currency": "USD"},
        "available": {"amount": "4.997200000", "currency": "USD"},
        "credit_limit": {"amount": "0.000000000", "currency": "USD"},
        "lasts_days": None,  # it is new: there is no pace yet
    }


@pytest.mark.parametrize("noun", ["balance", "usage"])
def test_somebody_signed_in_has_to_say_which_workspace(api, ada, workspace, noun):
    refused = api(ada).get(url(noun))

    assert refused.status_code == 400
    assert "workspace" in refused.json()["error"]["details"]


def test_the_ledger(api, workspace, ada, spend):
    run, step = new_id(), new_id()
    call = spend(run=run, step=step)
    spend()

    row = api(ada).get(url("ledger", workspace="northwind", run=run)).json()["results"][0]

    assert {name: row[name] for name in ("key", "code", "debit", "credit", "amount", "run", "step", "call")} == {
        "key": f"call:{call}",
        "code": "capture",
        "debit": "wallet",
        "credit": "revenue",
        "amount": {"amount": "0.002800000", "currency": "USD"},
        "run": str(run),
        "step": str(step),
        "call": str(call),
    }
    assert {"id", "created_at", "rate_card", "occurred_at", "booked_at"} < set(row)
    everything = api(ada).get(url("ledger", workspace="northwind")).json()["results"]
    assert [entry["code"] for entry in everything] == ["capture", "capture", "grant"]
    assert api(ada).get(url("ledger", code="grant")).json()["results"][0]["rate_card"] is None
    assert api(ada).get(url("ledger", run="nonsense")).json()["results"] == []


def test_the_ledger_of_an_agent_a_model_a_period(api, workspace, ada):
    workspace.time_zone = "Asia/Tokyo"
    workspace.save()
    for moment, agent in ((OCTOBER, "Writer"), (OCTOBER + timedelta(hours=4), "Editor")):  # the 4th in Tokyo
        use(workspace, moment, Usage(input_tokens=5), agent=agent)

    def agents(**query):
        rows = api(ada).get(url("ledger", code="capture", **query)).json()["results"]
        return [row["agent"] for row in rows]

    day = {"from": "2026-10-04", "to": "2026-10-04"}
    assert agents(agent="Writer") == ["Writer"]
    assert (agents(model="scripted"), agents(model="local")) == (["Editor", "Writer"], [])
    assert (agents(workspace="northwind", **day), agents(**day)) == (["Editor"], [])
    assert agents(to="2026-10-03T16:00:00Z", **{"from": "2026-10-03T12:00:00Z"}) == ["Writer"]
    for query in ({"from": "2026-10-05", "to": "2026-10-01"}, {"to": "later"}):
        assert list(api(ada).get(url("ledger", **query)).json()["error"]["details"]) == ["to"]


def test_lists_go_on_by_cursor(api, workspace, ada, spend):
    calls = [str(spend()) for _ in range(5)]

    first = api(ada).get(url("ledger", code="capture", page_size=2)).json()
    second = api(ada).get(first["next"]).json()

    assert [row["call"] for row in first["results"] + second["results"]] == calls[:0:-1]


def test_the_holds(api, workspace, ada, spend, hold):
    run = new_id()
    spend()
    op = hold(run=run)
    ledger.post(op)

    (row,) = api(ada).get(url("holds", run=run)).json()["results"]

    assert (row["key"], row["state"], row["run"], row["call"]) == (op.key, "pending", str(run), str(op.call))
    assert row["amount"] == {"amount": "0.002800000", "currency": "USD"}
    assert row["captured"] == {"amount": "0.000000000", "currency": "USD"}
    assert row["expires_at"]
    assert [held["state"] for held in api(ada).get(url("holds", state="captured")).json()["results"]] == ["captured"]


def test_the_usage(api, workspace, ada, spend):
    with clock_at(datetime(2026, 3, 31, 12, tzinfo=UTC)):
        spend(agent="Writer")
    with clock_at(datetime(2026, 4, 1, 12, tzinfo=UTC)):
        spend(agent="Reviewer")
    march = {"workspace": "northwind", "from": "2026-03-01", "to": "2026-03-31"}

    answer = api(ada).get(url("usage", **march)).json()

    assert answer["next"] is answer["previous"] is None
    assert answer["results"] == [
        {
            "key": "2026-03-31",
            "usage": {
                "input_tokens": 1000,
                "cache_read_tokens": 0,
                "cache_write_tokens": 0,
                "output_tokens": 100,
                "reasoning_tokens": 0,
                "estimated": False,
            },
            "cost": {"amount": "0.002800000", "currency": "USD"},
            "not_charged_tokens": 0,
        }
    ]
    by_agent = api(ada).get(url("usage", **march, by="agent")).json()["results"]
    assert [row["key"] for row in by_agent] == ["Writer"]
    moment = {"from": "2026-03-31T12:00:00Z", "to": "2026-04-01T12:00:00Z"}
    exactly = api(ada).get(url("usage", workspace="northwind", **moment, by="agent")).json()["results"]
    assert [row["key"] for row in exactly] == ["Writer"]


def test_usage_is_this_months_by_default(api, workspace, ada, spend):
    spend()

    (row,) = api(ada).get(url("usage", workspace="northwind", by="model")).json()["results"]

    assert (row["key"], row["cost"]["amount"]) == ("scripted", "0.002800000")


BAD_PERIODS = [
    {"by": "moon"},
    {"from": "yesterday"},
    {"from": "2026-02-30"},
    {"to": "2026-13-01T00:00:00Z"},
    {"from": "2026-03-02", "to": "2026-02-01"},
    {"from": "2020-01-01", "to": "2026-01-01"},
    {"to": "9999-12-31"},
]


def test_a_period_that_cannot_be_is_refused(api, workspace, ada):
    for query in BAD_PERIODS:
        answer = api(ada).get(url("usage", workspace="northwind", **query))

        assert answer.status_code == 400, query
        assert set(answer.json()["error"]["details"]) <= {"by", "from", "to"}


def test_the_prices(api, workspace, ada):
    services.publish_builtin_cards()

    rows = api(ada).get(url("rates", workspace="northwind", model="scripted")).json()["results"]

    assert {row["meter"]: row["pico_per_token"] for row in rows} == {
        "input": 2_000_000,
        "cache_read": 200_000,
        "cache_write": 2_000_000,
        "output": 8_000_000,
        "reasoning": 8_000_000,
    }
    assert {(row["model"], row["currency"], row["version"]) for row in rows} == {("scripted", "USD", 1)}
    assert len(api(ada).get(url("rates", meter="input")).json()["results"]) == 2
