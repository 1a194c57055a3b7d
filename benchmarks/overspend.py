"""100,000 operations of 64 callers on a wallet that runs dry: nothing is ever overspent, and next to nothing is left.

    python benchmarks/overspend.py [--quick] [--database sqlite|postgresql] [--operations N] [--seed S]

Holds, extensions, captures and voids at the prices of a large hosted model; on SQLite in one process, on PostgreSQL in
two. The money lasts for a part of the operations, the others fight for the rest. Another process looks at the wallet
all the time, and recounts it from transfers and open holds. --quick: fewer operations, at most 45 seconds.

Targets: at every moment looked at at least 0 available (by the wallet and by the recount, which agree), at least 97 %
of the money used in the end, no operation that failed otherwise than for want of money, difference 0 in the books. The
last line is one JSON object.
"""

import argparse
import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import measure
from benchmarks.money import draining, places, wallets

CALLERS = 64
OPERATIONS, QUICK_OPERATIONS = 100_000, 3_000
PROCESSES = {"sqlite": 1, "postgresql": 2}
NANO_AN_OPERATION = 2_000_000
"""So much money is there for each operation: about two thirds of the operations use it up."""

LEAST_USED = 97.0


def run(kind: str, operations: int, seed: int) -> dict[str, Any]:
    """Return what the callers were answered, what was seen meanwhile, and what is left."""
    money = operations * NANO_AN_OPERATION
    with measure.scratch() as folder, places.fresh(kind, folder / kind) as env:
        watcher = places.spawn(env, __file__, "watch", "--money", str(money))
        places.first_line(watcher)  # the wallet is there
        count = PROCESSES[kind]
        shares = [operations // count + (number < operations % count) for number in range(count)]
        children = [
            places.spawn(
                env, __file__, "drain", "--operations", str(share), "--callers", str(CALLERS // count),
                "--seed", f"{seed}:{number}",
            )
            for number, share in enumerate(shares)
        ]  # fmt: skip
        parts = places.results(children)
        seen = places.result(watcher)
    return together(parts) | seen | {"money_nano": money}


def together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    answers: Counter[str] = Counter()
    for one in parts:
        answers.update(one["answers"])
    return {
        "operations": sum(one["operations"] for one in parts),
        "seconds": max(one["seconds"] for one in parts),
        "captured_nano": sum(one["captured_nano"] for one in parts),
        "problems": [problem for one in parts for problem in one["problems"]],
        "answers": dict(sorted(answers.items())),
    }


def judge(kind: str, one: dict[str, Any], bar: measure.Bar) -> None:
    """Add the figures of a database, with what they may be at the most."""
    used = 100 * one["captured_nano"] / one["money_nano"]
    bar.add(f"{kind}_operations", one["operations"])
    bar.add(f"{kind}_operations_per_s", round(one["operations"] / one["seconds"]))
    bar.add(f"{kind}_overspent_nano", max(0, -one["least_nano"]), 0)
    bar.add(f"{kind}_recount_apart_nano", one["apart_nano"], 0)
    bar.add(f"{kind}_unused_percent", round(100 - used, 4), 100 - LEAST_USED)
    bar.add(f"{kind}_left_nano", one["left_nano"])
    bar.add(f"{kind}_least_hold_nano", one["least_hold_nano"])
    bar.add(f"{kind}_held_nano", one["held_nano"], 0)
    bar.add(f"{kind}_looks", one["looks"])
    bar.add(f"{kind}_recounts", one["recounts"])
    bar.add(f"{kind}_not_booked_nano", abs(one["money_nano"] - one["captured_nano"] - one["left_nano"]), 0)
    bar.add(f"{kind}_failed", len(one["problems"]), 0)
    bar.add(f"{kind}_difference_nano", one["difference_nano"], 0)
    bar.problems += [f"{kind}: {problem}" for problem in one["problems"][:5]]
    if not one["answers"].get("hold refused"):
        bar.problems.append(f"{kind}: the wallet never ran dry")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer operations, at most 45 seconds")
    parser.add_argument("--database", choices=places.KINDS, help="only this one")
    parser.add_argument("--operations", type=int, default=None, help=f"for each database, {OPERATIONS:,} if left out")
    parser.add_argument("--seed", default=str(random.randrange(1_000_000)))
    parser.add_argument("--child", choices=["watch", "drain"], help=argparse.SUPPRESS)
    parser.add_argument("--callers", type=int, default=CALLERS, help=argparse.SUPPRESS)
    parser.add_argument("--money", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(options)))
        return 0
    operations = options.operations or (QUICK_OPERATIONS if options.quick else OPERATIONS)
    print(f"{operations:,} operations each, {CALLERS} callers, --seed {options.seed}", flush=True)
    bar = measure.Bar("overspend")
    rows = []
    for kind in places.kinds(options.database):
        one = run(kind, operations, int(options.seed))
        judge(kind, one, bar)
        rate = round(one["operations"] / one["seconds"])
        used = f"{100 * one['captured_nano'] / one['money_nano']:.3f} %"
        rows.append((kind, one["operations"], rate, one["least_nano"], used, one["looks"], one["recounts"]))
        print(f"{kind}: {', '.join(f'{number:,} {what}' for what, number in one['answers'].items())}")
    measure.table(("", "operations", "a second", "least available", "used", "looks", "recounts"), rows)
    return bar.print_out(seed=options.seed, callers=CALLERS)


def child(options: argparse.Namespace) -> dict[str, Any]:
    wallets.prepare()
    if options.child == "watch":
        workspace_id = wallets.hot(options.money)
        print("open", flush=True)
        return draining.watch(workspace_id) | {"least_hold_nano": draining.least_nano()}
    return draining.drain(wallets.id_of_hot(), options.callers, options.operations, options.seed)


if __name__ == "__main__":
    raise SystemExit(main())
