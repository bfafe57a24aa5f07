"""Limits to the last request: many clients at once, of every kind, against
small limits, while nothing happens, or while workers are killed and the
configuration is loaded again.  What the provider saw, what the log has and
what the gateway says must agree, and in the end nothing may be held."""

import os
import random
import re
import signal
import socket
import threading
import time

from crashlib import (Gateway, Sums, check, digest_of, nano, next_snapshot,
                      read_log, request_of, wait_for)

REQUESTS = 150
TOKENS = 2000
DOLLARS = '0.002'
USERS = 4
USER_REQUESTS = 25
SLOTS = 4
RATE = 10                           # a second
BURST = 20

LIMITS = {
    'requests': 'quota requests=%d/month;' % REQUESTS,
    'tokens': 'quota tokens=%d/month;' % TOKENS,
    'cost': 'quota cost=%s/month;' % DOLLARS,
    'users': 'quota requests=%d/month per=user;' % USER_REQUESTS,
    'slots': 'concurrency %d;' % SLOTS,
    'rate': 'rate requests=%d/sec burst=%d;' % (RATE, BURST),
}

# what a provider does; "late" is too slow for its clock

PROVIDERS = {
    'ok': 'size=5 chunk_delay=3ms prompt_tokens=10',
    'slow': 'size=5 chunk_delay=150ms prompt_tokens=10',
    'bad': 'status=500',
    'cut': 'size=5 fail=cut prompt_tokens=10',
    'late': 'size=5 delay=3s prompt_tokens=10',
}

# kinds of requests: model, is it a stream, when the client leaves

KINDS = [
    ('ok', False, None), ('ok', True, None), ('ok', True, None),
    ('ok', True, 'begun'), ('ok', False, 'asked'), ('bad', False, None),
    ('cut', False, None), ('cut', True, None), ('late', True, None),
    ('late', False, 'asked'), ('fall', True, None), ('fall', False, None),
]

# those that are charged, whatever becomes of them

RATE_KINDS = KINDS[:4]

# the most that one request is charged, where it was cut and is estimated

ONE_TOKENS = 60
ONE_COST = 200000


def configuration(g):
    """Each key has providers and models of its own, so that the provider's
    log tells the keys apart."""
    text = ''
    model = ('    llm_model %s-%s { %s price input=1 output=3; cooldown off;'
             ' first_token_timeout 300ms; total_timeout 4s; }\n')

    for key, limit in LIMITS.items():
        text += '    llm_key %s { secret sha256:%s; %s }\n' % (
            key, digest_of('sk-' + key), limit)

        for name in PROVIDERS:
            text += ('    llm_provider %s-%s { dialect openai; key none;'
                     ' url http://127.0.0.1:%d/%s/%s/v1; }\n'
                     % (key, name, g.mock, key, name))
            text += model % (key, name, 'deployment %s-%s x;' % (key, name))

        text += model % (key, 'fall', 'deployment %s-bad x; deployment '
                         '%s-ok x tier=1;' % (key, key))

    return text


def provider():
    return ''.join('        location ~ /%s/ { llm_mock openai %s; }\n' % x
                   for x in PROVIDERS.items())


class Client:
    """One request; what became of it: status, code, all text, and whether it
    came whole."""

    def __init__(self, g, name, key, model, stream=False, leave=None,
                 user=None):
        self.status = 0
        self.text = ''
        self.whole = False
        self.socket = socket.create_connection(('127.0.0.1', g.port), 5)
        self.socket.settimeout(10)

        more = {'user': user} if user else {}

        self.socket.sendall(request_of(name, '%s-%s' % (key, model), stream,
                                       secret='sk-' + key, max_tokens=5,
                                       **more))
        self.stream = stream
        self.leave = leave

    def read(self, until=None):
        data = b''

        with self.socket as s:
            while self.leave != 'asked':
                piece = s.recv(65536)

                if not piece:
                    break

                data += piece

                if self.leave == 'begun' and b'data:' in data:
                    break

        self.text = data.decode('latin-1')
        head, _, body = self.text.partition('\r\n\r\n')

        if head:
            self.status = int(head.split(' ', 2)[1])

        if self.status == 200 and not self.leave:
            self.whole = ('data: [DONE]' in body and '\r\n0\r\n' in body
                          if self.stream else '"usage"' in body)

        return self

    def code(self):
        found = re.search(r'"code":"(\w+)"', self.text)
        return found.group(1) if found else ''


