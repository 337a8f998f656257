#!/usr/bin/env python3
"""Kills the gate while it pulls and loads models, again and again: what stands under a final name
is always whole, no engine outlives its gate, and the pull ends well once it is left alone.
TIDEGATE_KILLS says how often (12)."""

import json
import os
import pathlib
import random
import threading
import time
import unittest

from harness import LOCAL, STARTER, Gate, Home, alive, eventually
from registry import Registry, digest_of

KILLS = int(os.environ.get("TIDEGATE_KILLS", "12"))
SEED = 20261126
PAUSE_S = 0.01  # between pieces, so that a pull lasts


class Killed(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.registry = Registry(pause_s=PAUSE_S)
        self.addCleanup(self.registry.close)
        self.weights = pathlib.Path(STARTER).read_bytes() + bytes(32)
        self.registry.publish("slow", self.weights)
        self.model = f"{self.registry.host}/library/slow"
        self.blobs = pathlib.Path(self.home.path, "data/tidegate/store/blobs")

    def start(self):
        host = json.dumps([self.registry.host])
        return Gate(
            home=self.home,
            models=(STARTER,),
            tables=f"registries = {host}\ninsecure_registries = {host}\n",
        )

    def check_blobs(self):
        """Every file under a final name has the digest that it is called after."""
        if not self.blobs.exists():
            return
        for path in self.blobs.glob("sha256-*"):
            if "partial" not in path.name:
                self.assertEqual(digest_of(path.read_bytes()), path.name.replace("-", ":", 1))

    def engines(self):
        """Processes that serve a socket of ours."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if self.home.run.encode() in line and b"llama-server" in line:
                found.append(int(entry.name))
        return found

    def ignore_the_end(self, call, *words, **fields):
        try:
            call(*words, **fields)
        except Exception:  # noqa: BLE001: it is killed in the middle of this
            pass

    def test_whatever_moment_the_gate_is_killed_at(self):
        dice = random.Random(SEED)
        partials = loads = 0
        for number in range(KILLS):
            gate = self.start()
            pull = {"model": self.model, "stream": False}
            work = [
                threading.Thread(
                    target=self.ignore_the_end,
                    args=(gate.request, "POST", "/api/pull", pull),
                ),
                threading.Thread(target=self.ignore_the_end, args=(gate.chat, LOCAL)),
            ]
            for thread in work:
                thread.start()
            time.sleep(dice.random() * 0.6)
            loads += len(self.engines())
            if number % 3 == 2:  # its engine first
                for pid in self.engines():
                    self.ignore_the_end(os.kill, pid, 9)
            gate.program.kill()
            for thread in work:
                thread.join()
            eventually(lambda: not self.engines(), "no engine outlives its gate")
            self.assertFalse(alive(gate.pid))
            self.check_blobs()
            partials += any("partial" in path.name for path in self.blobs.glob("*"))
            # The next round begins anew, every other time with what is there.
            if number % 2 and self.blobs.exists():
                for path in self.blobs.iterdir():
                    path.unlink()
        self.assertGreater(partials, 0, "no pull was ever cut")
        self.assertGreater(loads, 0, "no engine was ever running")
        gate = self.start()
        self.addCleanup(gate.close)
        self.assertEqual(
            gate.request("POST", "/api/pull", {"model": self.model, "stream": False}).status, 200
        )
        self.check_blobs()
        verified = gate.run("verify", "--json")
        self.assertEqual(verified.returncode, 0, verified.stderr)
        self.assertEqual(gate.chat(self.model, max_tokens=2).status, 200)


if __name__ == "__main__":
    unittest.main()
