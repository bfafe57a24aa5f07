"""The official Python client, through the gateway, before two providers."""

import asyncio
import base64
import json
import os
import time
import urllib.request

import anthropic
import openai
import pydantic

from openai import OpenAI

import gateway
import mock_provider

from harness import Failed, test


MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5"}
BOTH = ("openai", "anthropic")
GREETING = "".join(mock_provider.GREETING)

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "How the weather is",
    "parameters": {"type": "object",
                   "properties": {"city": {"type": "string"},
                                  "days": {"type": "integer"}},
                   "required": ["city"]}}}
TIME = {"type": "function", "function": {
    "name": "get_time", "strict": True,
    "parameters": {"type": "object", "properties": {}, "required": [],
                   "additionalProperties": False}}}


class Meeting(pydantic.BaseModel):
    name: str
    day: str
    guests: list[str]


def named(t, scenario=None):
    return MODELS[t.value] + ("." + scenario if scenario else "")


def tools_of(body, api):
    if api == "openai":
        return [tool["function"]["name"] for tool in body["tools"]]

    return [tool["name"] for tool in body["tools"]]


# plain answers and streams


@test(over=BOTH)
def test_tutorial(t):
    """The lines of any tutorial, but for the address."""

    client = OpenAI(base_url=t.gateway.url + "/v1", api_key=gateway.KEY)

    completion = client.chat.completions.create(
        model=named(t),
        messages=[
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Say this is a test"},
        ],
    )

    t.equal(completion.choices[0].message.content,
            "You said: Say this is a test.")
    t.equal(completion.choices[0].message.role, "assistant")
    t.equal(completion.choices[0].finish_reason, "stop")
    t.equal(completion.object, "chat.completion")
    t.equal(completion.usage.prompt_tokens, 17)
    t.equal(completion.usage.completion_tokens, 9)
    t.equal(completion.usage.total_tokens, 26)

    stream = client.chat.completions.create(
        model=named(t),
        messages=[{"role": "user", "content": "Say this is a test"}],
        stream=True,
    )

    said = ""
    for chunk in stream:
        said += chunk.choices[0].delta.content or ""

    t.equal(said, "You said: Say this is a test.")
    t.equal([r["api"] for r in t.sent()], [t.value, t.value])


@test(over=BOTH)
def test_text_survives(t):
    t.equal(t.chat(named(t, "hello")).choices[0].message.content, GREETING)

    said = GREETING + "\u0000\u007f\u2028\ufeff"
    t.equal(t.chat(named(t), said).choices[0].message.content,
            "You said: %s." % said)


@test(over=BOTH)
def test_stream(t):
    chunks = list(t.chat(named(t, "hello"), stream=True))

    t.equal("".join(c.choices[0].delta.content or "" for c in chunks),
            GREETING)
    t.equal(chunks[0].choices[0].delta.role, "assistant")
    t.equal(chunks[-1].choices[0].finish_reason, "stop")
    t.equal([c.choices[0].finish_reason for c in chunks[:-1]],
            [None] * (len(chunks) - 1))
    t.equal(len({c.id for c in chunks}), 1)
    t.equal({c.usage for c in chunks}, {None})

    # one piece of the provider's is one of the client's
    pieces = [c.choices[0].delta.content for c in chunks
              if c.choices[0].delta.content]
    t.equal(pieces, mock_provider.GREETING)


@test(over=["%s %d" % (api, n) for api in BOTH for n in (1, 7, 50)])
def test_stream_in_pieces(t):
    """However the provider's bytes arrive."""

    api, n = t.value.split()
    stream = t.chat("%s.split-%s" % (MODELS[api], n), stream=True)

    t.equal("".join(c.choices[0].delta.content or "" for c in stream),
            GREETING)


@test(over=BOTH)
def test_usage_in_stream(t):
    chunks = list(t.chat(named(t, "cached"), stream=True,
                         stream_options={"include_usage": True}))

    t.equal(chunks[-1].choices, [])
    t.equal([c.usage for c in chunks[:-1]], [None] * (len(chunks) - 1))

    usage = chunks[-1].usage
    t.equal((usage.prompt_tokens, usage.completion_tokens,
             usage.total_tokens), (120, 9, 129))
    t.equal(usage.prompt_tokens_details.cached_tokens, 100)

    chunks = list(t.chat(named(t, "cached"), stream=True,
                         stream_options={"include_usage": False}))
    t.true(all(c.choices and c.usage is None for c in chunks),
           "usage that was not asked for")

    # what the client does not see, the gateway still counts

    list(t.chat(named(t, "cached"), stream=True, user="counted-" + t.value))

    if t.value == "openai":
        t.equal([r["body"]["stream_options"] for r in t.sent()],
                [{"include_usage": True}] * 3)

    t.equal(logged(t, "counted-" + t.value),
            {"model": named(t, "cached"), "provider": t.value, "status": 200,
             "in": 120, "out": 9, "id": "counted-" + t.value})


