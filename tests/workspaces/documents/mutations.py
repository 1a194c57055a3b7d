"""Damaged and forged Yjs updates, made of real ones: a small reader and writer of the v1 format, and what breaks it.

The reader knows the shape alone; nothing is checked. `seeds()` are what two Tiptap editors sent to each other:
`frontend/tests/judge.test.ts` records them.
"""

import base64
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from workspaces.documents.protocol import Reader, var_bytes, var_uint
from workspaces.documents.schema import ATTRIBUTES, ELEMENTS, MARKS

Id = tuple[int, int]
WORDS = ["", "x", "悟空", "😀", "é\u0301", "\0", "a" * 300, "\u2028", "‮rtl"]
VALUES = [
    b"\x7e",
    b"\x77\x01x",
    b"\x7d\x01",
    b"\x7d\x05",
    b"\x78",
    b"\x7b\x40\x00" + bytes(6),
    b"\x75\x01\x7d\x05",
    b"\x76\x00",
]
MARK_VALUES = ["{}", "true", "null", '{"href":"javascript:alert(1)"}', '{"href":null}', '{"level":"2"}']


def seeds() -> list[list[bytes]]:
    """Return the updates of each recorded session, in order."""
    sessions = json.loads(Path(__file__).with_name("editor_updates.json").read_text())
    return [[base64.b64decode(one) for one in session] for session in sessions]


@dataclass
class Item:
    """One struct: content kind 0 is GC, 1 deleted, 4 text, 6 a mark, 7 a type, 8 values."""

    kind: int
    left: Id | None = None
    right: Id | None = None
    parent: Id | str | None = None
    attribute: str | None = None  # empty: it has one, which a neighbour names
    length: int = 0  # of kinds 0 and 1
    text: str = ""  # of 4; the name of 6
    value: str = ""  # of 6
    type: int = 0  # of 7
    name: str = ""  # of 7, when it is an element
    values: list[bytes] = field(default_factory=list)  # of 8

    @property
    def clocks(self) -> int:
        if self.kind == 4:
            return len(self.text.encode("utf-16-le", "surrogatepass")) // 2
        return self.length if self.kind in (0, 1) else len(self.values) if self.kind == 8 else 1


@dataclass
class Update:
    blocks: list[tuple[int, int, list[Item]]]  # client, clock, structs
    deleted: list[tuple[int, list[tuple[int, int]]]]


def decode(data: bytes) -> Update:
    reader = Reader(data)
    blocks = []
    for _ in range(reader.var_uint()):
        count, client, clock = reader.var_uint(), reader.var_uint(), reader.var_uint()
        blocks.append((client, clock, [_item(reader) for _ in range(count)]))
    deleted = [
        (reader.var_uint(), [(reader.var_uint(), reader.var_uint()) for _ in range(reader.var_uint())])
        for _ in range(reader.var_uint())
    ]
    return Update(blocks, deleted)


def _item(reader: Reader) -> Item:
    info = reader.byte()
    item = Item(info & 31)
    if item.kind == 0:
        item.length = reader.var_uint()
        return item
    if info & 128:
        item.left = (reader.var_uint(), reader.var_uint())
    if info & 64:
        item.right = (reader.var_uint(), reader.var_uint())
    if not info & 192:
        item.parent = reader.var_string() if reader.var_uint() else (reader.var_uint(), reader.var_uint())
        if info & 32:
            item.attribute = reader.var_string()
    elif info & 32:
        item.attribute = ""
    match item.kind:
        case 1:
            item.length = reader.var_uint()
        case 4:
            item.text = reader.var_string()
        case 6:
            item.text, item.value = reader.var_string(), reader.var_string()
        case 7:
            item.type = reader.var_uint()
            item.name = reader.var_string() if item.type == 3 else ""
        case 8:
            item.values = [_value(reader) for _ in range(reader.var_uint())]
    return item


def _value(reader: Reader) -> bytes:
    begin = reader.at
    kind = reader.byte()
    if kind == 119:
        reader.var_string()
    elif kind == 125:
        while reader.byte() >= 128:
            pass
    elif kind in (123, 124):
        reader.take(8 if kind == 123 else 4)
    elif kind in (117, 118):
        for _ in range(reader.var_uint()):
            if kind == 118:
                reader.var_string()
            _value(reader)
    return reader.data[begin : reader.at]


def encode(update: Update) -> bytes:
    out = [var_uint(len(update.blocks))]
    for client, clock, items in update.blocks:
        out += [var_uint(len(items)), var_uint(client), var_uint(clock), *(_encoded(item) for item in items)]
    out.append(var_uint(len(update.deleted)))
    for client, ranges in update.deleted:
        out += [var_uint(client), var_uint(len(ranges))]
        out += [var_uint(clock) + var_uint(length) for clock, length in ranges]
    return b"".join(out)


