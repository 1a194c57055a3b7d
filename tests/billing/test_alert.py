"""Alerts: told in the stream and by e-mail, to owners and admins, once each, also by two ticks at a time."""

import smtplib
import threading

import pytest
from django.core import mail

from billing import alerts, ledger, ops, services
from billing.contracts import Usage
from billing.models import Alert
from tests.billing.conftest import hold_op
from workspaces.events.models import Event
from wukong.kernel import committer
from wukong.kernel.errors import InsufficientFunds

USAGE = Usage(input_tokens=1000, output_tokens=100)
PRICE = 2_800_000  # what `hold_op` holds and USAGE costs


@pytest.fixture(autouse=True)
def _mail_server_was_not_away(monkeypatch):
    monkeypatch.setattr(alerts, "_rests_until", 0.0)


def limit(workspace, level="workspace", name="", *, nano=10 * PRICE, is_hard=True):
    services.set_budget(
        workspace_id=workspace.pk, level=level, name=name, period="month", limit_nano=nano, is_hard=is_hard, actor="x"
    )


def spend(workspace, times=1, **more):
    for _call in range(times):
        op = hold_op(workspace.pk, **more)
        ledger.post(op)
        ledger.post(ops.Capture(call=op.call, usage=USAGE))


def reached(workspace):
    return list(Event.objects.filter(workspace=workspace, type="budget.reached").order_by("seq"))


# --- the stream -----------------------------------------------------------------------------------------------------
def test_the_stream_says_once_what_was_reached_right_after_the_balance(workspace):
    limit(workspace)
    spend(workspace, 10)

    found = reached(workspace)
    assert [event.payload["threshold"] for event in found] == [50, 80, 100]
    assert found[0].payload == {
        "level": "workspace",
        "name": "",
        "threshold": 50,
        "is_hard": True,
        "spent": {"amount": "0.014000000", "currency": "USD"},
        "limit": {"amount": "0.028000000", "currency": "USD"},
    }
    assert (found[0].actor, found[0].run) == ("system", None)
    before = Event.objects.get(workspace=workspace, seq=found[0].seq - 1)
    assert before.type == "balance.moved"


def test_a_limit_set_below_what_is_spent_is_told_as_it_was_set_and_refuses_on(api, ada, client, workspace):
    """The counter lets through what was spent and held before; people are told what they have set, not that."""
    limit(workspace)
    held = hold_op(workspace.pk)
    ledger.post(held)
    spend(workspace, 3)  # 30 %

    limit(workspace, nano=PRICE)

    (event,) = reached(workspace)
    assert {name: event.payload[name]["amount"] for name in ("spent", "limit")} == {
        "spent": "0.008400000",
        "limit": "0.002800000",
    }
    (row,) = api(ada).get("/api/v1/billing/budgets/").json()["results"]
    assert (row["limit"]["amount"], row["spent"]["amount"], row["is_exceeded"]) == ("0.002800000", "0.008400000", True)
    assert services.mail_alerts() == 1
    assert mail.outbox[0].subject == "Northwind: a limit is exceeded"
    assert "$ 0.0084 of $ 0.0028" in " ".join(mail.outbox[0].body.split())
    assert "The limit is exceeded." in mail.outbox[0].body
    client.force_login(ada)
    page = client.get("/w/northwind/limits/").content.decode()
    assert "0.0084 of" in page
    assert "Exceeded" in page
    assert "The whole workspace: the limit is exceeded." in page

    with pytest.raises(InsufficientFunds):
        spend(workspace)
    with pytest.raises(InsufficientFunds):
        services.extend(call=held.call, max_tokens=200, written_tokens=0)
    ledger.post(ops.Capture(call=held.call, usage=USAGE))
    with pytest.raises(InsufficientFunds):
        spend(workspace)
    assert len(reached(workspace)) == 1
    assert services.books().difference_nano == 0


