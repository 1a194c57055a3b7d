"""The operators' console: people and workspaces can be looked at; accounts can be closed and opened."""

import pytest

from workspaces.people.services import create_user

PAGES = ["", "workspaces/user/", "workspaces/workspace/"]


@pytest.fixture
def operator(db):
    return create_user(email="op@example.com", password="a long enough password", name="Op", is_operator=True)


@pytest.mark.parametrize("page", PAGES)
def test_only_operators_come_in(client, workspace, ada, operator, page):
    client.force_login(ada)
    assert client.get(f"/console/{page}").status_code == 302

    client.force_login(operator)
    assert client.get(f"/console/{page}").status_code == 200


def test_operators_look_and_edit_nothing(client, workspace, ada, bob, operator):
    client.force_login(operator)

    person = client.get(f"/console/workspaces/user/{bob.id}/change/")
    house = client.get(f"/console/workspaces/workspace/{workspace.id}/change/")

    assert "bob@example.com" in person.content.decode()
    assert "Northwind" in person.content.decode()
    assert "Bob in Northwind" in house.content.decode()
    assert client.post(f"/console/workspaces/user/{bob.id}/change/", {"email": "x@example.com"}).status_code == 403
    assert client.post(f"/console/workspaces/user/{bob.id}/delete/", {"post": "yes"}).status_code == 403
    assert client.get("/console/workspaces/user/add/").status_code == 403


def test_operators_close_and_open_accounts_but_not_their_own(client, ada, operator):
    client.force_login(operator)

    def act(name):
        body = {"action": name, "_selected_action": [str(ada.id), str(operator.id)]}
        client.post("/console/workspaces/user/", body)
        ada.refresh_from_db()
        operator.refresh_from_db()
        return ada.is_active, operator.is_active

    assert act("close_accounts") == (False, True)
    assert act("open_accounts") == (True, True)
