"""AWS's own client library judges what concerns Bedrock.

Its service model looks at every request in t/fixtures/bedrock and at those that
a running gateway sends; its event stream parser reads the fixtures' streams,
which the gateway then reads, too; its signer signs what the gateway signed.

Alone: SDK_SCRIPT=judge_bedrock.py t/sdk/run
"""

import base64
import binascii
import glob
import http.server
import json
import os
import re
import sys
import threading
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.eventstream
import botocore.loaders
import botocore.model
import botocore.parsers

import gateway


FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                        "fixtures", "bedrock")

ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "token/of+aws=="
REGION = "eu-west-3"

HTTP = """
    llm_provider aws {
        dialect  bedrock;
        url      http://127.0.0.1:%(bedrock)d;
        region   eu-west-3;
        key      env:SDK_TEST_AWS_KEY;
    }

    llm_model aws/* { deployment aws *; cooldown off; }
"""


def service():
    loader = botocore.loaders.Loader()
    return botocore.model.ServiceModel(
        loader.load_service_model("bedrock-runtime", "service-2"))


def request_problems(shape, value, path="request"):
    """Stricter than botocore: unknown members, enums, patterns, unions."""

    kind = shape.type_name
    problems = []

    if kind == "structure" and getattr(shape, "is_document_type", False):
        return problems

    if kind == "structure":
        if not isinstance(value, dict):
            return ["%s is no object" % path]

        for name in value:
            if name not in shape.members:
                problems.append("%s.%s is not known" % (path, name))
            else:
                problems += request_problems(shape.members[name], value[name],
                                             "%s.%s" % (path, name))

        for name in shape.required_members:
            if name not in value:
                problems.append("%s.%s is missing" % (path, name))

        if getattr(shape, "is_tagged_union", False) and len(value) != 1:
            problems.append("%s has %d members" % (path, len(value)))

    elif kind == "list":
        if not isinstance(value, list):
            return ["%s is no array" % path]

        problems += bounds(shape, len(value), path)

        for i, item in enumerate(value):
            problems += request_problems(shape.member, item,
                                         "%s[%d]" % (path, i))

    elif kind == "map":
        if not isinstance(value, dict):
            return ["%s is no object" % path]

        problems += bounds(shape, len(value), path)

        for name, item in value.items():
            problems += request_problems(shape.key, name, path + " key")
            problems += request_problems(shape.value, item,
                                         "%s.%s" % (path, name))

    elif kind == "string":
        if not isinstance(value, str):
            return ["%s is no string" % path]

        problems += bounds(shape, len(value), path)

        if shape.enum and value not in shape.enum:
            problems.append("%s is %r" % (path, value))

        pattern = shape.metadata.get("pattern")

        if pattern and not re.fullmatch(pattern, value):
            problems.append("%s is %r, not %s" % (path, value, pattern))

    elif kind == "blob":
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError):
            problems.append("%s is not base64" % path)

    elif kind in ("integer", "long", "float", "double"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return ["%s is no number" % path]

        if kind in ("integer", "long") and not isinstance(value, int):
            problems.append("%s is no integer" % path)

        problems += bounds(shape, value, path)

    elif kind == "boolean" and not isinstance(value, bool):
        problems.append("%s is no boolean" % path)

    return problems


def bounds(shape, n, path):
    low = shape.metadata.get("min")
    high = shape.metadata.get("max")

    if low is not None and n < low or high is not None and n > high:
        return ["%s is %s, outside %s to %s" % (path, n, low, high)]

    return []


def sent_fixtures():
    """What requests.txt says goes to Converse: (name, stream, body)."""

    with open(os.path.join(FIXTURES, "requests.txt"), encoding="utf-8",
              errors="surrogateescape") as f:
        cases = re.split(r"^# ", f.read(), flags=re.M)[1:]

    for case in cases:
        name = case.partition("\n")[0]
        asked = re.search(r"^> (.*)$", case, re.M)
        sent = re.search(r"^< (.*)$", case, re.M)

        if sent is None:
            continue

        body = json.loads(sent.group(1))

        if "anthropic_version" not in body:
            yield name, '"stream":true' in asked.group(1), body


def judge_requests(model, report):
    for name, stream, body in sent_fixtures():
        operation = model.operation_model(
            "CountTokens" if "input" in body else
            "ConverseStream" if stream else "Converse")
        report("bedrock request: " + name,
               request_problems(operation.input_shape,
                                dict(body, modelId="m")))


# streams

class Raw:
    """What botocore's EventStream reads from."""

    def __init__(self, data):
        self.data = data

    def stream(self):
        # in uneven pieces, as a network has them
        for at in range(0, len(self.data), 97):
            yield self.data[at:at + 97]

    def close(self):
        pass


def botocore_events(model, data):
    """(text, finish, usage, error) as botocore reads a Converse stream."""

    output = model.operation_model("ConverseStream").output_shape
    parser = botocore.parsers.EventStreamJSONParser()
    stream = botocore.eventstream.EventStream(
        Raw(data), output.members["stream"], parser, "ConverseStream")

    text, finish, usage = "", None, None

    try:
        for event in stream:
            delta = event.get("contentBlockDelta", {}).get("delta", {})
            text += delta.get("text", "")

            if "messageStop" in event and finish is None:
                finish = event["messageStop"].get("stopReason")

            if "metadata" in event and usage is None:
                usage = event["metadata"].get("usage")

    except botocore.eventstream.ParserError:
        return text, finish, usage, "broken"

    except Exception as e:
        return text, finish, usage, type(e).__name__

    return text, finish, usage, None


# what stands in the fixtures on purpose and botocore cannot read, or reads
# otherwise: numbers that are none, JSON that is cut, a stream of two ways

SKIPPED = ("odd", "bad_json", "two_ways", "two_ways_converse", "claude",
           "claude_no_stop", "claude_cut", "claude_exception", "claude_bad",
           "chunk_bad_base64", "chunk_odd", "json_tool", "behind_the_end",
           "error_bare", "cut_in_message", "cut_in_metadata",
           "exception_unknown")


def judge_streams(model, report):
    n = 0

    for path in sorted(glob.glob(os.path.join(FIXTURES, "*.eventstream"))):
        name = os.path.basename(path)[:-len(".eventstream")]

        with open(path, "rb") as f:
            data = f.read()

        problems = frames(data, name)

        if name not in SKIPPED:
            problems += compare(model, data, path)
            n += 1

        report("bedrock stream: " + name, problems)

    report("bedrock streams", [] if n > 15 else ["only %d compared" % n])


def frames(data, name):
    """Whether botocore finds the framing to be what the name says."""

    buffer = botocore.eventstream.EventStreamBuffer()
    broken = None

    try:
        for at in range(len(data)):
            buffer.add_data(data[at:at + 1])
            for message in buffer:
                message.to_response_dict()

    except botocore.eventstream.ChecksumMismatch:
        broken = "crc"

    if broken != ("crc" if name == "bad_crc" else None):
        return ["botocore finds the framing %s" % (broken or "right")]

    return []


def compare(model, data, path):
    """botocore's reading beside the events that the unit tests expect."""

    with open(path[:-len("eventstream")] + "events", encoding="utf-8") as f:
        lines = f.read().splitlines()

    text = "".join(json.loads('"%s"' % line[len("text text="):])
                   for line in lines if line.startswith("text text="))
    failed = [line for line in lines
              if line.startswith("error ") or line == "broken"]
    usage = [line for line in lines if line.startswith("usage ")]

    got, finish, counts, error = botocore_events(model, data)
    problems = []

    if got != text:
        problems.append("text is %r, not %r" % (text, got))

    # a model's malformed answer is an error to the gateway alone

    if bool(failed) != bool(error) and not (finish or "").startswith("malf"):
        problems.append("failed: %r, botocore %r" % (failed, error))

    if counts and usage:
        said = dict(re.findall(r"(\w+)=(-?\d+)", usage[-1]))
        prompt = (counts["inputTokens"]
                  + counts.get("cacheReadInputTokens", 0)
                  + counts.get("cacheWriteInputTokens", 0))

        if int(said["prompt"]) != prompt \
           or int(said["completion"]) != counts["outputTokens"] \
           or prompt != counts["totalTokens"] - counts["outputTokens"]:
            problems.append("usage is %r, not %r" % (said, counts))

    return problems


# the gateway, live

class Bedrock(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        self.answer = None
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers.items()), body))

        kind, data = self.server.answer

        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def signature_problems(path, headers, body, port):
    """Signs the same request with botocore and compares."""

    headers = {name.lower(): value for name, value in headers.items()}
    date = headers.get("x-amz-date", "")

    request = botocore.awsrequest.AWSRequest(
        method="POST", url="http://127.0.0.1:%d%s" % (port, path), data=body,
        headers={"Content-Type": headers["content-type"],
                 "Host": headers["host"]})

    signer = botocore.auth.SigV4Auth(
        botocore.credentials.Credentials(ID, SECRET, TOKEN), "bedrock",
        REGION)

    request.context["timestamp"] = date
    request.headers["X-Amz-Date"] = date
    request.headers["X-Amz-Security-Token"] = TOKEN

    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical),
                                 request)
    signed = signer.signed_headers(signer.headers_to_sign(request))

    want = ("AWS4-HMAC-SHA256 Credential=%s, SignedHeaders=%s, Signature=%s"
            % (signer.scope(request), signed, signature))

    if headers.get("authorization") != want:
        return ["%s\nis not\n%s" % (headers.get("authorization"), want)]

    return []


