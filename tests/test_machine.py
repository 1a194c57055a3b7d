"""What a test does on a machine that lacks a part."""

from unittest import mock

import pytest

from tests import machine
from tests.browser import looks


@pytest.mark.parametrize(("required", "outcome"), [(set(), pytest.skip), ({"browser"}, pytest.fail)])
def test_looking_at_a_page_without_axe_says_how_to_have_it(required, outcome, monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "AXE", tmp_path / "axe.min.js")
    monkeypatch.setattr(machine, "REQUIRED", required)

    with pytest.raises(outcome.Exception, match="npm ci in frontend/"):
        looks.violations(mock.Mock())
