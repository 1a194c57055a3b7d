"""The one door to the models: no token passes that is not held for before, counted meanwhile and settled afterwards.

    row (open) ─► hold `call:<id>` ─► stream, counting ─► row closed with its usage and its words ─► capture

The rows are written in the engine's fenced transactions, the money in billing's own; the call's id joins them.
Whatever kills us in between leaves a row and a hold from which the tick can tell what to do. A call whose words are
lost with us is still open: it is not charged, and the next attempt pays for its own.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from agents import llm
from agents.llm import local
from agents.llm.usage import estimated
from agents.models import CallState, ModelCall
from agents.ports import (
    CallContext,
    ChatModel,
    ChatRequest,
    Closing,
    Delta,
    Fenced,
    ModelInfo,
    ModelProfile,
    ProviderError,
    Reply,
    Turn,
)
from agents.room import Room
from agents.sent import Sent
from agents.writing import work
from billing import services as billing
from billing.contracts import Rejected, Usage
from wukong.kernel.clock import now
from wukong.kernel.errors import Invalid, WukongError
from wukong.kernel.ids import new_id

SIGN_S = 30.0
"""Between two signs of life of a call, seconds; a hold stands for four times as long (`billing.rules.HOLD_LIVES`)."""

_log = logging.getLogger("wukong.models")
_affairs: set[asyncio.Task[None]] = set()  # a loop keeps only weak references to its tasks
_sent = Sent()


async def stream(context: CallContext, model_id: str, request: ChatRequest) -> AsyncGenerator[Delta, None]:
    """Ask a model once; yields its words as they come. Use it under `contextlib.aclosing`: closing it early hangs up.

    `context.counted` and `context.last_call` are kept up to date for the engine's flush, `context.finishes` says how
    the answer ended. Broken off by a person, what had come is charged as estimated; broken off because this process
    ends, nothing is. Raises InsufficientFunds or Invalid (no price) before anything is sent, ProviderError (not
    charged), Fenced (hold voided).
    """
    model = llm.find(model_id)
    if model is None:
        raise ProviderError("refused", _("There is no model “%s” here.") % model_id)
    async with model.place():
        call = _Call(context, model, model_id, replace(request, attempt=context.attempt))
        async with aclosing(call.deltas()) as deltas:
            async for delta in deltas:
                yield delta


def close(closings: Iterable[Closing]) -> None:
    """Close the rows of answers that have ended; part of the transaction that makes their words lasting. Idempotent."""
    for one in closings:
        state = CallState.ESTIMATED if one.usage.estimated else CallState.REPORTED
        _close_row(one.call, state, one.usage, one.max_tokens, one.counted_tokens)


async def settle(closings: Iterable[Closing]) -> None:
    """Charge for answers whose rows are closed. Never raises: what fails is left to the tick."""
    for one in closings:
        counted = one.counted_tokens
        await _moved(one.call, billing.asettle(call=one.call, usage=one.usage, counted_tokens=counted))


async def tell_rejected(workspace_id: UUID, words: Sequence[Rejected]) -> None:
    """Tell the meter of words that were taken back. Never raises: only the report of waste would miss them."""
    if words:
        try:
            await billing.anote_rejected(workspace_id=workspace_id, words=words)
        except Exception:  # noqa: BLE001 - no work and no money depends on it
            _log.exception("what was rejected could not be written down")


def tokens_of(text: str) -> int:
    """Return the likely number of tokens of a text."""
    return llm.tokens_of(text)


async def _moved(call: UUID, money: Coroutine[Any, Any, object]) -> None:
    """Await `money`, whose failure is not the answer's: the row is closed, so the tick does what is left to do."""
    try:
        await money
    except Exception:  # noqa: BLE001 - whatever it was, the hold stays open and the tick finds it
        _log.exception("the money of call %s is moved later", call)


def _close_row(
    call: UUID, state: CallState, usage: Usage, max_tokens: int, counted_tokens: int, error: str = ""
) -> None:
    ModelCall.objects.open().filter(pk=call).update(
        state=state,
        max_tokens=max_tokens,
        counted_tokens=counted_tokens,
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        error=error[:500],
        closed_at=now(),
    )


def models() -> list[ModelInfo]:
    """Return the models that people may choose from."""
    return [info(model_id) for model_id in llm.listed()]


