"""Stand-ins: what each dialect's server must be asked, and what it says.

A class judges a request as that API's own documentation has it, and answers by
the same.  Each has a server of its own, which is told what comes next.
"""

import base64
import binascii
import http.server
import json
import struct
import threading
import urllib.parse

import scenes


def chunks(*events):
    return "".join("data: %s\n\n" % (e if isinstance(e, str) else json.dumps(e))
                   for e in events).encode()


def named(*events):
    return "".join("event: %s\ndata: %s\n\n" % (e["type"], json.dumps(e))
                   for e in events).encode()


def parts_of(messages, role):
    """All content parts of a role's messages, strings as text parts."""

    parts = []

    for m in messages:
        if m.get("role") == role:
            content = m.get("content") or []
            if isinstance(content, str):
                content = [{"type": "text", "text": content}]
            parts += content

    return parts


class OpenAI:
    name = "openai"
    model = "gpt-4o"
    key = "sk-there"
    json_type = "application/json"
    stream_type = "text/event-stream"

    def conf(self, port):
        return ("dialect openai; url http://127.0.0.1:%d/v1; key env:CROSS_%s;"
                % (port, self.name.upper()))

    def path(self, stream):
        return "/v1/chat/completions"

    def auth(self, headers, body, problems):
        problems.same("authorization", headers.get("authorization"),
                      "Bearer " + self.key)

    def judge(self, path, headers, body, feature, stream):
        problems = scenes.Problems()

        problems.same("the path", path, self.path(stream))
        self.auth(headers, body, problems)

        try:
            body = json.loads(body)
            self.judge_body(body, feature, stream, problems)

        except (ValueError, LookupError, TypeError, AttributeError) as e:
            problems.append("the body is not of this dialect: %r in %s"
                            % (e, body))

        return problems

    def judge_body(self, body, feature, stream, problems):
        problems.same("model", body["model"], self.model)
        problems.same("stream", bool(body.get("stream")), stream)

        messages = body["messages"]
        problems.same("system", parts_of(messages, "system")
                      or parts_of(messages, "developer"),
                      [{"type": "text", "text": scenes.SYSTEM}])

        user = parts_of(messages, "user")
        problems.same("the prompt", user[0],
                      {"type": "text", "text": scenes.PROMPT})

        if feature == "image":
            problems.same("the picture", self.picture(user[1]),
                          "data:image/png;base64," + scenes.PIXEL)

        if feature == "tools":
            tool = body["tools"][0]
            problems.same("a tool's type", tool["type"], "function")
            problems.same("its name", tool["function"]["name"], scenes.TOOL)
            problems.same("its schema", tool["function"]["parameters"],
                          scenes.TOOL_SCHEMA)

            call = [m for m in messages if m.get("tool_calls")][0]
            call = call["tool_calls"][0]
            problems.same("the call", json.loads(call["function"]["arguments"]),
                          scenes.BEFORE)

            result = [m for m in messages if m["role"] == "tool"][0]
            problems.same("the result is of", result["tool_call_id"],
                          call["id"])
            problems.same("the result", parts_of([result], "tool")[0]["text"],
                          scenes.BEFORE_RESULT)

        if feature == "schema":
            self.judge_schema(body, problems)

    def picture(self, part):
        url = part["image_url"]
        return url if isinstance(url, str) else url["url"]

    def judge_schema(self, body, problems):
        format = body["response_format"]
        problems.same("the format", format["type"], "json_schema")
        problems.same("the schema", format["json_schema"]["schema"],
                      scenes.SCHEMA)
        problems.true("the schema has no name", format["json_schema"]["name"])

    usage = {"prompt_tokens": scenes.INPUT, "completion_tokens": scenes.OUTPUT,
             "total_tokens": scenes.INPUT + scenes.OUTPUT}

    def call(self):
        return {"id": "call_9", "type": "function", "function": {
            "name": scenes.TOOL, "arguments": json.dumps(scenes.ARGUMENTS)}}

    def plain(self, feature):
        text = scenes.pieces(feature)
        message = {"role": "assistant", "content": text and "".join(text)}

        if text is None:
            message["tool_calls"] = [self.call()]

        return json.dumps({
            "id": "chatcmpl-1", "object": "chat.completion",
            "created": 1700000000, "model": self.model, "usage": self.usage,
            "choices": [{"index": 0, "message": message,
                         "finish_reason": "stop" if text else "tool_calls"}]
            }).encode()

    def chunk(self, delta, finish=None, **more):
        return {"id": "chatcmpl-1", "object": "chat.completion.chunk",
                "created": 1700000000, "model": self.model,
                "choices": [{"index": 0, "delta": delta,
                             "finish_reason": finish}], **more}

    def stream(self, feature):
        text = scenes.pieces(feature)
        events = [self.chunk({"role": "assistant", "content": ""})]

        if text is None:
            call = self.call()
            whole = call["function"]["arguments"]
            call["index"] = 0
            call["function"]["arguments"] = ""
            events.append(self.chunk({"tool_calls": [call]}))

            for part in (whole[:5], whole[5:]):
                events.append(self.chunk({"tool_calls": [
                    {"index": 0, "function": {"arguments": part}}]}))

        for part in text or []:
            events.append(self.chunk({"content": part}))

        events.append(self.chunk({}, "stop" if text else "tool_calls"))

        last = self.chunk({}, usage=self.usage)
        last["choices"] = []

        return chunks(*events, last, "[DONE]")