def post(gate, path, body):
    request = urllib.request.Request(
        gate.url + path, json.dumps(body).encode(),
        {"Content-Type": "application/json",
         "Authorization": "Bearer " + gateway.KEY})

    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def ask(gate, model, stream, **more):
    return post(gate, "/v1/chat/completions", {
        "model": "aws/" + model, "stream": stream, "max_tokens": 50,
        "messages": [{"role": "user", "content": "Hi é"}], **more})


MODELS = ("us.amazon.nova-pro-v1:0",
          "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
          "arn:aws:bedrock:eu-west-3:123456789012:"
          "application-inference-profile/abc")


def judge_gateway(model, report):
    server = Bedrock()
    gate = gateway.Gateway(
        os.path.join(os.environ["BUILD"], "sdk", "nginx-bedrock"), HTTP,
        {"bedrock": server.server_address[1]},
        {"SDK_TEST_AWS_KEY": "%s:%s:%s" % (ID, SECRET, TOKEN)})

    try:
        for name in MODELS:
            for stream in (False, True):
                report("bedrock gateway: %s%s" % (name, " stream" * stream),
                       through(model, server, gate, name, stream))

            report("bedrock gateway: count of " + name,
                   counted(model, server, gate, name))

        log = gate.log()
        report("bedrock gateway: secrets",
               [s for s in (SECRET, TOKEN, "Signature=") if s in log])
        report("bedrock gateway: log", gate.alarms())

    finally:
        gate.close()
        server.shutdown()
        server.server_close()