def is_known(model_id: str) -> bool:
    """Return whether a run may use this id (the scripted model's faults included)."""
    return llm.find(model_id) is not None


def profile(model_id: str) -> ModelProfile:
    """Return what may be asked of a model; raises Invalid for an unknown id."""
    model = llm.find(model_id)
    if model is None:
        raise Invalid(_("There is no model “%s” here.") % model_id, {"model": [_("Unknown model.")]})
    return model.profile


def most(model_id: str, request: ChatRequest, currency: str, workspace_id: UUID) -> int:
    """Return what a workspace's request holds in full, in nano-units; raises Invalid for an unknown id or no price."""
    model = llm.find(model_id)
    if model is None:
        raise Invalid(_("There is no model “%s” here.") % model_id, {"model": [_("Unknown model.")]})
    tokens = min(request.max_tokens, model.profile.max_output_tokens)
    return billing.most(model.profile.id, model.bound(request), tokens, currency, workspace_id)


def info(model_id: str) -> ModelInfo:
    """Return what people see of a model; raises Invalid for an unknown id."""
    found = profile(model_id)
    return ModelInfo(
        id=model_id,
        name=found.name,
        provider=found.provider,
        ready=model_id != "local" or local.status().state == "ready",
        context_tokens=found.context_tokens,
        profile=found,
    )


def local_status() -> dict[str, Any]:
    """Return the built-in model's line of /readyz: {ok, state, progress, detail}."""
    status = local.status()
    return {
        "ok": status.state == "ready",
        "state": status.state,
        "progress": round(status.progress, 3),
        "detail": status.detail,
    }


def start_local(announce: Callable[[str], None] = _log.info, prefixes: Sequence[Sequence[Turn]] | None = None) -> None:
    """Bring the built-in model up in the background, and import the clients' libraries meanwhile. Returns at once.

    `prefixes` are beginnings of conversations that the model reads before it is ready (default: those of all roles).
    The first one is what several agents ask at the same time.
    """
    local.start(work.prefixes() if prefixes is None else prefixes, announce)
    if local.status().state != "off" or len(llm.listed()) > len(("local", "scripted")):
        threading.Thread(target=llm.preload, name="model-imports", daemon=True).start()


def stop_local() -> None:
    """End the built-in model's process and a download. Idempotent."""
    local.stop()


