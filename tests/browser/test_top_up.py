"""Paying in a real browser: from the usage page over the provider's page to the balance, readable for everyone."""

import urllib.request
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import servers
from tests.billing.fake_stripe import KEY, SECRET, FakeStripe
from tests.browser.looks import DESK, PHONE, looked_at
from tests.browser.window import Console, sign_in_as

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def stripe() -> Iterator[FakeStripe]:
    with FakeStripe() as fake:
        yield fake


@pytest.fixture(scope="module")
def shop(stripe: FakeStripe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Embedded]:
    """A site that takes payments."""
    payments = {"WUKONG_STRIPE_KEY": KEY, "WUKONG_STRIPE_WEBHOOK_SECRET": SECRET, "WUKONG_STRIPE_URL": stripe.url}
    running = servers.embedded(tmp_path_factory.mktemp("shop"), **payments)
    try:
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="module")
def page(browser: Browser, shop: servers.Embedded) -> Iterator[Page]:
    context = browser.new_context(base_url=shop.url, viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    sign_in_as(page)
    yield page
    context.close()


@pytest.fixture
def look(page: Page) -> Iterator[Callable[[str], None]]:
    """Return a function that notes what is wrong with the page as it is, in both themes, on a desk and on a phone."""
    console = Console(page)
    found: dict[tuple[str, str], object] = {}

    def at(name: str) -> None:
        found.update({(name, place): wrong for place, wrong in looked_at(page, widths=(DESK, PHONE)).items()})

    yield at
    assert found == {}
    assert console.errors == []


def hook(shop: servers.Embedded, stripe: FakeStripe, kind: str, name: str) -> int:
    body = stripe.event(kind, name)
    request = urllib.request.Request(
        f"{shop.url}/billing/stripe/webhook/", body, {"Stripe-Signature": stripe.sign(body)}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.status)


def choose(page: Page, value: str) -> None:
    page.goto("/w/northwind/usage/")
    page.get_by_role("main").get_by_role("link", name="Top up").click()
    page.locator(".amount", has=page.locator(f"input[value='{value}']")).click()


def test_a_person_pays_and_reads_the_new_balance(
    page: Page, shop: servers.Embedded, stripe: FakeStripe, look: Callable[[str], None]
):
    choose(page, "25.00")
    look("choose")
    page.get_by_text("Remember the payment method").click()
    page.get_by_role("button", name="Go on to the payment").click()
    page.wait_for_url(f"{stripe.url}/pay/**")
    page.get_by_role("button", name="Pay 2500").click()
    page.wait_for_url(f"{shop.url}/w/northwind/top-up/*/")

    expect(page.get_by_role("heading", name="Booked")).to_be_visible()
    look("booked")
    (session,) = stripe.made("checkout.session")
    assert hook(shop, stripe, "checkout.session.completed", session["id"]) == 200
    page.goto("/w/northwind/usage/")
    expect(page.locator(".money").get_by_text("75.00")).to_be_visible()
    assert shop.manage("books").splitlines()[-1] == "difference 0 nano"

    page.goto("/w/northwind/top-up/")
    expect(page.get_by_text("Visa •••• 4242")).to_be_visible()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("The workspace now tops up by itself.")).to_be_visible()
    look("automatic")
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_text("The workspace no longer tops up by itself.")).to_be_visible()


def test_a_person_who_comes_back_reads_that_nothing_was_paid(
    page: Page, shop: servers.Embedded, stripe: FakeStripe, look: Callable[[str], None]
):
    choose(page, "other")
    page.get_by_label("Another amount").last.fill("2")
    page.get_by_role("button", name="Go on to the payment").click()
    expect(page.get_by_text("From 5.00 to 1000.00 USD.")).to_be_visible()
    look("too little")
    page.get_by_label("Another amount").last.fill("12.50")
    page.get_by_role("button", name="Go on to the payment").click()
    page.wait_for_url(f"{stripe.url}/pay/**")
    page.get_by_role("link", name="Back").click()

    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    look("cancelled")


def test_a_payment_that_waits_is_booked_under_the_eyes_of_its_person(
    page: Page, shop: servers.Embedded, stripe: FakeStripe, look: Callable[[str], None]
):
    choose(page, "10.00")
    page.get_by_role("button", name="Go on to the payment").click()
    page.wait_for_url(f"{stripe.url}/pay/**")
    session = stripe.made("checkout.session")[-1]
    payment = stripe.pay(session["id"], status="processing")
    page.goto(session["success_url"])
    expect(page.get_by_role("heading", name="The bank is working on it")).to_be_visible()
    look("processing")

    stripe.settle(payment)
    assert hook(shop, stripe, "payment_intent.succeeded", payment) == 200

    expect(page.get_by_role("heading", name="Booked")).to_be_visible()


def test_an_amount_is_chosen_with_the_keyboard(page: Page, shop: servers.Embedded):
    page.goto("/w/northwind/top-up/")
    page.locator(".amount input").first.focus()
    page.keyboard.press("ArrowRight")

    expect(page.locator(".amount input:checked")).to_have_value("25.00")
