"""What Anthropic's clients may expect of an answer of the gateway."""

import json


API = "gateway to anthropic"

DELTAS = {"text": ("text_delta", "citations_delta"),
          "thinking": ("thinking_delta", "signature_delta"),
          "tool_use": ("input_json_delta",)}


def plain(specs, path, status, headers, value):
    if status >= 400:
        return error(specs, headers, value)

    if path.endswith("/count_tokens"):
        return specs.check("count", API, value)

    if path.endswith("/models"):
        return specs.check("models", API, value)

    if "/models/" in path:
        return specs.check("model", API, value)

    out = specs.check("answer", API, value)

    return out + identified(headers)


def identified(headers):
    if headers.get("request-id") != headers.get("x-request-id"):
        return ["request-id %s is not x-request-id %s"
                % (headers.get("request-id"), headers.get("x-request-id"))]

    return []


def error(specs, headers, value):
    out = identified(headers)

    if not headers.get("x-llm-error"):
        out.append("no x-llm-error")

    # the description leaves out what it calls request_too_large

    if (value.get("error") or {}).get("type") == "request_too_large":
        return out

    return out + specs.check("error", API, value)


def stream(specs, headers, body):
    """The events, and their order."""

    out = identified(headers)
    events = []

    if not body.endswith("\n\n"):
        out.append("the last event is not whole: %r" % body[-80:])

    for text in body.split("\n\n"):
        lines = [line for line in text.split("\n") if line[:1] != ":"]

        if not any(lines):
            if text and not events and text[:1] != ":":
                out.append("nothing but %r" % text)
            continue

        if len(lines) != 2 or not lines[0].startswith("event: ") \
                or not lines[1].startswith("data: "):
            out.append("an event of a stream: %r" % text[:200])
            continue

        event = json.loads(lines[1][6:])

        if event["type"] != lines[0][7:]:
            out.append("\"%s\" in an event \"%s\"" % (event["type"],
                                                      lines[0][7:]))

        events.append(event)

    for event in events:
        if event["type"] == "error":
            out += specs.check("error", API,
                               {"request_id": None, **event})
        else:
            out += specs.check("event", API, event)

    return out + order(events)


def order(events):
    out = []
    blocks = 0
    open = None
    state = "before"

    for n, event in enumerate(events):
        kind = event["type"]

        def wrong():
            out.append("event %d, %s: %s"
                       % (n, state, json.dumps(event)[:200]))

        if kind == "error":
            if n != len(events) - 1:
                wrong()
            return out

        if state == "before":
            if kind != "message_start" or event["message"]["content"] != [] \
                    or event["message"]["stop_reason"] is not None:
                wrong()
            state = "begun"

        elif kind == "ping":
            continue

        elif kind == "content_block_start":
            if state != "begun" or open or event["index"] != blocks:
                wrong()
            open = event["content_block"]["type"]
            blocks += 1

        elif kind == "content_block_delta":
            if not open or event["index"] != blocks - 1 \
                    or event["delta"]["type"] not in DELTAS.get(open, ()):
                wrong()

        elif kind == "content_block_stop":
            if not open or event["index"] != blocks - 1:
                wrong()
            open = None

        elif kind == "message_delta":
            if state != "begun" or open \
                    or not event["delta"]["stop_reason"]:
                wrong()
            state = "finished"

        elif kind == "message_stop":
            if state != "finished":
                wrong()
            state = "over"

        else:
            wrong()

    if state != "over":
        out.append("neither message_stop nor an error ends it")

    return out
