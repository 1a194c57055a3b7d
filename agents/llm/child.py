"""The process of the built-in model, seen from its parent. It ends with us: it dies at the end of its stdin."""

import contextlib
import json
import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from django.utils.translation import gettext

from agents.ports import Turn

ROOT = Path(__file__).parent.parent.parent
SERVER = "agents.llm.llm_server"
READY_S, HEALTH_S, POLL_S = 180.0, 2.0, 0.05
GOODBYE_S = 2.0
_log = logging.getLogger("wukong.models")


class ChildFailed(Exception):
    """The process ended, or was not ready in time."""


class Child:
    """One running server for the weights at `path`. `ended` is called once, from a thread, when the process is gone."""

    def __init__(self, path: Path, ended: Callable[["Child"], None]) -> None:
        self.key = secrets.token_urlsafe(24)
        self.url = ""
        self._ended = ended
        self.last_words: deque[str] = deque(maxlen=8)
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", SERVER, str(path)],
            cwd=ROOT,
            # Spinning threads would take the cores from the site; has to be set before the library is loaded.
            env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl+C in the terminal reaches the parent alone
            text=True,
            errors="replace",
        )
        assert self.process.stdin is not None  # noqa: S101 - for the type checker
        self.process.stdin.write(f"{self.key}\n")
        self.process.stdin.flush()
        self.reader = threading.Thread(target=self._read, name="model-output", daemon=True)
        self.reader.start()

    def _read(self) -> None:
        """Drain what the process says: a full pipe would stop it. Its end is the process's end."""
        assert self.process.stdout is not None  # noqa: S101 - for the type checker
        with self.process.stdout as said:
            for line in said:
                if line.startswith("listening "):
                    self.url = line.split()[1]
                else:
                    self.last_words.append(line.rstrip())
        self.process.wait()
        self._hang_up()
        self._ended(self)

    def _hang_up(self) -> None:
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):  # it is gone already
                self.process.stdin.close()

    def wait_until_ready(self, stopping: threading.Event) -> bool:
        """Wait for the server to have loaded its weights; False if `stopping` was set. Raises ChildFailed."""
        deadline = time.monotonic() + READY_S
        while not stopping.wait(POLL_S):
            if self.process.poll() is not None:
                _log.warning("the built-in model said: %s", "\n".join(self.last_words))
                raise ChildFailed(gettext("Its process ended with code %s.") % self.process.returncode)
            if self.url and self.is_healthy():
                return True
            if time.monotonic() > deadline:
                raise ChildFailed(gettext("It was not ready in time."))
        return False

    def is_healthy(self) -> bool:
        """Return whether the server answers within two seconds."""
        try:
            with urlopen(f"{self.url}/health", timeout=HEALTH_S) as answer:  # noqa: S310 - our own child
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def read_prefix(self, turns: Sequence[Turn], limit_s: float) -> None:
        """Let the model read the beginning of a conversation, so that a request which begins with it answers sooner."""
        messages = [{"role": turn.role, "content": turn.text} for turn in turns] + [{"role": "user", "content": "."}]
        body = {"messages": messages, "max_tokens": 1, "cache_prompt": True, "temperature": 0}
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = Request(f"{self.url}/v1/chat/completions", json.dumps(body).encode(), headers)  # noqa: S310 - our child
        with urlopen(request, timeout=limit_s) as answer:  # noqa: S310 - as above
            answer.read()

    def stop(self) -> None:
        """Close its stdin, which ends it; kill it if that does not help."""
        self._hang_up()
        try:
            self.process.wait(GOODBYE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(GOODBYE_S)
        self.reader.join(GOODBYE_S)