def _encoded(item: Item) -> bytes:
    if item.kind == 0:
        return b"\0" + var_uint(item.length)
    info = item.kind | (128 if item.left else 0) | (64 if item.right else 0)
    out = b"".join(var_uint(one[0]) + var_uint(one[1]) for one in (item.left, item.right) if one)
    if not info & 192:
        if isinstance(item.parent, str):
            out += b"\1" + _string(item.parent)
        else:
            client, clock = item.parent or (0, 0)
            out += b"\0" + var_uint(client) + var_uint(clock)
        if item.attribute is not None:
            out += _string(item.attribute)
    if item.attribute is not None:
        info |= 32
    match item.kind:
        case 1:
            out += var_uint(item.length)
        case 4:
            out += _string(item.text)
        case 6:
            out += _string(item.text) + _string(item.value)
        case 7:
            out += var_uint(item.type) + (_string(item.name) if item.type == 3 else b"")
        case 8:
            out += var_uint(len(item.values)) + b"".join(item.values)
    return bytes((info,)) + out


def _string(text: str) -> bytes:
    return var_bytes(text.encode("utf-8", "surrogatepass"))


# --- damage ----------------------------------------------------------------------------------------------------------
def damaged(rng: Random, data: bytes, other: bytes) -> bytes:
    """Flip, set, cut, double or splice bytes."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(out) or 1)
        match rng.randrange(7):
            case 0 | 1:
                out[at : at + 1] = bytes(((out[at] if out else 0) ^ 1 << rng.randrange(8),))
            case 2:
                out[at : at + 1] = bytes((rng.randrange(256),))
            case 3:
                del out[at : at + rng.randint(1, 4)]
            case 4:
                out[at:at] = out[at : at + rng.randint(1, 12)]
            case 5:
                start = rng.randrange(len(other))
                out[at : at + rng.randint(0, 8)] = other[start : start + rng.randint(1, 16)]
            case _:
                del out[at:]
    return bytes(out) or b"\0"


class Forger:
    """Changes the structs of updates and keeps them well-formed. `known` are ids that stand in the document."""

    def __init__(self, rng: Random, known: list[Id], vector: dict[int, int]) -> None:
        self.rng, self.known, self.vector = rng, known, vector
        self.next_client = 5_000_000

    def forged(self, data: bytes, other: bytes) -> bytes:
        update, rng = decode(data), self.rng
        if rng.random() < 0.3:
            update = self._spliced(update, decode(other))
        self._rename_clients(update)
        for _ in range(rng.randint(1, 3)):
            items = [item for _client, _clock, items in update.blocks for item in items]
            if items:
                self._change(rng.choice(items))
        if rng.random() < 0.3:
            self._shuffle(update)
        if rng.random() < 0.3:
            self._delete(update)
        update.blocks = [block for block in update.blocks if block[2]]
        return encode(update)

    def _id(self) -> Id:
        return self.rng.choice(self.known)

    def _spliced(self, one: Update, two: Update) -> Update:
        items = [replace(item) for _c, _k, block in (*one.blocks, *two.blocks) for item in block]
        return Update([(1, 0, items)] if items else [], one.deleted)

    def _rename_clients(self, update: Update) -> None:
        """Give each writer an id of its own, whose clocks begin at 0, or let it go on where one of its ids stands."""
        for place, (client, clock, items) in enumerate(update.blocks):
            if self.rng.random() < 0.15:
                continue
            new, begin = self.next_client, 0
            self.next_client += 1
            if self.rng.random() < 0.3 and self.vector:
                new = self.rng.choice(list(self.vector))
                begin = max(0, self.vector[new] - self.rng.choice([0, 0, 0, 1, 2]))
            update.blocks[place] = (new, begin, items)
            for _client, _clock, others in update.blocks:
                for item in others:
                    for name in ("left", "right", "parent"):
                        at = getattr(item, name)
                        if isinstance(at, tuple) and at[0] == client and at[1] >= clock:
                            setattr(item, name, (new, at[1] - clock + begin))
        clients = [client for client, _clock, _items in update.blocks]
        if len(set(clients)) < len(clients):
            update.blocks = update.blocks[:1]

    def _change(self, item: Item) -> None:
        rng = self.rng
        match rng.randrange(9):
            case 0:
                item.left = self._id() if rng.random() < 0.7 else None
            case 1:
                item.right = self._id() if rng.random() < 0.7 else None
            case 2:
                item.left = item.right = None
                item.parent = "default" if rng.random() < 0.4 else self._id()
            case 3:
                item.name = rng.choice(sorted(ELEMENTS))
                item.type = rng.choice([3, 3, 3, 6])
            case 4:
                item.text = rng.choice(sorted(MARKS)) if item.kind == 6 else rng.choice(WORDS)
            case 5:
                item.value = rng.choice(MARK_VALUES)
            case 6:
                item.kind, item.length = rng.choice([0, 1, 4, 6, 7, 8, 8]), rng.randint(1, 3)
                item.text = item.text or ("bold" if item.kind == 6 else "w")
                item.value, item.type = item.value or "{}", item.type or 6
            case 7:
                item.values = [rng.choice(VALUES)]
                if item.kind == 8 and not item.left and not item.right:
                    item.attribute = rng.choice(sorted(ATTRIBUTES))
            case _:
                item.left, item.right = self._id(), self._id()

    def _shuffle(self, update: Update) -> None:
        for _client, _clock, items in update.blocks:
            at = self.rng.randrange(len(items) or 1)
            if items and self.rng.random() < 0.5:
                items.insert(at, replace(self.rng.choice(items)))
            elif len(items) > 1:
                del items[at]

    def _delete(self, update: Update) -> None:
        client, clock = self._id()
        update.deleted = [(client, [(clock, self.rng.randint(1, 6))])]
