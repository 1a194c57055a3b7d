"""Ranges of clocks: the same set as ids one by one, whatever the order, and no larger than there are gaps."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspaces.documents import wire
from workspaces.documents.archive import Archive
from workspaces.documents.landmarks import Landmarks
from workspaces.documents.protocol import Malformed, var_uint
from workspaces.documents.spans import Spans

RANGES = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 30), st.integers(0, 6)), max_size=20)


@given(ranges=RANGES)
def test_they_hold_what_was_added(ranges):
    spans, ids = Spans(), set()
    for client, first, more in ranges:
        spans.add(client, first, first + more)
        ids |= {(client, clock) for clock in range(first, first + more + 1)}

    assert {(client, clock) for client in (1, 2) for clock in range(40) if (client, clock) in spans} == ids
    listed = list(spans)
    assert {(client, clock) for client, first, last in listed for clock in range(first, last + 1)} == ids
    assert all(not (a[0] == b[0] and b[1] <= a[2] + 1) for a, b in pairwise(listed))


def bomb(pieces: int, length: int) -> bytes:
    """Return an update with values of an attribute that are gone already, a few bytes for each `length` of them."""
    out = [var_uint(1), var_uint(pieces), var_uint(7), var_uint(1)]
    clock = 1
    for _ in range(pieces):
        out.append(b"\xa1" + var_uint(7) + var_uint(clock - 1) + var_uint(length))
        clock += length
    return b"".join(out) + var_uint(0)


@pytest.mark.parametrize("read", [wire.walk, lambda update: Archive(update[:-1] + b"\0")])
def test_a_few_bytes_that_speak_of_millions_of_values_take_little(read):
    update = bomb(200, 9_999)
    assert len(update) < 2_500

    tracemalloc.start()
    read(update)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1 << 20  # one by one: 184 MB


def test_an_update_below_much_that_is_gone_is_refused():
    marks = Landmarks()
    pieces = b"".join(b"\x04\x00" + var_uint(9) + var_uint(clock) + b"\x01a" for clock in range(60))
    update = var_uint(1) + var_uint(60) + var_uint(7) + var_uint(0) + pieces + var_uint(0)
    facts = wire.walk(update)

    with pytest.raises(Malformed, match="gone"):
        marks.check(facts, {9: 100})
