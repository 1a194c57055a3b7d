"""Guards against models that never come to an end. Deterministic, always on, pure."""

import hashlib
import re
from collections import Counter

MAX_SAME_ANSWERS = 3
MAX_SAME_SENTENCES = 5
MIN_SENTENCE = 24
_END = re.compile(r"(?<=[.!?。！？\n])")


class Looping(Exception):
    """The step asks the same and hears the same, again and again."""


class Repeats:
    """Watches one stream: the same sentence (24 characters or more) a fifth time in one answer is a loop.

    Such an answer is cut there: what came is paid for and checked, more of it would be wasted.
    """

    def __init__(self) -> None:
        self.tail = ""
        self.seen: Counter[str] = Counter()

    def feed(self, text: str) -> bool:
        """Take the next piece of the stream; returns False once it goes round in circles."""
        *whole, self.tail = _END.split(self.tail + text)
        for sentence in whole:
            key = " ".join(sentence.split())
            if len(key) >= MIN_SENTENCE:
                self.seen[key] += 1
                if self.seen[key] >= MAX_SAME_SENTENCES:
                    return False
        return True


class Answers:
    """Watches a step: the same question with the same answer a third time is a loop."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def feed(self, question: str, answer: str) -> None:
        """Take one finished exchange; raises Looping."""
        key = hashlib.sha256(f"{question}\0{answer}".encode()).hexdigest()
        self.seen[key] += 1
        if self.seen[key] >= MAX_SAME_ANSWERS:
            raise Looping(answer[:200])
