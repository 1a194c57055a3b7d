"""Deterministic checks of what a model wrote, sentence by sentence, against brief and sources."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from agents.writing import words
from agents.writing.facts import normal, sentences
from agents.writing.figures import CITATION, MONTHS, WEEKDAYS, Figure, figures, has_digits


def _set(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


STOP = _set(
    "and or the a an of to in for with by that which is are on at from as their our its this will be not but so "
    "because if than into can should who when while such using through about between"
)
NUMBER_WORDS = _set(
    "twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand thousands million millions "
    "billion dozen dozens percent percentage two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen seventeen eighteen nineteen twice triple quarter quarters half"
)
CLAIMS = _set(
    "popular affordable expensive cheap cheaper lower higher larger bigger smaller greater faster better perfect "
    "ideal amazing exciting majority equally evenly donate donation donations sponsor sponsors investor investors "
    "loan loans profit profits revenue guarantee guarantees guaranteed fall discount discounts cashback refund refunds "
    "bonus free"
)
"""What a small model likes to claim or to give away: allowed only when brief or sources say it."""
COMPARING = re.compile(
    r"\b(?:most|least|best|worst|largest|biggest|highest|lowest|cheapest|leading|unique|world-class|"
    r"(?:more|less|fewer|\w+er) \w+(?: \w+)? than|(?!rather|other)\w+er than|as \w+ as)\b",
    re.IGNORECASE,
)
LONGEST_WORDS = 34


@dataclass(frozen=True, slots=True)
class Material:
    """What a text may rely on: words, figures and scripts of brief and sources, and figures that code computed."""

    texts: tuple[str, ...]
    computed: tuple[str, ...] = ()
    sources: frozenset[int] = frozenset()
    vocabulary: frozenset[str] = field(init=False)
    _figures: dict[tuple[Decimal, str], list[set[str]]] = field(init=False, repr=False)
    _scripts: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        everything = [*self.texts, *self.computed]
        object.__setattr__(self, "vocabulary", frozenset(word for text in everything for word in words.split(text)))
        known: dict[tuple[Decimal, str], list[set[str]]] = {}
        for text in everything:
            bare = CITATION.sub("", text)
            for figure in figures(text):
                near = bare[max(0, figure.start - 90) : figure.end + 90]
                known.setdefault((figure.value, figure.unit), []).append(_stems(near))
        object.__setattr__(self, "_figures", known)
        scripts = {script for text in everything for script in _scripts(text)} | {"LATIN"}
        object.__setattr__(self, "_scripts", frozenset(scripts))

    def holds(self, figure: Figure) -> bool:
        """Whether the figure occurs at all: same value and unit, or the same bare value."""
        return bool(self._contexts(figure))

    def fits(self, figure: Figure, sentence: str) -> bool:
        """Whether a place where the figure occurs shares a content word with the sentence."""
        stems = _stems(sentence)
        return any(not near or stems & near for near in self._contexts(figure))

    def _contexts(self, figure: Figure) -> list[set[str]]:
        found = list(self._figures.get((figure.value, figure.unit), []))
        if not figure.unit:  # "16,000" of "€16,000" is the same figure; "24" of "24%" is not
            found += [
                near
                for (value, unit), nears in self._figures.items()
                if value == figure.value and unit not in ("", "%")
                for near in nears
            ]
        elif figure.unit != "%":
            found += self._figures.get((figure.value, ""), [])
        return found

    def foreign(self, text: str) -> bool:
        return any(script not in self._scripts for script in _scripts(text))


def _stems(text: str) -> set[str]:
    return {word[:5] for word in words.split(text) if len(word) > 3 and word not in STOP}


def _scripts(text: str) -> set[str]:
    return {unicodedata.name(letter, "UNKNOWN").split()[0].split("-")[0] for letter in text if letter.isalpha()}


def grams(sentence: str) -> set[tuple[str, ...]]:
    """Three-word groups; of text without spaces between words, three-character groups."""
    bare = CITATION.sub("", sentence).lower()
    parts = re.findall(r"[一-鿿぀-ヿ]|[^\W_]+", bare)
    return {tuple(parts[index : index + 3]) for index in range(len(parts) - 2)}


def overlap(first: str, second: str) -> float:
    """Share of the shorter sentence's three-word groups that the other one holds too, 0..1."""
    left, right = grams(first), grams(second)
    return len(left & right) / max(1, min(len(left), len(right)))


def split_sentences(text: str) -> list[str]:
    return [sentence for line in text.splitlines() for sentence in sentences(line.strip())]


def is_cut(sentence: str) -> bool:
    """Whether the end is missing: no mark, or a word before it that no sentence ends with ("so that.")."""
    bare = CITATION.sub("", sentence).strip().rstrip("\"'”’)*_")
    if not bare.endswith((".", "!", "?", ":", "。", "！", "？")):
        return True
    *rest, last = bare.rstrip(".!?:。！？").split() or [""]
    return bool(rest) and last.lower().strip("\"'“”‘’(),;") in STOP


