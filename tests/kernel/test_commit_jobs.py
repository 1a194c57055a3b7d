"""The writer thread: durable results, failing jobs alone, order kept, nothing accepted after the end."""

import asyncio
import threading

import pytest
from django.db import IntegrityError, connection, transaction

from workspaces.people.models import User, Workspace
from wukong.kernel import committer
from wukong.kernel.errors import Unavailable

pytestmark = pytest.mark.django_db(transaction=True)


def _make(slug):
    return lambda: Workspace.objects.create(slug=slug, name=slug, currency="USD")


def test_a_result_is_handed_out_after_the_commit():
    seen = committer.submit(_make("a")).result(5)

    assert Workspace.objects.get(pk=seen.pk).slug == "a"


def test_a_failing_job_fails_alone():
    gate = threading.Event()
    committer.submit(gate.wait)  # the next three wait together and share one batch
    good = committer.submit(_make("one"))
    bad = committer.submit(lambda: User.objects.create(email=None))
    also_good = committer.submit(_make("two"))
    gate.set()

    with pytest.raises(IntegrityError):
        bad.result(5)
    assert {good.result(5).slug, also_good.result(5).slug} == {"one", "two"}
    assert Workspace.objects.count() == 2


@pytest.mark.parametrize(("vendor", "most"), [("sqlite", committer.MAX_BATCH), ("postgresql", 1)])
def test_only_a_database_with_one_writer_shares_a_transaction(vendor, most):
    assert committer.most_jobs(vendor) == most


def test_jobs_share_a_transaction_only_as_far_as_the_database_has_one_writer(monkeypatch):
    begun = []
    monkeypatch.setattr(committer, "most_jobs", lambda vendor: 2)
    started, gate = threading.Event(), threading.Event()
    committer.submit(lambda: started.set() or gate.wait(5))
    started.wait(5)
    jobs = [committer.submit(lambda: begun.append(len(connection.savepoint_ids))) for _ in range(3)]
    gate.set()
    for job in jobs:
        job.result(5)

    assert begun == [1, 1, 0]  # savepoints: two jobs in one transaction, the third in its own


def test_what_a_person_waits_for_goes_first():
    """Agents flush many times a second; their rows are behind a person's, not in front of them."""
    order, gate, started = [], threading.Event(), threading.Event()
    committer.submit(lambda: started.set() or gate.wait(5))
    started.wait(5)
    jobs = [committer.submit(lambda number=number: order.append(f"agent{number}")) for number in range(5)]
    jobs += [committer.submit(lambda number=number: order.append(f"person{number}"), is_urgent=True) for number in "ab"]
    gate.set()
    for job in jobs:
        job.result(5)

    assert order == ["persona", "personb", "agent0", "agent1", "agent2", "agent3", "agent4"]


def test_a_transaction_takes_no_more_jobs_once_it_takes_long(monkeypatch):
    """Who waits for the first job of a transaction waits for all of them."""
    monkeypatch.setattr(committer, "MAX_BATCH_S", 0.02)
    commits, gate, started = [], threading.Event(), threading.Event()

    def work(number):
        transaction.on_commit(lambda: commits.append(number))
        threading.Event().wait(0.03)
        return len(commits)

    committer.submit(lambda: started.set() or gate.wait(5))
    started.wait(5)
    jobs = [committer.submit(lambda number=number: work(number)) for number in range(3)]
    gate.set()

    assert [job.result(5) for job in jobs] == [0, 1, 2]  # each in a transaction of its own, in order
    assert commits == [0, 1, 2]


def test_what_did_not_fit_into_the_last_transaction_is_still_done_at_the_end(monkeypatch):
    monkeypatch.setattr(committer, "MAX_BATCH_S", 0.0)
    gate, started = threading.Event(), threading.Event()
    committer.submit(lambda: started.set() or gate.wait(5))
    started.wait(5)
    jobs = [committer.submit(lambda number=number: number) for number in range(20)]
    gate.set()
    committer.close()

    assert [job.result(0) for job in jobs] == list(range(20))


async def test_who_gives_up_waiting_does_not_stop_the_thread():
    gate = threading.Event()
    committer.submit(gate.wait)
    waiting = asyncio.create_task(committer.arun(lambda: 1))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()

    assert await asyncio.wait_for(committer.arun(lambda: 2), 5) == 2


def test_the_thread_keeps_its_connection():
    first, second = (committer.run(lambda: connection.connection) for _ in range(2))

    assert first is second


def test_what_runs_on_commit_runs_once_it_is_durable():
    told = []

    def job():
        transaction.on_commit(lambda: told.append(Workspace.objects.filter(slug="x").exists()))
        _make("x")()

    committer.run(job)

    assert told == [True]


def test_a_job_may_not_wait_for_another_job():
    with pytest.raises(RuntimeError):
        committer.run(lambda: committer.run(lambda: 1))


def test_many_threads_lose_nothing():
    slugs = [f"w{i}" for i in range(60)]
    threads = [threading.Thread(target=lambda s=slug: committer.run(_make(s))) for slug in slugs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert set(Workspace.objects.values_list("slug", flat=True)) == set(slugs)
    connection.close()


async def test_the_loop_does_not_block():
    made = await asyncio.gather(*(committer.arun(_make(f"l{i}")) for i in range(20)))

    assert len({one.pk for one in made}) == 20


def test_after_the_end_jobs_are_refused():
    committer.run(_make("last"))
    committer.close()

    with pytest.raises(Unavailable):
        committer.run(_make("late"))
