"""Stand-ins for OpenAI and Anthropic, written after their published APIs.

Each request is judged (specs.py); what is wrong with it is a violation, and a
violation fails the test that is running.  What the stand-ins answer is judged
by the same descriptions.

What is answered follows the model's name: "NAME.SCENARIO", see scenario().
A scenario says what a model says, once; each API has its own way to say it.

    GET  /control/take      requests and violations since the last call
    GET  /control/gone?id=  1 when the client of the request that had this
                            "user" has left before its answer was whole
    POST /control/judge     holds an answer of the gateway against OpenAI's
                            description: a list of what is wrong
"""

import base64
import collections
import json
import re
import socket
import threading
import time
import urllib.parse

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import judge_anthropic
import specs as judges


KEYS = {"openai": "sk-upstream-openai", "anthropic": "sk-ant-upstream"}
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
COUNT = "/v1/messages/count_tokens"
COUNTED = 2095
CLIENT_SECRETS = ("sk-client-all", "sk-client-narrow")
CREATED = 1700000000

# any text must survive: quotes, escapes, a surrogate pair, line ends, nothing

GREETING = ["Hello", ", \"wor", "ld\"!\n", "Gr\u00fc\u00dfe \u4e16\u754c ",
            "\U0001f600\\ \t", "</s>"]

MEETING = {"name": "Science fair", "day": "friday", "guests": ["Al", "Bo"]}


class Answer:
    """What a model says: parts in order, why it ended, what it cost."""

    def __init__(self, *parts, finish="stop", usage=None, delay=0, pause=0,
                 broken=None, after=3, choices=1, size=0):
        self.parts = parts
        self.finish = finish
        self.usage = usage or {}
        self.delay = delay          # before the first byte
        self.pause = pause          # between events
        self.broken = broken        # cut, error
        self.after = after          # that many events
        self.choices = choices
        self.size = size            # of the pieces that a stream comes in


class Failure:
    """An error: (status, word) as that API says it."""

    def __init__(self, openai, anthropic=None, message=None, headers=None,
                 raw=None, delay=0):
        self.status = openai if isinstance(openai, int) else openai[0]
        self.openai = openai
        self.anthropic = anthropic or openai
        self.message = message
        self.headers = headers or {}
        self.raw = raw
        self.delay = delay


def text(*pieces):
    return {"type": "text", "pieces": pieces}


def call(id, name, *pieces):
    return {"type": "tool", "id": id, "name": name, "pieces": pieces}


def thought(signature, *pieces):
    return {"type": "thinking", "signature": signature, "pieces": pieces}


OPENAI_TYPES = {400: "invalid_request_error", 401: "invalid_request_error",
                402: "unknown_error", 403: "invalid_request_error",
                404: "invalid_request_error", 413: "invalid_request_error",
                422: "invalid_request_error", 429: "requests",
                500: "server_error", 502: "server_error",
                503: "service_unavailable_error", 504: "server_error",
                529: "server_error"}
OPENAI_CODES = {401: "invalid_api_key", 404: "model_not_found",
                429: "rate_limit_exceeded"}
ANTHROPIC_TYPES = {400: "invalid_request_error", 401: "authentication_error",
                   402: "billing_error", 403: "permission_error",
                   404: "not_found_error", 413: "request_too_large",
                   422: "invalid_request_error", 429: "rate_limit_error",
                   500: "api_error", 502: "api_error",
                   503: "overloaded_error", 504: "timeout_error",
                   529: "overloaded_error"}


def openai_error(status, message, code=None):
    return {"error": {"message": message, "type": OPENAI_TYPES[status],
                      "param": None,
                      "code": code or OPENAI_CODES.get(status)}}


