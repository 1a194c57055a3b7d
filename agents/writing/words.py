"""The list of English words that model-written text is held against (about 40,000; licence beside the data file).

Its purpose is to see the rubbish that a small model writes where a grammar stops it ("ortal", "iciency"); no other
check can.
"""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from importlib.resources import files

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_CONTRACTED = frozenset({"can't", "can’t", "won't", "won’t", "shan't", "shan’t"})
_ENDINGS = ("'s", "’s", "s'", "s’", "n't", "n’t", "'ll", "’ll", "'re", "’re", "'ve", "’ve")


@lru_cache(maxsize=1)
def vocabulary() -> frozenset[str]:
    packed = files("agents.writing").joinpath("data/words.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode("ascii").split())


def split(text: str) -> list[str]:
    """Words in lower case; hyphenated words fall into their parts."""
    return [word.lower() for word in _WORD.findall(text)]


def unknown(text: str, also: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """Words that are neither in the list nor in `also` (the words of brief and sources, lower case)."""
    known = vocabulary()
    missing = []
    for word in split(text):
        bare = word
        for ending in _ENDINGS:
            bare = bare.removesuffix(ending)
        if word not in _CONTRACTED and not ({word, bare, bare.rstrip("'’")} & known) and not ({word, bare} & also):
            missing.append(word)
    return missing
