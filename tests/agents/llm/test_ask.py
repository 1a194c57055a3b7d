"""An OpenAI-compatible endpoint: what is sent, what comes back, what each of its faults means for the engine."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from agents import llm
from agents.llm import chat
from agents.llm.endpoint import EndpointModel
from agents.ports import ChatRequest, Delta, ProviderError, Reply, Turn
from tests.agents.llm.provider import KEY, Provider, Script

REQUEST = ChatRequest(
    turns=(Turn("system", "Be plain."), Turn("user", "What now?")),
    max_tokens=64,
    role="writer",
    temperature=0.3,
    seed=7,
)
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 30,
    "total_tokens": 130,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 12},
}


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    yield server
    server.close()


@pytest.fixture
async def target(provider: Provider) -> AsyncIterator[chat.Target]:
    yield chat.Target(url=provider.url, key=KEY, model="large-1", first_s=5.0, next_s=5.0)
    await chat.close(provider.url, KEY)
    await chat.close(provider.url, "wrong-key")


async def heard(target: chat.Target, request: ChatRequest = REQUEST) -> tuple[str, list[Delta], Reply]:
    items = [item async for item in chat.stream(target, request)]
    deltas = [item for item in items if isinstance(item, Delta)]
    assert isinstance(items[-1], Reply)
    return "".join(delta.text for delta in deltas), deltas, items[-1]


async def failed(target: chat.Target, request: ChatRequest = REQUEST) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await heard(target, request)
    return caught.value


async def test_words_stream_in_their_order(provider, target):
    text, deltas, reply = await heard(target)
    assert text == "Good words come slowly."
    assert len(deltas) == 4
    assert reply.finish == "stop"


async def test_what_was_asked_is_what_is_sent(provider, target):
    with_body = replace(target, extra_body={"grammar": "root ::= [a-z]+"})
    await heard(with_body)
    [body] = provider.asked
    assert body["messages"] == [
        {"role": "system", "content": "Be plain."},
        {"role": "user", "content": "What now?"},
    ]
    assert (body["max_tokens"], body["temperature"], body["seed"]) == (64, 0.3, 7)
    assert body["grammar"] == "root ::= [a-z]+"
    assert body["stream_options"] == {"include_usage": True}


async def test_a_schema_goes_out_as_a_response_format(provider, target):
    schema = {"type": "object", "properties": {"line": {"type": "integer"}}, "required": ["line"]}
    provider.script = Script(words=['{"line": 2}'])
    text, _, _ = await heard(target, replace(REQUEST, schema=schema))
    assert text == '{"line": 2}'
    assert provider.asked[0]["response_format"]["json_schema"]["schema"]["required"] == ["line"]


async def test_usage_becomes_disjoint_meters(provider, target):
    provider.script = Script(usage=USAGE)
    _, _, reply = await heard(target)
    usage = reply.usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.reasoning_tokens) == (
        60,
        40,
        18,
        12,
    )
    assert not usage.estimated


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt_cache_hit_tokens": 40, "prompt_cache_miss_tokens": 60},
        {"prompt_tokens_details": {"cached_tokens": 40, "cache_creation_input_tokens": 25, "cache_type": "ephemeral"}},
    ],
    ids=["DeepSeek", "DashScope"],
)
async def test_what_only_one_provider_counts_arrives_at_the_meters(provider, target, fields):
    """The client's library does not know these fields, and lets them through."""
    plain = {"prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130}
    provider.script = Script(usage=plain | fields)

    _, _, reply = await heard(target)

    written = fields.get("prompt_tokens_details", {}).get("cache_creation_input_tokens", 0)
    usage = reply.usage
    assert not usage.estimated
    assert (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (60 - written, 40, written)


async def test_reasoning_is_counted_and_not_shown(provider, target):
    provider.script = Script(thoughts=["Let me think about this. ", "Yes."], usage=USAGE)
    text, deltas, _ = await heard(target)
    assert text == "Good words come slowly."
    assert sum(delta.tokens for delta in deltas if not delta.text) > 0


async def test_without_usage_our_own_count_is_taken_and_marked(provider, target):
    _, deltas, reply = await heard(target)
    assert reply.usage.estimated
    assert reply.usage.output_tokens == sum(delta.tokens for delta in deltas) > 0
    assert reply.usage.input_tokens > 0


@pytest.mark.parametrize(
    "usage", [USAGE | {"total_tokens": 999}, USAGE | {"completion_tokens": 0, "total_tokens": 100}]
)
async def test_usage_that_cannot_be_is_replaced_by_our_own_count(provider, target, usage):
    provider.script = Script(usage=usage)
    _, _, reply = await heard(target)
    assert reply.usage.estimated
    assert reply.usage.output_tokens > 0


async def test_an_answer_at_its_limit_says_length(provider, target):
    provider.script = Script(finish="length")
    _, _, reply = await heard(target)
    assert reply.finish == "length"


async def test_429_says_when_to_come_back(provider, target):
    provider.script = Script(status=429, headers={"Retry-After": "7"})
    error = await failed(target)
    assert (error.kind, error.retry_after) == ("rate", 7.0)
    assert len(provider.asked) == 1  # retries are the engine's, each a row of its own


async def test_a_server_error_is_transient(provider, target):
    provider.script = Script(status=500)
    assert (await failed(target)).kind == "transient"
    assert len(provider.asked) == 1


async def test_nobody_there_is_transient(provider, target):
    provider.close()
    assert (await failed(target)).kind == "transient"


async def test_silence_before_the_first_word_is_a_timeout(provider, target):
    provider.script = Script(silence_s=30)
    assert (await failed(replace(target, first_s=0.2))).kind == "timeout"


async def test_silence_between_words_is_a_timeout(provider, target):
    provider.script = Script(pause_s=30)
    assert (await failed(replace(target, next_s=0.2))).kind == "timeout"


@pytest.mark.parametrize("chunks", [1, 3])
async def test_a_stream_that_breaks_off_is_cut(provider, target, chunks):
    provider.script = Script(cut_after=chunks)
    assert (await failed(target)).kind == "cut"


async def test_a_stream_that_ends_politely_without_a_reason_is_cut_too(provider, target):
    provider.script = Script(finish="")
    assert (await failed(target)).kind == "cut"


async def test_a_wrong_key_is_refused_without_a_second_try(provider, target):
    assert (await failed(replace(target, key="wrong-key"))).kind == "refused"
    assert len(provider.asked) == 1


async def test_an_unknown_model_is_refused(provider, target):
    assert (await failed(replace(target, model="no-such-model"))).kind == "refused"


async def test_the_provider_s_own_words_stay_in_the_log(provider, target, caplog):
    error = await failed(replace(target, key="wrong-key"))
    assert "invalid_api_key" not in str(error)
    assert "invalid_api_key" in caplog.text
    assert "wrong-key" not in caplog.text


async def test_who_stops_listening_hangs_up(provider, target):
    provider.script = Script(words=["word "] * 2_000, pause_s=0.002)
    async with aclosing(chat.stream(target, REQUEST)) as answer:
        async for _ in answer:
            break
    assert await asyncio.to_thread(provider.hung_up.wait, 10)


async def test_one_connection_serves_one_call_after_another(provider, target):
    for _ in range(3):
        await heard(target)
    assert len(provider.connections) == 1


def test_without_settings_there_is_no_endpoint(settings):
    settings.WUKONG_ENDPOINT_URL = settings.WUKONG_ENDPOINT_MODEL = ""
    assert llm.find("large-1") is None
    assert "large-1" not in llm.listed()


async def test_the_endpoint_of_the_settings_answers_under_its_own_name(provider, settings):
    settings.WUKONG_ENDPOINT_URL, settings.WUKONG_ENDPOINT_KEY = provider.url, KEY
    settings.WUKONG_ENDPOINT_MODEL, settings.WUKONG_ENDPOINT_CONTEXT = "large-1", 10_000
    provider.script = Script(usage=USAGE)
    model = llm.find("large-1")
    assert isinstance(model, EndpointModel)
    assert "large-1" in llm.listed()
    assert (model.profile.small, model.profile.max_output_tokens, model.profile.provider) == (False, 5_000, "127.0.0.1")
    assert model.guess(REQUEST) <= model.bound(REQUEST)
    async with model.place():
        items = [item async for item in model.stream(REQUEST)]
    assert isinstance(items[-1], Reply)
    await chat.close(provider.url, KEY)
