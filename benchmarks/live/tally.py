"""What has arrived, found out after the clock has stopped: who has every edit, and how long each took."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.live import frames
from benchmarks.live.crowd import Client
from benchmarks.live.edits import Typist


@dataclass
class Found:
    """Of one measurement. `ms` are edit → other within the window of a sample of readers; `delivered` counts all."""

    delivered: int = 0
    missing: int = 0
    cursors_missing: int = 0
    ms: list[float] = field(default_factory=list)


class Decoder:
    """Reads messages once: a server sends the same bytes to many."""

    def __init__(self, prefix: bytes) -> None:
        self._skip = len(prefix)
        self._ranges: dict[bytes, list[frames.Range]] = {}
        self._states: dict[bytes, list[tuple[int, bytes]]] = {}

    def ranges(self, payload: bytes) -> list[frames.Range]:
        """Return the structs in a message, none when it is no update."""
        found = self._ranges.get(payload)
        if found is None:
            found = []
            at = self._skip
            if payload[at] in (frames.SYNC, frames.SYNC_REPLY) and payload[at + 1] in (frames.STEP2, frames.UPDATE):
                found = frames.ranges_in(frames.Reader(payload, at + 2).take())
            self._ranges[payload] = found
        return found

    def states(self, payload: bytes) -> list[tuple[int, bytes]]:
        """Return the presence in a message, none when it is none."""
        found = self._states.get(payload)
        if found is None:
            is_presence = payload[self._skip] == frames.AWARENESS
            found = frames.states_in(frames.Reader(payload, self._skip + 1).take()) if is_presence else []
            self._states[payload] = found
        return found


class _Reading:
    """What one reader has: the clock of each writer, and what came before its turn."""

    def __init__(self) -> None:
        self.clocks: dict[int, int] = {}
        self.early: list[frames.Range] = []

    def take(self, client: int, start: int, end: int) -> int | None:
        """Return the clock up to which `client` was known before, None if nothing new can be seen."""
        have = self.clocks.get(client, 0)
        if end <= have:
            return None
        if start > have:
            self.early.append((client, start, end))
            return None
        self.clocks[client] = end
        return have

    def again(self) -> list[frames.Range]:
        early, self.early = self.early, []
        return early


def count(
    clients: Sequence[Client],
    typists: Mapping[int, Typist],
    window: tuple[float, float],
    *,
    own: Mapping[int, int] | None = None,
    sample: int = 20,
    cursors: bool = False,
) -> Found:
    """Go through all that `clients` have heard. `typists` by client id; `own` {place in `clients`: its client id}."""
    found = Found()
    step = max(1, len(clients) // sample)
    decoder = Decoder(clients[0].door.prefix)
    for place, client in enumerate(clients):
        mine = (own or {}).get(place)
        reading = _Reading()
        ms = found.ms if place % step == 0 else None
        for at, data in client.heard:
            in_window = window[0] <= at <= window[1]
            for payload in frames.payloads(data):
                ranges = decoder.ranges(payload)
                if ranges:
                    found.delivered += _advance(reading, ranges, typists, mine, at, in_window, window, ms)
        found.missing += _missing(reading, typists, mine)
        if cursors:
            found.cursors_missing += _cursors_missing(client, decoder, typists, mine)
    return found


def _advance(
    reading: _Reading,
    ranges: Iterable[frames.Range],
    typists: Mapping[int, Typist],
    mine: int | None,
    at: float,
    in_window: bool,
    window: tuple[float, float],
    ms: list[float] | None,
) -> int:
    """Note what has arrived at `at`; returns the number of edits of others, 0 outside the window."""
    delivered = 0
    todo = list(ranges)
    while todo:
        moved = False
        for client, start, end in todo:
            before = reading.take(client, start, end)
            if before is None:
                continue
            moved = True
            typist = typists.get(client)
            if typist is None or client == mine:
                continue
            first, last = bisect_right(typist.ends, before), bisect_right(typist.ends, end)
            if in_window:
                delivered += last - first
            if ms is not None:
                sent = typist.sent_at[first:last]
                ms.extend((at - one) * 1e3 for one in sent if window[0] <= one <= window[1])
        todo = reading.again() if moved and reading.early else []
    return delivered


def _missing(reading: _Reading, typists: Mapping[int, Typist], mine: int | None) -> int:
    lost = 0
    for client, typist in typists.items():
        if client != mine:
            have = bisect_right(typist.ends, reading.clocks.get(client, 0))
            lost += max(0, len(typist.sent_at) - have)
    return lost


def _cursors_missing(client: Client, decoder: Decoder, typists: Mapping[int, Typist], mine: int | None) -> int:
    """Return how many cursors do not stand at last where their person has put them."""
    last: dict[int, bytes] = {}
    for _at, data in client.heard:
        for payload in frames.payloads(data):
            last.update(decoder.states(payload))
    wrong = 0
    for writer, typist in typists.items():
        if writer != mine and typist.sent_at:
            state = json.loads(last.get(writer, b"null"))
            wrong += not isinstance(state, dict) or state.get("n") != len(typist.sent_at) - 1
    return wrong


def complete_at(client: Client, needed: Mapping[int, int], decoder: Decoder) -> float | None:
    """Return when a reader had the clocks `needed`, None if never."""
    reading = _Reading()
    for at, data in client.heard:
        for payload in frames.payloads(data):
            _advance(reading, decoder.ranges(payload), {}, None, at, False, (0.0, 0.0), None)
        if all(reading.clocks.get(writer, 0) >= clock for writer, clock in needed.items()):
            return at
    return None


def updates_of(client: Client) -> list[bytes]:
    """Return all updates that a reader has heard."""
    skip = len(client.door.prefix)
    heard = [payload for _at, data in client.heard for payload in frames.payloads(data)]
    return [
        frames.Reader(payload, skip + 2).take()
        for payload in heard
        if payload[skip] in (frames.SYNC, frames.SYNC_REPLY) and payload[skip + 1] != frames.STEP1
    ]