class Mix:
    """Clients of all keys and kinds until they are told to stop."""

    def __init__(self, g, clients=24):
        self.gateway = g
        self.stopped = False
        self.whole = {key: [] for key in LIMITS}
        self.refused = {key: 0 for key in LIMITS}
        self.tag = '%08x' % random.getrandbits(32)
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,),
                                         daemon=True)
                        for i in range(clients)]

        for t in self.threads:
            t.start()

    def run(self, n):
        rand = random.Random('%s-%d' % (self.tag, n))
        keys = list(LIMITS)
        i = 0

        while not self.stopped:
            i += 1
            name = '%s-%d-%d' % (self.tag, n, i)
            key = rand.choice(keys)
            kind = rand.choice(RATE_KINDS if key == 'rate' else KINDS)
            user = None

            if key == 'users':
                user = 'u%d' % rand.randrange(USERS)

            try:
                client = Client(self.gateway, name, key, *kind,
                                user=user).read()
            except OSError:
                time.sleep(0.01)
                continue

            with self.lock:
                self.refused[key] += (client.status == 429)

                if client.whole:
                    self.whole[key].append(name)

    def stop(self):
        self.stopped = True

        for t in self.threads:
            t.join(30)
            check(not t.is_alive(), 'a client hangs')


def drain(g, key, user=None):
    """Plain requests until the quota is used up; nothing may be held then."""
    end = time.time() + 30
    n = 0

    while time.time() < end:
        n += 1
        client = Client(g, 'drain-%s-%d-%d' % (key, n, random.getrandbits(30)),
                        key, 'ok', user=user).read()

        if client.code() == 'insufficient_quota':
            check('held' not in client.text,
                  '%s: something is held: %s' % (key, client.text))
            check(re.search('x-should-retry: false', client.text, re.I),
                  '%s: no x-should-retry' % key)
            return

        check(client.status in (200, 429),
              '%s: %s' % (key, client.text or 'no answer'))

        # what killed workers held comes back in a moment

        if client.status == 429:
            time.sleep(0.1)

    check(False, '%s: the quota is never used up: %s' % (key, client.text))


def all_slots(g):
    """As many at once as the limit, and not one more."""
    def take():
        found = []

        for n in range(SLOTS):
            client = Client(g, 'slot-%d-%d' % (n, random.getrandbits(30)),
                            'slots', 'slow', True)
            found.append(client)

        time.sleep(0.2)
        more = Client(g, 'slot-more', 'slots', 'slow', True).read()
        found = [client.read() for client in found]

        return (more.status == 429
                and all(client.whole for client in found))

    wait_for(take, 20, 'slots: some are not free')


def seen_by_provider(g):
    """key, provider => (begin, end, whole) of each request."""
    found = {}

    with open(g.seen) as f:
        for line in f:
            uri, end, took, whole = (line.rstrip('\n') + ' ').split(' ')[:4]
            _, key, name = uri.split('/')[:3]
            end = int(round(float(end) * 1000))

            found.setdefault((key, name), []).append(
                (end - int(round(float(took) * 1000)), end, whole == 'OK'))

    return found


def most_at_once(intervals):
    edges = sorted([(begin, 1) for begin, end, whole in intervals if whole]
                   + [(end, -1) for begin, end, whole in intervals if whole])
    now = most = 0

    for _, step in edges:
        now += step
        most = max(most, now)

    return most


def check_sums(lines, mix):
    """What is charged, by the log: each limit to its last unit."""
    charged = {key: [x for x in lines
                     if x.get('key') == key and x.get('charged', True)]
               for key in LIMITS}

    n = len(charged['requests'])
    check(n == REQUESTS, 'requests: %d are charged of %d' % (n, REQUESTS))

    n = sum(x.get('prompt_tokens', 0) + x.get('completion_tokens', 0)
            for x in charged['tokens'])
    check(TOKENS <= n < TOKENS + ONE_TOKENS,
          'tokens: %d are charged of %d' % (n, TOKENS))

    n = sum(nano(x.get('cost', 0)) for x in charged['cost'])
    limit = nano(float(DOLLARS))
    check(limit <= n < limit + ONE_COST,
          'cost: %d is charged of %d' % (n, limit))

    for i in range(USERS):
        n = len([x for x in charged['users'] if x.get('user') == 'u%d' % i])
        check(n == USER_REQUESTS, 'users: u%d is charged %d of %d'
              % (i, n, USER_REQUESTS))

    check(len(mix.whole['requests']) <= REQUESTS,
          'requests: more answers than the limit')

    by_id = {}

    for line in lines:
        by_id.setdefault(line['id'], []).append(line)

    for key, names in mix.whole.items():
        for name in names:
            check(len(by_id.get(name, [])) == 1,
                  '%s: answer %s is %d times in the log'
                  % (key, name, len(by_id.get(name, []))))

    return charged