def test_thresholds_are_those_of_the_limit_that_was_set_not_of_what_was_held(workspace):
    limit(workspace)
    calls = [hold_op(workspace.pk) for _ in range(4)]
    ledger.apply(calls)

    limit(workspace, nano=2 * PRICE)  # while twice that is held
    for op in calls:
        ledger.post(ops.Capture(call=op.call, usage=USAGE))

    assert [(one.payload["threshold"], one.payload["limit"]["amount"]) for one in reached(workspace)] == [
        (50, "0.005600000"),
        (80, "0.005600000"),
        (100, "0.005600000"),
    ]


def test_the_stream_names_each_scope_and_no_other_workspace_hears_of_it(workspace, ada):
    from workspaces.people.services import create_workspace

    other = create_workspace(name="Another", owner=ada)
    limit(workspace, "agent", "Writer", nano=PRICE * 2)
    limit(workspace, "swarm", "campaign", nano=PRICE * 2, is_hard=False)
    limit(other, nano=10**12)
    spend(workspace, swarm="campaign")
    spend(other)

    assert [(one.payload["level"], one.payload["name"], one.payload["is_hard"]) for one in reached(workspace)] == [
        ("agent", "Writer", True),
        ("swarm", "campaign", False),
    ]
    assert reached(other) == []


def test_a_limit_raised_between_two_charges_of_one_batch_tells_once(workspace):
    limit(workspace, nano=2 * PRICE)
    first, second = hold_op(workspace.pk), hold_op(workspace.pk)
    ledger.apply([first, second])
    raised = ops.SetBudget(
        workspace_id=workspace.pk,
        level="workspace",
        name="",
        period="month",
        limit_nano=4 * PRICE,
        is_hard=True,
        actor="x",
    )

    answers = ledger.apply(
        [ops.Capture(call=first.call, usage=USAGE), raised, ops.Capture(call=second.call, usage=USAGE)]
    )

    assert [answers[0].amount_nano, answers[2].amount_nano] == [PRICE, PRICE]
    assert [one.threshold for one in Alert.objects.all()] == [50]
    assert len(reached(workspace)) == 1


# --- e-mail ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def house(workspace, bob, rita):
    """Northwind with Ada who owns it, Max the admin, Bob and Rita who only work there."""
    from workspaces.people.models import Role
    from workspaces.people.services import add_member, create_user

    admin = create_user(email="max@example.com", password="a long enough password", name="Max")
    add_member(workspace=workspace, user=admin, role=Role.ADMIN, actor=None)
    return workspace


def test_owners_and_admins_have_one_mail_for_each_threshold(house, eve):
    limit(house)
    for _call in range(10):
        spend(house)
        services.mail_alerts()

    sent = [(letter.to, letter.subject) for letter in mail.outbox]
    assert len(sent) == 6
    for percent in (50, 80, 100):
        subject = f"Northwind: {percent} % of a limit are used"
        assert {to for [to], said in sent if said == subject} == {"ada@example.com", "max@example.com"}
    assert not Alert.objects.filter(mailed_at=None).exists()


def test_the_mail_says_whose_limit_how_much_and_where_to_change_it(house, project, settings):
    settings.WUKONG_URL = "https://wukong.example/"
    house.name = "Tea & Sons"
    house.save()
    limit(house, "agent", "Writer", nano=PRICE)
    limit(house, "project", str(project.pk), nano=10 * PRICE - 1)
    spend(house, project=project.pk)
    spend(house, 4, project=project.pk, agent="Editor")
    services.mail_alerts()

    bodies = {letter.body for letter in mail.outbox}
    assert {letter.subject for letter in mail.outbox} == {
        f"Tea & Sons: {percent} % of a limit are used" for percent in (50, 80, 100)
    }
    assert any("Agent “Writer”" in body and "Spent so far: $ 0.0028 of $ 0.0028" in body for body in bodies)
    title = f"Project “{project.name}”"
    assert any(title in body and "Spent so far: $ 0.014 of $ 0.027999999" in body for body in bodies)
    assert all("https://wukong.example/w/northwind/limits/" in body for body in bodies)
    stops = [body for body in bodies if "New calls are refused until the limit is raised" in body]
    assert len(stops) == 1
    assert "Agent" in stops[0]


