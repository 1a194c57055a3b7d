"""The page on which a run's cost falls apart into its sentences."""

import re

import pytest

from billing import services as billing
from wukong.kernel.money import parse_amount, short_amount

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def done(crew, deploy):
    run = deploy()
    crew.finish(run)
    run.refresh_from_db()
    return run


@pytest.mark.slow
def test_sentences_rejected_and_overhead_are_the_run_on_the_page(at, done, rita, eve):
    path = f"/runs/{done.pk}/bill/"
    html = at(rita).get(path).content.decode()

    sums = {name: parse_amount(text) for name, text in re.findall(r'data-sum="(\w+)">(?:<b>)?([\d.]+)', html)}
    costs = [parse_amount(text) for text in re.findall(r"data-cost>([\d.]+)", html)]
    cost = billing.run_figures(done.pk).cost_nano
    assert sum(costs) == sums["sentences"] > 0
    assert sums["sentences"] + sums["rejected"] + sums["overhead"] == sums["sum"] == cost
    assert f"The ledger says USD {short_amount(cost)}: difference 0." in html
    assert f'href="{path}"' in at(rita).get(f"/runs/{done.pk}/").content.decode()
    assert at(eve).get(path).status_code == 404
    assert at().get(path).status_code == 302
