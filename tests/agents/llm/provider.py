"""A provider on loopback: speaks the OpenAI protocol from a script, plays faults, remembers what it was asked."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "right-key"
MODELS = ("large-1", "reasoner")


@dataclass
class Script:
    """How the next answers go. `cut_after`: chunks before the connection breaks; silences in seconds."""

    words: list[str] = field(default_factory=lambda: ["Good ", "words ", "come ", "slowly."])
    thoughts: list[str] = field(default_factory=list)
    usage: dict[str, Any] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    silence_s: float = 0.0
    pause_s: float = 0.0
    finish: str = "stop"


class Provider:
    """`asked` holds the bodies of all requests, `hung_up` is set when a client does not hear an answer out."""

    def __init__(self) -> None:
        self.script = Script()
        self.asked: list[dict[str, Any]] = []
        self.connections: set[tuple[str, int]] = set()
        self.hung_up = threading.Event()
        self.over = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            provider.asked.append(body)
            provider.connections.add(self.client_address)
            script = provider.script
            if self.headers["Authorization"] != f"Bearer {KEY}":
                self._refuse(401, "invalid_api_key")
            elif body["model"] not in MODELS:
                self._refuse(404, "model_not_found")
            elif script.status != 200:
                self._refuse(script.status, "scripted")
            else:
                try:
                    self._answer(script)
                except OSError:
                    provider.hung_up.set()
                    self.close_connection = True

        def _refuse(self, status: int, code: str) -> None:
            body = json.dumps({"error": {"message": f"no: {code}", "type": code, "code": code}}).encode()
            self.send_response(status)
            for name, value in provider.script.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer(self, script: Script) -> None:
            provider.over.wait(script.silence_s)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            deltas = [{"reasoning_content": thought} for thought in script.thoughts]
            deltas += [{"content": word} for word in script.words]
            for number, delta in enumerate(deltas):
                if number == script.cut_after:
                    self.close_connection = True
                    self.connection.close()
                    return
                self._event(self._chunk([{"index": 0, "delta": delta, "finish_reason": None}]))
                provider.over.wait(script.pause_s)
            if script.finish:
                self._event(self._chunk([{"index": 0, "delta": {}, "finish_reason": script.finish}]))
            if script.usage is not None:
                self._event(self._chunk([]) | {"usage": script.usage})
            self._send(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")

        def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
            return {
                "id": "c1",
                "object": "chat.completion.chunk",
                "created": int(time.time()),
                "model": "large-1",
                "choices": choices,
            }

        def _event(self, data: dict[str, Any]) -> None:
            self._send(f"data: {json.dumps(data)}\n\n".encode())

        def _send(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()

    return Handler
