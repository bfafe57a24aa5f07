"""What the crash tests share: a gateway that is started and killed, clients
that load it, and readers of the usage log and of snapshots that know nothing
of the module's own code."""

import hashlib
import json
import os
import pwd
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
NGINX = os.environ.get('NGINX_BIN', '/usr/sbin/nginx')
MODULE = os.environ.get('MODULE', os.path.join(ROOT, 'build',
                                               'ngx_http_llm_module.so'))

CONF = '''
{load}
daemon {daemon};
pid {dir}/logs/{name}.pid;
error_log {dir}/logs/{name}.log info;
worker_processes {workers};
{main}
events {{ worker_connections {connections}; }}

http {{
    access_log off;
    client_body_temp_path {dir}/temp/body;
    proxy_temp_path {dir}/temp/proxy;
    fastcgi_temp_path {dir}/temp/fastcgi;
    uwsgi_temp_path {dir}/temp/uwsgi;
    scgi_temp_path {dir}/temp/scgi;
    client_max_body_size 8m;
    client_body_buffer_size 128k;

    llm_zone crash:16m;
    {usage_log}
    llm_state {dir}/state snapshot={snapshot};

    llm_provider mock {{ dialect openai; key none; url http://127.0.0.1:{mock}/v1; }}

    llm_provider bad {{ dialect openai; key none; url http://127.0.0.1:{mock}/bad/v1; }}

    llm_model m {{ deployment mock fast; price input=1 output=3; cooldown off; }}
    llm_model slow {{ deployment mock slow; price input=1 output=3; cooldown off; }}
    llm_model bad {{ deployment bad bad; price input=1 output=3; cooldown off; }}

    llm_key k {{
        secret sha256:{digest};
        quota requests=100m/day;
        quota tokens=1000g/day;
        quota cost=1m/day;
    }}

{more}
    server {{
        listen 127.0.0.1:{port} {listen};
        location / {{ llm_gateway; }}
    }}
}}
'''

# a provider that outlives what is killed

MOCK = '''
{load}
daemon off;
pid {dir}/logs/mock.pid;
error_log {dir}/logs/mock.log;
worker_processes 1;
events {{ worker_connections 2048; }}

http {{
    log_format seen "$uri $msec $request_time $request_completion";
    access_log {seen};
    client_body_temp_path {dir}/temp/mock;
    proxy_temp_path {dir}/temp/mock;
    fastcgi_temp_path {dir}/temp/mock;
    uwsgi_temp_path {dir}/temp/mock;
    scgi_temp_path {dir}/temp/mock;

    server {{
        listen 127.0.0.1:{mock};
        location / {{ llm_mock openai size=5 chunk_delay={delay}; }}
        location /bad/ {{ llm_mock openai status=500; }}
{more}
    }}
}}
'''

SECRET = 'a-secret-of-the-crash-test'


def free_port():
    """Below those that the system gives to clients: nobody takes it while a
    gateway is down, and nobody who connects meets itself."""
    while True:
        port = random.SystemRandom().randrange(12000, 32000)

        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
                return port
            except OSError:
                continue