def logged(t, user, wait=5):
    """The line of the access log about a user's request."""

    until = time.time() + wait

    while time.time() < until:
        with open(os.path.join(t.gateway.prefix, "logs",
                               "access.log")) as f:
            found = [line for line in f if '"id":"%s"' % user in line]

        if found:
            return json.loads(found[-1])

        time.sleep(0.05)

    raise Failed("nothing in the log about %s" % user)


@test(over=BOTH)
def test_usage_plain(t):
    usage = t.chat(named(t, "cached")).usage

    t.equal((usage.prompt_tokens, usage.completion_tokens,
             usage.total_tokens), (120, 9, 129))
    t.equal(usage.prompt_tokens_details.cached_tokens, 100)

    if t.value == "anthropic":
        t.equal(usage.prompt_tokens_details.cache_write_tokens, 15)


@test(over=BOTH)
def test_finish(t):
    for scenario, reason in (("length", "length"), ("hello", "stop"),
                             ("tools", "tool_calls")):
        answer = t.chat(named(t, scenario), tools=[WEATHER])
        t.equal(answer.choices[0].finish_reason, reason)

        chunks = list(t.chat(named(t, scenario), tools=[WEATHER],
                             stream=True))
        t.equal(chunks[-1].choices[0].finish_reason, reason)


@test(over=BOTH)
def test_refusal(t):
    choice = t.chat(named(t, "refusal")).choices[0]

    t.true(choice.message.refusal, "no refusal: %s" % choice)

    if t.value == "anthropic":
        t.equal(choice.finish_reason, "content_filter")
        t.equal(choice.message.refusal, "This is not a thing to ask.")

    else:
        t.equal(choice.message.refusal, "I can't help")
        t.equal(choice.message.content, None)

    chunks = list(t.chat(named(t, "refusal"), stream=True))
    t.equal(chunks[-1].choices[0].finish_reason, choice.finish_reason)
    t.equal("".join(c.choices[0].delta.refusal or "" for c in chunks),
            choice.message.refusal)


@test(over=BOTH)
def test_empty_answer(t):
    choice = t.chat(named(t, "empty")).choices[0]
    t.equal((choice.message.content or "", choice.finish_reason),
            ("", "stop"))

    chunks = list(t.chat(named(t, "empty"), stream=True))
    t.equal(chunks[-1].choices[0].finish_reason, "stop")


@test(over=BOTH)
def test_reasoning(t):
    answer = t.chat(named(t, "thinking"), reasoning_effort="low",
                    max_completion_tokens=4000)
    message = answer.choices[0].message

    t.equal(message.content, "Thought.")
    t.equal(message.reasoning_content, "Let me think")

    chunks = list(t.chat(named(t, "thinking"), reasoning_effort="low",
                         max_completion_tokens=4000, stream=True))

    t.equal("".join(getattr(c.choices[0].delta, "reasoning_content", None)
                    or "" for c in chunks), "Let me think")
    t.equal("".join(c.choices[0].delta.content or "" for c in chunks),
            "Thought.")


@test
def test_thinking_comes_back(t):
    """A signed thought goes to the client and back, byte for byte."""

    model = "claude-sonnet-4-5.thinking"
    said = [{"role": "user", "content": "Think"}]
    answer = t.chat(model, messages=said, reasoning_effort="low",
                    max_completion_tokens=4000)

    said += [answer.choices[0].message, {"role": "user", "content": "More"}]
    t.chat(model, messages=said, reasoning_effort="low",
           max_completion_tokens=4000)

    t.equal(t.sent()[1]["body"]["messages"][1]["content"][0],
            {"type": "thinking", "thinking": "Let me think",
             "signature": "c2lnbmF0dXJlK2Jhc2U2NA=="})


@test
def test_two_choices(t):
    answer = t.chat("gpt-4o-mini.two", n=2)
    t.equal([c.message.content for c in answer.choices], ["One.", "One."])

    chunks = list(t.chat("gpt-4o-mini.two", n=2, stream=True))
    for n in (0, 1):
        t.equal("".join(c.choices[0].delta.content or "" for c in chunks
                        if c.choices[0].index == n), "One.")

    e = t.raises(openai.BadRequestError, t.chat, "claude-sonnet-4-5.two", n=2)
    t.equal((e.code, e.param), ("unsupported_parameter", "n"))


