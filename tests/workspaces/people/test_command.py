"""Operators' commands: what they print, and one line for what is unknown."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from workspaces.people.access import SCOPES, role_in
from workspaces.people.auth import user_of_bearer
from workspaces.people.models import User, Workspace


def run(*args, **options):
    out = StringIO()
    call_command(*args, **options, stdout=out)
    return out.getvalue()


def test_create_user_prints_the_id(db):
    printed = run("create_user", "New@Example.com", "--password", "a long enough password", "--name", "Nina")

    user = User.objects.get()
    assert printed == f"{user.id}\n"
    assert (user.email, user.name) == ("new@example.com", "Nina")
    assert user.check_password("a long enough password")
    assert not user.is_staff


def test_without_a_password_nobody_can_sign_in_yet(db):
    run("create_user", "new@example.com")

    assert not User.objects.get().has_usable_password()


def test_create_workspace_prints_the_id(ada):
    printed = run("create_workspace", "green-tea", "ada@example.com")

    workspace = Workspace.objects.get()
    assert printed == f"{workspace.id}\n"
    assert (workspace.slug, workspace.name) == ("green-tea", "Green Tea")
    assert role_in(ada, workspace) == "owner"


def test_create_workspace_adds_credit(ada):
    from billing.services import balance_of

    run("create_workspace", "plain", "ada@example.com")
    run("create_workspace", "rich", "ada@example.com", "--credit", "12.50")

    plain, rich = (balance_of(Workspace.objects.get(slug=slug).id).balance_nano for slug in ("plain", "rich"))
    assert rich - plain == 12_500_000_000


def test_add_member_adds_or_changes(workspace, eve):
    for role in ("viewer", "editor"):
        assert run("add_member", "northwind", "eve@example.com", role) == ""
        assert role_in(eve, workspace) == role


def test_create_api_key_prints_only_the_key(workspace, ada):
    printed = run("create_api_key", "ada@example.com", "northwind")
    limited = run("create_api_key", "ada@example.com", "northwind", "--scope", "runs:read", "--scope", "runs:write")

    assert re.fullmatch(r"wk_[A-Za-z0-9_-]{40}\n", printed)
    assert user_of_bearer(printed.strip()).acting_key.scopes == list(SCOPES)
    assert user_of_bearer(limited.strip()).acting_key.scopes == ["runs:read", "runs:write"]


@pytest.mark.parametrize(
    "line",
    [
        "create_user ada@example.com",
        "create_user nonsense",
        "create_workspace northwind ada@example.com",
        "create_workspace new nobody@example.com",
        "create_workspace new ada@example.com --credit much",
        "add_member nowhere ada@example.com viewer",
        "add_member northwind nobody@example.com viewer",
        "add_member northwind ada@example.com viewer",
        "create_api_key nobody@example.com northwind",
        "create_api_key ada@example.com nowhere",
        "create_api_key eve@example.com northwind",
    ],
)
def test_what_cannot_be_done_is_one_line(workspace, eve, line):
    with pytest.raises(CommandError) as failure:
        run(*line.split())

    assert len(str(failure.value).splitlines()) == 1
    assert Workspace.objects.count() == 1
    assert User.objects.count() == 2
