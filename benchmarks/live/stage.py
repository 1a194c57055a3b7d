"""Which scene is played by which server, in which order; each row with a time-out of its own."""

import os
import signal
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import measure
from benchmarks.live import ours, pair, peers, people, scenes
from benchmarks.live.crowd import TooSlow
from benchmarks.live.processes import GENERATOR_CORE, CannotStart, has_two_cores
from tests import machine
from tests import servers as sites

DAPHNE, UVICORN = "ours-daphne", "ours-uvicorn"
SERVERS = (
    "y-websocket", "hocuspocus", "hocuspocus-store", "pycrdt-websocket",
    DAPHNE, UVICORN, f"{DAPHNE}-no-commits", f"{UVICORN}-no-commits",
)  # fmt: skip
_PEERS = ("y-websocket", "hocuspocus", "pycrdt-websocket")
_FEW = (*_PEERS, DAPHNE, UVICORN)
SIZES = {
    "50x5": people.Size(50, 5),
    "100x20": people.Size(100, 20, cursors=True),
    "200x50": people.Size(200, 50),
    "200-documents": people.Size(2, 1, documents=200, rate=3.0),
}
_TWO = people.Size(50, 10)
SCENES: dict[str, tuple[str, ...]] = {
    "50x5": SERVERS,
    "100x20": SERVERS,
    "200x50": SERVERS,
    "200-documents": _FEW,
    "frozen": _FEW,
    "agents": _FEW,
    "join-10k-edits": _FEW,
    "join-1-mb": _FEW,
    "revocation": (DAPHNE, UVICORN),
    "two-processes": (DAPHNE, UVICORN),
    "pair": ("y-websocket", DAPHNE),
    "pair-beside-agents": ("y-websocket", DAPHNE),
}
"""Who plays what. `revocation` and `two-processes` have no counterpart; a pair is at the embedded size."""
QUICK_SCENES = ("50x5", "100x20")
QUICK_SERVERS = ("hocuspocus", DAPHNE)
_BESIDE = {"hocuspocus-store", f"{DAPHNE}-no-commits", f"{UVICORN}-no-commits"}
"""Played in the first round alone: they explain, nothing is judged by them."""
_ONCE = {"frozen", "join-10k-edits", "join-1-mb", "revocation", "two-processes", "pair", "pair-beside-agents"}
_JOINED = {"join-10k-edits": "10k edits", "join-1-mb": "1 MB"}
_CROWDED = {"200x50", *_JOINED}
_WITHOUT_INSTALLATION = {"two-processes", "pair", "pair-beside-agents"}
_ROW_S = 120
_DOCUMENTS, _MANY_DOCUMENTS = 40, 240
_REDIS = 14


@dataclass(frozen=True)
class Plan:
    """What is asked for."""

    scenes: tuple[str, ...]
    servers: tuple[str, ...]
    rounds: int
    seconds: float
    on_postgresql: bool = False


