"""SQLite's writers stand in line: first come, first served, and a failure gives the place back."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from workspaces.people.models import Workspace
from wukong.kernel.sqlite.base import Line


def test_who_comes_first_is_served_first():
    line, order, started = Line(), [], []
    line.enter()

    def wait(n):
        started[n].set()
        line.enter()
        order.append(n)
        line.leave()

    threads = []
    for n in range(5):
        started.append(threading.Event())
        thread = threading.Thread(target=wait, args=(n,))
        thread.start()
        started[n].wait(5)
        while len(line._waiting) <= n:
            pass
        threads.append(thread)
    line.leave()
    for thread in threads:
        thread.join(5)

    assert order == [0, 1, 2, 3, 4]


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_writer_gives_its_place_back():
    if connection.vendor != "sqlite":
        pytest.skip("the queue belongs to SQLite")
    with pytest.raises(IntegrityError), transaction.atomic():
        Workspace.objects.bulk_create([Workspace(slug="a", name="a", currency="USD") for _ in range(2)])
    done = threading.Event()

    def other():
        with transaction.atomic():
            Workspace.objects.create(slug="b", name="b", currency="USD")
        connection.close()
        done.set()

    threading.Thread(target=other).start()

    assert done.wait(5)
    assert list(Workspace.objects.values_list("slug", flat=True)) == ["b"]
