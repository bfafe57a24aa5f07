"""What is asked and answered in the cells, said once and in no API's words."""

PROMPT = "What is the capital of France?"
ANSWER = ["The capital ", "is \"Par", "is\" \u2013 \U0001f5fc."]
TEXT = "".join(ANSWER)
SYSTEM = "Answer briefly."

# of a picture: one pixel, PNG

PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
         "WjR9awAAAABJRU5ErkJggg==")

TOOL = "get_weather"
TOOL_TEXT = "Weather of a city"
TOOL_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}},
               "required": ["city"]}
BEFORE = {"city": "Rome"}           # a call earlier in the conversation
BEFORE_RESULT = "18 degrees"
ARGUMENTS = {"city": "Paris"}       # the call that is answered

SCHEMA_NAME = "place"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}},
          "required": ["city"], "additionalProperties": False}
SCHEMA_ANSWER = ["{\"city\":", "\"Paris\"}"]

INPUT = 23
OUTPUT = 7

FEATURES = ["text", "tools", "image", "schema"]


def pieces(feature):
    """The text of the answer, as a stream may cut it; None: a call."""

    if feature == "tools":
        return None

    return SCHEMA_ANSWER if feature == "schema" else ANSWER


class Problems(list):
    """What is wrong; names what was looked at."""

    def same(self, what, got, want):
        if got != want:
            self.append("%s is %r, not %r" % (what, got, want))

    def true(self, what, ok):
        if not ok:
            self.append(what)
