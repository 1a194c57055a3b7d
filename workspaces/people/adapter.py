"""Our answers to what django-allauth asks about accounts."""

import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from workspaces.people import access, services
from workspaces.people.forms import INVITATION
from workspaces.people.models import Invitation
from wukong.kernel import bus
from wukong.kernel.http.address import client_address


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up by settings or invitation, links with the site's own address, open sockets told of a sign-out."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.WUKONG_SIGN_UP or _invitation(request) is not None

    def clean_email(self, email: str) -> str:
        invitation = _invitation(self.request)
        if not settings.WUKONG_SIGN_UP and invitation is not None and invitation.email != email.lower():
            raise ValidationError(_("This invitation is for %(email)s.") % {"email": invitation.email})
        return str(super().clean_email(email))

    def logout(self, request: HttpRequest) -> None:
        who, session = request.user, request.session.session_key
        super().logout(request)
        if who.is_authenticated and session:
            # Sockets of this session close; the key itself never travels.
            bus.publish(f"person:{who.pk}", {"signed_out": hashlib.sha256(session.encode()).hexdigest()})

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        super().set_password(user, password)
        services.tell_sockets(user_id=user.pk)

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _dash, rest = key.partition("-")
        return _link("account_reset_password_from_key", uidb36=uid, key=rest)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return _link("account_confirm_email", emailconfirmation.key)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        links = {"site_url": settings.WUKONG_URL, "signup_url": _link("account_signup")}
        super().send_mail(template_prefix, email, {**context, **links})

    def send_password_reset_mail(self, user: AbstractBaseUser, email: str, context: dict[str, Any]) -> None:
        if user.is_active:
            super().send_password_reset_mail(user, email, context)


def _link(name: str, *args: str, **kwargs: str) -> str:
    return settings.WUKONG_URL.rstrip("/") + reverse(name, args=args or None, kwargs=kwargs or None)


def _invitation(request: HttpRequest) -> Invitation | None:
    token = request.session.get(INVITATION) if hasattr(request, "session") else None
    return access.invitation_of(token) if token else None
