"""Workspaces by REST: who sees, makes and changes them."""

import pytest

URL = "/api/v1/workspaces/"


def test_nobody_gets_401_with_a_challenge(api, db):
    answer = api().get(URL)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthenticated"
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_everybody_sees_only_their_workspaces(api, workspace, ada, bob, rita, eve):
    for person, role in ((ada, "owner"), (bob, "editor"), (rita, "viewer"), (eve, None)):
        results = api(person).get(URL).json()["results"]
        assert [found["role"] for found in results] == ([role] if role else [])


def test_a_workspace_is_found_by_id_and_by_slug_but_not_by_strangers(api, workspace, rita, eve):
    for name in (workspace.slug, workspace.id):
        assert api(rita).get(f"{URL}{name}/").json() == {
            "id": str(workspace.id),
            "slug": "northwind",
            "name": "Northwind",
            "currency": "USD",
            "time_zone": "UTC",
            "language": "en",
            "role": "viewer",
            "created_at": api(rita).get(f"{URL}{name}/").json()["created_at"],
        }
        refused = api(eve).get(f"{URL}{name}/")
        assert refused.status_code == 404
        assert refused.json()["error"]["code"] == "not_found"


def test_only_admins_and_owners_change_a_workspace(api, workspace, ada, bob, rita, eve):
    for person, status in ((bob, 403), (rita, 403), (eve, 404)):
        assert api(person).patch(f"{URL}northwind/", {"name": "Mine"}, format="json").status_code == status
    workspace.refresh_from_db()
    assert workspace.name == "Northwind"

    changed = api(ada).patch(f"{URL}northwind/", {"name": " New  name ", "time_zone": "Europe/Berlin"}, format="json")

    assert changed.status_code == 200
    assert (changed.json()["name"], changed.json()["time_zone"]) == ("New name", "Europe/Berlin")


def test_a_new_workspace_belongs_to_who_made_it_and_gets_a_free_slug(api, eve):
    made = [api(eve).post(URL, {"name": "Eve's tea"}, format="json") for _ in range(3)]

    assert [answer.status_code for answer in made] == [201, 201, 201]
    assert [answer.json()["slug"] for answer in made] == ["eves-tea", "eves-tea-2", "eves-tea-3"]
    assert made[0].json()["role"] == "owner"
    assert made[0].json()["currency"] == "USD"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "Tea", "colour": "red"}, "colour"),
        ({"name": "Tea", "id": "1"}, "id"),
        ({"name": "Tea", "slug": "northwind"}, "slug"),
        ({"name": "Tea", "slug": "Not a slug"}, "slug"),
        ({"name": "Tea", "slug": "0192f8a0-0000-7000-8000-000000000000"}, "slug"),
        ({"name": "Tea", "currency": "usd"}, "currency"),
        ({"name": "Tea", "time_zone": "Europe/Nowhere"}, "time_zone"),
        ({"name": "Tea", "language": "english please"}, "language"),
    ],
)
def test_wrong_fields_are_named(api, workspace, eve, body, field):
    answer = api(eve).post(URL, body, format="json")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid"
    assert list(answer.json()["error"]["details"]) == [field]
    assert api(eve).get(URL).json()["results"] == []


def test_the_currency_is_for_ever(api, workspace, ada):
    answer = api(ada).patch(f"{URL}northwind/", {"currency": "EUR"}, format="json")

    assert answer.status_code == 400
    assert "currency" in answer.json()["error"]["details"]


def test_lists_go_on_by_cursor(api, eve):
    for number in range(5):
        api(eve).post(URL, {"name": f"Tea {number}"}, format="json")

    first = api(eve).get(f"{URL}?page_size=2").json()
    second = api(eve).get(first["next"]).json()
    third = api(eve).get(second["next"]).json()
    back = api(eve).get(second["previous"]).json()

    names = [found["name"] for page in (first, second, third) for found in page["results"]]
    assert names == ["Tea 4", "Tea 3", "Tea 2", "Tea 1", "Tea 0"]
    assert first["previous"] is None
    assert third["next"] is None
    assert back["results"] == first["results"]


@pytest.mark.parametrize("query", ["page_size=0", "page_size=many", "cursor=nonsense", "cursor=cD1ub3BlJmE9Yg=="])
def test_bad_cursors_and_page_sizes_are_refused(api, eve, query):
    assert api(eve).get(f"{URL}?{query}").status_code == 400


def test_a_page_has_at_most_200_rows(api, eve):
    assert api(eve).get(f"{URL}?page_size=100000").status_code == 200


def test_me_says_who_asks(api, ada):
    assert api(ada).get("/api/v1/me/").json()["email"] == "ada@example.com"
    assert api(ada).patch("/api/v1/me/", {"name": "Ada L."}, format="json").json()["name"] == "Ada L."
    assert api(ada).patch("/api/v1/me/", {"email": "eve@example.com"}, format="json").status_code == 400
