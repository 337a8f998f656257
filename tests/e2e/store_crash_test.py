#!/usr/bin/env python3
"""Kills the gate while it pulls and loads models, again and again: what stands under a final name
is always whole, no engine outlives its gate, and the pull ends well once it is left alone.
TIDEGATE_KILLS says how often (12)."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import threading
import time
import unittest

from harness import LOCAL, STARTER, Gate, Home, alive, eventually
from registry import Registry, digest_of

KILLS = int(os.environ.get("TIDEGATE_KILLS", "12"))
SEED = 20261126
KILLS_OF_ONE_GATE = 3  # of its engines
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

    def check_manifests(self):
        """Every name means a model of which each piece is there, whole."""
        for path in self.blobs.parent.glob("manifests/*/*/*/*"):
            manifest = json.loads(path.read_bytes())
            for layer in (manifest["config"], *manifest["layers"]):
                blob = self.blobs / layer["digest"].replace(":", "-")
                self.assertEqual(blob.stat().st_size, layer["size"], path)

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
            self.check_manifests()
            partials += any("partial" in path.name for path in self.blobs.glob("*"))
            # The next round begins anew, every other time with what is there.
            if number % 2 and self.blobs.exists():
                shutil.rmtree(self.blobs.parent / "manifests", ignore_errors=True)
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
        self.check_manifests()
        verified = gate.run("verify", "--json")
        self.assertEqual(verified.returncode, 0, verified.stderr)
        self.assertEqual(gate.chat(self.model, max_tokens=2).status, 200)


    def test_an_engine_that_is_killed_while_it_loads(self):
        killed, gate = 0, None
        for number in range(max(KILLS // 4, 2)):
            # A model that ends again and again is started ever later, by the same gate.
            if number % KILLS_OF_ONE_GATE == 0:
                gate = self.start()
                self.addCleanup(gate.close)
            answers = []
            asking = threading.Thread(target=lambda into=answers: into.append(gate.chat(LOCAL)))
            asking.start()
            pid = eventually(lambda: next(iter(self.engines()), None), "an engine begins to load")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            asking.join()
            killed += not alive(pid)
            # It was told so, or another engine has answered it.
            self.assertIn(answers[0].status, (200, 502, 503), answers[0].body)
            again = eventually(
                lambda: (lambda a: a if a.status == 200 else None)(gate.chat(LOCAL, max_tokens=2)),
                "the next one is answered",
            )
            self.assertTrue(again.text)
            unload = {"model": LOCAL, "keep_alive": 0, "stream": False}
            self.assertEqual(gate.request("POST", "/api/generate", unload).status, 200)
            eventually(lambda: not self.engines(), "the engine has gone")
            if number % KILLS_OF_ONE_GATE == KILLS_OF_ONE_GATE - 1:
                gate.close()
        self.assertGreater(killed, 0)


if __name__ == "__main__":
    unittest.main()
