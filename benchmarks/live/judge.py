"""Tables for people, and the verdict: the last line, one JSON object, and the exit code."""

from typing import Any

from benchmarks import measure
from benchmarks.live import peers
from benchmarks.live.people import BUSY
from benchmarks.live.stage import DAPHNE, UVICORN, Result

Rows = dict[tuple[str, str], dict[str, Any]]

RATIOS = {"50x5": 1.0, "100x20": 0.6, "200x50": 0.4}
"""The most CPU for each delivered edit, as a share of Hocuspocus'."""
P95_MS = 40.0
AGENTS_MS, PERSON_MS = 60.0, 100.0
GROWTH_MB = 20.0
REVOKED_MS = 1000.0
PAIR_MS, ACK_MS = 50.0, 100.0
_P95_SCENES = (*RATIOS, "200-documents", "two-processes")
_QUIET = 3.0
"""What a server, the generator and a database load two cores with at most."""
_PAIRS = ("pair", "pair-beside-agents")
_JOINS = ("join-10k-edits", "join-1-mb")


def print_tables(found: Result) -> None:
    """Print a table for each scene."""
    rows = found.merged()
    plan = found.plan
    database = "PostgreSQL" if plan.on_postgresql else "SQLite"
    print(
        f"\n{plan.rounds} round(s) of {plan.seconds:g} s, ours on {database}; {found.seconds:.0f} s in all, "
        f"load now {measure.machine()['load'][0]}"
    )
    print(", ".join(f"{name} {version}" for name, version in peers.versions().items()))
    for scene in plan.scenes:
        these = {server: row for (at, server), row in rows.items() if at == scene}
        if these:
            print(f"\n{scene}")
            _table(scene, these)
    for (scene, server), why in found.skipped.items():
        print(f"{scene}, {server} is not measured: {why}")
    if (load := max((row.get("load", 0.0) for row in rows.values()), default=0.0)) > _QUIET:
        print(f"the machine did other things too (load {load}): milliseconds say little, and who is late merges more")


def _table(scene: str, rows: dict[str, dict[str, Any]]) -> None:
    head: tuple[str, ...]
    lines: list[tuple[Any, ...]]
    if scene in _JOINS:
        head = ("", "at once p50 / p95 ms", "alone p50 / p95 ms", "first ms", "CPU ms a join", "missing", "MB", "gen %")
        lines = [
            (name, _two(row, ""), _two(row, "alone_"), row["first_ms"], row["cpu_ms_per_join"], row["missing"],
             row["rss_mb"], _generator(row))
            for name, row in rows.items()
        ]  # fmt: skip
    elif scene == "revocation":
        head = ("", "people", "p50 / p95 ms", "worst ms", "not closed")
        lines = [(name, row["people"], _two(row, ""), row["worst_ms"], row["missing"]) for name, row in rows.items()]
    elif scene in _PAIRS:
        head = ("", "edit → other ms", "acknowledged ms", "missing", "CPU %", "MB", "words", "gen %")
        lines = [
            (name, _two(row, ""), _two(row, "ack_"), row["missing"], row["cpu_percent"], row["rss_mb"],
             int(row["words"]), _generator(row))
            for name, row in rows.items()
        ]  # fmt: skip
    else:
        head, lines = _crowd(rows)
    measure.table(head, lines)
    if scene == "agents":
        print("ours write in the server's process, so the agents' own work is in its CPU; others' agents are clients")


