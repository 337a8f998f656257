#!/usr/bin/env python3
"""Models that other hands put on this machine while the gate runs: each is served without a
restart, however it comes."""

import pathlib
import unittest

from harness import STARTER, Gate, eventually

WEIGHTS = pathlib.Path(STARTER).read_bytes()


class New(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gate = Gate()
        cls.addClassCleanup(cls.gate.close)
        cls.folder = pathlib.Path(cls.gate.home.path, "data/tidegate/models")

    def write(self, name, weights=WEIGHTS):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(weights)
        return path

    def wait_for(self, name):
        def listed():
            models = self.gate.get("/api/tags").json["models"]
            return any(model["name"].startswith(name) for model in models)

        eventually(listed, f"{name} is listed")

    def test_a_file_that_is_copied_slowly_is_served_when_it_is_whole(self):
        path = self.write("slow.gguf", WEIGHTS[: len(WEIGHTS) // 2])
        # It came later, so whoever lists it has seen the half one as well.
        self.write("slow_was_seen.gguf")
        self.wait_for("slow_was_seen")
        names = [model["name"] for model in self.gate.get("/api/tags").json["models"]]
        self.assertNotIn("slow:latest", names)
        with path.open("ab") as file:
            file.write(WEIGHTS[len(WEIGHTS) // 2 :])
        self.wait_for("slow:")
        self.assertEqual(self.gate.chat("slow", max_tokens=2).status, 200)

    def test_a_file_in_a_folder_that_was_there_is_served(self):
        self.write("known/first.gguf")
        self.wait_for("known:first")
        self.write("known/second.gguf")
        self.wait_for("known:second")

    def test_a_program_that_is_installed_meanwhile_brings_its_models(self):
        studio = pathlib.Path(self.gate.home.path, "home/.lmstudio/models/ann/sea/sea.gguf")
        studio.parent.mkdir(parents=True)
        studio.write_bytes(WEIGHTS)
        self.wait_for("ann/sea:F32")


if __name__ == "__main__":
    unittest.main()
