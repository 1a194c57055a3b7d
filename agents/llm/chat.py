"""One request to an OpenAI-compatible endpoint, through pydantic-ai. Importing this module costs more than a second."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import httpx2
import openai
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk
from pydantic_ai import exceptions as wrong
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIChatModelSettings, OpenAIStreamedResponse
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import RequestUsage

from agents.llm import counting
from agents.llm.failures import failure
from agents.llm.usage import Contradiction, compatible, estimated
from agents.ports import ChatRequest, Delta, ErrorKind, Finish, ProviderError, Reply, Turn

CONNECT_S = 10.0
_NOT_OUR_WORDS = (wrong.ModelAPIError, wrong.UnexpectedModelBehavior, openai.OpenAIError, httpx2.HTTPError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where and how to ask. `first_s` and `next_s` are the longest silences before the first and between later deltas.

    `counts_chunks`: the endpoint sends one chunk a token, so chunks are counted instead of characters.
    """

    url: str
    key: str
    model: str
    first_s: float = 30.0
    next_s: float = 20.0
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    counts_chunks: bool = False


class _Answer(OpenAIStreamedResponse):
    """Keeps the provider's usage as it came: the meters need its total, which the mapping of the library drops."""

    raw: CompletionUsage | None = None

    def _map_usage(self, response: ChatCompletionChunk) -> RequestUsage:
        if response.usage is not None:
            self.raw = response.usage
        return super()._map_usage(response)


class _Model(OpenAIChatModel):
    @property
    def _streamed_response_cls(self) -> type[OpenAIStreamedResponse]:
        return _Answer


# One kept client per provider, process and event loop: a client's connections belong to the loop that opened them.
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], openai.AsyncOpenAI]] = WeakKeyDictionary()


def _client(url: str, key: str) -> openai.AsyncOpenAI:
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if (url, key) not in clients:
        timeout = httpx2.Timeout(None, connect=CONNECT_S)
        clients[url, key] = openai.AsyncOpenAI(base_url=url, api_key=key or "none", max_retries=0, timeout=timeout)
    return clients[url, key]


async def close(url: str, key: str) -> None:
    """Close the kept client of this loop, if there is one (the built-in model has a new address after a restart)."""
    client = _clients.get(asyncio.get_running_loop(), {}).pop((url, key), None)
    if client is not None:
        await client.close()


async def stream(target: Target, request: ChatRequest) -> AsyncGenerator[Delta | Reply, None]:
    """Ask once; yields deltas and at last the reply. Raises ProviderError. Closing the iterator hangs up."""
    tally, has_begun = _Count(target.counts_chunks), False
    try:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(target.first_s):
                answer = await stack.enter_async_context(_open(target, request))
                events = aiter(answer)
                event = await anext(events, None)
            while event is not None:
                if (delta := tally.delta(event)) is not None:
                    has_begun = True
                    yield delta
                async with asyncio.timeout(target.next_s):
                    event = await anext(events, None)
            yield _reply(answer, request, tally)
    except TimeoutError as error:
        raise failure("timeout", f"{target.model}: silent for too long") from error
    except _NOT_OUR_WORDS as error:
        raise _translated(error, has_begun) from error


def _open(target: Target, request: ChatRequest) -> Any:
    shape = ModelRequestParameters()
    if request.schema is not None:
        output = OutputObjectDefinition(json_schema=dict(request.schema), name=request.role or "answer", strict=True)
        shape = ModelRequestParameters(output_mode="native", output_object=output, allow_text_output=True)
    wishes = OpenAIChatModelSettings(
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        extra_body=dict(target.extra_body),
    )
    if request.seed is not None:
        wishes["seed"] = request.seed
    # The older field is the one that compatible endpoints agree on; an answer without a finish reason is a cut one.
    profile = OpenAIModelProfile(
        openai_chat_supports_max_completion_tokens=False, openai_chat_streaming_requires_finish_reason=True
    )
    provider = OpenAIProvider(openai_client=_client(target.url, target.key))
    model = _Model(target.model, provider=provider, profile=profile)
    return model_request_stream(
        model, _messages(request.turns), model_settings=wishes, model_request_parameters=shape, instrument=False
    )


def _messages(turns: tuple[Turn, ...]) -> list[ModelMessage]:
    made: list[ModelMessage] = []
    for turn in turns:
        if turn.role == "assistant":
            made.append(ModelResponse(parts=[TextPart(turn.text)]))
        else:
            part = SystemPromptPart(turn.text) if turn.role == "system" else UserPromptPart(turn.text)
            made.append(ModelRequest(parts=[part]))
    return made


class _Count:
    """Our own count of what has arrived, visible text and hidden reasoning apart."""

    def __init__(self, counts_chunks: bool) -> None:
        self.counts_chunks = counts_chunks
        self.visible, self.hidden = counting.Tally(), counting.Tally()
        self.output = self.reasoning = 0

    def delta(self, event: ModelResponseStreamEvent) -> Delta | None:
        """Return what `event` brings, None if it brings no words."""
        match event:
            case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
                pass
            case PartStartEvent(part=ThinkingPart(content=thought)) if thought:
                return self._thought(thought)
            case PartDeltaEvent(delta=ThinkingPartDelta(content_delta=str(thought))) if thought:
                return self._thought(thought)
            case _:
                return None
        if not text:
            return None
        tokens = 1 if self.counts_chunks else self.visible.add(text)
        self.output += tokens
        return Delta(text, tokens)

    def _thought(self, text: str) -> Delta:
        tokens = self.hidden.add(text)
        self.reasoning += tokens
        return Delta("", tokens)


def _reply(answer: StreamedResponse, request: ChatRequest, count: _Count) -> Reply:
    reason = answer.finish_reason
    if reason == "content_filter":
        raise failure("refused", "content filter")
    finish: Finish = "length" if reason == "length" else "stop"
    raw = answer.raw if isinstance(answer, _Answer) else None
    own = estimated(counting.guess(request.turns), count.output, count.reasoning)
    if raw is None or (not raw.completion_tokens and own.output_tokens):
        return Reply(own, finish)
    try:
        return Reply(compatible(raw.model_dump()), finish)
    except Contradiction as error:
        failure("transient", f"usage is not usable, own count taken: {error}")
        return Reply(own, finish)


def _translated(error: Exception, has_begun: bool) -> ProviderError:
    """Return what `error` means for the engine."""
    detail = f"{type(error).__name__}: {error}"
    kinds: list[tuple[type[Exception] | tuple[type[Exception], ...], ErrorKind]] = [
        (wrong.ModelRateLimitError, "rate"),
        (wrong.ModelContextWindowExceededError, "context"),
        ((wrong.ModelTimeoutError, wrong.ModelRequestTimeout), "timeout"),
        ((wrong.ModelQuotaExceededError, wrong.ModelRequestRejectedError, wrong.ContentFilterError), "refused"),
        ((wrong.ModelServerError, wrong.ModelUnavailableError), "transient"),
    ]
    kind: ErrorKind = next(
        (kind for types, kind in kinds if isinstance(error, types)), "cut" if has_begun else "transient"
    )
    if kind == "refused" and "exceed_context_size" in detail:  # how llama.cpp says it
        kind = "context"
    retry_after = error.retry_after if isinstance(error, wrong.ModelAPIError) else None
    return failure(kind, detail, retry_after=retry_after)
