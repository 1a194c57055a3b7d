"""Every knob of the environment is read here and registered, so that docs/settings.md can be tested against it."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One setting as the documentation has to list it."""

    name: str
    default: str
    help: str


KNOBS: dict[str, Knob] = {}


def env_str(name: str, default: str, help: str) -> str:
    """Return the variable's text; `NAME_FILE` may point to a file that holds it (for secrets)."""
    KNOBS[name] = Knob(name=name, default=default, help=help)
    if path := os.environ.get(f"{name}_FILE"):
        return Path(path).read_text().strip()
    return os.environ.get(name, default)


def env_bool(name: str, default: bool, help: str) -> bool:
    """Return whether the variable says on, true, yes or 1."""
    return env_str(name, "on" if default else "off", help).strip().lower() in {"1", "on", "true", "yes"}


def env_int(name: str, default: int, help: str) -> int:
    """Return the variable as a whole number."""
    return int(env_str(name, str(default), help))


def env_list(name: str, default: str, help: str) -> list[str]:
    """Return the variable's comma-separated parts."""
    return [part.strip() for part in env_str(name, default, help).split(",") if part.strip()]
