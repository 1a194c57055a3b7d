"""The tour: every page of the product in the state in which it is worth looking at, and for whom.

The browser tests walk it for accessibility, overflow, policy and console; the screenshots are taken on the same way.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from playwright.sync_api import FilePayload, Page

from tests.browser.scene import NEWCOMER, OWNER, QUIET, VIEWER, Scene

NOBODY = ""


@dataclass(frozen=True)
class Stop:
    """One page: `act` is what a person does there before it is looked at; `status` what the server answers first."""

    name: str
    path: str
    who: str = OWNER
    act: Callable[[Page], None] | None = None
    status: int = 200
    is_still: bool = True
    """Whether it looks the same each time; a live run does not."""


def stops(scene: Scene) -> list[Stop]:
    return [*_live(scene), *_doors(scene), *_work(scene), *_settings(scene), *_console(), *_errors(scene)]


def _live(scene: Scene) -> list[Stop]:
    document = f"/documents/{scene.live_document}/"
    return [
        Stop("document-live", document, is_still=False),
        Stop("swarm-live", f"{document}#swarm", is_still=False),
        Stop("home-live", "/w/northwind/", is_still=False),
        Stop("run-live", f"/runs/{scene.live}/", is_still=False),
        Stop("runs-live", "/w/northwind/runs/", is_still=False),
    ]


def _doors(scene: Scene) -> list[Stop]:
    return [
        Stop("signin", "/accounts/login/", NOBODY),
        Stop("signin-error", "/accounts/login/", NOBODY, _wrong_password),
        Stop("signup", "/accounts/signup/", NOBODY),
        Stop("signup-error", "/accounts/signup/", NOBODY, _short_password),
        Stop("reset", "/accounts/password/reset/", NOBODY),
        Stop("reset-sent", "/accounts/password/reset/done/", NOBODY),
        Stop("reset-expired", "/accounts/password/reset/key/0-used/", NOBODY),
        Stop("invitation", scene.invitation, NOBODY),
        Stop("invitation-used", "/invitations/used/", NOBODY, status=404),
        Stop("first-workspace", "/workspaces/new/", NEWCOMER),
        Stop("home-empty", "/w/quiet/", QUIET),
        Stop("runs-empty", "/w/quiet/runs/", QUIET),
        Stop("usage-empty", "/w/quiet/usage/", QUIET),
        Stop("prices-first", "/w/quiet/prices/", QUIET),
        Stop("limits-empty", "/w/quiet/limits/", QUIET),
    ]


def _work(scene: Scene) -> list[Stop]:
    project = f"/projects/{scene.project}/"
    return [
        Stop("home", "/w/northwind/"),
        Stop("menu", "/w/northwind/", act=_open_menu),
        Stop("project", project),
        Stop("project-viewer", project, VIEWER),
        Stop("project-new-document", project, act=_press("New document")),
        Stop("project-add-source", project, act=_press("Add")),
        Stop("new-project", "/w/northwind/projects/new/"),
        Stop("new-run", f"{project}runs/new/"),
        Stop("new-run-brief", f"{project}runs/new/brief/?template=campaign", act=_fill_brief),
        Stop("new-run-error", f"{project}runs/new/brief/?template=campaign", act=_wrong_limit),
        Stop("plan", f"/runs/{scene.draft}/plan/"),
        Stop("document", f"/documents/{scene.done_document}/"),
        Stop("document-notes", f"/documents/{scene.notes}/"),
        Stop("document-empty", f"/documents/{scene.empty_document}/"),
        Stop("document-viewer", f"/documents/{scene.notes}/", VIEWER),
        Stop("run", f"/runs/{scene.done}/"),
        Stop("run-paused", f"/runs/{scene.paused}/"),
        Stop("run-stopped", f"/runs/{scene.stopped}/"),
        Stop("runs", "/w/northwind/runs/"),
        Stop("usage", "/w/northwind/usage/"),
        Stop("usage-agents", "/w/northwind/usage/?period=week&by=agent"),
        Stop("ledger", "/w/northwind/ledger/"),
        Stop("ledger-filtered", "/w/northwind/ledger/?code=capture"),
        Stop("ledger-none", "/w/northwind/ledger/?code=refund"),
        Stop("ledger-entry", "/w/northwind/ledger/?code=capture", act=_open_entry),
        Stop("statements", "/w/northwind/statements/"),
        Stop("statement", f"/w/northwind/statements/{datetime.now(UTC):%Y-%m}/"),
        Stop("waste", "/w/northwind/waste/"),
        Stop("run-bill", f"/runs/{scene.done}/bill/"),
        Stop("prices", "/w/northwind/prices/"),
        Stop("limits", "/w/northwind/limits/"),
        Stop("limits-viewer", "/w/northwind/limits/", VIEWER),
        Stop("limits-set", "/w/northwind/limits/", act=_press("Set a limit")),
        Stop("limits-error", "/w/northwind/limits/", act=_no_amount),
        Stop("prices-versions", "/w/northwind/prices/", act=_open_versions),
    ]


def _settings(scene: Scene) -> list[Stop]:
    settings = "/w/northwind/settings/"
    return [
        Stop("settings", settings),
        Stop("settings-viewer", settings, VIEWER),
        Stop("settings-members", f"{settings}members/"),
        Stop("settings-invite", f"{settings}members/", act=_press("Invite")),
        Stop("settings-remove", f"{settings}members/", act=_press("Remove")),
        Stop("settings-keys", f"{settings}keys/"),
        Stop("settings-key-made", f"{settings}keys/", act=_make_key),
        Stop("settings-models", f"{settings}models/"),
        Stop("new-workspace", "/workspaces/new/"),
        Stop("profile", "/profile/"),
        Stop("password", "/accounts/password/change/"),
        Stop("signout", "/accounts/logout/"),
    ]


def _console() -> list[Stop]:
    names = ("", "system/", "books/", "workspaces/workspace/", "workspaces/user/", "agents/run/", "billing/wallet/")
    more = ("billing/transfer/", "billing/ratecard/", "billing/priceproposal/", "billing/pricepin/")
    return [
        Stop(f"console-{(name.strip('/').replace('/', '-')) or 'home'}", f"/console/{name}") for name in names + more
    ]


def _errors(scene: Scene) -> list[Stop]:
    return [
        Stop("error-404", "/nothing/here/", status=404),
        Stop("error-403", f"/projects/{scene.project}/runs/new/", VIEWER, status=403),
        Stop("error-csrf", "/accounts/login/", NOBODY, _stale_page),
    ]


# --- what people do -------------------------------------------------------------------------------------------------
def _press(name: str) -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.get_by_role("main").get_by_role("button", name=name, exact=True).first.click()
        page.locator("dialog[open]").wait_for()

    return act


def _open_menu(page: Page) -> None:
    page.locator("[popovertarget=workspace-menu]:visible").first.click()
    page.locator("#workspace-menu:popover-open").wait_for()


def _open_versions(page: Page) -> None:
    for summary in page.locator(".versions summary").all():
        summary.click()
    page.locator(".versions[open]").first.wait_for()


def _open_entry(page: Page) -> None:
    page.locator(".entries td a").first.click()
    page.locator(".meters").wait_for()


def _submit(page: Page, fields: Iterable[tuple[str, str]]) -> None:
    for selector, value in fields:
        page.fill(selector, value)
    page.locator("main button[type=submit]").last.click()
    page.wait_for_load_state()


def _wrong_password(page: Page) -> None:
    _submit(page, [("input[name=login]", "ada@example.com"), ("input[name=password]", "not the password")])
    page.locator(".hint.bad").first.wait_for()


def _short_password(page: Page) -> None:
    fields = {"name": "Noor", "email": "noor@example.org", "password1": "short"}
    _submit(page, [(f"input[name={name}]", value) for name, value in fields.items()])
    page.locator(".hint.bad").first.wait_for()


def _fill_brief(page: Page) -> None:
    page.fill(
        "#goal", "Launch Morning Ridge, a loose-leaf tea for offices, in Hamburg.\nThe campaign budget is €24,000."
    )
    prices = FilePayload(name="Prices 2027.csv", mimeType="text/csv", buffer=b"Item,Price\nStarter box,14\n" * 90)
    survey = FilePayload(name="Survey.pdf", mimeType="application/pdf", buffer=b"%PDF-1.7" * 400)
    page.set_input_files("input[type=file]", [prices, survey])


def _wrong_limit(page: Page) -> None:
    _submit(page, [("#goal", "Launch a tea."), ("#budget", "a lot")])
    page.locator(".hint.bad").first.wait_for()


def _no_amount(page: Page) -> None:
    _press("Set a limit")(page)
    page.fill("dialog[open] input[name=limit]", "a lot")
    page.locator("dialog[open] button[type=submit]").click()
    page.locator("dialog[open] .hint.bad").first.wait_for()


def _make_key(page: Page) -> None:
    _press("New key")(page)
    page.fill("dialog[open] input[name=name]", "Nightly export")
    page.locator("dialog[open] input[type=checkbox]").first.check()
    page.locator("dialog[open] button[type=submit]").click()
    page.locator("#new-secret").wait_for()


def _stale_page(page: Page) -> None:
    page.context.clear_cookies()
    page.fill("input[name=login]", "ada@example.com")
    page.fill("input[name=password]", "a password")
    page.locator("main button[type=submit]").click()
    page.locator(".error-page").wait_for()
