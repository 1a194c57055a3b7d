"""How many examples a heavy property has: a few by default, all that the profile asks for in CI."""

from hypothesis import settings

_DEV = 40  # of the profile "dev" in conftest.py


def few(count: int) -> settings:
    """Return settings with `count` examples for the profile "dev"; a larger profile keeps its own number."""
    most = settings.default.max_examples if settings.default is not None else _DEV
    return settings(max_examples=count if most <= _DEV else most)
