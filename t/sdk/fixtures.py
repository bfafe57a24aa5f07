"""The official clients of other providers as judges of our fixtures.

What the unit tests feed to our readers is served to the vendor's own client:
it has to see the same texts, calls, ends and counts.  What our writers send is
held against the published descriptions and the client's own types.  So neither
is a mirror of our reading alone.
"""

import glob
import http.server
import json
import logging
import os
import re
import threading

import cohere
import jsonschema_rs
import mistralai.client
import mistralai.client.models
import ollama
import ollama._types
import yaml

import specs

from harness import Failed, test


ROOT = os.path.normpath(os.path.join(os.path.dirname(__file__), "..",
                                     "fixtures"))

APIS = ("cohere", "mistral", "ollama")

# what their clients cannot read, and ours does: servers that differ

ODD = {
    "cohere": {"no_start", "error_shape", "null_prefix", "bad_json", "cut_in_event",
               "a finish that is not known", "no finish",
               "calls", "citations without urls", "no_end"},
    "mistral": {"bad_json"},
    "ollama": {"blank", "bad_json", "cut_in_line", "calls",
               "a time that is none", "it is not done",
               "probabilities of nothing"},
}


def lines_of(api, name):
    """The cases of a file, as {"name", "@", ">", "<"}."""

    with open(os.path.join(ROOT, api, name), encoding="utf-8") as f:
        text = f.read()

    for block in re.split(r"\n\n+(?=# )", text.strip("\n")):
        lines = block.split("\n")
        case = {"name": lines[0][2:], "@": [], ">": "", "<": []}

        for line in lines[1:]:
            if line[:1] == "@":
                case["@"].append(line[2:])
            elif line[:1] == ">":
                case[">"] = line[2:]
            elif line[:1] == "<":
                case["<"].append(line[2:])

        yield case


def unescaped(text):
    return json.loads('"%s"' % text)


class Seen:
    """An answer as a client, or one of our readers, sees it."""

    def __init__(self):
        self.text = ""
        self.reasoning = ""
        self.calls = []
        self.finish = None
        self.usage = None
        self.failed = False

    def compare(self, other, name):
        for member in ("text", "reasoning", "calls", "finish", "usage",
                       "failed"):
            ours, theirs = getattr(self, member), getattr(other, member)

            if ours != theirs:
                raise Failed("%s: %s is %r, the client says %r"
                             % (name, member, ours, theirs))


def value(line, name):
    found = re.search(r"(?:^| )%s=(.*?)(?= (?:id|name|model|text|arguments|"
                      r"input|signature|tool)=|$)" % name, line)

    return unescaped(found.group(1)) if found and name not in (
        "input",) else (found.group(1) if found else "")


def counts(line):
    found = re.search(r"prompt=(-?\d+) completion=(-?\d+)", line)

    return max(int(found.group(1)), 0), max(int(found.group(2)), 0)


def ours(lines):
    """From the lines of the neutral form."""

    seen = Seen()

    for line in lines:
        kind, _, rest = line.partition(" ")

        if kind == "text":
            seen.text += value(rest, "text")
        elif kind == "reasoning":
            seen.reasoning += value(rest, "text")
        elif kind == "tool_start":
            seen.calls.append([value(rest, "id"), value(rest, "name"), ""])
        elif kind == "tool_args":
            seen.calls[-1][2] += value(rest, "text")
        elif kind == "tool_call":
            seen.calls.append([value(rest, "id"), value(rest, "name"),
                               value(rest, "input")
                               or value(rest, "arguments")])
        elif kind == "finish":
            seen.finish = rest
        elif kind == "usage" and "reported=1" in rest:
            seen.usage = counts(rest)
        elif kind == "error":
            seen.failed = True
        elif kind == "end":
            seen.failed = seen.failed or "done=0" in rest

    for call in seen.calls:
        call[2] = json.loads(call[2] or "{}") if seen.finish != "length" \
            else call[2]

    return seen


