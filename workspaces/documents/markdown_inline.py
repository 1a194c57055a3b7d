"""Words with marks as Markdown. The hard part: `**` counts only beside the right neighbours ("flanking"), so where a
neighbour is wrong (`**重点：**说明`) that one character is written as an entity, which reads the same.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

from workspaces.documents import links
from workspaces.documents.schema import Node

Mark = tuple[str, ...]  # ("bold",), ("link", href, title)

_SIGNS: Final = {"bold": "**", "italic": "*", "strike": "~~"}
_ORDER: Final = ("link", "bold", "italic", "strike")
_ESCAPED: Final = re.compile(
    r"(?P<cited>\[\d{1,3}\](?![\[(:]))"  # the number of a source reads well as it is, and is no link without a target
    r"|[\\`*\[\]]"
    r"|<(?=[a-zA-Z/!?])"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|(?<=~)~|~(?=~)|^~|~$"
    r"|&(?=#?\w+;)"
)
_LINE_START: Final = re.compile(
    r"^(\s*)(?:([>-]|\+(?=\s|$)|#(?=#{0,5}(?:\s|$))|=(?==*\s*$)|(?<=\n)[|:])|(\d{1,9})([.)])(?=\s|$))", re.MULTILINE
)


@dataclass(slots=True)
class _Piece:
    text: str
    marks: list[Mark] = field(default_factory=list)
    is_code: bool = False
    is_break: bool = False

    @property
    def is_blank(self) -> bool:
        return not self.is_code and self.text.isspace()


@dataclass(slots=True)
class _Token:
    """`sign` is empty for words; `text` is what will be written."""

    text: str
    edge: str = ""  # "open", "close", or neither
    mark: str = ""
    is_blank: bool = False


def spans(nodes: list[Node], *, has_breaks: bool = True) -> str:
    """Return text nodes and breaks as one Markdown line, or as lines that end in a backslash where a break is."""
    pieces = _pieces(nodes, has_breaks=has_breaks)
    tokens = _tokens(pieces)
    _choose_signs(tokens)
    while _repair(tokens):
        pass
    return re.sub(r"[ \t]*\\\n[ \t]*", "\\\\\n", "".join(token.text for token in tokens)).strip()


def escape_lines(text: str) -> str:
    """Escape what would begin a heading, a list, a quotation, a rule or a table at the start of a line."""
    return _LINE_START.sub(
        lambda found: f"{found[1]}\\{found[2]}" if found[2] else f"{found[1]}{found[3]}\\{found[4]}", text
    )


# --- words to pieces ------------------------------------------------------------------------------------------------
def _pieces(nodes: list[Node], *, has_breaks: bool) -> list[_Piece]:
    pieces: list[_Piece] = []
    for node in nodes:
        if node["type"] == "hardBreak":
            pieces.append(_Piece("", is_break=True) if has_breaks else _Piece(" "))
            continue
        marks = {mark["type"]: mark.get("attrs") or {} for mark in node.get("marks") or []}
        kept = [_mark(name, marks[name]) for name in _ORDER if name in marks]
        known = [mark for mark in kept if mark is not None]
        text = re.sub(r"[\r\n]+", " ", node["text"])
        last = pieces[-1] if pieces else None
        if last is not None and not last.is_break and (last.marks, last.is_code) == (known, "code" in marks):
            last.text += text
        else:
            pieces.append(_Piece(text, known, is_code="code" in marks))
    pieces = [part for piece in pieces for part in _without_edges(piece)]
    words = [place for place, piece in enumerate(pieces, 1) if not (piece.is_break or piece.is_blank)]
    end = words[-1] if words else 0
    return pieces[:end] + [piece for piece in pieces[end:] if not piece.is_break]  # at the end it would be a backslash


def _without_edges(piece: _Piece) -> list[_Piece]:
    """Cut the white space at the ends of words into pieces of its own."""
    if piece.is_code or piece.is_break:
        return [piece]
    parts = re.split(r"^(\s+)|(\s+)$", piece.text)
    return [_Piece(part, list(piece.marks)) for part in parts if part]


def _mark(name: str, attrs: dict[str, object]) -> Mark | None:
    if name != "link":
        return (name,)
    href = str(attrs.get("href") or "")
    return ("link", href, str(attrs.get("title") or "")) if links.is_safe(href) else None


# --- pieces to tokens -----------------------------------------------------------------------------------------------
def _tokens(pieces: list[_Piece]) -> list[_Token]:
    """Marks open at words and close behind words: beside white space Markdown would not see their signs."""
    tokens: list[_Token] = []
    opened: list[Mark] = []
    for place, piece in enumerate(pieces):
        while any(mark not in piece.marks for mark in opened):
            _close(tokens, opened.pop())
        if piece.is_blank:
            tokens.append(_Token(piece.text, is_blank=True))
            continue
        fresh = [mark for mark in piece.marks if mark not in opened]
        for mark in sorted(fresh, key=lambda mark: (-_reach(pieces, place, mark), _ORDER.index(mark[0]))):
            tokens.append(_Token("[" if mark[0] == "link" else _SIGNS[mark[0]], "open", mark[0]))
            opened.append(mark)
        tokens.append(_Token("\\\n" if piece.is_break else _code(piece.text) if piece.is_code else _escape(piece.text)))
    for mark in reversed(opened):
        _close(tokens, mark)
    for place, token in enumerate(tokens[:-1]):
        if not token.edge and token.text.endswith("!") and tokens[place + 1].text == "[":
            token.text = token.text[:-1] + "\\!"  # or it would be an image
    return tokens


def _close(tokens: list[_Token], mark: Mark) -> None:
    place = len(tokens)
    while tokens[place - 1].is_blank:
        place -= 1
    tokens.insert(place, _closing(mark))


def _reach(pieces: list[_Piece], place: int, mark: Mark) -> int:
    """How many pieces the mark spans: the longest is opened first, so that marks nest."""
    end = place
    while end < len(pieces) and mark in pieces[end].marks:
        end += 1
    return end - place


def _closing(mark: Mark) -> _Token:
    if mark[0] != "link":
        return _Token(_SIGNS[mark[0]], "close", mark[0])
    _name, href, title = mark
    target = re.sub(r"([\\`<>()*_\[\]~]|&(?=#?\w+;))", r"\\\1", re.sub(r"[\r\n]", "", href))
    if re.search(r"[\s\x00-\x20\x7f]", target):
        target = f"<{target}>"
    tail = ' "' + re.sub(r"([\\`\"*_\[\]<]|&(?=#?\w+;))", r"\\\1", re.sub(r"\s+", " ", title)) + '"' if title else ""
    return _Token(f"]({target}{tail})", "close", "link")


def _escape(text: str) -> str:
    return _ESCAPED.sub(lambda found: found[0] if found["cited"] else "\\" + found[0], text)


def _code(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    runs = {len(run) for run in re.findall(r"`+", text)}
    size = next(size for size in range(1, longest + 2) if size not in runs)
    is_padded = text[:1] == "`" or text[-1:] == "`" or (text[:1] == text[-1:] == " " and text.strip(" ") != "")
    pad = " " if is_padded else ""
    fence = "`" * size
    return f"{fence}{pad}{text}{pad}{fence}"


# --- the neighbours of a sign ---------------------------------------------------------------------------------------
def _choose_signs(tokens: list[_Token]) -> None:
    """Write italics with `_` where `*` would touch the `**` of bold."""
    opened: list[int] = []
    for place, token in enumerate(tokens):
        if token.mark != "italic":
            continue
        if token.edge == "open":
            opened.append(place)
        else:
            pair = (opened.pop(), place)
            if any(_touches_bold(tokens, edge) for edge in pair):
                for edge in pair:
                    tokens[edge].text = "_"


def _touches_bold(tokens: list[_Token], place: int) -> bool:
    around = tokens[max(place - 1, 0) : place] + tokens[place + 1 : place + 2]
    return any(token.mark in ("bold", "italic") for token in around)


def _repair(tokens: list[_Token]) -> bool:
    """Turn letters beside signs into entities where the sign would not count; return whether there was one.

    A `_` that such a letter had kept a mere character is escaped: beside an entity it could be a sign.
    """
    is_changed = False
    for place, token in enumerate(tokens):
        if token.mark not in _SIGNS:
            continue
        before = tokens[place - 1] if place else None
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        left, right = before.text[-1:] if before else "", after.text[:1] if after else ""
        if token.edge == "open" and before and _is_letter(left) and (token.text == "_" or _is_sign(right)):
            before.text = re.sub(r"(?<!\\)_$", r"\\_", before.text[:-1]) + _entity(left)
            is_changed = True
        if token.edge == "close" and after and _is_letter(right) and (token.text == "_" or _is_sign(left)):
            after.text = _entity(right) + re.sub(r"^_", r"\\_", after.text[1:])
            is_changed = True
    return is_changed


def _entity(letter: str) -> str:
    return f"&#{ord(letter)};"


def _is_sign(letter: str) -> bool:
    return bool(letter) and unicodedata.category(letter)[0] in "PS"


def _is_letter(letter: str) -> bool:
    return bool(letter) and not letter.isspace() and not _is_sign(letter)
