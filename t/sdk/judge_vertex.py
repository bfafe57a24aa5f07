"""Google's own descriptions and clients judge what concerns Vertex AI.

The published protos look at every request in t/fixtures/vertex, at those that a
running gateway sends, and at the fixtures' answers; Google's and Anthropic's
clients ask for the same and have to use the same paths and bodies, and read
the same answers; Google's library for authentication takes the gateway's
assertions apart.

Alone: SDK_SCRIPT=judge_vertex.py t/sdk/run
"""

import datetime
import glob
import http.server
import json
import os
import re
import sys
import tempfile
import threading
import urllib.parse
import urllib.request

import anthropic
import google.auth.credentials
import google.auth.jwt
import google.genai
import google.genai.types
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.protobuf import (descriptor_pb2, descriptor_pool, json_format,
                             message_factory)

import gateway
import specs


ROOT = os.path.normpath(os.path.join(os.path.dirname(__file__), "..",
                                     "fixtures"))

EMAIL = "me@my-project.iam.gserviceaccount.com"

HTTP = """
    llm_provider vertex {
        url       http://127.0.0.1:%(vertex)d/v1;
        key       file:%(account)s;
        location  us-east5;
    }

    llm_model vertex/* { deployment vertex *; cooldown off; }
"""


VERTEX = ("google.cloud.aiplatform.v1",
          "google/cloud/aiplatform/v1/prediction_service.proto")
GEMINI = ("google.ai.generativelanguage.v1beta",
          "google/ai/generativelanguage/v1beta/generative_service.proto")


class Protos:
    """Messages of an API by its published files; None: not there."""

    @staticmethod
    def load(package, name):
        folder = os.path.join(specs.folder(), "googleapis")

        if not os.path.exists(os.path.join(folder, name)):
            return None

        import grpc_tools
        from grpc_tools import protoc

        known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")

        with tempfile.TemporaryDirectory() as temp:
            out = os.path.join(temp, "set")
            rc = protoc.main(["protoc", "-I" + folder, "-I" + known,
                              "--include_imports",
                              "--descriptor_set_out=" + out, name])
            if rc:
                raise RuntimeError("the protos could not be read")

            with open(out, "rb") as f:
                files = descriptor_pb2.FileDescriptorSet.FromString(f.read())

        self = Protos()
        pool = descriptor_pool.DescriptorPool()

        for one in files.file:
            pool.Add(one)

        def kind(short):
            return message_factory.GetMessageClass(
                pool.FindMessageTypeByName(package + "." + short))

        self.pool = pool
        self.request = kind("GenerateContentRequest")
        self.response = kind("GenerateContentResponse")
        self.embed = kind("EmbedContentRequest")
        self.count = kind("CountTokensRequest")

        if package == VERTEX[0]:
            self.predict = kind("PredictRequest")

        return self

    def problems(self, kind, text):
        """What no server of that API could take; unknown members, too."""

        try:
            json_format.Parse(text, kind(), descriptor_pool=self.pool)
        except json_format.ParseError as e:
            return ["%s: %s" % (e, text[:300])]
        return []


def cases(api, name):
    with open(os.path.join(ROOT, api, name), encoding="utf-8") as f:
        for block in f.read().strip("\n").split("\n\n"):
            case = {"": ""}
            for line in block.split("\n"):
                case.setdefault(line[:1], line[2:])
            yield case


def events(path):
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("data: "):
                yield line[6:]


