"""The bytes of the y-protocols, and our own message 64. Pure: bytes in, values out.

Awareness states stay raw JSON bytes: pycrdt's encoder writes the number of characters where the protocol wants bytes,
and so corrupts every name that is not ASCII.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from workspaces.documents.limits import CUT_BYTES, CUT_RANGES

SYNC, AWARENESS, QUERY_AWARENESS, CONTROL = 0, 1, 3, 64
STEP1, STEP2, UPDATE = 0, 1, 2
EMPTY_UPDATE: Final = b"\x00\x00"
_MAX_SAFE: Final = (1 << 53) - 1  # lib0 in the browser throws above
_MAX_BRACKETS: Final = 64
_CONTROL_BRACKETS: Final = CUT_RANGES + 2  # each range has one: the largest cut that a browser may name has to pass


class Malformed(ValueError):
    """Bytes that no honest client sends; the sender is closed, nobody else notices."""


class Reader:
    """Reads lib0's encoding; raises Malformed instead of running past the end."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    @property
    def is_done(self) -> bool:
        return self.at >= len(self.data)

    def var_uint(self) -> int:
        """Return a number of at most 53 bits."""
        value = shift = 0
        data, at, end = self.data, self.at, len(self.data)
        while True:
            if at >= end or shift > 49:
                raise Malformed("a number is cut or too long")
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
        if value > _MAX_SAFE:
            raise Malformed("a number is too large")
        self.at = at
        return value

    def byte(self) -> int:
        at = self.at
        if at >= len(self.data):
            raise Malformed("a field is cut")
        self.at = at + 1
        return self.data[at]

    def take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.data):
            raise Malformed("a field is cut")
        part = self.data[self.at : end]
        self.at = end
        return part

    def var_bytes(self) -> bytes:
        return self.take(self.var_uint())

    def var_string(self) -> str:
        return utf8_text(self.var_bytes())

    def end(self) -> None:
        """Raise Malformed unless everything has been read."""
        if not self.is_done:
            raise Malformed("bytes are left over")


def utf8_text(raw: bytes) -> str:
    """Return `raw` decoded; raises Malformed when it is not UTF-8 (a half of a surrogate pair is not)."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Malformed("text is not UTF-8") from error


def _refuse(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON")


def strict_json(text: str, *, brackets: int = _MAX_BRACKETS) -> Any:
    """Return the value of a JSON text that a browser reads too; raises Malformed.

    Python takes NaN, Infinity and halves of surrogate pairs, a browser or Rust does not. `brackets` bounds the nesting.
    """
    if text.count("[") + text.count("{") > brackets:
        raise Malformed("a value is nested too deep")
    try:
        value = json.loads(text, parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except Malformed:
        raise
    except ValueError as error:
        raise Malformed("a value is not JSON") from error
    return value


def var_uint(value: int) -> bytes:
    """Return lib0's variable-length encoding of a number that is not negative."""
    out = bytearray()
    while value > 127:
        out.append(128 | value & 127)
        value >>= 7
    out.append(value)
    return bytes(out)


def var_bytes(data: bytes) -> bytes:
    return var_uint(len(data)) + data


# --- messages -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AwarenessState:
    """One client's presence: `state` is raw JSON of an object, None when it left."""

    client_id: int
    clock: int
    state: bytes | None


@dataclass(frozen=True, slots=True)
class Sync:
    """Message 0: `step` is STEP1 (payload: a state vector), STEP2 or UPDATE (a Yjs v1 update, not yet walked)."""

    step: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Presence:
    """Message 1: what clients say about themselves."""

    states: list[AwarenessState]


@dataclass(frozen=True, slots=True)
class QueryPresence:
    """Message 3: somebody asks for everybody's presence."""


@dataclass(frozen=True, slots=True)
class Control:
    """Message 64: a JSON object of our own browser or server."""

    body: dict[str, Any]


Message = Sync | Presence | QueryPresence | Control
Cut = Sequence[tuple[int, int, int]]
"""(client id, clock, length) of text that its writer has taken away before and now pastes."""


