"""Benchmarks: each has a quick form; what is kept of it names date and machine, and no folder of that machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import run
from tests.servers import ROOT

FAKE = (
    'import json, sys; print("a table"); print(json.dumps({"name": "fake", "ok": "--quick" in sys.argv, "p95_ms": 1}))'
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of benchmarks with one in it."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "fake.py").write_text(FAKE)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "RESULTS", tmp_path / "benchmarks" / "results")
    monkeypatch.setattr(run, "NAMES", ("fake",))
    return tmp_path


def test_a_result_names_date_and_machine_and_no_folder(folder, monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["run.py", "--quick"])

    assert run.main() == 0

    (path,) = (folder / "benchmarks" / "results").iterdir()
    result = json.loads(path.read_text())
    assert path.name == f"{result['date'][:10]}-fake-quick.json"
    assert result["quick"] is True
    assert result["p95_ms"] == 1
    assert {"machine", "cpu", "cores", "memory_gb", "python", "load"} <= result.keys()
    assert not [place for place in (folder, ROOT, Path.home()) if str(place) in path.read_text()]
    assert "a table" in capfd.readouterr().out


def test_a_benchmark_that_misses_its_target_makes_the_run_fail(folder, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run.py"])

    assert run.main() == 1


def test_every_benchmark_is_run():
    helpers = {"__init__", "measure", "run", "shots"}

    assert {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - helpers == set(run.NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", run.NAMES)
def test_every_benchmark_has_a_quick_form(name, tmp_path):
    command = [sys.executable, f"benchmarks/{name}.py", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert "--quick" in done.stdout
    assert "45 seconds" in done.stdout


@pytest.mark.slow
def test_people_type_at_our_servers_and_nothing_is_missing():
    only = ["--only", "50x5,revocation", "--servers", "ours-daphne,ours-uvicorn-no-commits", "--rounds", "1"]
    command = [sys.executable, "benchmarks/realtime.py", *only, "--seconds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)

    line = json.loads(done.stdout.splitlines()[-1])
    assert line["skipped"] == {}
    assert set(line["scenes"]) == {"50x5|ours-daphne", "50x5|ours-uvicorn-no-commits", "revocation|ours-daphne"}
    assert line["missing at ours"] == 0
    assert line["scenes"]["revocation|ours-daphne"]["people"] == 20
