"""A Redis that is away is an empty cache: counters start anew, nobody gets an error."""

import logging

import pytest

from wukong.kernel.cache import Cache


@pytest.fixture
def away(caplog) -> Cache:
    """A cache at an address where nothing listens."""
    caplog.set_level(logging.CRITICAL)
    return Cache("redis://127.0.0.1:1/0", {"OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1}})


def test_what_is_asked_of_a_cache_that_is_away_is_not_there(away):
    away.set("name", "value", 60)
    away.set_many({"name": "value"}, 60)
    away.delete_many(["name"])

    assert away.get("name") is None
    assert away.get("name", "otherwise") == "otherwise"
    assert away.get_many(["name"]) == {}
    assert "name" not in away
    assert away.add("name", 0, 60) is True
    assert away.delete("name") is False
    assert away.touch("name", 60) is False
    with pytest.raises(ValueError, match="not found"):
        away.incr("name")
