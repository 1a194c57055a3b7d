"""Hints reach the loop that attached, from any thread, and never raise."""

import asyncio
import threading

from wukong.kernel import bus


async def test_a_hint_from_another_thread_reaches_the_loop():
    bus.attach(asyncio.get_running_loop())
    heard = asyncio.Queue()
    end = bus.subscribe("document:1", heard.put_nowait)

    threading.Thread(target=lambda: bus.publish("document:1", {"seq": 7})).start()
    first = await asyncio.wait_for(heard.get(), 5)
    end()
    bus.publish("document:1", {"seq": 8})
    await asyncio.sleep(0)

    assert first == {"seq": 7}
    assert heard.empty()


def test_a_hint_without_a_listener_is_lost_quietly():
    bus.publish("nobody", {"seq": 1})
