"""What nobody waits for any more: top-ups and returns that stand between two steps, automatic top-ups, and money that
went back at the provider without a word to us.

`tick` calls it, in any process. It talks with the provider, so it keeps its turns short, and rests when nobody answers.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from django.db.models import F, Model, Q
from django.utils.translation import gettext as _

from billing.models import ReturnKind, ReturnState, TopUp, TopUpReturn, TopUpState
from billing.payments import auto, gateway, returns, told, topups
from wukong.kernel import committer
from wukong.kernel.clock import now
from wukong.kernel.errors import NotFound, Unavailable, WukongError

EVERY_S = 5.0
REST_S = 60.0
AT_ONCE = 5
LOOK_BACK_AT_ONCE = 3
RETURN_AGAIN_AFTER = timedelta(seconds=30)
PAGES_LIVE = timedelta(hours=25)
"""A page on which nobody has paid ends after 24 hours."""
_log = logging.getLogger("wukong.billing")
_next_at = -math.inf


def care() -> int:
    """Go on with what has stopped, and top up by itself what is low; returns how many rows were looked at."""
    global _next_at
    if not gateway.is_on() or time.monotonic() < _next_at:
        return 0
    _next_at = time.monotonic() + EVERY_S
    looked = 0
    try:
        for step in _steps():
            _try(step)
            looked += 1
        auto.run()
    except Unavailable as error:
        _next_at = time.monotonic() + REST_S
        _log.warning("payments rest for a minute: %s", error.message)
    told.mail()
    return looked


def _steps() -> Iterator[Callable[[], object]]:
    at = now()
    for topup in list(TopUp.objects.due(at).select_related("workspace")[:AT_ONCE]):
        if _claim(topup):
            yield partial(_look_after, topup)
    stale = Q(looked_at=None) | Q(looked_at__lt=at - RETURN_AGAIN_AFTER)
    found = TopUpReturn.objects.unfinished().filter(stale, created_at__lt=at - RETURN_AGAIN_AFTER)
    for row in list(found.select_related("topup").order_by(F("looked_at").asc(nulls_first=True), "id")[:AT_ONCE]):
        if _claim(row):
            yield partial(returns.carry_out, row)
    for topup in list(TopUp.objects.to_look_back_at(at).select_related("workspace")[:LOOK_BACK_AT_ONCE]):
        if _claim(topup):
            yield partial(_look_back, topup)


def _claim(row: TopUp | TopUpReturn) -> bool:
    """Let one process at a time look after a row."""
    model: type[Model] = type(row)
    return committer.run(
        lambda: model._default_manager.filter(pk=row.pk, looked_at=row.looked_at).update(looked_at=now()) == 1
    )


def _try(step: Callable[[], object]) -> None:
    try:
        step()
    except Unavailable:
        raise
    except WukongError as error:  # this one does not go on; the others do
        _log.error("payments: %s: %s", step, error.message)


def _look_after(topup: TopUp) -> None:
    try:
        _go_on(topup)
    except NotFound as error:  # of another account, or deleted there: nothing will be heard of it any more
        if topup.created_at > now() - PAGES_LIVE:
            raise
        topups.give_up(topup, error.message)


def _go_on(topup: TopUp) -> None:
    if topup.is_auto:
        auto.go_on(topup)
    elif not topup.session and topup.state == TopUpState.OPEN and topup.created_at < now() - PAGES_LIVE:
        topups.give_up(topup, _("It was never paid."))
    else:
        topups.look(topup)


def _look_back(topup: TopUp) -> None:
    """Make up for webhooks that never came: of refunds and disputes at the provider, and of refunds that have failed.

    It does what they do. The newest refunds of ours are enough, one that fails does so within weeks.
    """
    try:
        done = topup.returns.filter(kind=ReturnKind.REFUND, state=ReturnState.DONE)
        for row in done.select_related("topup").order_by("-id")[:AT_ONCE]:
            returns.check_refund(row)
        returns.reconcile(topup)
    except NotFound:  # of another account: nothing is heard of it in ours
        _log.info("top-up %s: the provider does not know payment %s", topup.pk, topup.payment_intent)
