"""Every client dialect against every provider dialect.

    run.py [WORD ...]     all cells, or those whose names have all the words

A cell is CLIENT PROVIDER plain|stream FEATURE.  The provider's side judges
what it was asked and answers in its own words; the client's side judges what
comes of that.  Cells that cannot be are listed in docs/compatibility.md: they
must be refused clearly, and one that works must leave the list.
"""

import http.client
import json
import os
import re
import signal
import sys
import threading

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "sdk"))

import clients          # noqa: E402
import gateway          # noqa: E402
import providers        # noqa: E402
import scenes           # noqa: E402


class Server:
    """One provider's, on a port of its own."""

    def __init__(self, provider):
        self.provider = provider
        self.expected = None
        self.problems = []
        self.asked = 0

        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.answer(self, body)

            def do_GET(self):
                self.send_error(404)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def expect(self, feature, stream):
        self.expected = feature, stream
        self.problems = []
        self.asked = 0

    def answer(self, handler, body):
        feature, stream = self.expected
        provider = self.provider

        self.asked += 1
        self.problems += provider.judge(
            handler.path, {k.lower(): v for k, v in handler.headers.items()},
            body, feature, stream)

        if gateway.KEY.encode() in body or gateway.KEY in str(handler.headers):
            self.problems.append("the client's key was sent on")

        data = provider.stream(feature) if stream else provider.plain(feature)

        handler.send_response(200)
        handler.send_header("Content-Type", provider.stream_type if stream
                            else provider.json_type)

        if not stream:
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
            return

        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()

        # in pieces that end anywhere

        for i in range(0, len(data), 61):
            piece = data[i:i + 61]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

        handler.wfile.write(b"0\r\n\r\n")


def unsupported():
    """Cells that docs/compatibility.md lists, as rows of its table."""

    cells = {}

    with open(os.path.join(here, "..", "..", "docs",
                           "compatibility.md")) as f:
        for line in f:
            row = [c.strip().strip("`") for c in line.split("|")[1:-1]]
            if len(row) == 5 and row[2] in ("plain", "stream"):
                cells[" ".join(row[:4])] = row[4]

    return cells


def ask(gate, client, body):
    c = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=20)

    try:
        c.request("POST", client.path, json.dumps(body), dict(
            client.headers(gateway.KEY), **{
                "Content-Type": "application/json"}))
        r = c.getresponse()
        return r.status, dict(r.getheaders()), r.read().decode()

    finally:
        c.close()


def cell(gate, server, client, feature, stream):
    """What is wrong with it."""

    problems = scenes.Problems()
    model = "to-" + server.provider.name

    server.expect(feature, stream)

    status, headers, text = ask(gate, client,
                                client.request(model, feature, stream))

    if status != 200:
        return ["status %d: %s" % (status, text[:300])]

    got = client.read(text, stream, problems)
    wanted = scenes.pieces(feature)

    if wanted is None:
        problems.same("the tool", got["tool"], scenes.TOOL)
        problems.same("its arguments", json.loads(got["arguments"] or "null"),
                      scenes.ARGUMENTS)
    else:
        problems.same("the text", got["text"], "".join(wanted))
        problems.same("the tool", got["tool"], None)

    problems.same("the finish", got["finish"],
                  client.finishes["tools" if wanted is None else "stop"])
    problems.same("tokens in", got["input"], scenes.INPUT)
    problems.same("tokens out", got["output"], scenes.OUTPUT)
    problems.same("requests to the provider", server.asked, 1)

    return server.problems + problems


def refused(gate, server, client, feature, stream):
    """A cell of the list: what is wrong with how it is refused."""

    problems = scenes.Problems()
    server.expect(feature, stream)

    status, headers, text = ask(gate, client, client.request(
        "to-" + server.provider.name, feature, stream))

    problems.same("the status", status, 400)
    problems.same("requests to the provider", server.asked, 0)

    try:
        problems.true("the error has no message",
                      json.loads(text)["error"]["message"])
    except (ValueError, LookupError) as e:
        problems.append("the error is none: %r" % e)

    return problems


def conf(servers):
    text = ""

    for s in servers:
        text += ("    llm_provider %s { %s }\n"
                 "    llm_model to-%s { deployment %s %s; }\n"
                 % (s.provider.name, s.provider.conf(s.port),
                    s.provider.name, s.provider.name, s.provider.model))

    return text.replace("%", "%%")


def main():
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(143))

    words = sys.argv[1:]
    servers = [Server(p) for p in providers.ALL]
    listed = unsupported()
    passed = failed = 0

    env = {"CROSS_" + re.sub("[^A-Z]", "_", s.provider.name.upper()):
           s.provider.key for s in servers}

    gate = gateway.Gateway(os.path.join(os.environ["BUILD"], "cross"),
                           http=conf(servers), env=env)

    try:
        for client in clients.ALL:
            for s in servers:
                for mode in ("plain", "stream"):
                    for feature in scenes.FEATURES:
                        name = " ".join((client.name, s.provider.name, mode,
                                         feature))

                        if not all(w in name.split() for w in words):
                            continue

                        check = refused if name in listed else cell

                        try:
                            problems = check(gate, s, client, feature,
                                             mode == "stream")
                        except (OSError, ValueError, LookupError,
                                TypeError) as e:
                            problems = ["%s: %s" % (type(e).__name__, e)]

                        if problems:
                            failed += 1
                            print("%s:\n    %s" % (name,
                                                   "\n    ".join(problems)))
                        else:
                            passed += 1

        alarms = gate.alarms()

    finally:
        gate.close()

    if alarms:
        failed += 1
        print("nginx's log:\n    " + "\n    ".join(alarms))

    print("%d passed, %d failed" % (passed, failed))

    return 1 if failed else 0


sys.exit(main())
