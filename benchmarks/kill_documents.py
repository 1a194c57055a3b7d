"""SIGKILL at random moments while eight people type: nothing that was acknowledged is lost, nothing is there twice.

    python benchmarks/kill_documents.py [--quick] [--kills N] [--sites N] [--seed S] [--only sqlite|postgresql]

Each site has a document, a database and (PostgreSQL) a Redis database of its own: six browsers as our editor speaks,
of which some are reloaded while the server is away, and two stock y-websocket clients. SQLite: `manage.py up` dies.
PostgreSQL: one of two `daphne` dies, or a worker that writes as an agent; people go on at the process that lives.
Some kills come while the process starts or people come back, some in the middle of a snapshot (a third of the servers
take snapshots all the time). After each kill the log is read from the disk, before anybody can help; then, at rest, all
clients, REST and the log have to say the same. At the end a fresh process reads the document, and every snapshot is
compared with the rows that it stands for. --quick: a few kills each, at most 45 seconds.

Targets: 0 acknowledged edits lost, 0 doubled, 0 unacknowledged edits missing after coming back, 0 divergences, nobody
locked out (not back 10 s after knocking at a server that listens), p95 ≤ 10 s from listening to back. The last line is
one JSON object.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")

from benchmarks import measure
from benchmarks.killing import sites as places
from benchmarks.killing.storm import BACK_S, Result, Storm
from tests import machine

KILLS, SITES = 300, 3
QUICK_KILLS, QUICK_S = 4, 16.0


async def storms(targets: list[places.Target], kills: int, seed: int, until: float) -> list[Result]:
    """Let every site have its share of the kills, side by side."""
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", file=sys.stderr, flush=True)

    shares = [kills // len(targets) + (place < kills % len(targets)) for place in range(len(targets))]
    weathers = [
        Storm(target, seed + place, say).weather(share, until)
        for place, (target, share) in enumerate(zip(targets, shares, strict=True))
    ]
    return list(await asyncio.gather(*weathers))


def run(kind: str, *, kills: int, sites: int, seed: int, seconds: float) -> tuple[Result, list[str]]:
    """Return what the sites of one kind have seen together, and the last lines of those that failed."""
    with ExitStack() as stack:
        folder = stack.enter_context(measure.scratch())
        targets: list[places.Target] = []
        for number in range(sites):
            place = folder / f"{kind}{number}"
            made = places.embedded(place, folder) if kind == "sqlite" else places.pair(place, folder, number)
            targets.append(stack.enter_context(made))
        results = asyncio.run(storms(targets, kills, seed, time.monotonic() + seconds))
        logs = [target.site.tail(20) for target, one in zip(targets, results, strict=True) if not one.is_fine]
    return together(results), logs


def together(results: list[Result]) -> Result:
    whole = Result()
    for one in results:
        whole.kills += one.kills
        for name in ("lost", "doubled", "unsent", "diverged", "locked_out", "problems", "back_s"):
            getattr(whole, name).extend(getattr(one, name))
        for name in ("edits", "acked", "reloads", "snapshots", "rows", "cold_loads"):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
    return whole


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few kills on one site each, at most 45 seconds")
    parser.add_argument("--kills", type=int, default=None, help=f"for each database, {KILLS} if left out")
    parser.add_argument("--sites", type=int, default=None, help=f"side by side, {SITES} if left out")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), default=None)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = parser.parse_args()
    kills = options.kills or (QUICK_KILLS if options.quick else KILLS)
    count = options.sites or (1 if options.quick else min(SITES, kills))
    kinds = [options.only] if options.only else ["sqlite", "postgresql"]
    if "postgresql" in kinds and (why := machine.missing("services")):
        print(f"without PostgreSQL: {why}")
        kinds.remove("postgresql")
    print(f"{kills} kills each, {count} sites side by side, --seed {options.seed}", flush=True)
    seconds = QUICK_S if options.quick and not options.kills else float("inf")
    found: dict[str, Result] = {}
    took: dict[str, float] = {}
    for kind in kinds:
        began = time.monotonic()
        found[kind], logs = run(kind, kills=kills, sites=count, seed=options.seed, seconds=seconds)
        took[kind] = time.monotonic() - began
        for lines in logs:
            print(f"--- the log of a site that failed ({kind})\n{lines}")
    return report(found, took, options.seed)


def report(found: dict[str, Result], took: dict[str, float], seed: int) -> int:
    rows = []
    for kind, one in found.items():
        back = [measure.percentile(one.back_s, share) for share in (0.5, 0.95, 1.0)]
        wrong = [len(part) for part in (one.lost, one.doubled, one.unsent, one.diverged, one.locked_out)]
        rows.append((kind, one.number, one.edits, one.acked, *wrong, " / ".join(map(str, back)), f"{took[kind]:.0f} s"))
    head = (
        "",
        "kills",
        "edits",
        "acked",
        "lost",
        "doubled",
        "unsent",
        "diverged",
        "locked out",
        "back p50/p95/max s",
        "took",
    )
    measure.table(head, rows)
    for kind, one in found.items():
        moments = ", ".join(f"{number} {what}" for what, number in sorted(one.kills.items()))
        seen = f"{one.reloads} reloads, {one.rows} rows, {one.snapshots} snapshots, {one.cold_loads} cold loads"
        print(f"{kind}: {moments}; {seen}")
    bar = measure.Bar("kill_documents")
    for kind, one in found.items():
        for name in ("lost", "doubled", "unsent", "diverged", "locked_out"):
            bar.add(f"{kind}_{name}", len(getattr(one, name)), 0)
            bar.problems += [f"{kind}, {name}: {what}" for what in getattr(one, name)[:5]]
        bar.problems += [f"{kind}: {what}" for what in one.problems[:10]]
        bar.add(f"{kind}_back_p95_s", measure.percentile(one.back_s, 0.95), BACK_S)
        bar.add(f"{kind}_back_max_s", measure.percentile(one.back_s, 1.0))
        bar.add(f"{kind}_kills", one.number)
        bar.add(f"{kind}_acked", one.acked)
        bar.add(f"{kind}_took_s", round(took[kind], 1))
    return bar.print_out(seed=seed, moments={kind: Counter(one.kills) for kind, one in found.items()})


if __name__ == "__main__":
    raise SystemExit(main())
