#!/usr/bin/env python3
"""A long conversation with a local model goes on after its process, and after the gate itself."""

import os
import pathlib
import shutil
import sys
import unittest

from harness import LOCAL, SOURCE_DIR, STARTER, Gate, Home, eventually

sys.path.append(str(SOURCE_DIR / "bench"))
import sized_model  # noqa: E402  its model has the vocabulary of the one that ships

CANARY = "canary-tide-5d1f"
MODEL = "tidegate-starter"
# About 900 tokens.
LONG = " ".join(f"{CANARY if i == 7 else 'word'}{i} the tide is high." for i in range(80))


class AConversation(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)

    def gate(self, engine_settings="", models=(STARTER,)):
        gate = Gate(home=self.home, engine_settings="slots = 2\n" + engine_settings, models=models)
        self.addCleanup(gate.close)
        return gate

    def unload(self, gate):
        answer = gate.request("POST", "/api/generate", {"model": MODEL, "keep_alive": 0})
        self.assertEqual(answer.status, 200, answer.body)
        eventually(lambda: gate.engine_model()["state"] == "absent", "the model is unloaded")

    def turn(self, gate, question, **more):
        """Tokens of the prompt, and how many of those need not be read again."""
        answer = gate.chat(LOCAL, prompt=f"{LONG} {question}", max_tokens=4, **more)
        self.assertEqual(answer.status, 200, answer.body)
        usage = answer.json["usage"]
        return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]

    def assert_cold(self, turn):
        prompt, cached = turn
        self.assertGreater(prompt, 600)
        self.assertLess(cached, prompt / 4)

    def assert_mostly_cached(self, turn):
        prompt, cached = turn
        self.assertGreater(prompt, 600)
        self.assertGreater(cached, prompt * 0.9)

    def kept(self):
        folder = pathlib.Path(self.home.state, "slots")
        return sorted(folder.glob("*")) if folder.exists() else []

    def test_survives_unloading_and_a_restart_of_the_gate(self):
        gate = self.gate()
        self.assert_cold(self.turn(gate, "And now?"))
        self.unload(gate)
        self.assert_mostly_cached(self.turn(gate, "And then?"))
        self.assertEqual(gate.stop(), 0)
        again = self.gate()
        self.assert_mostly_cached(self.turn(again, "And at last?"))
        self.assertEqual(again.stop(), 0)
        self.assertEqual(len(self.kept()), 1)
        for path in [*self.kept(), *pathlib.Path(self.home.state).glob("*")]:
            if path.is_file():
                self.assertNotIn(CANARY.encode(), path.read_bytes(), path)
        for output in (gate.program.output, again.program.output):
            self.assertNotIn(CANARY, output)

    def test_outlives_more_others_than_there_are_slots(self):
        gate = self.gate()
        talks = {}

        def talk(gate, topic, question):
            """The next turn of a conversation of its own."""
            words = " ".join(f"{topic}{i} the tide is high." for i in range(80))
            messages = talks.setdefault(topic, [{"role": "user", "content": words}])
            body = {"model": LOCAL, "max_tokens": 4,
                    "messages": [*messages, {"role": "user", "content": question}]}  # fmt: skip
            answer = gate.request("POST", "/v1/chat/completions", body)
            self.assertEqual(answer.status, 200, answer.body)
            messages += [{"role": "user", "content": question},
                         answer.json["choices"][0]["message"]]  # fmt: skip
            usage = answer.json["usage"]
            return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]

        self.assert_cold(talk(gate, "alpha", "And now?"))
        self.assert_mostly_cached(talk(gate, "alpha", "And then?"))
        for other in ("beta", "gamma", "delta"):
            talk(gate, other, "And now?")
        self.assert_mostly_cached(talk(gate, "alpha", "And at last?"))
        for other in ("epsilon", "zeta", "eta"):
            talk(gate, other, "And now?")
        self.assertEqual(gate.stop(), 0)
        again = self.gate()
        self.assert_mostly_cached(talk(again, "alpha", "And in the end?"))

    def test_that_is_too_large_to_be_kept_is_named_with_the_setting(self):
        gate = self.gate('conversation_mib = 1\ncache_type_k = "f32"\ncache_type_v = "f32"')
        long = " ".join(f"word{i} the tide is high." for i in range(180))
        answer = gate.chat(LOCAL, prompt=long, max_tokens=4)
        self.assertEqual(answer.status, 200, answer.body)
        self.unload(gate)
        gate.program.wait_for_line(r"is not kept: .*engine.conversation_mib")
        self.assertEqual(self.kept(), [])

    def test_of_which_nothing_may_be_kept_does_not(self):
        gate = self.gate()
        self.turn(gate, "And now?", tidegate={"retention": "zdr"})
        self.unload(gate)
        self.assertEqual(self.kept(), [])
        self.turn(gate, "And now?", tidegate={"cache": "off"})
        self.assertEqual(gate.stop(), 0)
        self.assertEqual(self.kept(), [])
        off = self.gate("conversation_mib = 0")
        self.turn(off, "And now?")
        self.assertEqual(off.stop(), 0)
        self.assertEqual(self.kept(), [])
        self.assert_cold(self.turn(self.gate("conversation_mib = 0"), "And then?"))

    def test_that_was_changed_on_the_disk_is_not_believed(self):
        gate = self.gate()
        self.turn(gate, "And now?")
        self.assertEqual(gate.stop(), 0)
        [path] = self.kept()
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        again = self.gate()
        self.assert_cold(self.turn(again, "And then?"))
        self.assertFalse(os.path.exists(path))
        again.program.wait_for_line(r"kept conversation .* was removed")

    def test_is_cached_in_the_words_of_every_protocol(self):
        gate = self.gate()
        self.turn(gate, "And now?")
        text = f"{LONG} And then?"
        answers = {
            "/v1/responses": ({"input": text}, "usage", "input_tokens_details", "cached_tokens"),
            "/v1/messages": (
                {"messages": [{"role": "user", "content": text}], "max_tokens": 4},
                "usage",
                "cache_read_input_tokens",
            ),
            f"/v1beta/models/{MODEL}:generateContent": (
                {"contents": [{"role": "user", "parts": [{"text": text}]}]},
                "usageMetadata",
                "cachedContentTokenCount",
            ),
        }
        for path, (body, *members) in answers.items():
            answer = gate.request("POST", path, {"model": LOCAL, **body})
            self.assertEqual(answer.status, 200, answer.body)
            value = answer.json
            for member in members:
                value = value[member]
            self.assertGreater(value, 600, path)


