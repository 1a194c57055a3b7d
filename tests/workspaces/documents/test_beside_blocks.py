"""What stands beside a block is a block: editors fail at a mark there, and no delta shows it."""

import pytest

from workspaces.documents import wire
from workspaces.documents.landmarks import Landmarks
from workspaces.documents.protocol import Malformed, var_uint

OLD, NEW = 5, 7
PARAGRAPH = b"\x07\x03\x09paragraph"
BOLD = b"\x06\x04bold\x02{}"


def beside(side: int, what: bytes) -> bytes:
    """Return an update with a block beside an old one, and something beside that."""
    block = bytes((side | PARAGRAPH[0],)) + var_uint(OLD) + var_uint(0) + PARAGRAPH[1:]
    piece = bytes((side | what[0],)) + var_uint(NEW) + var_uint(0) + what[1:]
    return var_uint(1) + var_uint(2) + var_uint(NEW) + var_uint(0) + block + piece + var_uint(0)


@pytest.mark.parametrize("side", [128, 64], ids=["behind", "in front"])
@pytest.mark.parametrize("what", [BOLD, b"\x04\x01a"], ids=["a mark", "letters"])
def test_neither_letters_nor_a_mark_stand_beside_a_block_of_the_same_update(side, what):
    facts = wire.walk(beside(side, what))

    with pytest.raises(Malformed, match="beside a new block"):
        Landmarks().check(facts, {OLD: 1})


@pytest.mark.parametrize("side", [128, 64], ids=["behind", "in front"])
def test_a_block_does(side):
    assert Landmarks().check(wire.walk(beside(side, PARAGRAPH)), {OLD: 1}) == set()
