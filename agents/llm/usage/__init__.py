"""From what a provider counted to our five disjoint meters. Pure: no network, no clock, no library of a provider.

    response ─► the family's report ─► its figures ─► Convention ─► Usage, whose sum is the provider's total

Each family of providers says where it counts what (`Family.convention`), and cites the page that says so. Figures
that do not add up raise Contradiction: a caller then takes its own count, marked as estimated, and never a guess.
"""

from agents.llm.usage.families import FAMILIES, compatible
from agents.llm.usage.figures import Contradiction, Convention, Family, Figures, estimated
from agents.llm.usage.openrouter import reported_cost
from agents.llm.usage.streams import cumulative, of_stream

__all__ = [
    "FAMILIES",
    "Contradiction",
    "Convention",
    "Family",
    "Figures",
    "compatible",
    "cumulative",
    "estimated",
    "of_stream",
    "reported_cost",
]
