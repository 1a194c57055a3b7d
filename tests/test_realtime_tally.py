"""The realtime benchmark's judge: what counts as delivered, and what as missing, whatever way servers put it."""

import json
from types import SimpleNamespace

import pytest
from pycrdt import Doc, XmlFragment, merge_updates

from benchmarks import measure
from benchmarks.live import edits, frames, judge, people, stage, tally
from workspaces.documents import protocol
from workspaces.documents.schema import ROOT

PREFIX = frames.var_bytes(b"room1")


def framed(*messages: bytes, prefix: bytes = b"") -> bytes:
    """Return what a server sends."""
    found = b""
    for message in messages:
        payload = prefix + message
        size = len(payload)
        head = bytes((0x82, size)) if size < 126 else bytes((0x82, 126)) + size.to_bytes(2, "big")
        found += head + payload
    return found


def reader(*chunks: tuple[float, bytes], prefix: bytes = b"") -> SimpleNamespace:
    return SimpleNamespace(heard=list(chunks), door=SimpleNamespace(prefix=prefix), is_open=True, code=None)


@pytest.fixture
def typist():
    """Somebody who typed five keys, one a second."""
    made = edits.typist(5)
    made.sent_at = [1.0, 2.0, 3.0, 4.0, 5.0]
    return made


def updates(typist):
    return [frames.Reader(message, 2).take() for message in typist.messages]


def found(client, typist, **more):
    return tally.count([client], {typist.client: typist}, (0.0, 10.0), **more)


def test_every_edit_has_its_own_clocks(typist):
    ranges = [frames.ranges_in(update) for update in updates(typist)]

    assert [part for (part,) in ranges] == [
        (typist.client, first, end) for first, end in zip([0, *typist.ends], typist.ends, strict=False)
    ]


@pytest.mark.parametrize("prefix", [b"", PREFIX])
def test_edits_are_delivered_with_the_time_they_took(typist, prefix):
    client = reader(
        *((at + 0.01, framed(one, prefix=prefix)) for at, one in zip(typist.sent_at, typist.messages, strict=True)),
        prefix=prefix,
    )

    one = found(client, typist)

    assert (one.delivered, one.missing) == (5, 0)
    assert one.ms == pytest.approx([10.0] * 5)


def test_a_merged_update_delivers_all_that_is_in_it(typist):
    merged = merge_updates(*updates(typist))
    one = found(reader((5.1, framed(frames.sync(frames.UPDATE, merged)))), typist)

    assert (one.delivered, one.missing) == (5, 0)
    assert one.ms == pytest.approx([4100, 3100, 2100, 1100, 100])


def test_what_a_reader_was_given_when_it_came_back_counts_too(typist):
    doc: Doc = Doc()
    for update in updates(typist):
        doc.apply_update(update)
    one = found(reader((6.0, framed(frames.sync(frames.STEP2, doc.get_update())))), typist)

    assert one.missing == 0


def test_a_lost_edit_is_missing_with_all_that_lean_on_it(typist):
    kept = [typist.messages[0], typist.messages[1], *typist.messages[3:]]

    assert found(reader((6.0, framed(*kept))), typist).missing == 3


def test_edits_out_of_order_are_not_missing(typist):
    order = [typist.messages[0], typist.messages[3], typist.messages[4], typist.messages[2], typist.messages[1]]

    assert found(reader((6.0, framed(*order))), typist).missing == 0


def test_what_was_never_sent_is_not_missing(typist):
    typist.sent_at = typist.sent_at[:2]

    assert found(reader((6.0, framed(*typist.messages[:2]))), typist).missing == 0


def test_nobody_waits_for_the_own_edits(typist):
    assert found(reader(), typist).missing == 5
    assert found(reader(), typist, own={0: typist.client}).missing == 0


def test_the_same_edit_twice_is_delivered_once(typist):
    one = found(reader((6.0, framed(*typist.messages, *typist.messages[:2]))), typist)

    assert (one.delivered, one.missing) == (5, 0)


