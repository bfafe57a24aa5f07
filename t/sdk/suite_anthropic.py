"""Anthropic's Python client, through the gateway, before two providers."""

import asyncio
import json
import uuid

import anthropic
import httpx2

import gateway
import harness
import mock_provider

from harness import test
from suite import BOTH, GREETING, named, strict


USER = [{"role": "user", "content": "Hi there"}]
WEATHER = {"name": "get_weather", "description": "How the weather is",
           "input_schema": {"type": "object",
                            "properties": {"city": {"type": "string"},
                                           "days": {"type": "integer"}},
                            "required": ["city"]}}
TIME = {"name": "get_time",
        "input_schema": {"type": "object", "properties": {}}}
PNG = mock_provider.picture().partition(",")[2]


def connect(t, key=gateway.KEY, path="", **options):
    """A client whose version travels, so it is not the stand-in's own."""

    t.allowed = list(t.allowed) + ["anthropic got \"anthropic-version"]
    options.setdefault("max_retries", 0)
    options.setdefault("timeout", 15)

    if "auth_token" not in options:
        options["api_key"] = key

    return anthropic.Anthropic(base_url=t.gateway.url + path,
                               http_client=t.http, **options)


def ask(t, model, said="Hi there", client=None, **params):
    params.setdefault("max_tokens", 999)
    params.setdefault("messages", [{"role": "user", "content": said}])

    return (client or connect(t)).messages.create(model=model, **params)


def whole(t, model, client=None, **params):
    """A stream put together by the client, its pieces judged."""

    params.setdefault("max_tokens", 999)
    params.setdefault("messages", USER)

    with (client or connect(t)).messages.stream(model=model,
                                                **params) as stream:
        for event in stream:
            strict(t, event)

        return stream.get_final_message()


def text_of(message):
    return "".join(block.text for block in message.content
                   if block.type == "text")


def calls_of(message):
    return [block for block in message.content if block.type == "tool_use"]


def both_ways(t, model, **params):
    """The same, plain and as a stream."""

    plain = ask(t, model, **params)
    strict(t, plain)
    streamed = whole(t, model, **params)

    def told(message):
        return [{name: value for name, value in block.to_dict().items()
                 if name not in ("citations", "caller")}
                for block in message.content]

    t.equal(told(streamed), told(plain), "the stream")
    t.equal((streamed.stop_reason, streamed.usage.output_tokens),
            (plain.stop_reason, plain.usage.output_tokens), "its end")

    return plain


# plain answers and streams


@test(over=BOTH)
def test_messages_tutorial(t):
    """The lines of any tutorial, with a key and with a token."""

    for options in ({"api_key": gateway.KEY}, {"auth_token": gateway.KEY}):
        client = connect(t, **options) if "auth_token" in options \
            else connect(t, key=options["api_key"])

        message = client.messages.create(
            model=named(t), max_tokens=1024, system="You are kind.",
            messages=[{"role": "user", "content": "Say this is a test"}])

        t.equal(message.content[0].text, "You said: Say this is a test.")
        t.equal((message.type, message.role, message.stop_reason),
                ("message", "assistant", "end_turn"))
        t.equal((message.usage.input_tokens, message.usage.output_tokens),
                (17, 9))
        t.true(message.id.startswith("msg_"), message.id)
        t.equal(message._request_id,
                t.notes[-1]["headers"]["x-request-id"])

    sent = t.sent()
    t.equal([r["api"] for r in sent], [t.value] * 2)

    if t.value == "anthropic":
        t.equal([r["headers"]["anthropic-version"] for r in sent],
                [n["asked"]["anthropic-version"] for n in t.notes])
        t.equal([r["raw"] for r in sent],
                [n["sent"].decode() for n in t.notes], "not a byte")
    else:
        t.true(not any(name.startswith("anthropic")
                       for r in sent for name in r["headers"]), str(sent))


@test(over=BOTH)
def test_messages_text_survives(t):
    t.equal(text_of(both_ways(t, named(t, "hello"))), GREETING)

    said = GREETING + "\u0000\u007f\u2028\ufeff"
    t.equal(text_of(ask(t, named(t), said)), "You said: %s." % said)


@test(over=BOTH)
def test_messages_stream(t):
    events = list(ask(t, named(t, "hello"), stream=True))

    for event in events:
        strict(t, event)

    t.equal([e.type for e in events],
            ["message_start", "content_block_start"]
            + ["content_block_delta"] * len(mock_provider.GREETING)
            + ["content_block_stop", "message_delta", "message_stop"])
    t.equal([e.delta.text for e in events[2:-3]], mock_provider.GREETING,
            "one piece of the provider's is one of the client's")
    t.equal(events[-2].usage.output_tokens, 9)
    t.equal(events[-2].usage.input_tokens, 17)

    with connect(t).messages.stream(model=named(t, "hello"), max_tokens=9,
                                    messages=USER) as stream:
        t.equal("".join(stream.text_stream), GREETING)


