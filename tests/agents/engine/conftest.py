"""What the model was asked while a run is performed."""

import pytest

from agents.llm import scripted
from agents.models import ModelCall
from agents.room import WINDOW_TOKENS
from billing.models import Hold
from wukong.kernel import committer


@pytest.fixture
def sent(monkeypatch):
    """What the model was asked, and how the rows stood at that moment, read by another connection."""
    seen = []
    stream = scripted.ScriptedModel.stream

    def rows(max_tokens):
        sizes = (max_tokens, min(max_tokens, WINDOW_TOKENS))
        hold = Hold.objects.pending().filter(max_tokens__in=sizes).exclude(run=None).order_by("-id").first()
        return ModelCall.objects.filter(pk=hold.call).first() if hold else None, hold

    async def watching(self, request):
        seen.append((request, *await committer.arun(lambda: rows(request.max_tokens))))
        async for item in stream(self, request):
            yield item

    monkeypatch.setattr(scripted.ScriptedModel, "stream", watching)
    return seen
