"""After a broken update the room is loaded anew: nobody's id is anybody else's then, and nobody's words are dropped."""

import pytest
from django.db import transaction
from pycrdt import merge_updates

from tests.sockets import in_database, until
from tests.workspaces.documents.test_answer_in_turn import SlowDisk, answers_to, member_of, the_room, until_taken
from tests.workspaces.documents.test_only_read import deletion, words_under
from tests.workspaces.documents.test_panic import panic
from tests.workspaces.documents.test_room import _text_at_the_top, replayed
from workspaces.documents import log
from workspaces.documents.authorship import services as authorship
from workspaces.documents.models import DocumentUpdate
from workspaces.documents.rooms import audience
from workspaces.documents.rooms.audience import Audience
from workspaces.documents.rooms.member import Member
from workspaces.documents.watch import Watch
from workspaces.sockets.outlet import Parcel

ELSEWHERE = 4711


@pytest.mark.parametrize("kind", ["person", "agent"])
async def test_whose_presence_somebody_tried_on_keeps_their_id(sockets, document, ada, kind):
    bob, bad = await sockets.at("Bob"), await sockets.at("Bob")
    words = words_under(bob, ELSEWHERE, " written elsewhere")

    def write_elsewhere():
        entry = log.LogEntry(data=words, client_id=ELSEWHERE, principal=ada.pk, kind=kind)
        with transaction.atomic():
            log.bind_client_id(document_id=document.pk, client_id=ELSEWHERE, kind=kind, principal=ada.pk)
            log.append(document_id=document.pk, entries=[entry])

    await in_database(write_elsewhere)
    the_room().learn(the_room().head + 1)
    await until(lambda: "elsewhere" in bob.text)
    bob.say({}, client_id=ELSEWHERE)
    await until(lambda: ELSEWHERE in the_room().gate.owners)
    bad.update(_text_at_the_top(bad))
    assert await bad.until_closed() == 4400
    await until(lambda: not the_room().is_busy)

    bob.update(words_under(bob, ELSEWHERE, " forged"))

    assert await bob.until_closed() == 4409
    row = await in_database(lambda: DocumentUpdate.objects.latest("seq"))
    assert (row.client_id, row.principal) == (ELSEWHERE, ada.pk)


async def test_the_first_words_of_a_tab_that_has_closed_stay_on_their_way(sockets, document, monkeypatch):
    ada, bob, gone = await sockets.at("Ada"), await sockets.at("Bob"), await sockets.at("Ada")
    disk = SlowDisk(monkeypatch)
    ada.update(ada.type(" first"))
    await disk.begun()
    gone.update(gone.add_block("last words of a tab"))
    await until_taken(gone, 1)
    bob.update(_text_at_the_top(bob))
    await until_taken(bob, 1)
    await gone.close()

    disk.go()

    assert await bob.until_closed() == 4400
    ada.update(ada.type(" then"))
    await ada.until_acked()
    assert "last words of a tab" in await replayed(document)


async def test_over_whose_update_rust_panics_is_closed_and_nobody_else(sockets, document, monkeypatch):
    ada, eve = await sockets.at("Ada"), await sockets.at("Bob")
    with monkeypatch.context() as patch:
        patch.setattr(Watch, "check", panic)
        eve.update(eve.type("poison"))
        assert await eve.until_closed() == 4400

    ada.update(ada.type(" sound"))
    await ada.until_acked()
    assert "sound" in await replayed(document)


async def test_who_is_closed_for_what_they_sent_hears_first_that_the_words_before_are_saved(
    sockets, document, monkeypatch
):
    ada = await sockets.at("Ada")
    disk = SlowDisk(monkeypatch)
    ada.update(ada.type(" one"))
    await disk.begun()
    ada.update(b"\xff\xff")
    await until_taken(ada, 2)
    ada.update(ada.type(" two"))  # nothing that comes behind it counts

    disk.go()

    assert await ada.until_closed() == 4400
    assert answers_to(ada) == [("ack", 1)]
    text = await replayed(document)
    assert "one" in text
    assert "two" not in text


async def test_who_is_refused_again_and_again_and_does_not_read_costs_no_memory(sockets, document, monkeypatch):
    ada, rita = await sockets.at("Ada"), await sockets.at("Rita")
    two, _three, four = (rita.type(words) for words in (" two", " three", " four"))
    hole = merge_updates(two, four)
    the_room()._audience.told.update({(1 << 30) + number: 1000 for number in range(2000)})  # as many writers
    rita.may_read.clear()
    member = member_of(rita)

    for _ in range(400):
        rita.update(hole)
    await until(lambda: member.received == 400 or rita.code is not None)
    backlog = member.outlet.backlog
    rita.may_read.set()

    assert backlog < 1 << 20
    assert ada.code is None


async def test_who_goes_on_being_refused_without_reading_is_closed(sockets, document):
    ada = await sockets.at("Ada")
    one, _two, three = (ada.type(words) for words in (" one", " two", " three"))
    hole = merge_updates(one, three)
    member = member_of(ada)
    the_room()._audience._fall_behind(member, the_room()._audience.vector())
    ada.may_read.clear()
    member.outlet.put(b"x" * (1 << 17))  # above the mark below which it counts as read

    for _ in range(120):
        ada.update(hole)

    await until(lambda: not member.is_open)
    ada.may_read.set()
    assert len(member.lag.due) <= 101


async def test_readers_who_fall_behind_again_are_looked_after_by_one_timer(monkeypatch):
    monkeypatch.setattr(audience, "_LOOK_S", 0.01)

    class Outlet:
        backlog, code, said_at = 2 << 20, None, 0.0

        def put(self, payload):
            pass

        put_parcel = put

        def close(self, code):
            self.code = code

    outlet = Outlet()
    member = Member(outlet, None, None, 5, lambda: None)

    def bring_up(member, vector):
        outlet.backlog = 2 << 20
        the_audience.send(member, Parcel((b"who is here",)))
        return True

    the_audience, begun = Audience({}, bring_up), []
    watch = the_audience._watch
    monkeypatch.setattr(the_audience, "_watch", lambda: (watch(), begun.append(the_audience._timer)))
    the_audience.members.add(member)
    the_audience.send(member, Parcel((b"x",)))

    for _ in range(5):
        timer = the_audience._timer
        outlet.backlog = 0
        await until(lambda timer=timer: the_audience._timer is not timer)

    alive = {timer for timer in begun if not timer.cancelled() and timer.when() > timer._loop.time()}
    assert len(alive) <= 1


async def test_a_deletion_of_somebody_without_an_id_is_a_row_like_any_other_for_authorship(sockets, document):
    ada, stock = await sockets.at("Ada"), await sockets("Bob", protocols=()).open()
    await stock.sync()
    stock.update(deletion(stock))
    await until(lambda: "First" not in ada.text)
    row = await in_database(lambda: DocumentUpdate.objects.get(document=document, seq=2))
    assert row.client_id == 0

    def project_twice():
        return [authorship.project(document.pk).seq for _ in range(2)]

    assert await in_database(project_twice) == [2, 2]