@test(over=BOTH)
def test_unversioned_path(t):
    client = t.connect(path="")
    answer = client.chat.completions.create(
        model=named(t), messages=[{"role": "user", "content": "Hi"}])
    t.equal(answer.choices[0].message.content, "You said: Hi.")


@test(over=BOTH)
def test_long_body(t):
    """Through a temporary file, too."""

    said = "A long story. " * 20000
    t.equal(t.chat(named(t), said).choices[0].message.content,
            "You said: %s." % said)

    client = t.connect(path="/hasty/v1")
    answer = client.chat.completions.create(
        model=named(t), messages=[{"role": "user", "content": said}])
    t.equal(answer.choices[0].message.content, "You said: %s." % said)


# tools


@test(over=BOTH)
def test_tools_loop(t):
    messages = [{"role": "user", "content": "Paris?"}]
    answer = t.chat(named(t, "tools"), messages=messages, tools=[WEATHER])
    message = answer.choices[0].message

    t.equal(message.content, "Let me look.")
    t.equal(answer.choices[0].finish_reason, "tool_calls")
    t.equal(len(message.tool_calls), 1)

    call = message.tool_calls[0]
    t.equal((call.type, call.function.name), ("function", "get_weather"))
    t.equal(json.loads(call.function.arguments),
            {"city": "Paris", "days": 12345678901234567890})

    messages += [message, {"role": "tool", "tool_call_id": call.id,
                           "content": "sunny"}]
    answer = t.chat(named(t, "tools"), messages=messages, tools=[WEATHER])

    t.equal(answer.choices[0].message.content,
            "The tools said: %s=sunny" % call.id)
    t.equal(answer.choices[0].finish_reason, "stop")
    t.equal(tools_of(t.sent()[1]["body"], t.value), ["get_weather"])

    if t.value == "anthropic":
        # as it was written, not as a double would have it
        t.true('"days":12345678901234567890' in
               t.sent()[1]["raw"].replace(" ", ""), t.sent()[1]["raw"])


@test(over=BOTH)
def test_parallel_tools(t):
    messages = [{"role": "user", "content": "Rome and Tokyo?"}]
    answer = t.chat(named(t, "parallel"), messages=messages,
                    tools=[WEATHER, TIME])
    message = answer.choices[0].message
    calls = message.tool_calls

    t.equal([c.function.name for c in calls],
            ["get_weather", "get_weather", "get_time"])
    t.equal([json.loads(c.function.arguments) for c in calls],
            [{"city": "Rome"}, {"city": "Tokyo"}, {}])
    t.equal(len({c.id for c in calls}), 3)
    t.equal(message.content, None)

    messages.append(message)
    messages += [{"role": "tool", "tool_call_id": c.id, "content": str(n)}
                 for n, c in enumerate(calls)]
    messages.append({"role": "user", "content": "Well?"})

    answer = t.chat(named(t, "parallel"), messages=messages,
                    tools=[WEATHER, TIME])

    if t.value == "anthropic":
        t.equal(answer.choices[0].message.content, "The tools said: "
                + "; ".join("%s=%d" % (c.id, n) for n, c in enumerate(calls)))


@test(over=BOTH)
def test_tools_in_stream(t):
    chunks = list(t.chat(named(t, "parallel"), tools=[WEATHER, TIME],
                         stream=True))
    calls = {}

    for chunk in chunks:
        for call in chunk.choices[0].delta.tool_calls or []:
            if call.index not in calls:
                calls[call.index] = {"id": call.id, "type": call.type,
                                     "name": call.function.name, "args": ""}

            elif call.id is not None:
                raise Failed("an id beyond the first piece: %s" % call)

            calls[call.index]["args"] += call.function.arguments or ""

    t.equal(sorted(calls), [0, 1, 2])
    t.equal([c["name"] for c in calls.values()],
            ["get_weather", "get_weather", "get_time"])
    t.equal([c["type"] for c in calls.values()], ["function"] * 3)
    t.equal([json.loads(c["args"]) for c in calls.values()],
            [{"city": "Rome"}, {"city": "Tokyo"}, {}])
    t.equal(len({c["id"] for c in calls.values()}), 3)
    t.equal(chunks[-1].choices[0].finish_reason, "tool_calls")


