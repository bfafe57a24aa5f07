"""The official client and endpoints beyond chat, before one stand-in each of
OpenAI, Cohere, Mistral and Ollama; what is sent to these is held against their
published descriptions."""

import base64
import email.parser
import email.policy
import json
import os
import struct
import threading

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import jsonschema_rs
import openai
import yaml

import gateway
import specs


VECTOR = [0.1, -0.25, 1e-08, 3.5]
AUDIO = bytes(range(256)) * 40

FILES = {"openai": "openai/openapi.json",
         "cohere": "cohere/cohere-openapi.yaml",
         "mistral": "mistral/openapi.yaml",
         "ollama": "ollama/openapi.yaml"}

HTTP = """
    llm_provider openai  { url http://127.0.0.1:%(p)d/openai/v1; key none; }
    llm_provider cohere  { dialect cohere;
                           url http://127.0.0.1:%(p)d/cohere/v2; key none; }
    llm_provider mistral { dialect mistral;
                           url http://127.0.0.1:%(p)d/mistral/v1; key none; }
    llm_provider ollama  { dialect ollama;
                           url http://127.0.0.1:%(p)d/ollama/api; key none; }

    llm_model embed         { deployment openai text-embedding-3-small; }
    llm_model embed-cohere  { deployment cohere embed-v4.0; }
    llm_model embed-mistral { deployment mistral mistral-embed; }
    llm_model embed-ollama  { deployment ollama nomic-embed-text; }
    llm_model rerank        { deployment cohere rerank-v3.5; }
    llm_model m             { deployment openai gpt-4o-mini-tts; }
    llm_model whisper       { deployment openai whisper-1; }
    llm_model instruct      { deployment openai gpt-3.5-turbo-instruct; }
"""


class Judges:
    """Requests by API and path, as its description has them."""

    def __init__(self):
        self.documents = {}
        self.validators = {}

        for api, name in FILES.items():
            path = os.path.join(specs.folder(), name)

            if not os.path.isfile(path):
                continue

            with open(path, encoding="utf-8") as f:
                text = f.read()

            self.documents[api] = specs.nullable(
                json.loads(text) if name.endswith(".json")
                else yaml.safe_load(text))

    def check(self, api, path, body):
        if api not in self.documents:
            return []

        key = (api, path)

        if key not in self.validators:
            document = self.documents[api]
            schema = document["paths"][path]["post"]["requestBody"] \
                ["content"]["application/json"]["schema"]
            text = json.dumps({"components": document["components"],
                               "allOf": [schema]}, default=str)
            self.validators[key] = jsonschema_rs.Draft202012Validator(
                json.loads(text))

        return ["%s %s: %s" % (api, path, error.message[:300])
                for error in self.validators[key].iter_errors(body)]