def counted(model, server, gate, name):
    """CountTokens as botocore's model has it, path included, and signed."""

    server.answer = "application/json", b'{"inputTokens":17}'
    text = post(gate, "/v1/messages/count_tokens", {
        "model": "aws/" + name, "system": "s",
        "messages": [{"role": "user", "content": "Hi é"}]})

    path, headers, body = server.seen[-1]
    value = json.loads(body)
    operation = model.operation_model("CountTokens")
    problems = signature_problems(path, headers, body,
                                  server.server_address[1])
    problems += request_problems(operation.input_shape,
                                 dict(value, modelId="m"))

    start, _, end = operation.http["requestUri"].partition("{modelId}")

    if not (path.startswith(start) and path.endswith(end)):
        problems.append("path is %s" % path)

    if "claude" in name:
        native = json.loads(base64.b64decode(
            value["input"]["invokeModel"]["body"]))

        if native["messages"][0]["content"] != "Hi é" \
           or native["max_tokens"] < 1:
            problems.append("body is %r" % native)

    if json.loads(text) != {"input_tokens": 17}:
        problems.append("answer is %s" % text)

    return problems


def through(model, server, gate, name, stream):
    claude = "claude" in name
    fixture = "claude" if claude else "tools"

    if stream:
        with open(os.path.join(FIXTURES, fixture + ".eventstream"),
                  "rb") as f:
            server.answer = ("application/vnd.amazon.eventstream", f.read())

    elif claude:
        server.answer = ("application/json", json.dumps(
            {"id": "msg_1", "type": "message", "role": "assistant",
             "model": "m", "content": [{"type": "text", "text": "Hi"}],
             "stop_reason": "end_turn", "stop_sequence": None,
             "usage": {"input_tokens": 1, "output_tokens": 1}}).encode())

    else:
        server.answer = ("application/json", json.dumps(
            {"output": {"message": {"role": "assistant",
                                    "content": [{"text": "Hi"}]}},
             "stopReason": "end_turn", "metrics": {"latencyMs": 1},
             "usage": {"inputTokens": 1, "outputTokens": 1,
                       "totalTokens": 2}}).encode())

    text = ask(gate, name, stream)
    path, headers, body = server.seen[-1]
    problems = signature_problems(path, headers, body,
                                  server.server_address[1])

    if not claude:
        operation = "ConverseStream" if stream else "Converse"
        shape = model.operation_model(operation).input_shape
        problems += request_problems(shape,
                                     dict(json.loads(body), modelId="m"))

    if stream and ("data: [DONE]" not in text or '"arguments"' not in text):
        problems.append("answer is %r" % text)

    if not stream and '"content":"Hi"' not in text:
        problems.append("answer is %r" % text)

    return problems


def run(report):
    model = service()

    judge_requests(model, report)
    judge_streams(model, report)
    judge_gateway(model, report)


def main():
    count = {"passed": 0, "failed": 0}

    def report(name, problems):
        count["failed" if problems else "passed"] += 1

        if problems:
            print("%s:" % name)
            for problem in problems:
                print("    %s" % str(problem).replace("\n", "\n    "))

    run(report)

    print("%d passed, %d failed" % (count["passed"], count["failed"]))
    sys.exit(1 if count["failed"] else 0)


if __name__ == "__main__":
    main()
