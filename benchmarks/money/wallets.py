"""What a child needs before its clock starts: workspaces with money, and how a call asks."""

from typing import Any, Final
from uuid import UUID, uuid5

MANY: Final = 1_000
WARM_CALL: Final = UUID(int=1)
_FAMILY: Final = UUID(int=0x6D6F6E6579)


def prepare() -> None:
    """Set Django up."""
    import django

    django.setup()


def ids(n: int) -> list[UUID]:
    """Return the ids of the `n` workspaces that `several` makes."""
    return [uuid5(_FAMILY, f"{n}:{number}") for number in range(n)]


def id_of_hot() -> UUID:
    return ids(1)[0]


def hot(amount_nano: int) -> UUID:
    """Return a workspace that has `amount_nano`."""
    return several(1, amount_nano)[0]


def several(n: int, amount_nano: int = 10**15) -> list[UUID]:
    """Return `n` workspaces that have `amount_nano` each, with wallets and cards. Called again, they are the same."""
    from billing import ledger, ops, services
    from workspaces.people.models import Workspace

    found = ids(n)
    made = [Workspace(pk=pk, slug=f"w{pk.hex}", name="Measured", currency="USD") for pk in found]
    Workspace.objects.bulk_create(made, ignore_conflicts=True)
    services.publish_builtin_cards()
    for answer in ledger.apply(
        [ops.TopUp(workspace_id=pk, amount_nano=amount_nano, key=f"start:{pk}", actor="system") for pk in found]
    ):
        if isinstance(answer, Exception):
            raise answer
    return found


def asked(workspace_id: UUID, call: UUID, **given: Any) -> Any:
    """Return the arguments of `services.authorise` for a call of 1,000 tokens in and 100 out."""
    return {
        "call": call,
        "workspace_id": workspace_id,
        "model": "scripted",
        "run": None,
        "step": None,
        "project": None,
        "agent": "Writer",
        "input_bound": 1_000,
        "max_tokens": 100,
    } | given


def call_once(workspace_id: UUID) -> None:
    """Hold and capture once, so that every account and statement exists before the clock starts."""
    from billing import services
    from billing.contracts import Usage

    services.authorise(**asked(workspace_id, WARM_CALL))
    services.settle(call=WARM_CALL, usage=Usage(input_tokens=1_000, output_tokens=60))