def judge_fixtures(protos, report):
    for case in cases("vertex", "requests.txt"):
        if "<" in case:
            report("vertex request: " + case["#"],
                   protos.problems(protos.count if case.get("%") == "count"
                                   else protos.request, case["<"]))

    gemini_api = Protos.load(*GEMINI)

    for case in cases("gemini", "requests.txt"):
        if case.get("%") == "count":
            report("gemini count: " + case["#"],
                   gemini_api.problems(gemini_api.count, case["<"]))

    for case in cases("vertex", "responses.txt"):
        if "error" not in case["<"][:5]:
            report("vertex response: " + case["#"],
                   protos.problems(protos.response, case[">"]))

    for path in glob.glob(os.path.join(ROOT, "vertex", "*.sse")):
        problems = []
        for data in events(path):
            problems += protos.problems(protos.response, data)
        report("vertex stream: " + os.path.basename(path), problems)

    # a judge that takes everything would be none

    report("vertex judge", [] if protos.problems(
        protos.request, '{"contents":[{"role":"user","parts":[{"functionCall"'
        ':{"id":"1","name":"f"}}]}]}') else ["it takes the id of a call"])


class Server(http.server.ThreadingHTTPServer):
    """Vertex AI and the endpoint of tokens."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        self.tokens = []
        self.answer = None
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()

        if self.path == "/token":
            self.server.tokens.append(body)
            kind, data = "application/json", json.dumps(
                {"access_token": "ya29.judge", "expires_in": 3599,
                 "token_type": "Bearer"})
        else:
            self.server.seen.append((self.path, dict(self.headers.items()),
                                     body))
            kind, data = self.server.answer

        data = data.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def account(folder, port):
    """A service account's file, and the certificate of its key."""

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "judge")])
    day = datetime.datetime(2020, 1, 1)
    certificate = (x509.CertificateBuilder().subject_name(name)
                   .issuer_name(name).public_key(key.public_key())
                   .serial_number(1).not_valid_before(day)
                   .not_valid_after(day + datetime.timedelta(days=36500))
                   .sign(key, hashes.SHA256()))
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "account.json")

    with open(path, "w", encoding="utf-8") as f:
        json.dump({"type": "service_account", "project_id": "my-project",
                   "private_key_id": "key-1", "client_email": EMAIL,
                   "token_uri": "http://127.0.0.1:%d/token" % port,
                   "private_key": key.private_bytes(
                       serialization.Encoding.PEM,
                       serialization.PrivateFormat.PKCS8,
                       serialization.NoEncryption()).decode()}, f, indent=2)

    os.chmod(path, 0o644)

    return path, certificate.public_bytes(serialization.Encoding.PEM)


class Token(google.auth.credentials.Credentials):
    """A token that Google's client is given."""

    def refresh(self, request):
        self.token = "ya29.judge"


def post(gate, path, body):
    request = urllib.request.Request(
        gate.url + path, json.dumps(body).encode(),
        {"Content-Type": "application/json",
         "Authorization": "Bearer " + gateway.KEY})

    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def ask(gate, model, stream, **more):
    return post(gate, "/v1/chat/completions", {
        "model": "vertex/" + model, "stream": stream, "max_tokens": 50,
        "messages": [{"role": "user", "content": "Hi é"}], **more})


def text_of(answer):
    return "".join(json.loads('"%s"' % part) for part in
                   re.findall(r'"content":"((?:[^"\\]|\\.)*)"', answer))


def google_client(server):
    return google.genai.Client(
        vertexai=True, project="my-project", location="us-east5",
        credentials=Token(),
        http_options=google.genai.types.HttpOptions(
            base_url="http://127.0.0.1:%d" % server.port, api_version="v1"))


def gemini(server, stream):
    client = google_client(server)
    arguments = dict(model="gemini-2.5-flash", contents="Hi é",
                     config={"max_output_tokens": 50})

    if stream:
        return "".join(part.text or "" for part in
                       client.models.generate_content_stream(**arguments))

    return client.models.generate_content(**arguments).text


def claude(server, stream):
    client = anthropic.AnthropicVertex(
        project_id="my-project", region="us-east5", access_token="ya29.judge",
        base_url="http://127.0.0.1:%d/v1" % server.port)
    arguments = dict(model="claude-sonnet-4-5@20250929", max_tokens=50,
                     messages=[{"role": "user", "content": [
                         {"type": "text", "text": "Hi é"}]}])

    if stream:
        with client.messages.stream(**arguments) as events:
            return "".join(events.text_stream)

    return client.messages.create(**arguments).content[0].text


