"""What the built-in model writes for three fixed briefs: time, checks, tokens. `python benchmarks/quality.py [--quick]`

Drives the plan and the steps themselves, three steps at once, against the built-in model's own process (weights in
the data folder's `models`) or any OpenAI-compatible endpoint (`--url`, `--key`, `--model`). `--quick` takes one brief,
leaves the questions of the plan to the template and performs three of the steps that can begin at once.
"""

import argparse
import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")

import django  # noqa: E402 - the path has to be known first

django.setup()  # messages are translated

from agents.llm import chat, keeper  # noqa: E402 - the path has to be known first
from agents.llm.child import Child  # noqa: E402
from agents.ports import ChatRequest, Delta, ModelProfile, ProviderError  # noqa: E402
from agents.writing import facts, planning, templates, work  # noqa: E402
from agents.writing.audit import audit  # noqa: E402
from agents.writing.draft import Studio  # noqa: E402
from agents.writing.facts import SourceText  # noqa: E402
from agents.writing.plan import Plan, Task  # noqa: E402
from agents.writing.writes import Text, Write  # noqa: E402
from tests.agents.writing.briefs import BRIEFS  # noqa: E402

AT_ONCE = 3
QUICK_STEPS = 3
DATA = Path(os.environ.get("WUKONG_DATA_DIR", ROOT / "var"))
FIRST_WORDS_S = 10.0
WHOLE_S = 150.0


@dataclass
class Caller:
    """Asks the model and counts. `begun` is when the run began."""

    target: chat.Target
    begun: float = 0.0
    calls: int = 0
    read: int = 0
    cached: int = 0
    written: int = 0
    log: list[str] = field(default_factory=list)

    async def ask(self, request: ChatRequest) -> AsyncIterator[str]:
        self.calls += 1
        extra = {"cache_prompt": True, "min_p": 0.05, "repeat_penalty": 1.05}
        target = chat.Target(
            url=self.target.url,
            key=self.target.key,
            model=self.target.model,
            first_s=180.0,
            next_s=60.0,
            extra_body=extra | ({"grammar": request.grammar} if request.grammar else {}),
            counts_chunks=True,
        )
        begun, words = time.perf_counter(), ""
        for is_last in (False, True):
            try:
                async with aclosing(chat.stream(target, request)) as answer:
                    async for item in answer:
                        if isinstance(item, Delta):
                            words += item.text
                            if item.text:
                                yield item.text
                        else:
                            self.read += item.usage.input_tokens
                            self.cached += item.usage.cache_read_tokens
                            self.written += item.usage.output_tokens
                break
            except ProviderError:
                if is_last or words:  # the engine asks a silent model again; so does this
                    raise
        at, took = begun - self.begun, time.perf_counter() - begun
        self.log.append(f"{at:6.1f} {took:5.1f} s  {request.role:10s} {words.strip()[:150]}")


@dataclass
class Result:
    name: str
    seconds: float
    first_words: float
    at_once: int
    problems: list[str]
    dropped: list[str]
    caller: Caller
    markdown: str


async def run(name: str, target: chat.Target, profile: ModelProfile, is_quick: bool) -> Result:
    slug, brief, sources = BRIEFS[name]
    template = templates.load()[slug]
    caller = Caller(target, time.perf_counter())
    plan = await _plan(template, brief, sources, profile, None if is_quick else caller)
    if is_quick:
        can_begin = [task for task in plan.tasks if not task.needs and task.kind != "analyse"]
        plan = replace(plan, tasks=tuple(can_begin[:QUICK_STEPS]))
    caller.begun = time.perf_counter()
    studio = Studio(template, brief, sources, facts.collect(brief, sources), profile, plan, caller.ask)
    first, most = await _perform(studio)
    seconds = time.perf_counter() - caller.begun
    markdown = studio.draft.markdown()
    dropped = [f"{note.key}: {note.data['problems']}" for note in studio.draft.notes() if note.kind == "dropped"]
    removed = [f"removed: {note.data['old']}" for note in studio.draft.notes() if note.key.startswith("removed")]
    problems = audit(plan, markdown, [brief, *sources])
    return Result(name, seconds, first - caller.begun, most, problems, dropped + removed, caller, markdown)


