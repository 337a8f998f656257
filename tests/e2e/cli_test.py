#!/usr/bin/env python3
"""The command line as a person and as a script use it: against a running gate, and alone."""

import json
import os
import pathlib
import pty
import shutil
import subprocess
import unittest

from harness import CLOUD, EMULATOR, LOCAL, PATIENCE_S, STARTER, TIDEGATE, Emulator, Gate
from harness import GateTest, Home, cloud_provider, engine_path, run_tidegate

EXIT_FAILURE, EXIT_USAGE, EXIT_NO_INPUT, EXIT_UNAVAILABLE = 1, 64, 66, 69
ESCAPE = b"\x1b["
COMMANDS = [
    "ask", "run", "launch", "pull", "push", "list", "show", "create", "cp", "rm", "stop", "verify",
    "import", "export", "bench", "tune", "models", "ps", "spend", "explain", "serve", "doctor",
    "config check", "engine status", "engine install", "completions", "demo", "version",
]  # fmt: skip


class AgainstAGate(GateTest):
    def run_ok(self, *words, **options):
        done = self.gate.run(*words, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode()

    def run_json(self, *words, **options):
        return json.loads(self.run_ok(*words, "--json", **options))

    def test_models_lists_every_model_with_its_place(self):
        text = self.run_ok("models")
        for word in (LOCAL, CLOUD, "device", "cloud", "(emulated)"):
            self.assertIn(word, text)
        models = {model["id"]: model for model in self.run_json("models")["models"]}
        self.assertEqual(models[LOCAL]["place"], "device")
        self.assertEqual(models[CLOUD]["prices"]["output_nanodollars_per_mtok"], 10_007_000_000)

    def test_ask_answers_and_json_says_where_and_for_how_much(self):
        text = self.run_ok("ask", "--model", LOCAL, "What is the capital of France?")
        self.assertIn("Paris", text)
        answer = self.run_json("ask", "--model", CLOUD, "Say", "hello.")
        self.assertTrue(answer["complete"])
        self.assertTrue(answer["text"].startswith("[emulated swift]"))
        self.assertEqual((answer["model"], answer["place"]), (CLOUD, "cloud"))
        self.assertEqual(answer["cost_nanodollars"], self.emulator.bill()["nanodollars"])

    def test_ask_with_privacy_never_leaves(self):
        answer = self.run_json("ask", "--privacy", "local", "--model", "auto:best", "Say hello.")
        self.assertEqual((answer["place"], answer["egress"]), ("device", "none"))
        self.assert_nothing_left()

    def test_a_dry_run_shows_the_plan_and_sends_nothing(self):
        text = self.run_ok("ask", "--dry-run", "--model", CLOUD, "Why is the sky blue?")
        self.assertIn("Nothing was sent.", text)
        self.assertIn(CLOUD, text)
        plan = self.run_json("ask", "--dry-run", "Why is the sky blue?")
        self.assertTrue(plan["dry_run"])
        self.assert_nothing_left()

    def test_a_dry_run_of_the_impossible_says_why(self):
        done = self.gate.run("ask", "--dry-run", "--model", CLOUD, "--privacy", "local", "x")
        self.assertEqual(done.returncode, EXIT_UNAVAILABLE)
        self.assertIn(b"privacy", done.stdout + done.stderr)
        self.assert_nothing_left()

    def test_run_takes_a_prompt_or_a_pipe_or_both(self):
        self.assertIn("Paris", self.run_ok("run", LOCAL, "What is the capital of France?"))
        self.assertIn("Paris", self.run_ok("run", LOCAL, input=b"What is the capital of France?\n"))
        self.run_ok("run", CLOUD, "Review this:", input=b"int main() {}\n")
        [entry] = self.emulator.chats()
        content = json.loads(entry["body"])["messages"][0]["content"]
        self.assertEqual(content, "Review this:\n\nint main() {}")

    def test_explain_tells_the_last_and_any_other(self):
        first = self.run_json("ask", "--model", LOCAL, "Say hello.")
        self.run_ok("ask", "--model", CLOUD, "Say hello.")
        text = self.run_ok("explain")
        self.assertIn("It ran in the cloud", text)
        self.assertIn("The prompt left this machine as it was.", text)
        self.assertEqual(text, self.run_ok("explain", "last"))
        text = self.run_ok("explain", first["decision"])
        self.assertIn("It ran on this device", text)
        self.assertIn("Nothing left this machine.", text)
        self.assertEqual(self.run_json("explain", first["decision"])["id"], first["decision"])
        unknown = self.gate.run("explain", "0" * 26)
        self.assertEqual(unknown.returncode, EXIT_NO_INPUT)
        self.assertIn(b"no decision", unknown.stderr)

    def test_ps_and_spend_show_what_ran_and_what_it_cost(self):
        self.run_ok("ask", "--model", LOCAL, "Say hello.")
        self.run_ok("ask", "--model", CLOUD, "Say hello.")
        self.assertIn("tidegate-starter", self.run_ok("ps"))
        [model] = self.run_json("ps", "--wide")["models"]
        self.assertEqual(model["state"], "ready")
        self.assertIn("tidegate-starter", self.run_ok("ps", "--wide"))
        self.assertIn("tidegate-starter", self.run_ok("list"))
        self.assertNotIn(CLOUD, self.run_ok("list"))
        self.assertIn("quantization", self.run_ok("show", LOCAL))
        total = self.gate.spend()["total"]
        self.assertEqual(self.run_json("spend")["total"], total)
        text = self.run_ok("spend", "--by", "place")
        self.assertIn("cloud", text)
        self.assertIn("total", text)

    def test_an_unknown_model_ends_with_its_own_exit_code(self):
        for words in (("run", "cloud/swfit", "x"), ("ask", "--model", "cloud/swfit", "x")):
            done = self.gate.run(*words)
            self.assertEqual(done.returncode, EXIT_NO_INPUT)
            self.assertIn(b"cloud/swift", done.stderr)
            self.assertEqual(done.stdout, b"")
            done = self.gate.run(*words, "--json")
            self.assertEqual(json.loads(done.stderr)["error"]["exit_code"], EXIT_NO_INPUT)

    def test_an_answer_that_is_cut_is_not_a_success(self):
        self.emulator.faults("cut_after=5")
        done = self.gate.run("run", CLOUD, "Say hello.")
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(done.stderr)

    def test_colour_is_for_terminals_that_want_it(self):
        self.assertNotIn(ESCAPE, self.gate.run("models").stdout)
        self.assertIn(ESCAPE, self.gate.run("models", "--color", "always").stdout)
        terminal = {"TERM": "xterm-256color"}
        self.assertIn(ESCAPE, self.at_a_terminal("models", env=terminal))
        self.assertNotIn(ESCAPE, self.at_a_terminal("models", env={**terminal, "NO_COLOR": "1"}))
        self.assertNotIn(ESCAPE, self.at_a_terminal("models", env={"TERM": "dumb"}))

    def at_a_terminal(self, *words, env):
        ours, theirs = pty.openpty()
        with self.subTest(env=env), open(ours, "rb", buffering=0) as terminal:
            done = subprocess.Popen(
                [TIDEGATE, *words],
                env={**self.gate.env, "TIDEGATE_HOST": f"127.0.0.1:{self.gate.port}", **env},
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
            )
            os.close(theirs)
            output = b""
            try:
                while data := terminal.read(65536):
                    output += data
            except OSError:
                pass  # how a terminal says that the other side is closed
            self.assertEqual(done.wait(PATIENCE_S), 0, output)
            return output


class Alone(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.env = self.home.environment()

    def run_words(self, *words, **options):
        return run_tidegate(*words, env={**self.env, **options.pop("env", {})}, **options)

    def test_help_lists_every_command_and_each_has_its_page(self):
        done = self.run_words("--help")
        self.assertEqual(done.returncode, 0)
        for command in COMMANDS:
            self.assertIn(command.encode(), done.stdout)
            page = self.run_words(*command.split(), "--help")
            self.assertEqual(page.returncode, 0, command)
            self.assertIn(b"Usage\n  tidegate " + command.encode(), page.stdout)

    def test_a_wrong_command_line_is_a_usage_error_with_advice(self):
        for words, advice in (
            ((), b"tidegate"),
            (("modles",), b"did you mean 'models'"),
            (("models", "--jsno"), b"did you mean '--json'"),
            (("ask", "--privacy", "secret", "x"), b"open, masked, attested, local"),
            (("ask",), b"ask what"),
            (("completions", "tcsh"), b"bash, zsh, fish"),
        ):
            done = self.run_words(*words)
            self.assertEqual(done.returncode, EXIT_USAGE, words)
            self.assertIn(advice, done.stderr)
            self.assertEqual(done.stdout, b"")

    def test_version_is_said_in_words_and_in_json(self):
        words = self.run_words("version").stdout.decode().split()
        self.assertEqual(words[0], "tidegate")
        version = json.loads(self.run_words("version", "--json").stdout)["version"]
        self.assertEqual(words[1], version)
        self.assertRegex(version, r"^\d+\.\d+\.\d+")

    def test_completions_are_scripts_that_their_shell_can_read(self):
        for shell in ("bash", "zsh", "fish"):
            done = self.run_words("completions", shell)
            self.assertEqual(done.returncode, 0)
            self.assertIn(b"tidegate", done.stdout)
            self.assertIn(b"dry-run", done.stdout)
        script = self.run_words("completions", "bash").stdout
        subprocess.run(["bash", "-n"], input=script, check=True)

    def test_without_a_gate_looking_fails_with_the_remedy(self):
        for words in (("models",), ("ps",), ("spend",), ("explain",)):
            done = self.run_words(*words, "--host", "127.0.0.1:1")
            self.assertEqual(done.returncode, EXIT_UNAVAILABLE, done.stderr)
            self.assertIn(b"tidegate serve", done.stderr)

    def test_config_check_is_content_without_a_file(self):
        done = self.run_words("config", "check")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(b"all defaults", done.stdout)
        report = json.loads(self.run_words("config", "check", "--explain", "--json").stdout)
        self.assertEqual((report["found"], report["problems"]), (False, 0))
        sources = {entry["setting"]: entry["source"] for entry in report["settings"]}
        self.assertEqual(sources["listen"], "default")
        path = self.home.write("config/tidegate/config.toml", "drain_s = 7\n")
        report = json.loads(self.run_words("config", "check", "--json").stdout)
        [drain] = [entry for entry in report["settings"] if entry["setting"] == "drain_s"]
        self.assertEqual((drain["value"], drain["source"]), ("7", path + ":1"))

    def test_doctor_says_what_is_there_and_fails_when_something_is_wrong(self):
        self.home.write("config/tidegate/config.toml", f'[engine]\npath = "{engine_path()}"\n')
        report = json.loads(self.run_words("doctor", "--json").stdout)
        states = {check["name"]: check["state"] for check in report["checks"]}
        self.assertEqual(states["engine"], "ok")
        self.assertEqual(states["state folder"], "ok")
        self.assertIn(states["sandbox"], ("ok", "warn"))
        for check in report["checks"]:
            self.assertTrue(check["state"] == "ok" or check["fix"], check)
        self.home.write("config/tidegate/config.toml", "nonsense = 1\n")
        done = self.run_words("doctor")
        self.assertEqual(done.returncode, EXIT_FAILURE)
        self.assertIn(b"nonsense", done.stdout)
        self.assertIn(b"fix:", done.stdout)

    def test_engine_status_finds_the_engine_or_says_how_to_get_one(self):
        folder = os.path.dirname(engine_path())
        found = self.run_words(
            "engine", "status", "--json", env={"PATH": f"{folder}:{os.environ['PATH']}"}
        )
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertEqual(json.loads(found.stdout)["path"], engine_path())
        missing = self.run_words("engine", "status", env={"PATH": "/nowhere"})
        self.assertEqual(missing.returncode, EXIT_UNAVAILABLE)
        self.assertIn(b"tidegate engine install", missing.stdout)

    def test_run_without_a_gate_starts_one_for_as_long_as_it_lasts(self):
        emulator = Emulator()
        self.addCleanup(emulator.close)
        self.home.write(
            "config/tidegate/config.toml", "[engine]\nenabled = false\n" + cloud_provider(emulator)
        )
        done = self.run_words("run", CLOUD, "Say hello.")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith(b"[emulated swift]"), done.stdout)
        gate = Gate(cloud_provider(emulator), local=False, home=self.home)  # the books are free
        self.addCleanup(gate.close)
        self.assertEqual(gate.spent_nanodollars(), emulator.bill()["nanodollars"])

    def install(self):
        """Copies the program, the emulator and the model to where an installation has them."""
        folder = pathlib.Path(self.home.path, "prefix")
        models = folder / "share/tidegate/models"
        models.mkdir(parents=True)
        (folder / "bin").mkdir()
        shutil.copy2(STARTER, models)
        shutil.copy2(EMULATOR, folder / "bin")
        return shutil.copy2(TIDEGATE, folder / "bin")

    def test_the_demo_shows_four_steps_with_a_place_each(self):
        folder = os.path.dirname(engine_path())
        done = subprocess.run(
            [self.install(), "demo"],
            env={**self.env, "PATH": f"{folder}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S * 2,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        output = done.stdout.decode()
        places = []
        for number in range(1, 5):
            self.assertIn(f"\n{number}. ", output)
            step = output.split(f"\n{number}. ")[1].split(f"\n{number + 1}. ")[0]
            places.append("cloud" if "It ran in the cloud" in step else "device")
            self.assertTrue("It ran in the cloud" in step or "It ran on this device" in step, step)
        self.assertEqual(places, ["device", "cloud", "device", "device"], output)


if __name__ == "__main__":
    unittest.main()
