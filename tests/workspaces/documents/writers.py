"""A person with a browser, and what an agent's peer holds, for tests of both."""

import random

from pycrdt import XmlElement

from workspaces.documents import content, crdt


def paragraph(text="", **attrs):
    node = {"type": "paragraph", "attrs": attrs} if attrs else {"type": "paragraph"}
    return {**node, "content": [{"type": "text", "text": text}]} if text else node


class Person:
    """A browser: edits one block by characters, as an editor would."""

    def __init__(self, state, client_id):
        self.doc = crdt.open_doc(state, client_id)
        self.own = []
        self.subscription = self.doc.observe(lambda event: self.own.append(event.update))

    def catch_up(self, update):
        self.doc.apply_update(update)
        self.own.clear()

    def take(self):
        own, self.own = self.own, []
        return own

    def node(self, block_id):
        element = crdt.find(self.doc, block_id)
        return None if element is None else crdt.last_text(element)

    def text(self, block_id):
        element = crdt.find(self.doc, block_id)
        return "" if element is None else crdt.words_of(element)

    def type(self, block_id, at, words):
        self.node(block_id).insert(len(self.text(block_id)[:at].encode()), words, {})

    def erase(self, block_id, start, end):
        text = self.text(block_id)
        del self.node(block_id)[len(text[:start].encode()) : len(text[:end].encode())]

    def bold(self, block_id, start, end):
        text = self.text(block_id)
        self.node(block_id).format(len(text[:start].encode()), len(text[:end].encode()), {"bold": {}})


def texts(peer):
    return content.plain_text(peer.blocks()).split("\n")


def replica(peer):
    return crdt.open_doc(peer._doc.get_update())


class Editor:
    """Makes all kinds of edits at random in a document of its own and takes in those of others."""

    def __init__(self, seed, client_id):
        self.rng = random.Random(seed)
        self.doc = crdt.open_doc(client_id=client_id)
        self.updates = []
        self.subscription = self.doc.observe(lambda event: self.updates.append(event.update))

    def edit(self):
        root = crdt.root_of(self.doc)
        blocks = [child for child in root.children if isinstance(child, XmlElement)]
        kind = self.rng.random()
        with self.doc.transaction():
            if not blocks or kind < 0.2:
                at = self.rng.randint(0, len(blocks))
                crdt.write(
                    root,
                    content.parse_markdown(self.rng.choice(["# 标题 *x*", "- a\n  - b", "| a |\n|---|\n| 😀 |"])),
                    at,
                )
            elif kind < 0.3 and len(blocks) > 2:
                del root.children[self.rng.randrange(len(blocks))]
            elif kind < 0.4:
                self.rng.choice(blocks).attributes["origin"] = self.rng.choice(["demo", "source"])
            else:
                self.retouch(self.rng.choice(blocks))

    def retouch(self, block):
        inner = crdt.text_block(block)
        if inner is None:
            return
        node = crdt.last_text(inner)
        text = crdt.plain(node)
        start, end = sorted(self.rng.randint(0, len(text)) for _ in range(2))
        start, end = crdt.utf8(text[:start]), crdt.utf8(text[:end])
        match self.rng.randrange(3):
            case 0:
                node.insert(start, self.rng.choice(["新😀", "word ", "é\u0301"]), self.rng.choice([{}, {"bold": {}}]))
            case 1:
                del node[start:end]
            case _:
                node.format(start, end, {"italic": {}})