def test_a_cursor_that_stayed_behind_is_missing():
    typist = edits.typist(3, cursors=True, name="名前")
    typist.sent_at = [1.0, 2.0, 3.0]
    at_last = reader((4.0, framed(*typist.messages, *typist.cursors)))
    behind = reader((4.0, framed(*typist.messages, *typist.cursors[:2])))

    assert found(at_last, typist, cursors=True).cursors_missing == 0
    assert found(behind, typist, cursors=True).cursors_missing == 1


def test_the_mask_of_a_client_can_be_taken_off():
    for size in (1, 125, 126, 70_000):
        payload = bytes(number % 251 for number in range(size))
        frame = frames.masked(payload)
        at = len(frame) - size
        mask = frame[at - 4 : at]
        assert bytes(byte ^ mask[place % 4] for place, byte in enumerate(frame[at:])) == payload


def test_the_document_that_many_join_is_one_document():
    steps, whole = edits.interleaved(600, 20)
    doc: Doc = Doc()
    for _client, update in steps:
        doc.apply_update(update)

    assert _clocks(doc) == _clocks(_doc(whole))
    assert str(doc.get(ROOT, type=XmlFragment)) == str(_doc(whole).get(ROOT, type=XmlFragment))
    assert len(steps) == 600


def _doc(update: bytes) -> Doc:
    doc: Doc = Doc()
    doc.apply_update(update)
    return doc


def _clocks(doc: Doc) -> dict[int, int]:
    return protocol.read_state_vector(doc.get_state())


def row(**more):
    size = people.Size(2, 1)
    ran = people.Ran(people.Spell(0.0, 1.0, 10.0), 0.1, 50.0, 50.0)
    return people.figures(size, ran, [tally.Found(delivered=1000, ms=[5.0])], []) | more


def verdict(capsys, rows, skipped=None):
    plan = stage.Plan(scenes=("50x5",), servers=stage.SERVERS, rounds=1, seconds=1.0)
    result = stage.Result(plan, {key: [one] for key, one in rows.items()}, skipped or {})
    judge.print_tables(result)
    code = judge.print_verdict(result)
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_targets_that_hold_end_with_zero(capsys):
    code, line = verdict(capsys, {("50x5", "hocuspocus"): row(), ("50x5", stage.DAPHNE): row()})

    assert code == 0
    assert line["ok"] is True
    assert line["50x5 CPU ÷ Hocuspocus, ours-daphne"] == 1.0


@pytest.mark.parametrize("wrong", [{"missing": 1}, {"p95_ms": 41.0}, {"us_per_delivered": 101.0}, {"closed": [4429]}])
def test_what_ours_misses_ends_with_one(capsys, wrong):
    code, line = verdict(capsys, {("50x5", "hocuspocus"): row(), ("50x5", stage.DAPHNE): row(**wrong)})

    assert code == 1
    assert line["ok"] is False


def test_what_others_lose_is_no_fault_of_ours(capsys):
    rows = {("50x5", "hocuspocus"): row(missing=7), ("50x5", stage.DAPHNE): row()}

    assert verdict(capsys, rows)[0] == 0


def test_a_row_of_ours_that_failed_ends_with_one(capsys):
    code, line = verdict(capsys, {}, {("50x5", stage.DAPHNE): "failed: it was not over after 75 s"})

    assert code == 1
    assert line["skipped"] == {"50x5|ours-daphne": "failed: it was not over after 75 s"}


def test_a_result_names_no_folder_of_the_machine():
    assert stage._without_folder(OSError(f"{measure.ROOT}/wukong/x.py is broken")) == "wukong/x.py is broken"
    assert stage._without_folder(TimeoutError()) == "TimeoutError"


def test_rounds_are_put_together_without_hiding_a_loss():
    merged = stage._merged([row(p50_ms=1.0, missing=0, closed=[]), row(p50_ms=3.0, missing=2, closed=[1013])])

    assert (merged["p50_ms"], merged["missing"], merged["closed"]) == (2.0, 2, [1013])


def test_run_time_files_are_on_the_disk_of_the_checkout():
    with measure.scratch() as folder:
        assert folder.parent == measure.ROOT / "var"
    assert not folder.exists()
