"""The built-in models that we know: a file is named by its SHA-256, whatever source it comes from."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of weights. `url`: the publisher's own copy; `parts`: pinned requirements that hold it in pieces."""

    id: str
    name: str
    file: str
    bytes: int
    sha256: str
    licence: str
    url: str
    parts: tuple[str, ...]
    context_tokens: int
    max_output_tokens: int


@lru_cache(maxsize=1)
def load() -> dict[str, Entry]:
    """Return all entries by model id."""
    rows = json.loads((_HERE / "catalogue.json").read_text("utf-8"))
    return {row["id"]: Entry(**row | {"parts": _requirements(_HERE / row["parts"])}) for row in rows}


def _requirements(path: Path) -> tuple[str, ...]:
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