@test(over=BOTH)
def test_messages_split(t):
    for size in (1, 2, 3, 7, 64):
        t.equal(text_of(whole(t, named(t, "split-%d" % size))), GREETING)


@test(over=BOTH)
def test_messages_async(t):
    async def run():
        client = anthropic.AsyncAnthropic(
            base_url=t.gateway.url, api_key=gateway.KEY, max_retries=0,
            http_client=httpx2.AsyncClient(
                transport=harness.AsyncTransport(t.notes)))
        t.allowed = ["anthropic-version"]

        async with client.messages.stream(
                model=named(t, "hello"), max_tokens=9,
                messages=USER) as stream:
            said = [text async for text in stream.text_stream]

        t.equal("".join(said), GREETING)

        answers = await asyncio.gather(*(client.messages.create(
            model=named(t), max_tokens=9,
            messages=[{"role": "user", "content": str(n)}])
            for n in range(16)))

        t.equal([text_of(a) for a in answers],
                ["You said: %d." % n for n in range(16)])
        await client.close()

    asyncio.run(run())


@test(over=BOTH)
def test_messages_ends(t):
    t.equal(both_ways(t, named(t, "length")).stop_reason, "max_tokens")
    t.equal(both_ways(t, named(t, "empty")).content, [])

    refused = ask(t, named(t, "refusal"))
    t.equal(refused.stop_reason, "refusal")
    t.true("help" in text_of(refused), str(refused))
    t.equal(whole(t, named(t, "refusal")).stop_reason, "refusal")


@test(over=BOTH)
def test_messages_usage(t):
    message = both_ways(t, named(t, "cached"))

    t.equal(message.usage.cache_read_input_tokens, 100)

    if t.value == "anthropic":
        t.equal((message.usage.input_tokens,
                 message.usage.cache_creation_input_tokens), (5, 15))
    else:
        t.equal(message.usage.input_tokens, 20)

    streamed = whole(t, named(t, "cached"))
    t.equal(streamed.usage.cache_read_input_tokens, 100, "of a stream")


# tools


@test(over=BOTH)
def test_messages_tools(t):
    """There and back: the call, then its result."""

    params = {"tools": [WEATHER], "tool_choice": {"type": "auto"}}
    model = named(t, "tools")

    for once in (ask, whole):
        messages = list(USER)
        answer = once(t, model, messages=messages, **params)
        call = calls_of(answer)[0]

        t.equal(answer.stop_reason, "tool_use")
        t.equal(text_of(answer), "Let me look.")
        t.equal((call.name, call.input),
                ("get_weather",
                 {"city": "Paris", "days": 12345678901234567890}))

        messages += [{"role": "assistant", "content": answer.content},
                     {"role": "user", "content": [
                         {"type": "tool_result", "tool_use_id": call.id,
                          "content": "sunny"}]}]
        answer = once(t, model, messages=messages, **params)

        t.equal(text_of(answer), "The tools said: %s=sunny" % call.id)
        t.equal(answer.stop_reason, "end_turn")


@test(over=BOTH)
def test_messages_parallel_tools(t):
    answer = both_ways(t, named(t, "parallel"), tools=[WEATHER, TIME])
    calls = calls_of(answer)

    t.equal([(c.name, c.input) for c in calls],
            [("get_weather", {"city": "Rome"}),
             ("get_weather", {"city": "Tokyo"}), ("get_time", {})])

    results = [{"type": "tool_result", "tool_use_id": c.id,
                "content": [{"type": "text", "text": c.id[-4:]}]}
               for c in calls]
    answer = ask(t, named(t, "parallel"), tools=[WEATHER, TIME], messages=USER
                 + [{"role": "assistant", "content": answer.content},
                    {"role": "user", "content": results
                     + [{"type": "text", "text": "So?"}]}])

    if t.value == "anthropic":
        t.equal(text_of(answer), "The tools said: " + "; ".join(
            "%s=%s" % (c.id, c.id[-4:]) for c in calls))
    else:
        # there the user's words come after the results
        t.equal([m["role"] for m in t.sent()[-1]["body"]["messages"]],
                ["user", "assistant", "tool", "tool", "tool", "user"])


