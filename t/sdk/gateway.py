"""A gateway for the tests: nginx with the module below the build folder."""

import hashlib
import os
import socket
import subprocess
import time


KEY = "sk-client-all"
NARROW = "sk-client-narrow"
POOR = "sk-client-poor"

CONF = """
load_module %(module)s;
%(user)s
worker_processes  2;
daemon  off;
pid  nginx.pid;
error_log  logs/error.log info;

events {
    worker_connections  1024;
}

http {
    client_body_temp_path  temp/client_body;
    proxy_temp_path        temp/proxy;
    fastcgi_temp_path      temp/fastcgi;
    uwsgi_temp_path        temp/uwsgi;
    scgi_temp_path         temp/scgi;

    log_format llm escape=json
        '{"model":"$llm_model","provider":"$llm_provider",'
        '"status":$status,"in":$llm_prompt_tokens,'
        '"out":$llm_completion_tokens,"id":"$llm_user"}';
    access_log  logs/access.log llm;

%(http)s

    llm_key all    { secret sha256:%(all)s; }
    llm_key narrow { secret sha256:%(narrow)s; models gpt-*; }
    llm_key poor   { secret sha256:%(poor)s; quota requests=0/day; }

    server {
        listen                   127.0.0.1:%(port)d;
        client_max_body_size     64m;
        client_body_buffer_size  1m;

        location / {
            llm_gateway;
        }

        location /hasty/ {
            llm_gateway;
            client_body_buffer_size  8k;        # bodies in temporary files
        }

        location /patient/ {
            llm_gateway;
            llm_stream_keepalive  100ms;
        }

        location /stand-in/openai/ {
            llm_mock  openai tool=* "args={\\"city\\":\\"Rome\\"}" calls=2;
        }

        location /stand-in/anthropic/ {
            llm_mock  anthropic tool=* "args={\\"city\\":\\"Rome\\"}" calls=2;
        }
    }
}
"""

# names as in a tutorial, and by provider: what follows a "." is a scenario of
# mock_provider.py

HTTP = """
    llm_provider openai {
        url  http://127.0.0.1:%(openai)d/v1;
        key  env:SDK_TEST_OPENAI_KEY;
    }

    llm_provider anthropic {
        url  http://127.0.0.1:%(anthropic)d;
        key  env:SDK_TEST_ANTHROPIC_KEY;
    }

    llm_provider nowhere {
        dialect  openai;
        url      http://127.0.0.1:%(closed)d/v1;
        key      none;
    }

    llm_model gpt-4o-mini        { deployment openai gpt-4o-mini; }
    llm_model claude-sonnet-4-5  { deployment anthropic claude-sonnet-4-5; }

    llm_model gpt-*              { deployment openai gpt-*; }
    llm_model o*                 { deployment openai o*; }
    llm_model claude-*           { deployment anthropic claude-*; }

    llm_model hasty/gpt-* {
        deployment           openai gpt-*;
        total_timeout        700ms;
    }

    llm_model hasty/claude-* {
        deployment           anthropic claude-*;
        total_timeout        700ms;
    }

    llm_model unreachable { deployment nowhere x; }

    llm_model steady-openai {
        deployment  openai gpt-4o-mini.error-503;
        fallback    claude-sonnet-4-5;
        cooldown    off;
    }

    llm_model steady-anthropic {
        deployment  anthropic claude-sonnet-4-5.error-529;
        fallback    gpt-4o-mini;
        cooldown    off;
    }

    llm_model long-openai {
        deployment  openai gpt-4o-mini.context;
        fallback    on=context claude-sonnet-4-5;
        cooldown    off;
    }

    llm_model long-anthropic {
        deployment  anthropic claude-sonnet-4-5.context;
        fallback    on=context gpt-4o-mini;
        cooldown    off;
    }
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Gateway:
    def __init__(self, prefix, http=HTTP, ports=None, env=None):
        """ports: what %(name)d stands for in http."""

        self.prefix = prefix

        for name in ("logs", "temp"):
            os.makedirs(os.path.join(prefix, name), exist_ok=True)

        self.errors = os.path.join(prefix, "logs", "error.log")
        self.conf = os.path.join(prefix, "nginx.conf")

        for tries in range(5):
            self.start(http, ports or {}, env or {})

            try:
                self.wait()
                return

            except RuntimeError as e:
                # somebody else was faster
                if tries == 4 or "Address already in use" not in str(e):
                    raise

    def start(self, http, ports, env):
        self.port = free_port()
        self.url = "http://127.0.0.1:%d" % self.port
        open(self.errors, "w").close()

        # below a build folder that only root may enter, workers stay root

        user = "user  root root;" if os.geteuid() == 0 else ""

        with open(self.conf, "w") as f:
            f.write(CONF % {
                "module": os.environ["MODULE"], "user": user,
                "port": self.port, "http": http % ports,
                "all": hashlib.sha256(KEY.encode()).hexdigest(),
                "narrow": hashlib.sha256(NARROW.encode()).hexdigest(),
                "poor": hashlib.sha256(POOR.encode()).hexdigest()})

        env = dict(os.environ, **env)

        # where nginx looks for sockets that it inherits
        env.pop("NGINX", None)

        self.process = subprocess.Popen(
            [os.environ["NGINX_BIN"], "-p", self.prefix + "/", "-c", self.conf,
             "-e", "logs/error.log"],
            env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)

    def wait(self):
        until = time.time() + 10

        while time.time() < until:
            if self.process.poll() is not None:
                raise RuntimeError("nginx did not start: "
                                   + self.process.stderr.read()
                                   + self.log())

            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return

            except OSError:
                time.sleep(0.05)

        self.close()
        raise RuntimeError("nginx does not listen\n" + self.log())

    def log(self):
        with open(self.errors) as f:
            return f.read()

    def alarms(self):
        """What no test may cause."""

        return [line for line in self.log().splitlines()
                if any(level in line for level in ("[alert]", "[crit]",
                                                   "[emerg]"))
                or "exited on signal" in line]

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()

            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

        self.process.stderr.close()
