"""What the end-to-end tests are made of: the real gate, the emulated cloud, and plain clients.

Every program runs in a home of its own below a temporary folder, on ports that the system chose,
and dies with the test, however the test ends. Nothing here waits for a fixed time: `eventually`
asks again until the answer is there, and PATIENCE_S only bounds how long a broken program may take
to be called broken.

The programs are those of $TIDEGATE_BINARY_DIR/bin; $TIDEGATE_SANITIZE says whether they were built
with sanitizers, which makes everything slower and nothing different.
"""

import contextlib
import glob
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

SOURCE_DIR = pathlib.Path(__file__).resolve().parents[2]
BINARY_DIR = pathlib.Path(os.environ.get("TIDEGATE_BINARY_DIR", SOURCE_DIR / "build/release"))
TIDEGATE = str(BINARY_DIR / "bin/tidegate")
EMULATOR = str(BINARY_DIR / "bin/tidegate-emulator")
STARTER = str(SOURCE_DIR / "models/tidegate-starter.gguf")
SANITIZED = os.environ.get("TIDEGATE_SANITIZE", "") != ""

PATIENCE_S = 120 if SANITIZED else 30
NANODOLLARS = 1_000_000_000

LOCAL = "local/tidegate-starter"
CLOUD = "cloud/swift"  # answers at once
PACED = "cloud/paced"  # one token every 20 ms
PACED_TOKENS_PER_S = 50

# Dollars for a million tokens. Chosen so that every sum has digits down to the nano-dollar.
INPUT_USD, CACHED_USD, OUTPUT_USD = 2.503, 1.251, 10.007

CAPABILITIES = [
    "tools", "json_schema", "json_object", "logprobs", "n", "seed", "stop", "stream_usage",
    "temperature", "penalties", "parallel_tool_calls", "logit_bias",
]  # fmt: skip

SANITIZER_REPORT = re.compile(
    r"ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:|LeakSanitizer: detected"
)


def eventually(probe, what, timeout_s=None, pause_s=0.01):
    """Asks `probe` until it returns something true, and returns that."""
    end = time.monotonic() + (timeout_s or PATIENCE_S)
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s or PATIENCE_S} s: {what}")
        time.sleep(pause_s)


def engine_path():
    """The llama-server that the gate would find for the user who runs the tests."""
    on_path = shutil.which("llama-server")
    if on_path:
        return on_path
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    path = os.path.join(data, "tidegate/engine/bin/llama-server")
    if not os.access(path, os.X_OK):
        raise AssertionError("there is no llama-server; scripts/bootstrap installs one")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def alive(pid):
    """Whether the process runs; a dead one that nobody has waited for does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


class Program:
    """A child process whose output is kept, line by line."""

    def __init__(self, argv, env):
        # It dies with us, also when we are killed.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *argv],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.pid = self.process.pid
        self._lines = []
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self._changed:
                self._lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def output(self):
        with self._changed:
            return "\n".join(self._lines)

    def wait_for_line(self, pattern):
        """The match of the first line that `pattern` is found in."""
        end = time.monotonic() + PATIENCE_S
        seen = 0
        with self._changed:
            while True:
                for line in self._lines[seen:]:
                    found = re.search(pattern, line)
                    if found:
                        return found
                seen = len(self._lines)
                left = end - time.monotonic()
                if self._ended or left <= 0:
                    why = "ended" if self._ended else "took too long"
                    raise AssertionError(f"{why} without '{pattern}':\n" + "\n".join(self._lines))
                self._changed.wait(left)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout_s=None):
        code = self.process.wait(timeout_s or PATIENCE_S)
        self._reader.join(PATIENCE_S)
        self.process.stdout.close()
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        if not self.process.stdout.closed:
            self.wait()


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.json["error"]

    @property
    def text(self):
        return self.json["choices"][0]["message"]["content"]

    @property
    def decision(self):
        return self.headers["tidegate-decision"]

    @property
    def events(self):
        return parse_events(self.body)


def parse_events(body):
    """The data of every server-sent event, parsed; '[DONE]' stays as it is."""
    events = []
    for block in body.decode().split("\n\n"):
        if block.startswith("data: "):
            data = block[len("data: ") :]
            events.append(data if data == "[DONE]" else json.loads(data))
    return events


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Requests to one server, each on a connection of its own."""

    def __init__(self, host, port, key=None):
        self.host, self.port, self.key = host, port, key

    def with_key(self, key):
        return Client(self.host, self.port, key)

    def connect(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)

    def start(self, method, path, body=None, headers=None):
        """Sends, and returns the connection and its answer with the body still unread."""
        fields = dict(headers or {})
        if self.key:
            fields["authorization"] = "Bearer " + self.key
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        if body is not None:
            fields.setdefault("content-type", "application/json")
        connection = self.connect()
        try:
            connection.request(method, path, body, fields)
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def request(self, method, path, body=None, headers=None):
        connection, answer = self.start(method, path, body, headers)
        with contextlib.closing(connection):
            return Answer(answer.status, answer.getheaders(), answer.read())

    def get(self, path):
        return self.request("GET", path)

    def chat(self, model, prompt="Say hello.", headers=None, **fields):
        messages = fields.pop("messages", [{"role": "user", "content": prompt}])
        body = {"model": model, "messages": messages, **fields}
        return self.request("POST", "/v1/chat/completions", body, headers)

    def open_stream(self, model, prompt="Say hello.", headers=None, **fields):
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": True}
        return self.start("POST", "/v1/chat/completions", {**body, **fields}, headers)