# a server that says what it is told to


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))

        status, kind, body = self.server.answer

        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server:
    def __init__(self):
        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.http.answer = 500, "text/plain", b""
        self.url = "http://127.0.0.1:%d" % self.http.server_port
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def says(self, status, kind, body):
        self.http.answer = status, kind, body

    def close(self):
        self.http.shutdown()
        self.http.server_close()


# Cohere


COHERE_ENDS = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop",
               "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls",
               "ERROR_TOXIC": "content_filter"}


def arguments(text):
    return json.loads(text or "{}") or {}


def cohere_usage(usage):
    if usage is None:
        return None

    units = usage.tokens if usage.tokens else usage.billed_units

    return int(units.input_tokens or 0), int(units.output_tokens or 0)


def cohere_answer(url):
    client = cohere.ClientV2("key", base_url=url, max_retries=0)
    answer = client.chat(model="m", messages=[{"role": "user",
                                               "content": "x"}])
    seen = Seen()
    seen.text = answer.message.tool_plan or ""

    for part in answer.message.content or []:
        seen.text += getattr(part, "text", None) or ""
        seen.reasoning += getattr(part, "thinking", None) or ""

    for call in answer.message.tool_calls or []:
        seen.calls.append([call.id, call.function.name,
                           arguments(call.function.arguments)])

    seen.finish = COHERE_ENDS.get(answer.finish_reason)
    seen.failed = seen.finish is None
    seen.usage = cohere_usage(answer.usage)

    if seen.finish == "stop" and seen.calls:
        seen.finish = "tool_calls"

    return seen


def cohere_stream(url):
    client = cohere.ClientV2("key", base_url=url, max_retries=0)
    seen = Seen()
    seen.failed = True

    for event in client.chat_stream(model="m", messages=[
            {"role": "user", "content": "x"}]):
        if event.type == "content-delta":
            content = event.delta.message.content
            seen.text += content.text or ""
            seen.reasoning += content.thinking or ""
        elif event.type == "tool-plan-delta":
            seen.text += event.delta.message.tool_plan
        elif event.type == "tool-call-start":
            call = event.delta.message.tool_calls
            seen.calls.append([call.id, call.function.name,
                               call.function.arguments or ""])
        elif event.type == "tool-call-delta":
            seen.calls[-1][2] += \
                event.delta.message.tool_calls.function.arguments
        elif event.type == "message-end":
            seen.finish = COHERE_ENDS.get(event.delta.finish_reason)
            seen.failed = seen.finish is None
            seen.usage = cohere_usage(event.delta.usage)

    for call in seen.calls:
        call[2] = arguments(call[2])

    return seen


# Mistral


MISTRAL_ENDS = {"stop": "stop", "length": "length",
                "model_length": "length", "tool_calls": "tool_calls"}


def mistral_parts(seen, content):
    if isinstance(content, str):
        seen.text += content
        return

    for part in content or []:
        if part.type == "text":
            seen.text += part.text
        elif part.type == "thinking":
            seen.reasoning += "".join(piece.text for piece in part.thinking)


def mistral_calls(seen, calls):
    for call in calls or []:
        given = call.function.arguments

        if isinstance(given, dict):
            given = json.dumps(given)

        if call.function.name:
            seen.calls.append([call.id, call.function.name, given])
        else:
            seen.calls[-1][2] += given


def mistral_whole(seen):
    for call in seen.calls:
        call[2] = arguments(call[2])

    return seen


def mistral_end(seen, choice, usage):
    if choice.finish_reason:
        seen.finish = MISTRAL_ENDS.get(choice.finish_reason)
        seen.failed = seen.finish is None

    if usage and usage.total_tokens:
        seen.usage = usage.prompt_tokens, usage.completion_tokens

    if seen.finish == "stop" and seen.calls:
        seen.finish = "tool_calls"


def mistral_client(url):
    return mistralai.client.Mistral(api_key="key", server_url=url)


