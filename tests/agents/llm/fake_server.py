"""Stands in for `agents.llm.llm_server`: the same manners on stdin and stdout, no model. `python -m … FILE`

Words in FILE after "GGUF" choose how it behaves: `late` (never healthy), `bad` (ends at once), `deaf` (hangs up on
health checks once it was ready). POST /crash ends it.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def main(path: str) -> None:
    manner = Path(path).read_text().removeprefix("GGUF").strip()
    key = sys.stdin.readline().strip()
    if manner == "bad":
        print("cannot load this")
        sys.exit(3)
    asked = Path(path).with_suffix(".asked")
    seen = {"health": 0}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            seen["health"] += 1
            is_well = manner != "late" and not (manner == "deaf" and seen["health"] > 1)
            self.send_response(200 if is_well else 503)
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/crash":
                os._exit(9)
            if self.headers["Authorization"] != f"Bearer {key}":
                self.send_response(401)
                self.end_headers()
                return
            with asked.open("a") as file:
                file.write(json.dumps(json.loads(body)["messages"]) + "\n")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
