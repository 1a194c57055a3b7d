"""Start servers at once: a nursery has loaded the program, each server is a fork of it with a process group of its own.

    python benchmarks/killing/launch.py

Reads one JSON object a line: {"argv", "env", "out"}; answers with the number of the process. Nothing that a server
opens (the reactor, sockets, files, the database) is open before the fork. `env` may hold WUKONG_BENCH_HURRY (take a
snapshot whenever anything has changed) and WUKONG_BENCH_DIES=<seed> (SIGKILL at a random moment of a snapshot).
"""

import json
import os
import random
import signal
import sys
import threading
import traceback
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wukong.settings")
LONGEST_S = 0.02


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hurry() -> None:
    """Take a snapshot whenever anything has changed, a moment later."""
    from workspaces.documents import snapshots
    from workspaces.documents.rooms import hub, tidying

    for module, name, value in (
        (snapshots, "ROWS", 1),
        (tidying, "QUIET_S", 0.1),
        (tidying, "AT_MOST_EVERY_S", 0.2),
        (hub, "LOOK_S", 0.2),
    ):
        getattr(module, name)  # a constant that was renamed is no constant any more
        setattr(module, name, value)


def arm(seed: int) -> None:
    """Die while a snapshot is made, or in the transaction that stores it, or right after its commit."""
    from workspaces.documents import snapshots

    moments = random.Random(seed)
    make, store = snapshots.make, snapshots.store

    def later() -> None:
        delay = moments.uniform(0, LONGEST_S)
        threading.Timer(delay, _die).start()

    def made(*args: Any, **options: Any) -> Any:
        if moments.random() < 0.5:
            later()
        return make(*args, **options)

    def stored(*args: Any, **options: Any) -> None:
        when = moments.choice(("before", "inside", "later"))
        if when == "before":
            _die()
        store(*args, **options)
        if when == "inside":
            _die()
        later()

    vars(snapshots).update(make=made, store=stored)


def run(argv: list[str]) -> None:
    """Be the program `argv`: up, daphne with its arguments, the worker that writes, or who reads a document once."""
    import daphne.server  # noqa: F401 - installs the reactor, before anything else imports Twisted's
    import django

    django.setup()
    dies = os.environ.get("WUKONG_BENCH_DIES")
    if dies or os.environ.get("WUKONG_BENCH_HURRY"):
        hurry()
    if dies:
        arm(int(dies))
    if argv[0] == "daphne":
        from daphne.cli import CommandLineInterface

        CommandLineInterface().run(argv[1:])
    elif argv[0] == "agent":
        from benchmarks.killing import agent

        agent.write(argv[1], argv[2])
    elif argv[0] == "read":
        from workspaces.documents import content, crdt, log

        state, head = log.load(uuid.UUID(argv[1]))
        os.write(1, json.dumps([head, content.read(crdt.open_doc(state))]).encode())
        os._exit(0)
    else:
        from django.core.management import execute_from_command_line

        execute_from_command_line(["manage.py", *argv])


def _load() -> None:
    """Import what costs time. Not the reactor: it opens files, which forks would share."""
    import django

    django.setup()
    from agents import tasks
    from workspaces import routing
    from workspaces.documents import peer
    from wukong import urls

    assert all((tasks, routing, peer, urls))
    if "twisted.internet.reactor" in sys.modules:
        raise RuntimeError("the reactor was loaded too early")


def _become(order: dict[str, Any]) -> None:
    """In the fork: a group, files and an environment of its own."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out = os.open(order["out"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, out)):
        os.dup2(source, number)
    os.environ.update(order["env"])
    random.seed()
    try:
        run(order["argv"])
    except BaseException:  # noqa: BLE001 - a fork must not go on as the nursery, whatever happens
        traceback.print_exc()
    finally:
        os._exit(1)


def main() -> None:
    _load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave at once
    print("loaded", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
        print(child, flush=True)


if __name__ == "__main__":
    main()
