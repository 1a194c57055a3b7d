"""A web process that is told to end tells browsers to come back, to whichever process is left."""

import asyncio
import time

import pytest
from websockets.asyncio.client import connect

from tests.tab import Tab

pytestmark = pytest.mark.services


async def test_a_web_process_that_ends_tells_every_browser_to_come_back(site, key, web2, document):
    address = f"ws://127.0.0.1:{site.ports[1]}/ws"
    workspace = await asyncio.to_thread(web2.get, "workspaces/northwind/")
    tabs = [await Tab.open(f"{address}/documents/{document}", key=key) for _ in range(3)]
    listener = await connect(
        f"{address}/workspaces/{workspace['id']}/", additional_headers={"Authorization": f"Bearer {key}"}
    )
    await tabs[0].type("the last words ")
    await tabs[0].until_saved()
    try:
        began = time.monotonic()
        await asyncio.to_thread(site.end_part, "web2")
        took = time.monotonic() - began

        assert [await tab.until_closed(5) for tab in tabs] == [1001, 1001, 1001]
        await asyncio.wait_for(listener.wait_closed(), 5)
        assert listener.close_code == 1001
        assert took < 2

        back = await tabs[0].reopen(f"ws://127.0.0.1:{site.ports[0]}/ws/documents/{document}", key=key)
        assert back.text().count("the last words") == 1
        await back.close()
    finally:
        await asyncio.to_thread(site.start)
