#!/usr/bin/env python3
"""What the gate adds to a model on this device, beside llama-server asked directly.

One llama-server is asked in two ways: through the gate that has started it, and past the gate, at
the UNIX socket that the gate has given it. (Two processes with the same options differ from each
other by more than the gate costs, for as long as they live: where their memory lies is enough.) The
two take turns of half a second, a turn through the gate always between two past it, with the same
client program (stream_load) and the same prompt: single turns waver by a tenth on a shared machine,
so that only many of them tell a percent. The gate has everything on that it has by default: key,
books, decision record.

The model is made for it (sized_model.py): random weights, of the size and so of the speed of the
smallest chat models that people use. --starter takes the starter model instead, which is a hundred
times smaller: it gives more than a thousand tokens a second, so that what the gate costs per token
weighs more than with any real model.

usage: bench/local_overhead.py [--rounds 81] [--starter] [--gate PROGRAM]
                               [--json FILE] [--check]
"""

import argparse
import hashlib
import json
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import sized_model
from harness import BIN, KEY, ROOT, cpu_seconds, free_port, wait_for_port

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
        self.folder, self.gate, self.engine_key = pathlib.Path(folder), None, None
        self.model = "local/tidegate-starter"
        if not options.starter:
            self.model = "local/sized"
            sized_model.write(self.folder / "sized.gguf")
        self.port = free_port()
        self.config = self.folder / "config.toml"
        self.config.write_text(f"""
listen = ["127.0.0.1:{self.port}"]
shards = 1
state_folder = "{self.folder}/state"
runtime_folder = "{self.folder}/run"
log.level = "warning"
engine.slots = 8
engine.keep_alive_s = -1
engine.speculation = "off"
models.folders = ["{self.folder}"]

[keys.bench]
sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"
admin = true
""")
        self.program = str(options.gate)

    def start(self):
        log = self.folder / "log"
        with open(log, "wb") as out:
            self.gate = subprocess.Popen([self.program, "serve", "--config", str(self.config)],
                                         stdout=out, stderr=out)
        wait_for_port(self.port, self.gate, log)
        # The engine's key is a file only until the engine has read it.
        watch = threading.Thread(target=self.await_engine_key)
        watch.start()
        post(f"http://127.0.0.1:{self.port}/v1/chat/completions",
             {"model": self.model, "max_tokens": 1,
              "messages": [{"role": "user", "content": "Hi"}]}, KEY)
        watch.join()
        sockets = list(self.folder.glob("run/engine-*/*/*.sock"))
        if not self.engine_key or len(sockets) != 1:
            raise SystemExit("the gate runs no llama-server, or its key was not seen")
        self.engine_url = f"unix:{sockets[0]}:/v1"

    def await_engine_key(self):
        for _ in range(20000):
            for file in self.folder.glob("run/engine-*/*.key"):
                try:
                    self.engine_key = file.read_text().strip()
                except OSError:
                    return
                if self.engine_key:
                    return
            time.sleep(0.0005)

    def run(self, direct, streams, tokens, *more):
        out = subprocess.run(
            [str(BIN / "stream_load"), "--any-text",
             "--url", self.engine_url if direct else f"http://127.0.0.1:{self.port}/v1",
             "--key", self.engine_key if direct else KEY, "--model", self.model,
             "--fresh", "--never", str(END_TOKEN), "--spread-ms", "0",
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
        # Frames are not tokens: a server keeps bytes back that are no whole character yet.
        row["tokens_per_s"] = streams * tokens / row["seconds"]
        row["gate_cpu_us"] = (cpu_seconds([self.gate.pid]) - before) / (streams * tokens) * 1e6
        return row

    def stop(self):
        if self.gate:
            self.gate.send_signal(signal.SIGTERM)
            self.gate.wait(20)


def measure(servers, options):
    """Rounds of every load, each (before, gate, after)."""
    loads = {1: (1, 32), 8: (8, 12), "first": (20, 1, "--serial")}
    rounds = {name: [] for name in loads}
    for round_number in range(-1, options.rounds):  # the first is for the caches
        for name, load in loads.items():
            took = tuple(servers.load(direct, *load) for direct in (True, False, True))
            if round_number >= 0:
                rounds[name].append(took)
    return rounds


def interval(values):
    """What 95 of 100 medians of values drawn anew lie between."""
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(1000))
    return medians[25], medians[-26]


def report(rounds):
    values = {}
    for streams in (1, 8):
        speeds = [[row["tokens_per_s"] for row in took] for took in rounds[streams]]
        lost = [100 * (1 - gate / ((before + after) / 2)) for before, gate, after in speeds]
        low, high = interval(lost)
        waver = statistics.median(abs(1 - after / before) for before, _, after in speeds)
        name = f"tokens/s lost at {streams} stream{'s' if streams > 1 else ''}, %"
        values[name] = statistics.median(lost)
        cpu = statistics.mean(took[1]["gate_cpu_us"] for took in rounds[streams])
        print(f"{streams} stream(s): {statistics.median(lost):.1f} % lost (95 %: {low:.1f} to "
              f"{high:.1f}); llama-server "
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
    parser.add_argument("--rounds", type=int, default=81)
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
        servers.start()
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
