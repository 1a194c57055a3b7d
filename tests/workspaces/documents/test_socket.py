"""The documents socket: who comes in, as whom, what is refused, and how rights end while it is open."""

import pytest

from tests.sockets import Refused, in_database, until
from workspaces.documents import crdt, log, protocol
from workspaces.documents.rooms import hub
from workspaces.documents.services import archive_document, restore_document
from workspaces.people.access import membership_in
from workspaces.people.models import Role
from workspaces.people.services import change_role, create_key, remove_member, revoke_key, set_active
from workspaces.sockets.connection import Connection
from workspaces.sockets.rates import Rate


@pytest.fixture
def key_of(transactional_db, workspace):
    """Return a function that makes an API key of somebody."""
    return lambda person, *scopes: create_key(workspace=workspace, user=person, scopes=list(scopes) or None)


async def refused(client) -> int:
    with pytest.raises(Refused) as caught:
        await client.open()
    return caught.value.status


# --- the handshake ---------------------------------------------------------------------------------------------------
async def test_nobody_and_strangers_are_refused_before_accept(sockets):
    assert await refused(sockets(None)) == 401
    assert await refused(sockets("Eve")) == 404
    assert await refused(sockets("Ada", path="/ws/documents/019ac000-0000-7000-8000-000000000000")) == 404
    assert await refused(sockets("Ada", path="/ws/documents/nonsense/")) == 404
    assert await refused(sockets("Ada", path="/ws/elsewhere")) == 404


@pytest.mark.parametrize(
    "origin", [None, "", "null", "http://evil.example", "http://testserver.evil.example", "http://testserver:81"]
)
async def test_a_session_needs_the_origin_of_the_site(sockets, origin):
    assert await refused(sockets("Ada", origin=origin)) == 403


@pytest.mark.parametrize("origin", ["http://testserver", "http://localhost", "http://127.0.0.1:8000"])
async def test_the_site_may_have_several_names(sockets, settings, origin):
    settings.WUKONG_URL = "http://127.0.0.1:8000"
    settings.ALLOWED_HOSTS = ["testserver", "localhost"]

    await sockets("Ada", origin=origin).open()


async def test_a_path_with_a_slash_at_the_end_is_the_same(sockets, document):
    await (await sockets("Ada", path=f"/ws/documents/{document.pk}/").open()).sync()


async def test_a_server_that_cannot_answer_refuses_by_closing(sockets, monkeypatch):
    monkeypatch.setattr("wukong.asgi.IS_DAPHNE", False)
    client = sockets("Eve")
    client.scope["extensions"] = {}
    seen = []

    async def receive(message):
        seen.append(message)
        client.status = 403

    client._receive = receive
    with pytest.raises(Refused):
        await client.open()
    assert seen == [{"type": "websocket.close"}]


async def test_hello_says_what_our_browser_needs(sockets, document, bob):
    client = await sockets("Bob").open()

    hello = await client.hello()

    assert client.subprotocol == "wukong.v1"
    assert hello == {
        "type": "hello",
        "client_id": hello["client_id"],
        "role": "editor",
        "user": str(bob.pk),
        "schema": 1,
        "generation": 1,
        "seq": 1,
        "limits": {"bytes": 256 * 1024, "presence_bytes": 2048, "document_bytes": 16 << 20, "blocks": 5000},
    }
    owners = await in_database(lambda: log.owners(document.pk))
    assert hello["client_id"] in owners


async def test_a_browser_with_an_old_schema_is_sent_away(sockets):
    """suitenumerique/docs, convertHandler.ts: what an old schema does not know loses its words."""
    client = await sockets("Ada", query="schema=0").open()

    assert await client.until_closed() == 4426


# --- keys ------------------------------------------------------------------------------------------------------------
async def test_a_key_opens_by_header_and_by_subprotocol_and_is_not_echoed(sockets, ada, key_of):
    _key, secret = await in_database(lambda: key_of(ada))

    by_header = await sockets(None, bearer=secret, origin=None, protocols=()).open()
    by_protocol = await sockets(None, origin=None, protocols=(f"wukong.bearer.{secret}", "wukong.sync")).open()
    ours = await sockets(None, origin="http://evil.example", protocols=("wukong.v1", f"wukong.bearer.{secret}")).open()

    assert [client.subprotocol for client in (by_header, by_protocol, ours)] == [None, "wukong.sync", "wukong.v1"]


async def test_a_wrong_key_is_final(sockets, ada, key_of):
    _key, secret = await in_database(lambda: key_of(ada))

    assert await refused(sockets("Ada", bearer="wk_" + "x" * 40)) == 401
    assert await refused(sockets(None, bearer=secret[:-1])) == 401