def check_provider(g, charged):
    """Nobody else died: what came to a provider that answers is charged."""
    seen = seen_by_provider(g)

    for key in LIMITS:
        got = len(seen.get((key, 'ok'), []))
        want = len([x for x in charged[key]
                    if x.get('provider') == key + '-ok'])

        check(got <= want, '%s: the provider got %d, %d are charged'
              % (key, got, want))

    check(len(seen[('requests', 'ok')]) <= REQUESTS,
          'requests: the provider got more than the limit')

    most = most_at_once(seen[('slots', 'ok')] + seen.get(('slots', 'cut'), [])
                        + seen.get(('slots', 'bad'), []))
    check(2 <= most <= SLOTS, 'slots: %d at once' % most)


def check_rate(charged):
    """In any time t no more than the burst and what flows in."""
    times = sorted(x['time'] for x in charged['rate'])
    check(len(times) > BURST, 'rate: only %d requests' % len(times))

    for i, first in enumerate(times):
        for j in range(i + BURST, len(times)):
            allowed = BURST + RATE * (times[j] - first) + 1

            check(j - i + 1 <= allowed, 'rate: %d requests in %.3f seconds'
                  % (j - i + 1, times[j] - first))


def finish(g, mix):
    for key in ('requests', 'tokens', 'cost'):
        drain(g, key)

    for i in range(USERS):
        drain(g, 'users', 'u%d' % i)

    all_slots(g)

    # the first one may have been begun before the last request ended

    next_snapshot(g)
    snapshot = next_snapshot(g)
    lines, torn = read_log(g.log)
    sums = Sums(lines)

    check(torn <= g.killed, '%d torn lines' % torn)
    check(sums.duplicates == 0, '%d lines twice' % sums.duplicates)
    check(str(snapshot) == str(sums),
          'the ledger has %s, the log %s' % (snapshot, sums))

    for key in LIMITS:
        check(mix.refused[key] > 0, '%s: nobody was refused' % key)

    return check_sums(lines, mix)


def exact(rounds):
    """limits to the last unit: mixed clients of two workers"""
    for n in range(1 if rounds <= 5 else rounds):
        g = Gateway(snapshot='300ms', more=configuration,
                    mock_more=provider())

        try:
            g.start()
            mix = Mix(g)
            time.sleep(3)
            mix.stop()

            charged = finish(g, mix)
            check_provider(g, charged)
            check_rate(charged)
        finally:
            g.remove()


def exact_killed(rounds):
    """the same, with workers killed and reloads in the middle"""
    for n in range(1 if rounds <= 5 else rounds):
        g = Gateway(snapshot='300ms', more=configuration,
                    mock_more=provider())

        try:
            master = g.start()
            mix = Mix(g)
            end = time.time() + 3

            while time.time() < end:
                time.sleep(random.uniform(0.02, 0.3))
                pids = g.workers()

                if pids and random.random() < 0.7:
                    g.shoot(random.choice(pids))

                else:
                    os.kill(master.pid, signal.SIGHUP)

            mix.stop()
            check(g.killed > 2, 'hardly any worker was killed')
            finish(g, mix)
        finally:
            g.remove()


# --- end users, and processes, without number -------------------------------


def users_configuration(g):
    return ('    llm_key many { secret sha256:%s; quota requests=5/day per=user'
            ' per_max=%d; }\n' % (digest_of('sk-many'), 1000000))


