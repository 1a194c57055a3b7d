"""Alerts by e-mail: each is mailed once, to the owners and admins of its workspace."""

import logging
import smtplib
from functools import partial

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse

from billing.models import Alert
from workspaces.people.models import Membership, Role
from wukong.kernel import committer
from wukong.kernel.clock import now

_log = logging.getLogger("wukong.billing")
AT_ONCE = 50


def mail() -> int:
    """Mail what has not been mailed; two processes do not mail the same."""
    waiting = Alert.objects.filter(mailed_at=None).select_related("window", "workspace").order_by("id")[:AT_ONCE]
    mailed = [alert for alert in waiting if committer.run(partial(_claim, alert))]
    for alert in mailed:
        _mail(alert)
    return len(mailed)


def _claim(alert: Alert) -> bool:
    return Alert.objects.filter(pk=alert.pk, mailed_at=None).update(mailed_at=now()) == 1


def _mail(alert: Alert) -> None:
    workspace = alert.workspace
    managers = Membership.objects.filter(workspace=workspace, role__in=[Role.OWNER, Role.ADMIN]).select_related("user")
    context = {
        "alert": alert,
        "window": alert.window,
        "workspace": workspace,
        "link": settings.WUKONG_URL.rstrip("/") + reverse("billing:limits", args=[workspace.slug]),
    }
    subject = render_to_string("billing/mail/alert_subject.txt", context).strip()
    body = render_to_string("billing/mail/alert.txt", context)
    for manager in managers:
        try:
            send_mail(subject, body, None, [manager.user.email])
        except (smtplib.SMTPException, OSError) as error:
            _log.error("the alert %s could not be mailed: %s", alert.pk, error)  # the page and the stream say it, too
