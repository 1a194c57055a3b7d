"""Automatic top-ups that fail are told: in the workspace's stream at once, by e-mail once, and after three in a row
they are switched off, until somebody switches them on again. A disputed payment switches them off at once.
"""

import logging
import smtplib
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse

from billing.access import managers_of
from billing.models import AutoTopUp, TopUp, TopUpState
from workspaces.events import services as events
from wukong.kernel import committer
from wukong.kernel.clock import now
from wukong.kernel.money import money_json

FAILURES_UNTIL_OFF = 3
TRY_AGAIN_AFTER = timedelta(hours=1)
AT_ONCE = 20
_log = logging.getLogger("wukong.billing")


def failed(topup: TopUp) -> None:
    """Count a failure of an automatic top-up and say it. Within the transaction in which it was noted."""
    if not topup.is_auto:
        return
    auto = AutoTopUp.objects.select_for_update().get(pk=topup.workspace_id)
    auto.failures += 1
    auto.not_before = now() + TRY_AGAIN_AFTER
    auto.is_on = auto.is_on and auto.failures < FAILURES_UNTIL_OFF
    auto.save(update_fields=["failures", "not_before", "is_on"])
    _say(topup, topup.failure, is_on=auto.is_on)


def disputed(topup: TopUp, reason: str) -> bool:
    """Switch automatic top-ups off when a payment is disputed, and say it; returns whether they were on.

    Within the transaction in which the dispute was noted: more payments would be disputed, too, at our cost.
    """
    auto = AutoTopUp.objects.select_for_update().filter(pk=topup.workspace_id, is_on=True).first()
    if auto is None:
        return False
    auto.is_on, auto.actor = False, "system"
    auto.save(update_fields=["is_on", "actor"])
    _say(topup, reason, is_on=False)
    return True


def _say(topup: TopUp, reason: str, *, is_on: bool) -> None:
    events.record(
        workspace_id=topup.workspace_id,
        type="topup.failed",
        actor="system",
        data={
            "topup": str(topup.pk),
            "amount": money_json(topup.amount_nano, topup.currency),
            "reason": reason,
            "is_on": is_on,
        },
    )


def mail_disputed(topup: TopUp, reason: str) -> None:
    """Mail to owners and admins that a dispute has switched automatic top-ups off; the stream has said it already."""
    _mail(topup, reason)


def mail() -> int:
    """Mail to owners and admins which automatic top-ups have failed; two processes do not mail the same."""
    waiting = TopUp.objects.filter(is_auto=True, state=TopUpState.FAILED, mailed_at=None).select_related("workspace")
    claimed = [topup for topup in waiting.order_by("id")[:AT_ONCE] if committer.run(partial(_claim, topup))]
    for topup in claimed:
        _mail(topup, topup.failure)
    return len(claimed)


def _claim(topup: TopUp) -> bool:
    return TopUp.objects.filter(pk=topup.pk, mailed_at=None).update(mailed_at=now()) == 1


def _mail(topup: TopUp, reason: str) -> None:
    workspace = topup.workspace
    auto = AutoTopUp.objects.filter(pk=workspace.pk).first()
    context = {
        "topup": topup,
        "reason": reason,
        "is_disputed": topup.state == TopUpState.BOOKED,
        "workspace": workspace,
        "is_on": auto is not None and auto.is_on,
        "link": settings.WUKONG_URL.rstrip("/") + reverse("billing:top-up", args=[workspace.slug]),
    }
    subject = " ".join(render_to_string("billing/mail/topup_failed_subject.txt", context).split())
    body = render_to_string("billing/mail/topup_failed.txt", context)
    for address in managers_of(workspace):
        try:
            send_mail(subject, body, None, [address])
        except (smtplib.SMTPException, OSError) as error:
            _log.error("the failure of top-up %s could not be mailed: %s", topup.pk, error)  # page and stream say it
