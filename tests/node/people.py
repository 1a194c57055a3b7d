"""People with the product's own editor in Node.js, as replicas of the schedules."""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.servers import ROOT
from tests.workspaces.documents.schedules import difference
from workspaces.documents import crdt
from workspaces.documents.protocol import EMPTY_UPDATE

HERE = Path(__file__).parent
FRONTEND = ROOT / "frontend"


def bundled(script: str, folder: Path) -> Path:
    """Bundle a script of this folder with the editor's sources."""
    output = folder / script
    command = ["node", str(HERE / "bundle.mjs"), str(HERE / script), str(output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return output


class Editors:
    """The process in which the editors live."""

    def __init__(self, script: Path) -> None:
        self.process = subprocess.Popen(
            ["node", str(script)],
            env=os.environ | {"FRONTEND": str(FRONTEND)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the editors' process is gone"
        return json.loads(line)

    def ask(self, op: str, at: int, **options: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"op": op, "at": at, **options}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = self._line()
        assert "error" not in answer, answer["error"]
        return answer

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Person:
    """One editor. It answers step 1 with all that it has written, as a browser with its outbox."""

    def __init__(self, editors: Editors, at: int, seed: int, state: bytes, client_id: int) -> None:
        self.editors, self.at, self.client_id = editors, at, client_id
        self.first = self._updates("open", state=_text(state), client=client_id, seed=seed)

    def _updates(self, op: str, **options: Any) -> list[bytes]:
        return [base64.b64decode(one) for one in self.editors.ask(op, self.at, **options)["updates"]]

    def edit(self) -> list[bytes]:
        first, self.first = self.first, []
        return first + self._updates("edit")

    def apply(self, update: bytes) -> list[bytes]:
        return self._updates("apply", update=_text(update))

    def vector(self) -> bytes:
        return base64.b64decode(self.editors.ask("vector", self.at)["vector"])

    def since(self, _vector: bytes) -> bytes:
        return base64.b64decode(self.editors.ask("own", self.at)["update"]) or EMPTY_UPDATE

    def seen(self) -> dict[str, Any]:
        return self.editors.ask("seen", self.at)

    def reload(self) -> None:
        """Open the page again."""
        self._updates("reload")

    def differs(self, doc: Any) -> str:
        return difference(crdt.open_doc(base64.b64decode(self.seen()["state"])), doc)
