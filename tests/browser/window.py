"""A browser's window for tests and screenshots: how it is started, how people sign in, what its console says."""

from playwright.sync_api import Page

from tests.servers import PASSWORD

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def sign_in_as(page: Page, email: str = "demo@example.com", password: str = PASSWORD) -> None:
    """Sign in through the form; waits for the page behind it."""
    page.goto("/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_url(lambda url: "/accounts/login/" not in url)


class Console:
    """Errors and warnings of a page, and scripts that failed. A page that answers 4xx by design is said beforehand."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.allowed: list[str] = []
        page.on("console", lambda message: self._hear(message.type, f"{message.text} {message.location['url']}"))
        page.on("pageerror", lambda error: self._hear("error", str(error)))

    def allow(self, words: str) -> None:
        """Do not mind messages with these words."""
        self.allowed.append(words)

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not any(words in text for words in self.allowed):
            self.errors.append(text)
