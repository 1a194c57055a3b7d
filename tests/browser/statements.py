"""A workspace with months that lie behind: calls made at another time, and the statements that follow from them."""

from datetime import UTC, datetime, timedelta

from tests.servers import Site

_SCRIPT = """
from datetime import datetime, timedelta
from django.conf import settings
from billing.contracts import Usage
from billing import ledger, ops, services
from tests.billing.calendar import clock_at, issue, use
from tests.billing.conftest import hold_op
from workspaces.people.access import workspace_by_slug
from wukong.kernel.ids import new_id
settings.WUKONG_ENDPOINT_MODEL, settings.WUKONG_ENDPOINT_PRICES = "Qwen3-Max", "2.20,11.00,0.22"
house, first = workspace_by_slug("northwind"), datetime.fromisoformat("{first}")
for month in range(2):
    start = (first + timedelta(days=32 * month)).replace(day=1)
    with clock_at(start):
        services.top_up(workspace_id=house.pk, amount_nano=250 * 10**9, key=str(month), actor="person:x")
    run = new_id()
    for day in range(1, 12):
        usage = Usage(input_tokens=1_240_211, cache_read_tokens=621_548, output_tokens=211_890)
        use(house, start + timedelta(days=day), usage, model="Qwen3-Max", run=run, step=new_id())
        use(house, start + timedelta(days=day), Usage(input_tokens=298_417, output_tokens=30_992), model="local")
    for reason in ("timeout", "wasted"):
        with clock_at(start + timedelta(days=13)):
            op = hold_op(house.pk, run=run)
            ledger.post(op)
            ledger.post(ops.NotCharged(call=op.call, usage=Usage(input_tokens=88_130), reason=reason))
issue(datetime.fromisoformat("{now}"))
"""


def furnish(site: Site) -> str:
    """Give an embedded site that has not moved yet two statements; returns the month of the later one as yyyy-mm."""
    site.manage("migrate")
    now = datetime.now(UTC)
    last = (now.replace(day=1, hour=8, minute=0, second=0, microsecond=0) - timedelta(days=1)).replace(day=1)
    first = (last - timedelta(days=1)).replace(day=1)
    site.manage("create_user", "demo@example.com", "--password", site.env["WUKONG_DEMO_PASSWORD"], "--name", "Demo")
    site.manage("create_workspace", "northwind", "demo@example.com", "--credit", "0")
    site.manage("shell", "-c", _SCRIPT.format(first=first.isoformat(), now=(now + timedelta(minutes=2)).isoformat()))
    return f"{last:%Y-%m}"