def read_message(data: bytes) -> Message:
    """Return the one message of a websocket frame. Raises Malformed for unknown kinds and for bytes left over."""
    reader = Reader(data)
    kind = reader.var_uint()
    message: Message
    if kind == SYNC:
        step = reader.var_uint()
        if step not in (STEP1, STEP2, UPDATE):
            raise Malformed("an unknown step of sync")
        message = Sync(step, reader.var_bytes())
    elif kind == AWARENESS:
        message = Presence(read_awareness(reader.var_bytes()))
    elif kind == QUERY_AWARENESS:
        message = QueryPresence()
    elif kind == CONTROL:
        message = Control(_object(reader.var_bytes(), _CONTROL_BRACKETS))
    else:
        raise Malformed("an unknown kind of message")
    reader.end()
    return message


def _object(raw: bytes, brackets: int = _MAX_BRACKETS) -> dict[str, Any]:
    value = strict_json(utf8_text(raw), brackets=brackets)
    if not isinstance(value, dict):
        raise Malformed("not an object")
    return value


def read_cut(data: bytes) -> Cut:
    """Return what a browser says with message 64, the only thing that it says so. Raises Malformed for all else."""
    if len(data) > CUT_BYTES:
        raise Malformed("a cut is too large")
    message = read_message(data)
    body = message.body if isinstance(message, Control) else {}
    ranges = body.get("ranges")
    if body.keys() != {"type", "ranges"} or body["type"] != "cut" or not isinstance(ranges, list):
        raise Malformed("not a cut")
    if len(ranges) > CUT_RANGES or not all(_is_range(one) for one in ranges):
        raise Malformed("not the ranges of a cut")
    return [(client, clock, length) for client, clock, length in ranges]


def _is_range(value: Any) -> bool:
    """Return whether a value of JSON is a range of clocks: whole numbers that JavaScript can count."""
    if not isinstance(value, list) or len(value) != 3 or not all(type(one) is int for one in value):
        return False
    client, clock, length = value
    return bool(0 <= client <= _MAX_SAFE and clock >= 0 and length > 0 and clock + length <= _MAX_SAFE)


def sync_message(step: int, payload: bytes) -> bytes:
    """Return message 0 with step 1 (a state vector), step 2 or an update (Yjs v1)."""
    return bytes((SYNC, step)) + var_bytes(payload)


def control_message(body: Mapping[str, Any]) -> bytes:
    """Return message 64: a JSON object for our own browser."""
    return bytes((CONTROL,)) + var_bytes(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())


def read_awareness(payload: bytes) -> list[AwarenessState]:
    """Return the states of an awareness update. Raises Malformed unless each is an object or null."""
    reader = Reader(payload)
    states = []
    for _ in range(reader.var_uint()):
        client_id, clock, raw = reader.var_uint(), reader.var_uint(), reader.var_bytes()
        if raw != b"null":
            _object(raw)
        states.append(AwarenessState(client_id, clock, None if raw == b"null" else raw))
    reader.end()
    return states


def awareness_message(states: Iterable[AwarenessState]) -> bytes:
    """Return message 1 with these states."""
    given = list(states)
    parts = [var_uint(len(given))]
    for one in given:
        raw = b"null" if one.state is None else one.state
        parts += [var_uint(one.client_id), var_uint(one.clock), var_bytes(raw)]
    return bytes((AWARENESS,)) + var_bytes(b"".join(parts))


def read_state_vector(data: bytes) -> dict[int, int]:
    """Return {client id: next clock} of an encoded state vector. Raises Malformed."""
    reader = Reader(data)
    vector: dict[int, int] = {}
    for _ in range(reader.var_uint()):
        client_id = reader.var_uint()
        vector[client_id] = reader.var_uint()
    reader.end()
    return vector


def state_vector(vector: Mapping[int, int]) -> bytes:
    """Return {client id: next clock} encoded; the inverse of `read_state_vector`."""
    return var_uint(len(vector)) + b"".join(var_uint(client) + var_uint(clock) for client, clock in vector.items())
