"""When workers of a run have to stop. Pure."""

from agents.models import PauseReason, RunState


def is_to_stop(run_state: str, pause_reason: str) -> bool:
    """Return whether workers of a run have to stop.

    When money or the model is missing, who has been paid for may finish.
    """
    if run_state == RunState.PAUSED:
        return pause_reason not in (PauseReason.BUDGET, PauseReason.PROVIDER)
    return run_state not in (RunState.RUNNING, RunState.PLANNING)
