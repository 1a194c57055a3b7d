"""One attempt at a step: the agent's peer, its metered streams, a flush every 120 ms, an orderly end in any case."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db import OperationalError

from agents import metered
from agents.engine import claim as claims
from agents.engine import (
    endings,
    failures,
    flush,
    guards,
    loop,
    material,
    planner,
    registry,
    rejected,
    settle,
    stopping,
    watch,
)
from agents.engine.claim import Claim
from agents.engine.endings import Ending
from agents.engine.flush import Answer, Flush
from agents.engine.hand import Hand
from agents.engine.material import Finished, Material
from agents.ports import CallContext, ChatRequest, Closing, Fenced
from agents.writing import work
from agents.writing.context import Noted, Section, WorkContext
from agents.writing.plan import Plan, Task
from agents.writing.templates import Role
from agents.writing.writes import Open, Replace, Text
from billing.contracts import Rejected
from workspaces.documents import log, presence
from workspaces.documents.peer import Peer
from wukong.kernel import committer

T = TypeVar("T")
FLUSH_S = 0.12
TELL_S = 1.0
WALL_CLOCK_S = 15 * 60.0
_log = logging.getLogger("wukong.engine")


async def execute(step_id: UUID) -> None:
    """Claim the step and perform it once.

    Returns at once when it is not ready (any more). A second delivery is free.
    """
    claim = await committer.arun(lambda: claims.claim(step_id))
    if claim is None:
        return
    worker = Worker(claim)
    registry.add(worker)
    watch.ensure()
    try:
        await worker.run()
    finally:
        registry.remove(worker)
    await settle.soon(claim.run.pk)


class Worker:
    """The attempt. All of it lives on the agents' loop; the database is reached through the committer."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.run_id = claim.run.pk
        self.hand: Hand | None = None
        self.seen = 0
        self.flushes = 0
        self.flushed_at = self.told_at = time.monotonic()
        self.detail = ""
        self.counted: dict[UUID, int] = {}
        self.ripe: list[Closing] = []
        self.rejected: list[Rejected] = []
        self.is_interrupted = False
        self.is_holding = False
        self.is_torn = False
        self.plan: Plan | None = None
        self.work: asyncio.Task[None] | None = None
        self.lock = asyncio.Lock()
        self.answers = guards.Answers()
        self.role: Role | None = None
        self.context = CallContext(
            workspace_id=claim.run.workspace_id,
            project_id=claim.run.project_id,
            run_id=claim.run.pk,
            step_id=claim.step.pk,
            epoch=claim.epoch,
            agent=claim.step.agent,
            swarm=claim.run.template,
            run_budget_nano=claim.run.budget_nano,
            fenced=self.fenced,
            attempt=claim.step.failures + 1,
            is_closing=loop.is_closing,
        )

    async def fenced(self, job: Callable[[], T], /) -> T:
        """Run `job`, which may be repeated, in a transaction that begins with the fence; raises Fenced."""

        def guarded(_again: bool) -> T:
            claims.fence(self.claim)
            return job()

        return await _stubborn(guarded)

    def interrupt(self) -> None:
        """Stop soon; what has been counted so far is charged as an estimate."""
        if not self.is_interrupted:
            self.is_interrupted = True
            if self.work is not None:
                self.work.cancel()

    async def run(self) -> None:
        """Perform the step and end the attempt in one transaction. Never raises, except when the process closes."""
        closing: asyncio.CancelledError | None = None
        try:
            ending = await self._attempt()
        except asyncio.CancelledError as error:
            ending, closing = Ending(how="closing"), error
        except Fenced:
            ending = None
        if ending is not None:
            await self._end(ending)
        self._show(None)
        if closing is not None:
            raise closing

    async def _attempt(self) -> Ending:
        self.work = asyncio.create_task(self._perform())
        beat = asyncio.create_task(self._beat())
        try:
            done, _ = await asyncio.wait({self.work, beat}, timeout=WALL_CLOCK_S, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                return failures.too_long()
            if beat in done and self.work not in done:
                beat.result()
            self.work.result()
        except asyncio.CancelledError:
            if self.is_interrupted:
                return Ending(how="stopped")
            raise
        except Fenced:
            raise
        except Exception as error:  # noqa: BLE001 - every failure of an attempt becomes an ending with a plain sentence
            return failures.ending_of(error, self.claim)
        finally:
            await _cancel(self.work, beat)
        return Ending(how="done", plan=self.plan)

    async def _perform(self) -> None:
        if self.claim.is_plan:
            texts = await _stubborn(lambda _again: material.of_run(self.claim.run))
            self.plan = await planner.make(self.claim, texts, self.ask)
            return
        hand, context, task = await self._open()
        async with aclosing(work.perform(task, context)) as writes:
            async for write in writes:
                await self._yield_to_people(hand, write.key)
                if (taken_back := rejected.by_write(hand, write, metered.tokens_of)) is not None:
                    self.rejected.append(taken_back)
                hand.apply(write, str(self.context.last_call or ""))
                if not isinstance(write, Open | Text | Replace):  # what is replaced is not finished: `Close` follows
                    self._ripen()

    def _ripen(self) -> None:
        """Something is finished, so the answers that led to it are not needed again: the next flush closes them."""
        self.ripe += self.context.closings
        self.context.closings.clear()

    async def _open(self) -> tuple[Hand, WorkContext, Task]:
        """Load the document and make the agent's own replica of it."""
        run, step = self.claim.run, self.claim.step
        document_id, client_id = run.document_id, self.claim.client_id
        if document_id is None or client_id is None:
            raise RuntimeError("a task without a document")

        def read(_again: bool) -> tuple[Material, list[Finished], tuple[bytes, int]]:
            return material.of_run(run), material.others(step), log.load(document_id)

        texts, others, (state, self.seen) = await _stubborn(read)
        self.role = texts.template.roles.get(step.role)
        peer = Peer(state, client_id)
        hand = Hand(peer, step.block, step.blocks, step.notes, {other.number: other.blocks for other in others})
        self.hand = hand
        plan = Plan.from_dict(run.plan)
        context = WorkContext(
            template=texts.template,
            goal=texts.brief.text,
            facts=texts.facts,
            sources=texts.sources,
            profile=texts.profile,
            plan=plan,
            ask=self.ask,
            read=lambda: _sections(peer, others),
            notes=lambda: _noted(others, step.number, hand),
            done=hand.finished(),
        )
        return hand, context, plan.task(step.number)

    async def ask(self, request: ChatRequest) -> AsyncIterator[str]:
        """Stream one answer of the run's model, counted and guarded."""
        if self.ripe:  # what is finished is paid for before more money is held
            await self._flush()
        repeats, answer = guards.Repeats(), []
        async with aclosing(metered.stream(self.context, self.claim.run.model, request)) as deltas:
            async for delta in deltas:
                if not delta.text:
                    continue
                answer.append(delta.text)
                yield delta.text
                if not repeats.feed(delta.text):
                    break
        call = self.context.last_call
        if call is not None and self.context.finishes.get(call) == "length":
            granted = self.context.granted[call]
            await _stubborn(lambda _: failures.check_affordable(self.claim, granted, request))
        question = "\n".join(turn.text for turn in request.turns)
        self.answers.feed(f"{question}\n{request.seed}", "".join(answer))

    async def _yield_to_people(self, hand: Hand, key: str) -> None:
        """Hold words back while a person types in the block that they are for."""
        while (wait := hand.wait(key, time.monotonic())) > 0:
            self.is_holding, self.detail = True, failures.waiting_for_person()
            await asyncio.sleep(min(wait, 0.25))
        if self.is_holding:
            self.is_holding, self.detail = False, ""

    async def _beat(self) -> None:
        """Flush what has changed every 120 ms; else extend the lease from time to time."""
        beat_s = claims.lease().total_seconds() / 4
        while True:
            await asyncio.sleep(FLUSH_S)
            is_dirty = self.is_holding or self.ripe or self._counted_more() or (self.hand and self.hand.is_changed)
            if is_dirty or time.monotonic() - self.flushed_at >= beat_s:
                await self._flush()

    def _counted_more(self) -> bool:
        return any(self.counted.get(call) != tokens for call, tokens in self.context.counted.items())

    async def _flush(self) -> None:
        """Write a parcel to its end, even if this task is cancelled meanwhile: the next one builds on it."""
        writing = asyncio.ensure_future(self._write())
        writing.add_done_callback(_heard)
        await asyncio.shield(writing)

    async def _write(self) -> None:
        async with self.lock:
            if self.work is not None and self.work.done():
                return  # the last words go with the end: paid for without it, they would be asked for, and paid, again
            parcel = self._take()
            self.is_torn = True
            answer = await _stubborn(lambda again: flush.write(self.claim, replace(parcel, is_retry=again)))
            self.is_torn = False
            self._learn(parcel, answer)
        await self._settle(parcel)

    async def _settle(self, parcel: Flush) -> None:
        """Move the money of a parcel that is written, and tell of the words that were taken back in it."""
        await metered.settle(parcel.closings)
        told, self.rejected = self.rejected, []
        await metered.tell_rejected(self.context.workspace_id, told)

    def _take(self, *, is_last: bool = False) -> Flush:
        """Return what is to be written now.

        What the peer gives out is given out once. After a parcel that could not be written, nothing more of the hand
        is: its words would hang on words that the log does not have.
        """
        at, hand = time.monotonic(), None if self.is_torn else self.hand
        self.flushes += 1
        counted = {} if is_last else dict(self.context.counted)
        fields: dict[str, Any] = {"detail": "" if is_last else self.detail}
        closings, self.ripe = ([] if self.is_torn else self.ripe), []
        update = None
        if hand is not None:
            update, hand.is_changed = hand.peer.take_update(), False
            fields |= {"blocks": hand.record(), "notes": dict(hand.notes), "words": hand.words}
        is_told = not is_last and at - self.told_at >= TELL_S
        self.flushed_at, self.told_at = at, at if is_told else self.told_at
        self.counted = counted
        return Flush(
            seen=self.seen,
            update=update,
            key=f"{self.claim.attempt}:{self.flushes}",
            call=self.context.last_call,
            counted=counted,
            closings=closings,
            fields=fields,
            is_told=is_told,
        )

    def _learn(self, parcel: Flush, answer: Answer) -> None:
        self.seen = answer.seen
        if self.hand is not None:
            self.hand.absorb(answer.others, time.monotonic())
            if parcel.update is not None:
                self._show(self.hand.peer.caret())
        if stopping.is_to_stop(answer.run_state, answer.pause_reason):
            self.interrupt()

    def _show(self, cursor: dict[str, Any] | None) -> None:
        """Show the agent's caret, or take it away."""
        document_id, client_id = self.claim.run.document_id, self.claim.client_id
        if self.hand is None or self.role is None or document_id is None or client_id is None:
            return
        presence.announce(
            document_id,
            client_id=client_id,
            name=self.role.name,
            hue=self.role.hue,
            icon=self.role.icon,
            cursor=cursor,
        )

    async def _end(self, ending: Ending) -> None:
        for _ in range(20):  # a call that is being closed in the background is closed before its step
            if not self.context.counted:
                break
            await asyncio.sleep(0.05)
        async with self.lock:
            if self.is_torn and self.hand is not None:
                ending = failures.unwritten(self.claim)
            if ending.how != "closing":  # what this process takes with it is done again, and paid for then
                self._ripen()
            parcel = self._take(is_last=True)
            try:
                await _stubborn(lambda again: endings.end(self.claim, replace(parcel, is_retry=again), ending))
            except Fenced:
                return
            except Exception:  # noqa: BLE001 - the lease ends by itself, the next attempt begins from what is committed
                _log.exception("the end of step %s could not be written", self.claim.step.pk)
                return
        await self._settle(parcel)


async def _stubborn(job: Callable[[bool], T]) -> T:
    """Commit `job(is_retry)`; a locked or unreachable database is tried again for about four seconds."""
    is_retry = False
    for wait_s in (0.1, 0.3, 1.0, 2.5):
        try:
            return await committer.arun(partial(job, is_retry))
        except OperationalError as error:
            _log.warning("database: %s; trying again", error)
            is_retry = True
            await asyncio.sleep(wait_s)
    return await committer.arun(partial(job, is_retry))


def _heard(task: "asyncio.Future[None]") -> None:
    """Take note of how a flush ended that nobody waits for any more: the end of the attempt fails the same way."""
    if not task.cancelled():
        task.exception()


async def _cancel(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        if not task.cancelling():  # a second cancellation would tear what the first one makes it put in order
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _sections(peer: Peer, others: list[Finished]) -> list[Section]:
    sections = []
    for other in others:
        if not other.is_done:
            continue
        rows = sorted(other.blocks.items(), key=lambda item: item[1]["place"])
        blocks = {key: peer.text_of(row["id"]) for key, row in rows if peer.has(row["id"])}
        sections.append(Section(task=other.number, title=other.title, text="\n".join(blocks.values()), blocks=blocks))
    return sections


def _noted(others: list[Finished], number: int, hand: Hand) -> list[Noted]:
    own = [Noted(task=number, key=key, kind=note["kind"], data=note["data"]) for key, note in hand.notes.items()]
    return [
        Noted(task=other.number, key=key, kind=note["kind"], data=note["data"])
        for other in others
        for key, note in other.notes.items()
    ] + own