def mistral_answer(url):
    answer = mistral_client(url).chat.complete(
        model="m", messages=[{"role": "user", "content": "x"}])
    seen = Seen()

    for choice in answer.choices:
        mistral_parts(seen, choice.message.content)
        mistral_calls(seen, choice.message.tool_calls)
        mistral_end(seen, choice, answer.usage)

    seen.failed = not answer.choices or seen.finish is None

    return mistral_whole(seen)


def mistral_stream(url):
    seen = Seen()
    seen.failed = True
    stream = mistral_client(url).chat.stream(
        model="m", messages=[{"role": "user", "content": "x"}])

    for event in stream:
        for choice in event.data.choices:
            mistral_parts(seen, choice.delta.content)
            mistral_calls(seen, choice.delta.tool_calls)
            mistral_end(seen, choice, event.data.usage)

    return mistral_whole(seen)


# Ollama


def ollama_piece(seen, answer):
    seen.text += answer.message.content or ""
    seen.reasoning += answer.message.thinking or ""

    for call in answer.message.tool_calls or []:
        seen.calls.append([None, call.function.name,
                           dict(call.function.arguments)])

    if answer.done:
        seen.failed = False
        seen.finish = "length" if answer.done_reason == "length" \
            else "tool_calls" if seen.calls else "stop"

        if answer.eval_count is not None:
            seen.usage = answer.prompt_eval_count or 0, answer.eval_count


def ollama_answer(url):
    seen = Seen()
    seen.failed = True
    ollama_piece(seen, ollama.Client(host=url).chat(
        "m", [{"role": "user", "content": "x"}]))

    return seen


def ollama_stream(url):
    seen = Seen()
    seen.failed = True

    for answer in ollama.Client(host=url).chat(
            "m", [{"role": "user", "content": "x"}], stream=True):
        ollama_piece(seen, answer)

    return seen


CLIENTS = {
    "cohere": (cohere_answer, cohere_stream, "sse", "text/event-stream"),
    "mistral": (mistral_answer, mistral_stream, "sse", "text/event-stream"),
    "ollama": (ollama_answer, ollama_stream, "ndjson",
               "application/x-ndjson"),
}


def without_ids(api, mine, theirs):
    """Ids that we had to make, and those that a client does not show."""

    for one, other in zip(mine.calls, theirs.calls):
        if api == "ollama" or other[0] in (None, "", "null"):
            one[0] = other[0] = None


def odd(api, name):
    return any(name == word or name.endswith(word) for word in ODD[api])


@test(over=APIS)
def test_fixtures_streams(t):
    """The same bytes are the same events for the vendor's client."""

    _, read, suffix, kind = CLIENTS[t.value]
    server = Server()
    seen = 0

    # they tell of events that they do not know

    logging.disable(logging.ERROR)

    try:
        for path in sorted(glob.glob(os.path.join(ROOT, t.value,
                                                  "*." + suffix))):
            name = os.path.basename(path)[:-len(suffix) - 1]

            if odd(t.value, name):
                continue

            with open(path, "rb") as f:
                server.says(200, kind, f.read())

            with open(path[:-len(suffix)] + "events", encoding="utf-8") as f:
                mine = ours(f.read().split("\n"))

            try:
                theirs = read(server.url)
            except Exception as e:
                if not mine.failed:
                    raise Failed("%s: the client fails: %r" % (name, e))
                seen += 1
                continue

            if mine.failed:
                t.true(theirs.failed, "%s: the client sees no failure"
                        % name)
            else:
                without_ids(t.value, mine, theirs)
                mine.compare(theirs, name)

            seen += 1
    finally:
        logging.disable(logging.NOTSET)
        server.close()

    t.true(seen >= 8, "only %d streams" % seen)


