"""The OpenAPI document: made without a warning, kept in docs/, shown without anybody else's server."""

import io
import re
from functools import cache
from pathlib import Path

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from tests.contract.conftest import OPEN_TO_ALL, routes

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.yaml"


@cache
def described() -> tuple[str, bool]:
    """Return the document and whether there were warnings."""
    GENERATOR_STATS.reset()
    out = io.StringIO()
    call_command("spectacular", stdout=out)
    return out.getvalue(), bool(GENERATOR_STATS)


@pytest.fixture
def made():
    return described()[0]


def test_it_is_made_without_a_warning(made):
    assert not described()[1]
    document = yaml.load(made, yaml.CSafeLoader)
    assert document["openapi"] == "3.1.0"
    validate_schema(document)


def test_the_copy_in_docs_is_current(made):
    hint = "refresh it: python manage.py spectacular --file docs/openapi.yaml"

    assert SNAPSHOT.read_text() == made, hint


def test_it_describes_every_route_with_its_methods(made):
    described = {
        (path, method)
        for path, operations in yaml.load(made, yaml.CSafeLoader)["paths"].items()
        for method in operations
        if method != "parameters"
    }

    served = {(route.path, method) for route in routes() for method in route.methods if route.noun not in OPEN_TO_ALL}
    assert described == served


def test_every_operation_names_its_errors_and_every_post_its_key(made):
    for path, operations in yaml.load(made, yaml.CSafeLoader)["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], path
            error = operation["responses"]["default"]["content"]["application/json"]["schema"]
            assert error == {"$ref": "#/components/schemas/Error"}
            names = [parameter["name"] for parameter in operation.get("parameters", [])]
            assert ("Idempotency-Key" in names) == (method == "post"), path


def test_what_may_be_null_says_so(made):
    schemas = yaml.load(made, yaml.CSafeLoader)["components"]["schemas"]

    for noun, field in (("RunRead", "ended_at"), ("StepRead", "interrupted_at"), ("ProjectRead", "archived_at")):
        assert "null" in schemas[noun]["properties"][field]["type"], (noun, field)
    assert "refuses what it does not know" not in made  # our own notes stay with us


@pytest.mark.parametrize("kind", ["application/vnd.oai.openapi", "application/vnd.oai.openapi+json", "*/*"])
def test_it_is_served_to_everybody(api, db, kind):
    answer = api().get("/api/v1/schema/", headers={"Accept": kind})

    assert answer.status_code == 200
    assert b"/api/v1/documents/{id}/content/" in answer.content


def test_the_page_needs_nobody_else(api, db):
    page = api().get("/api/v1/docs/").content.decode()

    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(links) == 5
    for link in links:
        if link.startswith("/static/"):
            assert finders.find(link.removeprefix("/static/")), link
        else:
            assert link == "/api/v1/docs/?script="
    assert "<style" not in page
    assert not re.search(r"<script(?![^>]*src=)", page)
    script = api().get("/api/v1/docs/?script=")
    assert script["Content-Type"] == "application/javascript"
    assert 'url: "/api/v1/schema/"' in script.content.decode().replace("\\u002D", "-")
