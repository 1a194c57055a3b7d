"""People and agents at live documents: our servers beside Hocuspocus, y-websocket and pycrdt-websocket.

    python benchmarks/realtime.py [--quick] [--rounds N] [--seconds S] [--only SCENE,…] [--servers NAME,…]
                                  [--postgresql]

One generator for all: one process and thread that sends edits made before and looks at what has arrived afterwards; it
prints its own CPU, and a row in which it was 90 % busy or more is marked with *. The server has core 0, the generator
core 1. Rounds are interleaved: each server is started anew for each row. Ours commits every edit before it tells it, as
`make run` does (SQLite, synchronous=FULL), and is started by its production commands: `daphne wukong.asgi:application`
and `uvicorn wukong.asgi:application` (websockets-sansio, no compression); a pair meets at `manage.py up`. “no commits”
is the same with the room's commit replaced by a counter, from outside. Others are as their packages start: in memory;
“hocuspocus-store” stores as its hook does. These are played in the first round alone. Two settings of ours differ in
scenes with more than 100 clients: WUKONG_SOCKETS_OF_A_DOCUMENT and WUKONG_SOCKETS_OF_A_PERSON.

µs: CPU of the server for each edit delivered to somebody else (agents: each token). Missing: edits, and cursors at
their last place, that somebody who was there does not have five seconds after the last key. The last line is one JSON
object.
"""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import measure  # noqa: E402 - the path has to be known first
from benchmarks.live import judge, stage  # noqa: E402


def main() -> int:
    description, _blank, more = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round of the most telling rows, at most 45 seconds")
    parser.add_argument("--rounds", type=int, default=None, help="2, with --quick 1")
    parser.add_argument("--seconds", type=float, default=None, help="length of one measurement: 5, with --quick 3")
    parser.add_argument("--only", metavar="SCENE,…", help=", ".join(stage.SCENES))
    parser.add_argument("--servers", metavar="NAME,…", help=", ".join(stage.SERVERS))
    parser.add_argument("--postgresql", action="store_true", help="ours on PostgreSQL and Redis instead of SQLite")
    options = parser.parse_args()
    scenes = _chosen(parser, options.only, stage.QUICK_SCENES if options.quick else tuple(stage.SCENES), stage.SCENES)
    asked = _chosen(parser, options.servers, stage.QUICK_SERVERS if options.quick else stage.SERVERS, stage.SERVERS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers are ended on the way out
    plan = stage.Plan(
        scenes=scenes,
        servers=asked,
        rounds=options.rounds or (1 if options.quick else 2),
        seconds=options.seconds or (3.0 if options.quick else 5.0),
        on_postgresql=options.postgresql,
    )
    with measure.scratch() as folder:
        found = stage.perform(plan, folder)
    judge.print_tables(found)
    return judge.print_verdict(found)


def _chosen(parser: argparse.ArgumentParser, given: str | None, default: Any, known: Any) -> tuple[str, ...]:
    """Return what was asked for; ends with a sentence when one is unknown."""
    chosen = tuple(given.split(",")) if given else tuple(default)
    if unknown := set(chosen) - set(known):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return chosen


if __name__ == "__main__":
    raise SystemExit(main())
