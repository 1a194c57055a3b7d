"""Templates as data: roles, sections, words of the layout, and the texts that the scripted model plays."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from agents.writing.plan import Kind

HUES = ("violet", "teal", "amber", "blue", "rose")
SLUGS = ("campaign", "report")


@dataclass(frozen=True, slots=True)
class Role:
    """Who does a task.

    `icon` is a Lucide name, `hue` one of HUES, `instructions` what a large model is told about the role.
    """

    key: str
    name: str
    icon: str
    hue: str
    instructions: str


@dataclass(frozen=True, slots=True)
class SectionSpec:
    """A section of the catalogue.

    `owner` and one of `verbs` begin its line in the table of next steps; `question` has no digits. `leads` and
    `actions` are how a small model's advice begins ("should speak first to", "Invite people who"): what code begins
    soundly ends less often in nonsense. `first` names it in "The plan puts … first", where that makes sense.
    """

    key: str
    title: str
    kind: Kind
    role: str
    core: bool
    after: tuple[str, ...]
    objective: str
    question: str
    owner: str
    verbs: tuple[str, ...]
    leads: tuple[str, ...] = ("should", "needs to", "can")
    actions: tuple[str, ...] = ()
    first: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """`rules` are (section key, pattern) in the order in which they are tried on a fact; `labels` words that code
    prints.
    """

    slug: str
    name: str
    description: str
    icon: str
    language: str
    roles: Mapping[str, Role]
    sections: tuple[SectionSpec, ...]
    labels: Mapping[str, str]
    rules: tuple[tuple[str, re.Pattern[str]], ...]
    scenario: Mapping[str, str]

    def section(self, key: str) -> SectionSpec | None:
        return next((spec for spec in self.sections if spec.key == key), None)

    def titled(self, title: str) -> SectionSpec | None:
        return next((spec for spec in self.sections if spec.title.lower() == title.strip().lower()), None)


def _scenario(text: str) -> dict[str, str]:
    parts = re.split(r"^## (\w+)\s*$", text, flags=re.MULTILINE)
    return {key: body.strip() for key, body in zip(parts[1::2], parts[2::2], strict=True)}


def _template(data: Mapping[str, Any], scenario: str) -> Template:
    sections = []
    for item in data["sections"]:
        row = {"core": False, "after": (), **item}
        lists = {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
        sections.append(SectionSpec(**row | lists))
    return Template(
        slug=data["slug"],
        name=data["name"],
        description=data["description"],
        icon=data["icon"],
        language=data["language"],
        roles={item["key"]: Role(**item) for item in data["roles"]},
        sections=tuple(sections),
        labels=data["labels"],
        rules=tuple((key, re.compile(pattern, re.IGNORECASE)) for key, pattern in data["rules"]),
        scenario=_scenario(scenario),
    )


@lru_cache(maxsize=1)
def load() -> Mapping[str, Template]:
    """All templates by slug, in the order in which they are offered."""
    folder = files("agents.writing").joinpath("data")
    return {
        slug: _template(
            json.loads(folder.joinpath(f"{slug}.json").read_text("utf-8")),
            folder.joinpath(f"{slug}.scenario.md").read_text("utf-8"),
        )
        for slug in SLUGS
    }
