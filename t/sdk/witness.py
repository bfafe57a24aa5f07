"""The types of the official clients as another judge of what is sent."""

import pydantic

from anthropic.types import message_create_params
from openai.types.chat import completion_create_params


def adapter(module, plain, stream):
    return {False: pydantic.TypeAdapter(getattr(module, plain)),
            True: pydantic.TypeAdapter(getattr(module, stream))}


ADAPTERS = {
    "anthropic": adapter(message_create_params,
                         "MessageCreateParamsNonStreaming",
                         "MessageCreateParamsStreaming"),
    "openai": adapter(completion_create_params,
                      "CompletionCreateParamsNonStreaming",
                      "CompletionCreateParamsStreaming"),
}


def consume(value):
    """Iterables in those types are validated while they are read."""

    if isinstance(value, dict):
        for item in value.values():
            consume(item)

    elif not isinstance(value, (str, bytes, int, float, bool, type(None))):
        for item in value:
            consume(item)


def judge(api, body):
    try:
        consume(ADAPTERS[api][body.get("stream") is True]
                .validate_python(body))

    except pydantic.ValidationError as e:
        return ["%s client's types: at %s: %s"
                % (api, "/".join(str(s) for s in error["loc"]), error["msg"])
                for error in e.errors()[:5]]

    return []
