"""The one way to move money: ops go into a queue, and one job of the committer takes what has gathered as a batch.

A batch costs the same handful of statements and the same fsync as a single op, so sixty-four agents on one wallet wait
for one another's commit, not for one another's locks. Every caller waits for the COMMIT of its batch: an answer is
durable. Within a batch what frees money goes first, then the holds in the order in which they came; a hold that is
refused does not stand in the way of a smaller one, and ops about the same call keep their order.

The ledger has transactions of its own. Inside somebody else's it refuses to work: on SQLite it would wait for ever for
a lock that its caller holds.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils.translation import gettext as _

from billing import ops, rules
from billing.page import Page
from wukong.kernel import committer
from wukong.kernel.errors import Unavailable, WukongError

R = TypeVar("R")
MAX_BATCH = 512


@dataclass(slots=True, eq=False)
class _Wish:
    """An op that waits for its answer, in a thread or in a loop."""

    op: "ops.Op[Any]"
    answer: "Future[Any] | asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop | None = None


_lock = threading.Lock()
_queue: deque[_Wish] = deque()
_is_called = False


def apply(batch: Sequence["ops.Op[Any]"]) -> list[Any]:
    """Put ops to the ledger and return the answers, or the WukongErrors with which it refused, in their order.

    Each op is decided by itself and is once for its key: repeated, it gives the first answer again (IdempotencyMismatch
    with other arguments). Blocks until all are durable. Raises RuntimeError inside a transaction, Unavailable when the
    database cannot write.
    """
    _refuse_inside_a_transaction()
    return [_outcome(answer) for answer in submit(batch)]


def post(op: "ops.Op[R]") -> R:
    """Put one op to the ledger and return its answer; raises what `apply` would return."""
    _refuse_inside_a_transaction()
    return cast(R, submit([op])[0].result())


async def apost(op: "ops.Op[R]") -> R:
    """As `post`, without blocking the loop. Cancelled, the op is carried out all the same."""
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    _enqueue([_Wish(op, answer, loop)])
    return cast(R, await answer)


def _outcome(answer: "Future[Any]") -> Any:
    try:
        return answer.result()
    except WukongError as refusal:
        if isinstance(refusal, Unavailable):
            raise
        return refusal


def _refuse_inside_a_transaction() -> None:
    """Raise RuntimeError inside an atomic block; the one that wraps a test case does not count."""
    if connection.in_atomic_block:
        try:
            with transaction.atomic(durable=True):
                pass
        except RuntimeError:
            raise RuntimeError("money has transactions of its own: call the ledger outside of atomic blocks") from None


# --- the queue ------------------------------------------------------------------------------------------------------
def submit(batch: Iterable["ops.Op[Any]"]) -> list["Future[Any]"]:
    """Queue ops without waiting for their answers; they cannot be taken back."""
    answers: list[Future[Any]] = []
    wishes = []
    for op in batch:
        answer: Future[Any] = Future()
        answer.set_running_or_notify_cancel()
        answers.append(answer)
        wishes.append(_Wish(op, answer))
    _enqueue(wishes)
    return answers


def _enqueue(wishes: list[_Wish]) -> None:
    global _is_called
    with _lock:
        _queue.extend(wishes)
        is_called, _is_called = _is_called, True
    if not is_called:
        _call()


def _call() -> None:
    """Have the committer come for what is queued; what is queued until it comes, goes with it."""
    taken: list[_Wish] = []

    def job() -> list[Any]:
        if not taken:  # a job that the committer tries again keeps its batch
            taken.extend(_take())
        return _post_all([wish.op for wish in taken])

    try:
        done = committer.submit(job, is_money=True)
    except WukongError as error:
        wishes = _take(limit=len(_queue))
        _tell(wishes, [error] * len(wishes))
        return
    done.add_done_callback(lambda future: _answer(taken, future))


def _take(limit: int = MAX_BATCH) -> list[_Wish]:
    global _is_called
    with _lock:
        taken = [_queue.popleft() for _ in range(min(limit, len(_queue)))]
        _is_called = is_left = bool(_queue)
    if is_left:
        _call()
    return taken


def _answer(wishes: list[_Wish], done: "Future[list[Any]]") -> None:
    failure = done.exception()
    if isinstance(failure, OperationalError):
        failure = Unavailable(_("The ledger cannot write at the moment. Please try again."))
    _tell(wishes, [failure] * len(wishes) if failure else done.result())


def _tell(wishes: list[_Wish], outcomes: Sequence[Any]) -> None:
    """Hand out the answers; a loop is woken once for all of its callers."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Wish, Any]]] = {}
    for wish, outcome in zip(wishes, outcomes, strict=True):
        if wish.loop is None:
            _resolve([(wish, outcome)])
        else:
            by_loop.setdefault(wish.loop, []).append((wish, outcome))
    for loop, told in by_loop.items():
        with contextlib.suppress(RuntimeError):  # a loop that has ended has nobody waiting in it
            loop.call_soon_threadsafe(_resolve, told)


def _resolve(told: list[tuple[_Wish, Any]]) -> None:
    for wish, outcome in told:
        if wish.answer.done():  # the task was cancelled
            continue
        if isinstance(outcome, BaseException):
            wish.answer.set_exception(outcome)
        else:
            wish.answer.set_result(outcome)


# --- the batch ------------------------------------------------------------------------------------------------------
def _post_all(batch: Sequence["ops.Op[Any]"]) -> list[Any]:
    """Post a batch; if the database refuses it as a whole, each op by itself, so that one cannot fail the others.

    That happens when another process makes the same wallet or books the same key at the same moment: the second look
    finds what it made.
    """
    try:
        return _post_batch(batch)
    except IntegrityError:
        if len(batch) > 1:
            return [_post_alone(op) for op in batch]
        return _post_batch(batch)


def _post_alone(op: "ops.Op[Any]") -> Any:
    try:
        return _post_all([op])[0]
    except IntegrityError as error:
        return error


def _post_batch(batch: Sequence["ops.Op[Any]"]) -> list[Any]:
    answers: list[Any] = [None] * len(batch)
    with transaction.atomic():
        page = Page(batch)
        for place in _order(batch):
            try:
                answers[place] = rules.decide(page, batch[place])
            except WukongError as refusal:
                answers[place] = refusal
        page.write()
    return answers


def _order(batch: Sequence["ops.Op[Any]"]) -> list[int]:
    """Return the order in which a batch is decided: what frees money first, unless its own hold is still to come."""
    first: list[int] = []
    later: list[int] = []
    reserving: set[str] = set()
    for place, op in enumerate(batch):
        if isinstance(op, ops.Hold | ops.Extend):
            reserving.add(op.key)
            later.append(place)
        elif isinstance(op, ops.OnCall) and op.key in reserving:
            later.append(place)
        else:
            first.append(place)
    return first + later