@dataclass
class Result:
    """`rows` of (scene, server) in the order in which they were first played; why others are not there."""

    plan: Plan
    rows: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    skipped: dict[tuple[str, str], str] = field(default_factory=dict)
    books: str = ""
    seconds: float = 0.0

    def merged(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return one row of each: medians over the rounds, but the sum of what is missing or was closed."""
        return {key: _merged(parts) for key, parts in self.rows.items()}


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in parts[0].items():
        values = [part[name] for part in parts]
        if isinstance(value, list):
            row[name] = sorted({one for several in values for one in several})
        elif isinstance(value, bool):
            row[name] = all(values)
        elif name.endswith("missing"):
            row[name] = sum(values)
        else:
            row[name] = measure.median(values)
    return row


class _TimeOut(Exception):
    """A row has taken too long."""


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def end(*_given: object) -> None:
        raise _TimeOut(f"it was not over after {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class _House:
    """Our installations, made when the first row needs one."""

    def __init__(self, plan: Plan, folder: Path, stack: ExitStack) -> None:
        self.plan, self.folder, self._stack = plan, folder, stack
        self._made: dict[str, ours.Installation] = {}
        self._rows = 0

    def installation(self, kind: str = "") -> ours.Installation:
        """Return the one on SQLite or PostgreSQL (`postgresql`: on that in any case). Raises CannotStart."""
        kind = kind or ("postgresql" if self.plan.on_postgresql else "sqlite")
        if kind not in self._made:
            if kind == "sqlite":
                made = ours.Installation.on_sqlite(self.folder / kind)
            else:
                if why := machine.missing("services"):
                    raise CannotStart(why)
                redis = f"{machine.REDIS.rpartition('/')[0]}/{_REDIS}"
                site = self._stack.enter_context(sites.production(self.folder / kind, redis))
                made = ours.Installation(site.env, self.folder / kind)
            count = _MANY_DOCUMENTS if "200-documents" in self.plan.scenes else _DOCUMENTS
            made.furnish(count, with_large=bool(set(self.plan.scenes) & set(_JOINED)))
            self._made[kind] = made
        return self._made[kind]

    def new_folder(self) -> Path:
        self._rows += 1
        made = self.folder / f"row{self._rows}"
        made.mkdir()
        return made


def perform(plan: Plan, folder: Path) -> Result:
    """Play everything; a row that fails is told, the others go on."""
    if has_two_cores():
        os.sched_setaffinity(0, {GENERATOR_CORE})
    began = perf_counter()
    result = Result(plan)
    with ExitStack() as stack:
        house = _House(plan, folder, stack)
        _prepare(result, house)
        for number in range(plan.rounds):
            for scene in plan.scenes:
                if number and scene in _ONCE:
                    continue
                for server in SCENES[scene]:
                    if server in plan.servers and not (number and server in _BESIDE):
                        _row(result, house, scene, server)
    result.seconds = round(perf_counter() - began, 1)
    return result


def _prepare(result: Result, house: _House) -> None:
    """Install and furnish before anything is measured, and before time-outs count."""
    wanted = [(scene, server) for scene in result.plan.scenes for server in SCENES[scene]]
    for server in [one for one in result.plan.servers if any(name == one for _scene, name in wanted)]:
        try:
            if not server.startswith("ours"):
                peers.install(server)
            elif set(result.plan.scenes) - _WITHOUT_INSTALLATION:
                house.installation()
        except (CannotStart, subprocess.SubprocessError) as why:
            print(f"  {server}: {_without_folder(why)}", flush=True)
            result.skipped |= {key: _without_folder(why) for key in wanted if key[1] == server}


def _row(result: Result, house: _House, scene: str, server: str) -> None:
    key = (scene, server)
    if key in result.skipped:
        return
    began = perf_counter()
    try:
        with _at_most(_ROW_S):
            row = _PLAYS.get(scene, _play)(result, house, scene, server)
    except CannotStart as why:
        result.skipped[key] = _without_folder(why)
        print(f"  {scene} {server}: {_without_folder(why)}", flush=True)
        return
    except (TooSlow, _TimeOut, AssertionError, OSError) as why:
        result.skipped[key] = f"failed: {_without_folder(why)}"
        print(f"  {scene} {server}: {result.skipped[key]}", flush=True)
        _tell_log(house, server)
        return
    except Exception:  # noqa: BLE001 - one broken row must not cost the others
        traceback.print_exc()
        result.skipped[key] = "failed: see above"
        return
    row["load"] = round(os.getloadavg()[0], 1)
    result.rows.setdefault(key, []).append(row)
    if row.get("closed"):
        _tell_log(house, server)
    print(f"  {scene} {server}: {perf_counter() - began:.1f} s, load {os.getloadavg()[0]:.1f}", flush=True)


def _without_folder(why: BaseException) -> str:
    """Return the sentence of an error; results name no folder of the machine."""
    return str(why).replace(f"{measure.ROOT}/", "") or type(why).__name__


def _tell_log(house: _House, server: str) -> None:
    """Print what a server of ours said at last."""
    for path in house.folder.glob(f"*/{server}.log"):
        for line in path.read_text(errors="replace").splitlines()[-12:]:
            print(f"    | {line[:300]}")


@contextmanager
def _running(house: _House, scene: str, server: str, agents: Path | None = None) -> Iterator[people.Server]:
    if server in SERVERS and server.startswith("ours"):
        with ours.start(server, house.installation(), many=scene in _CROWDED, agents=agents) as own:
            yield own
    else:
        with peers.start(server, house.new_folder()) as other:
            yield other


Play = Callable[[Result, _House, str, str], dict[str, Any]]


def _play(result: Result, house: _House, scene: str, name: str) -> dict[str, Any]:
    seconds = result.plan.seconds
    if scene == "agents":
        folder = house.new_folder()
        with _running(house, scene, name, folder) as server:
            return scenes.agents(server, seconds, folder)
    with _running(house, scene, name) as server:
        if scene in SIZES:
            return people.typing(server, SIZES[scene], seconds)
        if scene in _JOINED:
            documents = house.installation().has["joined"]
            return scenes.joiners(server, _JOINED[scene], documents)
        raise ValueError(scene)


def _frozen(result: Result, house: _House, scene: str, name: str) -> dict[str, Any]:
    with _running(house, scene, name) as server:
        row = scenes.frozen(server, result.plan.seconds)
    if name.startswith("ours"):
        with _running(house, scene, name) as server:
            row["growth_without_mb"] = scenes.frozen(server, result.plan.seconds, readers=0)["growth_mb"]
    return row


def _revocation(_result: Result, house: _House, scene: str, name: str) -> dict[str, Any]:
    with ours.start(name, house.installation()) as server:
        return scenes.revocation(server)


def _two_processes(result: Result, house: _House, scene: str, name: str) -> dict[str, Any]:
    installation = house.installation("postgresql")
    with ours.start(name, installation) as first, ours.start(name, installation) as second:
        return scenes.two_processes(scenes.Both(first, second), _TWO, result.plan.seconds)


def _pair(result: Result, house: _House, scene: str, name: str) -> dict[str, Any]:
    beside, seconds = scene == "pair-beside-agents", result.plan.seconds + 3
    folder = house.new_folder()
    if name == "y-websocket":
        with peers.start(name, folder) as other:
            return pair.measured(pair.Theirs(other), beside_agents=beside, seconds=seconds)
    with pair.ours(folder) as own:
        row = pair.measured(own, beside_agents=beside, seconds=seconds)
        result.books = pair.books(own)
        return row


_PLAYS: dict[str, Play] = {
    "frozen": _frozen,
    "revocation": _revocation,
    "two-processes": _two_processes,
    "pair": _pair,
    "pair-beside-agents": _pair,
}
