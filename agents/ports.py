"""What the engine, the meter and the model adapters say to each other. Pure values: no Django, no clock, no network.

All token counts are whole numbers; the five meters of a `Usage` are disjoint and their sum is the provider's total.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar
from uuid import UUID

from billing.contracts import Usage

T = TypeVar("T")

Finish = Literal["stop", "length", "cut"]
ErrorKind = Literal["rate", "transient", "context", "refused", "cut", "timeout"]
ModelState = Literal["off", "downloading", "starting", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What the scripted model streams for this request: `text`, word by word. Other models never see it.

    `template`, `part` and `goal` say where the text comes from.
    """

    text: str
    template: str = ""
    part: str = ""
    goal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One question to a model.

    Keep `turns` of one role byte-identical up to the last one: models remember such a prefix. `schema` (JSON Schema)
    and `grammar` (GBNF) bind the answer's shape and exclude each other; an endpoint without grammars gets none.
    `attempt` counts from 1; the meter sets it, and the scripted model's faults go by it.
    """

    turns: tuple[Turn, ...]
    max_tokens: int
    role: str
    temperature: float = 0.5
    top_p: float = 0.9
    seed: int | None = None
    schema: Mapping[str, Any] | None = None
    grammar: str | None = None
    scenario: Scenario | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Delta:
    """Some text of the answer and the tokens that we count for it. Tokens without text are hidden reasoning."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of an answer; always the last item of a stream that was not broken off."""

    usage: Usage
    finish: Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """What may be asked of a model. `small` models decide one thing a call, large ones write whole sections.

    `id` is also the name under which billing finds the model's prices. `label` is a short name for people.
    `cancel_stops_billing`: nothing is billed after we hang up, and all that is billed can be seen coming.
    """

    id: str
    name: str
    provider: str
    context_tokens: int
    max_output_tokens: int
    small: bool
    label: str
    cancel_stops_billing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model as lists show it."""

    id: str
    name: str
    provider: str
    ready: bool
    context_tokens: int
    profile: ModelProfile


class ProviderError(Exception):
    """A model did not answer as it should; nothing is charged.

    rate: asked too often, `retry_after` seconds if the provider said so · transient: 5xx, connection · timeout: silence
    · cut: the stream broke off · context: the request is too long · refused: key, quota, unknown model; trying again
    is useless.
    """

    def __init__(self, kind: ErrorKind, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message or kind)
        self.kind: ErrorKind = kind
        self.retry_after = retry_after


class Fenced(Exception):
    """The step belongs to somebody else by now: this worker must not write any more."""


class ChatModel(Protocol):
    """One adapter. It knows its provider and nothing of steps, money or documents."""

    @property
    def profile(self) -> ModelProfile: ...

    def place(self) -> AbstractAsyncContextManager[None]:
        """Wait until the model can take a call and keep a place for it; raises ProviderError when it never will."""

    def bound(self, request: ChatRequest) -> int:
        """Return a number of input tokens that the request cannot exceed."""

    def guess(self, request: ChatRequest) -> int:
        """Return the likely number of input tokens, for a call whose provider reports none."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | Reply, None]:
        """Send the request once, without retries; raises ProviderError. Close the iterator to hang up."""


class Fence(Protocol):
    """Runs a job, perhaps more than once, in a transaction that begins with the step's fence check; raises Fenced."""

    def __call__(self, job: Callable[[], T], /) -> Awaitable[T]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """An answer that has come to its end: what its row will say, once the engine has written down what came of it."""

    call: UUID
    usage: Usage
    max_tokens: int
    counted_tokens: int


def _never() -> bool:
    return False


@dataclass(slots=True, kw_only=True)
class CallContext:
    """For whom a call is made. One per attempt; `counted` and `finishes` are the meter's notes for the engine.

    `counted` {call: output tokens so far} of open calls belongs into the engine's flush. `granted` {call: output tokens
    that were affordable}, `finishes` {call: how it ended}. `closings` are answers that have ended: the engine closes
    their rows in the transaction that makes their words lasting, and then settles them, so that work which is lost in a
    crash is not paid for. `is_closing` says whether a cancellation comes from this process ending (ours, not charged)
    and not from a person.
    """

    workspace_id: UUID
    project_id: UUID | None
    run_id: UUID
    step_id: UUID
    epoch: int
    agent: str
    run_budget_nano: int | None
    fenced: Fence
    swarm: str = ""
    attempt: int = 1
    is_closing: Callable[[], bool] = _never
    counted: dict[UUID, int] = field(default_factory=dict)
    granted: dict[UUID, int] = field(default_factory=dict)
    finishes: dict[UUID, Finish] = field(default_factory=dict)
    closings: list[Closing] = field(default_factory=list)
    last_call: UUID | None = None

    def count(self, call: UUID, tokens: int) -> None:
        """Note that `call` has brought `tokens` output tokens so far."""
        self.counted[call] = tokens
