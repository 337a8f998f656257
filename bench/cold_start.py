#!/usr/bin/env python3
"""From "the model is not loaded" to its first token, through the gate.

One gate serves the starter model. Before each run the model is let go and its process is waited
for; then a streamed chat asks for it. The time is that of the caller, from sending the request to
the first piece of text; beside it stands what the gate reports of the load alone. The first run
after the gate's start is told apart: it also finds the engine and asks it what it can do.

usage: bench/cold_start.py [--runs 20] [--check] [--json FILE]
       --check: exit 1 when the target is missed
"""

import argparse
import http.client
import json
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))

from harness import STARTER, Gate, eventually  # noqa: E402

TARGET_MS = 400
MODEL = "local/" + pathlib.Path(STARTER).stem


def let_go(gate):
    body = {"model": MODEL, "keep_alive": 0, "stream": False}
    answer = gate.request("POST", "/api/generate", body)
    if answer.status != 200:
        raise SystemExit(f"the model cannot be let go: {answer.text}")
    eventually(lambda: gate.engine_model()["state"] == "absent", "the model is gone")


def first_token_ms(gate):
    body = json.dumps({
        "model": MODEL, "stream": True, "max_tokens": 4,
        "messages": [{"role": "user", "content": "Hello"}],
    })  # fmt: skip
    connection = http.client.HTTPConnection(gate.host, gate.port, timeout=60)
    connection.connect()
    begin = time.perf_counter()
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"{answer.status}: {answer.read().decode()}")
    while line := answer.readline():
        if not line.startswith(b"data: {"):
            continue
        choices = json.loads(line[6:])["choices"]
        if choices and choices[0]["delta"].get("content"):
            took = (time.perf_counter() - begin) * 1e3
            answer.read()
            connection.close()
            return took
    raise SystemExit("the answer has no text")


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def run(runs):
    gate = Gate()
    try:
        rows = []
        for _ in range(runs + 1):
            let_go(gate)
            first_ms = first_token_ms(gate)
            rows.append((first_ms, gate.engine_model()["last_start_ms"]))
        warm = [first_token_ms(gate) for _ in range(runs)]
    finally:
        gate.close()
    cold, load = [first for first, _ in rows[1:]], [load for _, load in rows[1:]]
    return {
        "runs": runs,
        "first_after_start_ms": rows[0][0],
        "first_token_ms": {"median": statistics.median(cold), "p95": percentile(cold, 0.95)},
        "load_ms": {"median": statistics.median(load), "p95": percentile(load, 0.95)},
        "warm_first_token_ms": {"median": statistics.median(warm), "p95": percentile(warm, 0.95)},
        "machine_load": os.getloadavg()[0],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    figures = run(options.runs)
    for name in ("first_token_ms", "load_ms", "warm_first_token_ms"):
        row = figures[name]
        print(f"{name:20}  median {row['median']:7.1f}   p95 {row['p95']:7.1f}")
    print(f"after the gate's start  {figures['first_after_start_ms']:7.1f}")
    print(f"load of the machine     {figures['machine_load']:7.2f}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures) + "\n", encoding="utf-8")
    missed = figures["first_token_ms"]["median"] > TARGET_MS
    print(f"target: {TARGET_MS} ms, {'missed' if missed else 'met'}")
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
