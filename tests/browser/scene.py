"""A workspace that looks lived in: people, projects, documents and runs in every state, made through REST and commands.

Shared by the browser tests and by the screenshots; everything in it is a product of the scripted model.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.rest import BRIEF, Rest
from tests.servers import PASSWORD, Site

OWNER = "demo@example.com"
VIEWER = "mia@example.com"
NEWCOMER = "noor@example.com"
QUIET = "lena@example.com"
PRICES = "Item,Amount\nSocial advertising,€8400\nLocal radio,€7200\nTasting events,€6000\nBox inserts and print,€2400\n"
REPORT = """Decide where to open the third roastery for Morning Ridge.
The board decides on 12 January.
Hamburg sold 18,400 boxes in 2025 and Rotterdam 11,250.
Rent in Hamburg is €21 a square metre, in Rotterdam €17.
The lease of the present roastery ends on 30 September.
The investment may not exceed €310,000."""
RESEARCH = """# Who chooses the tea

In small offices one person orders, mostly the office manager.

- They order once a month, together with coffee and paper.
- They like one supplier less to think about.

## Open questions

- [x] Ask five offices in Hamburg
- [ ] Ask five offices in Rotterdam

| Office | People | Orders a month |
| --- | --- | --- |
| Quay 7 | 42 | 2 |
| Studio Noord | 18 | 1 |
"""


@dataclass
class Scene:
    """The ids of what was made. `live` is at work while `build` returns, slowly enough to be looked at."""

    rest: Rest | None = None
    project: str = ""
    board_pack: str = ""
    notes: str = ""
    empty_document: str = ""
    done: str = ""
    done_document: str = ""
    paused: str = ""
    draft: str = ""
    stopped: str = ""
    live: str = ""
    live_document: str = ""
    invitation: str = ""


def build(site: Site, *, with_live: bool = True) -> Scene:
    """Fill a freshly started site; returns when every run is where it should be."""
    for email, name, role in (("ben@example.com", "Ben Osei", "editor"), (VIEWER, "Mia Kern", "viewer")):
        site.manage("create_user", email, "--password", PASSWORD, "--name", name)
        site.manage("add_member", "northwind", email, role)
    site.manage("create_user", NEWCOMER, "--password", PASSWORD, "--name", "Noor Haddad")
    site.manage("create_user", QUIET, "--password", PASSWORD, "--name", "Lena Vogt")
    site.manage("create_workspace", "quiet", QUIET)
    rest = Rest(site.url, site.manage("create_api_key", OWNER, "northwind"))
    scene = Scene(rest=rest)
    link = rest.post("invitations/", {"workspace": "northwind", "email": "kai@example.com", "role": "editor"})["link"]
    scene.invitation = urlsplit(link).path
    scene.project = _project(rest, "Tea launch")
    scene.board_pack = _project(rest, "Board pack")
    _limits(rest, scene.project)
    source = rest.post("sources/", {"project": scene.project, "name": "Budget items.csv", "text": PRICES})["id"]
    if with_live:
        scene.live = _run(rest, scene.project, "campaign", BRIEF, model="scripted:slow", sources=[source])
    scene.done = _run(rest, scene.project, "campaign", BRIEF, sources=[source])
    scene.notes = _document(rest, scene.project, "Who chooses the tea", RESEARCH)
    scene.empty_document = _document(rest, scene.project, "Launch e-mails", "", parent=scene.notes)
    rest.wait_run(scene.done)
    scene.done_document = rest.get(f"runs/{scene.done}/")["documents"][0]
    scene.paused = _run(rest, scene.board_pack, "report", REPORT, budget="0.012")
    scene.stopped = _run(rest, scene.board_pack, "report", REPORT, model="scripted:slow")
    rest.post(f"runs/{scene.stopped}/stop/")
    scene.draft = _run(rest, scene.board_pack, "report", REPORT, start=False)
    rest.wait_run(scene.paused, {"paused"})
    rest.wait_run(scene.draft, {"draft"})
    if with_live:
        run = rest.wait_run(scene.live, {"running"}, seconds=120)
        scene.live_document = run["documents"][0]
    return scene


def _limits(rest: Rest, project: str) -> None:
    """One of each kind: far from reached, passed by the first run, and an agent's."""
    for limit in (
        {"level": "workspace", "limit": "25"},
        {"level": "project", "name": project, "limit": "0.02", "period": "week", "is_hard": False},
        {"level": "agent", "name": "Writer", "limit": "0.5", "period": "day"},
    ):
        rest.post("billing/budgets/", {"workspace": "northwind", **limit})


def _project(rest: Rest, name: str) -> str:
    return str(rest.post("projects/", {"workspace": "northwind", "name": name})["id"])


def _document(rest: Rest, project: str, title: str, text: str, *, parent: str | None = None) -> str:
    body: dict[str, Any] = {"project": project, "title": title}
    if parent:
        body["parent"] = parent
    if text:
        body["content"] = {"format": "markdown", "text": text}
    return str(rest.post("documents/", body)["id"])


def _run(rest: Rest, project: str, template: str, goal: str, **more: Any) -> str:
    body = {"project": project, "template": template, "goal": goal, "model": "scripted", **more}
    return str(rest.post("runs/", body)["id"])