class Home:
    """A user's folders, below one temporary folder."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="tg-")  # short: sockets lie in it
        for name in ("config", "state", "run", "data", "home"):
            os.mkdir(f"{self.path}/{name}", 0o700)
        self.state = f"{self.path}/state/tidegate"
        self.run = f"{self.path}/run/tidegate"

    def environment(self, **more):
        env = {
            "PATH": os.environ["PATH"],
            "HOME": f"{self.path}/home",
            "XDG_CONFIG_HOME": f"{self.path}/config",
            "XDG_STATE_HOME": f"{self.path}/state",
            "XDG_RUNTIME_DIR": f"{self.path}/run",
            "XDG_DATA_HOME": f"{self.path}/data",
            "TERM": "dumb",
        }
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS"):
                env[name] = value
        return {**env, **more}

    def write(self, name, text):
        path = pathlib.Path(self.path, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Emulator(Client):
    """The emulated cloud, which is also the witness of what reached it and what it would charge."""

    MODELS = f"""
[[model]]
name = "swift"
input_usd_per_mtok = {INPUT_USD}
cached_input_usd_per_mtok = {CACHED_USD}
output_usd_per_mtok = {OUTPUT_USD}

[[model]]
name = "paced"
tokens_per_s = {PACED_TOKENS_PER_S}
input_usd_per_mtok = {INPUT_USD}
cached_input_usd_per_mtok = {CACHED_USD}
output_usd_per_mtok = {OUTPUT_USD}
"""

    def __init__(self, models=MODELS):
        self._home = Home()
        config = self._home.write("emulator.toml", models)
        argv = [EMULATOR, "serve", "--listen", "127.0.0.1:0", "--print-port", "--journal-bodies"]
        self.program = Program([*argv, "--config", config], self._home.environment())
        super().__init__("127.0.0.1", int(self.program.wait_for_line(r"^(\d+)$")[1]))

    def _post(self, call, body):
        answer = self.request("POST", "/emulator/" + call, body)
        assert answer.status == 200, answer.body

    def chats(self):
        """Every chat that reached it. That the gate asks for the list of models is no secret."""
        entries = self.get("/emulator/journal").json["entries"]
        return [entry for entry in entries if entry["path"] != "/v1/models"]

    def bill(self):
        return self.get("/emulator/bill").json

    def faults(self, words, model=None):
        self._post("faults", {"faults": words, **({"model": model} if model else {})})

    def down(self, down=True):
        self._post("down", {"down": down})

    def reset(self):
        """Forgets journal and bill, and works again without faults."""
        self.down(False)
        self.faults("")
        self._post("reset", {})

    def close(self):
        self.program.kill()
        self._home.remove()


def cloud_provider(emulator, name="cloud"):
    """A provider table for the gate's configuration: the emulated models as a priced cloud."""
    prices = f"input_usd = {INPUT_USD}, cached_read_usd = {CACHED_USD}, output_usd = {OUTPUT_USD}"
    models = ",\n".join(
        f'  {{ name = "{model}", prices = {{ {prices} }}, quality = 0.9, context_tokens = 128000,'
        f" output_tokens_max = 16384, capabilities = {json.dumps(CAPABILITIES)} }}"
        for model in ("swift", "paced")
    )
    return f"""
[providers.{name}]
kind = "openai_compatible"
url = "http://127.0.0.1:{emulator.port}/v1"
place = "cloud"
emulated = true
models = [
{models}
]
"""