@test(over=BOTH)
def test_messages_tool_runner(t):
    """The client's own loop: it has the provider hold the conversation where
    that can."""

    def get_weather(city: str, days: int = 1) -> str:
        """How the weather is.

        Args:
            city: where
            days: how many
        """
        return "rain in " + city

    client = connect(t)
    t.allowed += ["'thread' was unexpected", "of calls []"]
    runner = client.beta.messages.tool_runner(
        model=named(t, "tools"), max_tokens=999, messages=USER,
        tools=[anthropic.beta_tool(get_weather)])
    last = runner.until_done()

    t.true(text_of(last).endswith("=rain in Paris"), text_of(last))

    first, second = [r["body"] for r in t.sent()]

    if t.value == "anthropic":
        t.equal(second["thread"], {"type": "continue",
                                   "previous_message_id":
                                   "msg_013Zva2CMHLNnXjNJJKqJ2EF"})
    else:
        # refused once, then done without
        t.equal([m["role"] for m in second["messages"]],
                ["user", "assistant", "tool"])
        t.equal([n["status"] for n in t.notes], [400, 200, 200])


@test(over=BOTH)
def test_messages_tool_choice(t):
    ask(t, named(t), tools=[WEATHER, TIME],
        tool_choice={"type": "tool", "name": "get_time",
                     "disable_parallel_tool_use": True})
    ask(t, named(t), tools=[WEATHER], tool_choice={"type": "none"})
    first, second = [r["body"] for r in t.sent()]

    if t.value == "openai":
        t.equal(first["tool_choice"],
                {"type": "function", "function": {"name": "get_time"}})
        t.equal(first["parallel_tool_calls"], False)
        t.equal(second["tool_choice"], "none")
    else:
        t.equal(first["tool_choice"]["name"], "get_time")


# thinking, media, formats


@test(over=BOTH)
def test_messages_thinking(t):
    model = named(t, "thinking")
    params = {"max_tokens": 2000,
              "thinking": {"type": "enabled", "budget_tokens": 1024}}
    answer = both_ways(t, model, **params)
    thought = answer.content[0]

    t.equal((thought.type, thought.thinking), ("thinking", "Let me think"))
    t.equal(text_of(answer), "Thought.")
    t.equal(thought.signature, "c2lnbmF0dXJlK2Jhc2U2NA=="
            if t.value == "anthropic" else "")

    ask(t, model, messages=USER
        + [{"role": "assistant", "content": answer.content},
           {"role": "user", "content": "And?"}], **params)
    sent = t.sent()[-1]["body"]

    if t.value == "anthropic":
        t.equal(sent["messages"][1]["content"][0],
                {"type": "thinking", "thinking": "Let me think",
                 "signature": "c2lnbmF0dXJlK2Jhc2U2NA=="})
    else:
        t.equal(sent["messages"][1]["content"], "Thought.")
        t.true("thinking" not in sent, str(sent))


@test(over=BOTH)
def test_messages_media(t):
    image = {"type": "image", "source": {"type": "base64",
                                         "media_type": "image/png",
                                         "data": PNG}}
    address = {"type": "image", "source": {"type": "url",
                                           "url": "https://example.com/a.png"}}
    document = {"type": "document", "title": "a.pdf", "source": {
        "type": "base64", "media_type": "application/pdf",
        "data": "JVBERi0xLjQKJSVFT0YK"}}
    content = [image, address, document, {"type": "text", "text": "What?"}]

    ask(t, named(t), messages=[{"role": "user", "content": content}])
    got = t.sent()[-1]["body"]["messages"][0]["content"]

    if t.value == "anthropic":
        t.equal(got, content)
        return

    t.equal([p["type"] for p in got],
            ["image_url", "image_url", "file", "text"])
    t.equal(got[0]["image_url"]["url"], mock_provider.picture())
    t.equal(got[1]["image_url"]["url"], "https://example.com/a.png")
    t.equal(got[2]["file"]["filename"], "a.pdf")


@test(over=BOTH)
def test_messages_schema(t):
    schema = {"type": "object", "additionalProperties": False,
              "properties": {"name": {"type": "string"}},
              "required": ["name"]}

    answer = ask(t, named(t, "json"), output_config={
        "format": {"type": "json_schema", "schema": schema}})
    t.equal(json.loads(text_of(answer)), mock_provider.MEETING)

    sent = t.sent()[-1]["body"]

    if t.value == "openai":
        t.equal(sent["response_format"]["json_schema"]["schema"], schema)
    else:
        t.equal(sent["output_config"]["format"]["schema"], schema)