class GuessingAhead(unittest.TestCase):
    def test_a_draft_beside_the_model_is_used_and_what_was_right_is_shown(self):
        home = Home()
        self.addCleanup(home.remove)
        models = pathlib.Path(home.path, "data/tidegate/models")
        models.mkdir(parents=True)
        shutil.copy(STARTER, models / "tide.gguf")
        shutil.copy(STARTER, models / "mtp-tide.gguf")
        gate = Gate(home=home, models=())
        self.addCleanup(gate.close)
        answer = gate.chat("local/tide", prompt="Tell me of the tide.", max_tokens=64)
        self.assertEqual(answer.status, 200, answer.body)
        usage = gate.decision_of(answer)["attempts"][0]["usage"]
        self.assertGreater(usage["draft_tokens"], 0)
        self.assertGreater(usage["draft_accepted_tokens"], 0)
        model = eventually(
            lambda: next((m for m in gate.get("/tidegate/ps").json["models"]
                          if m["drafted_tokens"] > 0), None),
            "the guesses are counted",
        )  # fmt: skip
        self.assertEqual(model["speculation"], "draft-simple")
        self.assertEqual(model["drafted_tokens"], usage["draft_tokens"])
        self.assertEqual(model["draft_accepted_tokens"], usage["draft_accepted_tokens"])
        self.assertIn(b"draft", gate.run("ps", "--wide").stdout.lower())

    def answers_with(self, gate, model, draft):
        answer = gate.chat(f"local/{model}", prompt="Tell me of the tide.", max_tokens=8)
        self.assertEqual(answer.status, 200, answer.body)
        listed = gate.get("/tidegate/ps").json["models"]
        [found] = [m for m in listed if m["model"].removesuffix(":latest") == model]
        self.assertEqual(found["speculation"], "draft-simple" if draft else "")
        self.assertEqual(found["speculation_note"], f"guessed ahead by {draft}" if draft else "")
        self.assertIn(found["speculation_note"].encode(), gate.run("ps", "--wide").stdout)

    def test_a_small_model_of_the_same_vocabulary_guesses_for_a_large_one(self):
        home = Home()
        self.addCleanup(home.remove)
        models = pathlib.Path(home.path, "data/tidegate/models")
        models.mkdir(parents=True)
        sized_model.write(models / "sized.gguf")
        gate = Gate(home=home, models=())
        self.addCleanup(gate.close)
        self.answers_with(gate, "sized", "tidegate-starter.gguf")
        gate.close()
        off = Gate(home=home, models=(), engine_settings='speculation = "off"')
        self.addCleanup(off.close)
        self.answers_with(off, "sized", None)

    def test_a_recipe_may_name_a_model_as_the_draft(self):
        home = Home()
        self.addCleanup(home.remove)
        models = pathlib.Path(home.path, "data/tidegate/models")
        models.mkdir(parents=True)
        for name in ("tide", "small"):
            shutil.copy(STARTER, models / f"{name}.gguf")
        recipe = pathlib.Path(home.path, "Modelfile")
        gate = Gate(home=home, models=())
        self.addCleanup(gate.close)
        recipe.write_text("FROM tide\nDRAFT nobody\n")
        refused = gate.run("create", "guided", "-f", str(recipe))
        self.assertEqual(refused.returncode, 66, refused.stderr)
        self.assertIn(b"nobody", refused.stderr)
        recipe.write_text("FROM tide\nDRAFT small\n")
        made = gate.run("create", "guided", "-f", str(recipe))
        self.assertEqual(made.returncode, 0, made.stderr)
        answer = gate.chat("local/guided", prompt="Tell me of the tide.", max_tokens=8)
        self.assertEqual(answer.status, 200, answer.body)
        [guided] = [m for m in gate.get("/tidegate/ps").json["models"]
                    if m["model"].startswith("guided")]  # fmt: skip
        self.assertEqual(guided["speculation"], "draft-simple")


if __name__ == "__main__":
    unittest.main()
