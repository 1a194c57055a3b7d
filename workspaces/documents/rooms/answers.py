"""What a member is told of its update messages, in their order: that they are in the log, or that one is not taken."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from workspaces.documents import protocol
from workspaces.sockets.codes import Close


class Ack(NamedTuple):
    """The first `n` update messages are in the log, up to `seq`, but for those that were refused before."""

    n: int
    seq: int


class Notice(NamedTuple):
    """Message 64 with `body`. `asks`: afterwards the member is asked, by step 1, for what the log lacks.

    `closes`: stock clients, which have no word for it, are closed with this instead; without a `body` everybody is.
    """

    body: Mapping[str, Any] | None
    asks: bool = False
    closes: Close | None = None


Answer = Ack | Notice


def forbidden(n: int) -> Notice:
    """Return that update message `n` is of somebody who may not write."""
    return _rejected(n, "forbidden", _("You can read this document, but not change it."))


def gap(n: int, *, asks: bool) -> Notice:
    """Return that something before update message `n` is missing."""
    return _rejected(n, "gap", _("Something before this change is missing here."))._replace(asks=asks)


def full(n: int) -> Notice:
    """Return that update message `n` would make the document larger than documents may be."""
    text = _("This document is full: delete something, or go on in another one.")
    return _rejected(n, "full", text)._replace(closes=Close.TOO_LARGE)


def closing(code: Close) -> Notice:
    """Return that a socket is closed, but not before it has heard of what it had sent before."""
    return Notice(None, closes=code)


def _rejected(n: int, code: str, text: str) -> Notice:
    return Notice({"type": "rejected", "n": n, "code": code, "message": text})


def add(answers: list[Answer], more: Iterable[Answer]) -> None:
    """Append answers. One acknowledgement counts all messages before it, but nothing said in between is skipped."""
    for answer in more:
        if answers and isinstance(answer, Ack) and isinstance(answers[-1], Ack):
            answers[-1] = answer
        else:
            answers.append(answer)


def messages(said: Iterable[Answer]) -> list[bytes]:
    """Return answers as messages 64. Acknowledgements, of which many are sent a second, are written by hand."""
    found = []
    for one in said:
        if isinstance(one, Ack):
            found.append(b"\x40" + protocol.var_bytes(b'{"type":"ack","n":%d,"seq":%d}' % one))
        elif one.body is not None:
            found.append(protocol.control_message(one.body))
    return found
