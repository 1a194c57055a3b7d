"""REST of statements: finished months as JSON, CSV and PDF."""

from datetime import UTC, datetime

import pytest

from billing.contracts import Usage
from billing.models.statements import Statement
from billing.pages import pdf_form
from tests.billing.calendar import issue, use

PATH = "/api/v1/billing/statements/"


@pytest.fixture
def issued(workspace):
    for month in (9, 10):
        use(workspace, datetime(2026, month, 3, 12, tzinfo=UTC), Usage(input_tokens=10_001, output_tokens=500))
    issue(datetime(2026, 11, 1, 0, 2, tzinfo=UTC))
    return Statement.objects.latest("month")


def test_the_list_is_newest_first(api, issued, ada, eve):
    rows = api(ada).get(PATH, {"workspace": "northwind"}).json()["results"]

    assert [row["number"] for row in rows] == ["2026-10-0001", "2026-09-0001"]
    assert rows[0] == {
        "id": str(issued.pk),
        "workspace": str(issued.workspace_id),
        "number": "2026-10-0001",
        "month": "2026-10-01",
        "time_zone": "UTC",
        "period_start": "2026-10-01T00:00:00Z",
        "period_end": "2026-11-01T00:00:00Z",
        "opening_reading": 10_501,
        "closing_reading": 21_002,
        "opening_balance": {"amount": "4.975998000", "currency": "USD"},
        "closing_balance": {"amount": "4.951996000", "currency": "USD"},
        "total": {"amount": "0.030000000", "currency": "USD"},
        "carry_in": {"amount": "0.004002000", "currency": "USD"},
        "carry": {"amount": "-0.001996000", "currency": "USD"},
        "tax_percent": "0",
        "tax": {"amount": "0.000000000", "currency": "USD"},
        "issued_at": "2026-11-01T00:02:00Z",
        "sha256": issued.sha256,
        "created_at": "2026-11-01T00:02:00Z",
    }
    assert api(eve).get(PATH).json()["results"] == []


def test_one_has_its_lines_and_is_compared_with_the_ledger(api, issued, ada, eve):
    found = api(ada).get(f"{PATH}{issued.pk}/").json()

    assert [(line["meter"], line["tokens"], line["amount"]["amount"]) for line in found["lines"]] == [
        ("input", 10_001, "0.020002000"),
        ("output", 500, "0.004000000"),
    ]
    assert found["lines"][0]["opening_reading"] == 10_001
    assert found["lines"][0]["pico_per_token"] == 2_000_000
    assert (found["movements"], found["not_charged"]) == ([], [])
    assert found["ledger"] == {"entries": 1, "difference": {"amount": "0.000000000", "currency": "USD"}}
    september = Statement.objects.earliest("month")
    (grant,) = api(ada).get(f"{PATH}{september.pk}/").json()["movements"]
    assert (grant["code"], grant["amount"]) == ("grant", {"amount": "5.000000000", "currency": "USD"})
    assert api(eve).get(f"{PATH}{issued.pk}/").status_code == 404


def test_it_is_a_file_too(api, issued, ada):
    answer = api(ada).get(f"{PATH}{issued.pk}/", {"format": "csv"}, headers={"Accept": "text/csv"})

    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "total,,,,,,,10501,,,0.030000000,USD" in answer.content.decode()
    pdf = api(ada).get(f"{PATH}{issued.pk}/", {"format": "pdf"})
    assert (pdf.status_code, pdf["Content-Type"]) == (
        (200, "application/pdf") if pdf_form.is_installed() else (400, "application/json")
    )
    refused = api(ada).get(f"{PATH}{issued.pk}/", {"format": "xls"})
    assert (refused.status_code, list(refused.json()["error"]["details"])) == (400, ["format"])
