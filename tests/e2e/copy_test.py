#!/usr/bin/env python3
"""Copying a model that the gate does not keep itself: its bytes are many, and nothing else waits
for them, nor does the end of the gate."""

import pathlib
import shutil
import unittest

from harness import STARTER, Gate, Home, eventually

BIG_BYTES = 8 << 30  # of which nearly all is a hole: more than is copied while the test looks


class Copies(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        small, big = (pathlib.Path(self.home.path, name) for name in ("small.gguf", "big.gguf"))
        shutil.copy(STARTER, small)
        shutil.copy(STARTER, big)
        with open(big, "r+b") as file:
            file.truncate(BIG_BYTES)
        self.gate = Gate(home=self.home, models=(small, big))
        self.addCleanup(self.gate.close)
        self.store = pathlib.Path(self.home.path, "data/tidegate/store")

    def begin(self):
        """A copy that is under way."""
        body = {"source": "big", "destination": "b", "stream": True}
        connection, answer = self.gate.start("POST", "/api/copy", body)
        self.addCleanup(connection.close)
        self.assertIn(b"copying file big.gguf", answer.readline())
        return connection, answer

    def partials(self):
        return list(self.store.glob("blobs/*-partial"))

    def names(self):
        return {model["name"] for model in self.gate.get("/api/tags").json["models"]}

    def test_nothing_waits_for_a_long_copy_and_it_ends_with_its_client(self):
        connection, _ = self.begin()
        self.assertEqual(self.gate.run("cp", "small", "a").returncode, 0)
        self.assertEqual(self.gate.run("cp", "a", "c").returncode, 0)
        self.assertEqual(self.gate.run("rm", "a").returncode, 0)
        self.assertEqual(len(self.partials()), 1, "the large one is still on its way")
        connection.sock.shutdown(2)
        eventually(lambda: not self.partials(), "the copy ends with its client")
        self.assertIn("c:latest", self.names())
        self.assertNotIn("b:latest", self.names())

    def test_the_gate_does_not_wait_for_it_to_end(self):
        _, answer = self.begin()
        self.assertEqual(self.gate.stop(), 0)
        self.assertIn(b"shutting down", answer.read().splitlines()[-1])
        self.assertEqual(self.partials(), [])
        self.assertFalse((self.store / "manifests").exists())


if __name__ == "__main__":
    unittest.main()
