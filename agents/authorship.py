"""Who wrote what in a document, with the names of people and agents: what the house knows, and whose steps it was."""

from typing import Any
from uuid import UUID

from agents import access
from workspaces.documents.authorship import services, shown
from workspaces.documents.authorship.state import VERSION
from workspaces.documents.models import Document, WriterKind


def authorship_of(document: Document) -> dict[str, Any]:
    """Return {"document", "seq", "version", "blocks"} as the REST API tells it; `seq` may be behind the head."""
    book = services.project(document.pk, seconds=services.REQUEST_S)
    blocks = shown.blocks(book)
    principals: dict[str, set[UUID]] = {kind: set() for kind in WriterKind.values}
    for block in blocks:
        for part in block.ranges:
            principals[part.writer.kind].add(part.writer.principal)
    names = access.writers_of(document, principals[WriterKind.PERSON], principals[WriterKind.AGENT])
    return {
        "document": str(document.pk),
        "seq": book.seq,
        "version": VERSION,
        "blocks": [
            {"block": block.id, "type": block.type, "ranges": [_range(part, names) for part in block.ranges]}
            for block in blocks
        ],
    }


def _range(part: shown.Range, names: dict[UUID, str]) -> dict[str, Any]:
    principal = part.writer.principal
    return {
        "start": part.start,
        "text": part.text,
        "writer": {"id": str(principal), "name": names[principal]} if principal in names else None,
        "kind": part.writer.kind,
        "call": str(part.call) if part.call is not None else None,
        "carried": part.certainty is not None,
        "certainty": None if part.certainty is None else part.certainty.name.lower(),
    }
