"""Pages of statements: the list, a month, its lines; as CSV and PDF; for members alone."""

import re
from datetime import UTC, date, datetime
from unittest import mock

import pytest

from billing.contracts import Usage
from billing.models.statements import Statement
from billing.pages import bill_page, pdf_form
from billing.statements import services as statements
from billing.statements import store
from tests.billing.calendar import clock_at, issue, use
from wukong.kernel.ids import new_id

USAGE = Usage(input_tokens=1_240_211, cache_read_tokens=621_548, output_tokens=211_890)
NOW = datetime(2026, 11, 1, 0, 2, tzinfo=UTC)
PATHS = {
    "list": "/w/northwind/statements/",
    "issued": "/w/northwind/statements/2026-10/",
    "running": "/w/northwind/statements/2026-11/",
    "line": "/w/northwind/statements/2026-10/lines/1/",
    "csv": "/w/northwind/statements/2026-10/?format=csv",
}


@pytest.fixture
def run(workspace, project):
    """Two runs of October, one of November; the time is the first of November."""
    run = new_id()
    with mock.patch("django.conf.settings.WUKONG_WELCOME_CREDIT", "50.00"):
        for day in (3, 4):
            use(workspace, datetime(2026, 10, day, 12, tzinfo=UTC), USAGE, run=run, step=new_id(), project=project.pk)
    use(workspace, datetime(2026, 10, 5, tzinfo=UTC), Usage(input_tokens=50), run=new_id(), agent="Reviewer")
    issue(NOW)
    use(workspace, NOW, Usage(input_tokens=7))
    with clock_at(NOW):
        yield run


def test_members_read_them_and_strangers_find_nothing(at, run, ada, bob, rita, eve):
    browsers = {who.name: at(who) for who in (ada, bob, rita, eve)}
    for name, path in PATHS.items():
        found = {who: browser.get(path).status_code for who, browser in browsers.items()}

        assert found == {"Ada": 200, "Bob": 200, "Rita": 200, "Eve": 404}, name
        assert at().get(path)["Location"].startswith("/accounts/login/?next="), name


def test_a_month_that_is_none_is_not_found(at, run, ada):
    browser = at(ada)
    months = ["2026-09", "2026-12", "2026-13", "2026-1", "nonsense", "0000-01"]
    found = {month: browser.get(f"/w/northwind/statements/{month}/").status_code for month in months}

    assert found == dict.fromkeys(months, 404)


def words(answer) -> str:
    html = answer.content.decode()
    main = html[html.index('<main class="sheet"') : html.index("</main>")]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


def test_the_list_has_the_running_month_on_top(at, run, ada):
    text = words(at(ada).get(PATHS["list"]))

    assert text.index("November 2026") < text.index("October 2026")
    assert "November 2026 so far – – 7 $ 0.00" in text
    assert "October 2026 2026-10-0001 1 November 2026 4,147,348 $ 8.60" in text


def test_an_issued_month_reads_like_an_electricity_bill(at, run, ada):
    text = words(at(ada).get(PATHS["issued"]))

    assert "Statement, October 2026 1 to 31 October 2026, UTC" in text
    assert "Number 2026-10-0001 Issued 1 November 2026 Total $ 8.60" in text
    assert "4,147,348 tokens, closing minus opening" in text
    assert "Scripted Tariff of 3 Oct 2026 4,147,348 8.60" in text
    assert "Input 2,480,472 2.00 4.96" in text
    assert "Cached input 1,243,096 0.20 0.25" in text
    assert "Output 423,780 8.00 3.39" in text
    assert "Balance on 1 October 0.00 Credit given 3 October + 50.00 Consumption − 8.60 Balance on 31 October" in text
    assert "$ 41.40" in text
    assert "Equal to the ledger: 4 entries, difference 0.00" in text
    assert "So far" not in text


def test_the_running_month_says_that_it_is_not_closed(at, run, ada):
    text = words(at(ada).get(PATHS["running"]))

    assert "So far: this month is not closed" in text
    assert "Balance now" in text
    assert "Number" not in text
    assert "Equal to the ledger: 1 entries, difference 0.00" in text