@test(over=BOTH)
def test_tools_by_helper(t):
    """The client's own accumulator makes the calls whole."""

    with t.client.chat.completions.stream(
            model=named(t, "tools"), tools=[WEATHER],
            messages=[{"role": "user", "content": "Paris?"}]) as stream:
        kinds = {event.type for event in stream}
        message = stream.get_final_completion().choices[0].message

    t.true("tool_calls.function.arguments.done" in kinds
           and "content.done" in kinds, str(kinds))
    t.equal(message.content, "Let me look.")
    t.equal(json.loads(message.tool_calls[0].function.arguments),
            {"city": "Paris", "days": 12345678901234567890})


# output after a schema


@test(over=BOTH)
def test_parse(t):
    answer = t.client.chat.completions.parse(
        model=named(t, "json"), response_format=Meeting,
        messages=[{"role": "user", "content": "The science fair is on "
                                              "friday."}])

    t.equal(answer.choices[0].message.parsed,
            Meeting(**mock_provider.MEETING))

    body = t.sent()[0]["body"]

    if t.value == "anthropic":
        form = body["output_config"]["format"]
        t.equal(form["type"], "json_schema")
        t.equal(form["schema"]["additionalProperties"], False)
        t.equal(form["schema"]["required"], ["name", "day", "guests"])

    else:
        t.equal(body["response_format"]["json_schema"]["name"], "Meeting")


@test(over=BOTH)
def test_parse_in_stream(t):
    with t.client.chat.completions.stream(
            model=named(t, "json"), response_format=Meeting,
            messages=[{"role": "user", "content": "When?"}],
            stream_options={"include_usage": True}) as stream:
        for event in stream:
            pass
        answer = stream.get_final_completion()

    t.equal(answer.choices[0].message.parsed,
            Meeting(**mock_provider.MEETING))
    t.equal(answer.usage.total_tokens, 26)


@test(over=BOTH)
def test_parse_with_tools(t):
    """Tools made from a model, parsed arguments."""

    answer = t.client.chat.completions.parse(
        model=named(t, "parallel"),
        tools=[openai.pydantic_function_tool(City, name="get_weather"), TIME],
        messages=[{"role": "user", "content": "Rome and Tokyo?"}])

    calls = answer.choices[0].message.tool_calls
    t.equal([c.function.parsed_arguments for c in calls[:2]],
            [City(city="Rome"), City(city="Tokyo")])


class City(pydantic.BaseModel):
    """How the weather is"""

    city: str


@test(over=BOTH)
def test_parse_cut_short(t):
    t.raises(openai.LengthFinishReasonError, t.client.chat.completions.parse,
             model=named(t, "length"), response_format=Meeting,
             messages=[{"role": "user", "content": "When?"}])


# pictures


@test(over=BOTH)
def test_images(t):
    picture = mock_provider.picture()
    link = "https://example.com/a.png?x=1&y=%22"

    t.chat(named(t), messages=[{"role": "user", "content": [
        {"type": "text", "text": "What are these?"},
        {"type": "image_url", "image_url": {"url": picture,
                                            "detail": "low"}},
        {"type": "image_url", "image_url": {"url": link}}]}])

    parts = t.sent()[0]["body"]["messages"][0]["content"]

    if t.value == "openai":
        t.equal([p["image_url"]["url"] for p in parts[1:]], [picture, link])
        return

    t.equal(parts[0], {"type": "text", "text": "What are these?"})
    t.equal(parts[1]["source"]["media_type"], "image/png")
    base64.b64decode(parts[1]["source"]["data"], validate=True)
    t.equal(picture, "data:image/png;base64," + parts[1]["source"]["data"])
    t.equal(parts[2], {"type": "image",
                       "source": {"type": "url", "url": link}})


# errors and their classes


@test
def test_wrong_key(t):
    client = t.connect(key="sk-nobody", max_retries=2)
    e = t.raises(openai.AuthenticationError, client.models.list)

    t.equal((e.status_code, e.code, e.type),
            (401, "invalid_api_key", "authentication_error"))
    t.equal(e.response.headers["x-should-retry"], "false")
    t.equal(len(t.notes), 1)

    t.raises(openai.AuthenticationError, client.chat.completions.create,
             model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}])
    t.equal(t.sent(), [])


@test
def test_narrow_key(t):
    client = t.connect(key=gateway.NARROW, max_retries=2)
    said = [{"role": "user", "content": "x"}]

    client.chat.completions.create(model="gpt-4o-mini", messages=said)

    e = t.raises(openai.PermissionDeniedError, client.chat.completions.create,
                 model="claude-sonnet-4-5", messages=said)

    t.equal((e.status_code, e.code, e.type, e.param),
            (403, "model_not_allowed", "permission_error", "model"))
    t.equal(e.response.headers["x-should-retry"], "false")
    t.equal(len(t.notes), 2)
    t.equal(len(t.sent()), 1)

    t.equal([m.id for m in client.models.list()], ["gpt-4o-mini"])


