"""Runs the suites; the last line is "N passed, N failed"."""

import json
import os
import shutil
import signal
import subprocess
import sys

import cases
import fixtures     # noqa: F401: its tests register themselves
import gateway
import harness
import judge_bedrock
import judge_vertex
import mock_provider
import specs
import suite                # noqa: F401: its tests register themselves
import suite_anthropic      # noqa: F401: so do these
import suite_endpoints
import witness


def node(gate, provider, only, script):
    """A Node client's suite, which reports "name<TAB>problems as JSON"."""

    here = os.path.dirname(os.path.abspath(__file__))
    home = os.environ["SDK_NODE"]

    # a module is searched for beside the one that imports it
    for name in ("harness.mjs", script):
        shutil.copyfile(os.path.join(here, name), os.path.join(home, name))

    env = dict(os.environ, SDK_GATEWAY=gate.url, SDK_KEY=gateway.KEY,
               SDK_NARROW=gateway.NARROW, SDK_POOR=gateway.POOR,
               SDK_ONLY=only or "",
               SDK_PICTURE=mock_provider.picture(),
               SDK_CONTROL="http://127.0.0.1:%d/control"
                           % provider.ports["openai"])

    run = subprocess.run(["node", os.path.join(home, script)], env=env,
                         text=True, timeout=170, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    results = []

    for line in run.stdout.splitlines():
        name, tab, problems = line.partition("\t")
        if tab:
            results.append(("node " + name, json.loads(problems)))

    if run.returncode or not results or results[-1][0] != "node end":
        results.append(("node", ["exit status %d" % run.returncode,
                                 run.stdout[-3000:]]))

    return [r for r in results if r[0] != "node end"]


def before(provider):
    """The gateway of the suite, before both stand-ins."""

    return gateway.Gateway(
        os.path.join(os.environ["BUILD"], "sdk", "nginx"),
        ports={"closed": gateway.free_port(), **provider.ports},
        env={"SDK_TEST_OPENAI_KEY": mock_provider.KEYS["openai"],
             "SDK_TEST_ANTHROPIC_KEY": mock_provider.KEYS["anthropic"]})


def main():
    # what is open must be closed, too, where time is up
    signal.signal(signal.SIGTERM, lambda *args: sys.exit(143))

    only = sys.argv[1] if len(sys.argv) > 1 else None
    judges = specs.Specs()

    if not judges.found:
        print("skipped: requests and answers are not held against the "
              "published APIs, ../shared/specs is not there")

    provider = mock_provider.Provider(judges)
    provider.witness = witness.judge
    gate = before(provider)
    all = harness.Suite(gate, provider, judges)

    try:
        cases.add()
        all.run(only)

        for script in ("suite.mjs", "suite_anthropic.mjs"):
            for name, problems in node(gate, provider, only, script):
                all.report(name, problems)

        if only is None or only in "bedrock":
            judge_bedrock.run(all.report)

        if only is None or only in "vertex":
            judge_vertex.run(all.report)

        if only is None or only in "endpoints":
            suite_endpoints.run(all.report)

    finally:
        gate.close()
        provider.close()

    all.report("nginx's log", gate.alarms())

    print("%d passed, %d failed" % (all.passed, all.failed))
    sys.stdout.flush()

    # threads of tests that hang must not hold it
    os._exit(1 if all.failed else 0)


main()