def both(protos, server, gate, name, client, stream):
    """The vendor's client and the gateway, asked for the same."""

    problems = []

    want = client(server, stream)
    got = text_of(ask(gate, name, stream))

    if got != want:
        problems.append("answer %r is not %r" % (got, want))

    (their_path, theirs, their_body), (path, ours, body) = server.seen[-2:]

    if urllib.parse.unquote(path) != urllib.parse.unquote(their_path):
        problems.append("path %s is not %s" % (path, their_path))

    theirs = {name.lower(): value for name, value in theirs.items()}
    ours = {name.lower(): value for name, value in ours.items()}

    if ours.get("authorization") != theirs.get("authorization"):
        problems.append("authorization is %r, not %r"
                        % (ours.get("authorization"),
                           theirs.get("authorization")))

    for header in ("x-api-key", "x-goog-api-key", "anthropic-version"):
        if header in ours and header not in theirs:
            problems.append("there is a header %s" % header)

    wanted, sent = json.loads(their_body), json.loads(body)

    if client is claude:

        # the client's is as new as the client
        version = sent.pop("anthropic_version", None)
        wanted.pop("anthropic_version")

        if version != "vertex-2023-10-16":
            problems.append("version is %r" % version)

    if sent != wanted:
        problems.append("body %s is not %s" % (body, their_body))

    if protos and client is gemini:
        problems += protos.problems(protos.request, body)

    return problems


EMBEDDINGS = {
    "text-embedding-005": ["a", "b é"],
    "gemini-embedding-001": ["b é"],
    "gemini-embedding-2": ["b é"],
    "intfloat/multilingual-e5-large-instruct-maas": ["b é"],
}


def embeddings(protos, server, gate, model):
    """Google's client and the gateway, asked for the same vectors."""

    texts = EMBEDDINGS[model]
    vectors = [[float(i), 0.5] for i in range(len(texts))]
    server.answer = "application/json", json.dumps(
        {"predictions": [
            {"embeddings": {"values": v, "statistics": {
                "token_count": 2.0, "truncated": False}}} for v in vectors]}
        if model.startswith("text-") else
        {"embedding": {"values": vectors[0]}, "truncated": False,
         "usageMetadata": {"promptTokenCount": 2, "totalTokenCount": 2}})

    config = {"auto_truncate": False, "output_dimensionality": 256}

    if model != "gemini-embedding-2":
        config["task_type"] = "RETRIEVAL_QUERY"

    client = google_client(server)
    want = [e.values for e in client.models.embed_content(
        model=model, contents=texts if len(texts) > 1 else texts[0],
        config=config).embeddings]

    answer = json.loads(post(gate, "/v1/embeddings", {
        "model": "vertex/" + model, "input": texts, "dimensions": 256,
        "input_type": "query"}))

    problems = []

    if [d["embedding"] for d in answer["data"]] != want:
        problems.append("answer is %r" % answer)

    if answer["usage"]["prompt_tokens"] != 2 * len(texts):
        problems.append("usage is %r" % answer["usage"])

    (their_path, _, theirs), (path, _, body) = server.seen[-2:]

    if urllib.parse.unquote(path) != urllib.parse.unquote(their_path):
        problems.append("path %s is not %s" % (path, their_path))

    if json.loads(body) != json.loads(theirs):
        problems.append("body %s is not %s" % (body, theirs))

    if protos:
        problems += protos.problems(protos.predict if path.endswith("predict")
                                    else protos.embed, body)

    return problems