def embeddings(body):
    """As OpenAI and Mistral answer."""

    inputs = body["input"]

    if isinstance(inputs, str) or isinstance(inputs[0], int):
        inputs = [inputs]

    vector = VECTOR

    if body.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack("<4f", *VECTOR)).decode()

    return {"object": "list", "model": body["model"],
            "data": [{"object": "embedding", "index": i, "embedding": vector}
                     for i in range(len(inputs))],
            "usage": {"prompt_tokens": 5, "total_tokens": 5}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body, type="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()

        self.send_response(200)
        self.send_header("Content-Type", type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.server.seen.append((self.path, None))

        if self.path.endswith("/content"):
            self.answer(b"line 1\nline 2\n", "application/octet-stream")

        elif self.path.split("?")[0].endswith("/files"):
            self.answer({"object": "list", "data": [FILE], "has_more": False,
                         "first_id": "file-1", "last_id": "file-1"})

        else:
            self.answer(FILE)

    def do_DELETE(self):
        self.server.seen.append((self.path, None))
        self.answer({"id": "file-1", "object": "file", "deleted": True})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        type = self.headers.get("Content-Type", "")
        api, path = self.path[1:].split("/", 1)

        if type.startswith("multipart/"):
            body = form(type, raw)

        else:
            body = json.loads(raw)
            place = {"openai": "/" + path[len("v1/"):],
                     "mistral": "/" + path, "cohere": "/" + path,
                     "ollama": "/" + path}[api]
            self.server.wrong += self.server.judges.check(api, place, body)

        self.server.seen.append((self.path, body))
        self.answer(*said(api, path, body))


FILE = {"id": "file-1", "object": "file", "bytes": 12, "created_at": 1,
        "filename": "a.jsonl", "purpose": "batch", "status": "processed"}


def said(api, path, body):
    if path == "v2/embed":
        return ({"id": "e", "response_type": "embeddings_by_type",
                 "embeddings": {"float": [VECTOR] * len(body["texts"])},
                 "texts": body["texts"],
                 "meta": {"billed_units": {"input_tokens": 5}}},)

    if path == "v2/rerank":
        return ({"id": "r", "results": [{"index": 0, "relevance_score": 0.5}],
                 "meta": {"billed_units": {"search_units": 1}}},)

    if path == "api/embed":
        return ({"model": body["model"],
                 "embeddings": [VECTOR] * len(body["input"]),
                 "prompt_eval_count": 5},)

    if path.endswith("embeddings"):
        return (embeddings(body),)

    if path.endswith("moderations"):
        return ({"id": "modr-1", "model": body["model"], "results": [
            {"flagged": True, "categories": {"hate": True},
             "category_scores": {"hate": 0.9},
             "category_applied_input_types": {"hate": ["text"]}}]},)

    if path.endswith(("generations", "edits")):
        return ({"created": 1, "data": [{"b64_json": "AAAA"}],
                 "usage": {"input_tokens": 3, "output_tokens": 4,
                           "total_tokens": 7}},)

    if path.endswith("speech"):
        return AUDIO, "audio/mpeg"

    if path.endswith(("transcriptions", "translations")):
        return ({"text": "hello", "usage": {"type": "duration",
                                            "seconds": 2}},)

    if path.endswith("files"):
        return (FILE,)

    if path.endswith("/completions"):
        return ({"id": "c", "object": "text_completion", "created": 1,
                 "model": body["model"], "choices": [
                     {"text": " world", "index": 0, "logprobs": None,
                      "finish_reason": "stop"}],
                 "usage": {"prompt_tokens": 1, "completion_tokens": 1,
                           "total_tokens": 2}},)

    raise ValueError(path)


def form(type, raw):
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + type.encode() + b"\r\n\r\n" + raw)

    return {part.get_param("name", header="content-disposition"):
            part.get_payload(decode=True) for part in message.iter_parts()}


class Stand(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.judges = Judges()
        self.seen = []
        self.wrong = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


def close_to(got):
    """32-bit floats are what is kept."""

    return list(got) == [struct.unpack("<f", struct.pack("<f", x))[0]
                         for x in VECTOR] or list(got) == VECTOR


def cases(client, stand, url):
    def last():
        return stand.seen[-1]

    def equal(got, wanted):
        if got != wanted:
            raise AssertionError("%r, not %r" % (got, wanted))

    def embed(model, path):
        # the client asks for base64 unless it is told what it wants
        for wanted in ({}, {"encoding_format": "float"},
                       {"encoding_format": "base64"}):
            res = client.embeddings.create(model=model, input=["a", "b"],
                                           **wanted)
            equal(last()[0], path)
            equal(res.usage.prompt_tokens, 5)
            equal([d.index for d in res.data], [0, 1])

            for d in res.data:
                vector = d.embedding
                if isinstance(vector, str):
                    vector = struct.unpack("<4f", base64.b64decode(vector))
                equal(close_to(vector), True)

        client.embeddings.create(model=model, input="a", dimensions=256,
                                 user="u")

    def moderations():
        res = client.moderations.create(model="m", input="bad")
        equal(res.results[0].flagged, True)

    def images():
        res = client.images.generate(model="m", prompt="a cat", n=1)
        equal(res.data[0].b64_json, "AAAA")
        equal(res.usage.total_tokens, 7)

        client.images.edit(model="m", prompt="a dog",
                           image=("a.png", b"PNG", "image/png"))
        equal(last()[1]["model"], b"gpt-4o-mini-tts")
        equal(last()[1]["image"], b"PNG")

    def speech():
        with client.audio.speech.with_streaming_response.create(
                model="m", voice="alloy", input="hello") as res:
            equal(b"".join(res.iter_bytes()), AUDIO)

        equal(last()[1]["model"], "gpt-4o-mini-tts")

    def transcriptions():
        audio = AUDIO * 30

        res = client.audio.transcriptions.create(
            model="whisper", file=("a.wav", audio, "audio/wav"),
            language="en")
        equal(res.text, "hello")
        equal(last()[1]["model"], b"whisper-1")
        equal(last()[1]["file"], audio)

        res = client.audio.translations.create(
            model="whisper", file=("a.wav", audio, "audio/wav"))
        equal(res.text, "hello")

    def completions():
        res = client.completions.create(model="instruct", prompt="hello")
        equal(res.choices[0].text, " world")
        equal(last()[0], "/openai/v1/completions")
        equal(last()[1]["model"], "gpt-3.5-turbo-instruct")

    def files():
        made = client.files.create(file=("a.jsonl", b'{"a":1}\n'),
                                   purpose="batch")
        equal(made.id, "file-1")
        equal(last()[1]["purpose"], b"batch")
        equal([f.id for f in client.files.list(limit=3).data], ["file-1"])
        equal(last()[0], "/openai/v1/files?limit=3")
        equal(client.files.content("file-1").read(), b"line 1\nline 2\n")
        equal(client.files.delete("file-1").deleted, True)

    def rerank():
        res = httpx.post(url + "/v1/rerank", headers={
            "Authorization": "Bearer " + gateway.KEY},
            json={"model": "rerank", "query": "q", "documents": ["a", "b"],
                  "top_n": 1})
        equal(res.json()["results"][0]["index"], 0)
        equal(last()[0], "/cohere/v2/rerank")

    for name, path in (("embed", "/openai/v1/embeddings"),
                       ("embed-cohere", "/cohere/v2/embed"),
                       ("embed-mistral", "/mistral/v1/embeddings"),
                       ("embed-ollama", "/ollama/api/embed")):
        yield name, lambda name=name, path=path: embed(name, path)

    for case in (moderations, images, speech, transcriptions, completions,
                 files, rerank):
        yield case.__name__, case


def run(report):
    stand = Stand()
    gate = gateway.Gateway(
        os.path.join(os.environ["BUILD"], "sdk", "endpoints"), http=HTTP,
        ports={"p": stand.server_address[1]})
    client = openai.OpenAI(base_url=gate.url + "/v1", api_key=gateway.KEY,
                           max_retries=0, timeout=15)

    try:
        for name, case in cases(client, stand, gate.url):
            problems = []

            try:
                case()
            except Exception as e:
                problems.append("%s: %s" % (type(e).__name__, e))

            problems += stand.wrong
            stand.wrong = []

            report("endpoints " + name, problems)

        report("endpoints, nginx's log", gate.alarms())

    finally:
        gate.close()
        stand.shutdown()
        stand.server_close()


def main():
    failed = []

    def report(name, problems):
        if problems:
            failed.append(name)
            print(name, *problems, sep="\n    ")

    run(report)
    print("%d failed" % len(failed))


if __name__ == "__main__":
    main()
