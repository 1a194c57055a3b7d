"""A step's last words, the end of its call and the end of the step are one transaction.

A death in between, with the words paid for and the step still open, would make the next worker ask once more, and
people pay once more.
"""

import asyncio
import time
from copy import deepcopy
from functools import partial
from uuid import UUID

import pytest

from agents.engine import claim as claims
from agents.engine import flush, perform, wake
from agents.models import ModelCall, Run, Step
from agents.ports import ChatRequest, Scenario, Turn
from agents.writing import work
from agents.writing.writes import Close, Open, Replace, Text
from tests.agents.crew import Death, assert_settled, kill, tokens_of, told
from wukong.kernel import committer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def late(monkeypatch):
    """A loop with so much to do that a beat falls between the last word of a step and its end."""
    cancel = perform._cancel

    async def later(*tasks: asyncio.Task) -> None:
        await asyncio.sleep(3 * perform.FLUSH_S)
        await cancel(*tasks)

    monkeypatch.setattr(perform, "_cancel", later)


@pytest.fixture
def mortal(monkeypatch):
    """Return a function: the first who has said the last word of such a step dies before it can write that it is."""
    end = perform.Worker._end
    dead = []

    def of(kind: str) -> None:
        async def dying(self, ending) -> None:
            if self.claim.step.kind == kind and not dead:
                dead.append(self.claim.step.number)
                async with self.lock:  # what was on its way has come to its end
                    raise Death
            await end(self, ending)

        monkeypatch.setattr(perform.Worker, "_end", dying)

    return of


def die_and_finish(crew, run) -> None:
    """Work until somebody dies; the next process does the rest."""
    with pytest.raises(Death):
        crew.finish(run)
    kill()
    crew.wakes.clear()
    crew.futures.clear()
    claims.take_over_all()
    crew.finish(run, ticks=True)
    assert_settled(run)


@pytest.mark.parametrize("kind", ["plan", "compose", "analyse", "review", "summarise"])
def test_what_dies_with_the_end_of_a_step_is_paid_once(crew, deploy, expected, late, mortal, kind):
    calm = tokens_of(Run.objects.get())
    mortal(kind)
    run = deploy()

    die_and_finish(crew, run)

    assert told(run) == expected
    assert [step for step, _in, _out in tokens_of(run)] == [step for step, _in, _out in calm]


def test_a_parcel_on_its_way_does_not_learn_what_is_finished_meanwhile(crew, deploy, monkeypatch):
    """Else the note that a section is finished would be lasting before its words are, and a death would lose them."""
    taken, written = {}, {}
    take, write = perform.Worker._take, flush.write

    def taking(self, **how):
        parcel = take(self, **how)
        taken[parcel.key] = deepcopy(parcel.fields)
        return parcel

    def slowly(claim, parcel):
        time.sleep(0.02)  # the loop goes on
        written[parcel.key] = deepcopy(parcel.fields)
        return write(claim, parcel)

    monkeypatch.setattr(perform.Worker, "_take", taking)
    monkeypatch.setattr(flush, "write", slowly)
    monkeypatch.setattr(perform, "FLUSH_S", 0.0)

    crew.finish(deploy())

    assert len(written) > 20
    assert written == taken


def test_an_answer_is_paid_when_its_words_are_finished_not_when_they_are_replaced(crew, deploy, monkeypatch):
    """A person who types may come between a sentence that is taken out and the end of its block."""
    states = []
    ask = ChatRequest(turns=(Turn("user", "?"),), max_tokens=50, role="editor", scenario=Scenario(text="One. Two."))

    async def writing(task, ctx):
        words = "".join([piece async for piece in ctx.ask(ask)])
        for write in (Open("p1"), Text("p1", words), Replace("p1", "One."), Close("p1")):
            yield write
            await asyncio.sleep(4 * perform.FLUSH_S)
            calls = ModelCall.objects.filter(step__number=task.number)
            states.append(await committer.arun(partial(calls.values_list("state", flat=True).get)))

    perform_task = work.perform
    monkeypatch.setattr(work, "perform", lambda task, ctx: (writing if task.number == 9 else perform_task)(task, ctx))

    run = deploy()
    crew.finish(run)

    assert states == ["open", "open", "open", "reported"]
    assert_settled(run)


def test_a_prompt_is_no_longer_for_what_others_happen_to_have_finished(crew, deploy, expected, monkeypatch):
    """Review and summary need the same sections, so either may be first; the summary shows the model those only."""
    calm, held = Run.objects.get(), []

    def deliver(step_id: UUID) -> None:
        is_summary = Step.objects.filter(pk=step_id, kind="summarise").exists()
        held.append(step_id) if is_summary else crew.deliver(step_id)

    monkeypatch.setattr(wake, "deliver", deliver)
    run = deploy()
    crew.until(lambda: held and Step.objects.filter(run=run, kind="review", state="done").exists())
    crew.wakes.extend(held)
    crew.finish(run)

    assert tokens_of(run) == tokens_of(calm)
    assert told(run) == expected
