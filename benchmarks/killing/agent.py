"""A worker that writes into a document as an agent, one token after the other, and puts snapshots away.

It says each token once its row is committed, and "paused" when it has seen the file `pause` in the data folder. It
reads and writes as an attempt of the engine does: a client id of its own, first what others have written, a key for
each row.
"""

import os
import time
import uuid
from functools import partial
from pathlib import Path

EVERY_S = 0.07
SNAPSHOT_EVERY_S = 0.7
TOKENS_A_BLOCK = 40


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def write(document: str, name: str) -> None:
    """Write until killed, or until the nursery is gone."""
    from workspaces.documents import log, services
    from workspaces.documents.peer import Peer
    from workspaces.models import DocumentUpdate
    from wukong.kernel import committer

    document_id, attempt = uuid.UUID(document), uuid.uuid4()
    parent = os.getppid()
    client_id = committer.run(lambda: log.issue_client_id(document_id=document_id, kind="agent", principal=attempt))
    state, seen = log.load(document_id)
    peer = Peer(state, client_id)
    block, number, tidied_at = "", int(time.time() * 1000), time.monotonic()
    pause = Path(os.environ["WUKONG_DATA_DIR"]) / "pause"
    while os.getppid() == parent:
        if pause.exists():
            _say("paused")
            time.sleep(0.02)
            continue
        rows = DocumentUpdate.objects.since(document_id, seen)
        for seq, writer, data in rows.values_list("seq", "client_id", "data"):
            seen = seq
            if writer != client_id:
                peer.catch_up([bytes(data)])
        number += 1
        if not block or number % TOKENS_A_BLOCK == 0:
            (block,) = peer.insert_after(None, [{"type": "paragraph"}])
        token = f"{name}{number}"
        peer.append(block, f"‹{token}字› ")
        entry = log.LogEntry(
            data=peer.take_update() or b"",
            client_id=client_id,
            principal=attempt,
            kind="agent",
            key=f"{attempt}:{number}",
        )
        committer.run(partial(log.append, document_id=document_id, entries=[entry]))
        _say(token)
        if time.monotonic() - tidied_at > SNAPSHOT_EVERY_S:
            services.tidy_document(document_id=document_id)
            tidied_at = time.monotonic()
        time.sleep(EVERY_S)