def key_table(name, key, fields=""):
    """A key table for the gate's configuration."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f'\n[keys.{name}]\nsha256 = "{digest}"\n{fields}\n'


class Gate(Client):
    """A running gate. `settings` come first in the file, `tables` after ours."""

    def __init__(
        self,
        tables="",
        settings="",
        *,
        local=True,
        engine=None,
        home=None,
        listen=("127.0.0.1:0",),
        env=None,
        engine_settings="",
        models=(STARTER,),
        verb="serve",
    ):
        self._own_home = home is None
        self.home = home or Home()
        self.env = self.home.environment(**(env or {}))
        path = engine or (engine_path() if local else None)
        how = f'path = "{path}"\nthreads = 1' if path else "enabled = false"
        if engine:  # a script, which starts another program
            how += "\nsandbox = false"
        how += "\n" + engine_settings
        files = json.dumps([str(model) for model in models])
        text = f"{settings}\n[engine]\n{how}\n[models]\nfiles = {files}\n{tables}\n"
        self.config = self.home.write("config/tidegate/config.toml", text)
        argv = [TIDEGATE, verb]
        for address in listen:
            argv += ["--listen", address]
        self.program = Program(argv, self.env)
        host, port = "127.0.0.1", 0
        for address in listen or ("as configured",):
            if address.startswith("unix:"):
                self.program.wait_for_line(r"listens on unix:")
            else:
                found = self.program.wait_for_line(r"listens on ([\d.]+):(\d+)")
                host, port = found[1], int(found[2])
        super().__init__("127.0.0.1" if host == "0.0.0.0" else host, port)

    @property
    def pid(self):
        return self.program.pid

    def decision_of(self, answer):
        """The record of an answered request; it is written after the answer has gone."""
        return self.find_decision(answer.decision)

    def find_decision(self, identifier):
        def look():
            found = self.get("/tidegate/decisions/" + identifier)
            return found.json if found.status == 200 else None

        return eventually(look, f"the record of {identifier}")

    def decisions(self, limit=100):
        return self.get(f"/tidegate/decisions?limit={limit}").json["decisions"]

    def engine_model(self):
        return self.get("/tidegate/ps").json["models"][0]

    def in_flight(self):
        return self.get("/tidegate/status").json["ledger"]["in_flight"]

    def spend(self, by=""):
        """What the books say, when nothing is on its way any more."""
        eventually(lambda: self.in_flight() == 0, "every reservation is settled")
        return self.get("/tidegate/spend" + (f"?by={by}" if by else "")).json

    def spent_nanodollars(self):
        return self.spend()["total"]["cost_nanodollars"]

    def run(self, *words, stdin=subprocess.DEVNULL, input=None, env=None):
        """`tidegate WORDS` of the same user, against this gate."""
        full = {**self.env, "TIDEGATE_HOST": f"http://{self.host}:{self.port}", **(env or {})}
        if self.key:
            full["TIDEGATE_API_KEY"] = self.key
        return run_tidegate(*words, env=full, stdin=stdin, input=input)

    def stop(self):
        """Ends it in order, and returns the exit code."""
        self.program.signal(signal.SIGTERM)
        return self.program.wait()

    def close(self):
        """Ends it and removes its home. Unless the test has killed it, it must have ended well."""
        code = self.program.process.poll()
        if code is None:
            code = self.stop()
        self.program.kill()
        output = self.program.output
        if self._own_home:
            self.home.remove()
        if SANITIZER_REPORT.search(output):
            raise AssertionError("a sanitizer has something to say:\n" + output)
        if code not in (0, -signal.SIGKILL):
            raise AssertionError(f"the gate ended with {code}:\n{output}")


def run_tidegate(*words, env, stdin=subprocess.DEVNULL, input=None):
    return subprocess.run(
        [TIDEGATE, *words],
        env=env,
        stdin=None if input is not None else stdin,
        input=input,
        capture_output=True,
        timeout=PATIENCE_S * 2,
        check=False,
    )


def engine_that_keeps_its_key(home):
    """A llama-server that leaves a copy of its key, which the gate removes once it was read."""
    script = f"""#!/bin/bash
previous=
for word; do
  [[ $previous != --api-key-file ]] || cat "$word" > {home.path}/engine.key
  previous=$word
done
exec {engine_path()} "$@"
"""
    path = home.write("engine.sh", script)
    os.chmod(path, 0o700)
    return path


class EngineSlots:
    """The slots of the gate's llama-server, asked over its own socket with its own key.
    REQUIRES: the gate runs `engine_that_keeps_its_key`, and its model is loaded."""

    def __init__(self, gate):
        [self.socket] = glob.glob(f"{gate.home.run}/engine-*/*/*.sock")
        key = pathlib.Path(gate.home.path, "engine.key").read_text(encoding="ascii")
        self.authorization = "Bearer " + key.strip()
        self._connection = UnixConnection(self.socket, PATIENCE_S)

    def _ask(self):
        self._connection.request("GET", "/slots", None, {"authorization": self.authorization})
        return self._connection.getresponse()

    def read(self):
        try:
            answer = self._ask()
        except (ConnectionError, http.client.HTTPException):  # it closes those it finds idle
            self._connection.close()
            answer = self._ask()
        slots = json.loads(answer.read())
        assert answer.status == 200, slots
        return slots

    def busy(self):
        return sum(1 for slot in self.read() if slot["is_processing"])

    def close(self):
        self._connection.close()


class GateTest(unittest.TestCase):
    """One emulated cloud and one gate for all cases of a class, clean before each."""

    TABLES = ""
    LOCAL = True

    @classmethod
    def setUpClass(cls):
        cls.emulator = Emulator()
        cls.addClassCleanup(cls.emulator.close)
        cls.gate = cls.start_gate(cloud_provider(cls.emulator) + cls.TABLES)
        cls.addClassCleanup(cls.gate.close)

    @classmethod
    def start_gate(cls, tables):
        return Gate(tables, local=cls.LOCAL)

    def setUp(self):
        self.emulator.reset()

    def assert_nothing_left(self):
        """The cloud has not heard of anything."""
        self.assertEqual([entry["path"] for entry in self.emulator.chats()], [])
