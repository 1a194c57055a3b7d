"""The built-in model as a chat model. One keeper a process; other processes read its status from the cache."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import gettext

from agents.llm import catalogue, counting
from agents.llm.failures import failure
from agents.llm.keeper import SLOTS, Keeper, Status
from agents.ports import ChatRequest, Delta, ModelProfile, Reply, Turn

PLACES = SLOTS - 1  # three writers' slots and one that keeps what the other roles begin with; more share the same cores
POLL_S = 0.1
PATIENCE_S = 600.0  # how long a call waits for a model that is still being downloaded
# Requests queue for cores that they share: silences are longer than a provider's.
FIRST_S, NEXT_S = 120.0, 60.0
STATUS_KEY, STATUS_S = "local-model", 30
_keeper: Keeper | None = None
_addresses: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[str, str]] = WeakKeyDictionary()
_places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def start(prefixes: Sequence[Sequence[Turn]], announce: Callable[[str], None]) -> None:
    """Bring the model up in the background unless the settings say off; see `Keeper`. A second call does nothing."""
    global _keeper
    if _keeper is not None or settings.WUKONG_LOCAL_MODEL == "off":
        return
    _keeper = Keeper(
        choice=settings.WUKONG_LOCAL_MODEL,
        entry=catalogue.load()["local"],
        folder=Path(settings.WUKONG_DATA_DIR) / "models",
        prefixes=prefixes,
        announce=announce,
        publish=_publish,
    )


def stop() -> None:
    """End the process and a download. Idempotent."""
    global _keeper
    keeper, _keeper = _keeper, None
    if keeper is not None:
        keeper.stop()


def _publish(status: Status) -> None:
    cache.set(STATUS_KEY, (status.state, status.progress, status.detail), STATUS_S)


def status() -> Status:
    """Return how far the model is, in this process or else in the one that last said so within 30 seconds."""
    if _keeper is not None:
        return _keeper.status
    if (told := cache.get(STATUS_KEY)) is not None:
        return Status(*told)
    return Status("off", detail=gettext("The built-in model is switched off."))


def _is_ready() -> bool:
    """Return whether this process's model takes calls; raises ProviderError if it is not going to."""
    if _keeper is None or _keeper.status.state == "off":
        raise failure("refused", text=gettext("The built-in model is switched off."))
    if _keeper.status.state == "failed":
        detail = _keeper.status.detail
        raise failure("refused", text=gettext("The built-in model is not available: %s") % detail)
    return _keeper.address() is not None


class LocalModel:
    """Calls wait while the model is on its way; three run at once, more of them queue."""

    @property
    def profile(self) -> ModelProfile:
        entry = catalogue.load()["local"]
        own = settings.WUKONG_LOCAL_MODEL
        name = Path(own).stem if own not in ("auto", "off") else entry.name
        return ModelProfile(
            id="local",
            name=name,
            provider="local",
            context_tokens=entry.context_tokens,
            max_output_tokens=entry.max_output_tokens,
            small=True,
            label=gettext("Built-in demo model"),
            cancel_stops_billing=True,
        )

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        async with _places.setdefault(loop, asyncio.Semaphore(PLACES)):
            deadline = loop.time() + PATIENCE_S
            while not _is_ready():
                if loop.time() > deadline:
                    raise failure("transient", text=gettext("The built-in model is still being downloaded."))
                await asyncio.sleep(POLL_S)
            yield

    def bound(self, request: ChatRequest) -> int:
        return counting.bound(request.turns)

    def guess(self, request: ChatRequest) -> int:
        return counting.guess(request.turns)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | Reply, None]:
        from agents.llm import chat  # noqa: PLC0415 - its libraries take more than a second to import

        address = _keeper.address() if _keeper is not None else None
        if address is None:
            raise failure("transient", "the built-in model is not ready")
        loop = asyncio.get_running_loop()
        if (former := _addresses.get(loop)) is not None and former != address:  # it has been restarted
            await chat.close(*former)
        _addresses[loop] = address
        extra: dict[str, Any] = {"cache_prompt": True, "min_p": 0.05, "repeat_penalty": 1.05}
        if request.grammar is not None:
            extra["grammar"] = request.grammar
        target = chat.Target(
            url=address[0],
            key=address[1],
            model="local",
            first_s=FIRST_S,
            next_s=NEXT_S,
            extra_body=extra,
            counts_chunks=True,
        )
        async with aclosing(chat.stream(target, request)) as answer:
            async for item in answer:
                yield item
