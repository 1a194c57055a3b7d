"""A small document for tests of peers."""

import pytest

from tests.workspaces.documents.writers import paragraph
from workspaces.documents import content, crdt


@pytest.fixture
def seeded():
    doc = crdt.open_doc(client_id=1)
    content.seed(doc, [paragraph("Intro", id="intro"), paragraph("End", id="end")])
    return doc.get_update()