@test
def test_quota_used_up(t):
    client = t.connect(key=gateway.POOR, max_retries=2)
    e = t.raises(openai.RateLimitError, client.chat.completions.create,
                 model="gpt-4o-mini", messages=[{"role": "user",
                                                 "content": "x"}])

    t.equal((e.status_code, e.code, e.type),
            (429, "insufficient_quota", "insufficient_quota"))
    t.equal(e.response.headers["x-should-retry"], "false")
    t.equal(e.response.headers["x-ratelimit-remaining-requests"], "0")
    t.equal(len(t.notes), 1)
    t.equal(t.sent(), [])


@test
def test_unknown_model(t):
    client = t.connect(max_retries=2)
    e = t.raises(openai.NotFoundError, client.chat.completions.create,
                 model="llama-\"9\"", messages=[{"role": "user",
                                                 "content": "x"}])

    t.equal((e.status_code, e.code, e.param),
            (404, "model_not_found", "model"))
    t.equal(e.response.headers["x-should-retry"], "false")
    t.equal(len(t.notes), 1)


@test
def test_unknown_url(t):
    e = t.raises(openai.NotFoundError, t.client.get, "/no/such",
                 cast_to=object)
    t.equal(e.code, "unknown_url")

    e = t.raises(openai.APIStatusError, t.client.delete, "/chat/completions",
                 cast_to=object)
    t.equal((e.status_code, e.code), (405, "method_not_allowed"))


WRONG = {
    "no messages": ({}, "messages"),
    "empty messages": ({"messages": []}, "messages"),
    "messages of another type": ({"messages": "Hi"}, "messages"),
    "a number as model": ({"model": 5}, "model"),
    "a role that is none": (
        {"messages": [{"role": "wizard", "content": "x"}]}, "messages"),
    "a word as stream": ({"stream": "yes"}, "stream"),
    "tools of another type": ({"tools": {"a": 1}}, "tools"),
}


@test(over=["%s: %s" % (api, name) for api in BOTH for name in WRONG])
def test_bad_request(t):
    api, _, name = t.value.partition(": ")
    change, param = WRONG[name]

    body = {"model": MODELS[api],
            "messages": [{"role": "user", "content": "x"}]}
    body.update(change)
    if not change:
        del body["messages"]

    e = t.raises(openai.BadRequestError, t.client.post, "/chat/completions",
                 body=body, cast_to=object)

    t.equal(e.type, "invalid_request_error")
    t.true((e.param or "").startswith(param), "param: %s" % e.param)
    t.equal(t.sent(), [])


PROVIDER = {
    # what the provider says: class, status and code of both providers
    "error-400": (openai.BadRequestError, 400, None),
    "error-404": (openai.NotFoundError, 404, "model_not_found"),
    "error-413": (openai.APIStatusError, 413, None),
    "error-422": (openai.UnprocessableEntityError, 422, None),
    "context": (openai.BadRequestError, 400, "context_length_exceeded"),
    "error-401": (openai.InternalServerError, 502, "provider_auth"),
    "error-402": (openai.InternalServerError, 502, "provider_auth"),
    "error-403": (openai.InternalServerError, 502, "provider_auth"),
    "throttled-7": (openai.RateLimitError, 429, "provider_rate_limit"),
    "error-500": (openai.InternalServerError, 502, "provider_error"),
    "error-503": (openai.InternalServerError, 503, "overloaded"),
    "error-529": (openai.InternalServerError, 503, "overloaded"),
    "html-500": (openai.InternalServerError, 502, "provider_error"),
    "html-200": (openai.InternalServerError, 502, "provider_error"),
    "html-400": (openai.BadRequestError, 400, None),
}


@test(over=["%s %s %s" % (api, name, kind) for api in BOTH
            for name in PROVIDER for kind in ("plain", "stream")])
def test_provider_error(t):
    api, name, kind = t.value.split()
    wanted, status, code = PROVIDER[name]

    e = t.raises(wanted, t.chat, "%s.%s" % (MODELS[api], name),
                 stream=(kind == "stream"))

    t.equal(e.status_code, status)

    if code is not None:
        t.equal(e.code, code)

    if name == "throttled-7":
        t.equal(e.response.headers["retry-after"], "7")

    if name in ("error-400", "error-404", "error-422"):
        t.true("the provider says %s" % name[-3:] in e.message, e.message)

    for secret in mock_provider.KEYS.values():
        t.true(secret not in str(e.body), "the key is in the error")