async def test_scopes_of_a_key_decide(sockets, ada, document, key_of):
    _key, billing = await in_database(lambda: key_of(ada, "billing:read"))
    _key, reading = await in_database(lambda: key_of(ada, "documents:read"))

    assert await refused(sockets(None, bearer=billing)) == 403
    reader = await sockets(None, bearer=reading).open()
    await reader.sync()
    reader.update(reader.type("x"))

    assert (await reader.hello())["role"] == "viewer"
    await until(lambda: reader.rejected)
    assert await in_database(document.updates.count) == 1


async def test_a_revoked_key_closes_its_socket_and_no_other(sockets, ada, key_of):
    key, secret = await in_database(lambda: key_of(ada))
    by_key = await sockets(None, bearer=secret).open()
    by_session = await sockets.at("Ada")

    await in_database(lambda: revoke_key(key=key))

    assert await by_key.until_closed() == 4401
    await by_session.sync()


# --- rights that change ----------------------------------------------------------------------------------------------
async def test_who_may_only_read_is_told_so(sockets, document):
    rita, ada = await sockets.at("Rita"), await sockets.at("Ada")

    rita.update(rita.type("graffiti"))
    await until(lambda: rita.rejected)

    assert rita.rejected[0]["n"] == 1
    assert rita.rejected[0]["code"] == "forbidden"
    assert await in_database(document.updates.count) == 1
    ada.update(ada.type("fine"))
    await until(lambda: "fine" in rita.text)


async def test_a_reading_stock_client_that_only_answers_is_no_writer(sockets):
    rita = await sockets("Rita", protocols=()).open()
    await rita.sync()

    rita.send(protocol.sync_message(protocol.STEP2, rita.doc.get_update(rita.doc.get_state())))
    await rita.sync()

    assert rita.code is None


async def test_a_role_that_changes_is_told_and_holds_at_once(sockets, workspace, bob, document):
    at_bob = await sockets.at("Bob")
    membership = await in_database(lambda: membership_in(bob, workspace))

    await in_database(lambda: change_role(membership=membership, role=Role.VIEWER, actor=None))
    await until(lambda: {"type": "role", "role": "viewer"} in at_bob.controls)
    at_bob.update(at_bob.type("too late"))
    await until(lambda: at_bob.rejected)
    assert await in_database(document.updates.count) == 1

    await in_database(lambda: change_role(membership=membership, role=Role.EDITOR, actor=None))
    asked = len(at_bob.step1)
    await until(lambda: {"type": "role", "role": "editor"} in at_bob.controls and len(at_bob.step1) > asked - 1)
    at_bob.update(at_bob.doc.get_update())
    await until(lambda: at_bob.acked == 2)
    assert await in_database(document.updates.count) == 2


async def test_who_is_removed_is_out(sockets, workspace, bob):
    at_bob, at_ada = await sockets.at("Bob"), await sockets.at("Ada")

    membership = await in_database(lambda: membership_in(bob, workspace))
    await in_database(lambda: remove_member(membership=membership, actor=None))

    assert await at_bob.until_closed() == 4403
    assert await refused(sockets("Bob")) == 404
    await at_ada.sync()


async def test_a_closed_account_is_out(sockets, bob):
    at_bob = await sockets.at("Bob")

    await in_database(lambda: set_active(user=bob, is_active=False))

    assert await at_bob.until_closed() == 4401


async def test_signing_out_closes_the_sockets_of_that_session_alone(sockets, sessions, ada):
    from django.test import Client as Browser

    from tests.workspaces.conftest import session_of

    here = await sockets.at("Ada")
    elsewhere = sockets("Ada")
    elsewhere.scope["headers"][1] = (b"cookie", f"sessionid={await in_database(lambda: session_of(ada))}".encode())
    await elsewhere.open()

    def sign_out():
        browser = Browser()
        browser.cookies["sessionid"] = sessions["Ada"]
        assert browser.post("/accounts/logout/").status_code == 302

    await in_database(sign_out)

    assert await here.until_closed() == 4401
    await elsewhere.sync()


async def test_a_lost_hint_lets_nobody_stay_for_ever(sockets, workspace, bob, monkeypatch):
    monkeypatch.setattr("workspaces.sockets.connection.RIGHTS_LAST_S", 0.05)
    monkeypatch.setattr("workspaces.people.services._tell", lambda *_args: None)
    at_bob = await sockets.at("Bob")

    membership = await in_database(lambda: membership_in(bob, workspace))
    await in_database(lambda: remove_member(membership=membership, actor=None))

    assert await at_bob.until_closed() == 4403


async def test_rights_that_cannot_be_looked_up_are_no_rights(sockets, monkeypatch):
    at_bob = await sockets.at("Bob")
    monkeypatch.setattr("workspaces.sockets.auth.verify", lambda _caller: 1 / 0)

    (member,) = next(iter(hub._rooms.values())).members
    member.look_again()

    assert await at_bob.until_closed() == 1013


