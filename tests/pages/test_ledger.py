"""The ledger's explorer: every movement with its balance, filters, pages, one movement down to its meters, the file."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import connection

from billing import ledger, ops, services
from billing.contracts import Usage
from billing.explorer import balances, calls
from billing.explorer import services as explorer
from billing.explorer.wanted import Wanted
from billing.models import Transfer, UsageRecord, Wallet
from billing.rules import HOLD_LIVES
from tests.billing.calendar import clock_at, use
from tests.billing.conftest import hold_op
from wukong.kernel.ids import new_id
from wukong.kernel.money import parse_amount

PATH = "/w/northwind/ledger/"
NOON = datetime(2026, 10, 3, 12, tzinfo=UTC)
USAGE = Usage(input_tokens=1_001, cache_read_tokens=333, output_tokens=77, reasoning_tokens=1)


@pytest.fixture
def run(workspace, project):
    """A welcome, two calls of a run, one of another agent a day later, and a correction."""
    run = new_id()
    for minute in range(2):
        use(workspace, NOON + timedelta(minutes=minute), USAGE, run=run, step=new_id(), project=project.pk)
    use(workspace, NOON + timedelta(days=1), Usage(input_tokens=50), agent="=Reviewer")
    with clock_at(NOON + timedelta(days=2)):
        services.adjust(workspace_id=workspace.pk, signed_nano=-7, key="a", actor="person:x", note="-sorry")
    return run


def words(answer) -> str:
    html = answer.content.decode()
    main = html[html.index('<main class="sheet"') : html.index("</main>")]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


def table(answer) -> str:
    text = words(answer)
    return text[text.index("Balance after") :] if "Balance after" in text else ""


def file_of(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode())))


def test_members_read_it_and_strangers_find_nothing(at, run, ada, bob, rita, eve):
    paths = [PATH, f"{PATH}?format=csv", f"{PATH}{Transfer.objects.latest('id').pk}/"]
    found = {who.name: [at(who).get(path).status_code for path in paths] for who in (ada, bob, rita, eve)}

    assert found == {"Ada": [200] * 3, "Bob": [200] * 3, "Rita": [200] * 3, "Eve": [404] * 3}
    assert [at().get(path)["Location"][:22] for path in paths] == ["/accounts/login/?next="] * 3


def test_a_movement_of_another_workspace_is_not_found(at, run, eve, ada):
    from workspaces.people.services import create_workspace

    create_workspace(name="Elsewhere", slug="elsewhere", owner=eve)
    other = Transfer.objects.latest("id").pk

    assert at(eve).get(f"/w/elsewhere/ledger/{other}/").status_code == 404
    assert at(ada).get(f"{PATH}{new_id()}/").status_code == 404
    assert at(ada).get(PATH, {"before": "nonsense"}).status_code == 404


def test_every_movement_is_there_with_the_balance_after_it(at, run, ada):
    rows = table(at(ada).get(PATH))

    assert "Adjustment 5 Oct 2026, 12:00:00 -sorry -sorry −0.000000007 4.994514793" in rows
    assert "Usage 4 Oct 2026, 12:00:00 =Reviewer =Reviewer Scripted −0.000100000 4.994514800" in rows
    assert (
        "3 Oct 2026, 12:01:00 Writer Writer Scripted Tea launch open the run · only this run −0.002692600 4.99" in rows
    )
    assert "Credit 3 Oct 2026, 12:00:00 +5.000000000 5.000000000" in rows
    assert rows.index("Adjustment") < rows.index("=Reviewer") < rows.index("Credit")


FILTERS = [
    ({}, ["adjust", "capture", "capture", "capture", "grant"]),
    ({"code": "adjust"}, ["adjust"]),
    ({"agent": "Writer"}, ["capture", "capture"]),
    ({"model": "scripted"}, ["capture"] * 3),
    ({"since": "2026-10-04", "until": "2026-10-04"}, ["capture"]),
    ({"since": "2026-10-05"}, ["adjust"]),
    ({"until": "2026-10-03", "code": "capture"}, ["capture", "capture"]),
    ({"project": "{project}"}, ["capture", "capture"]),
    ({"run": "{run}", "since": "2026-10-04"}, []),
    ({"run": "{run}"}, ["capture", "capture"]),
]


def test_filters(at, run, project, ada):
    browser, found = at(ada), []
    for asked, _kinds in FILTERS:
        asked = {name: value.format(project=project.pk, run=run) for name, value in asked.items()}
        rows = file_of(browser.get(PATH, asked | {"format": "csv"}))
        found.append([row["code"] for row in rows])
        assert table(browser.get(PATH, asked)).count("2026") == len(rows)

    assert found == [kinds for _asked, kinds in FILTERS]


def test_what_is_no_filter_is_said_and_finds_nothing(at, run, ada):
    late = {"since": "2026-10-02", "until": "2026-10-01"}
    for asked in ({"run": "nobody"}, {"since": "yesterday"}, {"code": "theft"}, late):
        answer = at(ada).get(PATH, asked | {"format": "csv"})
        assert "No movement is like that" in words(answer)
        assert 'class="hint bad"' in answer.content.decode() or "There is no such run" in words(answer)


def test_days_are_those_of_the_workspace(at, run, workspace, ada):
    workspace.time_zone = "Asia/Tokyo"  # 3 October, 15:30 UTC is the 4th there
    workspace.save()
    use(workspace, NOON + timedelta(hours=3, minutes=30), Usage(input_tokens=9))

    assert "4 Oct 2026, 00:30:00" in table(at(ada).get(PATH, {"since": "2026-10-04", "until": "2026-10-04"}))


def test_pages_go_on_where_one_ended_and_keep_their_filters(at, run, ada, monkeypatch):
    monkeypatch.setattr(explorer, "PAGE", 2)
    first = at(ada).get(PATH, {"code": "capture"})
    older = re.search(r'href="(\?code=capture&amp;before=[^"]+)" rel="next"', first.content.decode())[1]
    second = at(ada).get(PATH + older.replace("&amp;", "&"))

    assert table(first).count("2026") == 2
    assert "12:00:00 Writer Writer Scripted Tea launch open the run · only this run −0.0026926 4.9973074" in table(
        second
    )
    assert 'rel="next"' not in second.content.decode()
    assert 'href="?code=capture"' in second.content.decode()


def test_an_empty_ledger_says_what_will_be_there(at, workspace, ada, settings):
    settings.WUKONG_WELCOME_CREDIT = "0"

    assert "Nothing has moved yet" in words(at(ada).get(PATH))


def test_balances_are_right_in_parts_and_through_filters(run, workspace, monkeypatch):
    monkeypatch.setattr(balances, "CHUNK", 2)
    has, known = Wallet.objects.get().balance_nano, {}
    for row in Transfer.objects.select_related("debit").order_by("-id"):
        known[row.pk] = has
        has += row.amount_nano if row.debit.kind == "wallet" else -row.amount_nano
    assert has == 0

    for wanted in (Wanted(), Wanted(code="capture"), Wanted(agent="Writer"), Wanted(code="grant")):
        found = list(explorer.all_of(workspace, wanted))
        assert {one.transfer.pk: one.balance_nano for one in found}.items() <= known.items()
        page = explorer.page_of(workspace, wanted).entries
        assert [(one.transfer.pk, one.balance_nano) for one in page] == [
            (one.transfer.pk, one.balance_nano) for one in found
        ]


def test_the_file_is_exact_and_harmless(at, run, project, ada):
    answer = at(ada).get(PATH, {"format": "csv"})
    rows = file_of(answer)

    assert answer.streaming
    assert answer["Content-Disposition"] == 'attachment; filename="ledger-northwind.csv"'
    assert (rows[0]["amount"], rows[0]["balance"], rows[0]["note"]) == ("-0.000000007", "4.994514793", "'-sorry")
    assert rows[1]["agent"] == "'=Reviewer"
    assert (rows[2]["project"], rows[2]["project_id"], rows[2]["run"]) == ("Tea launch", str(project.pk), str(run))
    assert parse_amount(rows[0]["balance"]) == sum(parse_amount(row["amount"]) for row in rows)
    assert list(rows[0]) == [
        *("booked_at", "code", "amount", "balance", "currency", "project", "project_id", "run", "step", "call"),
        *("swarm", "agent", "model", "note", "id"),
    ]


async def _all(body):
    return [part async for part in body]


def test_under_asgi_the_file_is_sent_part_by_part(run, workspace, ada, monkeypatch):
    from asgiref.sync import async_to_sync

    from billing.pages import ledger as page

    monkeypatch.setattr(page, "LINES", 2)
    request = ASGIRequest({"type": "http", "method": "GET", "path": PATH, "headers": []}, io.BytesIO())
    answer = page._as_file(request, workspace, Wanted(), {})
    assert answer.is_async

    parts = async_to_sync(_all)(answer.streaming_content)

    assert [part.decode().count("\r\n") for part in parts] == [2, 2, 2]


# --- one movement ---------------------------------------------------------------------------------------------------
def detail(browser, transfer) -> str:
    return words(browser.get(f"{PATH}{transfer.pk}/"))


def test_a_charge_is_shown_down_to_its_meters(at, run, ada):
    charge = Transfer.objects.filter(run=run).earliest("id")
    text = detail(at(ada), charge)

    assert "Usage $ −0.0026926 The balance after it: $ 4.9973074." in text
    assert "Input 1,001 2.00 0.0020020 Cached input 333 0.20 0.0000666 Output 77 8.00 0.0006160" in text
    assert "Reasoning 1 8.00 0.0000080 Charged at the end of the call 0.0026926" in text
    assert "Tariff version 1 of" in text
    assert "Held" in text
    assert "charged at its end" in text
    assert f"/runs/{run}/" in at(ada).get(f"{PATH}{charge.pk}/").content.decode()
    assert str(charge.step) in text


@pytest.mark.parametrize("prices", [(1, 1, 1, 1), (333, 7, 999, 1001), (2_000_001, 200_003, 5, 8_000_007)])
def test_lines_make_up_the_charge_to_the_nano(prices, workspace, settings):
    settings.WUKONG_ENDPOINT_MODEL = "odd"
    settings.WUKONG_ENDPOINT_PRICES = ",".join(
        f"{pico // 1_000_000}.{pico % 1_000_000:06d}" for pico in (prices[0], prices[3], prices[1], prices[2])
    )
    usage = Usage(input_tokens=101, cache_read_tokens=37, cache_write_tokens=11, output_tokens=43, reasoning_tokens=29)
    call = use(workspace, NOON, usage, model="odd")
    record = UsageRecord.objects.get(call=call)
    _start, lines = calls.lines_of(record)

    assert sum(line.amount_nano for line in lines) == record.amount_nano
    assert [line.tokens for line in lines] == [101, 37, 11, 43, 29]


def test_what_lies_above_the_hold_is_shown_as_not_charged(at, workspace, ada):
    op = hold_op(workspace.pk)
    ledger.post(op)
    ledger.post(ops.Capture(call=op.call, usage=Usage(input_tokens=1_000, output_tokens=500)))
    text = detail(at(ada), Transfer.objects.get(call=op.call))

    assert "Input 1,000 2.00 0.0020 Output 500 8.00 0.0040 Not charged above what was reserved for the call" in text
    assert "−0.0032 Charged at the end of the call 0.0028" in text


def test_a_call_that_was_lost_and_came_late_tells_all_of_it(at, workspace, ada):
    with clock_at(NOON):
        op = hold_op(workspace.pk, input_guess=900)
        ledger.post(op)
        ledger.post(ops.Extend(call=op.call, max_tokens=100, checkpoint_tokens=40))
    with clock_at(NOON + HOLD_LIVES + timedelta(seconds=1)):
        services.expire_stale()
    with clock_at(NOON + timedelta(minutes=9)):
        services.settle(call=op.call, usage=Usage(input_tokens=950, output_tokens=60))
        services.adjust(
            workspace_id=workspace.pk, signed_nano=5, key="g", actor="person:x", note="Goodwill", call=op.call
        )
    text = detail(at(ada), Transfer.objects.get(call=op.call, code="capture"))

    assert "Nobody heard of this call for two minutes" in text
    assert "Its own count came late" in text
    assert "the tokens are our own count" in text
    assert "ended without a sign of life" in text
    assert "Last checkpoint 40 tokens written" in text
    assert "Together −0.002379995" in text  # 950 in and 60 out
    late = detail(at(ada), Transfer.objects.get(key=f"call:{op.call}:late"))
    assert "Adjustment $ −0.00026" in late
    assert "All movements of this call Usage" in late


def test_a_movement_without_a_call_says_so(at, run, ada):
    text = detail(at(ada), Transfer.objects.get(code="grant"))

    assert "No call stands behind it" in text


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads small tables as a whole")
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(), "transfers_of_a_workspace"),
        (Wanted(agent="Rare"), "transfers_of_a_workspace"),
        (Wanted(start=NOON, end=NOON + timedelta(days=1)), "transfers_of_a_"),
    ],
    ids=["all", "agent", "period"],
)
def test_an_index_is_used(wanted, index, run, workspace):
    plan = wanted.among(Transfer.objects.filter(workspace=workspace)).order_by("-pk")[:51].explain()

    assert f"USING INDEX {index}" in plan
    assert "SCAN" not in plan
