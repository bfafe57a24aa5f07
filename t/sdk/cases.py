"""Requests of OpenAI's API and what the providers must get of them.

Each row goes to both.  What OpenAI gets is what the client wrote, but for the
model's name.  What Anthropic gets stands in the row: the members named there,
and no other beyond "model", "max_tokens" and "messages".  Both are held against
the published descriptions on the way, by the stand-ins.

The order is that of a mapping table: the list of messages, parts of messages,
calls and results, tools and the choice among them, other fields, reasoning.
"""

import json

import openai

import harness
import mock_provider


SONNET = "claude-sonnet-4-5"
PICTURE = mock_provider.picture()
PNG = PICTURE.partition(",")[2]
PDF = "JVBERi0xLjQKJSVFT0YK"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}},
          "required": ["a"]}

ROWS = []


def user(*content):
    if len(content) == 1 and isinstance(content[0], str):
        return {"role": "user", "content": content[0]}

    return {"role": "user", "content": list(content)}


def assistant(content=None, **members):
    return {"role": "assistant", "content": content, **members}


def tool(id, content):
    return {"role": "tool", "tool_call_id": id, "content": content}


def system(content, role="system"):
    return {"role": role, "content": content}


def text(value, **more):
    return {"type": "text", "text": value, **more}


def call(id, name="f", arguments="{}"):
    return {"id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}}


def function(name="f", parameters=None, **more):
    made = {"name": name, **more}
    if parameters is not None:
        made["parameters"] = parameters

    return {"type": "function", "function": made}


# Anthropic's side


def turn(role, *blocks):
    return {"role": role, "content": [text(b) if isinstance(b, str) else b
                                      for b in blocks]}


def use(id, name="f", input=None):
    return {"type": "tool_use", "id": id, "name": name, "input": input or {}}


def result(id, content=None, **more):
    made = {"type": "tool_result", "tool_use_id": id}
    if content is not None:
        made["content"] = content

    return {**made, **more}


def source(**members):
    return {"type": "image", "source": members}


def document(title=None, **members):
    made = {"type": "document", "source": members}
    if title:
        made["title"] = title

    return made


F = function("f", SCHEMA)
F_OUT = {"name": "f", "input_schema": SCHEMA}
OPEN = {"type": "object", "properties": {}}


def row(name, ask, wanted=None, model=SONNET, dropped=None, refused=None,
        other=True, stream=False, allowed=()):
    """
    ask       members of the request, or its messages
    wanted    members that Anthropic gets, or its messages
    dropped   what x-llm-dropped-params says
    refused   the error in place of an answer: its code and "param"
    other     False: not for OpenAI; a list: what its description says of it
    """

    if isinstance(ask, list):
        ask = {"messages": ask}

    if isinstance(wanted, list):
        wanted = {"messages": wanted}

    ROWS.append((name, ask, wanted or {}, model, dropped, refused, other,
                 stream, allowed))


def rows_messages():
    row("one text", [user("Hi")], [turn("user", "Hi")])

    row("system first",
        [system("Be brief."), user("Hi")],
        {"system": "Be brief.", "messages": [turn("user", "Hi")]})

    row("system and developer, anywhere",
        [system("One."), user("Hi"), assistant("Ho"),
         system("Two.", "developer"), user("Go")],
        {"system": "One.\nTwo.",
         "messages": [turn("user", "Hi"), turn("assistant", "Ho"),
                      turn("user", "Go")]})

    row("parts of a system message, one with a mark",
        [system([text("One.", cache_control={"type": "ephemeral"}),
                 text("Two.")]), user("Hi")],
        {"system": [text("One.", cache_control={"type": "ephemeral"}),
                    text("Two.")],
         "messages": [turn("user", "Hi")]})

    row("an empty system message",
        [system(""), user("Hi")], [turn("user", "Hi")])

    row("system messages only",
        [system("You are a poet.")], [turn("user", "You are a poet.")])

    row("turns of one role in a row",
        [user("a"), user("b"), assistant("c"), assistant("d"), user("e")],
        [turn("user", "a", "b"), turn("assistant", "c", "d"),
         turn("user", "e")])

    row("an answer first",
        [assistant("Hello"), user("Hi")],
        [turn("user", "."), turn("assistant", "Hello"), turn("user", "Hi")])

    row("an answer begun",
        [user("Hi"), assistant("Well, \n ")],
        [turn("user", "Hi"), turn("assistant", "Well,")])

    row("blank texts",
        [user("Hi"), assistant(""), user(text("a"), text(" \n"), text("b"))],
        [turn("user", "Hi", "a", "b")])

    row("names of participants",
        [{"role": "user", "name": "ada", "content": "Hi"}],
        [turn("user", "Hi")])

    row("a refusal in the history",
        [user("Hi"), assistant(None, refusal="No."), user("Please")],
        [turn("user", "Hi"), turn("assistant", "No."),
         turn("user", "Please")])

    row("a refusal part",
        [user("Hi"), assistant([{"type": "refusal", "refusal": "No."}]),
         user("Please")],
        [turn("user", "Hi"), turn("assistant", "No."),
         turn("user", "Please")])

    row("spoken answers are left out",
        [user("Hi"), assistant("Ho", audio={"id": "audio_1"}), user("Go")],
        [turn("user", "Hi"), turn("assistant", "Ho"), turn("user", "Go")])

    row("an answer in parts",
        [user("Hi"), assistant([text("a"), text("b")]), user("Go")],
        [turn("user", "Hi"), turn("assistant", "a", "b"), turn("user", "Go")])

    row("a mark of a whole message",
        [{**user(text("a"), text("b")),
          "cache_control": {"type": "ephemeral"}}],
        [turn("user", "a", text("b", cache_control={"type": "ephemeral"}))])


def rows_parts():
    row("a text with a mark",
        [user(text("a", cache_control={"type": "ephemeral", "ttl": "1h"}))],
        [turn("user", text("a", cache_control={"type": "ephemeral",
                                               "ttl": "1h"}))])

    row("a cache breakpoint",
        [user(text("a", prompt_cache_breakpoint={"mode": "explicit"}))],
        [turn("user", text("a", cache_control={"type": "ephemeral"}))])

    def image(url, **more):
        return {"type": "image_url", "image_url": {"url": url, **more}}

    row("an image as data",
        [user(text("See"), image(PICTURE, detail="high"))],
        [turn("user", "See", source(type="base64", media_type="image/png",
                                    data=PNG))])

    row("an image of a type with parameters",
        [user(image("data:image/jpg;name=a.jpg;base64," + PNG))],
        [turn("user", source(type="base64", media_type="image/jpeg",
                             data=PNG))])

    row("an image by its address",
        [user(image("https://example.com/a.png?b=1&c=2"))],
        [turn("user", source(type="url",
                             url="https://example.com/a.png?b=1&c=2"))])

    row("an image not in base64",
        [user(image("data:image/png,abc"))],
        refused=(None, "messages[0].content[0].image_url.url"), other=False)

    row("an image as a string",
        [user({"type": "image_url", "image_url": "https://example.com/a.png"})],
        [turn("user", source(type="url", url="https://example.com/a.png"))],
        other=["openai request", "openai client"])

    row("sound",
        [user({"type": "input_audio",
               "input_audio": {"data": "AAAA", "format": "wav"}})],
        refused=("unsupported_parameter", "messages"))

    def file(**members):
        return {"type": "file", "file": members}

    row("a PDF as a data URL",
        [user(text("Read"), file(filename="a.pdf", file_data="data:"
                                 "application/pdf;base64," + PDF))],
        [turn("user", "Read", document("a.pdf", type="base64",
                                       media_type="application/pdf",
                                       data=PDF))])

    row("a PDF as base64",
        [user(text("Read"), file(filename="a.pdf", file_data=PDF))],
        [turn("user", "Read", document("a.pdf", type="base64",
                                       media_type="application/pdf",
                                       data=PDF))])

    row("a file of text",
        [user(text("Read"), file(file_data="data:text/plain;base64,"
                                           "R3LDvMOfZSAi4oKsIg=="))],
        [turn("user", "Read", document(type="text", media_type="text/plain",
                                       data="Gr\u00fc\u00dfe \"\u20ac\""))])

    row("a file that is an image",
        [user(text("See"), file(filename="a.png", file_data=PICTURE))],
        [turn("user", "See", source(type="base64", media_type="image/png",
                                    data=PNG))])

    row("a file of OpenAI's",
        [user(text("Read"), file(file_id="file-abc"))],
        refused=("unsupported_parameter", "messages"))

    row("a file by its address",
        [user(text("Read"), file(file_url="https://example.com/a.pdf"))],
        [turn("user", "Read", document(type="url",
                                       url="https://example.com/a.pdf"))])

    row("a part of no known type",
        [user(text("See"), {"type": "hologram", "hologram": {}})],
        refused=("unsupported_parameter", "messages"), other=False)


def rows_calls():
    asked = [user("Hi"), assistant(None, tool_calls=[call("c1"), call("c2")])]
    used = [turn("user", "Hi"), turn("assistant", use("c1"), use("c2"))]

    row("calls and their results",
        {"tools": [F], "messages": asked + [tool("c1", "one"),
                                            tool("c2", "two")]},
        {"tools": [F_OUT],
         "messages": used + [turn("user", result("c1", "one"),
                                  result("c2", "two"))]})

    row("results, then the user",
        {"tools": [F], "messages": asked + [tool("c1", "one"),
                                            tool("c2", "two"), user("So?")]},
        {"tools": [F_OUT],
         "messages": used + [turn("user", result("c1", "one"),
                                  result("c2", "two"), "So?")]})

    row("a result that comes late",
        {"tools": [F], "messages": asked + [tool("c1", "one"), user("So?"),
                                            tool("c2", "two")]},
        {"tools": [F_OUT],
         "messages": used + [turn("user", result("c1", "one"),
                                  result("c2", "two"), "So?")]},
        other=False)

    row("a text beside calls",
        {"tools": [F], "messages": [
            user("Hi"), assistant("Let me see.", tool_calls=[call("c1")]),
            tool("c1", "one")]},
        {"tools": [F_OUT], "messages": [
            turn("user", "Hi"), turn("assistant", "Let me see.", use("c1")),
            turn("user", result("c1", "one"))]})

    row("calls in the history, no tools",
        asked + [tool("c1", "one"), tool("c2", "two")],
        {"tools": lambda got: len(got) == 1 and got[0]["input_schema"],
         "tool_choice": {"type": "none"},
         "messages": used + [turn("user", result("c1", "one"),
                                  result("c2", "two"))]})

    def one(arguments, input, name, **more):
        row("arguments: " + name,
            {"tools": [F], "messages": [
                user("Hi"),
                assistant(None, tool_calls=[call("c1", "f", arguments)]),
                tool("c1", "one")]},
            {"tools": [F_OUT], "messages": [
                turn("user", "Hi"), turn("assistant", use("c1", "f", input)),
                turn("user", result("c1", "one"))]}, **more)

    one('{"b":1,"a":[1.10,{"x":"\\u00fc\\n"}]}',
        {"b": 1, "a": [1.1, {"x": "\u00fc\n"}]}, "an object")
    one("", {}, "nothing")
    one(" \n", {}, "blanks")
    one("{}", {}, "an empty object")
    one("null", {}, "null")
    one('{"n":12345678901234567890123}', {"n": 12345678901234567890123},
        "a large number")
    one('{"bad"', {}, "no JSON", refused=(None, "messages"))
    one("[1]", {}, "no object", refused=(None, "messages"))

    ids = ["call:1.a b", "call:1.a_b", "x" * 100]
    row("ids that Anthropic would not take",
        {"tools": [F], "messages": [
            user("Hi"), assistant(None, tool_calls=[call(i) for i in ids])]
            + [tool(i, i[:8]) for i in reversed(ids)]},
        {"tools": [F_OUT], "messages": lambda got:
            [b["id"] for b in got[1]["content"]]
            == [b["tool_use_id"] for b in reversed(got[2]["content"])]
            and len({b["id"] for b in got[1]["content"]}) == 3})

    row("an empty result",
        {"tools": [F], "messages": [
            user("Hi"), assistant(None, tool_calls=[call("c1")]),
            tool("c1", "")]},
        {"tools": [F_OUT], "messages": [
            turn("user", "Hi"), turn("assistant", use("c1")),
            turn("user", result("c1"))]})

    row("a result in parts",
        {"tools": [F], "messages": [
            user("Hi"), assistant(None, tool_calls=[call("c1")]),
            tool("c1", [text("a"), text(" "), text("b")])]},
        {"tools": [F_OUT], "messages": [
            turn("user", "Hi"), turn("assistant", use("c1")),
            turn("user", result("c1", [text("a"), text("b")]))]})

    row("a result with an image",
        {"tools": [F], "messages": [
            user("Hi"), assistant(None, tool_calls=[call("c1")]),
            tool("c1", [text("a"), {"type": "image_url",
                                    "image_url": {"url": PICTURE}}])]},
        {"tools": [F_OUT], "messages": [
            turn("user", "Hi"), turn("assistant", use("c1")),
            turn("user", result("c1", [
                text("a"), source(type="base64", media_type="image/png",
                                  data=PNG)]))]},
        other=["openai request", "openai client"])

    row("a result that is an error",
        {"tools": [F], "messages": [
            user("Hi"), assistant(None, tool_calls=[call("c1")]),
            {**tool("c1", "no"), "is_error": True}]},
        {"tools": [F_OUT], "messages": [
            turn("user", "Hi"), turn("assistant", use("c1")),
            turn("user", result("c1", "no", is_error=True))]})

    row("a function call of old",
        {"functions": [F["function"]], "messages": [
            user("Hi"),
            assistant(None, function_call={"name": "f", "arguments":
                                           '{"a":1}'}),
            {"role": "function", "name": "f", "content": "one"}]},
        {"tools": [F_OUT],
         "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
         "messages": lambda got: got[1]["content"][0]["input"] == {"a": 1}
         and got[2]["content"] == [result(got[1]["content"][0]["id"],
                                          "one")]})

    row("a custom call",
        {"tools": [F], "messages": [
            user("Hi"),
            assistant(None, tool_calls=[{"id": "c1", "type": "custom",
                                         "custom": {"name": "f",
                                                    "input": "x\"y"}}]),
            tool("c1", "one")]},
        {"tools": [F_OUT], "messages": [
            turn("user", "Hi"),
            turn("assistant", use("c1", "f", {"input": "x\"y"})),
            turn("user", result("c1", "one"))]})

    row("thinking comes back first",
        {"tools": [F], "reasoning_effort": "low",
         "max_completion_tokens": 4000, "messages": [
             user("Hi"),
             assistant("Ho", tool_calls=[call("c1")], thinking_blocks=[
                 {"type": "thinking", "thinking": "", "signature": "c2ln"},
                 {"type": "redacted_thinking", "data": "ZGF0YQ=="}]),
             tool("c1", "one")]},
        {"tools": [F_OUT], "max_tokens": 4000,
         "thinking": lambda got: got["type"] == "enabled",
         "messages": [
             turn("user", "Hi"),
             turn("assistant",
                  {"type": "thinking", "thinking": "", "signature": "c2ln"},
                  {"type": "redacted_thinking", "data": "ZGF0YQ=="},
                  "Ho", use("c1")),
             turn("user", result("c1", "one"))]})


def rows_tools():
    def asks(*tools, **more):
        return {"messages": [user("Hi")], "tools": list(tools), **more}

    row("a tool", asks(function("f", SCHEMA, description="What \"it\" does",
                                strict=True)),
        {"tools": [{"name": "f", "description": "What \"it\" does",
                    "input_schema": SCHEMA, "strict": True}]})

    row("a tool, not strict", asks(function("f", SCHEMA, strict=False)),
        {"tools": [F_OUT]})

    row("a tool without parameters", asks(function("f")),
        {"tools": [{"name": "f", "input_schema": OPEN}]})

    row("a tool whose parameters have no type",
        asks(function("f", {"properties": {"a": {"type": "string"}}})),
        {"tools": [{"name": "f", "input_schema": {
            "type": "object", "properties": {"a": {"type": "string"}}}}]})

    row("a tool with a mark",
        asks({**F, "cache_control": {"type": "ephemeral"}}),
        {"tools": [{**F_OUT, "cache_control": {"type": "ephemeral"}}]})

    row("a function with a mark",
        asks(function("f", SCHEMA, cache_control={"type": "ephemeral"})),
        {"tools": [{**F_OUT, "cache_control": {"type": "ephemeral"}}]})

    row("a tool of the vendor's",
        asks({"type": "web_search_20250305", "name": "web_search",
              "max_uses": 3}),
        {"tools": [{"type": "web_search_20250305", "name": "web_search",
                    "max_uses": 3}]}, other=False)

    row("a custom tool",
        asks({"type": "custom", "custom": {"name": "c"}}),
        refused=("unsupported_parameter", "tools"))

    row("functions of old",
        {"messages": [user("Hi")], "functions": [F["function"]],
         "function_call": {"name": "f"}},
        {"tools": [F_OUT], "tool_choice": {"type": "tool", "name": "f",
                                           "disable_parallel_tool_use": True}})

    row("choice: auto", asks(F, tool_choice="auto"),
        {"tools": [F_OUT],
         "tool_choice": lambda got: got in (None, {"type": "auto"})})

    row("choice: none", asks(F, tool_choice="none"),
        {"tools": [F_OUT], "tool_choice": {"type": "none"}})

    row("choice: required", asks(F, tool_choice="required"),
        {"tools": [F_OUT], "tool_choice": {"type": "any"}})

    row("choice: one function",
        asks(F, tool_choice={"type": "function", "function": {"name": "f"}}),
        {"tools": [F_OUT], "tool_choice": {"type": "tool", "name": "f"}})

    for mode, chosen in (("auto", "auto"), ("required", "any")):
        row("choice: some functions, " + mode,
            asks(F, function("g"), function("h"), tool_choice={
                "type": "allowed_tools", "allowed_tools": {
                    "mode": mode, "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "function", "function": {"name": "h"}}]}}),
            {"tools": [F_OUT, {"name": "h", "input_schema": OPEN}],
             "tool_choice": lambda got, chosen=chosen:
                (got or {"type": "auto"}) == {"type": chosen}})

    row("no parallel calls", asks(F, parallel_tool_calls=False),
        {"tools": [F_OUT], "tool_choice": {"type": "auto",
                                           "disable_parallel_tool_use": True}})

    row("no parallel calls, but one",
        asks(F, parallel_tool_calls=False, tool_choice="required"),
        {"tools": [F_OUT], "tool_choice": {"type": "any",
                                           "disable_parallel_tool_use": True}})

    row("no parallel calls, and none at all",
        asks(F, parallel_tool_calls=False, tool_choice="none"),
        {"tools": [F_OUT], "tool_choice": {"type": "none"}})

    row("parallel calls", asks(F, parallel_tool_calls=True),
        {"tools": [F_OUT]})

    row("no parallel calls without tools",
        {"messages": [user("Hi")], "parallel_tool_calls": False}, other=False)

    row("a choice without tools",
        {"messages": [user("Hi")], "tool_choice": "required"},
        dropped="tool_choice", other=False)


def rows_fields():
    def asks(**members):
        return {"messages": [user("Hi")], **members}

    def hint(name, value, **more):
        row("hint: " + name, asks(**{name: value}), dropped=name, **more)

    row("max_completion_tokens", asks(max_completion_tokens=77),
        {"max_tokens": 77})
    row("max_tokens", asks(max_tokens=78), {"max_tokens": 78})
    row("both limits", asks(max_tokens=78, max_completion_tokens=77),
        {"max_tokens": 77})
    row("no limit", asks(max_tokens=None),
        {"max_tokens": lambda got: got >= 1024})

    row("stop: a word", asks(stop="END"), {"stop_sequences": ["END"]})
    row("stop: words", asks(stop=["END", "\n\n#", " "]),
        {"stop_sequences": ["END", "\n\n#"]}, dropped="stop")
    row("stop: blanks", asks(stop=["\n"]), dropped="stop")
    row("stop: null", asks(stop=None))

    row("temperature", asks(temperature=0.30), {"temperature": 0.3})
    row("temperature above 1", asks(temperature=1.7), {"temperature": 1},
        dropped="temperature")
    row("temperature and top_p", asks(temperature=0.5, top_p=0.9),
        {"temperature": 0.5}, dropped="top_p")
    row("top_p", asks(top_p=0.9), {"top_p": 0.9})
    row("top_k", asks(top_k=40), {"top_k": 40})
    row("temperature of a model that fixes it", asks(temperature=0.5),
        model="claude-opus-4-7", dropped="temperature")
    row("sampling of a model that fixes it", asks(top_p=0.5, top_k=3),
        model="claude-opus-4-7", dropped="top_p, top_k")
    row("the default temperature of such a model", asks(temperature=1),
        model="claude-opus-4-7")

    row("n: 1", asks(n=1))
    row("n: 2", asks(n=2), refused=("unsupported_parameter", "n"))
    row("logprobs", asks(logprobs=True, top_logprobs=2),
        refused=("unsupported_parameter", "logprobs"))
    row("no logprobs", asks(logprobs=False))
    row("sound asked for", asks(modalities=["text", "audio"],
                                audio={"voice": "alloy", "format": "mp3"}),
        refused=("unsupported_parameter", "modalities"))
    row("text asked for", asks(modalities=["text"]))

    hint("seed", 7)
    hint("logit_bias", {"50256": -100})
    hint("presence_penalty", 0.5)
    hint("frequency_penalty", -0.5)
    hint("store", True)
    hint("verbosity", "low")
    hint("prompt_cache_key", "k")
    hint("prompt_cache_retention", "24h")
    hint("prediction", {"type": "content", "content": "x"})
    hint("metadata", {"a": "b"})

    row("hints at their defaults",
        asks(presence_penalty=0, frequency_penalty=0.0, logit_bias={},
             store=False, verbosity="medium", metadata={}))

    row("user", asks(user="u-1"), {"metadata": {"user_id": "u-1"}})
    row("safety_identifier", asks(safety_identifier="s-1"),
        {"metadata": {"user_id": "s-1"}})
    row("a user in metadata", asks(metadata={"user_id": "m-1"}),
        {"metadata": {"user_id": "m-1"}})
    row("a user that is a person", asks(user="ada@example.com"),
        dropped="user")

    for tier, out in (("auto", "auto"), ("default", "standard_only"),
                      ("flex", "standard_only"), ("priority", "auto")):
        row("service_tier: " + tier, asks(service_tier=tier),
            {"service_tier": lambda got, out=out: got == out
                or (got is None and out == "auto")})

    row("response_format: text", asks(response_format={"type": "text"}))

    row("response_format: json_schema",
        asks(response_format={"type": "json_schema", "json_schema": {
            "name": "n", "description": "d", "strict": True,
            "schema": {"type": "object", "properties": {
                "a": {"type": "integer", "minimum": 1},
                "b": {"type": "array", "maxItems": 3, "items": {
                    "type": "object",
                    "properties": {"c": {"type": "string",
                                         "enum": ["x", "y"]}}}},
                "d": {"anyOf": [{"type": "null"},
                                {"$ref": "#/$defs/e"}]}},
                "required": ["a", "b"],
                "$defs": {"e": {"type": "object", "properties": {}}}}}}),
        {"output_config": {"format": {"type": "json_schema", "schema": {
            "type": "object", "properties": {
                "a": {"type": "integer"},
                "b": {"type": "array", "items": {
                    "type": "object",
                    "properties": {"c": {"type": "string",
                                         "enum": ["x", "y"]}},
                    "additionalProperties": False}},
                "d": {"anyOf": [{"type": "null"},
                                {"$ref": "#/$defs/e"}]}},
            "required": ["a", "b"],
            "$defs": {"e": {"type": "object", "properties": {},
                            "additionalProperties": False}},
            "additionalProperties": False}}}},
        dropped="response_format")

    row("response_format: json_schema of an older model",
        asks(response_format={"type": "json_schema", "json_schema": {
            "name": "n", "schema": SCHEMA}}),
        {"tools": lambda got: len(got) == 1
            and got[0]["input_schema"]["properties"] == SCHEMA["properties"],
         "tool_choice": lambda got: got["type"] == "tool"},
        model="claude-3-7-sonnet-latest")

    row("response_format: json_object",
        asks(response_format={"type": "json_object"}),
        {"system": lambda got: "JSON" in got})

    row("stream", asks(), {"stream": True}, stream=True)

    row("web search",
        asks(web_search_options={"search_context_size": "low",
                                 "user_location": {
                                     "type": "approximate",
                                     "approximate": {"city": "Rome",
                                                     "country": "IT"}}}),
        {"tools": [{"type": "web_search_20250305", "name": "web_search",
                    "max_uses": 1, "user_location": {
                        "type": "approximate", "city": "Rome",
                        "country": "IT"}}]})

    row("members of Anthropic's own",
        asks(thinking={"type": "enabled", "budget_tokens": 2000},
             max_tokens=5000, cache_control={"type": "ephemeral"},
             inference_geo="eu"),
        {"thinking": {"type": "enabled", "budget_tokens": 2000},
         "max_tokens": 5000, "cache_control": {"type": "ephemeral"},
         "inference_geo": "eu"})

    row("a member that nobody knows", asks(tempreature=1),
        dropped="tempreature")


def rows_reasoning():
    def asks(effort, **members):
        return {"messages": [user("Hi")], "reasoning_effort": effort,
                "max_completion_tokens": 9024, **members}

    def budget(effort, n):
        row("effort %s, by budget" % effort, asks(effort),
            {"max_tokens": 9024,
             "thinking": {"type": "enabled", "budget_tokens": n}
             if n else lambda got: got in (None, {"type": "disabled"})})

    budget("none", 0)
    budget("minimal", 1224)
    budget("low", 2224)
    budget("medium", 4424)
    budget("high", 7424)
    budget("xhigh", 7424)

    def adaptive(model, effort, out, kind="adaptive", other=True):
        row("effort %s of %s" % (effort, model), asks(effort),
            {"max_tokens": 9024,
             "thinking": lambda got: (got or {}).get("type") == kind,
             "output_config": {"effort": out} if out
             else lambda got: not (got or {}).get("effort")}, model=model,
            other=other)

    for effort, out in (("minimal", "low"), ("low", "low"),
                        ("medium", "medium"), ("high", "high"),
                        ("xhigh", "high")):
        adaptive("claude-opus-4-6", effort, out)

    adaptive("claude-opus-4-7", "xhigh", "xhigh")
    adaptive("claude-sonnet-5", "none", None, "disabled")
    adaptive("claude-fable-5", "none", "low", None)

    row("effort, no room for a budget",
        asks("high", max_completion_tokens=500), {"max_tokens": 500},
        dropped="reasoning_effort")

    row("effort and a temperature", asks("low", temperature=0.2),
        {"max_tokens": 9024, "thinking": lambda got: got["type"] == "enabled"},
        dropped="temperature")

    row("effort and a forced tool",
        asks("low", tools=[F], tool_choice="required"),
        {"max_tokens": 9024, "tools": [F_OUT], "tool_choice": {"type": "any"},
         "thinking": lambda got: got in (None, {"type": "disabled"})},
        dropped="reasoning_effort")

    row("effort, and calls without thinking in the history",
        asks("low", tools=[F], messages=[
            user("Hi"), assistant(None, tool_calls=[call("c1")]),
            tool("c1", "one")]),
        {"max_tokens": 9024, "tools": [F_OUT], "messages": [
            turn("user", "Hi"), turn("assistant", use("c1")),
            turn("user", result("c1", "one"))]},
        dropped="reasoning_effort")

    row("effort that is none", asks("huge"),
        refused=("invalid_value", "reasoning_effort"), other=False)


def same(got, wanted):
    if callable(wanted):
        return wanted(got)

    return got == wanted


def normal(messages):
    """A string as the one block that it stands for."""

    return [{**m, "content": [text(m["content"])]}
            if isinstance(m.get("content"), str) else m for m in messages]


def plain(value):
    """Names and numbers as they were written, in their order."""

    return json.loads(value, object_pairs_hook=lambda pairs: pairs,
                      parse_int=lambda n: "number " + n,
                      parse_float=lambda n: "number " + n)


def ask_of(ask, model, stream):
    body = {"messages": ask.get("messages"), "model": model, **ask}
    if stream:
        body["stream"] = True

    return body


def to_anthropic(t, ask, wanted, model, dropped, refused, stream):
    body = ask_of(ask, model, stream)

    if refused:
        e = t.raises(openai.BadRequestError, t.client.post,
                     "/chat/completions", body=body, cast_to=object)
        t.equal((e.code, e.param), refused)
        t.equal(t.sent(), [])
        return

    t.client.post("/chat/completions", body=body, cast_to=object,
                  stream=stream, stream_cls=openai.Stream[object])
    t.equal(t.notes[0]["headers"].get("x-llm-dropped-params"), dropped,
            "x-llm-dropped-params")

    got = t.sent()[0]["body"]
    wanted = {"model": model, "messages": normal(ask["messages"]), **wanted}
    wanted.setdefault("max_tokens", got["max_tokens"])
    got["messages"] = normal(got["messages"])

    for name in sorted(set(got) | set(wanted)):
        if not same(got.get(name), wanted.get(name)):
            raise harness.Failed(
                "\"%s\" is %s\nin place of %s"
                % (name, json.dumps(got.get(name)),
                   "what was expected" if callable(wanted.get(name))
                   else json.dumps(wanted.get(name))))


def to_openai(t, ask, other, stream):
    if isinstance(other, list):
        t.allowed = other

    body = ask_of(ask, "gpt-4o-mini", stream)
    t.client.post("/chat/completions", body=body, cast_to=object,
                  stream=stream, stream_cls=openai.Stream[object])

    sent = plain(t.notes[0]["sent"])
    got = plain(t.sent()[0]["raw"])
    limit = dict(sent).get("max_completion_tokens")

    # of two limits both say the one that counts

    if limit:
        sent = [(name, limit if name == "max_tokens" else value)
                for name, value in sent]

    if stream:
        got = [pair for pair in got if pair[0] != "stream_options"]

    t.equal(got, sent)
    t.equal(t.notes[0]["headers"].get("x-llm-dropped-params"), None)


def add():
    for rows in (rows_messages, rows_parts, rows_calls, rows_tools,
                 rows_fields, rows_reasoning):
        rows()

    for (name, ask, wanted, model, dropped, refused, other, stream,
         allowed) in ROWS:
        def one(t, ask=ask, wanted=wanted, model=model, dropped=dropped,
                refused=refused, stream=stream, allowed=allowed):
            t.allowed = list(allowed)
            to_anthropic(t, ask, wanted, model, dropped, refused, stream)

        harness.TESTS.append(("request to anthropic: " + name, one, None))

        if other:
            def two(t, ask=ask, other=other, stream=stream):
                to_openai(t, ask, other, stream)

            harness.TESTS.append(("request to openai: " + name, two, None))
