"""What browsers hear when the process ends: come back; and nothing that was acknowledged is lost."""

import threading

from tests.sockets import in_database, until
from workspaces.documents import log
from workspaces.documents.rooms import hub, store


async def test_consumers_that_are_cancelled_do_not_spoil_the_farewell(sockets, document, workspace, monkeypatch):
    """Daphne cancels every consumer at the moment at which the rooms begin to write."""
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    listener = await sockets("Ada", path=f"/ws/workspaces/{workspace.pk}/", protocols=()).open()
    may_commit, has_begun, commit = threading.Event(), threading.Event(), store.commit

    def wait(*args):
        has_begun.set()
        may_commit.wait(5)
        return commit(*args)

    monkeypatch.setattr(store, "commit", wait)
    at_ada.update(at_ada.type("the last words"))
    await until(has_begun.is_set)

    closing = hub.close_all()
    first = closing.send(None)  # the first step runs before the cancellations, as in the reactor
    for client in (at_ada, at_bob, listener):
        client.task.cancel()
    await until(lambda: all(client.task.done() for client in (at_ada, at_bob, listener)))
    assert at_bob.code is None
    may_commit.set()
    await _finish(closing, first)

    assert [client.code for client in (at_ada, at_bob, listener)] == [1001, 1001, 1001]
    assert at_ada.acked == 1
    assert "the last words" in at_bob.text
    assert len(await in_database(lambda: log.since(document.pk, 0))) == 2


async def _finish(begun, waits_for):
    from workspaces.sockets.outlet import _rest

    await _rest(begun, waits_for)
