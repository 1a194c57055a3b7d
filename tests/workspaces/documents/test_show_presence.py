"""Presence: who is here and where, as the server knows them."""

import time

from tests.sockets import until
from workspaces.documents import presence, protocol
from workspaces.documents.rooms import awareness, hub
from workspaces.documents.rooms.awareness import Board
from workspaces.people.services import create_user


def named(client, name: str):
    return [user for user in client.people if user["name"] == name]


async def test_the_server_says_who_somebody_is(sockets, ada):
    """outline #13804, hocuspocus #1096, #1055, open-webui #25946, vektor #101: a name that the client chooses."""
    at_ada, at_rita = await sockets.at("Ada"), await sockets.at("Rita")

    at_ada.say({"user": {"name": "The Pope", "color": "#fff", "kind": "agent"}, "cursor": {"anchor": 1}})

    await until(lambda: at_rita.people)
    _clock, state = at_rita.presences[at_ada.client_id]
    assert state["cursor"] == {"anchor": 1}
    assert state["user"] == {
        "id": str(ada.pk),
        "name": "Ada",
        "tone": ada.tone,
        "color": state["user"]["color"],
        "kind": "person",
        "role": "owner",
    }


async def test_names_of_every_script_come_whole(sockets, workspace):
    from tests.sockets import in_database
    from tests.workspaces.conftest import session_of
    from workspaces.people.models import Role
    from workspaces.people.services import add_member

    def make():
        person = create_user(email="sun@example.com", password="a long enough password", name="孙悟空 Ünal 🐒")
        add_member(workspace=workspace, user=person, role=Role.COMMENTER, actor=None)
        return session_of(person)

    session = await in_database(make)
    sun = sockets(None)
    sun.scope["headers"].append((b"cookie", f"sessionid={session}".encode()))
    await sun.open()
    await sun.hello()
    at_ada = await sockets.at("Ada")

    sun.say({"cursor": None, "note": "naïve 🎉"})

    await until(lambda: named(at_ada, "孙悟空 Ünal 🐒"))
    assert at_ada.presences[sun.client_id][1]["note"] == "naïve 🎉"


async def test_who_leaves_is_taken_away(sockets):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    at_bob.say({})
    await until(lambda: named(at_ada, "Bob"))
    clock = at_ada.presences[at_bob.client_id][0]

    await at_bob.close()

    await until(lambda: not named(at_ada, "Bob"))
    assert at_ada.presences[at_bob.client_id] == (at_ada.presences[at_bob.client_id][0], None)
    assert at_ada.presences[at_bob.client_id][0] > clock


async def test_who_hides_is_taken_away(sockets):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    at_bob.say({})
    await until(lambda: named(at_ada, "Bob"))

    at_bob.say(None, clock=2)

    await until(lambda: not named(at_ada, "Bob"))


async def test_who_comes_is_told_who_is_here_but_never_of_oneself(sockets):
    at_ada = await sockets.at("Ada")
    at_ada.say({"cursor": 1})
    at_bob = await sockets.at("Bob")
    at_bob.say({"cursor": 2})

    await until(lambda: named(at_bob, "Ada") and named(at_ada, "Bob"))
    at_ada.send(b"\x03")
    at_bob.update(at_bob.type("x"))
    await at_bob.until_acked()

    assert named(at_ada, "Ada") == []
    assert named(at_bob, "Bob") == []


async def test_a_client_that_comes_back_sees_the_others_as_new(sockets):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    at_ada.say({})
    await until(lambda: named(at_bob, "Ada"))
    clock = at_bob.presences[at_ada.client_id][0]

    await at_bob.close()
    back = await sockets.at("Bob")

    await until(lambda: named(back, "Ada"))
    assert back.presences[at_ada.client_id][0] > clock


async def test_nobody_speaks_for_somebody_else(sockets):
    """outline #13804, vektor #101, #134: a cursor that somebody else moves or takes away."""
    at_ada, at_bob, at_rita = await sockets.at("Ada"), await sockets.at("Bob"), await sockets.at("Rita")
    at_ada.say({"cursor": "here"})
    await until(lambda: named(at_rita, "Ada"))

    at_bob.say({"cursor": "there"}, clock=99, client_id=at_ada.client_id)
    at_bob.say(None, clock=99, client_id=at_ada.client_id)
    at_bob.say({"cursor": "mine"})

    await until(lambda: named(at_rita, "Bob"))
    assert at_rita.presences[at_ada.client_id][1]["cursor"] == "here"


