"""Whatever three people do, in whatever order, online or not: all see what the log alone makes."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import XmlElement, XmlText

from tests.sockets import Client, in_database, until
from workspaces.documents import content, crdt, log

WORDS = st.text("ab é字🎉", min_size=1, max_size=4)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.one_of(
            st.tuples(st.just("type"), st.integers(0, 9), st.integers(0, 30), WORDS),
            st.tuples(st.just("delete"), st.integers(0, 9), st.integers(0, 30)),
            st.tuples(st.just("block"), st.integers(0, 9), WORDS),
            st.tuples(st.just("drop"), st.integers(0, 9)),
            st.tuples(st.sampled_from(["leave", "return", "breathe", "repeat"])),
        ),
    ),
    min_size=3,
    max_size=30,
)


class Person:
    """Somebody whose browser keeps what is not acknowledged, and sends it again."""

    def __init__(self, client: Client, make: Any) -> None:
        self.client, self.make = client, make
        self.outbox: list[bytes] = []
        self.is_online = True

    def act(self, kind: str, *args: Any) -> None:
        client = self.client
        blocks = len(crdt.root_of(client.doc).children)
        if kind == "block":
            self.say(client.edit(lambda doc: _insert_block(doc, args[0] % (blocks + 1), args[1])))
        elif blocks and kind == "drop":
            self.say(client.edit(lambda doc: _drop(doc, args[0] % blocks)))
        elif blocks and kind == "type":
            self.say(client.edit(lambda doc: _type(doc, args[0] % blocks, args[1], args[2])))
        elif blocks and kind == "delete" and client.text.split("\n")[args[0] % blocks]:
            self.say(client.edit(lambda doc: _delete(doc, args[0] % blocks, args[1])))
        elif kind == "repeat" and self.outbox and self.is_online:
            client.update(self.outbox[-1])
            self.outbox.append(self.outbox[-1])

    def say(self, update: bytes) -> None:
        self.outbox.append(update)
        if self.is_online:
            self.client.update(update)

    async def leave(self) -> None:
        if self.is_online:
            self.is_online = False
            del self.outbox[: self.client.acked]
            await self.client.close()

    async def come_back(self) -> None:
        if not self.is_online:
            self.client = await self.make(replica=self.client.doc)
            self.is_online = True
            for update in self.outbox:
                self.client.update(update)


def _text(doc: Any, block: int) -> XmlText:
    return crdt.last_text(crdt.root_of(doc).children[block])


def _place(text: XmlText, at: int) -> int:
    """Return an offset between two characters, in UTF-8 bytes."""
    words = crdt.plain(text)
    return crdt.utf8(words[: at % (len(words) + 1)])


def _type(doc: Any, block: int, at: int, words: str) -> None:
    text = _text(doc, block)
    text.insert(_place(text, at), words)


def _delete(doc: Any, block: int, at: int) -> None:
    text = _text(doc, block)
    words = crdt.plain(text)
    if words:
        place = at % len(words)
        start = crdt.utf8(words[:place])
        del text[start : start + crdt.utf8(words[place])]


def _insert_block(doc: Any, at: int, words: str) -> None:
    block = XmlElement("paragraph", {"id": crdt.new_block_id()}, [XmlText(words)])
    crdt.root_of(doc).children.insert(at, block)


def _drop(doc: Any, at: int) -> None:
    del crdt.root_of(doc).children[at]


@settings(max_examples=20)
@given(steps=STEPS)
async def test_all_see_what_the_log_makes(sockets, document, settings, steps):
    settings.WUKONG_RATE_SOCKETS = 10_000  # three people who do in two seconds what others do in an hour
    people = []
    for name in ("Ada", "Bob", "Bob"):

        async def make(name: str = name, **options: Any) -> Client:
            return await sockets.at(name, **options)

        people.append(Person(await make(), make))

    for who, (kind, *args) in steps:
        person = people[who]
        if kind == "leave":
            await person.leave()
        elif kind == "return":
            await person.come_back()
        elif kind == "breathe":
            await asyncio.sleep(0.003)
        else:
            person.act(kind, *args)

    for person in people:
        await person.come_back()
        await person.client.until_acked()
    clients = [person.client for person in people]
    await until(lambda: len({client.text for client in clients}) == 1)
    rows = await in_database(lambda: log.since(document.pk, 0))
    replay = crdt.open_doc()
    crdt.apply(replay, [data for _seq, data in rows])
    assert content.plain_text(content.read(replay)) == clients[0].text
    assert all(client.rejected == [] for client in clients)
    for client in clients:
        await client.close()
