"""A real inference server behind the gateway, reached in both of its dialects.

What a client gets through the gateway must be what it gets from the server:
words, counts, refusals.  REAL_URL is the server, REAL_MODEL its model (the
first one that it lists), REAL_KEY a key if it wants one.
"""

import json
import os
import signal
import sys
import urllib.error
import urllib.request

import openai
import pydantic

import gateway
import harness
import specs

from harness import test


URL = os.environ["REAL_URL"].rstrip("/")
BOTH = ("openai", "anthropic")

HTTP = """
    llm_provider openai {
        dialect        openai;
        url            %(url)s/v1;
        key            %(key)s;
        total_timeout  60s;
    }

    llm_provider anthropic {
        url            %(url)s;
        key            %(key)s;
        total_timeout  60s;
    }

    llm_provider roomy {
        dialect  openai;
        url      http://127.0.0.1:%(stand_in)d/v1;
        key      none;
    }

    llm_model by-openai     { deployment openai %(model)s; }
    llm_model by-anthropic  { deployment anthropic %(model)s; }
    llm_model roomy         { deployment roomy large; }

    llm_model long-openai {
        deployment  openai %(model)s;
        fallback    on=context roomy;
    }

    llm_model long-anthropic {
        deployment  anthropic %(model)s;
        fallback    on=context roomy;
    }

    server {
        listen  127.0.0.1:%(stand_in)d;

        location / {
            llm_mock  openai "text=There is room here.";
        }
    }
"""

# the same words every time

ASK = {"temperature": 0, "max_tokens": 24, "seed": 1,
       "messages": [{"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Hello \u00fc, \"you\""}]}
LONG = "a very long story " * 20000


class Nobody:
    """No stand-ins here."""

    @staticmethod
    def take():
        return {"requests": [], "violations": []}


class Coin(pydantic.BaseModel):
    heads: bool
    side: int


def direct(path, body=None):
    """The server itself; an error is its status."""

    request = urllib.request.Request(
        URL + path, json.dumps(body).encode() if body else None,
        {"Content-Type": "application/json"})

    if os.environ.get("REAL_KEY"):
        request.add_header("Authorization",
                           "Bearer " + os.environ["REAL_KEY"])
        request.add_header("x-api-key", os.environ["REAL_KEY"])

    request.add_header("anthropic-version", "2023-06-01")

    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    except urllib.error.HTTPError as e:
        return e.code


def answers(t, **more):
    """Text and counts of the same request, asked without the gateway."""

    body = {"model": t.suite.model, **ASK, **more}

    if t.value == "openai":
        got = direct("/v1/chat/completions", body)
        usage = got["usage"]

        return (got["choices"][0]["message"]["content"],
                got["choices"][0]["finish_reason"],
                usage["prompt_tokens"], usage["completion_tokens"])

    body["system"] = body["messages"][0]["content"]
    body["messages"] = body["messages"][1:]
    got = direct("/v1/messages", body)
    usage = got["usage"]

    return ("".join(b["text"] for b in got["content"]),
            {"end_turn": "stop", "max_tokens": "length"}[got["stop_reason"]],
            usage["input_tokens"] + usage.get("cache_read_input_tokens", 0)
            + usage.get("cache_creation_input_tokens", 0),
            usage["output_tokens"])


@test(over=BOTH)
def test_plain(t):
    wanted = answers(t)
    got = t.client.chat.completions.create(model="by-" + t.value, **ASK)

    t.equal((got.choices[0].message.content, got.choices[0].finish_reason,
             got.usage.prompt_tokens, got.usage.completion_tokens), wanted)
    t.equal(got.usage.total_tokens, wanted[2] + wanted[3])
    t.true(wanted[3] > 0 and wanted[2] > 0, "no tokens: %s" % (wanted,))


@test(over=BOTH)
def test_stream(t):
    wanted = answers(t)
    chunks = list(t.client.chat.completions.create(
        model="by-" + t.value, stream=True,
        stream_options={"include_usage": True}, **ASK))

    usage = chunks[-1].usage
    reasons = [c.choices[0].finish_reason for c in chunks
               if c.choices and c.choices[0].finish_reason]

    t.equal(("".join(c.choices[0].delta.content or "" for c in chunks
                     if c.choices), reasons[-1],
             usage.prompt_tokens, usage.completion_tokens), wanted)
    t.true(len(chunks) > 5, "%d chunks" % len(chunks))


@test(over=BOTH)
def test_usage_is_hidden(t):
    chunks = list(t.client.chat.completions.create(
        model="by-" + t.value, stream=True, **ASK))
    t.true(all(c.choices and c.usage is None for c in chunks),
           "usage that was not asked for")


@test(over=BOTH)
def test_usage_in_log(t):
    """Known to the gateway, whether or not the client asked."""

    wanted = answers(t)
    t.client.chat.completions.create(model="by-" + t.value, **ASK)
    list(t.client.chat.completions.create(model="by-" + t.value, stream=True,
                                          **ASK))

    with open(os.path.join(t.gateway.prefix, "logs", "access.log")) as f:
        lines = [json.loads(line) for line in f][-2:]

    for line in lines:
        t.equal((line["provider"], line["in"], line["out"]),
                (t.value, wanted[2], wanted[3]))