class Azure(OpenAI):
    name = "azure"
    model = "our-gpt"

    def conf(self, port):
        return ("preset azure; url http://127.0.0.1:%d; key env:CROSS_AZURE; "
                "api_version 2024-10-21;" % port)

    def path(self, stream):
        return ("/openai/deployments/our-gpt/chat/completions"
                "?api-version=2024-10-21")

    def auth(self, headers, body, problems):
        problems.same("api-key", headers.get("api-key"), self.key)
        problems.same("authorization", headers.get("authorization"), None)

    def judge_body(self, body, feature, stream, problems):
        body.setdefault("model", self.model)
        super().judge_body(body, feature, stream, problems)


class Mistral(OpenAI):
    name = "mistral"
    model = "mistral-large-latest"

    def conf(self, port):
        return ("dialect mistral; url http://127.0.0.1:%d/v1; "
                "key env:CROSS_MISTRAL;" % port)

    def judge_body(self, body, feature, stream, problems):
        super().judge_body(body, feature, stream, problems)

        # a closed schema: what it does not know it refuses

        known = {"model", "messages", "stream", "max_tokens", "temperature",
                 "top_p", "stop", "random_seed", "response_format", "tools",
                 "tool_choice", "presence_penalty", "frequency_penalty", "n",
                 "prediction", "parallel_tool_calls", "prompt_mode",
                 "reasoning_effort", "safe_prompt", "metadata"}
        problems.same("members it does not know", sorted(set(body) - known),
                      [])

        for m in body["messages"]:
            for call in m.get("tool_calls") or []:
                problems.true("an id is not of nine letters and digits: %s"
                              % call["id"], len(call["id"]) == 9
                              and call["id"].isalnum())

    def stream(self, feature):
        text = scenes.pieces(feature)
        events = [self.chunk({"role": "assistant", "content": ""})]

        for part in (text or [])[:-1]:
            events.append(self.chunk({"content": part}))

        if text is None:
            last = {"content": "", "tool_calls": [dict(self.call(), index=0)]}
        else:
            last = {"content": text[-1]}

        events.append(self.chunk(last, "stop" if text else "tool_calls",
                                 usage=self.usage))

        return chunks(*events, "[DONE]")