class _Call:
    """One request: the row, the hold and the stream, kept in step."""

    def __init__(self, context: CallContext, model: ChatModel, model_id: str, request: ChatRequest) -> None:
        self.id = new_id()
        self.context, self.model, self.model_id = context, model, model_id
        self.request = replace(request, max_tokens=min(request.max_tokens, model.profile.max_output_tokens))
        self.guess = model.guess(request)
        self.room = Room(self.id, self.request.max_tokens, is_window=model.profile.cancel_stops_billing)
        self.output = self.reasoning = 0
        self.is_sent = False

    async def deltas(self) -> AsyncGenerator[Delta, None]:
        """Yield the words; whatever ends this generator, row and hold are left in order."""
        try:
            await self._open()
            await self._authorise()
            reply: Reply | None = None
            self.is_sent = True
            async with aclosing(self.model.stream(self.request)) as answer, self._alive():
                async for item in answer:
                    if isinstance(item, Reply):
                        reply = item
                        continue
                    self._count(item)
                    if item.text:
                        yield item
                    if not await self.room.has_more(self._written):
                        reply = self._cut_short()
                        break
            if reply is None:
                raise ProviderError("cut", _("The model's answer broke off."))
            await self.room.cover(reply.usage.output_tokens + reply.usage.reasoning_tokens)
        except (asyncio.CancelledError, GeneratorExit):
            await self._put_in_order(self._broken_off())
            raise
        except ProviderError as error:
            await self._put_in_order(self._not_charged(CallState.FAILED, str(error)))
            raise
        except WukongError as error:
            await self._put_in_order(self._refused(str(error)))
            raise
        self.context.counted.pop(self.id, None)
        self.context.finishes[self.id] = reply.finish
        self.context.closings.append(
            Closing(
                call=self.id,
                usage=reply.usage,
                max_tokens=self.request.max_tokens,
                counted_tokens=self._written,
            )
        )

    @property
    def _written(self) -> int:
        return self.output + self.reasoning

    def _cut_short(self) -> Reply:
        """Return how an answer ends whose window cannot grow: we hang up, and charge what has come."""
        self.context.granted[self.id] = self.room.granted
        return Reply(self._own_count(), "length")

    async def _open(self) -> None:
        context = self.context
        context.last_call = self.id
        row = ModelCall(
            id=self.id,
            step_id=context.step_id,
            epoch=context.epoch,
            model=self.model_id,
            max_tokens=self.request.max_tokens,
            input_tokens=self.guess,
        )
        await context.fenced(lambda: ModelCall.objects.bulk_create([row], ignore_conflicts=True))

    async def _authorise(self) -> None:
        """Hold the dearest that the call (or its first window) can become.

        Without a window `max_tokens` falls to what is affordable, and so it is sent.
        """
        context = self.context
        question, repeated = _sent.add(context.run_id, self.model_id, self.request, self.model.guess)
        authorisation = await billing.aauthorise(
            call=self.id,
            workspace_id=context.workspace_id,
            model=self.model.profile.id,
            run=context.run_id,
            step=context.step_id,
            project=context.project_id,
            agent=context.agent,
            swarm=context.swarm,
            input_bound=self.model.bound(self.request),
            input_guess=self.guess,
            max_tokens=self.room.granted,
            run_budget_nano=context.run_budget_nano,
            question=question,
            repeated_tokens=repeated,
        )
        self.request = replace(self.request, max_tokens=self.room.grant(authorisation.max_tokens))
        context.granted[self.id] = self.request.max_tokens
        context.count(self.id, 0)

    @asynccontextmanager
    async def _alive(self) -> AsyncIterator[None]:
        """Give signs of life while the answer comes, also before its first word: a hold without them is ended."""
        task = asyncio.get_running_loop().create_task(self._give_signs())
        try:
            yield
        finally:
            task.cancel()

    async def _give_signs(self) -> None:
        while True:
            await asyncio.sleep(SIGN_S)
            await self.room.live(self._written)

    def _count(self, delta: Delta) -> None:
        if delta.text:
            self.output += delta.tokens
        else:
            self.reasoning += delta.tokens
        self.context.count(self.id, self._written)

    def _own_count(self) -> Usage:
        return estimated(self.guess, self.output, self.reasoning)

    async def _put_in_order(self, affairs: Coroutine[Any, Any, None]) -> None:
        """Perform `affairs` to their end, even if this task is cancelled (again) meanwhile."""
        task = asyncio.get_running_loop().create_task(affairs)
        _affairs.add(task)
        task.add_done_callback(_affairs.discard)
        await asyncio.shield(task)

    async def _broken_off(self) -> None:
        if not self.is_sent:
            await self._refused(_("Stopped before it was sent."))
        elif self.context.is_closing():
            await self._not_charged(CallState.WASTED, _("Interrupted by a restart."))
        else:
            await self._charge(self._own_count())

    async def _charge(self, usage: Usage) -> None:
        if await self._close(CallState.ESTIMATED, usage):
            await self._move(billing.asettle(call=self.id, usage=usage))

    async def _not_charged(self, state: CallState, reason: str) -> None:
        usage = self._own_count()
        if await self._close(state, usage, reason):
            await self._move(billing.amark_not_charged(call=self.id, usage=usage, reason=reason))

    async def _refused(self, reason: str) -> None:
        """Give the hold back first: it may still be on its way, and a run with a closed call and a hold to come would
        look settled.
        """
        await self._void(reason)
        await self._close(CallState.REFUSED, estimated(0, 0), reason)

    async def _move(self, money: Coroutine[Any, Any, object]) -> None:
        await _moved(self.id, money)

    async def _close(self, state: CallState, usage: Usage, error: str = "") -> bool:
        """Close the row with its usage; False if a newer epoch has taken the step and buried the row: hold voided."""
        self.context.counted.pop(self.id, None)
        try:
            await self.context.fenced(lambda: self._write(state, usage, error))
        except Fenced:
            await self._void("superseded")
            return False
        return True

    def _write(self, state: CallState, usage: Usage, error: str) -> None:
        _close_row(self.id, state, usage, self.request.max_tokens, self._written, error)

    async def _void(self, reason: str) -> None:
        await self._move(billing.avoid(call=self.id, reason=reason))
