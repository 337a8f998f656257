#!/usr/bin/env python3
"""Measuring and tuning a real model: what is told, what is kept, and what a crash leaves."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import types
import unittest

from harness import CLOUD, PATIENCE_S, STARTER, TIDEGATE, Gate, Home, alive, cloud_provider
from harness import eventually

PROFILES = "model_profiles.json"


def command_line(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")


class BenchAndTune(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.model = f"{self.home.path}/starter.gguf"
        shutil.copy(STARTER, self.model)
        self.gate = self.start()

    def start(self, more_settings=""):
        # Nobody listens there, and nobody may be asked.
        tables = cloud_provider(types.SimpleNamespace(port=9))
        settings = "slots = 2\n" + more_settings
        gate = Gate(tables, home=self.home, models=[self.model], engine_settings=settings)
        self.addCleanup(gate.close)
        return gate

    def cli(self, *words):
        return subprocess.run(
            [TIDEGATE, *words],
            env={**self.gate.env, "TIDEGATE_HOST": f"{self.gate.host}:{self.gate.port}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S * 5,
            check=False,
        )

    def listed(self, gate=None):
        models = (gate or self.gate).get("/tidegate/models").json["models"]
        return next(m for m in models if m["id"] == "local/starter")

    def profiles(self):
        found = list(pathlib.Path(self.home.path).rglob(PROFILES))
        return found[0].read_bytes() if found else b""

    def test_bench_measures_and_what_it_found_outlives_the_gate(self):
        self.assertIsNone(self.listed()["profile"])
        done = self.cli("bench", "starter", "--quick", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual(result["model"], "starter")
        self.assertTrue(result["complete"])
        points = result["profile"]["points"]
        self.assertEqual(
            [(p["prompt_tokens"], p["concurrency"]) for p in points],
            [(128, 1), (128, 2), (512, 1), (512, 2)],
        )
        for point in points:
            self.assertGreater(point["ttft_ms_p50"], 0)
            self.assertLessEqual(point["ttft_ms_p50"], point["ttft_ms_p95"])
            for speed in ("prompt_tokens_per_s", "tokens_per_s", "tokens_per_s_total"):
                self.assertGreater(point[speed], 0, point)
        self.assertIn("512 tokens, 2 at once (4 of 4)", done.stderr)
        self.assertEqual(self.listed()["profile"], result["profile"])
        self.assertEqual(self.listed()["tokens_per_s_prior"], points[0]["tokens_per_s"])
        self.gate.close()
        again = self.start()
        self.assertEqual(self.listed(again)["profile"], result["profile"])
        # Another file under the same name: what was measured says nothing of it.
        again.close()
        os.utime(self.model, (1, 1))
        self.assertIsNone(self.listed(self.start())["profile"])

    def test_the_table_has_a_row_for_each_length_and_number(self):
        done = self.cli("bench", "local/starter", "--contexts", "64,200", "--concurrency", "2",
                        "--tokens", "8")  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertIn("TTFT p50", lines[0])
        self.assertEqual([line.split()[:2] for line in lines[1:3]], [["64", "2"], ["200", "2"]])

    def test_what_cannot_be_measured_is_refused_with_the_reason(self):
        for words, code, said in (
            (["bench", "nobody"], 66, "no model"),
            (["bench", CLOUD], 65, "does not run on this device"),
            (["tune", "swift"], 65, "does not run on this device"),
            (["bench", "starter", "--concurrency", "3"], 65, "engine.slots"),
            (["bench", "starter", "--contexts", "9999999"], 65, "window"),
            (["tune", "starter", "--seconds-max", "1"], 65, "between"),
        ):
            done = self.cli(*words)
            self.assertEqual(done.returncode, code, (words, done.stderr))
            self.assertIn(said, done.stderr)

    def test_tune_keeps_what_is_better_or_says_that_nothing_is(self):
        done = self.cli("tune", "starter", "--quick", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertGreaterEqual(len(result["trials"]), 3)
        self.assertEqual(result["changed"], result["before"] != result["after"])
        if result["changed"]:
            self.assertGreater(result["gain"], max(0.03, result["noise"]))
        else:
            self.assertEqual(result["after"], {})
        # The model answers, and what runs now is what was kept.
        self.assertEqual(self.gate.chat("local/starter", max_tokens=4).status, 200)
        process = self.gate.get("/tidegate/ps").json["models"][0]
        words = command_line(process["pid"])
        self.assertEqual("--ubatch-size" in words, "ubatch" in result["after"], words)
        self.assertEqual("--flash-attn" in words, "flash_attention" in result["after"], words)
        self.assertEqual(self.cli("tune", "starter", "--reset").returncode, 0)
        self.assertEqual(self.gate.chat("local/starter", max_tokens=4).status, 200)
        process = self.gate.get("/tidegate/ps").json["models"][0]
        self.assertNotIn("--ubatch-size", command_line(process["pid"]))

    def test_conversations_outlive_being_measured_and_made_up_prompts_do_not(self):
        self.gate.close()
        # What is left to try changes nothing of what a cache holds.
        gate = self.gate = self.start('flash_attention = "off"')
        long = " ".join(f"word{i} the tide is high." for i in range(80))

        def turn(question):
            answer = gate.chat("local/starter", prompt=f"{long} {question}", max_tokens=4)
            self.assertEqual(answer.status, 200, answer.body)
            usage = answer.json["usage"]
            return usage["prompt_tokens_details"]["cached_tokens"] / usage["prompt_tokens"]

        self.assertLess(turn("And now?"), 0.25)
        for words in (["bench", "starter", "--quick"], ["tune", "starter", "--quick"]):
            done = self.cli(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
            kept = list(pathlib.Path(self.home.state, "slots").glob("*.slot"))
            self.assertEqual(len(kept), 1, words)
            self.assertGreater(turn("And then?"), 0.9, words)

    def test_a_length_that_needs_a_larger_window_is_measured_in_one(self):
        self.gate.close()
        self.gate = self.start("context_tokens = 1024")
        for words in (["--contexts", "1500", "--concurrency", "1", "--tokens", "8"],):
            done = self.cli("bench", "starter", "--json", *words)
            self.assertEqual(done.returncode, 0, done.stderr)
            points = json.loads(done.stdout)["profile"]["points"]
            self.assertEqual([point["prompt_tokens"] for point in points], [1500])
        self.assertIsNotNone(self.listed()["profile"], "it counts for the usual window")
        refused = self.cli("bench", "starter", "--contexts", "2048")
        self.assertEqual(refused.returncode, 65, refused.stderr)
        self.assertIn("2048 tokens at most", refused.stderr)

    def test_tune_that_changes_nothing_leaves_what_was_measured(self):
        done = self.cli("bench", "starter", "--contexts", "64", "--concurrency", "1",
                        "--tokens", "8")  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.cli("tune", "starter", "--quick", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        lengths = [point["prompt_tokens"] for point in self.listed()["profile"]["points"]]
        self.assertEqual(64 in lengths, not json.loads(done.stdout)["changed"], lengths)
        self.assertGreater(len(lengths), 1)

    def test_settings_that_need_more_memory_than_there_is_are_not_tried(self):
        self.assertEqual(self.gate.chat("local/starter", max_tokens=4).status, 200)
        needed = self.gate.get("/tidegate/ps").json["models"][0]["memory_bytes"]
        self.gate.close()
        self.gate = self.start(f"memory_mib = {needed // 2**20 + 1}")
        done = self.cli("tune", "starter", "--quick", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        larger = [
            trial["problem"]
            for trial in json.loads(done.stdout)["trials"]
            if trial["settings"].get("ubatch") == 1024
        ]
        self.assertEqual(len(larger), 1)
        self.assertIn("MiB may be used", larger[0])
        self.assertEqual(self.gate.chat("local/starter", max_tokens=4).status, 200)

    def tune_in_background(self):
        """The command, once a setting is being tried that the usual process does not have."""
        tuning = subprocess.Popen(
            [TIDEGATE, "tune", "starter"],
            env={**self.gate.env, "TIDEGATE_HOST": f"{self.gate.host}:{self.gate.port}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(tuning.kill)

        def trying():
            pid = self.gate.get("/tidegate/ps").json["models"][0]["pid"]
            try:
                words = command_line(pid) if pid else []
            except FileNotFoundError:
                return False
            return "--ubatch-size" in words or "--flash-attn" in words

        eventually(trying, "a trial runs", timeout_s=PATIENCE_S * 4)
        return tuning

    def usual_again(self, gate):
        def usual():
            if gate.chat("local/starter", max_tokens=4).status != 200:
                return False
            pid = gate.get("/tidegate/ps").json["models"][0]["pid"]
            if not pid or not alive(pid):
                return False
            words = command_line(pid)
            return words[0] and "--ubatch-size" not in words and "--flash-attn" not in words

        eventually(usual, "the model runs with the usual settings", timeout_s=PATIENCE_S * 2)

    def test_others_are_served_while_a_model_is_tuned_and_a_second_measurement_waits(self):
        statuses = []

        def ask():
            for _ in range(20):
                statuses.append(self.gate.chat("local/starter", max_tokens=4).status)

        tuning = self.tune_in_background()
        asking = threading.Thread(target=ask)
        asking.start()
        second = self.cli("bench", "starter", "--quick")
        self.assertEqual(second.returncode, 75, second.stderr)
        self.assertIn("being measured already", second.stderr)
        asking.join()
        self.assertEqual(statuses, [200] * 20)
        tuning.send_signal(signal.SIGINT)
        tuning.communicate(timeout=PATIENCE_S * 2)
        self.usual_again(self.gate)
        self.assertEqual(self.profiles(), b"", "what was only tried was kept")

    def test_a_gate_that_is_killed_during_a_trial_comes_back_with_the_old_settings(self):
        kept = self.cli("bench", "starter", "--quick")
        self.assertEqual(kept.returncode, 0, kept.stderr)
        before = self.profiles()
        self.assertNotEqual(before, b"")
        tuning = self.tune_in_background()
        self.gate.program.kill()
        tuning.communicate(timeout=PATIENCE_S * 2)
        self.assertEqual(self.profiles(), before)
        self.usual_again(self.start())


if __name__ == "__main__":
    unittest.main()