@test(over=[name + kind for name in mock_provider.FOREIGN
            for kind in ("", " stream")])
def test_foreign_error(t):
    """Errors of servers that only resemble OpenAI's come out as OpenAI's."""

    name = t.value.partition(" ")[0]
    e = t.raises(openai.BadRequestError, t.chat,
                 "gpt-4o-mini.foreign-" + name, stream=t.value != name)

    t.equal((e.code, e.type), ("context_length_exceeded" if name == "llama"
                               else None, "invalid_request_error"))
    t.true({"llama": "exceeds the available context size",
            "flat": "temperature must be non-negative",
            "detail": "top_p must be at most 1"}[name] in e.message,
           e.message)


@test(over=BOTH)
def test_retry_by_client(t):
    """A client that retries gets its answer the second time."""

    client = t.connect(max_retries=1)
    answer = client.chat.completions.create(
        model=named(t, "once-503"), user="retry-" + t.value,
        messages=[{"role": "user", "content": "x"}])

    t.equal(answer.choices[0].message.content, "Second time.")
    t.equal([n["status"] for n in t.notes], [503, 200])
    t.equal(t.notes[0]["headers"]["retry-after"], "1")


@test
def test_unreachable(t):
    e = t.raises(openai.InternalServerError, t.chat, "unreachable")
    t.equal((e.status_code, e.code), (502, "provider_error"))


@test(over=BOTH)
def test_fallback(t):
    other = {"openai": "anthropic", "anthropic": "openai"}[t.value]

    for stream in (False, True):
        got = t.client.chat.completions.with_raw_response.create(
            model="steady-" + t.value, stream=stream,
            messages=[{"role": "user", "content": "Still there?"}])

        t.equal(got.headers["x-llm-provider"], other)
        t.equal(got.headers["x-llm-model"], MODELS[other])
        t.equal(got.headers["x-llm-attempts"], "2")

        answer = got.parse()
        said = (answer.choices[0].message.content if not stream else
                "".join(c.choices[0].delta.content or "" for c in answer))
        t.equal(said, "You said: Still there?.")

    t.equal([r["api"] for r in t.sent()], [t.value, other] * 2)


@test(over=BOTH)
def test_fallback_on_context(t):
    other = {"openai": "anthropic", "anthropic": "openai"}[t.value]
    t.equal(t.chat("long-" + t.value).choices[0].message.content,
            "You said: Hi there.")
    t.equal([r["api"] for r in t.sent()], [t.value, other])


@test(over=["%s %s-%d" % (api, how, n) for api in BOTH
            for how in ("cut", "failing") for n in (5, 7)])
def test_broken_stream(t):
    """A stream that breaks off raises, however it broke."""

    api, scenario = t.value.split()
    said = []

    def read():
        for chunk in t.chat("%s.%s" % (MODELS[api], scenario), stream=True):
            said.append(chunk.choices[0].delta.content or "")

    e = t.raises(openai.APIError, read)
    t.true(GREETING.startswith("".join(said)) and "".join(said),
           "before the end: %r" % said)
    t.true(e.body["message"], "an error without a message")


@test(over=BOTH)
def test_broken_before_first_event(t):
    """Then there is still time for an error."""

    for scenario in ("cut-0", "failing-0", "failing-1"):
        e = t.raises(openai.InternalServerError, t.chat,
                     named(t, scenario), stream=True)
        t.true(e.status_code in (502, 503), "status %d" % e.status_code)


@test(over=BOTH)
def test_broken_body(t):
    e = t.raises(openai.InternalServerError, t.chat, named(t, "cut-0"))
    t.equal((e.status_code, e.code), (502, "provider_error"))


# time


@test(over=BOTH)
def test_clients_timeout(t):
    """A client that gives up is noticed; nothing goes on behind it."""

    client = t.connect(timeout=1)
    user = "timeout-" + t.value

    t.raises(openai.APITimeoutError, client.chat.completions.create,
             model=named(t, "slow-20"), user=user,
             messages=[{"role": "user", "content": "x"}])

    t.true(t.provider.gone(user), "the provider is still asked")
    t.equal(len(t.sent()), 1)


@test(over=BOTH)
def test_gateways_timeout(t):
    for stream in (False, True):
        e = t.raises(openai.InternalServerError, t.chat,
                     "hasty/%s.slow-20" % MODELS[t.value], stream=stream)
        t.equal((e.status_code, e.code), (504, "provider_timeout"))


