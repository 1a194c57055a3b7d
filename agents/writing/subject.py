"""Who acts and what the document is called: read from the brief, conservatively."""

from __future__ import annotations

import re

from agents.writing import words
from agents.writing.facts import lines, sentences
from agents.writing.figures import MONTHS, WEEKDAYS

NOBODY = "The team"
_NAME = re.compile(
    r"[A-Z0-9À-Þ][\w'’.-]*[\w](?:\s(?:&\s|of\s|de\s|for\s)?[A-ZÀ-Þ][\w'’-]*\w)*(?:\s&\s[A-ZÀ-Þ][\w'’-]*\w)?", re.UNICODE
)
_VERBS = (
    "is an?|sells|makes|wants|plans|offers|runs|opens|launches|provides|needs|builds|operates|has|will|should|serves|"
    "aims|employs"
)
_ACTS = re.compile(rf"^\s(?:{_VERBS})\b")
_PLACE = re.compile(r"\b(?:in|at|from|to|near|across|between|around|and)\s$")
_SURELY_A_PLACE = re.compile(r"\b(?:in|near|across)\s$")  # "at" also stands before houses: "at Harrow Museum"
LONGEST_TITLE = 72


def organisation(brief: str) -> str:
    """The name that acts in the brief, or "The team"."""
    scores: dict[str, float] = {}
    for index, line in enumerate(lines(brief)):
        for sentence in sentences(line.text):
            for match in _NAME.finditer(sentence):
                name, start = _without_common_start(match[0], match.start() == 0, brief), match.start()
                if not name or name in (*MONTHS, *WEEKDAYS) or re.fullmatch(r"[\d.,'’-]+", name) or name.endswith("'s"):
                    continue
                score = 0.5 + (1.0 if " " in name else 0.0) + (1.0 if index == 0 else 0.0)
                score += 2.5 if _ACTS.match(sentence[match.end() :]) else 0.0
                score -= 1.5 if _PLACE.search(sentence[:start]) else 0.0
                score -= 3.0 if " " not in name and _SURELY_A_PLACE.search(sentence[:start]) else 0.0
                scores[name] = scores.get(name, 0.0) + score
    best = max(scores, key=lambda name: (scores[name], len(name)), default="")
    return best if best and scores[best] >= 2.0 and len(best) <= 60 else NOBODY


def _without_common_start(name: str, at_start: bool, brief: str) -> str:
    """ "Launch Morning Ridge" at the start of a sentence → "Morning Ridge"; "The Harrow Museum" → "Harrow Museum"."""
    parts = name.split()
    while parts and (
        parts[0] in ("The", "Our", "A", "An", "Of", "In", "Launch") or (at_start and _is_common(parts[0], brief))
    ):
        if len(parts) == 1:
            return ""
        parts, at_start = parts[1:], False
        if parts[0] in ("of", "for", "de", "&"):
            return ""
    return " ".join(parts)


def _is_common(word: str, brief: str) -> bool:
    """A dictionary word that the brief never capitalises elsewhere than at the start of a sentence."""
    if word.lower() not in words.vocabulary():
        return False
    return not re.search(rf"[a-z,;] {re.escape(word)}\b|{re.escape(word)} (?:&|[A-Z])", brief)


def title(goal: str, brief: str, fallback: str) -> str:
    """The brief's own heading, else its first short line, else the beginning of the goal."""
    for line in lines(brief)[:3]:
        short = len(line.text) <= LONGEST_TITLE and not line.text.endswith((".", "!", "?", ":", ";"))
        if line.kind == "heading" or (line.kind == "prose" and short and len(line.text.split()) >= 2):
            return line.text[:LONGEST_TITLE].strip()
    first = next(iter(sentences(" ".join(goal.split()))), "").rstrip(".!?")
    if not first:
        return fallback
    return first if len(first) <= LONGEST_TITLE else _shortened(first)


def _shortened(text: str) -> str:
    head = re.split(r"[,;:–—(]", text)[0].strip()
    if 12 <= len(head) <= LONGEST_TITLE:
        return head
    parts = text[:LONGEST_TITLE].split()[:-1]
    while parts and parts[-1].lower() in (
        "and",
        "or",
        "the",
        "a",
        "an",
        "of",
        "to",
        "in",
        "for",
        "with",
        "by",
        "on",
        "at",
        "our",
    ):
        parts.pop()
    return " ".join(parts)
