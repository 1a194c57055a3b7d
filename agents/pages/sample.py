"""The sample that a newcomer may try: a tea brand's launch, with a brief and a price list of our own."""

from agents import services
from agents.models import Run
from workspaces.documents import services as documents
from workspaces.people.models import User, Workspace
from workspaces.sources import services as sources

GOAL = """Launch Morning Ridge, a loose-leaf tea for offices, in Hamburg and Rotterdam.
The launch is on 2 March and the first phase lasts 8 weeks.
The goal is 60 trial orders by 15 February.
In a survey of 240 office managers, 62% said that a free sample would make them try a new brand.
38% of the offices asked order tea at least once a month.
The starter box holds 6 teas and costs €14.
Hamburg has 9 partner cafes and Rotterdam has 5.
The advertisements must not make health claims.
The campaign budget is €24,000."""

PRICES = """Item,Amount
Social advertising,€8400
Local radio,€7200
Tasting events,€6000
Box inserts and print,€2400
"""


def create_sample_run(*, workspace: Workspace, actor: User, model: str) -> Run:
    """Create the project "Tea launch" with its source and a campaign that is planned, not started."""
    project = documents.create_project(workspace=workspace, name="Tea launch", actor=actor)
    source = sources.add_source(
        project=project, name="Budget items.csv", media_type="text/csv", data=PRICES.encode(), actor=actor
    )
    return services.create_run(
        project=project,
        template="campaign",
        goal=GOAL,
        sources=[source],
        actor=actor,
        model=model,
        budget_nano=None,
        start=False,
    )