def test_a_difference_is_computed_and_said(at, run, ada):
    with mock.patch("billing.statements.check.issuing.ledger_change", return_value=0):
        text = words(at(ada).get(PATHS["issued"]))

    assert re.search(r"Not equal to the ledger: 4 entries, difference 41\.4001968 ", text)


def test_displayed_cents_add_up(run):
    bill = store.read(Statement.objects.get(month=date(2026, 10, 1)))
    sheet = bill_page.sheet_of(bill, statements.proof_of(bill))

    def cents(text):
        return int(re.sub(r"[^0-9−]", "", text).replace("−", "-"))

    assert sum(cents(row.amount) for group in sheet.groups for row in group.rows) == cents(sheet.total)
    assert sum(cents(group.amount) for group in sheet.groups) == cents(sheet.total)
    rows = [sheet.opening, *sheet.credits, sheet.charged]
    assert sum(cents(row.amount) for row in rows) == cents(sheet.closing.amount)


def test_a_line_leads_to_its_runs_steps_and_calls(at, run, ada):
    runs = at(ada).get(PATHS["line"])
    text = words(runs)
    assert "Tea launch, Writer open the run 2 2,480,422 4.960844" in text
    assert "Without a project, Reviewer open the run 1 50 0.0001" in text
    assert "Total 3 2,480,472 4.960944" in text
    assert f'href="/runs/{run}/"' in runs.content.decode()

    steps = words(at(ada).get(PATHS["line"], {"run": str(run)}))
    assert "Step 1: Writer 1 1,240,211 2.480422 3 Oct, 12:00:00 1 1,240,211 2.480422 Step 2: Writer" in steps
    assert at(ada).get(PATHS["line"], {"run": str(new_id())}).status_code == 404
    assert at(ada).get(PATHS["line"], {"run": "nobody"}).status_code == 404
    assert at(ada).get("/w/northwind/statements/2026-10/lines/9/").status_code == 404


def test_calls_are_paged_and_those_without_a_run_are_found(at, run, workspace, ada, monkeypatch):
    monkeypatch.setattr("billing.pages.statements.PAGE", 2)
    line = "/w/northwind/statements/2026-11/lines/1/"

    first = words(at(ada).get(line, {"run": "none"}))
    assert "Step 1: Writer 1 7 0.000014" in first
    for _call in range(3):
        use(workspace, NOW, Usage(input_tokens=1))
    assert "Page 3 of 3" in words(at(ada).get(line, {"run": "none", "page": "9"}))


def test_csv_is_a_file(at, run, ada):
    answer = at(ada).get(PATHS["csv"])

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="statement-2026-10-0001.csv"'
    assert "line,scripted,input,1,0,0,2480472,2480472,3,2.000000000,4.960944000,USD" in answer.content.decode()
    running = at(ada).get("/w/northwind/statements/2026-11/?format=csv")
    assert 'filename="statement-2026-11-so-far.csv"' in running["Content-Disposition"]


def test_pdf_is_offered_only_where_it_can_be_made(at, run, ada, monkeypatch):
    for is_installed, status in ((True, 200), (False, 200)):
        monkeypatch.setattr(pdf_form, "is_installed", lambda known=is_installed: known)
        page = at(ada).get(PATHS["issued"])
        assert page.status_code == status
        assert ("format=pdf" in page.content.decode()) == is_installed
    assert at(ada).get(f"{PATHS['issued']}?format=pdf").status_code == 400


@pytest.mark.skipif(not pdf_form.is_installed(), reason="no Typst: pip install -r requirements-pdf.txt")
@pytest.mark.parametrize("month", ["2026-10", "2026-11"])
def test_pdf_has_what_the_page_has(month, at, run, ada):
    answer = at(ada).get(f"/w/northwind/statements/{month}/?format=pdf")

    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert len(answer.content) > 10_000
    fonts = set(re.findall(rb"/FontName\s*/[A-Z]{6}\+([\w-]+)", answer.content))
    assert fonts == {b"Inter-Regular", b"Inter-Bold"}  # a font that is not found is replaced without a word
