#!/usr/bin/env python3
"""What a user does with the files of models: looks whether they are whole, has them repaired,
carries them away, and gets the room back that nothing needs. The real program, a registry on
loopback, and a gate where one has to run."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import unittest

from harness import STARTER, TIDEGATE, Gate, Home, eventually, run_tidegate
from registry import Registry, digest_of

WEIGHTS = pathlib.Path(STARTER).read_bytes()
LONG_BYTES = 512 * 1024 * 1024  # takes long enough to read to be stopped on the way
CTRL_C = 130


class Store(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.env = self.home.environment()
        self.store = pathlib.Path(self.home.path, "data/tidegate/store")
        self.blobs = self.store / "blobs"
        self.folder = pathlib.Path(self.home.path, "data/tidegate/models")

    def run_words(self, *words, code=0):
        done = run_tidegate(*words, env=self.env)
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done

    def files(self, *words, code=0):
        return json.loads(self.run_words("verify", *words, "--json", code=code).stdout)["files"]

    def blob(self, data):
        return self.blobs / digest_of(data).replace(":", "-")

    def damage(self, path):
        with path.open("r+b") as file:
            file.seek(len(WEIGHTS) // 2)
            before = file.read(10)
            file.seek(len(WEIGHTS) // 2)
            file.write(bytes(byte ^ 0xFF for byte in before))

    def import_starter(self, name):
        self.run_words("import", STARTER, "--name", name)


class Damage(Store):
    def setUp(self):
        super().setUp()
        self.registry = Registry()
        self.addCleanup(self.registry.close)
        self.registry.publish("tiny", WEIGHTS, system=b"Be brief.")
        self.model = f"{self.registry.host}/library/tiny"
        host = json.dumps([self.registry.host])
        self.gate = Gate(
            home=self.home, tables=f"registries = {host}\ninsecure_registries = {host}\n"
        )
        self.addCleanup(self.gate.close)

    def pull(self):
        answer = self.gate.request("POST", "/api/pull", {"model": self.model, "stream": False})
        self.assertEqual(answer.status, 200, answer.body)

    def test_is_found_set_aside_and_repaired_by_what_verify_says(self):
        self.pull()
        self.files(self.model)
        self.damage(self.blob(WEIGHTS))
        said = self.run_words("verify", self.model, code=1).stdout.decode()
        self.assertIn(f"tidegate verify {self.model}:latest --repair", said)
        self.assertIn(f"tidegate pull {self.model}:latest", said)
        [aside] = [file for file in self.files("--repair", code=1) if file["state"] != "ok"]
        self.assertEqual(aside["state"], "set aside")
        self.assertEqual(aside["models"], [f"{self.model}:latest"])
        [missing] = [file for file in self.files(self.model, code=1) if file["state"] != "ok"]
        self.assertEqual(missing["state"], "missing")
        self.pull()
        self.files()
        self.assertEqual(self.blob(WEIGHTS).read_bytes(), WEIGHTS)
        self.assertEqual(self.gate.chat(self.model, max_tokens=2).status, 200)
        self.assertIn("set aside as damaged", self.run_words("prune").stdout.decode())
        self.assertEqual(list(self.blobs.glob("*-damaged")), [])

    def test_of_a_file_in_use_is_told_and_left(self):
        self.pull()
        self.assertEqual(self.gate.chat(self.model, max_tokens=2).status, 200)  # it is in memory
        self.damage(self.blob(WEIGHTS))
        [row] = [file for file in self.files("--repair", code=1) if file["state"] != "ok"]
        self.assertEqual(row["state"], "damaged")
        self.assertIn(f"tidegate stop {self.model}", row["problem"])
        self.assertTrue(self.blob(WEIGHTS).exists())

    def test_of_a_manifest_hides_no_other_model_and_keeps_what_is_removed(self):
        self.pull()
        bad = self.store / "manifests/registry.ollama.ai/library/bad/latest"
        bad.parent.mkdir(parents=True)
        bad.write_text("{")
        rows = self.files(code=1)
        [row] = [row for row in rows if row["state"] != "ok"]
        self.assertEqual((row["state"], row["path"]), ("unreadable", str(bad)))
        self.assertEqual(row["models"], ["bad:latest"])
        self.assertIn(digest_of(WEIGHTS), [row["digest"] for row in rows])
        removed = self.gate.run("rm", self.model)
        self.assertEqual(removed.returncode, 0, removed.stderr)
        self.assertIn(str(bad), removed.stderr.decode())
        self.assertTrue(self.blob(WEIGHTS).exists())
        eventually(lambda: "its files stay" in self.gate.program.output, "the log says so")
        self.assertIn(str(bad), self.run_words("prune", "--all", code=1).stderr.decode())
        bad.unlink()
        self.assertIn("freed", self.run_words("prune", "--all").stdout.decode())
        self.assertFalse(self.blob(WEIGHTS).exists())


class Elsewhere(Store):
    """Models that the store does not keep."""

    def test_any_listed_model_is_verified_and_exported_where_it_lies(self):
        digest = digest_of(WEIGHTS)
        [row] = self.files("tidegate-starter")
        self.assertEqual((row["state"], row["digest"]), ("unknown", digest))
        archive = self.home.path + "/starter.tar"
        self.run_words("export", "tidegate-starter", archive)
        self.assertFalse(self.blobs.exists(), "nothing is copied into the store")
        self.run_words("import", archive, "--name", "carried")
        self.assertEqual(self.blob(WEIGHTS).read_bytes(), WEIGHTS)
        self.assertEqual(len(self.files("carried")), 2)
        self.assertIn("carried", self.run_words("list").stdout.decode())

    def test_ollamas_models_are_hashed_in_place(self):
        self.import_starter("seaside")
        ollama = pathlib.Path(self.home.path, "home/.ollama/models")
        ollama.parent.mkdir(parents=True)
        os.rename(self.store, ollama)
        self.assertEqual({row["state"] for row in self.files("seaside")}, {"ok"})
        self.run_words("export", "seaside", self.home.path + "/s.tar")
        self.damage(ollama / "blobs" / digest_of(WEIGHTS).replace(":", "-"))
        [row] = [
            row for row in self.files("seaside", "--repair", code=1) if row["state"] != "ok"
        ]
        self.assertIn("ollama pull seaside", row["problem"])
        self.assertEqual(list((ollama / "blobs").glob("*damaged")), [], "it is not ours")

    def test_the_cache_of_hugging_face_says_what_its_files_should_be(self):
        snapshot = pathlib.Path(
            self.home.path, "home/.cache/huggingface/hub/models--ann--sea/snapshots/aaaa"
        )
        blob = snapshot.parents[1] / "blobs" / digest_of(WEIGHTS).removeprefix("sha256:")
        snapshot.mkdir(parents=True)
        blob.parent.mkdir()
        blob.write_bytes(WEIGHTS)
        (snapshot / "sea.gguf").symlink_to(blob)
        [row] = self.files("hf.co/ann/sea:F32")
        self.assertEqual(row["state"], "ok")
        self.damage(blob)
        [row] = self.files("hf.co/ann/sea:F32", code=1)
        self.assertEqual(row["state"], "damaged")

    def test_the_store_of_another_configuration_is_reached(self):
        other = self.home.path + "/other"
        config = self.home.write("other.toml", f'[models]\nstore = "{other}"\n')
        self.run_words("import", STARTER, "--name", "there", "--config", config)
        self.assertEqual(self.run_words("verify", "there", code=66).stdout, b"")
        self.assertEqual(len(self.files("there", "--config", config)), 2)
        self.run_words("export", "there", self.home.path + "/t.tar", "--config", config)
        self.run_words("prune", "--config", config)
        self.assertFalse(self.store.exists())


class Stopped(Store):
    """Ctrl-C in the middle."""

    def long_model(self):
        self.folder.mkdir(parents=True)
        path = self.folder / "long.gguf"
        path.write_bytes(WEIGHTS)
        os.truncate(path, LONG_BYTES)
        return path

    def interrupt(self, *words, when):
        process = subprocess.Popen(
            [TIDEGATE, *words],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with contextlib.closing(process.stdout), contextlib.closing(process.stderr):
            eventually(when, "it is at work")
            process.send_signal(signal.SIGINT)
            said = process.stderr.read()
            self.assertEqual(process.wait(), CTRL_C, said)

    def test_an_export_leaves_nothing_and_can_be_had_again(self):
        self.long_model()
        archive = pathlib.Path(self.home.path, "out/long.tar")
        archive.parent.mkdir()
        unfinished = pathlib.Path(f"{archive}.unfinished")
        self.interrupt("export", "long", str(archive), when=unfinished.exists)
        self.assertEqual(os.listdir(archive.parent), [])
        unfinished.write_bytes(b"of one that was killed")
        self.run_words("export", "long", str(archive))
        self.assertEqual(os.listdir(archive.parent), ["long.tar"])
        self.assertIn("there already", self.run_words(
            "export", "long", str(archive), code=75).stderr.decode())  # fmt: skip

    def test_an_import_leaves_nothing(self):
        path = self.long_model()
        self.interrupt(
            "import", str(path), "--name", "long", when=lambda: list(self.blobs.glob("upload-*"))
        )
        self.assertEqual(os.listdir(self.blobs), [])


class Room(Store):
    def test_what_a_cancelled_pull_left_is_shown_and_freed(self):
        registry = Registry(pause_s=0.01)  # between pieces, so that a pull lasts
        self.addCleanup(registry.close)
        registry.publish("slow", WEIGHTS + bytes(32))
        host = json.dumps([registry.host])
        gate = Gate(home=self.home, tables=f"registries = {host}\ninsecure_registries = {host}\n")
        self.addCleanup(gate.close)
        pull = {"model": f"{registry.host}/library/slow"}
        connection, answer = gate.start("POST", "/api/pull", pull)

        def partials():
            return [path for path in self.blobs.glob("*-partial") if path.stat().st_size > 0]

        with contextlib.closing(connection):
            answer.readline()
            eventually(partials, "some of it has come")
            held = self.run_words("prune")
            self.assertIn("in use", held.stderr.decode())
            self.assertTrue(partials())

        def pruned():
            told = json.loads(self.run_words("prune", "--dry-run", "--json").stdout)
            return told["files"] and not told["in_use"] and told

        told = eventually(pruned, "the gate has let go of it")
        self.assertTrue(partials(), "it was a rehearsal")
        self.assertEqual(told["files"][0]["why"], "of a transfer that did not end")
        self.assertIn("freed", self.run_words("prune").stdout.decode())
        self.assertEqual(list(self.blobs.glob("*partial*")), [])
        self.assertIn("nothing to remove", self.run_words("prune").stdout.decode())


if __name__ == "__main__":
    unittest.main()
