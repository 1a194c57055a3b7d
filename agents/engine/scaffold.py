"""From a plan to rows, and from rows to a document with one heading for each section.

Inside the caller's transaction.
"""

from dataclasses import asdict
from uuid import UUID

from agents.engine import moves, predicate
from agents.engine.outbox import Outbox
from agents.models import Run, RunState, Step, StepDep
from agents.writing import nodes, templates
from agents.writing.plan import Plan
from agents.writing.writes import Node
from workspaces.documents import log
from workspaces.documents import services as documents
from workspaces.documents.peer import Peer
from workspaces.models import Document
from wukong.kernel.errors import Invalid


def adopt(run: Run, plan: Plan, out: Outbox) -> None:
    """Turn the plan into steps; then begin, or leave the run in `draft` for a person to start."""
    check(plan)
    roles = templates.load()[run.template].roles
    steps = {}
    for task in plan.tasks:
        role = roles.get(task.role)
        steps[task.number] = Step.objects.create(
            run=run,
            number=task.number,
            kind=task.kind,
            title=task.title[:200],
            role=task.role,
            agent=role.name if role is not None else task.role,
            spec=asdict(task),
        )
    StepDep.objects.bulk_create(
        StepDep(step=steps[task.number], needs=steps[need]) for task in plan.tasks for need in task.needs
    )
    run.plan, run.title = plan.as_dict(), plan.title[:200]
    run.save(update_fields=["plan", "title"])
    for step in steps.values():
        out.step_moved(step)
    if run.state in moves.ENDING:
        return
    if run.is_started:
        begin(run, out)
    else:
        moves.set_run(run, out, state=RunState.DRAFT, pause_reason="", pause_details={})


def check(plan: Plan) -> None:
    """Refuse a plan that cannot be performed: no tasks, a need that is not there, a circle."""
    needs = {task.number: frozenset(task.needs) for task in plan.tasks}
    if not needs or len(needs) != len(plan.tasks):
        raise Invalid("The plan has no tasks, or two with the same number.")
    if any(need not in needs for wanted in needs.values() for need in wanted) or not predicate.is_acyclic(needs):
        raise Invalid("The tasks of the plan wait for each other.")


def begin(run: Run, out: Outbox) -> None:
    """Lay out the document and let the first tasks go. A run that was paused while its plan was made stays paused."""
    if run.document_id is None or not _is_laid_out(run):
        _lay_out(run)
    if run.state == RunState.PAUSED:
        run.is_started = True
        run.save(update_fields=["is_started"])
        return
    moves.begin_running(run, out)


def _is_laid_out(run: Run) -> bool:
    return Step.objects.of_run(run.id).exclude(block="").exists()


def _lay_out(run: Run) -> None:
    """One heading a section, in the order of the document, as one update of a system writer."""
    plan = Plan.from_dict(run.plan)
    document = run.document or _new_document(run, plan.title)
    outline = plan.outline()
    if outline:
        blocks = _append(run, document.pk, [nodes.heading(task.section or task.title) for task in outline])
        for task, block in zip(outline, blocks, strict=True):
            Step.objects.filter(run=run, number=task.number).update(block=block)
    run.document = document
    run.save(update_fields=["document"])


def _new_document(run: Run, title: str) -> Document:
    return documents.create_document(project=run.project, title=(title or run.goal)[:200], actor=run.created_by)


def _append(run: Run, document_id: UUID, headings: list[Node]) -> list[str]:
    state, _ = log.load(document_id)
    client_id = log.issue_client_id(document_id=document_id, kind="system", principal=run.pk)
    peer = Peer(state, client_id)
    blocks = peer.insert_after(None, headings)
    entry = log.LogEntry(
        data=peer.take_update() or b"",
        client_id=client_id,
        principal=run.pk,
        kind="system",
        call=None,
        key=f"layout:{run.pk}",
    )
    log.append(document_id=document_id, entries=[entry])
    return blocks