class Anthropic(OpenAI):
    name = "anthropic"
    model = "claude-sonnet-4-5"

    def conf(self, port):
        return ("dialect anthropic; url http://127.0.0.1:%d; "
                "key env:CROSS_ANTHROPIC;" % port)

    def path(self, stream):
        return "/v1/messages"

    def auth(self, headers, body, problems):
        problems.same("x-api-key", headers.get("x-api-key"), self.key)
        problems.true("there is no anthropic-version",
                      headers.get("anthropic-version"))

    def judge_body(self, body, feature, stream, problems):
        problems.same("model", body["model"], self.model)
        problems.same("stream", bool(body.get("stream")), stream)
        problems.true("max_tokens is missing", body["max_tokens"] > 0)

        self.judge_messages(body, feature, problems)

        if feature == "schema":
            format = body["output_config"]["format"]
            problems.same("the format", format["type"], "json_schema")
            problems.same("the schema", format["schema"], scenes.SCHEMA)

    def judge_messages(self, body, feature, problems):
        system = body["system"]
        if not isinstance(system, str):
            system = system[0]["text"]
        problems.same("system", system, scenes.SYSTEM)

        messages = body["messages"]
        problems.true("a role that it does not have",
                      {m["role"] for m in messages} <= {"user", "assistant"})

        user = parts_of(messages, "user")
        problems.same("the prompt", (user[0]["type"], user[0]["text"]),
                      ("text", scenes.PROMPT))

        if feature == "image":
            problems.same("the picture", user[1]["source"],
                          {"type": "base64", "media_type": "image/png",
                           "data": scenes.PIXEL})

        if feature == "tools":
            tool = body["tools"][0]
            problems.same("a tool", (tool["name"], tool["input_schema"]),
                          (scenes.TOOL, scenes.TOOL_SCHEMA))

            use = [p for p in parts_of(messages, "assistant")
                   if p["type"] == "tool_use"][0]
            problems.same("the call", use["input"], scenes.BEFORE)

            result = [p for p in user if p["type"] == "tool_result"][0]
            problems.same("the result is of", result["tool_use_id"], use["id"])

            content = result["content"]
            if not isinstance(content, str):
                content = content[0]["text"]
            problems.same("the result", content, scenes.BEFORE_RESULT)

    def message(self, content, reason, usage):
        return {"id": "msg_1", "type": "message", "role": "assistant",
                "model": self.model, "content": content,
                "stop_reason": reason, "stop_sequence": None, "usage": usage}

    def plain(self, feature):
        text = scenes.pieces(feature)

        if text is None:
            content = [{"type": "tool_use", "id": "toolu_9",
                        "name": scenes.TOOL, "input": scenes.ARGUMENTS}]
        else:
            content = [{"type": "text", "text": "".join(text)}]

        return json.dumps(self.message(
            content, "end_turn" if text else "tool_use",
            {"input_tokens": scenes.INPUT,
             "output_tokens": scenes.OUTPUT})).encode()

    def events(self, feature):
        text = scenes.pieces(feature)
        events = [{"type": "message_start", "message": self.message(
            [], None, {"input_tokens": scenes.INPUT, "output_tokens": 1})}]

        if text is None:
            whole = json.dumps(scenes.ARGUMENTS)
            block = {"type": "tool_use", "id": "toolu_9", "name": scenes.TOOL,
                     "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": p}
                      for p in (whole[:4], whole[4:])]
        else:
            block = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": p} for p in text]

        events.append({"type": "content_block_start", "index": 0,
                       "content_block": block})
        events.append({"type": "ping"})
        events += [{"type": "content_block_delta", "index": 0, "delta": d}
                   for d in deltas]
        events += [{"type": "content_block_stop", "index": 0},
                   {"type": "message_delta", "delta": {
                       "stop_reason": "end_turn" if text else "tool_use",
                       "stop_sequence": None},
                    "usage": {"output_tokens": scenes.OUTPUT}},
                   {"type": "message_stop"}]

        return events

    def stream(self, feature):
        return named(*self.events(feature))


