"""The cast: Ada owns, Bob edits, Rita reads, Eve is a stranger. Whoever moves money leaves books that close."""

import gc
import os
import sys
from collections.abc import Iterator

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, settings

from tests import books, machine, migrated
from tests.signed_in import sign_in
from wukong.kernel import bus, committer

gc.set_threshold(50_000, 20, 20)
sys.dont_write_bytecode = False  # to compile all tests anew takes seven seconds, in each process of each run
settings.register_profile("dev", max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
settings.register_profile("ci", max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

PASSWORD = "a long enough password"


def pytest_runtest_setup(item):
    for marker in ("services", "browser", "node"):
        if item.get_closest_marker(marker) is not None and (why := machine.missing(marker)):
            machine.go_without(marker, why)


def pytest_collection_finish():
    """What is imported and collected stays: the collector need not walk through it again and again."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    difference = books.difference()
    result = yield
    assert difference == 0, f"the books do not close: difference {difference} nano"
    return result


@pytest.fixture(autouse=True, scope="session")
def _ledger_can_be_emptied() -> Iterator[None]:
    with books.emptied_between_tests():
        yield


@pytest.fixture(scope="session")
def _migrated(request) -> Iterator[None]:
    cache = getattr(request.config, "cache", None)
    with migrated.kept_in(cache and cache.mkdir("migrated")):
        yield


@pytest.fixture(scope="session")
def django_db_setup(_migrated, django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        books.remember()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """What survives a power cut is no matter of these tests; waiting for the disk would be most of their time."""
    from django.db import connections

    options = connections.settings["default"]["OPTIONS"]
    if "init_command" in options:
        options["init_command"] = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")


@pytest.fixture(autouse=True, scope="session")
def _outside() -> Iterator[None]:
    """No mail leaves, nothing is written into the data folder of the developer, passwords are hashed fast."""
    with override_settings(
        EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        WUKONG_LOCAL_MODEL="off",
    ):
        yield


@pytest.fixture(autouse=True)
def _committer(request) -> Iterator[None]:
    """Inside a test's own transaction the writer thread would see nothing: jobs run in place there."""
    names = request.fixturenames
    committer.mode = "thread" if "transactional_db" in names or "live_server" in names else "inline"
    marker = request.node.get_closest_marker("django_db")
    if marker is not None and marker.kwargs.get("transaction"):
        committer.mode = "thread"
    committer.reopen()
    yield
    if committer.mode == "thread":
        committer.close()
    committer.mode = "thread"
    bus.reset()


@pytest.fixture(autouse=True)
def _clear_cache():
    from django.core.cache import cache

    yield
    cache.clear()


def _person(name: str):
    from workspaces.people.services import create_user

    return create_user(email=f"{name.lower()}@example.com", password=PASSWORD, name=name)


@pytest.fixture
def ada(db):
    return _person("Ada")


@pytest.fixture
def workspace(ada):
    from workspaces.people.services import create_workspace

    return create_workspace(name="Northwind", slug="northwind", owner=ada)


def _member(workspace, name: str, role: str):
    from workspaces.people.models import Role
    from workspaces.people.services import add_member

    person = _person(name)
    add_member(workspace=workspace, user=person, role=Role(role), actor=None)
    return person


@pytest.fixture
def bob(workspace):
    return _member(workspace, "Bob", "editor")


@pytest.fixture
def rita(workspace):
    return _member(workspace, "Rita", "viewer")


@pytest.fixture
def eve(db):
    return _person("Eve")


@pytest.fixture
def project(workspace, ada):
    from workspaces.documents.services import create_project

    return create_project(workspace=workspace, name="Tea launch", actor=ada)


@pytest.fixture
def document(project, ada):
    from workspaces.documents.services import create_document

    return create_document(project=project, title="Campaign plan", actor=ada, markdown="# Plan\n\nFirst words.\n")


@pytest.fixture
def api():
    """Return a function that gives an API client signed in as somebody (or nobody)."""
    from rest_framework.test import APIClient

    def of(person=None) -> APIClient:
        client = APIClient()
        if person is not None:
            sign_in(client, person)
        return client

    return of