def comparison(sentence: str, vocabulary: frozenset[str] = frozenset()) -> str:
    """The first comparison or superlative; single words of `vocabulary` ("on most days") are somebody's own."""
    found = (match[0] for match in COMPARING.finditer(sentence))
    return next((said for said in found if said.lower() not in vocabulary), "")


def is_heading(text: str) -> bool:
    """A short line without an end and without figures, as models put above a list."""
    return bool(text) and len(text) < 70 and text[-1] not in ".!?:;。！？" and not has_digits(text)


def _invented_dates(sentence: str, material: Material) -> list[str]:
    said = set(re.findall(r"\b[A-Z][a-z]+", sentence)) & {*MONTHS, *WEEKDAYS}
    return sorted(name for name in said if name.lower() not in material.vocabulary)


def general(sentence: str, material: Material) -> list[str]:
    """Checks that every model-written sentence must pass."""
    problems = []
    for figure in figures(sentence):
        if not material.holds(figure):
            problems.append(f"figure not in the sources: {figure.text}")
        elif not material.fits(figure, sentence):
            problems.append(f"figure out of context: {figure.text}")
    cited = re.findall(r"\[(\d+)\]", sentence)
    problems += [f"no such source: [{number}]" for number in cited if int(number) not in material.sources]
    problems += [f"date not in the sources: {name}" for name in _invented_dates(sentence, material)]
    if material.foreign(sentence):
        problems.append("foreign characters")
    if is_cut(sentence):
        problems.append("cut")
    return problems


def demo(sentence: str, material: Material, *, leak: frozenset[str], shots: Sequence[str] = ()) -> list[str]:
    """Checks of a small model's sentence: no figures at all, known words only, nothing of the example, no
    comparisons.
    """
    problems = general(sentence, material)
    found = words.split(sentence)
    if has_digits(sentence):
        problems.append("figure in a sentence that must have none")
    problems += [f"number word: {word}" for word in found if word in NUMBER_WORDS - material.vocabulary]
    problems += [f"unknown word: {word}" for word in words.unknown(sentence, material.vocabulary)]
    problems += [f"word of the example: {word}" for word in found if word in leak - material.vocabulary]
    problems += [f"claim without a reason: {word}" for word in found if word in CLAIMS - material.vocabulary]
    if len(found) > LONGEST_WORDS:
        problems.append("too long")
    if len(found) < 5:
        problems.append("too short")
    if found_comparison := comparison(sentence, material.vocabulary):
        problems.append(f"comparison: {found_comparison}")
    if re.search(r"\b(\w+),? \1\b|\b(\w+ \w+),? (?:and |or )?\2\b|\b[xyz]{1,3}\b", sentence, re.IGNORECASE):
        problems.append("stutter")
    if any(overlap(sentence, shot) > 0.45 for shot in shots):
        problems.append("copies the example")
    return problems


def repeats(sentence: str, others: Iterable[str], *, limit: float = 0.5) -> str | None:
    """The sentence among `others` that says the same: equal but for case and marks, or most of its word groups
    shared.
    """
    key = normal(CITATION.sub("", sentence))
    if len(key) < 16:
        return None
    return next(
        (other for other in others if normal(CITATION.sub("", other)) == key or overlap(sentence, other) > limit), None
    )


def echoes(sentence: str, others: Iterable[str], *, without: str = "", limit: float = 0.7) -> str | None:
    """The sentence among `others` that holds most of this one's content words (those of `without` do not count)."""
    own = _stems(sentence) - _stems(without)
    if len(own) < 4:
        return None
    return next((other for other in others if len(own & _stems(other)) / len(own) > limit), None)


class WordGate:
    """Lets a small model's stream through word by word; the first bad word stops it before anybody has read it."""

    def __init__(self, material: Material, leak: frozenset[str]) -> None:
        self.material, self.leak = material, leak
        self.text, self.problem, self._held = "", "", ""

    def feed(self, piece: str) -> str:
        """The part that may be shown now: everything up to the last blank."""
        self._held += piece.replace("\n", " ")
        cut = self._held.rfind(" ") + 1
        return self._let(cut)

    def finish(self) -> str:
        return self._let(len(self._held))

    def _let(self, cut: int) -> str:
        ready, self._held = self._held[:cut], self._held[cut:]
        if not ready or self.problem:
            return ""
        for word in ready.split():
            if has_digits(word):
                self.problem = f"figure in a sentence that must have none: {word}"
            elif self.material.foreign(word):
                self.problem = "foreign characters"
            elif missing := words.unknown(word, self.material.vocabulary):
                self.problem = f"unknown word: {missing[0]}"
            elif leaked := set(words.split(word)) & (self.leak - self.material.vocabulary):
                self.problem = f"word of the example: {min(leaked)}"
            if self.problem:
                return ""
        self.text += ready
        return ready
