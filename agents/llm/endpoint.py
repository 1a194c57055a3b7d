"""The one OpenAI-compatible endpoint that the settings name."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from urllib.parse import urlsplit

from django.conf import settings

from agents.llm import counting
from agents.ports import ChatRequest, Delta, ModelProfile, Reply

MAX_OUTPUT_TOKENS = 8_192


def is_configured() -> bool:
    """Return whether the settings name an endpoint and a model."""
    return bool(settings.WUKONG_ENDPOINT_URL and settings.WUKONG_ENDPOINT_MODEL)


class EndpointModel:
    """A provider's model under its own name."""

    @property
    def profile(self) -> ModelProfile:
        name, context = settings.WUKONG_ENDPOINT_MODEL, settings.WUKONG_ENDPOINT_CONTEXT
        return ModelProfile(
            id=name,
            name=name,
            provider=urlsplit(settings.WUKONG_ENDPOINT_URL).hostname or "",
            context_tokens=context,
            max_output_tokens=min(MAX_OUTPUT_TOKENS, context // 2),
            small=False,
            label=name,
            cancel_stops_billing=settings.WUKONG_ENDPOINT_CANCEL_STOPS_BILLING,
        )

    def place(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    def bound(self, request: ChatRequest) -> int:
        return counting.bound(request.turns)

    def guess(self, request: ChatRequest) -> int:
        return counting.guess(request.turns)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | Reply, None]:
        from agents.llm import chat  # noqa: PLC0415 - its libraries take more than a second to import

        target = chat.Target(
            url=settings.WUKONG_ENDPOINT_URL,
            key=settings.WUKONG_ENDPOINT_KEY,
            model=settings.WUKONG_ENDPOINT_MODEL,
        )
        async with aclosing(chat.stream(target, request)) as answer:
            async for item in answer:
                yield item