@test(over=APIS)
def test_fixtures_answers(t):
    """Whole answers, which may be an error as well."""

    read = CLIENTS[t.value][0]
    server = Server()
    seen = 0

    try:
        for case in lines_of(t.value, "responses.txt"):

            if odd(t.value, case["name"]) or case["name"] == "no JSON":
                continue

            server.says(200, "application/json", case[">"].encode())
            mine = ours(case["<"])

            try:
                theirs = read(server.url)
            except Exception as e:
                if not mine.failed:
                    raise Failed("%s: the client fails: %r"
                                 % (case["name"], e))
                seen += 1
                continue

            if not mine.failed:
                without_ids(t.value, mine, theirs)
                mine.compare(theirs, case["name"])

            seen += 1
    finally:
        server.close()

    t.true(seen >= 6, "only %d answers" % seen)


def error_of(e):
    """Status and text, by the names that the clients have for them."""

    body = getattr(e, "body", None) or getattr(e, "error", None) or str(e)

    return e.status_code, body if isinstance(body, str) else json.dumps(body)


@test(over=APIS)
def test_fixtures_errors(t):
    """Errors of a kind that the client knows."""

    read = CLIENTS[t.value][0]
    server = Server()

    try:
        for case in lines_of(t.value, "errors.txt"):
            status = int(case["@"][0])
            kind = "application/json" if case[">"][:1] == "{" \
                else "text/plain"

            server.says(status, kind, case[">"].encode())

            try:
                read(server.url)
            except Exception as e:
                got, text = error_of(e)
                t.true(got == status, "%s: status %s" % (case["name"], got))
            else:
                raise Failed("%s: no error" % case["name"])
    finally:
        server.close()


# what we send


SPECS = {
    "cohere": "cohere/cohere-openapi.yaml",
    "mistral": "mistral/openapi.yaml",
    "ollama": "ollama/openapi.yaml",
}


class Words(yaml.SafeLoader):
    """YAML 1.2: "off" is a word, and dates are text."""


Words.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules
            if tag not in ("tag:yaml.org,2002:bool",
                           "tag:yaml.org,2002:timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Words.add_implicit_resolver("tag:yaml.org,2002:bool",
                            re.compile("^(?:true|false)$"), list("tf"))


def either(node):
    """A union that a member's value decides is no "oneOf" to a validator."""

    if isinstance(node, list):
        return [either(item) for item in node]

    if not isinstance(node, dict):
        return node

    return {"anyOf" if key == "oneOf" else key: either(item)
            for key, item in node.items()}


def schema_of(api, path):
    with open(path, encoding="utf-8") as f:
        document = either(specs.nullable(yaml.load(f, Words)))

    if api == "cohere":
        schema = document["paths"]["/v2/chat"]["post"]["requestBody"][
            "content"]["application/json"]["schema"]
    else:
        schema = {"$ref": "#/components/schemas/" + {
            "mistral": "ChatCompletionRequest",
            "ollama": "ChatRequest"}[api]}

    return jsonschema_rs.Draft202012Validator(
        {**schema, "components": document["components"]})


def client_types(api, body):
    if api == "mistral":
        mistralai.client.models.ChatCompletionRequest.model_validate(body)
    elif api == "ollama":
        ollama._types.ChatRequest.model_validate(body)


@test(over=APIS)
def test_fixtures_requests(t):
    """Each request that a writer makes is one that the vendor describes."""

    path = os.path.join(specs.folder(), SPECS[t.value])
    validator = schema_of(t.value, path) if os.path.isfile(path) else None
    seen = 0

    for case in lines_of(t.value, "requests.txt"):
        if not case["<"]:
            continue

        body = json.loads(case["<"][0])
        problems = []

        if validator:
            problems = ["/%s: %s" % ("/".join(str(s) for s in
                                              e.instance_path),
                                     e.message[:200])
                        for e in validator.iter_errors(body)]

        t.true(not problems, "%s: %s" % (case["name"], problems[:3]))
        client_types(t.value, body)
        seen += 1

    t.true(seen >= 20, "only %d requests" % seen)
