#!/usr/bin/env python3
"""A pull whose gate is killed goes on where it was: what was kept is not asked for again, and what
comes together has the digest that was promised."""

import contextlib
import json
import pathlib
import random
import threading
import unittest

from harness import STARTER, Gate, Home, eventually
from registry import Registry, digest_of

MIB = 1 << 20
FILE_BYTES = 160 * MIB  # three parts
# Less than one part has come when the gate is killed, over more than two seconds: pieces of 64 KiB
# on four connections.
FIRST_BYTES = 40 * MIB
PAUSE_S = 0.02


class Resumed(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.registry = Registry(pause_s=PAUSE_S, bytes_left=FIRST_BYTES)
        self.addCleanup(self.registry.close)
        starter = pathlib.Path(STARTER).read_bytes()
        self.weights = starter + random.Random(1).randbytes(FILE_BYTES - len(starter))
        self.digest = digest_of(self.weights)
        self.registry.publish("large", self.weights)
        self.model = f"{self.registry.host}/library/large"
        self.blob = pathlib.Path(
            self.home.path, "data/tidegate/store/blobs", self.digest.replace(":", "-")
        )

    def start(self):
        host = json.dumps([self.registry.host])
        tables = f"registries = {host}\ninsecure_registries = {host}\n"
        return Gate(home=self.home, tables=tables)

    def kept(self):
        """What the state says is on the disk: of each part the first and the last byte."""
        path = self.blob.with_name(self.blob.name + "-partial-state")
        if not path.exists():
            return []
        state = json.loads(path.read_text())
        begins = [part * state["part_bytes"] for part in range(len(state["written"]))]
        return [(at, at + n - 1) for at, n in zip(begins, state["written"]) if n]

    def test_what_was_kept_is_not_asked_for_again(self):
        gate = self.start()

        def pull():
            with contextlib.suppress(Exception):  # it is killed in the middle of this
                gate.request("POST", "/api/pull", {"model": self.model, "stream": False})

        pulling = threading.Thread(target=pull)
        pulling.start()
        eventually(lambda: self.registry.bytes_left < 0, "the registry has stopped")
        gate.program.kill()
        pulling.join()
        kept = self.kept()
        self.assertGreaterEqual(sum(last - first + 1 for first, last in kept), 4 * MIB)
        self.assertFalse(self.blob.exists())

        self.registry.bytes_left, self.registry.pause_s = float("inf"), 0
        self.registry.ranges.clear()
        gate = self.start()
        self.addCleanup(gate.close)
        answer = gate.request("POST", "/api/pull", {"model": self.model, "stream": False})
        self.assertEqual(answer.status, 200, answer.body)
        asked = [(a, b) for digest, a, b in self.registry.ranges if digest == self.digest]
        for first, last in kept:
            for begin, end in asked:
                self.assertTrue(end < first or last < begin, f"{begin}-{end} holds {first}-{last}")
        missing = FILE_BYTES - sum(last - first + 1 for first, last in kept)
        self.assertEqual(sum(end - begin + 1 for begin, end in asked), missing)
        self.assertEqual(digest_of(self.blob.read_bytes()), self.digest)
        self.assertEqual(gate.run("verify", "--json").returncode, 0)
        answer = gate.chat(self.model, max_tokens=2)
        self.assertEqual(answer.status, 200, answer.body)


if __name__ == "__main__":
    unittest.main()