def _crowd(rows: dict[str, dict[str, Any]]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    more = [name for name in _MORE if any(name in row for row in rows.values())]
    head = ("", "CPU %", "µs", "÷ hocuspocus", "delivered/s", "of", "p50 / p95 ms", "missing", "MB", "growth", "gen %")
    theirs = rows.get("hocuspocus", {}).get("us_per_delivered", 0.0)
    lines = []
    for name, row in rows.items():
        share = measure.ratio(row["us_per_delivered"], theirs) or "–"
        missing = row["missing"] + row["cursors_missing"]
        first = (name, row["cpu_percent"], row["us_per_delivered"], share, int(row["delivered_per_s"]))
        second = (int(row["offered_per_s"]), _two(row, ""), missing, row["rss_mb"], row["growth_mb"], _generator(row))
        lines.append((*first, *second, *(row.get(one, "–") for one in more)))
    return (*head, *(_MORE[one] for one in more)), lines


_MORE = {
    "person_p50_ms": "person p50",
    "person_p95_ms": "person p95 ms",
    "growth_without_mb": "growth if all read",
    "thawed_s": "thawed in s",
    "same_text": "same text",
}


def _two(row: dict[str, Any], prefix: str) -> str:
    return f"{row[prefix + 'p50_ms']:.1f} / {row[prefix + 'p95_ms']:.1f}"


def _generator(row: dict[str, Any]) -> str:
    busy = row["generator_percent"]
    return f"{busy:.0f}{' *' if busy >= BUSY else ''}"


# --- the verdict ----------------------------------------------------------------------------------------------------
def print_verdict(found: Result) -> int:
    """Print each target with what was reached, then the last line; returns the exit code."""
    rows = found.merged()
    bar = measure.Bar("realtime")
    _judge_crowds(bar, rows)
    _judge_ours(bar, rows)
    _judge_rest(bar, rows)
    for (scene, server), why in found.skipped.items():
        is_away = scene == "two-processes" and not why.startswith("failed")
        if not is_away and (server.startswith("ours") or server == "hocuspocus"):
            bar.problems.append(f"{scene}, {server}: {why}")
    if found.books and found.books != "difference 0 nano":
        bar.problems.append(f"the books do not close: {found.books}")
    print()
    lines = [(name, bar.figures[name], most, _verdict(bar, name)) for name, most in bar.targets.items()]
    measure.table(("target", "reached", "at most", ""), lines)
    return bar.print_out(
        rounds=found.plan.rounds,
        seconds=found.plan.seconds,
        took_s=found.seconds,
        versions=peers.versions(),
        scenes={f"{scene}|{server}": row for (scene, server), row in rows.items()},
        skipped={f"{scene}|{server}": why for (scene, server), why in found.skipped.items()},
    )


def _verdict(bar: measure.Bar, name: str) -> str:
    reached, most = bar.figures[name], bar.targets[name]
    if reached <= most:
        return "ok"
    return f"MISSED by {reached - most:.2f}" if most == 0 else f"MISSED, {reached / most:.2f} times as much"


def _judge_crowds(bar: measure.Bar, rows: Rows) -> None:
    for scene, most in RATIOS.items():
        theirs = rows.get((scene, "hocuspocus"))
        for server in (DAPHNE, UVICORN):
            own = rows.get((scene, server))
            if own and theirs:
                share = measure.ratio(own["us_per_delivered"], theirs["us_per_delivered"])
                bar.add(f"{scene} CPU ÷ Hocuspocus, {server}", share or 99.0, most)
    for scene in _P95_SCENES:
        for server in (DAPHNE, UVICORN):
            if own := rows.get((scene, server)):
                bar.add(f"{scene} p95 ms, {server}", own["p95_ms"], P95_MS)


def _judge_ours(bar: measure.Bar, rows: Rows) -> None:
    missing = 0
    for (scene, server), row in rows.items():
        if not server.startswith("ours"):
            continue
        missing += int(row["missing"] + row.get("cursors_missing", 0))
        if row.get("closed"):
            bar.problems.append(f"{scene}, {server}: sockets were closed with {row['closed']}")
        if row.get("same_text") is False:
            bar.problems.append(f"{scene}, {server}: the two processes give newcomers different documents")
    bar.add("missing at ours", missing, 0)


def _judge_rest(bar: measure.Bar, rows: Rows) -> None:
    for server in (DAPHNE, UVICORN):
        if row := rows.get(("agents", server)):
            bar.add(f"agents p95 ms, {server}", row["p95_ms"], AGENTS_MS)
            bar.add(f"person beside agents p95 ms, {server}", row["person_p95_ms"], PERSON_MS)
        if row := rows.get(("frozen", server)):
            bar.add(f"growth with frozen readers MB, {server}", row["growth_mb"], GROWTH_MB)
        if row := rows.get(("revocation", server)):
            bar.add(f"revocation p95 ms, {server}", row["p95_ms"], REVOKED_MS)
    if row := rows.get(("pair-beside-agents", DAPHNE)):
        bar.add("pair beside agents edit → other p95 ms", row["p95_ms"], PAIR_MS)
        bar.add("pair beside agents acknowledged p95 ms", row["ack_p95_ms"], ACK_MS)