def digest_of(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


def now_day():
    return int(time.time()) // 86400


class Failure(Exception):
    pass


def check(ok, text):
    if not ok:
        raise Failure(text)


def wait_for(what, seconds, text):
    end = time.time() + seconds

    while time.time() < end:
        value = what()

        if value:
            return value

        time.sleep(0.02)

    raise Failure(text)


class Gateway:
    """One folder with a log and a state, and masters that come and go."""

    def __init__(self, snapshot='1s', delay='5ms', main='', daemon=False,
                 env=None, more=None, mock_more='', usage_log=True):
        """more: the rest of the configuration, given this gateway;
        mock_more: locations of the provider, which then logs requests."""
        self.dir = tempfile.mkdtemp(prefix='llm-crash-')
        os.chmod(self.dir, 0o755)

        for name in ('logs', 'log', 'temp'):
            os.mkdir(os.path.join(self.dir, name))

        self.port = free_port()
        self.mock = free_port()
        self.snapshot = snapshot
        self.delay = delay
        self.main = main
        self.daemon = daemon
        self.env = env or {}
        self.more = more
        self.usage_log = usage_log
        self.seen = os.path.join(self.dir, 'logs', 'seen')
        self.log = os.path.join(self.dir, 'log', 'usage.jsonl')
        self.state = os.path.join(self.dir, 'state', 'snapshot')
        self.group = {}
        self.killed = 0

        if os.getuid() == 0:
            user = 'nobody'
            group = 'nogroup'

            try:
                pwd.getpwnam('www-data')
                user = group = 'www-data'
            except KeyError:
                pass

            self.main += '\nuser %s %s;' % (user, group)

        self.provider = self.spawn('mock', self.configure(
            'mock', MOCK, more=mock_more,
            seen=self.seen + ' seen' if mock_more else 'off'))
        self.wait_port(self.provider, 'mock', self.mock)

    def configure(self, name, conf=CONF, **other):
        value = {'load': 'load_module %s;' % MODULE if MODULE else '',
                 'dir': self.dir, 'name': name, 'main': self.main,
                 'snapshot': self.snapshot, 'delay': self.delay,
                 'usage_log': 'llm_usage_log %s sync=200ms;' % self.log
                              if self.usage_log else '',
                 'port': self.port, 'mock': self.mock,
                 'daemon': 'on' if self.daemon else 'off',
                 'workers': 2, 'connections': 1024, 'listen': '',
                 'more': self.more(self) if self.more else '',
                 'digest': digest_of(SECRET)}
        value.update(other)

        path = os.path.join(self.dir, name + '.conf')

        with open(path, 'w') as f:
            f.write(conf.format(**value))

        return path

    def spawn(self, name, conf, more={}):
        out = open(os.path.join(self.dir, 'logs', name + '.out'), 'ab')
        env = dict(os.environ)
        env.pop('NGINX', None)
        env.update(more)

        p = subprocess.Popen([NGINX, '-p', self.dir, '-c', conf],
                             stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                             start_new_session=True, env=env)
        out.close()

        return p

    def wait_port(self, p, name, port):
        def serves():
            if p.poll():
                raise Failure('nginx did not start:\n' + self.said(name))

            try:
                socket.create_connection(('127.0.0.1', port), 1).close()
                return True
            except OSError:
                return False

        wait_for(serves, 20, 'nginx does not listen')

    def start(self, name='nginx', **other):
        """A master in a process group of its own; returns when it serves."""
        p = self.spawn(name, self.configure(name, **other), self.env)
        self.group[name] = p

        self.wait_port(p, name, other.get('port', self.port))

        return p

    def pid(self, name='nginx'):
        """Of the master that is the newest, by its file."""
        try:
            with open(os.path.join(self.dir, 'logs', name + '.pid')) as f:
                return int(f.read() or 0)
        except (OSError, ValueError):
            return 0

    def said(self, name='nginx'):
        text = ''

        for end in ('.out', '.log'):
            try:
                with open(os.path.join(self.dir, 'logs', name + end)) as f:
                    text += f.read()[-4000:]
            except OSError:
                pass

        return text

    def said_count(self, text, name='nginx'):
        with open(os.path.join(self.dir, 'logs', name + '.log')) as f:
            return f.read().count(text)

    def kill(self, name='nginx', sig=signal.SIGKILL):
        """The whole process group at once."""
        p = self.group.pop(name)

        if sig == signal.SIGKILL:
            self.killed += len(group_of(p.pid))

        try:
            os.killpg(p.pid, sig)
        except ProcessLookupError:
            pass

        p.wait()

        # killed is not yet gone

        wait_for(lambda: not group_of(p.pid), 10, 'processes outlive SIGKILL')

    def shoot(self, pid):
        """One process; it may have been within the write of a line."""
        self.killed += 1
        os.kill(pid, signal.SIGKILL)

    def children(self, name='nginx'):
        return children_of(self.group[name].pid)

    def workers(self, name='nginx'):
        return [pid for pid in self.children(name)
                if b'worker process' in title_of(pid)]

    def close(self):
        for name in list(self.group):
            self.kill(name)

    def remove(self):
        self.close()
        os.killpg(self.provider.pid, signal.SIGKILL)
        self.provider.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def children_of(pid):
    try:
        with open('/proc/%d/task/%d/children' % (pid, pid)) as f:
            return [int(x) for x in f.read().split()]
    except OSError:
        return []


def title_of(pid):
    try:
        with open('/proc/%d/cmdline' % pid, 'rb') as f:
            return f.read()
    except OSError:
        return b''


def group_of(pgid):
    """Processes of a group that are not dead."""
    found = []

    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue

        try:
            with open('/proc/%s/stat' % name) as f:
                field = f.read().rsplit(')', 1)[1].split()
        except OSError:
            continue

        if int(field[2]) == pgid and field[0] not in 'ZX':
            found.append(int(name))

    return found


# --- clients ----------------------------------------------------------------


class Load:
    """Clients that ask until they are told to stop; what came whole is kept:
    id => (prompt, completion)."""

    def __init__(self, ports, clients=8, models=('m', 'm', 'm', 'bad')):
        self.ports = ports
        self.models = models
        self.whole = {}
        self.asked = 0
        self.lock = threading.Lock()
        self.stopped = False
        self.tag = '%08x' % random.getrandbits(32)
        self.threads = [threading.Thread(target=self.run, args=(i,),
                                         daemon=True)
                        for i in range(clients)]

        for t in self.threads:
            t.start()

    def run(self, n):
        rand = random.Random('%s-%d' % (self.tag, n))
        i = 0

        while not self.stopped:
            i += 1
            name = '%s-%d-%d' % (self.tag, n, i)
            stream = rand.random() < 0.5
            leave = rand.random() < 0.1

            try:
                usage = ask(rand.choice(self.ports), name,
                            rand.choice(self.models), stream, leave)
            except OSError:
                usage = None
                time.sleep(0.01)

            with self.lock:
                self.asked += 1

                if usage:
                    self.whole[name] = usage

    def stop(self):
        self.stopped = True

        for t in self.threads:
            t.join(30)

        return self.whole


def request_of(name, model, stream, text='hello there', secret=SECRET,
               **members):
    body = {'model': model, 'messages': [{'role': 'user', 'content': text}]}
    body.update(members)

    if stream:
        body['stream'] = True
        body['stream_options'] = {'include_usage': True}

    body = json.dumps(body).encode()

    return (b'POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n'
            b'Connection: close\r\nContent-Type: application/json\r\n'
            b'Authorization: Bearer ' + secret.encode() + b'\r\n'
            b'X-Request-Id: ' + name.encode() + b'\r\n'
            b'Content-Length: %d\r\n\r\n' % len(body)) + body


def ask(port, name, model, stream, leave=False):
    """Usage of an answer that came whole, or None."""
    with socket.create_connection(('127.0.0.1', port), 5) as s:
        s.settimeout(10)
        s.sendall(request_of(name, model, stream))

        data = b''

        while True:
            piece = s.recv(65536)

            if not piece:
                break

            data += piece

            if leave and stream and b'data:' in data:
                return None

    head, _, body = data.partition(b'\r\n\r\n')

    if not head.startswith(b'HTTP/1.1 200'):
        return None

    if b'chunked' in head.lower():

        # whole: the last chunk is there, and the end mark

        if not body.endswith(b'\r\n0\r\n\r\n') or b'data: [DONE]' not in body:
            return None

    usage = None
    at = body.rfind(b'"usage":{')

    if at >= 0:
        usage, _ = json.JSONDecoder().raw_decode(
            body[at + len(b'"usage":'):].decode())

    if usage is None:
        return None

    return usage['prompt_tokens'], usage['completion_tokens']


# --- the log ----------------------------------------------------------------

BEGIN = b'{"time":'


def read_log(*paths):
    """Lines as dictionaries, and how many pieces were torn."""
    lines = []
    torn = 0

    for path in paths:
        try:
            with open(path, 'rb') as f:
                data = f.read()
        except FileNotFoundError:
            continue

        for line in data.split(b'\n'):
            if not line:
                continue

            pieces = line.split(BEGIN)

            if pieces[0]:
                torn += 1

            for piece in pieces[1:]:
                try:
                    lines.append(json.loads(BEGIN + piece))
                except ValueError:
                    torn += 1

    return lines, torn


class Sums:
    """What the requests of a log add up to, and what was taken off limits."""

    def __init__(self, lines):
        seen = set()
        self.requests = 0
        self.prompt = 0
        self.completion = 0
        self.cost = 0
        self.duplicates = 0
        self.by_id = {}
        self.taken = {}

        for line in lines:
            if line['seq'] in seen:
                self.duplicates += 1
                continue

            seen.add(line['seq'])

            if 'action' in line:
                unit = line['limit'].split()[1].split('=')[0]
                amount = (nano if unit == 'cost' else int)(line['amount'])
                self.taken[unit] = self.taken.get(unit, 0) + amount
                continue

            self.by_id.setdefault(line['id'], []).append(line)
            self.requests += 1
            self.prompt += line.get('prompt_tokens', 0)
            self.completion += line.get('completion_tokens', 0)
            self.cost += nano(line.get('cost', 0))

    def __str__(self):
        return '%d requests, %d + %d tokens, %d nano-dollars' % (
            self.requests, self.prompt, self.completion, self.cost)


def nano(cost):
    return int(round(cost * 1000000000))


# --- snapshots --------------------------------------------------------------

HEAD = struct.Struct('=QQqQQ' + 'QQq' * 8 + 'Q')
LEDGER = struct.Struct('=QQQQQq')
PIECE = struct.Struct('=II')

# ngx_llm_sum_t: name, day, kind, time, sums, text
SUM = struct.Struct('=QQqqq12q200s')

# ngx_llm_counter_t: name, kind, period, settled, ...
COUNTER = struct.Struct('=QQqqq')

ROW_METRICS = 1
SUM_REQUESTS, SUM_PROMPT, SUM_COMPLETION, SUM_COST = 0, 3, 4, 8
QUOTA = 1
UNITS = {0: 'requests', 1: 'tokens', 4: 'cost'}


class Snapshot:
    """The ledger as a snapshot has it."""

    def __init__(self, path):
        with open(path, 'rb') as f:
            data = f.read()
            self.inode = os.fstat(f.fileno()).st_ino

        head = HEAD.unpack_from(data)
        self.date = head[2]
        at = HEAD.size

        _, version, self.counter_size, self.sum_size, self.boot, _ = \
            LEDGER.unpack_from(data, at)
        at += LEDGER.size

        check(self.sum_size == SUM.size, 'snapshot: another layout of sums')

        self.requests = self.prompt = self.completion = self.cost = 0
        self.quota = {}
        ended = False

        while at < len(data):
            kind, size = PIECE.unpack_from(data, at)
            at += PIECE.size
            piece = data[at:at + size]
            at += size

            if kind == 2:
                self.counters(piece)
            elif kind == 3:
                self.sums(piece)
            elif kind == 4:
                ended = True

        check(ended, 'snapshot: cut')

    def counters(self, piece):
        for at in range(0, len(piece), self.counter_size):
            _, _, kind, period, settled = COUNTER.unpack_from(piece, at)

            if kind & 0xff == QUOTA and kind >> 8 in UNITS:
                name = UNITS[kind >> 8]
                self.quota[name] = self.quota.get(name, 0) + settled

    def sums(self, piece):
        for at in range(0, len(piece), SUM.size):
            field = SUM.unpack_from(piece, at)
            day, kind, value = field[2], field[3], field[5:17]

            if kind == ROW_METRICS and day == 0:
                self.requests += value[SUM_REQUESTS]
                self.prompt += value[SUM_PROMPT]
                self.completion += value[SUM_COMPLETION]
                self.cost += value[SUM_COST]

    def __str__(self):
        return '%d requests, %d + %d tokens, %d nano-dollars' % (
            self.requests, self.prompt, self.completion, self.cost)


def next_snapshot(gateway, seconds=20):
    """One that is written from now on."""
    def stamp():
        try:
            st = os.stat(gateway.state)
            return st.st_ino, st.st_mtime_ns
        except FileNotFoundError:
            return None

    old = stamp()

    wait_for(lambda: stamp() != old, seconds,
             'no snapshot was taken:\n' + gateway.said())

    return Snapshot(gateway.state)


def compare(gateway, whole, paths=None, what='', torn_allowed=None):
    """The sum over the log is what the ledger has, and every answer that a
    client received whole is in the log, once, with that usage.  The kernel may
    cut the write of a process that is killed, at the end of a page."""
    if torn_allowed is None:
        torn_allowed = gateway.killed

    snapshot = next_snapshot(gateway)
    lines, torn = read_log(*(paths or [gateway.log]))
    sums = Sums(lines)

    check(torn <= torn_allowed, '%s: %d torn lines' % (what, torn))
    check(sums.duplicates == 0, '%s: %d lines twice' % (what,
                                                       sums.duplicates))
    check(str(snapshot) == str(sums), '%s: the ledger has %s, the log %s'
          % (what, snapshot, sums))

    charged = [x for x in lines if x.get('charged', True)]

    for name, want in (
            ('requests', len(charged)),
            ('tokens', sum(x.get('prompt_tokens', 0)
                           + x.get('completion_tokens', 0)
                           for x in charged)),
            ('cost', sum(nano(x.get('cost', 0)) for x in charged))):
        want -= sums.taken.get(name, 0)
        got = snapshot.quota.get(name, 0)
        check(got == want, '%s: quota of %s: %d is settled, the log has %d'
              % (what, name, got, want))

    for name, usage in whole.items():
        found = sums.by_id.get(name, [])

        check(len(found) == 1, '%s: answer %s is %d times in the log'
              % (what, name, len(found)))

        line = found[0]
        check((line.get('prompt_tokens'), line.get('completion_tokens'))
              == usage, '%s: answer %s: client %r, log %r'
              % (what, name, usage, line))

    return sums