async def test_an_archived_document_can_be_read_only(sockets, document, ada):
    at_ada = await sockets.at("Ada")

    await in_database(lambda: archive_document(document=document, actor=ada))
    await until(lambda: {"type": "role", "role": "viewer"} in at_ada.controls)
    at_ada.update(at_ada.type("late"))
    await until(lambda: at_ada.rejected)
    assert (await (await sockets("Ada").open()).hello())["role"] == "viewer"

    await in_database(lambda: restore_document(document=document, actor=ada))
    await until(lambda: {"type": "role", "role": "owner"} in at_ada.controls)


# --- hostile and broken clients --------------------------------------------------------------------------------------
HOSTILE = {
    "nothing": b"",
    "an unknown kind": b"\x07\x00",
    "a cut message": b"\x00\x02\x05ab",
    "bytes left over": b"\x00\x02\x02\x00\x00!",
    "a message of the server": protocol.control_message({"type": "hello"}),
    "an update that is none": protocol.sync_message(protocol.UPDATE, b"\xff\xff\xff"),
    "a vector that is none": protocol.sync_message(protocol.STEP1, b"\x05"),
    "presence that is no object": protocol.awareness_message([protocol.AwarenessState(1, 1, b"[1]")]),
    "presence without an end": b"\x01\x02\x01\x01",
}


@pytest.mark.parametrize("frame", HOSTILE.values(), ids=HOSTILE)
async def test_a_malformed_frame_closes_its_sender_alone(sockets, frame):
    bob, ada = await sockets.at("Bob"), await sockets.at("Ada")

    bob.send(frame)

    assert await bob.until_closed() == 4400
    ada.update(ada.type("still here"))
    await ada.until_acked()


async def test_text_frames_are_refused(sockets):
    bob = await sockets.at("Bob")

    bob.send_text("hello")

    assert await bob.until_closed() == 4400


async def test_what_is_too_large_is_refused(sockets):
    bob, rita = await sockets.at("Bob"), await sockets.at("Rita")

    bob.send(protocol.sync_message(protocol.UPDATE, b"\x00" * (256 * 1024 + 1)))
    rita.say({"cursor": "x" * 2100})

    assert await bob.until_closed() == 4413
    assert await rita.until_closed() == 4413


async def test_who_is_too_fast_is_closed(sockets, monkeypatch):
    monkeypatch.setattr(Connection, "messages", Rate(1.0, 50.0))
    bob = await sockets.at("Bob")

    for _ in range(40):
        bob.send(protocol.sync_message(protocol.UPDATE, b"\0\0"))

    assert await bob.until_closed() == 4429


async def test_somebody_elses_client_id_cannot_be_used(sockets, document):
    """hocuspocus #850: one client id in two hands, and what a document says depends on what came first."""
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    ada.update(ada.type("mine"))
    await ada.until_acked()
    await until(lambda: "mine" in bob.text)

    forger = crdt.open_doc(bob.doc.get_update(), ada.client_id)
    made = []
    subscription = forger.observe(lambda event: made.append(event.update))
    text = crdt.last_text(crdt.root_of(forger).children[1])
    text.insert(len(text), "forged")
    del subscription
    bob.update(made[0])

    assert await bob.until_closed() == 4409
    assert await in_database(document.updates.count) == 2


async def test_an_update_with_a_gap_is_rejected_and_asked_for(sockets, document):
    ada = await sockets.at("Ada")
    ada.type("never sent ")
    asked = len(ada.step1)

    ada.update(ada.type("sent"))

    await until(lambda: ada.rejected and len(ada.step1) > asked)
    assert ada.rejected[0]["code"] == "gap"
    assert await in_database(document.updates.count) == 1
    ada.update(ada.doc.get_update(ada.step1[-1]))  # what a stock client answers
    await until(lambda: ada.acked == 2)
    assert await in_database(document.updates.count) == 2


async def test_what_leans_on_words_that_another_process_took_is_no_gap(sockets, document, monkeypatch):
    """A browser that changes the process has heard more than the new one, for as long as a hint is on its way."""
    from wukong.kernel import bus, committer

    monkeypatch.setattr(hub, "LOOK_S", 100)
    monkeypatch.setattr(bus, "publish", lambda *_args: None)
    ada, bob = await sockets.at("Ada"), await sockets.at("Bob")
    data = bob.add_block("elsewhere")
    entry = log.LogEntry(data=data, client_id=bob.client_id, principal=document.pk, kind="person")
    await committer.arun(lambda: log.append(document_id=document.pk, entries=[entry]))
    ada.doc.apply_update(data)

    ada.update(ada.type(" and here", block=2))
    await ada.until_acked()

    assert ada.rejected == []
