"""Whether a piece of an update may stand between those that it names as its neighbours. Pure.

Yjs puts a piece between its two neighbours, and all replicas agree where, whatever else stands there: if there ever was
one in which the two stood beside each other. Where that cannot be, two browsers show two documents, and yrs may end the
process. The bytes do not tell the order of pieces, and neither does the document; so a copy of it is asked, by putting
a letter behind each of them.
"""

import time
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from pycrdt import XmlText

from workspaces.documents import crdt
from workspaces.documents.nesting import Id
from workspaces.documents.protocol import var_uint

_PROBER: Final = 0  # no writer has this id; the lowest one stands closest to its left neighbour
_MOST_PROBES: Final = 400
_MOST_BEHIND: Final = 256 * 1024
_SHARE: Final = 20  # at most a twentieth of the time goes into copies that only make the next answers quicker
_LETTERS: Final = "abcd"


class Question(NamedTuple):
    """Do these pieces (at most four) stand in one block, in this order?

    `is_text`: whether the block has to be one that holds letters; None: no matter.
    """

    line: tuple[Id, ...]
    is_text: bool | None


class Order:
    """A copy of a document to try updates on. Made at the first question; it may be a few changes behind."""

    def __init__(self, original: Any) -> None:
        self._original = original
        self._copy: Any = None
        self._subscription: Any = None
        self._behind: list[bytes] = []
        self._size = 0  # of what it is behind
        self._clock = 0
        self._may_copy_at = 0.0
        self._is_probing = False
        self._heard: list[tuple[int, bool, str]] = []  # of a probe: in which block, whether text, in their order

    def changed(self, delta: bytes) -> None:
        """Note that the original has changed."""
        if self._copy is None:
            return
        self._behind.append(delta)
        self._size += len(delta)
        if len(self._behind) > _MOST_PROBES or self._size > _MOST_BEHIND:  # nobody has asked for long
            self._let_go()

    def check(self, update: bytes, questions: Iterable[Question]) -> bool:
        """Return whether all is right once `update` is applied; False: what it leans on is gone with its block, so
        nothing can be said of it. Raises Broken.
        """
        if self._copy is None or (self._clock > _MOST_PROBES and self._may_copy):
            self._begin()
        try:
            crdt.apply(self._copy, self._behind)
            self._behind, self._size = [], 0
            crdt.apply(self._copy, [update])
            answers = [self._ask(question) for question in questions]
            return all(answers)
        except crdt.Broken:
            self._forget()
            raise

    @property
    def _may_copy(self) -> bool:
        """Whether a copy that could do without may be made anew. Old letters are in nobody's way, only slow."""
        return time.monotonic() >= self._may_copy_at

    def _let_go(self) -> None:
        """Let go of a copy that is far behind, unless another one may not be made so soon: then it follows."""
        if self._may_copy:
            self._forget()
            return
        try:
            crdt.apply(self._copy, self._behind)
            self._behind, self._size = [], 0
        except crdt.Broken:
            self._forget()

    def _forget(self) -> None:
        """Let go of the copy: it is as large as the document."""
        self._copy = self._subscription = None
        self._behind, self._size = [], 0

    def _begin(self) -> None:
        began = time.monotonic()
        self._copy = crdt.open_doc(self._original.get_update())
        self._behind, self._size, self._clock = [], 0, 0
        self._subscription = crdt.root_of(self._copy).observe_deep(self._hear)
        ended = time.monotonic()
        self._may_copy_at = ended + _SHARE * (ended - began)

    def _hear(self, events: list[Any]) -> None:
        for number, event in enumerate(events if self._is_probing else []):
            for part in event.delta:
                is_text = isinstance(event.target, XmlText)
                self._heard += [(number, is_text, letter) for letter in part.get("insert", ())]

    def _ask(self, question: Question) -> bool:
        line = question.line
        self._heard.clear()
        self._is_probing = True
        try:
            crdt.apply(self._copy, [_letters(self._clock, line)])
        finally:
            self._is_probing = False
        self._clock += len(line)
        heard = self._heard
        if not heard:
            return False
        if heard[0][0] != heard[-1][0] or question.is_text is (not heard[0][1]):
            raise crdt.Broken("neighbours in another block")
        if "".join(letter for _number, _is_text, letter in heard) != _LETTERS[: len(line)]:
            raise crdt.Broken("neighbours in the wrong order")
        return True


def _letters(clock: int, behind: Iterable[Id]) -> bytes:
    """Return an update with a letter right behind each piece, in the order of `_LETTERS`."""
    pieces = [
        b"\x84" + var_uint(client) + var_uint(at) + b"\x01" + letter.encode()
        for (client, at), letter in zip(behind, _LETTERS, strict=False)
    ]
    return b"\x01" + var_uint(len(pieces)) + var_uint(_PROBER) + var_uint(clock) + b"".join(pieces) + b"\0"
