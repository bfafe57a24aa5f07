"""Judges requests and answers by the APIs' published descriptions.

Two kinds of validators.  What is sent to a provider is held against the
description as it is.  What the gateway itself answers is held against a closed
copy of the client's API: a member must stand there, or in EXTENSIONS.

A third judge are rules that the vendor documents but no schema can say
(rules_anthropic).  They need no files.
"""

import json
import os
import re

import jsonschema_rs


FILES = {"openai": "openai/openapi.json", "anthropic": "anthropic/openapi.yaml"}

# members that the gateway's answers may have beyond OpenAI's, by schema

EXTENSIONS = {
    "ChatCompletionResponseMessage": ["reasoning_content", "thinking_blocks"],
    "ChatCompletionStreamResponseDelta": ["reasoning_content",
                                          "thinking_blocks", "annotations"],
    "ListModelsResponse": ["has_more", "first_id", "last_id"],
    "Model": ["type", "display_name", "created_at", "max_input_tokens",
              "max_tokens", "capabilities", "lifecycle"],
    "ErrorResponse": [],
}

# the same beyond Anthropic's

EXTENSIONS_ANTHROPIC = {
    "ListResponse_ModelInfo_": ["object"],
    "ModelInfo": ["object", "created", "owned_by", "lifecycle"],
    "Usage": ["output_tokens_details"],
    "MessageDeltaUsage": ["output_tokens_details", "cache_creation"],
    "InvalidRequestError": ["details"],
}

SCHEMAS = {
    "request": {"openai": "CreateChatCompletionRequest",
                "anthropic": "CreateMessageParams"},
    "answer": {"openai": "CreateChatCompletionResponse",
               "anthropic": "Message"},
    "event": {"openai": "CreateChatCompletionStreamResponse",
              "anthropic": "MessageStreamEvent"},
    "error": {"openai": "ErrorResponse", "anthropic": "ErrorResponse"},
    "models": {"openai": "ListModelsResponse",
               "anthropic": "ListResponse_ModelInfo_"},
    "model": {"openai": "Model", "anthropic": "ModelInfo"},
    "count request": {"anthropic": "CountMessageTokensParams"},
    "count": {"anthropic": "CountMessageTokensResponse"},
}


def folder():
    root = os.path.join(os.path.dirname(__file__), "..", "..")
    return os.path.normpath(os.path.join(root, "..", "shared", "specs"))


def nullable(node):
    """OpenAPI 3.0's "nullable", which 3.1 files still have, as JSON Schema."""

    if isinstance(node, list):
        return [nullable(item) for item in node]

    if not isinstance(node, dict):
        return node

    node = {key: nullable(value) for key, value in node.items()}

    if node.pop("nullable", None) is True:
        return {"anyOf": [{"type": "null"}, node]}

    return node


def closed(node, extra=()):
    """The same schema without room for members that it does not name."""

    if isinstance(node, list):
        return [closed(item) for item in node]

    if not isinstance(node, dict):
        return node

    node = {key: closed(value, extra if key in ("anyOf", "oneOf") else ())
            for key, value in node.items()}

    if isinstance(node.get("properties"), dict) \
            and "additionalProperties" not in node:
        node["additionalProperties"] = False
        for name in extra:
            node["properties"].setdefault(name, {})

    return node


class Specs:
    """The validators, or none of them where the files are not there."""

    def __init__(self, where=None):
        self.where = where or folder()
        self.cache = {}
        self.schemas = {}
        self.found = all(os.path.isfile(os.path.join(self.where, name))
                         for name in FILES.values())

        if not self.found:
            return

        for api, name in FILES.items():
            with open(os.path.join(self.where, name), encoding="utf-8") as f:
                # the YAML file holds JSON
                self.schemas[api] = nullable(
                    json.load(f)["components"]["schemas"])

        self.schemas["gateway"] = {
            name: closed(schema, EXTENSIONS.get(name, ()))
            for name, schema in self.reachable("openai").items()
        }

        self.schemas["gateway to anthropic"] = {
            name: closed(schema, EXTENSIONS_ANTHROPIC.get(name, ()))
            for name, schema in self.reachable("anthropic").items()
        }

    def reachable(self, api):
        """What the schemas of answers lead to: all others may stay open."""

        found = {}
        todo = [SCHEMAS[kind][api] for kind in SCHEMAS
                if api in SCHEMAS[kind] and not kind.endswith("request")]

        while todo:
            name = todo.pop()
            if name in found:
                continue

            found[name] = json.loads(json.dumps(self.schemas[api][name]))
            todo += re.findall(r'"#/components/schemas/([^"]+)"',
                               json.dumps(found[name]))

        return found

    def validator(self, kind, api):
        key = (kind, api)

        if key not in self.cache:
            name = SCHEMAS[kind][{"gateway": "openai",
                                  "gateway to anthropic": "anthropic"}
                                 .get(api, api)]
            schema = {"$ref": "#/components/schemas/" + name,
                      "components": {"schemas": self.schemas[api]}}
            self.cache[key] = jsonschema_rs.Draft202012Validator(schema)

        return self.cache[key]

    def check(self, kind, api, value):
        """Violations as a list of strings."""

        if not self.found:
            return []

        out = []

        for error in self.validator(kind, api).iter_errors(value):
            found = value
            for step in error.instance_path:
                found = found[step]

            path = "/".join(str(step) for step in error.instance_path)
            out.append("%s %s at /%s: %s: %s"
                       % (api, kind, path, error.message[:200],
                          json.dumps(found)[:300]))

        return out


