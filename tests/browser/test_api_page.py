"""The page of the API: drawn from our own files under the strict policy, and it can be tried with a key."""

import pytest

pytestmark = pytest.mark.browser


def test_the_page_of_the_api_is_drawn_without_a_complaint(site, page, console):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto("/api/v1/docs/")

    page.get_by_text("/api/v1/documents/{id}/content/").first.wait_for()
    page.get_by_role("button", name="Authorize").first.wait_for()
    assert {url.partition("/api")[0].partition("/static")[0] for url in asked if not url.startswith("data:")} == {
        site.url
    }


def test_a_request_can_be_tried_with_a_key(site, page, console):
    key = site.manage("create_api_key", "demo@example.com", "northwind")
    page.goto("/api/v1/docs/")

    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("auth-bearer-value").fill(key)
    page.get_by_label("auth-bearer-value").press("Enter")
    page.get_by_role("button", name="Close").first.click()
    page.get_by_text("/api/v1/me/", exact=True).first.click()
    page.get_by_role("button", name="Try it out").first.click()
    page.get_by_role("button", name="Execute").click()

    page.get_by_text("demo@example.com").first.wait_for()
