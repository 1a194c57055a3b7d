"""Our server as the benchmark needs it where no command starts it so: no commits, agents in the process.

    python -m benchmarks.live.serve daphne|uvicorn PORT [--no-commits] [--agents FOLDER]

The product has no such switches: they are set here, from outside, before its server starts.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")

DAPHNE = ("-v", "0", "-b", "127.0.0.1", "--websocket-max-message-size", str(2 << 20))
UVICORN = (
    "--host", "127.0.0.1", "--ws", "websockets-sansio", "--ws-per-message-deflate", "false",
    "--log-level", "error", "--no-access-log", "--lifespan", "off",
)  # fmt: skip
APPLICATION = "wukong.asgi:application"


def daphne_arguments(port: int) -> list[str]:
    return [*DAPHNE, "--websocket-max-frame-size", str(2 << 20), "-p", str(port), APPLICATION]


def uvicorn_arguments(port: int) -> list[str]:
    return [*UVICORN, "--port", str(port), APPLICATION]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("server", choices=("daphne", "uvicorn"))
    parser.add_argument("port", type=int)
    parser.add_argument("--no-commits", action="store_true", help="number edits, but write none")
    parser.add_argument("--agents", metavar="FOLDER", help="write as agents once FOLDER/go is there")
    options = parser.parse_args()
    if options.server == "daphne":
        import daphne.server  # noqa: F401 - the application looks at who serves it
    import django

    django.setup()
    from benchmarks.live import inside

    if options.no_commits:
        inside.write_nothing()
    if options.agents:
        inside.start_agents(Path(options.agents))
    if options.server == "daphne":
        from daphne.cli import CommandLineInterface

        CommandLineInterface().run(daphne_arguments(options.port))
    else:
        import uvicorn

        uvicorn.main(uvicorn_arguments(options.port))


if __name__ == "__main__":
    main()