class Gemini(OpenAI):
    name = "gemini"
    model = "gemini-2.5-flash"

    def conf(self, port):
        return ("dialect gemini; url http://127.0.0.1:%d/v1beta; "
                "key env:CROSS_GEMINI;" % port)

    def path(self, stream):
        return "/v1beta/models/%s:%s" % (
            self.model,
            "streamGenerateContent?alt=sse" if stream else "generateContent")

    def auth(self, headers, body, problems):
        problems.same("x-goog-api-key", headers.get("x-goog-api-key"),
                      self.key)

    def judge_body(self, body, feature, stream, problems):
        problems.true("stream is no member of it", "stream" not in body)
        problems.true("messages is no member of it", "messages" not in body)
        problems.same("system", body["systemInstruction"]["parts"][0]["text"],
                      scenes.SYSTEM)

        user = body["contents"][0]
        problems.same("the role", user["role"], "user")
        problems.same("the prompt", user["parts"][0]["text"], scenes.PROMPT)

        if feature == "image":
            problems.same("the picture", user["parts"][1]["inlineData"],
                          {"mimeType": "image/png", "data": scenes.PIXEL})

        if feature == "tools":
            tool = body["tools"][0]["functionDeclarations"][0]
            problems.same("the tool", tool["name"], scenes.TOOL)

            call = [p["functionCall"] for c in body["contents"]
                    for p in c["parts"] if "functionCall" in p][0]
            problems.same("the call", (call["name"], call["args"]),
                          (scenes.TOOL, scenes.BEFORE))

            result = [p["functionResponse"] for c in body["contents"]
                      for p in c["parts"] if "functionResponse" in p][0]
            problems.same("the result is of", result["name"], scenes.TOOL)
            problems.true("the result is not there: %r" % result,
                          scenes.BEFORE_RESULT in json.dumps(result))

        if feature == "schema":
            config = body["generationConfig"]
            problems.same("the type", config["responseMimeType"],
                          "application/json")
            schema = (config.get("responseJsonSchema")
                      or config.get("responseSchema"))
            problems.true("the schema is not there",
                          "city" in schema["properties"])

    usage = {"promptTokenCount": scenes.INPUT,
             "candidatesTokenCount": scenes.OUTPUT,
             "totalTokenCount": scenes.INPUT + scenes.OUTPUT}

    def part(self, parts, finish=None):
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
        if finish:
            candidate["finishReason"] = finish

        return {"candidates": [candidate], "modelVersion": self.model,
                "responseId": "r1", "usageMetadata": self.usage}

    def function(self):
        return {"functionCall": {"name": scenes.TOOL,
                                 "args": scenes.ARGUMENTS}}

    def plain(self, feature):
        text = scenes.pieces(feature)

        return json.dumps(self.part(
            [{"text": "".join(text)} if text else self.function()],
            "STOP")).encode()

    def stream(self, feature):
        text = scenes.pieces(feature)
        parts = [{"text": t} for t in text] if text else [self.function()]

        return chunks(*[self.part([p], None) for p in parts[:-1]],
                      self.part([parts[-1]], "STOP"))


class Cohere(OpenAI):
    name = "cohere"
    model = "command-a-03-2025"

    def conf(self, port):
        return ("dialect cohere; url http://127.0.0.1:%d; "
                "key env:CROSS_COHERE;" % port)

    def path(self, stream):
        return "/v2/chat"

    def judge_schema(self, body, problems):
        format = body["response_format"]
        problems.same("the format", format["type"], "json_object")
        problems.true("the schema is not there",
                      "city" in (format.get("json_schema")
                                 or format["schema"])["properties"])

    usage = {"billed_units": {"input_tokens": scenes.INPUT,
                              "output_tokens": scenes.OUTPUT},
             "tokens": {"input_tokens": scenes.INPUT,
                        "output_tokens": scenes.OUTPUT}}

    def plain(self, feature):
        text = scenes.pieces(feature)
        message = {"role": "assistant"}

        if text is None:
            message["tool_plan"] = "I will look."
            message["tool_calls"] = [self.call()]
        else:
            message["content"] = [{"type": "text", "text": "".join(text)}]

        return json.dumps({"id": "c1", "message": message,
                           "finish_reason": "COMPLETE" if text
                           else "TOOL_CALL", "usage": self.usage}).encode()

    def stream(self, feature):
        text = scenes.pieces(feature)
        events = [{"type": "message-start", "id": "c1", "delta": {"message": {
            "role": "assistant", "content": [], "tool_plan": "",
            "tool_calls": [], "citations": []}}}]

        if text is None:
            call = self.call()
            whole = call["function"]["arguments"]
            call["function"]["arguments"] = ""
            events.append({"type": "tool-call-start", "index": 0,
                           "delta": {"message": {"tool_calls": call}}})
            events += [{"type": "tool-call-delta", "index": 0,
                        "delta": {"message": {"tool_calls": {
                            "function": {"arguments": p}}}}}
                       for p in (whole[:6], whole[6:])]
            events.append({"type": "tool-call-end", "index": 0})
        else:
            events.append({"type": "content-start", "index": 0,
                           "delta": {"message": {"content": {
                               "type": "text", "text": ""}}}})
            events += [{"type": "content-delta", "index": 0,
                        "delta": {"message": {"content": {"text": p}}}}
                       for p in text]
            events.append({"type": "content-end", "index": 0})

        events.append({"type": "message-end", "id": "c1", "delta": {
            "finish_reason": "COMPLETE" if text else "TOOL_CALL",
            "usage": self.usage}})

        return named(*events)


