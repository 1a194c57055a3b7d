"""SIGKILL at random moments while 64 callers move money: nothing acknowledged is lost, nothing is booked twice.

    python benchmarks/kill_ledger.py [--quick] [--kills N] [--acknowledged N] [--ttl S] [--seed S] [--database …]

On SQLite one process has the callers and dies, on PostgreSQL one of two. Most die at a random moment, some inside a
transaction of the ledger, some after its commit before anybody has heard of it. After each kill the rows are read from
the disk, before anybody can help. The next process asks again what its predecessor had asked, as a queue that delivers
twice would, and half of what it had finished. Some calls are forgotten: the sweep has to give their money back. Holds
live only a few seconds here (--ttl). --quick: a few kills, at most 45 seconds.

Targets, on each database: 25 kills, 20,000 acknowledged operations, 0 of them lost, 0 doubled, every hold resolved
within its life and 30 s of its last sign of life, difference 0 in the books. The last line is one JSON object.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import measure
from benchmarks.money import disk, dying, places, wallets

KILLS, ACKNOWLEDGED, TTL_S = 30, 20_000, 4.0
QUICK_KILLS, QUICK_ACKNOWLEDGED, QUICK_TTL_S = 4, 1_000, 2.0
LONGEST_LIFE_S = 1.2
GRACE_S = 30.0
SEATS = {"sqlite": 1, "postgresql": 2}
START_NANO = 10**15


def run(kind: str, *, kills: int, acknowledged: int, ttl_s: float, seed: int) -> dict[str, Any]:
    """Return what a storm on one database has shown."""
    with measure.scratch() as folder, places.fresh(kind, folder / kind) as env:
        numbers = ["--kills", str(kills), "--acknowledged", str(acknowledged), "--ttl", str(ttl_s)]
        began = time.monotonic()
        found = places.result(places.spawn(env, __file__, "storm", *numbers, "--seed", str(seed), "--database", kind))
        took = time.monotonic() - began
        return found | {"took_s": round(took, 1)}


def judge(kind: str, one: dict[str, Any], wanted: tuple[int, int, float], bar: measure.Bar) -> None:
    """Add the figures of a database, with what they may be at the most."""
    kills, acknowledged, ttl_s = wanted
    for name in ("lost", "doubled", "problems"):
        bar.problems += [f"{kind}, {name}: {what}" for what in one[name][:5]]
        bar.add(f"{kind}_{name}", len(one[name]), 0)
    bar.add(f"{kind}_kills", sum(one["kills"].values()))
    bar.add(f"{kind}_acknowledged", sum(one["answers"].values()))
    bar.add(f"{kind}_left_open", one["left_open"], 0)
    bar.add(f"{kind}_expired", one["expired"])
    bar.add(f"{kind}_resolved_max_s", one["resolved_max_s"], ttl_s + GRACE_S)
    bar.add(f"{kind}_difference_nano", one["difference_nano"], 0)
    bar.add(f"{kind}_took_s", one["took_s"])
    if bar.figures[f"{kind}_kills"] < kills or bar.figures[f"{kind}_acknowledged"] < acknowledged:
        bar.problems.append(f"{kind}: fewer kills or operations than wanted")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few kills each, at most 45 seconds")
    parser.add_argument("--kills", type=int, default=None, help=f"for each database, {KILLS} if left out")
    parser.add_argument("--acknowledged", type=int, default=None, help="operations to be acknowledged at least")
    parser.add_argument("--ttl", type=float, default=None, help=f"life of a hold in seconds, {TTL_S} if left out")
    parser.add_argument("--database", choices=places.KINDS, help="only this one")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--child", choices=["storm"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    kills = options.kills or (QUICK_KILLS if options.quick else KILLS)
    acknowledged = options.acknowledged or (QUICK_ACKNOWLEDGED if options.quick else ACKNOWLEDGED)
    ttl_s = options.ttl or (QUICK_TTL_S if options.quick else TTL_S)
    if options.child:
        print(json.dumps(child(options, kills, acknowledged, ttl_s)))
        return 0
    print(f"{kills} kills each, --seed {options.seed}", flush=True)
    bar, rows, moments = measure.Bar("kill_ledger"), [], {}
    for kind in places.kinds(options.database):
        one = run(kind, kills=kills, acknowledged=acknowledged, ttl_s=ttl_s, seed=options.seed)
        judge(kind, one, (kills, acknowledged, ttl_s), bar)
        columns = ("kills", "acknowledged", "lost", "doubled", "expired", "resolved_max_s", "difference_nano", "took_s")
        rows.append((kind, *(bar.figures[f"{kind}_{column}"] for column in columns)))
        moments[kind] = {"kills": one["kills"], "answers": one["answers"]}
    head = ("", "kills", "acked", "lost", "doubled", "expired", "resolved max s", "difference", "took s")
    measure.table(head, rows)
    return bar.print_out(seed=options.seed, callers=dying.CALLERS, ttl_s=ttl_s, moments=moments)


def child(options: argparse.Namespace, kills: int, acknowledged: int, ttl_s: float) -> dict[str, Any]:
    wallets.prepare()
    storm = Storm(options.database, options.seed, ttl_s)
    storm.open()
    storm.weather(kills, acknowledged)
    return storm.figures() | storm.close()


def closing_figures() -> dict[str, Any]:
    """Return what the rows say in the end."""
    from billing import services
    from billing.models import Hold

    expired = Hold.objects.filter(state="expired").values_list("closed_at", "heartbeat_at")
    lives = [(closed - seen).total_seconds() for closed, seen in expired if closed is not None]
    return {
        "left_open": Hold.objects.pending().count(),
        "expired": len(lives),
        "resolved_max_s": round(max(lives, default=0.0), 1),
        "difference_nano": services.books().difference_nano,
    }


# --- the storm: a parent that has loaded the program and opens no database; its forks do -----------------------------
@dataclass
class Life:
    """A process with callers, from its start to its end."""

    pid: int
    log: Path
    dies: int


@dataclass
class Storm:
    kind: str
    seed: int
    ttl_s: float
    told: disk.Told = field(default_factory=disk.Told)
    kills: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.moments = random.Random(self.seed)
        self.folder = Path(os.environ["WUKONG_DATA_DIR"])
        self.workspace_id = wallets.id_of_hot()
        self.seats: list[Life | None] = [None] * SEATS[self.kind]
        self.left: list[list[UUID]] = [[] for _ in self.seats]
        self.births = 0

    def open(self) -> None:
        """Make the wallet."""

        def work() -> None:
            from wukong.kernel import committer

            wallets.call_once(wallets.hot(START_NANO))
            committer.close()

        self.finish(work)

    def close(self) -> dict[str, Any]:
        """Let the last process tidy up, compare everything once more, and return what the rows say in the end."""
        self.finish(lambda: dying.care(self.ttl_s, self.ttl_s + GRACE_S))
        self.compare(self.told.answers)
        path = self.folder / "closing.json"
        self.finish(lambda: print(json.dumps(closing_figures()), file=path.open("w"), flush=True))
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def finish(self, work: Callable[[], None]) -> None:
        """Do `work` in a process of its own and wait for its end: this one opens no database."""
        if code := os.waitstatus_to_exitcode(os.waitpid(fork(work), 0)[1]):
            self.problems.append(f"a process that was not killed has ended with {code}")

    def weather(self, kills: int, acknowledged: int) -> None:
        """Kill until there were so many kills and acknowledged operations, and all are dead."""
        while sum(self.kills.values()) < kills or sum(self.answers.values()) < acknowledged:
            for seat, life in enumerate(self.seats):
                if life is None:
                    self.seats[seat] = self.start(self.left[seat])
            time.sleep(self.moments.uniform(0.02, LONGEST_LIFE_S))
            self.strike(self.moments.randrange(len(self.seats)))
            if len(self.problems) > 5:
                break
        for seat, life in enumerate(self.seats):
            if life is not None:
                self.strike(seat)

    def start(self, left: list[UUID]) -> Life:
        self.births += 1
        log = self.folder / f"life{self.births}.log"
        dies = self.moments.randrange(1, 10**6) if self.moments.random() < 0.4 else 0
        again = list(left)
        return Life(
            fork(lambda: dying.work(self.workspace_id, log, again, self.ttl_s, dies)),
            log,
            dies,
        )

    def strike(self, seat: int) -> None:
        """Kill the process on a seat, or find that it has killed itself; then look at what is left of it."""
        life = self.seats[seat]
        assert life is not None
        self.seats[seat] = None
        status = self.until_dead(life)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            self.problems.append(f"a process ended by itself: {os.waitstatus_to_exitcode(status)}")
        added = self.told.read(life.log)
        unfinished = sorted(added.asked - added.ended)
        finished = sorted(added.ended)
        again = self.moments.sample(finished, min(len(finished), 200))
        self.left[seat] = [*unfinished, *again]
        self.compare(added.answers)

    def until_dead(self, life: Life) -> int:
        end = time.monotonic() + (2.0 if life.dies else 0.0)
        while time.monotonic() < end:
            pid, status = os.waitpid(life.pid, os.WNOHANG)
            if pid:
                self.kills["inside or right after a commit"] += 1
                return status
            time.sleep(0.005)
        os.kill(life.pid, signal.SIGKILL)
        self.kills["at a random moment"] += 1
        return os.waitpid(life.pid, 0)[1]

    def compare(self, answers: list[tuple[str, UUID, int]]) -> None:
        """Hold what was answered against the disk, and the disk against what was asked."""
        for what, _call, _nano in answers if answers is not self.told.answers else ():
            self.answers[what] += 1
        found = disk.of_sqlite(self.folder) if self.kind == "sqlite" else disk.of_postgres(os.environ["DATABASE_URL"])
        self.lost += disk.lost(answers, found)
        if all(life is None for life in self.seats):
            self.doubled += self.twice(found)

    def twice(self, found: disk.Disk) -> list[str]:
        """Return what is booked more than once, or at another price than its own, or was never asked for."""
        warm = wallets.WARM_CALL
        captures = {call: amounts for call, amounts in found.captures.items() if call != warm}
        wrong = [
            f"{call} was charged {amounts}"
            for call, amounts in captures.items()
            if call not in self.told.asked or amounts != [dying.Plan(call).price_nano]
        ]
        wrong += [f"{call} has {number} records" for call, number in found.records.items() if number != 1]
        start = f"start:{self.workspace_id}"
        top_ups = {key: amounts for key, amounts in found.top_ups.items() if key != start}
        known = {f"topup:{call}" for call in self.told.asked if dying.Plan(call).tops_up}
        wrong += [
            f"{key}: {amounts}"
            for key, amounts in top_ups.items()
            if key not in known or amounts != [dying.TOP_UP_NANO]
        ]
        balance = START_NANO + len(top_ups) * dying.TOP_UP_NANO - sum(map(sum, found.captures.values()))
        if balance != found.balance_nano:
            wrong.append(f"the balance is {found.balance_nano}, not {balance}")
        return wrong

    def figures(self) -> dict[str, Any]:
        return {
            "kills": dict(self.kills),
            "answers": dict(self.answers),
            "lost": self.lost,
            "doubled": sorted(set(self.doubled)),
            "problems": self.problems,
        }


def fork(work: Callable[[], None]) -> int:
    """Return the number of a process that does `work` and ends."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not go on as its parent, whatever happens
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    raise SystemExit(main())