# what Anthropic's documentation says beside the schema

TOOL_ID = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")


def blocks_of(message):
    content = message["content"]

    if isinstance(content, str):
        return [{"type": "text", "text": content}]

    return content


def rules_anthropic(body):
    out = []
    messages = body.get("messages", [])
    before = None
    calls = []
    pending = []
    marks = 0

    def count_marks(items):
        return sum(1 for item in items
                   if isinstance(item, dict) and item.get("cache_control"))

    if isinstance(body.get("system"), list):
        marks += count_marks(body["system"])
        for block in body["system"]:
            if not block.get("text", "").strip():
                out.append("an empty block in \"system\"")

    marks += count_marks(body.get("tools", []))

    if messages and messages[0]["role"] != "user":
        out.append("the first message is not of the user")

    for n, message in enumerate(messages):
        role = message["role"]
        blocks = blocks_of(message)
        where = "message %d" % n
        marks += count_marks(blocks)

        if role == before:
            out.append("%s: two turns of \"%s\" in a row" % (where, role))
        before = role

        if not blocks and n != len(messages) - 1:
            out.append("%s is empty" % where)

        for block in blocks:
            if block["type"] == "text" and not block["text"].strip():
                out.append("%s has a blank text block" % where)

            if block["type"] in ("tool_use", "server_tool_use") \
                    and not TOOL_ID.match(block["id"]):
                out.append("%s: tool id \"%s\"" % (where, block["id"]))

            if block["type"] in ("thinking", "redacted_thinking") \
                    and block.get("cache_control"):
                out.append("%s: a mark on thinking" % where)

        if role == "user":
            results = [b["tool_use_id"] for b in blocks
                       if b["type"] == "tool_result"]
            kinds = [b["type"] == "tool_result" for b in blocks]

            if sorted(results) != sorted(pending):
                out.append("%s: results %s of calls %s"
                           % (where, results, pending))

            if kinds != sorted(kinds, reverse=True):
                out.append("%s: results do not come first" % where)

            pending = []

        else:
            pending = [b["id"] for b in blocks if b["type"] == "tool_use"]
            calls += pending

            if blocks and blocks[-1]["type"] == "text" \
                    and n == len(messages) - 1 \
                    and blocks[-1]["text"] != blocks[-1]["text"].rstrip():
                out.append("%s: a prefill ends in white space" % where)

            kinds = [b["type"] in ("thinking", "redacted_thinking")
                     for b in blocks]
            if True in kinds and not kinds[0]:
                out.append("%s: thinking is not first" % where)

    if len(calls) != len(set(calls)):
        out.append("a tool id is there twice: %s" % calls)

    if calls and not body.get("tools"):
        out.append("calls in the history, but no tools")

    names = [tool["name"] for tool in body.get("tools", []) if "name" in tool]
    if len(names) != len(set(names)):
        out.append("two tools of one name")

    if marks > 4:
        out.append("%d cache marks, 4 are allowed" % marks)

    choice = body.get("tool_choice") or {}
    thinking = body.get("thinking") or {}

    if choice and not body.get("tools"):
        out.append("\"tool_choice\" without tools")

    if choice.get("type") == "tool" and choice.get("name") not in names:
        out.append("\"tool_choice\" of an unknown tool")

    if thinking.get("type") in ("enabled", "adaptive"):
        if choice.get("type") in ("any", "tool"):
            out.append("a forced tool and thinking")

        if body.get("temperature", 1) != 1 or "top_k" in body:
            out.append("sampling parameters and thinking")

    if thinking.get("type") == "enabled" \
            and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        out.append("budget %s of max_tokens %s"
                   % (thinking["budget_tokens"], body["max_tokens"]))

    for stop in body.get("stop_sequences", []):
        if not stop.strip():
            out.append("a blank stop sequence")

    out += rules_schema((body.get("output_config") or {}).get("format"))

    return ["anthropic rules: " + line for line in out]


def rules_schema(form):
    out = []

    def walk(node, path):
        if isinstance(node, list):
            for item in node:
                walk(item, path)

        if not isinstance(node, dict):
            return

        if node.get("type") == "object" \
                and node.get("additionalProperties") is not False:
            out.append("an open object in the schema at %s" % path)

        for word in ("minimum", "maximum", "exclusiveMinimum",
                     "exclusiveMaximum", "multipleOf", "minLength",
                     "maxLength", "maxItems"):
            if word in node and not path.endswith("/properties"):
                out.append("\"%s\" in the schema at %s" % (word, path))

        for key, value in node.items():
            walk(value, path + "/" + key)

    if form and form.get("type") == "json_schema":
        walk(form["schema"], "")

    return out