class Ollama(OpenAI):
    name = "ollama"
    model = "llama3.2"
    stream_type = "application/x-ndjson"

    def conf(self, port):
        return "dialect ollama; url http://127.0.0.1:%d; key none;" % port

    def path(self, stream):
        return "/api/chat"

    def auth(self, headers, body, problems):
        problems.same("authorization", headers.get("authorization"), None)

    def judge_body(self, body, feature, stream, problems):
        problems.same("model", body["model"], self.model)

        # it streams unless it is told not to

        problems.same("stream", body.get("stream", True), stream)

        messages = body["messages"]
        problems.same("system", [m["content"] for m in messages
                                 if m["role"] == "system"], [scenes.SYSTEM])

        user = [m for m in messages if m["role"] == "user"][0]
        problems.same("the prompt", user["content"], scenes.PROMPT)

        if feature == "image":
            problems.same("the picture", user["images"], [scenes.PIXEL])

        if feature == "tools":
            problems.same("the tool", body["tools"][0]["function"]["name"],
                          scenes.TOOL)

            call = [m for m in messages if m.get("tool_calls")][0]
            problems.same("the call",
                          call["tool_calls"][0]["function"]["arguments"],
                          scenes.BEFORE)

            result = [m for m in messages if m["role"] == "tool"][0]
            problems.same("the result", result["content"],
                          scenes.BEFORE_RESULT)

        if feature == "schema":
            problems.true("the schema is not there",
                          "city" in body["format"]["properties"])

    def line(self, message, **more):
        return dict({"model": self.model,
                     "created_at": "2026-01-01T00:00:00Z",
                     "message": dict({"role": "assistant", "content": ""},
                                     **message), "done": False}, **more)

    end = {"done": True, "done_reason": "stop", "total_duration": 9,
           "prompt_eval_count": scenes.INPUT, "eval_count": scenes.OUTPUT}

    def function(self):
        return {"tool_calls": [{"function": {"name": scenes.TOOL,
                                             "arguments": scenes.ARGUMENTS}}]}

    def plain(self, feature):
        text = scenes.pieces(feature)

        return json.dumps(self.line({"content": "".join(text)} if text
                                    else self.function(), **self.end)).encode()

    def stream(self, feature):
        text = scenes.pieces(feature)
        lines = ([self.line({"content": p}) for p in text] if text
                 else [self.line(self.function())])

        return "".join(json.dumps(line) + "\n" for line in
                       lines + [self.line({}, **self.end)]).encode()