def count(protos, server, gate, model):
    """The vendor's client and the gateway, asked for the same count."""

    messages = [{"role": "user", "content": "Hi é"}]

    if "claude" in model:
        server.answer = "application/json", '{"input_tokens":17}'
        client = anthropic.AnthropicVertex(
            project_id="my-project", region="us-east5",
            access_token="ya29.judge",
            base_url="http://127.0.0.1:%d/v1" % server.port)
        client.messages.count_tokens(model=model, messages=messages)

    else:
        server.answer = "application/json", '{"totalTokens":17}'
        client = google_client(server)
        client.models.count_tokens(model=model, contents="Hi é")

    text = post(gate, "/v1/messages/count_tokens", {
        "model": "vertex/" + model, "messages": messages})

    (their_path, _, theirs), (path, _, body) = server.seen[-2:]
    theirs, sent = json.loads(theirs), json.loads(body)
    problems = []

    if json.loads(text) != {"input_tokens": 17}:
        problems.append("answer is %s" % text)

    if urllib.parse.unquote(path) != urllib.parse.unquote(their_path):
        problems.append("path %s is not %s" % (path, their_path))

    if theirs.pop("anthropic_version", None) \
       and sent.pop("anthropic_version", None) != "vertex-2023-10-16":
        problems.append("no version")

    if sent != theirs:
        problems.append("body %s is not %s" % (sent, theirs))

    if protos and "gemini" in model:
        problems += protos.problems(protos.count, body)

    return problems


def judge_assertion(server, certificate):
    if len(server.tokens) != 1:
        return ["%d tokens were asked for" % len(server.tokens)]

    form = dict(urllib.parse.parse_qsl(server.tokens[0]))
    claims = google.auth.jwt.decode(
        form["assertion"], certs={"key-1": certificate},
        audience="http://127.0.0.1:%d/token" % server.port)

    want = {"iss": EMAIL,
            "scope": "https://www.googleapis.com/auth/cloud-platform"}

    return ["%s is %r" % (name, claims.get(name)) for name in want
            if claims.get(name) != want[name]]


def answers(stream):
    """Fixtures as they are served, of Gemini and of Claude."""

    kind = "text/event-stream" if stream else "application/json"

    if stream:
        for api in ("vertex", "vertex_claude"):
            with open(os.path.join(ROOT, api, "plain.sse"),
                      encoding="utf-8", newline="") as f:
                yield kind, f.read()
        return

    yield kind, next(case[">"] for case in cases("vertex", "responses.txt"))
    yield kind, json.dumps(
        {"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
         "content": [{"type": "text", "text": "hi é"}],
         "stop_reason": "end_turn", "stop_sequence": None,
         "usage": {"input_tokens": 1, "output_tokens": 1}})


def judge_gateway(protos, report):
    server = Server()
    folder = os.path.join(os.environ["BUILD"], "sdk")
    path, certificate = account(folder, server.port)
    gate = gateway.Gateway(os.path.join(folder, "nginx-vertex"), HTTP,
                           {"vertex": server.port, "account": path}, {})

    try:
        for stream in (False, True):
            for name, client, answer in zip(
                    ("gemini-2.5-flash", "claude-sonnet-4-5@20250929"),
                    (gemini, claude), answers(stream)):
                server.answer = answer
                report("vertex gateway: %s%s" % (name, " stream" * stream),
                       both(protos, server, gate, name, client, stream))

        for model in EMBEDDINGS:
            report("vertex embeddings: " + model,
                   embeddings(protos, server, gate, model))

        for model in ("gemini-2.5-flash", "claude-sonnet-4-5@20250929"):
            report("vertex count: " + model,
                   count(protos, server, gate, model))

        report("vertex gateway: assertion",
               judge_assertion(server, certificate))

        log = gate.log()
        report("vertex gateway: secrets",
               [s for s in ("ya29", "eyJ", "PRIVATE") if s in log])
        report("vertex gateway: log", gate.alarms())

    finally:
        gate.close()
        os.unlink(path)
        server.shutdown()
        server.server_close()


def run(report):
    protos = Protos.load(*VERTEX)

    if protos:
        judge_fixtures(protos, report)
    else:
        print("requests to Vertex AI are not held against the published "
              "protos, ../shared/specs is not there")

    judge_gateway(protos, report)


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
