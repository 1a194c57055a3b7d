"""Where agents are: a hint to the rooms of all processes, which show it as awareness. Nothing is stored."""

from typing import Any
from uuid import UUID

from wukong.kernel import bus


def announce(
    document_id: UUID, *, client_id: int, name: str, hue: str, icon: str, cursor: dict[str, Any] | None
) -> None:
    """Show an agent's caret (Yjs relative positions {anchor, head}) in every room; None: the agent has left."""
    agent = {"client_id": client_id, "name": name, "hue": hue, "icon": icon, "cursor": cursor}
    bus.publish(f"document:{document_id}", {"agent": agent})