async def test_what_a_stock_client_repeats_of_others_is_ignored(sockets):
    at_ada, stock = await sockets.at("Ada"), await sockets("Bob", protocols=()).open()
    await stock.sync()
    at_ada.say({"cursor": 1})
    stock.say({"cursor": 2})
    await until(lambda: named(stock, "Ada") and named(at_ada, "Bob"))

    stock.say({"cursor": "echo"}, clock=77, client_id=at_ada.client_id)
    stock.say({"cursor": "echo of somebody who has left"}, clock=77, client_id=4711)
    stock.say({"cursor": 3}, clock=2)

    await until(lambda: at_ada.presences[stock.doc.client_id][1]["cursor"] == 3)
    assert 4711 not in at_ada.presences


async def test_a_stock_client_that_repeats_its_own_persons_browser_does_not_take_its_place(sockets):
    at_ada, at_rita = await sockets.at("Ada"), await sockets.at("Rita")
    stock = await sockets("Ada", protocols=()).open()
    await stock.sync()
    stock.say({})
    at_ada.say({"cursor": 1})
    await until(lambda: at_ada.client_id in stock.presences)

    stock.say({"cursor": 1}, clock=stock.presences[at_ada.client_id][0], client_id=at_ada.client_id)
    at_ada.say({"cursor": 2}, clock=2)
    stock.say({"cursor": 3}, clock=1)

    await until(lambda: (at_rita.presences.get(stock.doc.client_id) or (0, None))[1])
    await until(lambda: (at_rita.presences[at_ada.client_id][1] or {}).get("cursor") == 2)
    room = next(iter(hub._rooms.values()))
    assert len({member.shown_id for member in room.members}) == len(room.members)


async def test_who_connects_again_before_the_old_connection_is_missed_is_shown(sockets):
    at_rita, stock = await sockets.at("Rita"), await sockets("Bob", protocols=()).open()
    await stock.sync()
    stock.say({"cursor": "old"})
    await until(lambda: named(at_rita, "Bob"))

    again = await sockets("Bob", protocols=(), replica=stock.doc).open()
    again.update(again.type("bound"))
    again.say({"cursor": "new"}, clock=2)

    await until(lambda: at_rita.presences[stock.doc.client_id][1]["cursor"] == "new")


async def test_an_agent_is_shown_while_it_is_at_work(sockets, document):
    at_ada = await sockets.at("Ada")
    cursor = {"anchor": {"item": {"client": 1, "clock": 2}}, "head": {"item": {"client": 1, "clock": 2}}}

    presence.announce(document.pk, client_id=42, name="Writer", hue="teal", icon="pen", cursor=cursor)
    await until(lambda: 42 in at_ada.presences)
    assert at_ada.presences[42][1] == {
        "user": {"name": "Writer", "hue": "teal", "icon": "pen", "kind": "agent"},
        "cursor": cursor,
    }
    late = await sockets.at("Bob")
    await until(lambda: 42 in late.presences)
    late.say({"cursor": "I am the agent"}, client_id=42)
    late.say({})
    await until(lambda: named(at_ada, "Bob"))
    assert named(at_ada, "Writer")

    presence.announce(document.pk, client_id=42, name="Writer", hue="teal", icon="pen", cursor=None)
    await until(lambda: at_ada.presences[42][1] is None and late.presences[42][1] is None)


async def test_carets_are_gathered(sockets):
    at_ada, at_bob = await sockets.at("Ada"), await sockets.at("Bob")
    at_bob.say({"cursor": 0})
    await until(lambda: named(at_ada, "Bob"))
    before = len(at_ada.frames)

    for number in range(1, 50):
        at_bob.say({"cursor": number}, clock=number + 1)
    await until(lambda: at_ada.presences[at_bob.client_id][1]["cursor"] == 49)

    assert len(at_ada.frames) - before < 10


