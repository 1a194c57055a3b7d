"""The models: an id leads to its adapter. Only agents/metered.py may come here, so that no token goes uncounted."""

from django.conf import settings

from agents.llm.counting import Tally
from agents.llm.endpoint import EndpointModel, is_configured
from agents.llm.local import LocalModel
from agents.llm.scripted import FAULTS, ScriptedModel
from agents.ports import ChatModel


def find(model_id: str) -> ChatModel | None:
    """Return the adapter of `model_id`, None if there is no such model here."""
    if model_id == "local":
        return LocalModel()
    if settings.WUKONG_SCRIPTED and model_id.partition(":")[0] == "scripted":
        fault = model_id.removeprefix("scripted").removeprefix(":")
        is_known = model_id == "scripted" or fault in FAULTS
        return ScriptedModel(fault) if is_known else None
    if is_configured() and model_id == settings.WUKONG_ENDPOINT_MODEL:
        return EndpointModel()
    return None


def listed() -> list[str]:
    """Return the ids that people may choose from; faults are not shown."""
    ids = ["local"]
    if settings.WUKONG_SCRIPTED:
        ids.append("scripted")
    if is_configured():
        ids.append(settings.WUKONG_ENDPOINT_MODEL)
    return ids


def tokens_of(text: str) -> int:
    """Return the likely number of tokens of a text, whatever the model."""
    return Tally().add(text)


def preload() -> None:
    """Import the libraries of the clients, so that a first call need not wait for them."""
    from agents.llm import chat  # noqa: F401, PLC0415 - more than a second and 40 MB, which a scripted rehearsal never needs