async def _plan(
    template: templates.Template,
    brief: SourceText,
    sources: list[SourceText],
    profile: ModelProfile,
    caller: Caller | None,
) -> Plan:
    found = facts.collect(brief, sources)
    request = planning.request(template, brief=brief, sources=sources, facts=found, profile=profile)
    text = "".join([piece async for piece in caller.ask(request)]) if caller else ""
    return planning.parse(text, template=template, brief=brief, sources=sources, facts=found, profile=profile)


async def _perform(studio: Studio) -> tuple[float, int]:
    """All tasks, three at once as they become ready; when the first words came, and how many wrote at the same time."""
    running: dict[asyncio.Task[None], int] = {}
    first, writing, most = 0.0, set[int](), 0

    def seen(task: Task, write: Write) -> None:
        nonlocal first, most
        if isinstance(write, Text):
            first = first or time.perf_counter()
            writing.add(task.number)
            most = max(most, len(writing & set(running.values())))

    while not all(page.is_finished for page in studio.draft.pages.values()):
        for task in studio.ready():
            if task.number not in running.values() and len(running) < AT_ONCE:
                running[asyncio.create_task(studio.do(task, seen))] = task.number
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for finished in done:
            running.pop(finished)
            finished.result()
    return first or time.perf_counter(), most


def show(result: Result, verbose: bool) -> None:
    caller = result.caller
    tokens = f"{caller.read} + {caller.cached} / {caller.written}"
    print(
        f"{result.name:8s} {result.seconds:7.1f} {result.first_words:12.1f} {result.at_once:8d} {caller.calls:6d} "
        f"{tokens:>20s} {len(result.dropped):8d} {len(result.problems):9d}",
        flush=True,
    )
    for problem in result.problems:
        print(f"    ! {problem}")
    if verbose:
        print("\n".join(f"    - {line}" for line in result.dropped))
        print("\n".join(f"    {line}" for line in caller.log))
        print(result.markdown, flush=True)


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--quick", action="store_true", help="one brief and three of its steps, at most 45 seconds")
    options.add_argument("--verbose", action="store_true", help="print the documents and every call")
    options.add_argument("--brief", choices=sorted(BRIEFS), action="append")
    options.add_argument("--weights", type=Path, default=None)
    options.add_argument("--url")
    options.add_argument("--key", default="none")
    options.add_argument("--model", default="local")
    given = options.parse_args()
    names = given.brief or (["tea"] if given.quick else list(BRIEFS))
    child = None
    url, key = given.url, given.key
    if url is None:
        weights = given.weights or next(iter(sorted((DATA / "models").glob("*.gguf"))), None)
        if weights is None:
            print(json.dumps({"name": "quality", "ok": True, "skipped": "no weights in the data folder and no --url"}))
            return 0
        child = Child(weights, lambda _: None)
        child.wait_until_ready(threading.Event())
        keeper.warm_up(child, work.prefixes()[: 1 if given.quick else None], threading.Event())
        url, key = f"{child.url}/v1", child.key
    small = given.url is None
    profile = ModelProfile(
        id="local" if small else "endpoint",
        name=given.model,
        provider="local" if small else "endpoint",
        context_tokens=8192,
        max_output_tokens=2048,
        small=small,
        label=given.model,
    )
    try:
        target = chat.Target(url=url, key=key, model=given.model)
        results = asyncio.run(_all(names, target, profile, given.quick, given.verbose))
    finally:
        if child is not None:
            child.stop()
    ok = all(
        not result.problems and result.first_words <= FIRST_WORDS_S and result.seconds <= WHOLE_S for result in results
    )
    figures = {
        result.name: {
            "seconds": round(result.seconds, 1),
            "first_words_s": round(result.first_words, 1),
            "writers_at_once": result.at_once,
            "calls": result.caller.calls,
            "dropped": len(result.dropped),
            "problems": len(result.problems),
        }
        for result in results
    }
    print(json.dumps({"name": "quality", "ok": ok, "load": round(os.getloadavg()[0], 1), **figures}))
    return 0 if ok else 1


async def _all(
    names: list[str], target: chat.Target, profile: ModelProfile, is_quick: bool, verbose: bool
) -> list[Result]:
    print("brief    seconds  first words  at once  calls  in + cached / out  dropped  problems")
    results = []
    for name in names:
        results.append(await run(name, target, profile, is_quick))
        show(results[-1], verbose)
    return results


if __name__ == "__main__":
    sys.exit(main())