def test_who_was_locked_out_is_told_nothing(house):
    from workspaces.people.models import User

    User.objects.filter(email="max@example.com").update(is_active=False)
    limit(house, nano=PRICE)
    spend(house)
    services.mail_alerts()

    assert {to for letter in mail.outbox for to in letter.to} == {"ada@example.com"}


def test_a_soft_limit_threatens_with_nothing(house):
    limit(house, nano=PRICE, is_hard=False)
    spend(house)
    services.mail_alerts()

    assert len(mail.outbox) == 6
    assert [letter.body for letter in mail.outbox if "refused" in letter.body] == []


def test_what_was_mailed_is_not_mailed_again(house):
    limit(house, nano=PRICE)
    spend(house)

    assert [services.mail_alerts(), services.mail_alerts()] == [3, 0]
    assert len(mail.outbox) == 6


def test_nothing_to_tell_opens_no_connection(house, monkeypatch):
    monkeypatch.setattr(alerts, "get_connection", pytest.fail)

    assert services.mail_alerts() == 0


def test_two_ticks_that_found_the_same_alerts_mail_each_once(house, monkeypatch):
    """The other process claims between our look and our claim."""
    limit(house, nano=PRICE)
    spend(house)
    claim, others = alerts._claim, []

    def slower(alert):
        if not others:
            others.append(None)
            others.append(alerts.mail())
        return claim(alert)

    monkeypatch.setattr(alerts, "_claim", slower)

    assert services.mail_alerts() + others[1] == 3
    assert len(mail.outbox) == 6


@pytest.mark.django_db(transaction=True)
def test_two_ticks_at_a_time_mail_each_alert_once(house):
    limit(house, nano=PRICE)
    spend(house)
    start, counts = threading.Barrier(2), []

    def tick():
        from django.db import connection

        start.wait()
        counts.append(services.mail_alerts())
        connection.close()

    threads = [threading.Thread(target=tick) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) == 3
    assert len(mail.outbox) == 6


# --- when the mail server fails -------------------------------------------------------------------------------------
def test_while_the_mail_server_is_away_alerts_wait_and_nobody_is_held_up(house, settings, monkeypatch, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
    limit(house, nano=PRICE)
    spend(house)

    assert services.mail_alerts() == 0
    assert "cannot be reached, 3 alerts wait" in caplog.text
    assert Alert.objects.filter(mailed_at=None).count() == 3

    monkeypatch.setattr(alerts, "get_connection", pytest.fail)
    assert services.mail_alerts() == 0  # it rests, so a tick is not held up again and again

    monkeypatch.undo()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    monkeypatch.setattr(alerts, "_rests_until", 0.0)
    assert services.mail_alerts() == 3
    assert len(mail.outbox) == 6


@pytest.mark.parametrize(
    "error", [smtplib.SMTPRecipientsRefused({}), smtplib.SMTPServerDisconnected("gone")], ids=["refused", "gone"]
)
def test_one_address_that_fails_does_not_keep_the_others_from_their_mail(house, monkeypatch, caplog, error):
    limit(house, nano=2 * PRICE)
    spend(house)
    send = alerts.send_mail

    def broken(subject, body, sender, to, **more):
        if to == ["ada@example.com"]:
            raise error
        return send(subject, body, sender, to, **more)

    monkeypatch.setattr(alerts, "send_mail", broken)

    assert services.mail_alerts() == 1
    assert services.mail_alerts() == 0
    assert [letter.to for letter in mail.outbox] == [["max@example.com"]]
    assert "could not be mailed" in caplog.text


def test_the_stroke_of_the_clock_mails_and_goes_on_when_that_fails(house, monkeypatch):
    from agents.engine.tick import tick

    limit(house, nano=2 * PRICE)
    spend(house)
    assert committer.mode == "inline"
    monkeypatch.setattr(alerts, "render_to_string", lambda *_given: 1 / 0)
    tick()
    monkeypatch.undo()
    spend(house)
    tick()

    assert {letter.subject for letter in mail.outbox} == {
        f"Northwind: {percent} % of a limit are used" for percent in (80, 100)
    }
