"""What a writing step does to the document, as values. The engine turns them into edits of its own Yjs peer.

Keys are stable and unique in a step: a step that is performed again after a crash yields the same keys in the same
order. For a key that the engine already has as finished (`WorkContext.done`) it ignores whatever comes; the step
asks no model for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Node = dict[str, Any]
Origin = Literal["source", "demo", "scripted"]
OpenType = Literal["paragraph", "heading", "bulletList", "orderedList"]


@dataclass(frozen=True, slots=True)
class Block:
    """A finished top-level block (ProseMirror JSON without ids), written in one piece after the step's last block."""

    key: str
    node: Node
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """An empty top-level block after the step's last block; `Text` follows. A list holds exactly one item."""

    key: str
    type: OpenType = "paragraph"
    attrs: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = None

    def node(self) -> Node:
        """The empty block; text goes into its only text block (for a list: the paragraph of its item)."""
        attrs = dict(self.attrs) | ({"origin": self.origin} if self.origin else {})
        node: Node = {"type": self.type}
        if attrs:
            node["attrs"] = attrs
        if self.type in ("bulletList", "orderedList"):
            node["content"] = [{"type": "listItem", "content": [{"type": "paragraph"}]}]
        return node


@dataclass(frozen=True, slots=True)
class Text:
    """Words to append to an open block; a piece of a model's stream, checked up to its last whole word."""

    key: str
    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """The block is finished and checked: it survives a takeover of the step."""

    key: str


@dataclass(frozen=True, slots=True)
class Replace:
    """The block's whole text becomes `text` (plain).

    `task` names another task's block; refused softly if it is gone.
    """

    key: str
    text: str
    task: int | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """The block goes; afterwards the key is free and may be opened again.

    `task` names another task's block, as above.
    """

    key: str
    task: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Not text of the document: a finding, a check, a next step. The engine keeps it with the step, once per key.

    Kinds: `finding` {text, source, line, section}, `step` {owner, text, section}, `check` {ok, name, detail},
    `revision` {old, new, problem}, `dropped` {what, problems}.
    """

    key: str
    kind: Literal["finding", "step", "check", "revision", "dropped"]
    data: Mapping[str, Any]


Write = Block | Open | Text | Close | Replace | Remove | Note
