#!/usr/bin/env python3
"""The whole story of a local model as a newcomer lives it: the program alone, which starts its own
gate, a registry on loopback, the real engine and a terminal. Nothing is played."""

import json
import pathlib
import re
import signal
import unittest

from harness import STARTER, TIDEGATE, Gate, Home, Program, engine_path, free_port, run_tidegate
from registry import Registry
from terminal import Terminal

PROMPT = b">>> "
LAST_FIGURE = b"decision:"  # of --verbose


class Newcomer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.addClassCleanup(cls.home.remove)
        cls.registry = Registry()
        cls.addClassCleanup(cls.registry.close)
        cls.registry.publish(
            "tiny",
            pathlib.Path(STARTER).read_bytes(),
            system=b"Be brief.",
            params=json.dumps({"num_predict": 6, "stop": ["zz"]}).encode(),
            license=b"Free as the sea",
        )
        cls.model = f"{cls.registry.host}/library/tiny"
        host = json.dumps([cls.registry.host])
        cls.home.write(
            "config/tidegate/config.toml",
            f'listen = ["127.0.0.1:{free_port()}"]\n'
            f'[engine]\npath = "{engine_path()}"\nthreads = 1\n'
            f"[models]\nregistries = {host}\ninsecure_registries = {host}\n",
        )
        cls.env = cls.home.environment(TERM="xterm-256color", COLUMNS="100")

    def run_words(self, *words, code=0, **options):
        done = run_tidegate(*words, env=self.env, **options)
        self.assertEqual(done.returncode, code, (done.stdout, done.stderr))
        return done.stdout.decode()

    def terminal(self, *words):
        terminal = Terminal(*words, env=self.env)
        self.addCleanup(terminal.close)
        return terminal

    def say(self, terminal, line, answer):
        """What stands between the line and the next prompt. `answer` stands there and not in the
        line, which the terminal shows as it is typed."""
        self.assertNotIn(answer, line.encode())
        terminal.type(line + "\r")
        shown = terminal.wait_for(answer) + terminal.wait_for(PROMPT)
        return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown)

    def test_1_before_there_is_a_model_the_test_model_answers_and_the_doctor_says_so(self):
        self.assertIn("tidegate-starter", self.run_words("list"))
        self.assertTrue(self.run_words("run", "auto", "Hello").strip())
        self.assertIn("tidegate pull", self.run_words("doctor"))

    def test_2_a_name_that_is_not_here_is_pulled_and_answers(self):
        done = run_tidegate("run", self.model, "Hello", env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.strip(), "an answer")
        self.assertIn(b"pulling", done.stderr)
        again = run_tidegate("run", self.model, "Hello", env=self.env)
        self.assertNotIn(b"pulling", again.stderr)
        self.assertIn("tiny", self.run_words("list"))

    def test_3_it_says_what_it_is(self):
        self.run_words("pull", self.model)
        shown = self.run_words("show", self.model)
        self.assertIn(f"http://{self.registry.host}/v2/library/tiny/manifests/latest", shown)
        known = json.loads(self.run_words("show", self.model, "--json"))["tidegate"]["provenance"]
        self.assertRegex(known["digest"], "^sha256:[0-9a-f]{64}$")
        self.assertRegex(known["time"], "^20..-..-..T")
        self.assertTrue(known["license"])
        for word in ("llama", "2048", "Be brief.", "Free as the sea", "num_predict"):
            self.assertIn(word, shown)
        self.assertEqual(self.run_words("show", self.model, "--system").strip(), "Be brief.")
        self.assertEqual(self.run_words("show", self.model, "--license").strip(), "Free as the sea")
        self.assertRegex(self.run_words("show", self.model, "--parameters"), r"num_predict +6")
        self.assertIn("im_start", self.run_words("show", self.model, "--template"))
        recipe = self.run_words("show", self.model, "--modelfile")
        self.assertRegex(recipe, r"(?m)^FROM ")
        self.assertRegex(recipe, r"(?m)^PARAMETER num_predict 6$")

    def test_4_a_conversation_changes_the_model_and_keeps_it(self):
        self.run_words("pull", self.model)
        terminal = self.terminal("run", self.model)
        terminal.wait_for(PROMPT)
        self.say(terminal, "/set parameter num_predict 3", b"Set parameter 'num_predict' to 3")
        self.say(terminal, "/set verbose", b"Set 'verbose' mode.")
        self.assertRegex(self.say(terminal, "Hello", LAST_FIGURE), rb"eval count: +3 ")
        terminal.type('/set system """Speak\r')
        terminal.wait_for(b"... ")
        self.say(terminal, 'of the sea."""', b"Set system message.")
        self.say(terminal, "/show system", b"of the sea.")
        self.assertRegex(self.say(terminal, "/show parameters", b"num_predict"), rb"num_predict +3")
        self.say(terminal, "/show info", b"llama")
        self.say(terminal, "/show license", b"Free as the sea")
        terminal.type('"""two\r')
        terminal.wait_for(b"... ")
        self.say(terminal, 'lines"""', LAST_FIGURE)
        self.say(terminal, "/save mine", b"Created new model 'mine'")
        self.say(terminal, "/list", b"tidegate-starter")
        # What was set for one model is not carried over to the next: "mine" has its own.
        self.say(terminal, "/set system Be another.", b"Set system message.")
        self.say(terminal, "/set parameter num_predict 5", b"Set parameter 'num_predict' to 5")
        self.say(terminal, "/load mine", b"Chatting with mine")
        self.say(terminal, "/show system", b"of the sea.")
        shown = self.say(terminal, "/show parameters", b"num_predict")
        self.assertRegex(shown, rb"num_predict +3")
        self.assertNotIn(b"User defined", shown)
        self.assertRegex(self.say(terminal, "Hello", LAST_FIGURE), rb"eval count: +3 ")
        self.say(terminal, "/clear", b"Cleared session context")
        terminal.type("/bye\r")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(self.run_words("show", "mine", "--system").strip(), "Speak\nof the sea.")
        self.run_words("rm", "mine")
        self.assertNotIn("mine", self.run_words("list"))

    def test_5_a_recipe_becomes_a_model(self):
        self.run_words("pull", self.model)
        recipe = self.home.write(
            "Modelfile", f"FROM {self.model}\nSYSTEM You are a pirate.\nPARAMETER num_predict 2\n"
        )
        self.run_words("create", "pirate", "-f", str(recipe))
        answer = json.loads(self.run_words("run", "pirate", "Hello", "--json"))
        self.assertEqual(answer["output_tokens"], 2)
        self.run_words("cp", "pirate", "ann/pirate:v2")
        self.run_words("rm", "pirate")
        self.assertTrue(self.run_words("run", "ann/pirate:v2", "Hello").strip())
        self.run_words("rm", "ann/pirate:v2")

    def test_6_a_slip_is_answered_with_what_helps(self):
        self.run_words("pull", self.model)
        done = run_tidegate("run", f"{self.registry.host}/library/absent", "Hello", env=self.env)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr.decode(), r"absent")
        done = run_tidegate("show", "absent", env=self.env)
        self.assertEqual(done.returncode, 66, done.stderr)
        terminal = self.terminal("run", self.model, "--verbose")
        terminal.wait_for(PROMPT)
        self.say(terminal, "/set parameter temperature warm", b"number")
        self.say(terminal, "/load absent", b"not found")
        self.say(terminal, "/nosuch", b"/?")
        self.say(terminal, "Hello", LAST_FIGURE)
        terminal.type("\x04")
        self.assertEqual(terminal.end(), 0)

    def test_7_a_name_that_leaves_the_choice_to_the_gate_is_no_models(self):
        self.run_words("pull", self.model)
        recipe = self.home.write("Autofile", f"FROM {self.model}\n")
        for words in (
            ("create", "auto", "-f", str(recipe)),
            ("create", "auto:private", "-f", str(recipe)),
            ("cp", self.model, "auto:fast"),
        ):
            done = run_tidegate(*words, env=self.env)
            self.assertNotEqual(done.returncode, 0, words)
            self.assertIn(b"choose another name", done.stderr, words)
        gate = Program([TIDEGATE, "serve"], self.env)
        self.addCleanup(gate.kill)
        gate.wait_for_line(r"listens on")
        self.assertTrue(self.run_words("run", self.model, "Hello").strip())
        self.assertIn(self.model, self.run_words("ps"))
        for verb in ("stop", "rm"):
            done = run_tidegate(verb, "auto", env=self.env)
            self.assertEqual(done.returncode, 66, done.stderr)
        self.assertIn(self.model, self.run_words("ps"), "it is still there")
        self.run_words("stop", self.model)
        self.assertNotIn(self.model, self.run_words("ps"))
        gate.signal(signal.SIGTERM)
        self.assertEqual(gate.wait(), 0)

    def test_8_a_template_is_used_and_one_that_cannot_be_is_kept_and_said_to_be(self):
        self.run_words("pull", self.model)

        def create(text):
            recipe = self.home.write(
                "Templatefile", f'FROM {self.model}\nTEMPLATE """{text}"""\n'
            )
            return run_tidegate("create", "templated", "-f", str(recipe), env=self.env)

        done = create("Say: {{ .Prompt }}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(b"no effect", done.stdout + done.stderr)
        self.assertNotIn("chat template", self.run_words("show", "templated"))
        self.assertEqual(
            self.run_words("show", "templated", "--template").strip(), "Say: {{ .Prompt }}"
        )
        broken = create("{{ if .Prompt }}")
        self.assertNotEqual(broken.returncode, 0)
        self.assertIn(b"template: line 1: an {{ end }} is missing", broken.stderr)
        done = create("{{ .Prompt }}{{ .Weather }}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(
            b"keeping the template, which has no effect: it uses .Weather, which is not known here",
            done.stdout + done.stderr,
        )
        shown = self.run_words("show", "templated")
        self.assertRegex(shown, r"chat template +kept and of no effect: it uses \.Weather")
        self.assertRegex(shown, rf"made from +{re.escape(self.model)}:latest")
        self.run_words("rm", "templated")

    def test_9_what_a_recipe_is_made_from_is_pulled(self):
        if self.model in self.run_words("list"):
            self.run_words("rm", self.model)
        recipe = self.home.write("Fromfile", f"FROM {self.model}\nSYSTEM Ahoy.\n")
        self.run_words("create", "from-afar", "-f", str(recipe))
        self.assertIn(self.model, self.run_words("list"))
        self.assertEqual(self.run_words("show", "from-afar", "--system").strip(), "Ahoy.")
        self.run_words("rm", "from-afar")


class WithoutAnEngine(unittest.TestCase):
    def test_what_wants_models_is_told_that_the_engine_is_off_and_where(self):
        gate = Gate(local=False)
        self.addCleanup(gate.close)
        env = {**gate.env, "TIDEGATE_HOST": f"http://127.0.0.1:{gate.port}"}
        pulled = run_tidegate("pull", "llama3.2", env=env)
        self.assertNotEqual(pulled.returncode, 0)
        self.assertIn(b"engine.enabled is false in " + str(gate.config).encode(), pulled.stderr)
        asked = run_tidegate("run", "auto", "Hello", env=env)
        self.assertNotEqual(asked.returncode, 0)
        self.assertIn(b"engine.enabled = true", asked.stderr)
        self.assertNotIn(b"tidegate pull", asked.stderr)


if __name__ == "__main__":
    unittest.main()
