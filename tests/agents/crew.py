"""Workers without a broker: wake-ups go into a list, steps run on the agents' loop, the test makes the clock strike."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from unittest import mock
from uuid import UUID

from agents.engine import loop, perform, registry, wake
from agents.engine.tick import tick
from agents.models import SETTLED, ModelCall, Run, Step
from billing import services as billing
from workspaces.documents import content, crdt, log
from workspaces.documents.peer import Peer
from workspaces.models import Document
from wukong.kernel import committer
from wukong.kernel.ids import new_id


class Crew:
    """The workers of one test. `wakes` is what the broker would hold; `is_deaf` loses what is sent."""

    def __init__(self) -> None:
        self.wakes: deque[UUID] = deque()
        self.sent: list[UUID] = []
        self.is_deaf = False
        self.futures: list[Future[None]] = []

    def deliver(self, step_id: UUID) -> None:
        self.sent.append(step_id)
        if not self.is_deaf:
            self.wakes.append(step_id)

    def start(self) -> None:
        """Begin what has been woken; does not wait."""
        while self.wakes:
            future = loop.submit(perform.execute(self.wakes.popleft()))
            if future is not None:
                self.futures.append(future)

    def until(self, condition: Callable[[], object], *, seconds: float = 20.0, ticks: bool = False) -> float:
        """Work until `condition` holds; returns the seconds that it took."""
        began = struck = time.monotonic()
        while not condition():
            self.start()
            self._raise_failures()
            if ticks and time.monotonic() - struck > 0.05:
                tick()
                struck = time.monotonic()
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {self.state()}"
            time.sleep(0.005)
        return time.monotonic() - began

    def finish(self, *runs: Run, seconds: float = 30.0, ticks: bool = False) -> None:
        """Work until the runs are settled."""
        ids = [run.pk for run in runs]
        self.until(lambda: not Run.objects.filter(pk__in=ids).exclude(state__in=SETTLED), seconds=seconds, ticks=ticks)
        self.rest()
        for run in runs:
            run.refresh_from_db()

    def rest(self) -> None:
        """Wait until nobody works any more."""
        for future in self.futures:
            future.result(20)
        self.futures.clear()

    def _raise_failures(self) -> None:
        for future in [future for future in self.futures if future.done()]:
            self.futures.remove(future)
            future.result()

    @staticmethod
    def state() -> list[tuple[str, ...]]:
        runs = [(str(run), run.state, run.pause_reason, run.error) for run in Run.objects.all()]
        return [*runs, *((str(step), step.state, step.detail, step.error) for step in Step.objects.order_by("number"))]


def install(crew: Crew) -> Callable[[], None]:
    """Send wake-ups to `crew`; returns what undoes it."""
    before, wake.deliver = wake.deliver, crew.deliver

    def undo() -> None:
        wake.deliver = before

    return undo


def text_of(document: Document | None) -> str:
    """Return the words of a document as its log has them now."""
    assert document is not None
    state, _head = log.load(document.pk)
    return content.plain_text(content.read(crdt.open_doc(state)))


def told(run: Run) -> str:
    """Return the words of a run's document, its brief called [0] whatever number it has in its project."""
    assert run.brief is not None
    return text_of(run.document).replace(f"[{run.brief.number}]", "[0]").replace(run.brief.name, "Brief")


def tokens_of(run: Run) -> list[tuple[int, int, int]]:
    """Return (step, tokens in, tokens out) of the run's calls that were charged."""
    charged = ModelCall.objects.of_run(run.pk).filter(state__in=["reported", "estimated"])
    return sorted(charged.values_list("step__number", "input_tokens", "output_tokens"))


def assert_settled(run: Run) -> None:
    """The run has ended, no hold is open, no call and no step is, and its cost is what the ledger captured."""
    run.refresh_from_db()
    figures = billing.run_figures(run.pk)
    assert run.is_settled, Crew.state()
    assert billing.open_holds(run.pk) == []
    assert figures.held_nano == 0
    assert not ModelCall.objects.of_run(run.pk).open().exists()
    assert not Step.objects.of_run(run.pk).live().exists()
    assert sum(step.cost_nano for step in billing.step_figures(run.pk).values()) == figures.cost_nano


class Hand:
    """A person in the document: a client id of their own, words straight into the log."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.principal = new_id()
        self.client_id: int = committer.run(
            lambda: log.issue_client_id(document_id=document.pk, kind="person", principal=self.principal)
        )
        state, self.seen = log.load(document.pk)
        self.peer = Peer(state, self.client_id)

    def look(self) -> None:
        rows = log.since(self.document.pk, self.seen)
        self.peer.catch_up(data for _seq, data in rows)
        self.seen = rows[-1][0] if rows else self.seen

    def append(self, block: str, text: str) -> None:
        """Type at the end of a block."""
        self.look()
        assert self.peer.append(block, text)
        self.save()

    def delete(self, block: str) -> None:
        self.look()
        self.peer.delete([block])
        self.save()

    def save(self) -> None:
        entry = log.LogEntry(
            data=self.peer.take_update() or b"", client_id=self.client_id, principal=self.principal, kind="person"
        )
        committer.run(lambda: log.append(document_id=self.document.pk, entries=[entry]))


class Death(BaseException):
    """The process is gone between two instructions; nothing that it would have put in order is."""


def kill() -> None:
    """End all workers of this process as SIGKILL would: what they would still write is not written."""

    async def nothing(*args: object, **kwargs: object) -> None:
        raise Death

    with (
        mock.patch.object(perform.Worker, "_end", nothing),
        mock.patch.object(perform, "_stubborn", nothing),
        mock.patch("agents.metered._Call._close", nothing),
        mock.patch("agents.metered._Call._void", nothing),
    ):
        loop.close()
    registry._workers.clear()
    loop.reopen()