@test(over=BOTH)
def test_stop(t):
    """A limit of one token is kept."""

    wanted = answers(t, max_tokens=1)
    got = t.client.chat.completions.create(model="by-" + t.value,
                                           **{**ASK, "max_tokens": 1})
    t.equal((got.choices[0].message.content, got.choices[0].finish_reason,
             got.usage.completion_tokens), (wanted[0], "length", 1))


@test
def test_schema(t):
    """Output after a schema, which the server enforces in this dialect."""

    got = t.client.chat.completions.parse(
        model="by-openai", response_format=Coin, max_tokens=300,
        messages=[{"role": "user", "content": "Toss a coin."}])
    t.true(isinstance(got.choices[0].message.parsed, Coin), str(got))

    with t.client.chat.completions.stream(
            model="by-openai", response_format=Coin, max_tokens=300,
            messages=[{"role": "user", "content": "Toss a coin."}]) as stream:
        for event in stream:
            pass
        got = stream.get_final_completion()

    t.true(isinstance(got.choices[0].message.parsed, Coin), str(got))


@test
def test_schema_is_taken(t):
    """The other one need not enforce it, but it must take the request."""

    got = t.client.chat.completions.create(
        model="by-anthropic", max_tokens=20,
        response_format=openai.lib._parsing._completions
        .type_to_response_format_param(Coin),
        messages=[{"role": "user", "content": "Toss a coin."}])
    t.equal(got.usage.completion_tokens, 20)


@test(over=BOTH)
def test_tools_are_taken(t):
    tools = [{"type": "function", "function": {
        "name": "toss", "parameters": {"type": "object", "properties": {
            "coin": {"type": "string"}}}}}]

    for choice in ("auto", "none"):
        got = t.client.chat.completions.create(
            model="by-" + t.value, tools=tools, tool_choice=choice, **ASK)
        t.true(got.usage.prompt_tokens > 0, str(got))

    got = t.client.chat.completions.create(
        model="by-" + t.value, tools=tools, max_tokens=9, temperature=0,
        messages=[{"role": "user", "content": "Toss"},
                  {"role": "assistant", "content": None, "tool_calls": [
                      {"id": "c1", "type": "function", "function": {
                          "name": "toss", "arguments": "{\"coin\":\"a\"}"}}]},
                  {"role": "tool", "tool_call_id": "c1",
                   "content": "heads"}])
    t.true(got.usage.completion_tokens > 0, str(got))


@test(over=["%s %s" % (api, kind) for api in BOTH
            for kind in ("plain", "stream")])
def test_too_long(t):
    api, kind = t.value.split()
    said = [{"role": "user", "content": LONG}]

    e = t.raises(openai.BadRequestError, t.client.chat.completions.create,
                 model="by-" + api, messages=said, stream=(kind == "stream"))

    t.equal((e.status_code, e.code, e.type),
            (400, "context_length_exceeded", "invalid_request_error"))
    t.true("context" in e.message, e.message)

    got = t.client.chat.completions.with_raw_response.create(
        model="long-" + api, messages=said, stream=(kind == "stream"))

    t.equal(got.headers["x-llm-provider"], "roomy")
    t.equal(got.headers["x-llm-attempts"], "2")

    answer = got.parse()
    t.equal("".join(c.choices[0].delta.content or "" for c in answer)
            if kind == "stream" else answer.choices[0].message.content,
            "There is room here.")


@test(over=BOTH)
def test_many(t):
    """More streams at once than the server has room for."""

    import asyncio

    async def ask():
        async with t.connect_async() as client:
            async def one(n):
                stream = await client.chat.completions.create(
                    model="by-" + t.value, stream=True, max_tokens=40,
                    messages=[{"role": "user", "content": "n%d" % n}])
                return [c async for c in stream][-1].choices[0].finish_reason

            return await asyncio.gather(*[one(n) for n in range(12)])

    t.true(set(asyncio.run(ask())) <= {"stop", "length"}, "an odd end")


def main():
    # what is open must be closed, too, where time is up
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(143))

    judges = specs.Specs()
    models = direct("/v1/models")

    if not isinstance(models, dict):
        print("%s/v1/models answers %s" % (URL, models))
        print("0 passed, 1 failed")
        sys.exit(1)

    model = os.environ.get("REAL_MODEL") or models["data"][0]["id"]
    port = gateway.free_port()
    key = "env:REAL_KEY" if os.environ.get("REAL_KEY") else "none"

    gate = gateway.Gateway(
        os.path.join(os.environ["BUILD"], "real"),
        HTTP.replace("%(url)s", URL).replace("%(model)s", model)
            .replace("%(key)s", key), {"stand_in": port})

    # what the server says goes through as it is where the dialects agree
    suite = harness.Suite(
        gate, Nobody, judges,
        lambda note: note["headers"].get("x-llm-provider") != "openai")
    suite.model = model

    try:
        suite.run(sys.argv[1] if len(sys.argv) > 1 else None)
    finally:
        gate.close()

    suite.report("nginx's log", gate.alarms())

    print("%d passed, %d failed" % (suite.passed, suite.failed))
    sys.stdout.flush()
    os._exit(1 if suite.failed else 0)


main()
