"""Tests as functions, and a witness between the client and the gateway.

A test is a function with the decorator @test; its argument is the Case, with
the client, the provider's side and the checks.  @test(over=...) runs it once
for each value.  A test fails on an exception, on a violation that a stand-in
noticed, and on an answer of the gateway that is not as it should be.
"""

import os
import sys
import threading
import time
import traceback

import httpx2
import openai

import gateway
import mock_provider


# for all tests; a suite that takes longer waits for something in vain

LIMIT = 400

TESTS = []


def test(function=None, *, over=(None,)):
    def add(function):
        for value in over:
            name = function.__name__
            if value is not None:
                name += "(%s)" % value
            TESTS.append((name, function, value))
        return function

    return add(function) if function else add


class Watched(httpx2.SyncByteStream):
    """A body on its way to the client, copied."""

    def __init__(self, stream, note):
        self.stream = stream
        self.note = note

    def __iter__(self):
        for part in self.stream:
            self.note["body"] += part
            yield part

        self.note["whole"] = True

    def close(self):
        self.stream.close()


class AsyncWatched(httpx2.AsyncByteStream):
    def __init__(self, stream, note):
        self.stream = stream
        self.note = note

    async def __aiter__(self):
        async for part in self.stream:
            self.note["body"] += part
            yield part

        self.note["whole"] = True

    async def aclose(self):
        await self.stream.aclose()


def note_of(request, response):
    return {"method": request.method, "path": request.url.path,
            "asked": dict(request.headers), "sent": request.content, "status": response.status_code,
            "headers": dict(response.headers), "body": b"", "whole": False}


class Transport(httpx2.HTTPTransport):
    def __init__(self, notes):
        super().__init__()
        self.notes = notes

    def handle_request(self, request):
        response = super().handle_request(request)
        note = note_of(request, response)
        self.notes.append(note)

        return httpx2.Response(response.status_code, headers=response.headers,
                               stream=Watched(response.stream, note),
                               extensions=response.extensions)


class AsyncTransport(httpx2.AsyncHTTPTransport):
    def __init__(self, notes):
        super().__init__()
        self.notes = notes

    async def handle_async_request(self, request):
        response = await super().handle_async_request(request)
        note = note_of(request, response)
        self.notes.append(note)

        return httpx2.Response(response.status_code, headers=response.headers,
                               stream=AsyncWatched(response.stream, note),
                               extensions=response.extensions)


class Failed(Exception):
    pass


class Case:
    def __init__(self, suite, value):
        self.suite = suite
        self.gateway = suite.gateway
        self.provider = suite.provider
        self.value = value
        self.notes = []
        self.seen = []
        self.allowed = []
        self.http = httpx2.Client(transport=Transport(self.notes))
        self.client = self.connect()

    # clients

    def connect(self, key=gateway.KEY, path="/v1", **options):
        options.setdefault("max_retries", 0)
        options.setdefault("timeout", 15)
        return openai.OpenAI(base_url=self.gateway.url + path, api_key=key,
                             http_client=self.http, **options)

    def connect_async(self, **options):
        options.setdefault("max_retries", 0)
        return openai.AsyncOpenAI(
            base_url=self.gateway.url + "/v1", api_key=gateway.KEY,
            http_client=httpx2.AsyncClient(
                transport=AsyncTransport(self.notes)), **options)

    def chat(self, model, said="Hi there", **params):
        params.setdefault("messages", [{"role": "user", "content": said}])
        return self.client.chat.completions.create(model=model, **params)

    # what happened

    def sent(self):
        """The requests that reached the stand-ins."""

        self.collect()
        return self.seen

    def collect(self):
        took = self.provider.take()
        self.seen += took["requests"]
        self.violations += took["violations"]

    violations = ()

    def begin(self):
        self.provider.take()
        self.violations = []

    def end(self):
        """What is wrong beyond the test's own checks."""

        self.http.close()
        self.collect()

        out = [line for line in self.violations
               if not any(part in line for part in self.allowed)]

        for note in self.notes:
            try:
                sent = mock_provider.json.loads(note["sent"] or b"{}")
            except ValueError:
                sent = {}

            if not isinstance(sent, dict) or not note["whole"] \
                    or not self.suite.judged(note):
                continue

            usage = (sent.get("stream_options") or {}).get("include_usage")

            out += mock_provider.judge(
                self.suite.specs, note["method"], note["path"],
                note["status"], note["headers"], note["body"].decode(),
                usage is True, sent.get("stream") is True,
                "anthropic" if "anthropic-version" in note["asked"]
                else "openai")

        return out

    # checks

    @staticmethod
    def equal(got, wanted, what=""):
        if got != wanted:
            raise Failed("%sgot %r\nin place of %r"
                         % (what and what + ": ", got, wanted))

    @staticmethod
    def true(value, what):
        if not value:
            raise Failed(what)

    @staticmethod
    def raises(wanted, function, *args, **params):
        try:
            got = function(*args, **params)

        except Exception as e:
            if type(e) is not wanted:
                raise Failed("%s in place of %s: %s"
                             % (type(e).__name__, wanted.__name__, e)) from e
            return e

        raise Failed("no %s, but %r" % (wanted.__name__, got))


class Suite:
    def __init__(self, gateway, provider, specs, judged=lambda note: True):
        self.gateway = gateway
        self.provider = provider
        self.specs = specs
        self.judged = judged        # is this answer the gateway's own?
        self.passed = 0
        self.failed = 0

    def report(self, name, problems):
        if not problems:
            self.passed += 1
            return

        self.failed += 1
        print("FAILED %s" % name)

        for problem in problems[:20]:
            print("    " + problem.strip().replace("\n", "\n    "))

        sys.stdout.flush()

    def run(self, only=None):
        tests = [test for test in TESTS if not only or only in test[0]]
        until = time.time() + LIMIT

        for n, (name, function, value) in enumerate(tests):
            if time.time() > until:
                print("%d tests were not run, %d seconds are over"
                      % (len(tests) - n, LIMIT))
                self.failed += len(tests) - n
                return

            case = Case(self, value)
            case.begin()
            problems = []

            try:
                guard(function, case)

            except Exception as e:
                problems.append(where(e) + (
                    str(e) if isinstance(e, Failed) else
                    "".join(traceback.format_exception_only(e))))

            problems += case.end()
            self.report(name, problems)


def where(e):
    """The lines of the tests that led to it, not those of the clients."""

    here = os.path.dirname(os.path.abspath(__file__))

    return "".join(
        "%s:%d: " % (os.path.basename(frame.filename), frame.lineno)
        for frame in traceback.extract_tb(e.__traceback__)
        if os.path.dirname(frame.filename) == here
        and frame.filename != os.path.abspath(__file__))


def guard(function, case, limit=60):
    """Runs a test in a thread, so that one that hangs is a failure."""

    caught = []

    def body():
        try:
            function(case)
        except BaseException as e:
            caught.append(e)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(limit)

    if thread.is_alive():
        raise Failed("it did not end within %d seconds" % limit)

    if caught:
        raise caught[0]
