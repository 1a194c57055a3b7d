"""What went wrong, as an ending with a sentence for people: what happened, and what follows."""

import logging
import random
from typing import Any

from django.utils.translation import gettext as _

from agents import metered
from agents.engine import quoting
from agents.engine.claim import Claim
from agents.engine.endings import Ending
from agents.engine.guards import Looping
from agents.models import PauseReason, Run
from agents.ports import ChatRequest, ProviderError
from workspaces.documents.crdt import Full
from wukong.kernel.errors import InsufficientFunds, WukongError
from wukong.kernel.money import money_json

BACKOFF_S = 1.0
LONGEST_S = 60.0
MAX_LOOPS = 2
_log = logging.getLogger("wukong.engine")


def waiting_for_person() -> str:
    """Return what the board shows of an agent that holds its words back."""
    return _("Waits: a person types here.")


def backoff_s(failures: int, retry_after: float | None = None) -> float:
    """Return how long to wait after the n-th failure: doubling, with jitter, never less than the provider asks for."""
    wait_s = min(LONGEST_S, BACKOFF_S * 2.0**failures) * (0.75 + random.random() / 2)  # noqa: S311 - only spreads retries
    return max(wait_s, retry_after or 0.0)


def ending_of(error: Exception, claim: Claim) -> Ending:
    """Return how an attempt ends that was broken off by `error`."""
    match error:
        case InsufficientFunds():
            details = error.details | {"agent": claim.step.agent}
            return Ending(how="paused", reason=PauseReason.BUDGET, error=error.message, details=details)
        case ProviderError(kind="refused"):
            return _refused(str(error))
        case ProviderError(kind="context"):
            return Ending(how="failed", limit=1, error=_("“%s” is too long for this model.") % claim.step.title)
        case ProviderError():
            return _silent(error, claim)
        case Looping():
            text = _("The model repeated itself in “%s”.") % claim.step.title
            return Ending(how="failed", limit=MAX_LOOPS, error=text, wait_s=backoff_s(0))
        case Full():
            return _refused(_("The document is full: “%s” has no room in it.") % claim.step.title)
        case WukongError():
            return _refused(error.message)
        case _:
            _log.error("step %s failed", claim.step.pk, exc_info=error)
            text = _("“%s” could not be finished because of an error in this software.") % claim.step.title
            return Ending(how="failed", error=text, wait_s=backoff_s(claim.step.failures))


def check_affordable(claim: Claim, granted: int, request: ChatRequest) -> None:
    """Raise InsufficientFunds for an answer that was cut because the money ended, not because it was long enough.

    `granted` is the number of output tokens that it was allowed. A job of the committer.
    """
    if granted >= min(request.max_tokens, metered.profile(claim.run.model).max_output_tokens):
        return
    run = Run.objects.select_related("workspace").get(pk=claim.run.pk)
    currency = run.workspace.currency
    # with less the next answer would be cut, and paid for, again
    needed = metered.most(run.model, request, currency, run.workspace_id)
    available, room = quoting.available_nano(run, claim.step.agent), quoting.limit_room(run, claim.step.agent)
    missing = max(needed - available, 1)
    details = {"currency": currency, "missing": money_json(missing, currency)}
    if room is not None and room[0] <= available:
        details["limit"] = room[1]
    raise InsufficientFunds(
        _("The money ended in the middle of an answer."), details | {"missing_nano": missing, "needed_nano": needed}
    )


def unwritten(claim: Claim) -> Ending:
    """Return the ending of an attempt whose words the database did not take."""
    text = _("The words of “%s” could not be saved. They are written again.") % claim.step.title
    return Ending(how="failed", error=text, wait_s=backoff_s(claim.step.failures))


def too_long() -> Ending:
    """Return the ending of an attempt that ran against the wall clock."""
    return Ending(how="failed", limit=2, error=_("The task took too long and was ended."))


def _refused(message: str) -> Ending:
    return Ending(how="paused", reason=PauseReason.PROVIDER, error=message, details={"message": message})


def _silent(error: ProviderError, claim: Claim) -> Ending:
    text = {
        "rate": _("The model is busy. It is asked again."),
        "timeout": _("The model did not answer in time. It is asked again."),
        "cut": _("The model broke off. It is asked again."),
    }.get(error.kind, _("The model could not be reached. It is asked again."))
    details: dict[str, Any] = {"message": _("The model did not answer. Nothing was charged for these attempts.")}
    return Ending(
        how="failed",
        error=text,
        reason=PauseReason.PROVIDER,
        details=details,
        wait_s=backoff_s(claim.step.failures, error.retry_after),
    )
