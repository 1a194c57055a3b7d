"""What code prints of facts and tables: word for word, or computed; no model has a say in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from agents.writing import nodes, tables
from agents.writing.context import WorkContext
from agents.writing.figures import MONTHS, WEEKDAYS
from agents.writing.plan import Task
from agents.writing.writes import Block, Note, Write

MOST_LISTED = 5  # items of a budget that one sentence can hold


async def findings(ctx: WorkContext) -> AsyncIterator[Write]:
    places = {number: task.section for task in ctx.plan.tasks for number in task.fact_numbers}
    for fact in ctx.facts:
        data = {"text": fact.text, "source": fact.source_number, "line": fact.line, "section": places.get(fact.number)}
        yield Note(f"finding-{fact.number}", "finding", data)


def figures_by_code(task: Task, ctx: WorkContext) -> Iterator[Write]:
    """The facts of the section, each table with its sums, and one sentence that reads it."""
    if facts := ctx.facts_of(task):
        yield Block("facts", nodes.bullets([fact.cited() for fact in facts], "source"), "source")
    labels = ctx.template.labels
    for number, table in enumerate(ctx.tables, start=1):
        header = [labels["item"], labels["amount"], labels["share"]][: 3 if table.additive else 2]
        yield Block(f"table-{number}", nodes.table(header, table.cells(), "source", last_bold=table.additive), "source")
        yield Block(f"reading-{number}", nodes.paragraph(reading(table), "source"), "source")


def lowered(label: str) -> str:
    """The label as it stands inside a sentence: small, unless it begins with an abbreviation or a day's name."""
    is_name = label[:2].isupper() or label.split(" ")[0] in (*MONTHS, *WEEKDAYS)
    return label if is_name else label[:1].lower() + label[1:]


def reading(table: tables.Table) -> str:
    """What the table says, in one sentence by code, with the number of its source."""
    largest = table.largest
    cite = f"[{table.source_number}]"
    if not table.additive:
        return f"Amounts as listed in {table.source_name} {cite}."
    amounts = f"{table.money(largest.amount)} of {table.money(table.total)}"
    words = f"The largest item is {lowered(largest.label)}, with {amounts}"
    if table.stated is not None and table.stated != table.total:
        words += f"; the source itself names a total of {table.money(table.stated)}"
    return f"{words} {cite}."


def split_of_money(table: tables.Table) -> str:
    """Where the money goes, in one sentence by code; empty where shares mean nothing."""
    if not table.additive or not table.shares:
        return ""
    parts = sorted(zip(table.rows, table.shares, strict=True), key=lambda part: -part[0].amount)
    told = [f"{lowered(row.label)} ({share}%)" for row, share in parts[:MOST_LISTED]]
    listed = f"{', '.join(told[:-1])} and {told[-1]}"
    first = "first of all to " if len(parts) > MOST_LISTED else "to "
    return f"The money, {table.money(table.total)}, goes {first}{listed} [{table.source_number}]."
