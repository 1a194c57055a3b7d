"""The built-in model's process: comes up, warms up, comes back once after a crash, and never outlives its parent."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from agents import metered
from agents.llm import catalogue, local
from agents.llm.child import ROOT, Child
from agents.llm.keeper import SLOTS, Keeper, Status, _batches
from agents.ports import ProviderError, Turn
from agents.writing import work

PREFIXES = [[Turn("system", role)] for role in ("planner", "editor", "writer")]


@pytest.fixture(autouse=True)
def _no_model(monkeypatch):
    monkeypatch.setattr("agents.llm.child.SERVER", "tests.agents.llm.fake_server")
    monkeypatch.setattr("agents.llm.keeper.BEAT_S", 0.05)


@pytest.fixture
def gguf(tmp_path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_text("GGUF")
    return path


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.states: list[Status] = []


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def keep(told) -> Iterator[Callable[[str], Keeper]]:
    with contextlib.ExitStack() as stack:

        def start(choice: str) -> Keeper:
            keeper = Keeper(
                choice=choice,
                entry=catalogue.load()["local"],
                folder=Path(choice).parent,
                prefixes=PREFIXES,
                announce=told.lines.append,
                publish=told.states.append,
            )
            stack.callback(keeper.stop)
            return keeper

        yield start


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def crash(keeper: Keeper) -> None:
    child = keeper.child
    assert child is not None
    with contextlib.suppress(OSError):
        urlopen(Request(f"{child.url}/crash", b"{}"), timeout=5).close()


def test_the_model_becomes_ready_with_its_prompts_read(keep, gguf, told):
    keeper = keep(str(gguf))
    until(lambda: keeper.status.state == "ready")
    asked = [json.loads(line)[0]["content"] for line in gguf.with_suffix(".asked").read_text().splitlines()]
    assert sorted(asked) == sorted(["editor", "writer", *["planner"] * (SLOTS - 1)])
    assert [status.state for status in told.states[:2]] == ["starting", "ready"]
    assert told.lines == ["The built-in model is ready."]
    assert keeper.address() is not None


def test_the_process_has_a_session_of_its_own_and_asks_for_a_key(keep, gguf):
    keeper = keep(str(gguf))
    until(lambda: keeper.status.state == "ready")
    child = keeper.child
    assert os.getsid(child.process.pid) == child.process.pid != os.getsid(0)
    with pytest.raises(HTTPError, match="401") as caught:
        urlopen(Request(f"{child.url}/v1/chat/completions", b"{}", {"Authorization": "Bearer guess"}), timeout=5)
    caught.value.close()
    assert child.key not in " ".join(map(str, child.process.args))


def test_after_a_crash_it_comes_back_once(keep, gguf):
    keeper = keep(str(gguf))
    until(lambda: keeper.status.state == "ready")
    first = keeper.child
    crash(keeper)
    until(lambda: keeper.child is not first and keeper.status.state == "ready")
    assert first.process.returncode == 9
    crash(keeper)
    until(lambda: keeper.status.state == "failed")
    assert "twice" in keeper.status.detail
    assert keeper.address() is None


@pytest.mark.slow
def test_a_process_that_hangs_is_ended_and_started_again(keep, gguf, monkeypatch):
    gguf.write_text("GGUF deaf")
    keeper = keep(str(gguf))
    until(lambda: keeper.status.state == "ready")
    first = keeper.child
    until(lambda: first.process.poll() is not None)
    assert first.process.returncode == -signal.SIGKILL


def test_weights_that_cannot_be_loaded_are_a_failure_with_a_sentence(keep, gguf, told):
    gguf.write_text("GGUF bad")
    keeper = keep(str(gguf))
    until(lambda: keeper.status.state == "failed")
    assert "code 3" in keeper.status.detail
    assert "not available" in told.lines[-1]


def test_a_path_that_leads_nowhere_names_the_setting(keep, tmp_path):
    keeper = keep(str(tmp_path / "none.gguf"))
    until(lambda: keeper.status.state == "failed")
    assert "WUKONG_LOCAL_MODEL" in keeper.status.detail


def test_a_file_that_is_no_model_names_the_setting(keep, gguf):
    gguf.write_text("PK")
    keeper = keep(str(gguf))
    until(lambda: keeper.status.state == "failed")
    assert "not a GGUF file" in keeper.status.detail


def test_stopping_ends_the_process_at_any_moment(keep, gguf):
    gguf.write_text("GGUF late")
    keeper = keep(str(gguf))
    until(lambda: keeper.child is not None and keeper.child.url)
    child = keeper.child
    began = time.monotonic()
    keeper.stop()
    assert child.process.returncode == 0
    assert time.monotonic() - began < 2
    assert keeper.status.state == "off"


@pytest.mark.slow
def test_the_process_dies_with_a_parent_that_is_killed(gguf):
    code = (
        "import sys, time; from pathlib import Path; from agents.llm import child\n"
        "child.SERVER = 'tests.agents.llm.fake_server'\n"
        "made = child.Child(Path(sys.argv[1]), lambda _: None)\n"
        "print(made.process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(gguf)], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    until(lambda: not is_alive(pid))


@pytest.mark.slow
def test_a_child_that_never_gets_well_is_given_up(gguf, monkeypatch):
    from threading import Event

    from agents.llm.child import ChildFailed

    monkeypatch.setattr("agents.llm.child.READY_S", 0.3)
    gguf.write_text("GGUF late")
    child = Child(gguf, lambda _: None)
    try:
        with pytest.raises(ChildFailed, match="in time"):
            child.wait_until_ready(Event())
    finally:
        child.stop()


def test_the_popular_prompt_is_read_into_all_slots_but_one():
    assert _batches(["first", "a", "b"]) == [["a"], ["b", "first", "first", "first"]]
    assert _batches(["only"]) == [["only"] * (SLOTS - 1)]
    assert _batches([]) == []
    several = ["first", "a", "b", "c", "d", "e", "f"]
    assert {prefix for batch in _batches(several) for prefix in batch} == set(several)
    assert all(len(batch) <= SLOTS for batch in _batches(several))


def test_the_default_prompts_put_the_writer_first_because_three_write_at_once():
    from agents.writing import prompts

    given = work.prefixes()
    assert given[0] == prompts.prefix("writer")
    assert {tuple(prefix) for prefix in given} == {prompts.prefix(role) for role in prompts.ROLES}


def test_the_page_s_line_follows_the_state(settings, monkeypatch):
    assert metered.local_status() == {
        "ok": False,
        "state": "off",
        "progress": 0.0,
        "detail": "The built-in model is switched off.",
    }
    local._publish(Status("downloading", 0.4217, "on its way"))  # another process says so
    assert metered.local_status() == {"ok": False, "state": "downloading", "progress": 0.422, "detail": "on its way"}


async def test_a_call_to_a_model_that_is_off_is_refused_with_a_sentence():
    with pytest.raises(ProviderError, match="switched off") as caught:
        async with local.LocalModel().place():
            pass
    assert caught.value.kind == "refused"


def test_off_in_the_settings_starts_nothing(settings):
    settings.WUKONG_LOCAL_MODEL = "off"
    local.start(PREFIXES, print)
    assert local._keeper is None


async def test_three_calls_run_at_once_and_more_of_them_queue(monkeypatch):
    import asyncio

    monkeypatch.setattr(local, "_is_ready", lambda: True)
    inside, most, model = 0, 0, local.LocalModel()

    async def call() -> None:
        nonlocal inside, most
        async with model.place():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(call() for _ in range(10)))
    assert most == local.PLACES == SLOTS - 1
