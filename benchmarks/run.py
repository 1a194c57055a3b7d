"""All benchmarks, one after the other: `make bench`. Results go to benchmarks/results/<date>-<name>.json.

    python benchmarks/run.py [--quick] [NAME …]

Exit code 1 when one of them misses its targets.
"""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import measure  # noqa: E402 - the path has to be known first

NAMES = ("realtime", "load", "ledger", "overspend", "main_job", "quality", "kill_documents", "kill_ledger")
RESULTS = ROOT / "benchmarks" / "results"


def perform(name: str, *, quick: bool) -> dict[str, Any]:
    """Run one benchmark, pass on what it prints, and return its last line with date and machine."""
    print(f"\n=== {name} ===", flush=True)
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *(["--quick"] if quick else [])]
    lines: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    try:
        found: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError):
        found = {"name": name, "ok": False, "error": f"exit code {process.returncode} without a result"}
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), "quick": quick, **measure.machine(), **found}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="at most 45 seconds each")
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME", help=", ".join(NAMES))
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    RESULTS.mkdir(exist_ok=True)
    results = [perform(name, quick=options.quick) for name in options.names]
    for result in results:
        path = RESULTS / f"{result['date'][:10]}-{result['name']}{'-quick' if options.quick else ''}.json"
        path.write_text(json.dumps(result, indent=1) + "\n")
    print()
    measure.table(("", "", "at"), [(one["name"], "ok" if one["ok"] else "MISSED", one["date"]) for one in results])
    return 0 if all(one["ok"] for one in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
