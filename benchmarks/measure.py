"""What the benchmarks share: figures of the machine and of processes, medians, tables, the last line."""

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_TICK = os.sysconf("SC_CLK_TCK")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie; 0 without any."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2) if ordered else 0.0


def median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 2) if values else 0.0


def group(pid: int) -> list[int]:
    """Return the processes whose group is led by `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            if int(fields[2]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that the group of `pid` has used."""
    ticks = 0
    for one in group(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICK


def rss_mb(pid: int) -> float:
    """Return the resident memory of the group of `pid` in megabytes."""
    total = 0
    for one in group(pid):
        try:
            status = Path(f"/proc/{one}/status").read_text()
        except OSError:
            continue
        total += int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))
    return round(total / 1024, 1)


@dataclass
class Cost:
    """What a group of processes used while it was watched; `cpu` in percent of one core."""

    cpu: float = 0.0
    rss: float = 0.0


@contextmanager
def watched(pid: int) -> Iterator[Cost]:
    """Fill in the cost of the block when it ends."""
    cost = Cost()
    used, began = cpu_s(pid), perf_counter()
    yield cost
    cost.cpu = round((cpu_s(pid) - used) / (perf_counter() - began) * 100, 2)
    cost.rss = rss_mb(pid)


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder that is gone afterwards, on the disk of the run-time files: /tmp may be memory, where a commit is
    free.
    """
    (ROOT / "var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "var", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@dataclass
class Bar:
    """Figures with the most that each may be; `print_out` returns the exit code."""

    name: str
    figures: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, name: str, value: float, target: float | None = None) -> None:
        self.figures[name] = value
        if target is not None:
            self.targets[name] = target

    def missed(self) -> list[str]:
        return [name for name, target in self.targets.items() if self.figures[name] > target]

    def print_out(self, **more: Any) -> int:
        for problem in [
            *self.problems,
            *(f"{name}: {self.figures[name]} > {self.targets[name]}" for name in self.missed()),
        ]:
            print(f"! {problem}")
        ok = not self.missed() and not self.problems
        line = {"name": self.name, "ok": ok, **more, **self.figures, "targets": self.targets, **machine()}
        print(json.dumps(line))
        return 0 if ok else 1


def _cpu() -> str:
    """Return the processor's name where the system tells it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def machine() -> dict[str, Any]:
    """Return what a result has to be read with."""
    return {
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
        "load": [round(value, 2) for value in os.getloadavg()],
    }


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print columns, the first one to the left."""
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[place]) for row in cells) for place in range(len(head))]
    for row in cells:
        first, rest = (
            row[0].ljust(widths[0]),
            [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)],
        )
        print("  ".join([first, *rest]))
    sys.stdout.flush()


def ratio(ours: float, theirs: float) -> float:
    return round(ours / theirs, 2) if theirs else 0.0


def merged(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each figure over several rounds."""
    return {name: median([part[name] for part in parts]) for name in parts[0]}