class Bedrock(OpenAI):
    name = "bedrock"
    model = "eu.amazon.nova-pro-v1:0"
    stream_type = "application/vnd.amazon.eventstream"

    def conf(self, port):
        return ("dialect bedrock; url http://127.0.0.1:%d; region eu-west-1; "
                "key env:CROSS_BEDROCK;" % port)

    def path(self, stream):
        return "/model/%s/%s" % (self.model.replace(":", "%3A"),
                                 "converse-stream" if stream else "converse")

    def judge_body(self, body, feature, stream, problems):
        problems.true("model is no member of it", "model" not in body)
        problems.same("system", body["system"][0]["text"], scenes.SYSTEM)

        user = [m for m in body["messages"] if m["role"] == "user"]
        problems.same("the prompt", user[0]["content"][0]["text"],
                      scenes.PROMPT)

        if feature == "image":
            image = user[0]["content"][1]["image"]
            problems.same("the picture", (image["format"],
                                          image["source"]["bytes"]),
                          ("png", scenes.PIXEL))

        if feature == "tools":
            tool = body["toolConfig"]["tools"][0]["toolSpec"]
            problems.same("the tool", (tool["name"],
                                       tool["inputSchema"]["json"]),
                          (scenes.TOOL, scenes.TOOL_SCHEMA))

            use = [p["toolUse"] for m in body["messages"]
                   for p in m["content"] if "toolUse" in p][0]
            problems.same("the call", use["input"], scenes.BEFORE)

            result = [p["toolResult"] for m in body["messages"]
                      for p in m["content"] if "toolResult" in p][0]
            problems.same("the result is of", result["toolUseId"],
                          use["toolUseId"])
            problems.true("the result is not there",
                          scenes.BEFORE_RESULT in json.dumps(result))

        # a model without schemas answers by calling a tool that has it

        if feature == "schema":
            tool = body["toolConfig"]["tools"][0]["toolSpec"]
            problems.same("the tool that answers", body["toolConfig"][
                "toolChoice"], {"tool": {"name": tool["name"]}})
            problems.same("its schema", tool["inputSchema"]["json"],
                          scenes.SCHEMA)
            self.answers = tool["name"]

    usage = {"inputTokens": scenes.INPUT, "outputTokens": scenes.OUTPUT,
             "totalTokens": scenes.INPUT + scenes.OUTPUT}

    def plain(self, feature):
        text = scenes.pieces(feature)

        if text is None:
            content = [{"toolUse": {"toolUseId": "t9", "name": scenes.TOOL,
                                    "input": scenes.ARGUMENTS}}]
        elif feature == "schema":
            content = [{"toolUse": {"toolUseId": "t9", "name": self.answers,
                                    "input": json.loads("".join(text))}}]
        else:
            content = [{"text": "".join(text)}]

        return json.dumps({
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": self.reason(feature), "usage": self.usage,
            "metrics": {"latencyMs": 5}}, separators=(",", ":")).encode()

    def reason(self, feature):
        return "tool_use" if feature in ("tools", "schema") else "end_turn"

    def frame(self, kind, payload):
        headers = b""

        for name, value in ((":event-type", kind),
                            (":content-type", "application/json"),
                            (":message-type", "event")):
            headers += (bytes([len(name)]) + name.encode() + b"\x07"
                        + struct.pack(">H", len(value)) + value.encode())

        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()

        head = struct.pack(">II", 16 + len(headers) + len(payload),
                           len(headers))
        head += struct.pack(">I", binascii.crc32(head))
        message = head + headers + payload

        return message + struct.pack(">I", binascii.crc32(message))

    def stream(self, feature):
        text = scenes.pieces(feature)
        frames = [self.frame("messageStart", {"role": "assistant"})]

        if self.reason(feature) == "tool_use":
            whole = json.dumps(scenes.ARGUMENTS)
            frames.append(self.frame("contentBlockStart", {
                "contentBlockIndex": 0, "start": {"toolUse": {
                    "toolUseId": "t9", "name": scenes.TOOL if text is None
                    else self.answers}}}))
            deltas = [{"toolUse": {"input": p}}
                      for p in text or (whole[:3], whole[3:])]
        else:
            deltas = [{"text": p} for p in text]

        frames += [self.frame("contentBlockDelta", {"contentBlockIndex": 0,
                                                    "delta": d})
                   for d in deltas]
        frames += [self.frame("contentBlockStop", {"contentBlockIndex": 0}),
                   self.frame("messageStop", {
                       "stopReason": self.reason(feature)}),
                   self.frame("metadata", {"usage": self.usage,
                                           "metrics": {"latencyMs": 5}})]

        return b"".join(frames)


