"""The ledger's explorer and the console's money in a browser: readable for everyone, on a phone too, down to the books.

A site of its own with two months of calls behind it.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import servers
from tests.browser.looks import WIDTHS, looked_at
from tests.browser.statements import furnish
from tests.browser.window import Console, sign_in_as

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_OPERATOR = """
from workspaces.people.models import User
User.objects.filter(email="demo@example.com").update(is_staff=True)
"""
PATHS = {
    "all": "/w/northwind/ledger/",
    "filtered": "/w/northwind/ledger/?code=topup",
    "none": "/w/northwind/ledger/?code=refund",
    "wrong": "/w/northwind/ledger/?since=2026-02-02&until=2026-01-01",
}
TABLES = ("wallet", "lot", "budget", "alert", "statement", "meterreading", "hold", "transfer", "usagerecord")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Embedded]:
    running = servers.embedded(tmp_path_factory.mktemp("ledger") / "data")
    try:
        furnish(running)
        running.manage("shell", "-c", _OPERATOR)
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="module")
def page(browser: Browser, site: servers.Embedded) -> Iterator[Page]:
    context = browser.new_context(base_url=site.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    console = Console(page)
    sign_in_as(page)
    yield page
    context.close()
    assert console.errors == []


def seen(page: Page, *, is_wide: bool = False) -> dict[str, object]:
    """Return what is wrong with a page. The console is a tool at a desk: `is_wide`."""
    page.wait_for_timeout(200)  # the balance in the top bar
    return looked_at(page, widths=WIDTHS[:1] if is_wide else WIDTHS, within=".page, .panel")


@pytest.mark.parametrize("name", PATHS)
def test_it_is_readable_for_everyone_and_nothing_overflows(name: str, page: Page):
    page.goto(PATHS[name])

    assert seen(page) == {}


def test_a_movement_leads_down_to_its_meters_and_up_to_its_run(page: Page):
    page.goto(PATHS["all"])
    page.get_by_label("Model").select_option(label="Qwen3-Max")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".entries tbody tr")).to_have_count(22)
    page.locator(".entries td a").first.click()

    amounts = page.locator(".meters tbody td:last-child").all_inner_texts()
    charged = page.locator(".meters tfoot td:last-child").inner_text()
    assert sum(_nano(text) for text in amounts) == _nano(charged)
    assert _nano(charged) == -_nano(re.search(r"−[\d.,]+", page.locator("h1").inner_text())[0])
    assert page.get_by_role("link", name="Open the run").get_attribute("href").startswith("/runs/")
    assert seen(page) == {}


def _nano(text: str) -> int:
    whole, _dot, places = text.replace("−", "-").replace(",", "").partition(".")
    return int(f"{whole}{places.ljust(9, '0')}")


def test_a_day_has_its_file(page: Page):
    page.goto(PATHS["filtered"])
    with page.expect_download() as made:
        page.get_by_role("link", name="CSV").click()

    lines = made.value.path().read_text().splitlines()
    assert made.value.suggested_filename == "ledger-northwind.csv"
    assert [line.split(",")[1:3] for line in lines] == [["code", "amount"], *[["topup", "250.000000000"]] * 2]


@pytest.mark.parametrize("table", TABLES)
def test_tables_of_the_console(table: str, page: Page):
    page.goto(f"/console/billing/{table}/")

    assert seen(page, is_wide=True) == {}


def test_an_operator_books_and_the_books_still_close(page: Page):
    page.goto("/console/billing/wallet/")
    for action, fields, said in (
        ("promo_credit", {"amount": "2.50", "last_day": "2999-01-31", "reason": "Spring"}, "now has"),
        ("adjust", {"amount": "-1.25", "reason": "Counted twice"}, "now has"),
        ("refund_topup", {"amount": "3", "reason": "Left us"}, "now has"),
        ("set_credit_limit", {"limit": "30", "reason": "Contract 7"}, "credit limit is 30.000000000"),
    ):
        page.locator("input.action-select").first.check()
        page.locator("select[name=action]").select_option(action)
        page.get_by_role("button", name="Go").click()
        assert seen(page, is_wide=True) == {}
        for name, value in fields.items():
            page.locator(f"[name={name}]").fill(value)
        page.locator(".submit-row input.default").click()
        assert seen(page, is_wide=True) == {}
        page.get_by_role("button", name="Book it").dblclick()
        expect(page.locator(".messagelist")).to_contain_text(said)

    page.get_by_role("link", name="Books").click()
    expect(page.locator(".verdict.is-ok")).to_be_visible()
    assert seen(page, is_wide=True) == {}
    page.goto("/w/northwind/ledger/?code=adjust")
    expect(page.locator(".entries")).to_contain_text("Counted twice")
    page.goto("/console/billing/wallet/")
    page.locator("#result_list tbody th a").first.click()
    page.get_by_role("link", name="What operators have done").click()
    expect(page.locator("#change-history tbody tr")).to_have_count(4)


def test_a_charge_is_corrected_once_from_its_usage_record(page: Page):
    page.goto("/console/billing/usagerecord/")
    page.get_by_role("link", name="Correct the charge").first.click()
    assert seen(page, is_wide=True) == {}
    page.locator("[name=amount]").fill("0.001")
    page.locator("[name=reason]").fill("Wrong model")
    page.locator(".submit-row input.default").click()
    page.get_by_role("button", name="Book it").dblclick()
    expect(page.locator(".messagelist")).to_contain_text("now has")

    page.goto("/w/northwind/ledger/?code=adjust")
    expect(page.locator(".entries tbody tr", has_text="Wrong model")).to_have_count(1)
