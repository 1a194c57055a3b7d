"""Alerts by e-mail: each is mailed once, to the owners and admins of its workspace."""

import logging
import math
import smtplib
import time
from functools import partial

from django.conf import settings
from django.core.mail import get_connection, send_mail
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.urls import reverse

from billing.access import managers_of
from billing.budgets import title_of
from billing.models import Alert
from workspaces.documents.models import Project
from workspaces.people.access import NOTHING, as_uuid
from wukong.kernel import committer
from wukong.kernel.clock import now

_log = logging.getLogger("wukong.billing")
AT_ONCE = 50
REST_S = 60.0
"""How long a process leaves a mail server alone that cannot be reached: `tick` has other work to do."""
_rests_until = -math.inf


def mail() -> int:
    """Mail what has not been mailed; two processes do not mail the same. Returns how many alerts that were.

    While the mail server cannot be reached nothing is claimed, so a later call tries again.
    """
    global _rests_until
    found = Alert.objects.filter(mailed_at=None).select_related("window", "workspace").order_by("id")
    if time.monotonic() < _rests_until or not (waiting := list(found[:AT_ONCE])):
        return 0
    try:
        with get_connection() as connection:
            return sum(_mail(alert, connection) for alert in waiting if committer.run(partial(_claim, alert)))
    except (smtplib.SMTPException, OSError) as error:
        _rests_until = time.monotonic() + REST_S
        _log.error("the mail server cannot be reached, %s alerts wait: %s", len(waiting), error)
        return 0


def _claim(alert: Alert) -> bool:
    return Alert.objects.filter(pk=alert.pk, mailed_at=None).update(mailed_at=now()) == 1


def _mail(alert: Alert, connection: BaseEmailBackend) -> int:
    """Send a claimed alert once to each manager; what is refused now is lost, the page and the stream say it, too."""
    workspace = alert.workspace
    names = dict(Project.objects.filter(pk=as_uuid(alert.window.name) or NOTHING).values_list("pk", "name"))
    context = {
        "alert": alert,
        "window": alert.window,
        "scope": title_of(alert.window.level, alert.window.name, {str(pk): name for pk, name in names.items()}),
        "workspace": workspace,
        "link": settings.WUKONG_URL.rstrip("/") + reverse("billing:limits", args=[workspace.slug]),
    }
    subject = " ".join(render_to_string("billing/mail/alert_subject.txt", context).split())
    body = render_to_string("billing/mail/alert.txt", context)
    for address in managers_of(workspace):
        try:
            send_mail(subject, body, None, [address], connection=connection)
        except (smtplib.SMTPException, OSError) as error:
            _log.error("the alert %s could not be mailed: %s", alert.pk, error)
            connection.close()  # the next one is sent over a new connection, whatever is wrong with this one
    return 1