class BedrockClaude(Anthropic):
    """InvokeModel, in Anthropic's words; signed with a pair of keys."""

    name = "bedrock-claude"
    model = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
    key = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    stream_type = Bedrock.stream_type

    def conf(self, port):
        return ("dialect bedrock; url http://127.0.0.1:%d; region eu-west-1; "
                "key env:CROSS_BEDROCK_CLAUDE;" % port)

    def path(self, stream):
        return "/model/%s/%s" % (
            self.model.replace(":", "%3A"),
            "invoke-with-response-stream" if stream else "invoke")

    def auth(self, headers, body, problems):
        problems.true("the request is not signed", (
            headers.get("authorization") or "").startswith(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"))

    def judge_body(self, body, feature, stream, problems):
        problems.same("anthropic_version", body.get("anthropic_version"),
                      "bedrock-2023-05-31")
        problems.same("members that are in the path",
                      [m for m in ("model", "stream") if m in body], [])

        super().judge_body(dict(body, model=self.model, stream=stream),
                           feature, stream, problems)

    def stream(self, feature):
        return b"".join(
            Bedrock().frame("chunk", {"bytes": base64.b64encode(
                json.dumps(e).encode()).decode()})
            for e in self.events(feature) if e["type"] != "ping")


class Vertex(Gemini):
    """Gemini under a project's path, with an API key."""

    name = "vertex"

    def conf(self, port):
        return ("dialect vertex; url http://127.0.0.1:%d/v1; project cross; "
                "location europe-west1; key env:CROSS_VERTEX;" % port)

    def path(self, stream):
        return ("/v1/projects/cross/locations/europe-west1/publishers/google"
                "/models/%s:%s" % (
                    self.model, "streamGenerateContent?alt=sse" if stream
                    else "generateContent"))

    def judge_body(self, body, feature, stream, problems):
        super().judge_body(body, feature, stream, problems)

        problems.same("ids of calls", [
            p for c in body["contents"] for p in c["parts"]
            for m in ("functionCall", "functionResponse")
            if "id" in p.get(m, {})], [])


class VertexClaude(Anthropic):
    name = "vertex-claude"
    model = "claude-haiku-4-5@20251001"

    def conf(self, port):
        return ("dialect vertex; url http://127.0.0.1:%d/v1; project cross; "
                "key env:CROSS_VERTEX_CLAUDE;" % port)

    def path(self, stream):
        return ("/v1/projects/cross/locations/global/publishers/anthropic"
                "/models/%s:%s" % (self.model, "streamRawPredict" if stream
                                   else "rawPredict"))

    def auth(self, headers, body, problems):
        problems.same("x-goog-api-key", headers.get("x-goog-api-key"),
                      self.key)
        problems.true("there is an x-api-key or a version",
                      "x-api-key" not in headers
                      and "anthropic-version" not in headers)

    def judge_body(self, body, feature, stream, problems):
        problems.same("anthropic_version", body.get("anthropic_version"),
                      "vertex-2023-10-16")
        problems.true("the model is in the path", "model" not in body)

        super().judge_body(dict(body, model=self.model), feature, stream,
                           problems)


class SageMaker(OpenAI):
    """A container that speaks OpenAI's dialect, in Amazon's messages."""

    name = "sagemaker"
    model = "llama-endpoint"
    key = BedrockClaude.key
    stream_type = Bedrock.stream_type

    def conf(self, port):
        return ("dialect sagemaker; url http://127.0.0.1:%d; "
                "region eu-west-1; key env:CROSS_SAGEMAKER;" % port)

    def path(self, stream):
        return "/endpoints/%s/invocations%s" % (
            self.model, "-response-stream" if stream else "")

    def auth(self, headers, body, problems):
        problems.true("the request is not signed", (
            headers.get("authorization") or "").startswith(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"))

    def judge_body(self, body, feature, stream, problems):
        problems.same("the name is the endpoint's", body.get("model"), "")

        super().judge_body(dict(body, model=self.model), feature, stream,
                           problems)

    def stream(self, feature):
        text = super().stream(feature)

        return b"".join(Bedrock().frame("PayloadPart", text[i:i + 100])
                        for i in range(0, len(text), 100))


class Replicate(OpenAI):
    """Predictions: texts alone, and a stream is made of an answer."""

    name = "replicate"
    model = "meta/meta-llama-3-70b-instruct"
    stream_type = "application/json"

    def conf(self, port):
        return ("dialect replicate; url http://127.0.0.1:%d/v1; "
                "key env:CROSS_REPLICATE;" % port)

    def path(self, stream):
        return "/v1/predictions"

    def auth(self, headers, body, problems):
        super().auth(headers, body, problems)

        problems.same("prefer", headers.get("prefer"), "wait=60")

    def judge_body(self, body, feature, stream, problems):
        problems.same("version", body["version"], self.model)
        problems.same("system", body["input"]["system_prompt"], scenes.SYSTEM)
        problems.same("the prompt", body["input"]["prompt"], scenes.PROMPT)

    def plain(self, feature):
        return json.dumps({
            "id": "p9", "model": self.model, "status": "succeeded",
            "error": None, "output": scenes.pieces(feature),
            "metrics": {"input_token_count": scenes.INPUT,
                        "output_token_count": scenes.OUTPUT}}).encode()

    def stream(self, feature):
        return self.plain(feature)


class Watsonx(OpenAI):
    name = "watsonx"
    model = "ibm/granite-4-h-small"
    key = "ibm-key"
    token = "eyJraWQi.eyJpYW0i.c2ln"

    def conf(self, port):
        return ("dialect watsonx; url http://127.0.0.1:%d; project project-1; "
                "key env:CROSS_WATSONX; "
                "token_url http://127.0.0.1:%d/identity/token;"
                % (port, self.tokens()))

    def tokens(self):
        """A server that gives the token for the key, and its port."""

        wanted = {"grant_type": ["urn:ibm:params:oauth:grant-type:apikey"],
                  "apikey": [self.key]}
        token = self.token

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"]))
                good = urllib.parse.parse_qs(form.decode()) == wanted
                data = json.dumps(
                    {"access_token": token, "token_type": "Bearer",
                     "expires_in": 3600} if good
                    else {"errorCode": "BXNIM0415E"}).encode()

                self.send_response(200 if good else 400)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()

        return server.server_port

    def path(self, stream):
        return ("/ml/v1/text/chat%s?version=2025-10-01"
                % ("_stream" if stream else ""))

    def auth(self, headers, body, problems):
        problems.same("authorization", headers.get("authorization"),
                      "Bearer " + self.token)

    def judge_body(self, body, feature, stream, problems):
        problems.same("the project", body["project_id"], "project-1")

        # what its schema does not have it refuses

        known = {"model_id", "project_id", "messages", "tools", "tool_choice",
                 "tool_choice_option", "max_completion_tokens", "temperature",
                 "top_p", "stop", "response_format"}
        problems.same("members it does not know", sorted(set(body) - known),
                      [])

        for m in body["messages"]:
            problems.true("there is no role %s" % m["role"], m["role"] in
                          ("system", "user", "assistant", "tool"))
            problems.true("a null in %r" % m, None not in m.values())

        super().judge_body(dict(body, model=body["model_id"], stream=stream),
                           feature, stream, problems)

    def stream(self, feature):
        text = scenes.pieces(feature)
        events = [self.chunk({"role": "assistant", "content": ""})]

        for part in text or []:
            events.append(self.chunk({"content": part}))

        if text is None:
            call = dict(self.call(), index=0)
            events.append(self.chunk({"tool_calls": [call]}))

        events.append(self.chunk({}, "stop" if text else "tool_calls"))

        last = self.chunk({}, usage=self.usage)
        last["choices"] = []

        return "".join("id: %d\nevent: message\ndata: %s\n\n"
                       % (i + 1, json.dumps(e, separators=(",", ":")))
                       for i, e in enumerate(events + [last])).encode()


ALL = [OpenAI(), Azure(), Mistral(), Anthropic(), Gemini(), Cohere(),
       Ollama(), Bedrock(), BedrockClaude(), Vertex(), VertexClaude(),
       SageMaker(), Replicate(), Watsonx()]