@test(over=BOTH)
def test_messages_betas(t):
    client = connect(t)
    client.beta.messages.create(model=named(t), max_tokens=9, messages=USER,
                                betas=["context-1m-2025-08-07", "x-1"])
    client.messages.create(
        model=named(t), max_tokens=9, messages=USER,
        system=[{"type": "text", "text": "x" * 9,
                 "cache_control": {"type": "ephemeral"}}])
    first, second = t.sent()

    if t.value == "anthropic":
        t.equal(first["headers"]["anthropic-beta"],
                "context-1m-2025-08-07,x-1")
        t.true("anthropic-beta" not in second["headers"], "a beta")
        t.equal(second["body"]["system"][0]["cache_control"],
                {"type": "ephemeral"})
    else:
        t.true("anthropic-beta" not in first["headers"], "a beta")
        t.true("cache_control" not in second["raw"], second["raw"])


# counts, models


@test(over=BOTH)
def test_messages_count(t):
    client = connect(t)
    params = {"model": named(t), "messages": USER, "tools": [WEATHER],
              "system": "Be kind."}

    raw = client.messages.with_raw_response.count_tokens(**params)
    few = raw.parse().input_tokens
    estimated = raw.headers.get("x-llm-estimated")

    client.beta.messages.count_tokens(**params)

    if t.value == "anthropic":
        t.equal((few, estimated), (mock_provider.COUNTED, None))
        t.equal([r["path"] for r in t.sent()], [mock_provider.COUNT] * 2)
        t.equal(t.sent()[0]["raw"], t.notes[0]["sent"].decode())

        e = t.raises(anthropic.BadRequestError, client.messages.count_tokens,
                     **{**params, "model": named(t, "error-400")})
        t.true("the provider says 400" in str(e), str(e))

    else:
        t.equal(estimated, "1")
        t.true(10 < few < 200, str(few))

        many = client.messages.count_tokens(
            **{**params, "system": "Be kind. " * 1000}).input_tokens
        t.true(1000 < many < 5000, str(many))
        t.equal(t.sent(), [])

    t.raises(anthropic.NotFoundError, client.messages.count_tokens,
             **{**params, "model": "nothing"})
    t.raises(anthropic.BadRequestError, client.messages.count_tokens,
             **{**params, "messages": []})


@test
def test_messages_models(t):
    client = connect(t)
    page = client.models.list(limit=1000)
    ids = [m.id for m in page]

    t.true("claude-sonnet-4-5" in ids and "gpt-4o-mini" in ids, str(ids))
    t.equal((page.has_more, page.first_id, page.last_id),
            (False, ids[0], ids[-1]))

    for model in page.data:
        strict(t, model)

    t.equal(client.models.retrieve("claude-sonnet-4-5").type, "model")

    e = t.raises(anthropic.NotFoundError, client.models.retrieve, "nothing")
    t.equal(e.type, "not_found_error")

    narrow = connect(t, key=gateway.NARROW)
    t.true("claude-sonnet-4-5" not in [m.id for m in narrow.models.list()],
           "what this key may not use")


# errors


