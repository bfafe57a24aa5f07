"""Credits and resets of limits: what was confirmed is there after a kill, a
stop or the death of a worker, once."""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from crashlib import (Failure, Gateway, Load, check, compare, digest_of,
                      free_port, read_log, wait_for)

TOKEN = 'the-token-of-the-crash-test'

LIMITS = {'requests': 'quota requests=100m/day',
          'tokens': 'quota tokens=1000g/day',
          'cost': 'quota cost=1m/day'}


def configuration(g):
    g.api = free_port()

    return '''
    server {
        listen 127.0.0.1:%d;
        location /api/ {
            llm_api;
            llm_admin_token sha256:%s;
        }
    }
''' % (g.api, digest_of(TOKEN))


def call(g, method, path, body=None):
    """The answer; None if there was none.  Who died over a change is in the way
    of the next one until somebody has cleared up."""
    for n in range(50):
        try:
            return call_once(g, method, path, body)
        except Busy:
            time.sleep(0.1)

    raise Failure('%s: busy for ever' % path)


class Busy(Exception):
    pass


def call_once(g, method, path, body):
    request = urllib.request.Request(
        'http://127.0.0.1:%d/api/%s' % (g.api, path), method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={'Authorization': 'Bearer ' + TOKEN,
                 'Content-Type': 'application/json'})

    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as e:
        text = e.read()

        if b'"busy"' in text:
            raise Busy()

        raise Failure('%s: %d %s' % (path, e.code, text))
    except OSError:
        return None


def used(answer):
    return {unit: next(x['used'] for x in answer['limits']
                       if x['limit'] == limit)
            for unit, limit in LIMITS.items()}


class Changes:
    """What was asked for: amounts that no two credits share."""

    def __init__(self, g):
        self.g = g
        self.credits = {}
        self.n = 0

    def credit(self):
        unit = random.choice(list(LIMITS))
        self.n += 1
        amount = 100000 + self.n

        answer = call(self.g, 'POST', 'keys/k/credit',
                      {'limit': LIMITS[unit], 'amount': amount})

        self.credits[unit, amount] = answer is not None

        return answer

    def reset(self):
        return call(self.g, 'POST', 'keys/k/reset', {})

    def check(self, what):
        """Each one that was confirmed is in the log once, the others once or
        not at all."""
        lines, _ = read_log(self.g.log)
        found = {}

        for x in lines:
            if x.get('action') == 'credit':
                unit = x['limit'].split()[1].split('=')[0]
                name = unit, int(x['amount'])
                found[name] = found.get(name, 0) + 1

        for name, confirmed in self.credits.items():
            n = found.pop(name, 0)
            check(n == 1 if confirmed else n <= 1,
                  '%s: the credit %r is %d times in the log'
                  % (what, name, n))

        check(not found, '%s: %r was not asked for' % (what, found))


def stop(g, how):
    if how == signal.SIGKILL:
        g.kill()
        return

    p = g.group.pop('nginx')
    os.kill(p.pid, how)
    wait_for(lambda: p.poll() is not None, 20, 'it does not end')


def changed(rounds):
    """an end of everything right behind a credit or a reset"""
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGQUIT):
        g = Gateway(snapshot='%dms' % random.choice([150, 150, 60000]),
                    more=configuration)
        changes = Changes(g)
        what = how.name

        try:
            g.start()
            load = Load([g.port], clients=2, models=('m',))
            time.sleep(0.5)
            whole = load.stop()

            for n in range(rounds * 2):

                # that all of it was seen, and is the same afterwards

                answer = changes.reset() if n % 3 == 2 else changes.credit()

                # at once, or when a snapshot has it: once all the same

                time.sleep(random.choice([0, 0, 0.5]))
                stop(g, how)
                check(answer, '%s: no answer' % what)

                before = used(answer)

                if n % 3 == 2:
                    check(not any(before.values()),
                          '%s: a reset to %r' % (what, before))

                g.start()

                after = used(call(g, 'GET', 'keys/k'))
                check(after == before, '%s: %r is used, was %r'
                      % (what, after, before))

                load = Load([g.port], clients=2, models=('m',))
                time.sleep(0.2)
                whole.update(load.stop())

            changes.check(what)

            g.snapshot = '150ms'
            stop(g, how)
            g.start()
            compare(g, whole, what=what)
        finally:
            g.remove()


def changed_busy(rounds):
    """the same in the middle of requests, with reloads"""
    g = Gateway(snapshot='%dms' % random.choice([150, 400, 1000]),
                more=configuration)
    changes = Changes(g)
    whole = {}

    try:
        for n in range(rounds * 2):
            p = g.start()
            compare(g, whole, what='round %d' % n)

            load = Load([g.port], models=('m',))

            for i in range(random.randrange(1, 15)):
                answer = random.choice([changes.credit, changes.credit,
                                        changes.reset])()
                check(answer, 'no answer')

                time.sleep(random.uniform(0, 0.05))

                if random.random() < 0.1:
                    os.kill(p.pid, signal.SIGHUP)

            stop(g, random.choice([signal.SIGKILL, signal.SIGKILL,
                                   signal.SIGTERM]))
            whole.update(load.stop())

        g.start()
        compare(g, whole, what='the end')
        changes.check('the end')
    finally:
        g.remove()


def no_log(rounds):
    """an orderly stop without a usage log: the last snapshot has all"""
    for how in (signal.SIGTERM, signal.SIGQUIT):
        g = Gateway(snapshot='60s', more=configuration, usage_log=False)
        what = how.name

        try:
            g.start()
            most = 0

            for n in range(min(rounds, 20)):
                load = Load([g.port], clients=4, models=('m',))
                time.sleep(0.3)
                load.stop()

                before = used(call(g, 'GET', 'keys/k'))
                check(before['requests'] > most, '%s: nothing was used' % what)
                most = before['requests']

                # the lines that the last requests would have had

                stop(g, how)
                g.start()

                after = used(call(g, 'GET', 'keys/k'))
                check(after == before, '%s: %r is used, was %r'
                      % (what, after, before))

            check(os.stat(g.state).st_uid != 0 or os.getuid() != 0,
                  '%s: the snapshot belongs to root' % what)
        finally:
            g.remove()


def changed_line(rounds):
    """kill -9 before, within and behind the write of such a line"""
    so = os.path.join(tempfile.mkdtemp(prefix='llm-kill-'), 'kill.so')
    subprocess.check_call(['cc', '-shared', '-fPIC', '-O1', '-o', so,
                           os.path.join(os.path.dirname(__file__), 'kill.c'),
                           '-ldl'])

    for how in ('before', 'torn', 'after'):
        g = Gateway(snapshot='300ms', more=configuration,
                    env={'LD_PRELOAD': so, 'LLM_KILL': how,
                         'LLM_KILL_LINES': '4'})
        changes = Changes(g)

        try:
            g.start()

            for i in range(20 + 5 * rounds):
                changes.credit()

                if i % 5 == 4:
                    changes.reset()

            time.sleep(2.5)

            died = g.said_count('exited on signal 9')
            check(died >= 3, '%s: only %d died' % (how, died))
            check(not all(changes.credits.values()),
                  '%s: all were answered' % how)

            torn = died if how == 'torn' else 0

            compare(g, {}, what=how, torn_allowed=torn)
            changes.check(how)

            g.env = {}
            g.kill()
            g.start()
            compare(g, {}, what=how + ', again', torn_allowed=torn)
        finally:
            g.remove()

    shutil.rmtree(os.path.dirname(so))
