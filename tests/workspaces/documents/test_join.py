"""Who comes with nothing gets the state, encoded once for many; who types meanwhile makes it no dearer."""

import asyncio

from pycrdt import Doc, Text

from tests.sockets import until
from workspaces.documents import protocol
from workspaces.documents.rooms import hub, joining
from workspaces.documents.rooms.joining import Joining


class Writer:
    """A text that grows, and how often it was encoded."""

    def __init__(self):
        self.doc = Doc()
        self.text = self.doc.get("text", type=Text)
        self.encoded = 0
        self.joining = Joining(self.encode)
        self.subscription = self.doc.observe(lambda event: self.joining.changed(event.update))

    def encode(self):
        self.encoded += 1
        return self.doc.get_update()

    def arrive(self):
        """Return the text that somebody has who takes what is sent."""
        doc = Doc()
        steps = []
        for parcel in self.joining.parcels():
            for payload in parcel.payloads:
                message = protocol.read_message(payload)
                steps.append(message.step)
                doc.apply_update(message.payload)
        assert steps in ([protocol.STEP2], [protocol.STEP2, protocol.UPDATE])
        return str(doc.get("text", type=Text))


def test_many_who_come_while_somebody_types_share_one_state():
    writer = Writer()
    writer.text += "x" * 1000

    for number in range(40):
        assert writer.arrive() == str(writer.text)
        if number % 2:
            writer.text += f"{number} "

    assert writer.encoded == 1


def test_the_state_is_made_anew_when_much_has_come_since():
    writer = Writer()
    writer.arrive()
    for _ in range(joining._MOST_UPDATES + 1):
        writer.text += "y"
    assert writer.arrive() == str(writer.text)
    assert writer.encoded == 2

    writer.text += "z" * (joining._MOST_BYTES + 1)
    assert writer.arrive() == str(writer.text)
    assert writer.encoded == 3


def test_the_state_is_not_kept_for_nobody(monkeypatch):
    writer = Writer()
    writer.arrive()
    writer.joining.look()
    assert writer.joining._state is not None

    monkeypatch.setattr(joining, "_KEEP_S", 0.0)
    writer.joining.look()

    assert writer.joining._state is None
    writer.text += "later"
    assert writer.joining._since == []
    assert writer.arrive() == "later"


async def test_all_who_come_while_somebody_types_have_the_same(sockets):
    at_ada = await sockets.at("Ada")
    joiners = []
    for number in range(5):
        at_ada.update(at_ada.type(f"{number} "))
        joiners.append(asyncio.ensure_future(sockets.at("Bob")))
    others = await asyncio.gather(*joiners)
    await at_ada.until_acked()

    await until(lambda: all(other.text == at_ada.text for other in others))
    (room,) = hub._rooms.values()
    assert len(room.members) == 6