@test(over=BOTH)
def test_messages_errors(t):
    """What a provider says, as the client's classes."""

    for status, wanted, kind in (
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.InternalServerError, "api_error"),
        (403, anthropic.InternalServerError, "api_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.RequestTooLargeError, "request_too_large"),
        (422, anthropic.UnprocessableEntityError, "invalid_request_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (503, anthropic.OverloadedError, "overloaded_error"),
        (529, anthropic.OverloadedError, "overloaded_error"),
    ):
        for stream in (False, True):
            e = t.raises(wanted, ask, t, named(t, "error-%d" % status),
                         stream=stream)

            t.equal(e.type, kind, str(status))
            t.equal(e.request_id, e.response.headers["x-request-id"])
            t.equal(e.body["type"], "error")

            own = status in (401, 403, 429, 500, 503, 529)

            if own or t.value == "openai":
                t.equal(e.body["request_id"], e.request_id)
            else:
                t.equal(e.body["error"]["message"],
                        "the provider says %d" % status)

    e = t.raises(anthropic.RateLimitError, ask, t, named(t, "throttled-7"))
    t.equal(e.response.headers["retry-after"], "7")

    e = t.raises(anthropic.BadRequestError, ask, t, named(t, "context"))
    t.true("prompt is too long" in str(e) or "prompt_too_long" in str(e),
           str(e))

    t.raises(anthropic.InternalServerError, ask, t, named(t, "html-502"))


@test(over=BOTH)
def test_messages_own_errors(t):
    """What the gateway itself refuses."""

    before = len(t.sent())

    for key in ("sk-wrong", ""):
        e = t.raises(anthropic.AuthenticationError, ask, t, named(t),
                     client=connect(t, key=key or "x"))
        t.equal(e.type, "authentication_error")

    e = t.raises(anthropic.NotFoundError, ask, t, "nothing")
    t.equal(e.type, "not_found_error")

    if t.value == "anthropic":
        e = t.raises(anthropic.PermissionDeniedError, ask, t, named(t),
                     client=connect(t, key=gateway.NARROW))
        t.equal(e.type, "permission_error")

    for params in ({"messages": []}, {"max_tokens": -1}, {"stream": "x"},
                   {"messages": [{"role": "user", "content": [
                       {"type": "image"}]}]},
                   {"tools": [{"name": "x"}]}):
        e = t.raises(anthropic.BadRequestError, ask, t, named(t), **params)
        t.equal(e.type, "invalid_request_error", str(params))

    e = t.raises(anthropic.NotFoundError,
                 connect(t).messages.batches.list)
    t.equal(e.type, "not_found_error")

    t.equal(len(t.sent()), before, "nobody was asked")


@test(over=BOTH)
def test_messages_broken(t):
    for scenario in ("cut-4", "failing-4"):
        t.raises(anthropic.OverloadedError
                 if (t.value, scenario) == ("anthropic", "failing-4")
                 else anthropic.InternalServerError,
                 ask, t, named(t, scenario))

        said = []

        try:
            for event in ask(t, named(t, scenario), stream=True):
                said.append(event.type)
        except anthropic.APIStatusError as e:
            t.equal(e.body["type"], "error", scenario)
            t.equal(e.body["request_id"],
                    e.response.headers["x-request-id"])
            t.true(e.type in ("api_error", "overloaded_error"), e.type)
        else:
            t.true(False, "%s: no error after %s" % (scenario, said))

        t.equal(said[0], "message_start")
        t.true("message_stop" not in said, str(said))


@test(over=BOTH)
def test_messages_retries(t):
    """The client tries again where that may help, and only there."""

    client = connect(t, max_retries=2)

    for status in (429, 500, 503):
        user = uuid.uuid4().hex
        answer = ask(t, named(t, "once-%d" % status), client=client,
                     metadata={"user_id": user})
        t.equal(text_of(answer), "Second time.", str(status))

    before = len(t.sent())
    t.raises(anthropic.BadRequestError, ask, t, named(t, "error-400"),
             client=client)
    t.raises(anthropic.NotFoundError, ask, t, "nothing", client=client)
    t.equal(len(t.sent()), before + 1)


@test(over=BOTH)
def test_messages_timeouts(t):
    e = t.raises(anthropic.DeadlineExceededError, ask, t,
                 "hasty/" + named(t, "slow-3"))
    t.equal((e.status_code, e.type), (504, "timeout_error"))

    user = uuid.uuid4().hex
    t.raises(anthropic.APITimeoutError, ask, t, named(t, "slow-5"),
             client=connect(t, timeout=0.4), metadata={"user_id": user})
    t.true(t.provider.gone(user), "the provider still works")


@test(over=BOTH)
def test_messages_client_leaves(t):
    user = uuid.uuid4().hex
    stream = ask(t, named(t, "long-0.05"), stream=True,
                 metadata={"user_id": user})

    for event in stream:
        if event.type == "content_block_delta":
            break

    stream.close()
    t.true(t.provider.gone(user), "the provider still sends")


@test(over=BOTH)
def test_messages_fallback(t):
    """Behind a provider that fails another answers, of the other API."""

    other = {"openai": "anthropic", "anthropic": "openai"}[t.value]
    model = "steady-" + t.value

    t.equal(text_of(both_ways(t, model)), "You said: Hi there.")
    t.equal([r["api"] for r in t.sent()], [t.value, other] * 2)
    t.equal(t.notes[0]["headers"]["x-llm-provider"], other)


@test(over=BOTH)
def test_messages_patience(t):
    """Silence before the first event: an early header, comments, then all."""

    client = connect(t, path="/patient")
    events = list(ask(t, named(t, "slow-1.2"), client=client, stream=True))

    t.equal(events[0].type, "message_start")
    t.equal(events[-1].type, "message_stop")
    t.equal(t.notes[-1]["body"][:8], b": ping\n\n")
    t.true("x-llm-provider" not in t.notes[-1]["headers"], "not early")

    try:
        list(ask(t, named(t, "late"), client=client, stream=True))
    except anthropic.APIStatusError as e:
        t.equal(e.type, "overloaded_error")
        t.equal(e.status_code, 200)
    else:
        t.true(False, "no error")
