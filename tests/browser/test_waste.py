"""The page of waste, the forecast beside the balance, and the console's reconciliation, as people see them."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, StorageState, expect

from tests import servers
from tests.browser.looks import looked_at
from tests.browser.window import Console

pytestmark = pytest.mark.browser

WASTEFUL = """
from datetime import timedelta
from unittest import mock
from billing import services
from billing.contracts import Rejected, Usage
from workspaces.people.models import Workspace
from wukong.kernel import clock
from wukong.kernel.ids import new_id

workspace = Workspace.objects.get(slug="northwind")
real = clock.now()

def call(run, step, question, failed=False, agent="Writer", repeated=0, size=1000):
    one, usage = new_id(), Usage(input_tokens=size, output_tokens=100)
    services.authorise(
        call=one, workspace_id=workspace.pk, model="scripted", run=run, step=step, project=None, agent=agent,
        input_bound=size, input_guess=size * 9 // 10, max_tokens=100, question=question, repeated_tokens=repeated,
    )
    if failed:
        services.mark_not_charged(call=one, usage=usage, reason="cut")
    else:
        services.settle(call=one, usage=usage, counted_tokens=100)
    return one

for limit in services.budgets_of(workspace):  # of other tests on this site
    services.drop_budget(workspace_id=workspace.pk, level=limit.level, name=limit.name)
for day in range(12, 0, -1):
    with mock.patch("billing.page.now", lambda: real - timedelta(days=day)):
        call(new_id(), new_id(), day, size=400_000)
for _run in range(8):
    run, step = new_id(), new_id()
    call(run, step, 1)
    call(run, step, 1, repeated=700)
    call(run, step, 2, failed=True)
    call(run, step, 2, agent="Reviewer")
    written = call(run, step, 3, repeated=400)
    words = [Rejected(key=str(written), call=written, tokens=30, by="check")]
    services.note_rejected(workspace_id=workspace.pk, words=words)
services.watch_drift()
"""


@pytest.fixture(scope="module")
def wasteful(site: servers.Embedded) -> None:
    site.manage("shell", "-c", WASTEFUL)


@pytest.fixture
def person(wasteful: None, window: Callable[..., BrowserContext], signed_in: Callable[[str], StorageState]) -> Page:
    return window(storage_state=signed_in("demo@example.com")).new_page()


@pytest.mark.parametrize("path", ["/w/northwind/waste/", "/w/northwind/waste/?kind=loops", "/w/northwind/usage/"])
def test_pages_are_readable_for_everyone(person: Page, path: str):
    console = Console(person)
    person.goto(path)

    assert looked_at(person) == {}
    assert console.errors == []


def test_each_kind_leads_to_all_of_its_runs(person: Page):
    person.goto("/w/northwind/usage/")
    expect(person.get_by_text("Balance lasts about")).to_be_visible()
    person.locator(".tabs:visible .tab", has_text="Waste").click()
    person.wait_for_url("**/w/northwind/waste/")
    card = person.locator("section", has=person.get_by_role("heading", name="Second tries"))
    expect(card.locator("tbody tr")).to_have_count(5)
    card.get_by_role("link", name="Show 3 more runs").click()
    expect(person.locator("section tbody tr")).to_have_count(8)
    expect(person.locator("section tfoot")).to_contain_text("0.0224")


def test_the_console_puts_the_counts_beside_each_other(person: Page):
    person.goto("/console/billing/driftalert/")
    expect(person.get_by_text("too far apart").first).to_be_visible()
    expect(person.locator("#result_list tbody tr")).not_to_have_count(0)
