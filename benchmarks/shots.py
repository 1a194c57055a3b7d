"""Screenshots of every page, light and dark, on a desk and on a phone, tiled into contact sheets: var/shots/.

    python benchmarks/shots.py [--only NAME ...] [--docs]

Starts an embedded server of its own with the scripted model, fills it (tests/browser/scene.py) and walks the tour
(tests/browser/tour.py). `--docs` also renews the pictures of the README in docs/images/.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, StorageState, sync_playwright  # noqa: E402 - the path has to be known first

from tests import machine, servers  # noqa: E402
from tests.browser.scene import Scene, build  # noqa: E402
from tests.browser.tour import NOBODY, Stop, stops  # noqa: E402
from tests.browser.window import CHROMIUM_ARGS, sign_in_as  # noqa: E402

OUT = ROOT / "var" / "shots"
SETTLED_MS = 900
"""Time for fragments, fonts and the first events after a page has loaded."""

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Frame:
    """The size and theme of a picture."""

    width: int
    height: int
    theme: Theme

    @property
    def name(self) -> str:
        return f"{self.width}-{self.theme}"


FRAMES = [Frame(width, height, theme) for width, height in ((1440, 900), (390, 844)) for theme in ("light", "dark")]
DOCS = {
    "document": ("document-live", "1440-light"),
    "plan": ("plan", "1440-light"),
    "run": ("run", "1440-light"),
    "usage": ("usage", "1440-light"),
    "home-dark": ("home-live", "1440-dark"),
    "phone": ("document-live", "390-light"),
}


class Studio:
    """One browser on one site; people sign in once."""

    def __init__(self, browser: Browser, site: servers.Site) -> None:
        self.browser = browser
        self.site = site
        self._sessions: dict[str, StorageState] = {}

    def shoot(self, stop: Stop, frame: Frame) -> Path:
        """Take one picture."""
        context = self.browser.new_context(
            base_url=self.site.url,
            viewport={"width": frame.width, "height": frame.height},
            color_scheme=frame.theme,
            reduced_motion="reduce",
            storage_state=self._session(stop.who),
        )
        page = context.new_page()
        page.goto(stop.path)
        page.wait_for_load_state("load")
        if stop.act is not None:
            stop.act(page)
        page.wait_for_timeout(SETTLED_MS)
        path = OUT / f"{stop.name}-{frame.name}.png"
        page.screenshot(path=path)
        context.close()
        return path

    def _session(self, who: str) -> StorageState | None:
        if who == NOBODY:
            return None
        if who not in self._sessions:
            context = self.browser.new_context(base_url=self.site.url)
            sign_in_as(context.new_page(), who)
            self._sessions[who] = context.storage_state()
            context.close()
        return self._sessions[who]

    def sheet(self, frame: Frame, pictures: Sequence[Path]) -> Path:
        """Tile pictures into one contact sheet."""
        columns = 4 if frame.width > frame.height else 9
        page = self.browser.new_page(viewport={"width": 2400, "height": 800})
        tiles = "".join(
            f'<figure><img src="{path.as_uri()}"><figcaption>{path.stem}</figcaption></figure>' for path in pictures
        )
        style = (
            "body{margin:0;padding:16px;background:#8a8a8a;display:grid;gap:16px;font:14px sans-serif;"
            f"grid-template-columns:repeat({columns},1fr)}}figure{{margin:0}}img{{width:100%;display:block}}"
        )
        source = OUT / "sheet.html"
        source.write_text(f"<!doctype html><style>{style}</style>{tiles}")
        page.goto(source.as_uri())
        path = OUT / f"sheet-{frame.name}.png"
        page.screenshot(path=path, full_page=True)
        page.close()
        source.unlink()
        return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="*", default=[], help="names of stops of the tour")
    parser.add_argument("--docs", action="store_true", help="also renew docs/images/")
    options = parser.parse_args()
    if why := machine.missing("browser"):
        print(why)
        return 1
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = servers.embedded(Path(folder) / "site")
        site.start()
        browser = playwright.chromium.launch(executable_path=machine.CHROMIUM, args=CHROMIUM_ARGS)
        try:
            studio = Studio(browser, site)
            taken = list(_walk(studio, build(site), set(options.only)))
            for frame in FRAMES:
                print(studio.sheet(frame, [path for path in taken if path.stem.endswith(frame.name)]))
        finally:
            browser.close()
            site.stop()
    if options.docs:
        _renew_docs()
    print(f"{len(taken)} pictures in {OUT}")
    return 0


def _walk(studio: Studio, scene: Scene, only: set[str]) -> Iterator[Path]:
    """Take the pictures: a live run first in every frame, while it is at work."""
    wanted = [stop for stop in stops(scene) if not only or stop.name in only]
    for stop in [stop for stop in wanted if not stop.is_still]:
        for frame in FRAMES:
            yield studio.shoot(stop, frame)
    for frame in FRAMES:
        for stop in [stop for stop in wanted if stop.is_still]:
            yield studio.shoot(stop, frame)


def _renew_docs() -> None:
    images = ROOT / "docs" / "images"
    images.mkdir(parents=True, exist_ok=True)
    for name, (stop, frame) in DOCS.items():
        source = OUT / f"{stop}-{frame}.png"
        if source.exists():
            (images / f"{name}.png").write_bytes(source.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
