"""Yjs updates byte by byte, for tests of what reads them: one client's structs, and the pieces to make them of."""

from workspaces.documents.protocol import var_bytes, var_uint

U = var_uint


def S(text: str) -> bytes:
    return var_bytes(text.encode())


def update(*items: bytes, client: int = 9, clock: int = 0, deleted: bytes = b"\0") -> bytes:
    """One client's structs."""
    return U(1) + U(len(items)) + U(client) + U(clock) + b"".join(items) + deleted


TOP = U(1) + S("default")


def child_of(client: int, clock: int) -> bytes:
    return U(0) + U(client) + U(clock)


def element(parent: bytes = TOP, tag: str = "paragraph") -> bytes:
    return b"\x07" + parent + U(3) + S(tag)


def text_node(parent: bytes) -> bytes:
    return b"\x07" + parent + U(6)


def words(parent: bytes, text: str = "hi") -> bytes:
    return b"\x04" + parent + S(text)


def attribute(parent: bytes, value: bytes, name: str = "id") -> bytes:
    return b"\x28" + parent + S(name) + U(1) + value


def mark(parent: bytes, value: str, name: str = "bold") -> bytes:
    return b"\x06" + parent + S(name) + S(value)


PARAGRAPH = (element(), text_node(child_of(9, 0)))
IN_TEXT = child_of(9, 1)
STRING = b"\x77" + S("x")