@test(over=BOTH)
def test_slow_answer(t):
    t.equal(t.chat(named(t, "slow-0.3")).choices[0].message.content,
            "At last.")


@test(over=BOTH)
def test_cancel(t):
    """Closing a stream closes the one behind it."""

    user = "cancel-" + t.value
    stream = t.chat(named(t, "long-0.05"), stream=True, user=user)
    n = 0

    for chunk in stream:
        n += 1
        if n == 5:
            break

    stream.close()
    t.true(t.provider.gone(user), "the provider still sends")


@test(over=BOTH)
def test_stream_is_not_held(t):
    """An event leaves when it comes, not with the next one."""

    user = "held-" + t.value
    stream = t.chat(named(t, "long-0.5"), stream=True, user=user)
    n = 0

    for chunk in stream:
        if chunk.choices[0].delta.content == "word%d " % n:
            sent = t.provider.progress[user]
            n += 1

            # before the words: a role; a start, a ping, a block
            t.equal(sent - n, {"openai": 1, "anthropic": 3}[t.value])

        if n == 4:
            break

    stream.close()
    t.true(t.provider.gone(user), "the provider still sends")


# headers


@test(over=BOTH)
def test_raw_response(t):
    got = t.client.chat.completions.with_raw_response.create(
        model=named(t), messages=[{"role": "user", "content": "x"}], seed=7,
        extra_headers={"x-request-id": "mine-1.2:3"})

    t.equal(got.status_code, 200)
    t.equal(got.headers["x-request-id"], "mine-1.2:3")
    t.equal(got.headers["x-llm-model"], named(t))
    t.equal(got.headers["x-llm-provider"], t.value)
    t.equal(got.headers["x-llm-attempts"], "1")
    t.equal(got.headers.get("x-llm-dropped-params"),
            "seed" if t.value == "anthropic" else None)
    t.equal(got.parse()._request_id, "mine-1.2:3")

    first = t.chat(named(t))._request_id
    t.true(first and first != t.chat(named(t))._request_id,
           "one id for two requests: %s" % first)

    e = t.raises(openai.NotFoundError, t.chat, "nothing",
                 extra_headers={"x-request-id": "mine-4"})
    t.equal(e.request_id, "mine-4")


@test(over=BOTH)
def test_streaming_response(t):
    with t.client.chat.completions.with_streaming_response.create(
            model=named(t), stream=True,
            messages=[{"role": "user", "content": "x"}]) as got:
        t.true(got.headers["content-type"].startswith("text/event-stream"),
               got.headers["content-type"])
        t.equal(got.headers["x-llm-provider"], t.value)
        lines = [line for line in got.iter_lines() if line]

    t.equal(lines[-1], "data: [DONE]")


# models


@test
def test_models(t):
    models = t.client.models.list()
    ids = [m.id for m in models]

    for name in ("gpt-4o-mini", "claude-sonnet-4-5", "steady-openai"):
        t.true(name in ids, "no %s in %s" % (name, ids))

    t.true(not any("*" in name for name in ids), "a pattern in %s" % ids)

    model = t.client.models.retrieve("claude-sonnet-4-5")
    t.equal((model.id, model.object), ("claude-sonnet-4-5", "model"))

    # one that only a pattern knows, with a slash in its name
    t.equal(t.client.models.retrieve("hasty/gpt-4o").id, "hasty/gpt-4o")

    e = t.raises(openai.NotFoundError, t.client.models.retrieve, "nothing")
    t.equal(e.code, "model_not_found")


@test
def test_models_for_anthropic(t):
    """The same list serves Anthropic's client."""

    client = anthropic.Anthropic(base_url=t.gateway.url, max_retries=0,
                                 api_key=gateway.KEY)
    ids = [m.id for m in client.models.list(limit=1000)]
    t.true("claude-sonnet-4-5" in ids, str(ids))
    t.equal(client.models.retrieve("claude-sonnet-4-5").type, "model")


# the asynchronous client


@test(over=BOTH)
def test_async(t):
    async def many():
        async with t.connect_async() as client:
            async def one(n):
                answer = await client.chat.completions.create(
                    model=named(t), messages=[{"role": "user",
                                               "content": "n%d" % n}])
                return answer.choices[0].message.content

            async def streamed(n):
                stream = await client.chat.completions.create(
                    model=named(t), stream=True,
                    messages=[{"role": "user", "content": "s%d" % n}])
                return "".join([c.choices[0].delta.content or ""
                                async for c in stream])

            return await asyncio.gather(*[one(n) for n in range(20)],
                                        *[streamed(n) for n in range(20)])

    t.equal(asyncio.run(many()),
            ["You said: n%d." % n for n in range(20)]
            + ["You said: s%d." % n for n in range(20)])


