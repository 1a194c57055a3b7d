"""The planning step: one metered answer becomes a plan by code.

If the model fails twice, the template's own plan is taken.
"""

from collections.abc import AsyncIterator, Callable

from agents.engine.claim import Claim
from agents.engine.guards import Looping
from agents.engine.material import Material
from agents.ports import ChatRequest, ProviderError
from agents.writing import planning
from agents.writing.plan import Plan


async def make(claim: Claim, texts: Material, ask: Callable[[ChatRequest], AsyncIterator[str]]) -> Plan:
    """Return the plan; raises ProviderError or Looping for the first failure, InsufficientFunds for each."""
    request = planning.request(
        texts.template, brief=texts.brief, sources=texts.sources, facts=texts.facts, profile=texts.profile
    )
    try:
        answer = "".join([piece async for piece in ask(request)])
    except (ProviderError, Looping) as error:
        is_hopeless = isinstance(error, ProviderError) and error.kind == "refused"
        if claim.step.failures == 0 or is_hopeless:
            raise
        answer = ""
    return planning.parse(
        answer,
        template=texts.template,
        brief=texts.brief,
        sources=texts.sources,
        facts=texts.facts,
        profile=texts.profile,
    )
