"""What the benchmarks share: the mock, the proxies and the load generators, each in a process.

Everything is on in the gate: authentication, a priced model (so money is reserved and settled), the
decision record. Only loopback is used and every load ends by itself. Each proxy runs on processor
1, the mock and the load generator on processor 0, where there are at least two.
"""

import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("TIDEGATE_BINARY_DIR", ROOT / "build/release/bin"))
KEY = "bench-key"
BODY_BYTES = 1914
ANSWER_BYTES = 1382
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, log, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"{process.args} ended with {process.returncode}: {log.read_text()}")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


def on_cpu(cpu, command):
    return ["taskset", "-c", str(cpu), *command] if os.cpu_count() > 1 else command


def run_json(program):
    """What a load program of its own prints."""
    out = subprocess.run([str(BIN / program)], capture_output=True, text=True, timeout=60)
    if out.returncode != 0:
        raise SystemExit(f"{program} failed: {out.stderr}")
    return json.loads(out.stdout)


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / CLOCK_TICKS


def rss_mib(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1])
    return total / 1024


def children(pid):
    """Of all its threads."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return [int(p) for task in tasks for p in (task / "children").read_text().split()]


class Bench:
    """`gate`: the program to measure."""

    def __init__(self, folder, seconds, gate=BIN / "tidegate"):
        self.folder = pathlib.Path(folder)
        self.seconds = seconds
        self.gate_program = gate
        self.processes = []

    def start(self, command, port, cpu, **kwargs):
        log = self.folder / f"{pathlib.Path(command[0]).name}-{port}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(on_cpu(cpu, command), stdout=out, stderr=out, **kwargs)
        self.processes.append(process)
        wait_for_port(port, process, log)
        return process

    def move_proxies(self, cpu):
        """All threads of the gate and of nginx to this processor, where there are several."""
        if os.cpu_count() < 2:
            return
        for pid in (self.gate.pid, self.nginx.pid, *children(self.nginx.pid)):
            subprocess.run(["taskset", "-a", "-p", "-c", str(cpu), str(pid)], check=True,
                           stdout=subprocess.DEVNULL)

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()

    def start_mock(self):
        self.mock_port = free_port()
        config = self.folder / "emulator.toml"
        config.write_text(
            f"""
[[model]]
name = "instant"
input_usd_per_mtok = 5.0
output_usd_per_mtok = 15.0
context_tokens_max = 128000
load_mock = {{ answer_bytes = {ANSWER_BYTES} }}

[[model]]
name = "paced"
ttft_ms = 20
tokens_per_s = 50
input_usd_per_mtok = 5.0
output_usd_per_mtok = 15.0
context_tokens_max = 128000
"""
        )
        self.mock = self.start(
            [str(BIN / "tidegate-emulator"), "serve", "--direct", "--config", str(config),
             "--listen", f"127.0.0.1:{self.mock_port}"],
            self.mock_port, 0)

    def start_gate(self):
        self.gate_port = free_port()
        config = self.folder / "config.toml"
        price = "prices = { input_usd = 5, output_usd = 15 }"
        size = "context_tokens = 128000, output_tokens_max = 4096"
        caps = 'capabilities = ["temperature", "seed", "stop", "stream_usage", "n"]'
        config.write_text(
            f"""
listen = ["127.0.0.1:{self.gate_port}"]
shards = 1
state_folder = "{self.folder}/state"
runtime_folder = "{self.folder}/run"
log.level = "warning"

[providers.mock]
kind = "openai_compatible"
url = "http://127.0.0.1:{self.mock_port}/v1"
place = "cloud"
emulated = true
models = [
  {{ name = "instant", {price}, {size}, {caps} }},
  {{ name = "paced", {price}, {size}, {caps} }},
]

[keys.bench]
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
admin = true
budget = {{ day_usd = 1000000 }}
"""
        )
        command = [str(self.gate_program), "serve", "--config", str(config)]
        self.gate = self.start(command, self.gate_port, 1)
        time.sleep(1)
        self.idle_rss = rss_mib([self.gate.pid])

    def start_nginx(self):
        self.nginx_port = free_port()
        config = self.folder / "nginx.conf"
        config.write_text(
            f"""
worker_processes 1;
daemon off;
pid {self.folder}/nginx.pid;
error_log {self.folder}/nginx.err;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
  fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u;
  scgi_temp_path {self.folder}/s;
  client_body_buffer_size 64k; keepalive_requests 100000000; tcp_nodelay on;
  upstream mock {{
    server 127.0.0.1:{self.mock_port}; keepalive 512; keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{self.nginx_port};
    location / {{
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host 127.0.0.1; proxy_buffering off;
    }}
  }}
}}
"""
        )
        command = ["nginx", "-c", str(config), "-p", str(self.folder)]
        self.nginx = self.start(command, self.nginx_port, 1)

    def body(self, model):
        path = self.folder / f"body-{model.replace('/', '-')}.json"
        message = {"role": "user", "content": ""}
        body = {"model": model, "max_tokens": 256, "messages": [message]}
        prose = "The harbour master writes the height of every tide into a long green book. "
        missing = BODY_BYTES - len(json.dumps(body))
        message["content"] = (prose * (missing // len(prose) + 1))[:missing]
        path.write_text(json.dumps(body))
        return path

    def wrk(self, port, model, connections):
        environment = dict(os.environ, BODY_FILE=str(self.body(model)), BENCH_KEY=KEY)
        out = subprocess.run(
            on_cpu(0, ["wrk", "-t1", f"-c{connections}", f"-d{self.seconds}s",
                       "-s", str(ROOT / "bench/wrk_post.lua"),
                       f"http://127.0.0.1:{port}/v1/chat/completions"]),
            env=environment, capture_output=True, text=True, timeout=self.seconds + 30)
        line = [l for l in out.stdout.splitlines() if l.startswith("JSON ")]
        if not line:
            raise SystemExit("wrk failed: " + out.stdout + out.stderr)
        result = json.loads(line[0][5:])
        if result["errors"] or result["bad_status"]:
            raise SystemExit(f"errors under load on port {port}: {result}")
        result["rps"] = result["requests"] / (result["duration_us"] / 1e6)
        return result

    def measure(self, name, connections):
        port, pids = {
            "direct": (self.mock_port, []),
            "nginx": (self.nginx_port, [self.nginx.pid, *children(self.nginx.pid)]),
            "tidegate": (self.gate_port, [self.gate.pid]),
        }[name]
        before = cpu_seconds(pids)
        result = self.wrk(port, "mock/instant" if name == "tidegate" else "instant", connections)
        result["cpu_us"] = (cpu_seconds(pids) - before) / result["requests"] * 1e6
        result["rss_mib"] = rss_mib(pids) if pids else 0
        return result

    def streams(self, port, model, *more):
        """`model` as the mock calls it."""
        name = model if port != getattr(self, "gate_port", None) else "mock/" + model
        out = subprocess.run(
            on_cpu(0, [str(BIN / "stream_load"),
                       "--reference-url", f"http://127.0.0.1:{self.mock_port}/v1",
                       "--url", f"http://127.0.0.1:{port}/v1", "--model", name,
                       "--reference-model", model, "--key", KEY, *more]),
            capture_output=True, text=True, timeout=240)
        if not out.stdout.strip():
            raise SystemExit("stream_load failed: " + out.stderr)
        return json.loads(out.stdout)
