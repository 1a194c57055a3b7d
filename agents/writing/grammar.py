"""Grammars (GBNF) for the small model: one sentence, word by word, that begins as code decides.

By words and not by characters: that leaves no way to foreign scripts, digits, fences, headings or brackets. The
upper bound of words stands well above the wished length, because a model that runs into the bound glues words
together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agents.writing import words

WORD = "word ::= [a-z] [a-z'-]{0,17}"
MOST_NAMES = 60


def literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def one_of(options: Iterable[str]) -> str:
    return "(" + " | ".join(literal(option) for option in options) + ")"


def names_in(texts: Iterable[str]) -> list[str]:
    """Capitalised words of brief and sources: the only ones that a sentence may hold after its first word.

    A common word that only begins a sentence ("In a survey") is no name.
    """
    found: dict[str, None] = {}
    for text in texts:
        for match in re.finditer(r"(?<![\w'’-])[A-ZÀ-Þ][^\W\d_]+(?:[-'’][^\W\d_]+)*", text):
            begins = re.search(r"(?:^|[.!?:]\s)[\"“‘(]?$", text[: match.start()])
            if not (begins and match[0].lower() in words.vocabulary()):
                found.setdefault(match[0])
        for match in re.finditer(r"[A-Z][^\W\d_]+ & [A-Z][^\W\d_]+", text):
            found.setdefault(match[0])
    return list(found)[:MOST_NAMES]


def sentence(
    starts: Sequence[str], *, names: Sequence[str] = (), least: int = 6, most: int = 34, end: str = "."
) -> str:
    """A whole grammar for one sentence: one of `starts`, then words with optional commas, then `end`."""
    names = [name for name in names if not re.search(r"\d", name)]
    token = " | ".join(["word", *(literal(name) for name in sorted(set(names), key=lambda name: (-len(name), name)))])
    return (
        f'root ::= {one_of(starts)} (" " token ","?){{{least},{most}}} " " token {literal(end)}\n'
        f"token ::= {token}\n{WORD}\n"
    )


def questions(sections: Sequence[str], *, names: Sequence[str] = ()) -> str:
    """One line a section: `Audience: Who …?`"""
    token = " | ".join(["word", *(literal(name) for name in sorted(set(names), key=lambda name: (-len(name), name)))])
    ask = one_of(("Who", "What", "Which", "Why", "How", "Where"))
    lines = ' "\\n" '.join(f"{literal(section + ': ')} question" for section in sections)
    return f'root ::= {lines}\nquestion ::= {ask} (" " token ","?){{4,20}} " " token "?"\ntoken ::= {token}\n{WORD}\n'
