"""What the ledger can be asked to do. Pure. Each op is once for its key: repeated, it gives the first answer again."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from billing.contracts import Authorisation, Balance, BudgetRow, Charge, Usage

R = TypeVar("R")


class Op(Generic[R]):
    """A wish to the ledger that it answers with an R, or refuses."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall(Op[R]):
    """Something about one call of a model; the key is `call:<id>`."""

    call: UUID
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"call:{self.call}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnWallet(Op[Balance]):
    """Something about the wallet of a workspace."""

    workspace_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(OnCall[Authorisation]):
    """Reserve money for a call of at most `input_bound` tokens in and `max_tokens` out.

    As many output tokens as the wallet and the run's budget can pay, but no fewer than `floor_tokens`.
    """

    workspace_id: UUID
    model: str
    run: UUID | None
    step: UUID | None
    project: UUID | None
    agent: str
    swarm: str
    input_bound: int
    input_guess: int
    max_tokens: int
    floor_tokens: int
    run_budget_nano: int | None
    question: int | None = None
    repeated_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend(OnCall[Authorisation]):
    """Say that the call is alive and has written `checkpoint_tokens`; let it write up to `max_tokens` in all, as much
    of it as is affordable.
    """

    max_tokens: int
    checkpoint_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture(OnCall[Charge]):
    """Charge what the call used, at most what was held. `counted_tokens` is our own count of what came, beside it."""

    usage: Usage
    counted_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCharged(OnCall[Charge]):
    """Give the hold back and book what was used at no charge: it failed on our side."""

    usage: Usage
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Void(OnCall[Charge]):
    """Give the hold back: nothing was used. Without a hold, or after its end, nothing happens."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire(OnCall[Charge]):
    """End the hold if nobody has extended it for its whole life: what the call had written by its last sign of life is
    charged, the provider has billed it; the rest is given back.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(OnWallet):
    """Open the wallet (with its welcome credit) unless it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit(OnWallet):
    """Money into the wallet, once for each `key`. `expires_at` None: it does not expire; `priority`: see Lot."""

    key: str
    amount_nano: int
    actor: str
    note: str = ""
    priority: int = 50
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUp(Credit):
    """Money that was paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Credit):
    """Credit that was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust(OnWallet):
    """Correct the bill in the open period, once for each `key`: back to the wallet, or, negative, out of it."""

    key: str
    signed_nano: int
    actor: str
    note: str
    call: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(OnWallet):
    """Pay back what is left of a top-up, once for each `key`: at most `amount_nano`, and nothing that is held."""

    key: str
    topup: str
    amount_nano: int
    actor: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep(OnWallet):
    """Take the lots away whose time is over. Every op on a wallet does so first; this one does nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCreditLimit(OnWallet):
    """Let the wallet be used beyond nothing: it is paid afterwards."""

    limit_nano: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBudget(Op[BudgetRow]):
    """Limit what a scope of a workspace may spend in a period, from the next hold on. See models.Budget."""

    workspace_id: UUID
    level: str
    name: str
    period: str
    limit_nano: int
    is_hard: bool
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropBudget(Op[None]):
    """Limit a scope no more; its counter is kept."""

    workspace_id: UUID
    level: str
    name: str
