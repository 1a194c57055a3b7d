"""The broker within one process: a consumer sleeps until there is something for it, and hears of it at once."""

import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue

import pytest
from kombu import Connection, Consumer, Queue

from wukong.celery import app
from wukong.kernel.broker import Transport
from wukong.kernel.ids import new_id

LONG_S = 20.0


@pytest.fixture
def connection() -> Iterator[Connection]:
    with Connection("memory://", transport=Transport) as connection:
        yield connection


@pytest.fixture
def queue() -> Queue:
    return Queue(str(new_id()))


def send(connection: Connection, queue: Queue, words: str) -> None:
    with connection.clone() as other, other.Producer() as producer:
        producer.publish(words, routing_key=queue.name, declare=[queue])


def test_a_consumer_that_waits_hears_at_once(connection, queue):
    heard: SimpleQueue[str] = SimpleQueue()
    with Consumer(connection, [queue], callbacks=[lambda body, message: heard.put(body)], no_ack=True):
        waiting = threading.Thread(target=lambda: connection.drain_events(timeout=LONG_S))
        waiting.start()
        began = time.monotonic()
        send(connection, queue, "wake up")

        assert heard.get(timeout=5) == "wake up"
        waiting.join(5)
        assert time.monotonic() - began < 0.5


def test_a_consumer_that_waits_does_not_look_again_and_again(connection, queue, monkeypatch):
    looks = []
    with Consumer(connection, [queue], no_ack=True):
        look = connection.transport.cycle.get
        monkeypatch.setattr(
            connection.transport.cycle, "get", lambda *args, **more: [looks.append(1), look(*args, **more)]
        )
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=0.5)

    assert time.monotonic() - began >= 0.5
    assert len(looks) <= 2


def test_a_consumer_that_has_its_fill_takes_more_when_something_is_done(connection, queue):
    taken = []
    with Consumer(connection, [queue], callbacks=[lambda body, message: taken.append(message)], prefetch_count=1):
        send(connection, queue, "one")
        send(connection, queue, "two")
        connection.drain_events(timeout=5)
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=0.05)

        waiting = threading.Thread(target=lambda: connection.drain_events(timeout=LONG_S))
        waiting.start()
        began = time.monotonic()
        taken[0].ack()
        waiting.join(LONG_S)
        assert [message.payload for message in taken] == ["one", "two"]
        assert time.monotonic() - began < 5
        taken[1].reject()


def test_the_embedded_worker_and_those_who_wake_it_use_this_broker():
    with app.connection_for_read() as reading, app.connection_for_write() as writing:
        assert isinstance(reading.transport, Transport)
        assert isinstance(writing.transport, Transport)
