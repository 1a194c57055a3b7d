"""Our own token counts: exact for the scripted model, a guess where a provider reports none, a bound for holds."""

import re
from collections.abc import Iterable

from agents.ports import Turn

_IDEOGRAPHS = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_PIECE = re.compile(rf"\s*(?:[{_IDEOGRAPHS}]|[^\s{_IDEOGRAPHS}]+)|\s+")
_IDEOGRAPH = re.compile(rf"[{_IDEOGRAPHS}]")
LATIN_CHARACTERS, IDEOGRAPHS_TENTHS = 4, 16  # characters a token in usual tokenizers: 4 of Latin text, 1.6 of Chinese
TURN_OVERHEAD, REQUEST_OVERHEAD = 8, 32  # tokens that chat templates add: role marks for each turn, a preamble


def pieces(text: str) -> list[str]:
    """Cut `text` into words with the blanks before them (Chinese: characters); joined they are `text` again."""
    return _PIECE.findall(text)


def piece_tokens(piece: str) -> int:
    """Return the scripted model's tokens of one piece: one for each five characters begun, at least one."""
    return max(1, -(-len(piece.strip()) // 5))


def exact(turns: Iterable[Turn]) -> int:
    """Return the scripted model's tokens of a conversation."""
    return sum(TURN_OVERHEAD // 2 + sum(map(piece_tokens, pieces(turn.text))) for turn in turns)


def bound(turns: Iterable[Turn]) -> int:
    """Return an upper bound: a token of a byte-level vocabulary covers at least one byte of UTF-8."""
    return REQUEST_OVERHEAD + sum(TURN_OVERHEAD + len(turn.text.encode()) for turn in turns)


def guess(turns: Iterable[Turn]) -> int:
    """Return the likely number of tokens of a conversation, never more than `bound`."""
    tally = Tally()
    return REQUEST_OVERHEAD // 4 + sum(TURN_OVERHEAD // 2 + tally.add(turn.text) for turn in turns)


class Tally:
    """Counts a text that comes in small parts as if it came at once: parts round up, their sum does not drift."""

    def __init__(self) -> None:
        self._tenths = 0
        self.tokens = 0

    def add(self, text: str) -> int:
        """Take in the next part; returns by how many tokens the count has risen (0 is possible)."""
        wide = len(_IDEOGRAPH.findall(text))
        # In units of 1/160 token, so that both kinds of characters are whole numbers.
        self._tenths += (len(text) - wide) * (160 // LATIN_CHARACTERS) + wide * (1600 // IDEOGRAPHS_TENTHS)
        before, self.tokens = self.tokens, -(-self._tenths // 160)
        return self.tokens - before