@test(over=BOTH)
def test_async_cancel(t):
    user = "async-" + t.value

    async def begin():
        async with t.connect_async() as client:
            stream = await client.chat.completions.create(
                model=named(t, "long-0.05"), stream=True, user=user,
                messages=[{"role": "user", "content": "x"}])

            async for chunk in stream:
                if chunk.choices[0].delta.content:
                    break

            await stream.close()

    asyncio.run(begin())
    t.true(t.provider.gone(user), "the provider still sends")


# stand-ins: the one of this suite and the module's


@test
def test_mock_speaks_anthropic(t):
    """What this suite's stand-in says is what Anthropic's client knows."""

    client = anthropic.Anthropic(
        base_url="http://127.0.0.1:%d" % t.provider.ports["anthropic"],
        api_key=mock_provider.KEYS["anthropic"], max_retries=0)
    # its headers are not those of the gateway
    t.allowed = ["x-stainless", "compressed", "authorization", "x-api-key",
                 "anthropic-version"]

    for scenario in ("hello", "parallel", "thinking", "refusal", "empty"):
        model = "claude-sonnet-4-5." + scenario
        ask = {"model": model, "max_tokens": 99,
               "messages": [{"role": "user", "content": "x"}],
               "tools": [{"name": "get_weather",
                          "input_schema": {"type": "object"}}]}

        plain = client.messages.create(**ask)
        strict(t, plain)

        with client.messages.stream(**ask) as stream:
            for event in stream:
                strict(t, event)
            streamed = stream.get_final_message()

        t.equal([b.to_dict() for b in streamed.content],
                [b.to_dict() for b in plain.content])
        t.equal((streamed.stop_reason, streamed.usage.output_tokens),
                (plain.stop_reason, plain.usage.output_tokens))


def strict(t, value):
    """The client reads leniently: ask its types what they think."""

    type(value).model_validate(value.to_dict())


@test(over=BOTH)
def test_stand_in(t):
    """llm_mock, asked directly by the provider's own client."""

    path = t.gateway.url + "/stand-in/" + t.value
    said = [{"role": "user", "content": "Hi \u00fc \"x\""}]

    if t.value == "openai":
        client = OpenAI(base_url=path + "/v1", api_key="any", max_retries=0)
        answer = client.chat.completions.create(model="m", messages=said)
        t.equal(answer.choices[0].message.content, "echo: Hi \u00fc \"x\"")

        with client.chat.completions.stream(
                model="m", messages=said, tools=[WEATHER],
                stream_options={"include_usage": True}) as stream:
            list(stream)
            answer = stream.get_final_completion()

        calls = answer.choices[0].message.tool_calls
        t.equal([(c.function.name, c.function.arguments) for c in calls],
                [("get_weather", "{\"city\":\"Rome\"}")] * 2)
        t.true(answer.usage.total_tokens > 0, "no usage")

    else:
        client = anthropic.Anthropic(base_url=path, api_key="any",
                                     max_retries=0)
        ask = {"model": "m", "max_tokens": 99, "messages": said}
        answer = client.messages.create(**ask)
        t.equal(answer.content[0].text, "echo: Hi \u00fc \"x\"")

        with client.messages.stream(
                tools=[{"name": "get_weather",
                        "input_schema": {"type": "object"}}],
                **ask) as stream:
            list(stream)
            answer = stream.get_final_message()

        t.equal([(b.name, b.input) for b in answer.content
                 if b.type == "tool_use"],
                [("get_weather", {"city": "Rome"})] * 2)
        t.equal(answer.stop_reason, "tool_use")

    judge_stand_in(t, path)


def judge_stand_in(t, path):
    """Its bytes, held against the description."""

    ask = {"model": "m", "max_tokens": 99,
           "messages": [{"role": "user", "content": "two words"}]}
    path += "/v1/" + ("chat/completions" if t.value == "openai"
                      else "messages")

    def post(**more):
        request = urllib.request.Request(
            path, json.dumps({**ask, **more}).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    out = t.suite.specs.check("answer", t.value, json.loads(post()))

    for line in post(stream=True).split("\n"):
        if line.startswith("data: ") and line != "data: [DONE]":
            out += t.suite.specs.check("event", t.value,
                                       json.loads(line[6:]))

    t.equal(out, [])
