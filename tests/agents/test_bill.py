"""What each sentence of a run has cost: the parts make up the run and the ledger, whatever people edit."""

import pytest

from agents import bill
from agents.models import ModelCall, StepKind
from billing import services as billing
from billing.models import Transfer
from workspaces.documents import log
from workspaces.documents.authorship import services as authorship
from workspaces.documents.authorship import worth
from workspaces.documents.models import DocumentAuthorship
from workspaces.documents.peer import Peer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def done(crew, deploy):
    run = deploy()
    crew.finish(run)
    run.refresh_from_db()
    return run


def texts(found: bill.RunBill) -> list[str]:
    return [sentence.text for paragraph in found.paragraphs for sentence in paragraph]


def edit(run, person, client_id: int, change) -> None:
    """Let a person change the document of a run."""
    state, _seq = log.load(run.document_id)
    peer = Peer(state, client_id)
    change(peer)
    update = peer.take_update()
    log.bind_client_id(document_id=run.document_id, client_id=client_id, kind="person", principal=person.pk)
    entry = log.LogEntry(data=update, client_id=client_id, principal=person.pk, kind="person")
    log.append(document_id=run.document_id, entries=[entry])


def prose(peer: Peer) -> str:
    """Return the id of a block with two sentences of prose."""
    for node in peer.blocks():
        if node["type"] == "paragraph" and len(peer.text_of(node["attrs"]["id"])) > 80:
            return str(node["attrs"]["id"])
    raise AssertionError("no prose")


def test_the_parts_make_up_the_run_and_the_ledger(done):
    found = bill.bill_of(done)

    charged = sum(Transfer.objects.filter(run=done.pk, code="capture").values_list("amount_nano", flat=True))
    assert found.sum_nano == found.ledger_nano == charged == billing.run_figures(done.pk).cost_nano
    planning = ModelCall.objects.of_run(done.pk).filter(step__kind=StepKind.PLAN).values_list("id", flat=True)
    charges = billing.charges_of_run(done.pk)
    assert found.overhead_nano >= sum(charges[call] for call in planning) > 0
    assert found.sentences_nano > found.overhead_nano
    assert all(sentence.cost_nano > 0 and sentence.steps for rows in found.paragraphs for sentence in rows)
    document = log.load(done.document_id)[0]
    words = Peer(document, 1)
    everything = "\n".join(words.text_of(node["attrs"]["id"]) for node in words.blocks())
    assert len(texts(found)) > 10
    assert all(text in everything for text in texts(found))


@pytest.mark.slow
def test_what_a_person_deletes_becomes_rejected_and_nothing_else_changes(done, ada):
    before = bill.bill_of(done)
    gone = []

    def cut(peer):
        block = prose(peer)
        gone.append(peer.text_of(block))
        peer.delete([block])

    edit(done, ada, 77, cut)
    after = bill.bill_of(done)

    assert after.sum_nano == after.ledger_nano == before.ledger_nano
    assert after.overhead_nano == before.overhead_nano
    assert after.rejected_nano > before.rejected_nano
    kept = [text for text in texts(before) if text in texts(after)]
    assert kept == texts(after)
    assert all(text in gone[0] for text in texts(before) if text not in kept)


@pytest.mark.slow
def test_a_copy_costs_nothing_more(done, ada):
    before = bill.bill_of(done)

    def copy(peer):
        block = prose(peer)
        node = {"type": "paragraph", "content": [{"type": "text", "text": peer.text_of(block)}]}
        peer.insert_after(block, [node])

    edit(done, ada, 78, copy)

    assert bill.bill_of(done) == before


@pytest.mark.slow
def test_a_correction_of_the_charge_is_shared_out_too(done, monkeypatch):
    """Late usage moves money by a run's own adjustment: run and sentences follow the ledger."""
    from billing import figures

    before = bill.bill_of(done)
    call = max(billing.charges_of_run(done.pk).items(), key=lambda item: item[1])[0]
    moved = figures._moved

    def corrected(transfers, by):
        extra = {"call": call, "run": done.pk}[by]
        return {**moved(transfers, by), extra: moved(transfers, by).get(extra, 0) + 7}

    monkeypatch.setattr(figures, "_moved", corrected)

    after = bill.bill_of(done)
    assert after.sum_nano == after.ledger_nano == before.ledger_nano + 7


@pytest.mark.slow
def test_it_is_the_same_from_a_stored_projection(done):
    before = bill.bill_of(done)
    authorship.project(done.document_id)

    assert DocumentAuthorship.objects.filter(document=done.document_id).exists()
    assert bill.bill_of(done) == before


def test_a_run_without_a_document_is_overhead(crew, deploy):
    from agents.models import Run, RunState

    run = deploy(start=False)
    crew.until(lambda: Run.objects.filter(pk=run.pk, state=RunState.DRAFT).exists())
    crew.rest()
    run.refresh_from_db()

    found = bill.bill_of(run)

    assert found.paragraphs == []
    assert found.overhead_nano == found.ledger_nano == found.sum_nano > 0


@pytest.mark.slow
def test_units_alive_are_never_more_than_were_written(done):
    book = authorship.project(done.document_id)
    alive: dict = {}
    for passages in worth.passages(book):
        for passage in passages:
            alive[passage.call] = alive.get(passage.call, 0) + passage.units
    written = worth.written(book)

    assert set(alive) - {None} <= set(written)
    assert all(count <= written[call] for call, count in alive.items() if call is not None)
