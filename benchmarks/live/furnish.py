"""Fill an empty installation for the benchmark; prints what is there as JSON. Run by benchmarks/live/ours.py.

python -m benchmarks.live.furnish [--documents N] [--people N]
"""

import argparse
import json
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402

from benchmarks.live import edits  # noqa: E402
from workspaces.documents import log  # noqa: E402
from workspaces.documents import services as documents  # noqa: E402
from workspaces.documents.models import Document, Project  # noqa: E402
from workspaces.people import access, services  # noqa: E402
from workspaces.people.models import Membership, Role, User  # noqa: E402

EDITS, AUTHORS = 10_000, 20
LARGE = 1 << 20
_LEAVING = 200  # twenty go each time that this is measured


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, default=80)
    parser.add_argument("--people", type=int, default=25)
    parser.add_argument("--with-large", action="store_true")
    options = parser.parse_args()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("seed_demo", verbosity=0)
    workspace = access.workspace_by_slug("northwind")
    owner = access.user_by_email("demo@example.com")
    with transaction.atomic():
        keys = [_person(workspace, f"person{number}@example.com")[0] for number in range(options.people)]
        leaving = [_person(workspace, f"leaving{number}@example.com") for number in range(_LEAVING)]
        _key, owner_key = services.create_key(workspace=workspace, user=owner)
        project = documents.create_project(workspace=workspace, name="Measured", actor=owner)
        made = [_document(project, f"Measured {number}", owner) for number in range(options.documents)]
    found: dict[str, Any] = {"owner": owner_key, "keys": keys, "leaving": leaving, "project": str(project.pk)}
    found["documents"] = [str(one.pk) for one in made]
    if options.with_large:
        found["joined"] = _joined(project, owner)
    print(json.dumps(found))


def _person(workspace: Any, email: str) -> tuple[str, str]:
    """Return (key, id of the membership) of a new editor."""
    user = services.create_user(email=email, name=email.partition("@")[0])
    membership: Membership = services.add_member(workspace=workspace, user=user, role=Role.EDITOR, actor=None)
    _key, secret = services.create_key(workspace=workspace, user=user)
    return secret, str(membership.pk)


def _document(project: Project, title: str, owner: User) -> Document:
    made: Document = documents.create_document(project=project, title=title, actor=owner)
    return made


def _joined(project: Project, owner: User) -> dict[str, dict[str, Any]]:
    """Return the documents that many join: id, clocks, and the update that others are given."""
    steps, whole = edits.interleaved(EDITS, AUTHORS)
    author, update = edits.large(LARGE)
    found = {}
    for name, rows, state in (("10k edits", steps, whole), ("1 MB", [(author, update)], update)):
        document = _document(project, name, owner)
        with transaction.atomic():
            for client in sorted({client for client, _data in rows}):
                log.bind_client_id(document_id=document.pk, client_id=client, kind="person", principal=owner.pk)
            entries = [
                log.LogEntry(data=data, client_id=client, principal=owner.pk, kind="person") for client, data in rows
            ]
            for first in range(0, len(entries), 1000):
                log.append(document_id=document.pk, entries=entries[first : first + 1000])
        found[name] = {"document": str(document.pk), "update": state.hex()}
    return found


if __name__ == "__main__":
    main()
