#!/usr/bin/env python3
"""What the gate adds to a model on this device, beside llama-server asked directly.

The gate starts its own llama-server; a second one is started with the very same options, but on a
TCP port and without a key, and asked directly. They take turns of half a second, the gate always
between two of its neighbour, with the same client program (stream_load) and the same prompt: single
turns waver by a tenth on a shared machine, so that only many of them tell a percent. The gate has
everything on that it has by default: key, books, decision record.

The model is made for it (sized_model.py): random weights, of the size and so of the speed of the
smallest chat models that people use. --starter takes the starter model instead, which is a hundred
times smaller: it gives more than a thousand tokens a second, so that what the gate costs per token
weighs more than with any real model.

usage: bench/local_overhead.py [--rounds 61] [--starter] [--gate PROGRAM]
                               [--json FILE] [--check]
"""

import argparse
import hashlib
import json
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import sized_model
from harness import BIN, KEY, ROOT, children, cpu_seconds, free_port, wait_for_port

TARGETS = {"tokens/s lost at 1 stream, %": 2.0, "tokens/s lost at 8 streams, %": 2.0,
           "added time to the first byte, ms": 1.0}
END_TOKEN = 2  # of the starter's vocabulary, which both models have; not to be said


def post(url, body, key):
    request = urllib.request.Request(url, json.dumps(body).encode(), {
        "content-type": "application/json", "authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


class Servers:
    def __init__(self, folder, options):
        self.folder, self.started = pathlib.Path(folder), []
        self.model = "local/tidegate-starter"
        if not options.starter:
            self.model = "local/sized"
            sized_model.write(self.folder / "sized.gguf")
        self.gate_port, self.direct_port = free_port(), free_port()
        config = self.folder / "config.toml"
        config.write_text(f"""
listen = ["127.0.0.1:{self.gate_port}"]
shards = 1
state_folder = "{self.folder}/state"
runtime_folder = "{self.folder}/run"
log.level = "warning"
engine.slots = 8
engine.keep_alive_s = -1
models.folders = ["{self.folder}"]

[keys.bench]
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
admin = true
""")
        self.command = [str(options.gate), "serve", "--config", str(config)]

    def start_both(self):
        self.gate = self.start(self.command, self.gate_port)
        post(f"http://127.0.0.1:{self.gate_port}/v1/chat/completions",
             {"model": self.model, "max_tokens": 1,
              "messages": [{"role": "user", "content": "Hi"}]}, KEY)
        self.start(self.direct_command(), self.direct_port)
        self.wait_ready()

    def start(self, command, port):
        log = self.folder / f"{port}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out)
        self.started.append(process)
        wait_for_port(port, process, log)
        return process

    def engine(self):
        """The llama-server that the gate has started, perhaps below a process of the sandbox."""
        pids = children(self.gate.pid)
        while pids:
            pid = pids.pop()
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
            if command and command[0].endswith(b"llama-server"):
                return pid, [word.decode() for word in command]
            pids += children(pid)
        raise SystemExit("the gate runs no llama-server")

    def direct_command(self):
        _, command = self.engine()
        command[command.index("--host") + 1] = "127.0.0.1"
        key = command.index("--api-key-file")
        return [*command[:key], *command[key + 2:], "--port", str(self.direct_port)]

    def wait_ready(self):
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.direct_port}/health", timeout=5)
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("llama-server does not serve")

    def run(self, direct, streams, tokens, *more):
        url = f"http://127.0.0.1:{self.direct_port if direct else self.gate_port}/v1"
        out = subprocess.run(
            [str(BIN / "stream_load"), "--any-text", "--url", url, "--model", self.model,
             "--key", KEY, "--fresh", "--never", str(END_TOKEN), "--spread-ms", "0",
             "--streams", str(streams), "--tokens", str(tokens), *more],
            capture_output=True, text=True, timeout=300)
        if out.returncode != 0:
            raise SystemExit("stream_load failed: " + out.stdout + out.stderr)
        return json.loads(out.stdout)

    def load(self, direct, streams, tokens, *more):
        # First the prompt alone: which of its slots a server takes, and what that one remembers of
        # the load before, is not what is compared.
        self.run(direct, streams, 1)
        before = cpu_seconds([self.gate.pid])
        row = self.run(direct, streams, tokens, *more)
        row["tokens_per_s"] = row["frames"] / row["seconds"]
        row["gate_cpu_us"] = (cpu_seconds([self.gate.pid]) - before) / row["frames"] * 1e6
        return row

    def stop(self):
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
        for process in self.started:
            process.wait(20)


def measure(servers, options):
    """Rounds of every load, each (before, gate, after): the gate between two of its neighbour."""
    loads = {1: (1, 32), 8: (8, 12), "first": (20, 1, "--serial")}
    rounds = {name: [] for name in loads}
    for round_number in range(-1, options.rounds):  # the first is for the caches
        for name, load in loads.items():
            took = tuple(servers.load(direct, *load) for direct in (True, False, True))
            if round_number >= 0:
                rounds[name].append(took)
    return rounds


def report(rounds):
    values = {}
    for streams in (1, 8):
        speeds = [[row["tokens_per_s"] for row in took] for took in rounds[streams]]
        lost = statistics.median(1 - gate / ((before + after) / 2)
                                 for before, gate, after in speeds)
        waver = statistics.median(abs(1 - after / before) for before, _, after in speeds)
        values[f"tokens/s lost at {streams} stream{'s' if streams > 1 else ''}, %"] = 100 * lost
        cpu = statistics.mean(took[1]["gate_cpu_us"] for took in rounds[streams])
        print(f"{streams} stream(s): llama-server "
              f"{statistics.median(before for before, _, _ in speeds):.0f} tokens/s, through the "
              f"gate {statistics.median(gate for _, gate, _ in speeds):.0f}; CPU of the gate "
              f"{cpu:.0f} us a token; llama-server against itself differs by {100 * waver:.1f} %")
    firsts = [[row["first_byte_us_p50"] for row in took] for took in rounds["first"]]
    added = statistics.median(gate - (before + after) / 2 for before, gate, after in firsts)
    values["added time to the first byte, ms"] = added / 1000
    print(f"first byte: llama-server {statistics.median(b for b, _, _ in firsts) / 1000:.2f} ms, "
          f"through the gate {statistics.median(g for _, g, _ in firsts) / 1000:.2f} ms")
    return values


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=61)
    parser.add_argument("--starter", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--check", action="store_true")
    optimized = ROOT / "build/optimized/bin/tidegate"
    parser.add_argument("--gate", default=optimized if optimized.exists() else BIN / "tidegate")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="tidegate-bench-")
    print(f"the gate is {options.gate}")
    servers = None
    try:
        servers = Servers(folder, options)
        servers.start_both()
        rounds = measure(servers, options)
    finally:
        if servers:
            servers.stop()
        shutil.rmtree(folder, ignore_errors=True)
    values = report(rounds)
    missed = 0
    for name, target in TARGETS.items():
        met = values[name] <= target
        missed += not met
        print(f"{'ok  ' if met else 'MISS'} {name}: {values[name]:.2f} (target <= {target})")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"rounds": rounds, "values": values}))
    sys.exit(1 if options.check and missed else 0)


if __name__ == "__main__":
    main()