async def test_carets_come_with_the_words_that_move_them(sockets, monkeypatch):
    """Both in one piece: a socket is written to once a turn, not once for each."""
    at_ada, at_bob, at_rita = await sockets.at("Ada"), await sockets.at("Bob"), await sockets.at("Rita")
    (room,) = hub._rooms.values()
    parcels = []
    for member in room.members:
        put = member.outlet.put_parcel
        monkeypatch.setattr(
            member.outlet,
            "put_parcel",
            lambda parcel, name=member.user.display_name, put=put: parcels.append((name, parcel)) or put(parcel),
        )

    at_ada.update(at_ada.type("x"))
    at_ada.say({"cursor": 1})
    await until(lambda: at_ada.acked and named(at_bob, "Ada") and named(at_rita, "Ada"))

    kinds = {name: [payload[:2] for payload in parcel.payloads] for name, parcel in parcels}
    assert len(parcels) == 3
    assert [kind[0] for kind in kinds["Bob"]] == [0, 1]  # the words, the caret
    assert [kind[0] for kind in kinds["Ada"]] == [64]  # the acknowledgement alone
    shared = {id(parcel) for name, parcel in parcels if name != "Ada"}
    assert len(shared) == 1  # framed once


async def test_nobody_is_left_in_silence(sockets, monkeypatch):
    """A stock client that hears nothing for half a minute connects anew."""
    monkeypatch.setattr("workspaces.documents.rooms.presence.SILENCE_S", 0.05)
    monkeypatch.setattr(hub, "LOOK_S", 0.02)
    monkeypatch.setattr(hub, "SELDOM", 1)
    stock = await sockets("Bob", protocols=()).open()
    await stock.sync()
    before = len(stock.frames)

    await until(lambda: len(stock.frames) >= before + 3)

    assert stock.frames[-1] == protocol.awareness_message([])


# --- the board, which is pure ----------------------------------------------------------------------------------------
def test_clocks_rise_over_a_restart_and_fit_into_32_bits():
    old, new = Board(lambda: 1_800_000_000.0), Board(lambda: 1_800_000_001.0)
    old.show(1, b"{}", "here", 0.0)
    new.show(1, b"{}", "here", 0.0)

    before, after = old.take()[1].clock, new.take()[1].clock

    assert before < after < 1 << 32
    assert awareness.tenths(time.time()) < 1 << 32


def test_each_state_that_is_sent_is_newer_than_the_one_before():
    board = Board(lambda: 1_800_000_000.0)
    clocks = []
    for _ in range(3):
        board.show(1, b"{}", "here", 0.0)
        clocks += [board.take()[1].clock, board.whole()[1].clock]
    board.hide(1)
    clocks.append(board.take()[1].clock)

    assert clocks == sorted(set(clocks))


def test_an_agent_is_renewed_and_forgotten_when_it_falls_silent():
    board = Board(time.time)
    board.show(1, b"{}", "agent", 0.0)
    board.show(2, b"{}", "here", 0.0)
    board.take()

    board.sweep(5.0)
    assert board.take() == {}
    board.sweep(13.0)
    assert list(board.take()) == [1]
    board.sweep(61.0)
    assert board.take()[1].state is None
    assert board.kind_of(2) == "here"


def test_a_message_leaves_the_reader_out():
    board = Board(time.time)
    board.show(1, b'{"a":1}', "here", 0.0)
    board.show(2, b"{}", "here", 0.0)
    states = board.take()

    message = awareness.message(states, without=1)

    assert message is not None
    assert [one.client_id for one in protocol.read_message(message).states] == [2]
    assert awareness.message({1: states[1]}, without=1) is None


def test_a_board_forgets_the_clocks_of_who_has_gone_and_none_goes_back():
    """A room that is open for weeks sees many connections."""
    at = [1_800_000_000.0]
    board = Board(lambda: at[0])
    for client_id in range(100):
        board.show(client_id, b"{}", "here", 0.0)
        board.show(client_id, b"{}", "here", 0.0)
        board.hide(client_id)
    board.show(7, b"{}", "here", 0.0)
    clock = board.take()[7].clock
    before = board._last[8]

    board.sweep(0.0)
    assert 8 in board._last  # the time of day does not give a higher clock yet
    at[0] += 1.0
    board.sweep(0.0)

    assert set(board._last) == {7}
    board.show(8, b"{}", "here", 0.0)
    board.show(7, b"{}", "here", 0.0)
    taken = board.take()
    assert taken[8].clock > before
    assert taken[7].clock > clock
