"""Pages on which a workspace pays: the amount, how the payment stands, top-ups by themselves. Absent when off."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing import access, services
from billing.forms import AutoTopUpForm, TopUpForm
from billing.models import TopUp, TopUpState
from workspaces.pages.request import person
from workspaces.people.access import workspace_for
from workspaces.people.models import Role, User, Workspace
from workspaces.shell import live_config, shell_of
from wukong.kernel.errors import Conflict, Invalid, NotFound, Unavailable, WukongError
from wukong.kernel.ids import new_id
from wukong.kernel.money import parse_amount, short_amount
from wukong.templatetags.ui import money

SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StateWords:
    """What the page of one top-up says; `tone` good, busy or bad."""

    title: str
    text: str
    tone: str


def _workspace(request: HttpRequest, slug: str) -> tuple[User, Workspace]:
    """Return who asks and the workspace that they may pay for; raises NotFound where no payments are taken."""
    if not services.takes_payments():
        raise NotFound(_("There is nothing here, or it is not for you."))
    user = person(request)
    return user, workspace_for(user, slug, Role.ADMIN)


@login_required
@require_http_methods(["GET", "POST"])
def top_up(request: HttpRequest, slug: str) -> HttpResponse:
    """Choose an amount; POST goes on to the provider's page."""
    user, workspace = _workspace(request, slug)
    form = _form(workspace, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            topup = services.begin_top_up(
                workspace_id=workspace.pk,
                amount_nano=given["amount"],
                # who goes back in the browser finds the form with its old key, and may choose anew
                key=f"{given['key']}:{given['amount']}:{int(given['remembers'])}",
                actor=f"person:{user.pk}",
                saves_method=given["remembers"],
            )
        except (Invalid, Conflict, Unavailable) as error:
            form.add_error(None, error.message)
        else:
            return redirect(f"{_address(topup)}?leave=1")
    return _page(request, user, workspace, form, None)


@login_required
@require_POST
def auto_top_up(request: HttpRequest, slug: str) -> HttpResponse:
    """Switch automatic top-ups on (with what the form says) or off, or forget the payment method."""
    user, workspace = _workspace(request, slug)
    do = request.POST.get("do", "on")
    if do == "forget":
        services.forget_payment_method(workspace_id=workspace.pk)
        messages.success(request, _("The payment method is forgotten."))
        return redirect("billing:top-up", slug)
    if do == "off":
        services.set_auto_top_up(workspace_id=workspace.pk, is_on=False, actor=f"person:{user.pk}")
        messages.success(request, _("The workspace no longer tops up by itself."))
        return redirect("billing:top-up", slug)
    form = AutoTopUpForm(request.POST, currency=workspace.currency)
    if form.is_valid():
        try:
            services.set_auto_top_up(
                workspace_id=workspace.pk,
                is_on=True,
                below_nano=form.cleaned_data["below"],
                amount_nano=form.cleaned_data["amount"],
                daily_most_nano=form.cleaned_data["daily_most"],
                actor=f"person:{user.pk}",
            )
        except WukongError as error:
            field = next(iter(error.details), None)
            form.add_error(field if field in form.fields else None, error.message)
        else:
            messages.success(request, _("The workspace now tops up by itself."))
            return redirect("billing:top-up", slug)
    return _page(request, user, workspace, None, form)


@login_required
@require_GET
def state(request: HttpRequest, slug: str, topup_id: UUID) -> HttpResponse:
    """How a top-up stands: asked from the provider, whatever brought the browser here. `?cancelled`: somebody left."""
    user, workspace = _workspace(request, slug)
    topup = access.topup_for(user, topup_id, Role.ADMIN)
    if topup.workspace_id != workspace.pk:
        raise NotFound(_("There is no such top-up, or it is not for you."))
    is_late = False
    try:
        topup = services.cancel_top_up(topup) if "cancelled" in request.GET else services.look_at_top_up(topup)
    except Unavailable:
        is_late = True  # what is known is shown, and the page asks again
        topup = access.topup_for(user, topup_id, Role.ADMIN)
    context = {
        "shell": shell_of(user, workspace, current="usage"),
        "topup": topup,
        "words": _words(topup),
        "is_late": is_late,
        "leaves": bool(request.GET.get("leave")) and topup.state == TopUpState.OPEN and bool(topup.url),
        "run_config": live_config(workspace),
    }
    return render(request, "billing/top_up_state.html", context)


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """What the payment provider calls. 200: dealt with; 400: not signed by it; 503: it has to come again."""
    if not services.takes_payments():
        raise NotFound(_("There is nothing here, or it is not for you."))
    try:
        services.receive_payment_event(request.body, request.headers.get("Stripe-Signature", ""))
    except (Invalid, Unavailable) as error:
        return HttpResponse(error.message, status=error.status, content_type="text/plain")
    return HttpResponse(status=200)


def _page(
    request: HttpRequest, user: User, workspace: Workspace, form: TopUpForm | None, auto_form: AutoTopUpForm | None
) -> HttpResponse:
    auto = services.auto_top_up_of(workspace)
    least = parse_amount(_offered(workspace)[0][0])
    if auto_form is None:
        initial = {
            "below": short_amount(auto.below_nano if auto.amount_nano else least // 2),
            "amount": short_amount(auto.amount_nano or least),
            "daily_most": short_amount(auto.daily_most_nano or 2 * least),
        }
        auto_form = AutoTopUpForm(currency=workspace.currency, initial=initial)
    context = {
        "shell": shell_of(user, workspace, current="usage"),
        "form": form or _form(workspace),
        "auto": auto,
        "auto_form": auto_form,
        "balance": services.balance_of(workspace.pk),
        "topups": access.topups_of(user).filter(workspace=workspace).order_by("-id")[:SHOWN],
        "run_config": live_config(workspace),
    }
    return render(request, "billing/top_up.html", context)


def _form(workspace: Workspace, data: Any = None) -> TopUpForm:
    offered = _offered(workspace)
    initial = {"key": str(new_id()), "choice": offered[0][0]}
    return TopUpForm(data, offered=offered, currency=_range(workspace), initial=initial)


def _offered(workspace: Workspace) -> list[tuple[str, str]]:
    """Return the amounts to choose from, those only that may be paid."""
    least, most = parse_amount(settings.WUKONG_TOP_UP_MIN), parse_amount(settings.WUKONG_TOP_UP_MAX)
    amounts = [parse_amount(text) for text in settings.WUKONG_TOP_UP_CHOICES]
    fitting = [nano for nano in amounts if least <= nano <= most] or [least]
    return [(short_amount(nano), money(nano, workspace.currency)) for nano in fitting]


def _range(workspace: Workspace) -> str:
    words = {
        "least": short_amount(parse_amount(settings.WUKONG_TOP_UP_MIN)),
        "most": short_amount(parse_amount(settings.WUKONG_TOP_UP_MAX)),
        "currency": workspace.currency,
    }
    return _("%(least)s to %(most)s %(currency)s") % words


def _address(topup: TopUp) -> str:
    return reverse("billing:top-up-state", args=[topup.workspace.slug, topup.pk])


def _words(topup: TopUp) -> StateWords:
    """Return what is true of a top-up."""
    amount = money(topup.amount_nano, topup.currency)
    title, text, tone = {
        TopUpState.OPEN: (
            _("Not paid yet"),
            _("%s will be in the balance as soon as it is paid."),
            "busy",
        ),
        TopUpState.PROCESSING: (
            _("The bank is working on it"),
            _("%s will be in the balance when your bank has confirmed the payment. That can take days."),
            "busy",
        ),
        TopUpState.PAID: (_("Paid, being booked"), _("%s has been paid and is on its way into the balance."), "busy"),
        TopUpState.BOOKED: (_("Booked"), _("%s has been paid and is in the balance."), "good"),
        TopUpState.CANCELLED: (
            _("Cancelled"),
            _("Nothing was paid, and the balance is as it was: %s were not added."),
            "bad",
        ),
        TopUpState.FAILED: (_("Not paid"), _("The payment of %s failed. Nothing was added to the balance."), "bad"),
    }[TopUpState(topup.state)]
    return StateWords(title=title, text=text % amount, tone=tone)
