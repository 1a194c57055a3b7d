"""The bytes on the wire: what stock clients write is read, what we write stock clients read, nonsense is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Awareness, Decoder, Doc, create_sync_message, create_update_message

from workspaces.documents import crdt, protocol
from workspaces.documents.protocol import AwarenessState, Control, Malformed, Presence, QueryPresence, Reader, Sync

NUMBERS = st.integers(0, 2**53 - 1)


@given(NUMBERS)
def test_numbers_come_back(number):
    encoded = protocol.var_uint(number)

    reader = Reader(encoded)
    assert reader.var_uint() == number
    assert reader.is_done
    assert Decoder(encoded).read_var_uint() == number


@given(st.text())
def test_texts_come_back_or_are_no_utf8(text):
    raw = text.encode("utf-8", "surrogatepass")
    reader = Reader(protocol.var_bytes(raw))
    try:
        text.encode()
    except UnicodeEncodeError:
        with pytest.raises(Malformed):
            reader.var_string()
    else:
        assert reader.var_string() == text


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 7 + b"\x7f", b"\xff" * 20])
def test_a_number_that_is_cut_or_too_long_is_refused(data):
    with pytest.raises(Malformed):
        Reader(data).var_uint()


def test_reading_past_the_end_is_refused():
    for read in (lambda: Reader(b"\x05ab").var_bytes(), lambda: Reader(b"a").take(2), lambda: Reader(b"").byte()):
        with pytest.raises(Malformed):
            read()


# --- messages -------------------------------------------------------------------------------------------------------
def test_messages_of_a_stock_client_are_read():
    doc = crdt.open_doc(client_id=5)

    assert protocol.read_message(create_sync_message(doc)) == Sync(protocol.STEP1, doc.get_state())
    assert protocol.read_message(create_update_message(b"\0\0")) == Sync(protocol.UPDATE, b"\0\0")
    assert protocol.read_message(b"\x03") == QueryPresence()


def test_our_sync_messages_are_those_of_a_stock_server():
    doc = crdt.open_doc(client_id=5)

    assert protocol.sync_message(protocol.STEP1, doc.get_state()) == create_sync_message(doc)
    assert protocol.sync_message(protocol.UPDATE, b"\0\0") == create_update_message(b"\0\0")
    assert protocol.read_message(protocol.sync_message(protocol.STEP2, b"x" * 300)) == Sync(protocol.STEP2, b"x" * 300)


def test_control_messages_are_json_in_utf8():
    message = protocol.control_message({"type": "hello", "name": "悟空 😀"})

    assert message[0] == 64
    assert json.loads(Reader(message[1:]).var_string()) == {"type": "hello", "name": "悟空 😀"}
    assert protocol.read_message(message) == Control({"type": "hello", "name": "悟空 😀"})


BAD = {
    "nothing": b"",
    "an unknown kind": b"\x02\x00",
    "an unknown step": b"\x00\x03\x00",
    "a cut payload": b"\x00\x02\x05ab",
    "bytes left over": b"\x03\x00",
    "bytes left over behind an update": b"\x00\x02\x01a\x00",
    "a state that is no object": b"\x01" + protocol.var_bytes(b"\x01\x05\x01" + protocol.var_bytes(b"[1]")),
    "a state that is not JSON": b"\x01" + protocol.var_bytes(b"\x01\x05\x01" + protocol.var_bytes(b"{")),
    "a state that is not UTF-8": b"\x01" + protocol.var_bytes(b"\x01\x05\x01" + protocol.var_bytes(b"\xff")),
    "a state of NaN": b"\x01" + protocol.var_bytes(b"\x01\x05\x01" + protocol.var_bytes(b'{"a":NaN}')),
    "2^31 states": b"\x01" + protocol.var_bytes(protocol.var_uint(2**31)),
    "bytes left over behind states": b"\x01" + protocol.var_bytes(b"\x00\x00"),
    "a control that is no object": b"\x40" + protocol.var_bytes(b"1"),
    "a control nested 100,000 deep": b"\x40" + protocol.var_bytes(b"[" * 100_000),
}


@pytest.mark.parametrize("name", BAD)
def test_a_frame_is_refused(name):
    with pytest.raises(Malformed):
        protocol.read_message(BAD[name])


@given(st.binary(max_size=60))
def test_any_frame_is_read_or_malformed(data):
    for read in (protocol.read_message, protocol.read_awareness, protocol.read_state_vector):
        try:
            read(data)
        except Malformed:
            continue


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "1e999", '"\\ud800"', '{"a":"\\udc00"}', "", "{", "'a'", '"\x01"']
)
def test_json_that_only_python_takes_is_refused(text):
    with pytest.raises(Malformed):
        protocol.strict_json(text)


# --- presence -------------------------------------------------------------------------------------------------------
def test_presence_with_a_chinese_name_survives_where_pycrdts_own_encoder_breaks_it():
    state = json.dumps({"user": {"name": "孙悟空 😀"}}, ensure_ascii=False).encode()
    message = protocol.awareness_message([AwarenessState(7, 3, state), AwarenessState(8, 1, None)])

    assert protocol.read_message(message) == Presence([AwarenessState(7, 3, state), AwarenessState(8, 1, None)])
    other = Awareness(Doc())
    other.apply_awareness_update(Reader(message[1:]).var_bytes(), "test")
    assert other.states[7] == {"user": {"name": "孙悟空 😀"}}
    assert 8 not in other.states


def test_presence_of_a_stock_client_is_read():
    doc: Doc = Doc(client_id=11)
    awareness = Awareness(doc)
    awareness.set_local_state({"user": {"name": "Ada"}})

    (state,) = protocol.read_awareness(awareness.encode_awareness_update([11]))

    assert state.client_id == 11
    assert json.loads(state.state) == {"user": {"name": "Ada"}}


@given(st.dictionaries(st.integers(0, 2**32 - 1), NUMBERS, max_size=5))
def test_state_vectors_come_back(vector):
    assert protocol.read_state_vector(protocol.state_vector(vector)) == vector


def test_a_state_vector_is_that_of_the_document():
    doc = crdt.open_doc(client_id=5)
    with doc.transaction():
        crdt.write(crdt.root_of(doc), [{"type": "paragraph"}])

    assert protocol.state_vector(protocol.read_state_vector(doc.get_state())) == doc.get_state()
    assert doc.get_update(protocol.state_vector({5: 2})) == protocol.EMPTY_UPDATE
