"""The verbs of statements for pages and the API."""

from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.models.statements import Statement
from billing.statements import check, issuing, store
from billing.statements.bill import Bill, Line
from workspaces.people.access import as_uuid
from workspaces.people.models import User, Workspace
from wukong.kernel.errors import NotFound

TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A bill compared with the ledger: `apart_nano` is 0 when they are equal."""

    entries: int
    apart_nano: int


def statements_of(user: User) -> QuerySet[Statement]:
    """Return the issued statements of the workspaces that `user` may see."""
    return Statement.objects.of(user)


def statement_for(user: User, id: str) -> Statement:
    """Return an issued statement that `user` may see; raises NotFound."""
    key = as_uuid(id)
    found = Statement.objects.of(user).filter(pk=key).first() if key else None
    if found is None:
        raise _nothing()
    return found


def bills_of(workspace: Workspace) -> list[Bill]:
    """Return all bills of a workspace, newest first: the running month, then those that are issued."""
    open_months = [bill for _opening, bill in issuing.pending(workspace)]
    issued = Statement.objects.filter(workspace=workspace).newest_first()
    return [*reversed(open_months), *(store.read(statement) for statement in issued)]


def bill_of(workspace: Workspace, month: date) -> tuple[Bill, Proof]:
    """Return the bill of a month, as issued or as it stands now, compared with the ledger; raises NotFound."""
    statement = Statement.objects.filter(workspace=workspace, month=month).first()
    if statement is not None:
        bill = store.read(statement)
        return bill, proof_of(bill)
    for last_try in range(1, TRIES + 1):  # a call may be charged between the look at the month and the comparison
        bill = _running(workspace, month)
        proof = proof_of(bill)
        if not proof.apart_nano or last_try == TRIES:
            break
    return bill, proof


def proof_of(bill: Bill) -> Proof:
    """Compare a bill with what the ledger says now."""
    return Proof(entries=bill.entries, apart_nano=check.apart(bill))


def line_of(bill: Bill, place: int) -> Line:
    """Return a line of a bill by its place, from 1; raises NotFound."""
    if not 1 <= place <= len(bill.lines):
        raise _nothing()
    return bill.lines[place - 1]


def _running(workspace: Workspace, month: date) -> Bill:
    for _opening, bill in issuing.pending(workspace):
        if bill.month == month:
            return bill
    raise _nothing()


def _nothing() -> NotFound:
    return NotFound(_("There is no such statement, or it is not for you."))
