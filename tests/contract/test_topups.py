"""REST: top-ups, their page, who may make them, and what there is when no payments are taken."""

import pytest

from workspaces.people.services import create_key


def ask(client, **given):
    body = {"workspace": "northwind", "amount": {"amount": "25.00", "currency": "USD"}} | given
    return client.post("/api/v1/billing/topups/", body, format="json")


def test_a_top_up_is_made_and_paid_at_its_page(api, ada, workspace, stripe, deliver):
    made = ask(api(ada), key="order-7")

    assert made.status_code == 201
    found = made.json()
    assert found["state"] == "open"
    assert found["url"].startswith(stripe.url)
    assert found["amount"] == {"amount": "25.000000000", "currency": "USD"}
    assert ask(api(ada), key="order-7").json()["id"] == found["id"]
    assert ask(api(ada), key="order-7", amount="24.00").status_code == 409

    (session,) = stripe.made("checkout.session")
    stripe.pay(session["id"])
    assert deliver("checkout.session.completed", session["id"]) == 200
    (listed,) = api(ada).get("/api/v1/billing/topups/?workspace=northwind").json()["results"]
    assert (listed["id"], listed["state"], listed["url"]) == (found["id"], "booked", None)
    assert api(ada).get(f"/api/v1/billing/topups/{found['id']}/").json() == listed


def test_only_who_manages_may_make_one_and_only_members_see_them(api, ada, bob, rita, eve, workspace, stripe):
    assert [ask(api(person)).status_code for person in (None, eve, rita, bob)] == [401, 404, 403, 403]
    assert stripe.asked == []
    made = ask(api(ada)).json()
    path = f"/api/v1/billing/topups/{made['id']}/"

    assert [api(person).get(path).status_code for person in (None, eve, rita, bob, ada)] == [401, 404, 200, 200, 200]
    assert api(eve).get("/api/v1/billing/topups/").json()["results"] == []


@pytest.mark.parametrize(("scope", "status"), [("billing:read", 403), ("billing:write", 201)], ids=["read", "write"])
def test_a_key_needs_the_scope(scope, status, api, ada, workspace, stripe):
    _key, secret = create_key(user=ada, workspace=workspace, name="k", scopes=[scope])
    client = api()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    assert ask(client).status_code == status


@pytest.mark.parametrize(
    "given",
    [{"amount": "4.99"}, {"amount": "1000.01"}, {"amount": "25.001"}, {"amount": {"amount": "25", "currency": "EUR"}}],
    ids=["too-little", "too-much", "no-coin", "other-currency"],
)
def test_amounts_that_cannot_be_paid_are_refused(given, api, ada, workspace, stripe):
    answer = ask(api(ada), **given)

    assert answer.status_code == 400
    assert "amount" in answer.json()["error"]["details"]
    assert stripe.asked == []


def test_when_stripe_is_away_the_answer_says_so_and_the_same_key_goes_on(api, ada, workspace, stripe):
    stripe.fails = [500, 500]
    assert ask(api(ada), key="order-7").status_code == 503

    assert ask(api(ada), key="order-7").status_code == 201


def test_where_no_payments_are_taken_there_is_an_empty_list_and_a_refusal(api, ada, workspace):
    assert api(ada).get("/api/v1/billing/topups/").json()["results"] == []
    answer = ask(api(ada))

    assert answer.status_code == 409
    assert answer.json()["error"]["message"] == "This installation takes no payments."