def ask_as_users(g, first, n, refused):
    """One connection, a user each request; NOT charged more than once each,
    unless they share a counter."""
    with socket.create_connection(('127.0.0.1', g.port), 5) as s:
        s.settimeout(10)
        f = s.makefile('rb')

        for i in range(first, first + n):
            s.sendall(request_of('u-%d' % i, 'm', False, secret='sk-many',
                                 user='user-%d' % i, max_tokens=5)
                      .replace(b'Connection: close\r\n', b''))

            status = int(f.readline().split()[1])
            length = 0

            while True:
                line = f.readline()

                if line == b'\r\n':
                    break

                name, _, value = line.partition(b':')

                if name.lower() == b'content-length':
                    length = int(value)

            f.read(length)

            if status != 200:
                refused.append((i, status))


def private_memory(pid):
    with open('/proc/%d/status' % pid) as f:
        return int(re.search(r'RssAnon:\s+(\d+)', f.read()).group(1))


def users(rounds):
    """end users without number: memory of workers stays as it is"""
    g = Gateway(more=users_configuration, delay='0')
    n = 250 if rounds <= 5 else 20000

    try:
        g.start()

        refused = []
        memory = []

        for turn in range(4):
            threads = [threading.Thread(target=ask_as_users,
                                        args=(g, (turn * 4 + i) * n, n,
                                              refused))
                       for i in range(4)]

            for t in threads:
                t.start()

            for t in threads:
                t.join()

            memory.append(sum(private_memory(pid) for pid in g.workers()))

        check(not refused, 'refused: %r' % refused[:5])
        check(memory[3] - memory[0] < 1024,
              'memory grows: %r kilobytes' % memory)

        lines, torn = read_log(g.log)

        check(len(set(x.get('user') for x in lines)) == 16 * n,
              'users are missing in the log')
    finally:
        g.remove()


def bucket_configuration(g):
    return ('    llm_key bucket { secret sha256:%s; rate requests=1/sec'
            ' burst=50; }\n' % digest_of('sk-bucket'))


def bucket(rounds):
    """a bucket is as full after kill -9 of all as it was"""
    g = Gateway(more=bucket_configuration, snapshot='60s')

    def ask(n):
        with socket.create_connection(('127.0.0.1', g.port), 5) as s:
            s.settimeout(10)
            s.sendall(request_of('b-%d' % n, 'm', False, secret='sk-bucket'))
            return s.recv(65536).split(b' ', 2)[1]

    try:
        g.start()
        begin = time.time()
        check(all(ask(n) == b'200' for n in range(30)), 'not served')
        g.kill()

        # so that each line by itself would have leaked

        time.sleep(2)
        g.start()

        got = [ask(100 + n) for n in range(60)].count(b'200')
        most = 20 + time.time() - begin + 1
        check(20 <= got <= most, '%d are let in, not 20 to %.1f'
              % (got, most))
    finally:
        g.remove()


def processes(rounds):
    """more workers than slots: refused and said, and mended by a reload"""
    g = Gateway(main='worker_rlimit_nofile 4096;')

    try:
        master = g.start(workers=252, connections=24, listen='reuseport')
        wait_for(lambda: len(g.workers()) == 252, 60, 'workers are missing')
        wait_for(lambda: g.said_count('too many processes use'), 20,
                 'it is not said')

        statuses = {}

        for n in range(3000):
            with socket.create_connection(('127.0.0.1', g.port), 5) as s:
                s.settimeout(10)
                s.sendall(request_of('p-%d' % n, 'm', False))
                status = s.recv(65536).split(b' ', 2)[1]
                statuses[status] = statuses.get(status, 0) + 1

            if statuses.get(b'503') and statuses.get(b'200', 0) > 20:
                break

        check(set(statuses) == {b'200', b'503'}, 'answers: %r' % statuses)

        g.configure('nginx', workers=2)
        os.kill(master.pid, signal.SIGHUP)
        wait_for(lambda: len(g.workers()) == 2, 60, 'workers stay')

        for n in range(50):
            client = request_of('q-%d' % n, 'm', False)

            with socket.create_connection(('127.0.0.1', g.port), 5) as s:
                s.settimeout(10)
                s.sendall(client)
                status = s.recv(65536).split(b' ', 2)[1]

            # slots of those that are gone come back within a second

            if status != b'200':
                check(n < 40, 'still refused')
                time.sleep(0.1)
    finally:
        g.remove()
