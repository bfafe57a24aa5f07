"""How clients ask, and what they must get: one class for each dialect."""

import json

import scenes


def sse(text):
    """Frames of server-sent events as (name, data)."""

    frames = []

    for block in text.replace("\r\n", "\n").split("\n\n"):
        name, data = None, []

        for line in block.split("\n"):
            field, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value

            if field == "event":
                name = value
            elif field == "data":
                data.append(value)

        if data:
            frames.append((name, "\n".join(data)))

    return frames


class OpenAI:
    name = "openai"
    path = "/v1/chat/completions"

    def headers(self, key):
        return {"Authorization": "Bearer " + key}

    def request(self, model, feature, stream):
        messages = [{"role": "system", "content": scenes.SYSTEM},
                    {"role": "user", "content": scenes.PROMPT}]
        body = {"model": model, "messages": messages, "max_tokens": 100}

        if stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}

        if feature == "tools":
            body["tools"] = [{"type": "function", "function": {
                "name": scenes.TOOL, "description": scenes.TOOL_TEXT,
                "parameters": scenes.TOOL_SCHEMA}}]
            messages += [
                {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "call12345", "type": "function", "function": {
                        "name": scenes.TOOL,
                        "arguments": json.dumps(scenes.BEFORE)}}]},
                {"role": "tool", "tool_call_id": "call12345",
                 "content": scenes.BEFORE_RESULT}]

        if feature == "image":
            messages[1]["content"] = [
                {"type": "text", "text": scenes.PROMPT},
                {"type": "image_url", "image_url": {
                    "url": "data:image/png;base64," + scenes.PIXEL}}]

        if feature == "schema":
            body["response_format"] = {"type": "json_schema", "json_schema": {
                "name": scenes.SCHEMA_NAME, "schema": scenes.SCHEMA,
                "strict": True}}

        return body

    def read(self, text, stream, problems):
        """The answer in common words."""

        if stream:
            return self.read_stream(text, problems)

        body = json.loads(text)
        problems.same("object", body.get("object"), "chat.completion")

        choice = body["choices"][0]
        message = choice["message"]
        call = (message.get("tool_calls") or [None])[0]

        return {"text": message.get("content") or "",
                "tool": call and call["function"]["name"],
                "arguments": call and call["function"]["arguments"],
                "finish": choice["finish_reason"],
                "input": body["usage"]["prompt_tokens"],
                "output": body["usage"]["completion_tokens"]}

    def read_stream(self, text, problems):
        got = {"text": "", "tool": None, "arguments": None, "finish": None,
               "input": None, "output": None}
        frames = sse(text)

        problems.true("the stream has no [DONE] at its end",
                      frames and frames[-1][1] == "[DONE]")

        for i, (name, data) in enumerate(frames):
            if data == "[DONE]":
                continue

            chunk = json.loads(data)
            problems.true("a frame has a name", name is None)
            problems.same("object", chunk.get("object"),
                          "chat.completion.chunk")

            if chunk.get("usage"):
                got["input"] = chunk["usage"]["prompt_tokens"]
                got["output"] = chunk["usage"]["completion_tokens"]

            for choice in chunk["choices"]:
                delta = choice["delta"]
                got["text"] += delta.get("content") or ""
                got["finish"] = choice.get("finish_reason") or got["finish"]

                for call in delta.get("tool_calls") or []:
                    function = call.get("function") or {}
                    got["tool"] = function.get("name") or got["tool"]
                    got["arguments"] = ((got["arguments"] or "")
                                        + (function.get("arguments") or ""))

        return got

    finishes = {"stop": "stop", "tools": "tool_calls"}


class Anthropic:
    name = "anthropic"
    path = "/v1/messages"

    def headers(self, key):
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    def request(self, model, feature, stream):
        messages = [{"role": "user", "content": scenes.PROMPT}]
        body = {"model": model, "system": scenes.SYSTEM, "messages": messages,
                "max_tokens": 100}

        if stream:
            body["stream"] = True

        if feature == "tools":
            body["tools"] = [{"name": scenes.TOOL,
                              "description": scenes.TOOL_TEXT,
                              "input_schema": scenes.TOOL_SCHEMA}]
            messages += [
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": "call12345",
                     "name": scenes.TOOL, "input": scenes.BEFORE}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "call12345",
                     "content": scenes.BEFORE_RESULT}]}]

        if feature == "image":
            messages[0]["content"] = [
                {"type": "text", "text": scenes.PROMPT},
                {"type": "image", "source": {
                    "type": "base64", "media_type": "image/png",
                    "data": scenes.PIXEL}}]

        if feature == "schema":
            body["output_config"] = {"format": {"type": "json_schema",
                                                "schema": scenes.SCHEMA}}

        return body

    def read(self, text, stream, problems):
        if stream:
            return self.read_stream(text, problems)

        body = json.loads(text)
        problems.same("type", body.get("type"), "message")
        problems.same("role", body.get("role"), "assistant")

        calls = [b for b in body["content"] if b["type"] == "tool_use"]

        return {"text": "".join(b["text"] for b in body["content"]
                                if b["type"] == "text"),
                "tool": calls and calls[0]["name"] or None,
                "arguments": calls and json.dumps(calls[0]["input"]) or None,
                "finish": body["stop_reason"],
                "input": body["usage"]["input_tokens"],
                "output": body["usage"]["output_tokens"]}

    def read_stream(self, text, problems):
        got = {"text": "", "tool": None, "arguments": None, "finish": None,
               "input": None, "output": None}
        kinds = []

        for name, data in sse(text):
            event = json.loads(data)
            kind = event["type"]

            problems.same("the frame's name", name, kind)

            if kind == "ping":
                continue

            kinds.append(kind)

            if kind == "message_start":
                got["input"] = event["message"]["usage"]["input_tokens"]

            elif kind == "content_block_start":
                block = event["content_block"]
                if block["type"] == "tool_use":
                    got["tool"] = block["name"]
                    got["arguments"] = ""

            elif kind == "content_block_delta":
                delta = event["delta"]
                if delta["type"] == "text_delta":
                    got["text"] += delta["text"]
                elif delta["type"] == "input_json_delta":
                    got["arguments"] += delta["partial_json"]

            elif kind == "message_delta":
                got["finish"] = event["delta"]["stop_reason"]
                got["output"] = event["usage"]["output_tokens"]
                if event["usage"].get("input_tokens"):
                    got["input"] = event["usage"]["input_tokens"]

        problems.true("no message_start comes first",
                      kinds[:1] == ["message_start"])
        problems.same("the end", kinds[-2:], ["message_delta",
                                              "message_stop"])
        problems.same("blocks that end", kinds.count("content_block_stop"),
                      kinds.count("content_block_start"))

        return got

    finishes = {"stop": "end_turn", "tools": "tool_use"}


ALL = [OpenAI(), Anthropic()]
