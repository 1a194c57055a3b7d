"""Money after the fact: what a crash has left open is captured or given back, and a run ends once nothing is open.

Never inside a transaction of the engine: the ledger has its own, and one must not wait for the other. Every step here
may be repeated; the ledger knows each call's key.
"""

import asyncio
import logging
from uuid import UUID

from django.db import connection

from agents.engine import moves
from agents.engine.outbox import Outbox
from agents.models import CallState, ModelCall, Run, RunState, Step
from billing import services as billing
from billing.contracts import Usage
from workspaces.documents import services as documents
from wukong.kernel import committer
from wukong.kernel.money import money_json

_log = logging.getLogger("wukong.engine")


async def soon(run_id: UUID) -> None:
    """Settle the run now if it is at its end; whatever goes wrong, `tick` tries again."""
    try:
        if await committer.arun(lambda: Run.objects.finishing().filter(pk=run_id).exists()):
            await asyncio.to_thread(_run_apart, run_id)
    except Exception as error:  # noqa: BLE001 - tick repeats it
        _log.warning("run %s is settled later: %s", run_id, error)


def _run_apart(run_id: UUID) -> None:
    try:
        run(run_id)
    finally:
        connection.close()  # the executor's threads live on: a kept connection would be one that nobody looks after


def run(run_id: UUID) -> None:
    """Resolve the run's open holds as far as possible; end it if it is finishing and nothing is open. Idempotent."""
    holds(run_id)
    if not billing.open_holds(run_id):
        document_id = committer.run(lambda: _close(run_id))
        if document_id is not None:
            _tidy(document_id)


def holds(run_id: UUID) -> None:
    """Capture closed calls whose hold is still open, give back the holds of calls that never came or cost nothing."""
    for call_id in billing.open_holds(run_id):
        call = ModelCall.objects.named([call_id]).first()
        if call is None:
            billing.void(call=call_id, reason="never opened")
        elif call.state in (CallState.REPORTED, CallState.ESTIMATED):
            billing.settle(call=call_id, usage=usage_of(call), counted_tokens=call.counted_tokens)
        elif call.state != CallState.OPEN:
            billing.mark_not_charged(call=call_id, usage=usage_of(call), reason=call.state)


def usage_of(call: ModelCall) -> Usage:
    """Return the call's usage as its row has it; a call that was not closed in order counts what had arrived."""
    is_closed = call.state in (CallState.REPORTED, CallState.ESTIMATED)
    return Usage(
        input_tokens=call.input_tokens,
        cache_read_tokens=call.cache_read_tokens,
        cache_write_tokens=call.cache_write_tokens,
        output_tokens=call.output_tokens if is_closed else max(call.output_tokens, call.counted_tokens),
        reasoning_tokens=call.reasoning_tokens,
        estimated=call.state != CallState.REPORTED,
    )


def _close(run_id: UUID) -> UUID | None:
    """End the run if nobody works for it, no call is open and no money is held: in this order none can come after.

    Returns the document that it wrote into, once it has ended.
    """
    row = moves.lock(run_id)
    is_open = (
        row.state != RunState.FINISHING
        or Step.objects.of_run(run_id).live().exists()
        or ModelCall.objects.of_run(run_id).open().exists()
        or billing.open_holds(run_id)
    )
    if is_open:
        return None
    cost_nano = billing.run_figures(run_id).cost_nano
    out = Outbox(row)
    moves.settle_run(row, out, cost=money_json(cost_nano, row.workspace.currency))
    out.close()
    return row.document_id


def _tidy(document_id: UUID) -> None:
    """Count the words of a document that perhaps nobody has open: an open one is counted by its room."""
    try:
        documents.tidy_document(document_id=document_id)
    except Exception:  # noqa: BLE001 - lists show yesterday's count; the run has ended all the same
        _log.exception("could not count the words of %s", document_id)