def anthropic_error(status, message):
    return {"type": "error",
            "error": {"type": ANTHROPIC_TYPES[status], "message": message},
            "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}


# servers that speak OpenAI's API, but have errors of their own

FOREIGN = {
    "llama": {"error": {"code": 400, "type": "exceed_context_size_error",
                        "message": "request (15018 tokens) exceeds the "
                                   "available context size (2048 tokens)",
                        "n_prompt_tokens": 15018, "n_ctx": 2048}},
    "flat": {"object": "error", "type": "BadRequestError", "param": None,
             "code": 400, "message": "temperature must be non-negative"},
    "detail": {"detail": [{"loc": ["body", "top_p"], "type": "value_error",
                           "msg": "top_p must be at most 1"}]},
}


class View:
    """What a scenario looks at in a request of either API."""

    def __init__(self, api, body):
        self.api = api
        self.model = body.get("model", "")
        self.stream = body.get("stream") is True
        self.tools = []
        self.results = []
        self.said = ""
        self.user = body.get("user")

        messages = body.get("messages", [])

        if api == "openai":
            self.tools = [t["function"]["name"] for t in body.get("tools", [])
                          if t.get("type") == "function"]

            for message in messages:
                if message["role"] == "tool":
                    self.results.append((message["tool_call_id"],
                                         flat(message["content"])))
                else:
                    self.results = []

                if message["role"] == "user":
                    self.said = flat(message["content"])

        else:
            self.tools = [t["name"] for t in body.get("tools", [])]
            self.user = (body.get("metadata") or {}).get("user_id")

            for message in messages:
                blocks = judges.blocks_of(message)
                self.results = [(b["tool_use_id"],
                                 flat(b.get("content", "")))
                                for b in blocks if b["type"] == "tool_result"]

                if message["role"] == "user":
                    self.said = flat([b for b in blocks
                                      if b["type"] == "text"]) or self.said


def flat(content):
    if isinstance(content, str):
        return content

    return "".join(part.get("text", "") for part in content or [])


def scenario(view, provider):
    name = view.model.partition(".")[2]
    kind, _, rest = name.partition("-")

    if kind in ("tools", "parallel") and view.results:
        return Answer(text("The tools said: ",
                           "; ".join("%s=%s" % r for r in view.results)))

    if kind == "tools":
        return Answer(text("Let me ", "look."),
                      call("call_Weather01", "get_weather",
                           "{\"city\": \"Pa", "ris\", \"days\"",
                           ": 12345678901234567890}"),
                      finish="tool")

    if kind == "parallel":
        return Answer(call("call_Par1", "get_weather", "{\"city\":\"Rome\"}"),
                      call("call_Par2", "get_weather",
                           "{\"city\"", ":\"Tokyo\"}"),
                      call("call_Par3", "get_time"),
                      finish="tool")

    if kind == "json":
        whole = json.dumps(MEETING)
        return Answer(text(whole[:9], whole[9:21], whole[21:]))

    if kind == "thinking":
        return Answer(thought("c2lnbmF0dXJlK2Jhc2U2NA==", "Let me ", "think"),
                      text("Thought."),
                      usage={"reasoning": 7})

    if kind == "cached":
        return Answer(text("From the cache."),
                      usage={"prompt": 120, "cached": 100, "written": 15})

    if kind == "length":
        return Answer(text("This is too"), finish="length")

    if kind == "refusal":
        return Answer(text("I can't help"), finish="refusal")

    if kind == "empty":
        return Answer()

    if kind == "split":
        return Answer(text(*GREETING), size=int(rest))

    if kind == "slow":
        return Answer(text("At last."), delay=float(rest))

    if kind == "long":
        return Answer(text(*("word%d " % n for n in range(200))),
                      pause=float(rest))

    if kind == "cut":
        return Answer(text(*GREETING), broken="cut", after=int(rest))

    if kind == "failing":
        return Answer(text(*GREETING), broken="error", after=int(rest))

    if kind == "two":
        return Answer(text("One."), choices=2)

    if kind == "context":
        return Failure((400, "context_length_exceeded"), 400,
                       "This model's maximum context length is 8192 tokens. "
                       "However, your messages resulted in 9001 tokens."
                       if view.api == "openai" else
                       "prompt is too long: 209000 tokens > 200000 maximum")

    if kind == "once":
        # fails for each user's first request

        if provider.first(view.user):
            return Failure(int(rest), headers={"retry-after": "1"})

        return Answer(text("Second time."))

    if kind == "error":
        return Failure(int(rest))

    if kind == "late":
        return Failure(503, 529, delay=1)

    if kind == "throttled":
        return Failure(429, headers={"retry-after": rest})

    if kind == "foreign":
        return Failure(400, raw=json.dumps(FOREIGN[rest]))

    if kind == "html":
        return Failure(int(rest), raw="<html><body>no JSON</body></html>")

    if kind == "hello":
        return Answer(text(*GREETING))

    return Answer(text("You said: ", view.said or "nothing", "."))


# the two APIs


class OpenAI:
    def __init__(self, answer, view, usage):
        self.answer = answer
        self.view = view
        self.usage = usage
        self.id = "chatcmpl-Bxq3wLy0TFYN7VkuG2gOtyMmwZSqJ"

    def finish(self):
        return {"stop": "stop", "length": "length", "tool": "tool_calls",
                "refusal": "stop"}[self.answer.finish]

    def counts(self):
        u = self.usage
        return {"prompt_tokens": u["prompt"],
                "completion_tokens": u["completion"],
                "total_tokens": u["prompt"] + u["completion"],
                "prompt_tokens_details": {"cached_tokens": u["cached"],
                                          "audio_tokens": 0},
                "completion_tokens_details": {
                    "reasoning_tokens": u["reasoning"], "audio_tokens": 0,
                    "accepted_prediction_tokens": 0,
                    "rejected_prediction_tokens": 0}}

    def plain(self):
        message = {"role": "assistant", "content": None, "refusal": None,
                   "annotations": []}
        calls = []

        for part in self.answer.parts:
            whole = "".join(part["pieces"])

            if part["type"] == "text":
                name = ("refusal" if self.answer.finish == "refusal"
                        else "content")
                message[name] = (message[name] or "") + whole

            elif part["type"] == "thinking":
                message["reasoning_content"] = whole

            else:
                calls.append({"id": part["id"], "type": "function",
                              "function": {"name": part["name"],
                                           "arguments": whole or "{}"}})

        if calls:
            message["tool_calls"] = calls

        choices = [{"index": n, "message": message, "logprobs": None,
                    "finish_reason": self.finish()}
                   for n in range(self.answer.choices)]

        return {"id": self.id, "object": "chat.completion",
                "created": CREATED, "model": self.view.model,
                "choices": choices, "usage": self.counts(),
                "service_tier": "default", "system_fingerprint": "fp_44709d6"}

    def chunk(self, delta, finish=None, index=0):
        out = {"id": self.id, "object": "chat.completion.chunk",
               "created": CREATED, "model": self.view.model,
               "service_tier": "default", "system_fingerprint": "fp_44709d6",
               "choices": [{"index": index, "delta": delta, "logprobs": None,
                            "finish_reason": finish}]}

        if self.view.asked_usage:
            out["usage"] = None

        return None, out

    def events(self):
        for n in range(self.answer.choices):
            yield self.chunk({"role": "assistant", "content": "",
                              "refusal": None}, index=n)
            yield from self.deltas(n)

        for n in range(self.answer.choices):
            yield self.chunk({}, self.finish(), n)

        if self.view.asked_usage:
            out = self.chunk({})[1]
            out["choices"] = []
            out["usage"] = self.counts()
            yield None, out

        yield None, "[DONE]"

    def deltas(self, n):
        index = -1

        for part in self.answer.parts:
            if part["type"] == "tool":
                index += 1
                yield self.chunk({"tool_calls": [
                    {"index": index, "id": part["id"], "type": "function",
                     "function": {"name": part["name"], "arguments": ""}}]},
                    index=n)

            for piece in part["pieces"] or (
                    ("{}",) if part["type"] == "tool" else ()):
                if part["type"] == "text":
                    name = ("refusal" if self.answer.finish == "refusal"
                            else "content")
                    yield self.chunk({name: piece}, index=n)

                elif part["type"] == "thinking":
                    yield self.chunk({"reasoning_content": piece}, index=n)

                else:
                    yield self.chunk({"tool_calls": [
                        {"index": index,
                         "function": {"arguments": piece}}]}, index=n)

    @staticmethod
    def broken():
        return None, openai_error(500, "The server had an error while "
                                       "processing your request.")


class Anthropic:
    def __init__(self, answer, view, usage):
        self.answer = answer
        self.view = view
        self.usage = usage
        self.id = "msg_013Zva2CMHLNnXjNJJKqJ2EF"

    def finish(self):
        return {"stop": "end_turn", "length": "max_tokens",
                "tool": "tool_use", "refusal": "refusal"}[self.answer.finish]

    def counts(self, output):
        u = self.usage
        return {"input_tokens": u["prompt"] - u["cached"] - u["written"],
                "cache_creation_input_tokens": u["written"],
                "cache_read_input_tokens": u["cached"],
                "cache_creation": {
                    "ephemeral_5m_input_tokens": u["written"],
                    "ephemeral_1h_input_tokens": 0},
                "output_tokens": output, "server_tool_use": None,
                "inference_geo": None, "service_tier": "standard"}

    def details(self):
        if self.answer.finish == "refusal":
            return {"type": "refusal", "category": None,
                    "explanation": "This is not a thing to ask."}

        return None

    def message(self, content, reason, output):
        return {"id": self.id, "type": "message", "role": "assistant",
                "model": self.view.model, "content": content,
                "stop_reason": reason, "stop_sequence": None,
                "stop_details": self.details() if reason else None,
                "container": None, "usage": self.counts(output)}

    @staticmethod
    def block(part):
        if part["type"] == "text":
            return {"type": "text", "text": "", "citations": None}

        if part["type"] == "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}

        return {"type": "tool_use", "id": "toolu_" + part["id"],
                "name": part["name"], "input": {},
                "caller": {"type": "direct"}}

    def plain(self):
        content = []

        for part in self.answer.parts:
            whole = "".join(part["pieces"])
            block = self.block(part)

            if part["type"] == "text":
                block["text"] = whole

            elif part["type"] == "thinking":
                block["thinking"] = whole
                block["signature"] = part["signature"]

            else:
                block["input"] = json.loads(whole or "{}")

            content.append(block)

        return self.message(content, self.finish(), self.usage["completion"])

    def events(self):
        def event(type, **members):
            return type, {"type": type, **members}

        yield event("message_start", message=self.message([], None, 1))
        yield event("ping")

        for n, part in enumerate(self.answer.parts):
            yield event("content_block_start", index=n,
                        content_block=self.block(part))

            # the vendor begins the input with an empty piece

            for piece in ("",) * (part["type"] == "tool") + part["pieces"]:
                delta = {"text": {"type": "text_delta", "text": piece},
                         "thinking": {"type": "thinking_delta",
                                      "thinking": piece},
                         "tool": {"type": "input_json_delta",
                                  "partial_json": piece}}[part["type"]]
                yield event("content_block_delta", index=n, delta=delta)

            if part["type"] == "thinking":
                yield event("content_block_delta", index=n,
                            delta={"type": "signature_delta",
                                   "signature": part["signature"]})

            yield event("content_block_stop", index=n)

        counts = self.counts(self.usage["completion"])
        yield event("message_delta",
                    delta={"stop_reason": self.finish(),
                           "stop_sequence": None, "container": None,
                           "stop_details": self.details()},
                    usage={name: counts[name] for name in (
                        "input_tokens", "cache_creation_input_tokens",
                        "cache_read_input_tokens", "output_tokens",
                        "server_tool_use")})
        yield event("message_stop")

    @staticmethod
    def broken():
        return "error", anthropic_error(529, "Overloaded")


APIS = {"openai": OpenAI, "anthropic": Anthropic}


class Provider:
    """Both stand-ins and what they saw."""

    def __init__(self, specs):
        self.specs = specs
        self.lock = threading.Lock()
        self.requests = []
        self.violations = []
        self.left = set()
        self.progress = {}          # events sent, by user
        self.seen = collections.Counter()
        self.ports = {}
        self.servers = []
        self.witness = None         # of what is sent, for the types of an SDK

        for api in APIS:
            server = Server(("127.0.0.1", 0), Handler)
            server.provider = self
            server.api = api
            self.ports[api] = server.server_address[1]
            self.servers.append(server)
            threading.Thread(target=server.serve_forever, daemon=True,
                             kwargs={"poll_interval": 0.05}).start()

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def complain(self, what):
        with self.lock:
            self.violations += [what] if isinstance(what, str) else what

    def first(self, user):
        with self.lock:
            self.seen[user] += 1
            return self.seen[user] == 1

    def take(self):
        with self.lock:
            out = {"requests": self.requests, "violations": self.violations}
            self.requests = []
            self.violations = []
            return out

    def gone(self, user, wait=5):
        """Waits for the end of a request whose client has left."""

        until = time.time() + wait

        while time.time() < until:
            with self.lock:
                if user in self.left:
                    return True
            time.sleep(0.02)

        return False


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


class Gone(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        provider = self.server.provider

        if url.path == "/control/take":
            self.send_json(200, provider.take())

        elif url.path == "/control/gone":
            user = urllib.parse.parse_qs(url.query)["id"][0]
            self.send_json(200, provider.gone(user))

        else:
            provider.complain("%s was asked for %s"
                              % (self.server.api, self.path))
            self.send_json(404, self.error(404, "no such page"))

    def do_POST(self):
        provider = self.server.provider
        api = self.server.api
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))

        if self.path == "/control/judge":
            self.send_json(200, judge(provider.specs, **json.loads(raw)))
            return

        wrong = self.judge_head(raw)

        try:
            body = json.loads(raw)
        except ValueError:
            provider.complain("%s got no JSON: %r" % (api, raw[:200]))
            self.send_json(400, self.error(400, "no JSON"))
            return

        if self.path == COUNT:
            self.count(body, wrong, raw)
            return

        wrong += provider.specs.check("request", api, body)

        if api == "anthropic":
            wrong += judges.rules_anthropic(body)

        if provider.witness:
            wrong += provider.witness(api, body)

        self.note(body, raw, wrong)

        view = View(api, body)
        view.asked_usage = (body.get("stream_options")
                            or {}).get("include_usage") is True

        said = scenario(view, provider)

        if said.delay and not self.wait(said.delay, view.user):
            return

        if isinstance(said, Failure):
            self.fail(said)
            return

        usage = {"prompt": 17, "cached": 0, "written": 0, "completion": 9,
                 "reasoning": 0}
        usage.update(said.usage)
        dialect = APIS[api](said, view, usage)

        try:
            if view.stream:
                self.stream(dialect, said, view)
            else:
                self.plain(dialect, said)

        except (Gone, BrokenPipeError, ConnectionResetError):
            self.close_connection = True
            with provider.lock:
                provider.left.add(view.user)

    def note(self, body, raw, wrong):
        provider = self.server.provider

        with provider.lock:
            provider.requests.append({
                "api": self.server.api, "path": self.path, "body": body,
                "raw": raw.decode("utf-8", "replace"),
                "headers": {k.lower(): v for k, v in self.headers.items()}})
            provider.violations += wrong

    def count(self, body, wrong, raw):
        """Tokens of a prompt; a scenario that fails does so here, too."""

        specs = self.server.provider.specs

        self.note(body, raw, wrong + specs.check("count request", "anthropic",
                                                 body))
        said = scenario(View("anthropic", body), self.server.provider)

        if isinstance(said, Failure):
            self.fail(said)
        else:
            self.send_json(200, {"input_tokens": COUNTED})

    def judge_head(self, raw):
        api = self.server.api
        out = []
        head = {k.lower(): v for k, v in self.headers.items()}

        def want(name, value):
            if head.get(name) != value:
                out.append("%s got \"%s: %s\" in place of \"%s\""
                           % (api, name, head.get(name), value))

        if self.path != PATHS[api] \
                and not (api == "anthropic" and self.path == COUNT):
            out.append("%s got the path %s" % (api, self.path))

        want("host", "127.0.0.1:%d" % self.server.server_address[1])
        want("content-type", "application/json")
        want("content-length", str(len(raw)))

        if api == "openai":
            want("authorization", "Bearer " + KEYS[api])
            want("x-api-key", None)
        else:
            want("authorization", None)
            want("x-api-key", KEYS[api])
            want("anthropic-version", "2023-06-01")

        if head.get("accept-encoding", "identity") != "identity":
            out.append("%s may answer compressed" % api)

        for name, value in head.items():
            if name.startswith("x-stainless-") \
                    or any(secret in value for secret in CLIENT_SECRETS):
                out.append("%s got the client's \"%s\"" % (api, name))

        return out

    def error(self, status, message, code=None):
        if self.server.api == "openai":
            return openai_error(status, message, code)

        return anthropic_error(status, message)

    def fail(self, said):
        api = self.server.api
        spec = said.openai if api == "openai" else said.anthropic
        status, code = (spec, None) if isinstance(spec, int) else spec

        headers = dict(said.headers)
        headers["x-secret-of-provider"] = "not for clients"

        if said.raw is not None:
            self.send_bytes(status, said.raw.encode(), "application/json"
                            if said.raw[0] == "{" else "text/html", headers)
            return

        body = self.error(status, said.message or "the provider says %d"
                          % status, code)

        # the description leaves out what it calls request_too_large

        if body.get("error", {}).get("type") != "request_too_large":
            self.server.provider.complain(
                self.server.provider.specs.check("error", api, body))

        self.send_json(status, body, headers)

    def wait(self, delay, user):
        """Sleeps while the client is there."""

        until = time.time() + delay
        self.connection.settimeout(0.02)

        try:
            while time.time() < until:
                try:
                    if self.connection.recv(1, socket.MSG_PEEK) == b"":
                        raise Gone()

                    # more bytes without an answer: let them wait
                    time.sleep(0.02)

                except TimeoutError:
                    continue

        except (Gone, ConnectionResetError):
            self.close_connection = True
            with self.server.provider.lock:
                self.server.provider.left.add(user)
            return False

        finally:
            self.connection.settimeout(None)

        return True

    def plain(self, dialect, said):
        body = dialect.plain()
        provider = self.server.provider

        provider.complain(provider.specs.check("answer", self.server.api,
                                               body))

        if said.broken == "cut":
            whole = json.dumps(body).encode()
            self.head(200, "application/json", {"content-length": len(whole)})
            self.wfile.write(whole[:len(whole) // 2])
            self.close_connection = True
            return

        if said.broken == "error":
            self.send_json(500, dialect.broken()[1])
            return

        self.send_json(200, body, {"openai-processing-ms": "42",
                                         "set-cookie": "a=b",
                                         "x-accel-redirect": "/secret"})

    def stream(self, dialect, said, view):
        provider = self.server.provider

        self.head(200, "text/event-stream; charset=utf-8",
                  {"transfer-encoding": "chunked", "cache-control": "no-cache",
                   "x-accel-buffering": "no"})
        sent = 0

        for name, data in dialect.events():
            if said.broken and sent == said.after:
                if said.broken == "error":
                    self.event(*dialect.broken(), said.size)
                    self.chunk(b"")

                self.close_connection = True
                return

            if data != "[DONE]":
                provider.complain(provider.specs.check(
                    "event", self.server.api, data))

            sent += 1
            provider.progress[view.user] = sent
            self.event(name, data, said.size)

            if said.pause and not self.wait(said.pause, view.user):
                return

        self.chunk(b"")

    def event(self, name, data, size):
        out = ""

        if name:
            out += "event: %s\n" % name

        if data != "[DONE]":
            # as real servers do, one of them beyond ASCII, the other not
            data = json.dumps(data, ensure_ascii=(name is None))

        out = (out + "data: %s\n\n" % data).encode()

        if not size:
            self.chunk(out)
            return

        for start in range(0, len(out), size):
            self.chunk(out[start:start + size])

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def head(self, status, type, headers):
        self.send_response(status)
        self.send_header("content-type", type)

        if self.server.api == "openai":
            self.send_header("x-request-id", "req_upstream_0001")
        else:
            self.send_header("request-id", "req_upstream_0002")

        for name, value in headers.items():
            self.send_header(name, str(value))

        self.end_headers()

    def send_bytes(self, status, body, type, headers=None):
        self.head(status, type, {"content-length": len(body),
                                 **(headers or {})})
        self.wfile.write(body)

    def send_json(self, status, body, headers=None):
        self.send_bytes(status, json.dumps(body).encode(), "application/json",
                        headers)


# the gateway's own answers


def judge(specs, method, path, status, headers, body, asked_usage=False,
          stream=False, api="openai"):
    """What is wrong with an answer of the gateway, as a list."""

    out = []
    type = headers.get("content-type", "")

    for name in ("set-cookie", "x-accel-redirect", "x-secret-of-provider",
                 "x-accel-buffering", "location"):
        if name in headers:
            out.append("the provider's header \"%s\" came through" % name)

    if not re.match(r"^[\w.:-]{1,128}$", headers.get("x-request-id", "")):
        out.append("x-request-id: %s" % headers.get("x-request-id"))

    if status == 200 and stream:
        if not type.startswith("text/event-stream"):
            out.append("a stream of type %s" % type)

        if api == "anthropic":
            return out + judge_anthropic.stream(specs, headers, body)

        return out + judge_stream(specs, body, asked_usage)

    if type.split(";")[0] != "application/json":
        out.append("an answer of type %s" % type)

    if method == "HEAD":
        return out

    if headers.get("content-length") != str(len(body.encode())):
        out.append("content-length: %s of %d bytes"
                   % (headers.get("content-length"), len(body.encode())))

    try:
        value = json.loads(body)
    except ValueError:
        return out + ["no JSON: %s" % body[:200]]

    if api == "anthropic":
        return out + judge_anthropic.plain(specs, path, status, headers, value)

    if status >= 400:
        if not headers.get("x-llm-error"):
            out.append("no x-llm-error")

        return out + specs.check("error", "gateway", value)

    if path.endswith("/models"):
        return out + specs.check("models", "gateway", value)

    if "/models/" in path:
        return out + specs.check("model", "gateway", value)

    if "usage" not in value:
        out.append("no usage")

    return out + specs.check("answer", "gateway", value)


def judge_stream(specs, body, asked_usage):
    out = []
    data = []

    if not body.endswith("\n\n"):
        out.append("the last event is not whole: %r" % body[-80:])

    for event in body.split("\n\n"):
        lines = [line for line in event.split("\n") if line[:1] != ":"]

        for line in lines:
            if line and not line.startswith("data: "):
                out.append("a line of a stream: %r" % line[:80])

        if any(lines):
            data.append("\n".join(line[6:] for line in lines))

    done = data[-1:] == ["[DONE]"]

    if "[DONE]" in data[:-1]:
        out.append("[DONE] before the end")

    chunks = [json.loads(line) for line in data if line != "[DONE]"]

    if chunks and "error" in chunks[-1]:
        if done:
            out.append("[DONE] after an error")

        out += specs.check("error", "gateway", chunks.pop())

    elif not done:
        out.append("neither [DONE] nor an error ends it: %s" % data[-1:])

    usages = 0
    finished = {}
    roles = {}

    for chunk in chunks:
        out += specs.check("event", "gateway", chunk)

        if not chunk.get("choices"):
            usages += 1
            if chunk is not chunks[-1] or not chunk.get("usage"):
                out.append("a chunk without choices: %s" % chunk)

        elif chunk.get("usage") is not None:
            out.append("usage in a chunk with choices")

        elif asked_usage and "usage" not in chunk:
            out.append("usage is asked for, but not null: %s" % chunk)

        for name in ("id", "created", "model"):
            if chunk.get(name) != chunks[0].get(name):
                out.append("\"%s\" changes: %s" % (name, chunk.get(name)))

        for choice in chunk.get("choices", []):
            n = choice["index"]

            if n not in roles:
                roles[n] = choice["delta"].get("role")

            if n in finished:
                out.append("choice %d goes on after its end" % n)

            if choice["finish_reason"]:
                finished[n] = choice["finish_reason"]

    for n, role in roles.items():
        if role != "assistant":
            out.append("choice %d begins with the role %s" % (n, role))

        if done and n not in finished:
            out.append("choice %d has no end" % n)

    if done and usages != (1 if asked_usage else 0):
        out.append("%d chunks of usage, asked for: %s" % (usages, asked_usage))

    return out


def picture():
    """A PNG of one point, as a data URL."""

    return "data:image/png;base64," + base64.b64encode(bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c63f8cfc0f01f0005000201ff5f3a7e"
        "350000000049454e44ae426082")).decode()
