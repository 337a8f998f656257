#!/usr/bin/env python3
"""How much a request to a local model may hold, and what a model takes of the machine."""

import glob
import hashlib
import json
import os
import unittest

from chats import CHATS
from harness import Emulator, Gate, Home, cloud_provider, engine_path, eventually

LOCAL = "local/tidegate-starter"
TRAINED = 2048  # what the starter model was made for
SMALL = "context_tokens = 512\nslots = 2"

# llama-server with two graphics devices, of which it uses the first: what it prints then.
WITH_DEVICES = """#!/bin/sh
case "$*" in
*--list-devices*)
  echo 'ggml_cuda_init: found 2 CUDA devices:'
  echo 'Available devices:'
  echo '  CUDA0: NVIDIA Made Up (24135 MiB, 23678 MiB free)'
  echo '  CUDA1: NVIDIA Made Up (24135 MiB, 23678 MiB free)'
  exit 0 ;;
esac
echo 'load_tensors:        CUDA0 model buffer size =     5.01 MiB'
exec {engine} "$@"
"""


class LargerWindows(unittest.TestCase):
    def setUp(self):
        self.gate = Gate(engine_settings=SMALL)
        self.addCleanup(self.gate.close)

    def status(self):
        (model,) = self.gate.get("/tidegate/ps").json["models"]
        return model

    def ollama(self, **options):
        body = {
            "model": LOCAL,
            "messages": [{"role": "user", "content": "Say hello."}],
            "stream": False,
            "options": {"num_predict": 4, **options},
        }
        return self.gate.request("POST", "/api/chat", body)

    def require(self, tokens, **fields):
        constraints = {"require_context_tokens": tokens}
        return self.gate.chat(LOCAL, max_tokens=4, tidegate=constraints, **fields)

    def test_num_ctx_loads_the_model_with_that_window_and_it_stays(self):
        self.assertEqual(self.ollama().status, 200)
        small = self.status()
        self.assertEqual((small["context_tokens"], small["slots"]), (512, 2))
        self.assertEqual(self.ollama(num_ctx=512).status, 200)
        self.assertEqual(self.status()["pid"], small["pid"])
        self.assertEqual(self.ollama(num_ctx=1500).status, 200)
        large = self.status()
        self.assertEqual(large["context_tokens"], TRAINED)
        self.assertNotEqual(large["pid"], small["pid"])
        (loaded,) = self.gate.get("/api/ps").json["models"]
        self.assertEqual(loaded["context_length"], TRAINED)
        self.assertEqual(self.ollama(num_ctx=256).status, 200)
        self.assertEqual(self.status()["pid"], large["pid"])

    def test_so_does_a_window_that_is_required_in_whatever_protocol(self):
        for path, body in CHATS.items():
            with self.subTest(path):
                small = {**body, "tidegate": {"keep_alive": 0}}
                answer = self.gate.request("POST", path, small)
                self.assertEqual(answer.status, 200, answer.body)
                eventually(lambda: self.status()["state"] == "absent", "it has gone")
                large = {**body, "tidegate": {"require_context_tokens": 1500}}
                answer = self.gate.request("POST", path, large)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(self.status()["context_tokens"], TRAINED)
                large["tidegate"]["require_context_tokens"] = 1_000_000
                answer = self.gate.request("POST", path, large)
                self.assertEqual(answer.status, 400, answer.body)
                self.assertRegex(answer.body.decode(), r"512.*2048.*1000000")

    def test_so_does_a_prompt_that_needs_it(self):
        answer = self.gate.chat(LOCAL, prompt="word " * 800, max_tokens=4)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(self.status()["context_tokens"], TRAINED)
        self.assertEqual(len(self.gate.decision_of(answer)["attempts"]), 1)

    def test_loading_a_model_takes_the_window_that_is_asked_for(self):
        body = {"model": LOCAL, "options": {"num_ctx": 1024}}
        self.assertEqual(self.gate.request("POST", "/api/generate", body).status, 200)
        self.assertEqual(self.status()["context_tokens"], TRAINED)

    def test_a_window_that_cannot_be_is_refused_with_the_numbers_and_the_field(self):
        answer = self.ollama(num_ctx=1_000_000)
        self.assertEqual(answer.status, 400, answer.body)
        self.assertRegex(answer.json["error"], r"^options\.num_ctx: .*512.*2048.*1000000")
        answer = self.require(1_000_000)
        self.assertEqual(answer.status, 400, answer.body)
        self.assertEqual(answer.error["code"], "context_length_exceeded")
        self.assertEqual(answer.error["param"], "tidegate.require_context_tokens")
        self.assertRegex(answer.error["message"], r"512.*2048.*1000000")
        self.assertEqual(self.status()["pid"], 0)

    def test_what_is_known_beforehand_is_told(self):
        shown = self.gate.request("POST", "/api/show", {"model": LOCAL}).json
        memory = shown["tidegate"]["memory"]
        self.assertTrue(memory["fits"])
        self.assertEqual(memory["context_tokens"], 512)
        self.assertEqual(memory["context_tokens_max"], TRAINED)
        self.assertEqual(memory["slots"], 2)
        self.assertGreater(memory["weights_bytes"], 0)
        (model,) = [m for m in self.gate.get("/tidegate/models").json["models"]]
        self.assertEqual(model["context_tokens_max"], TRAINED)
        self.assertEqual(model["memory"], memory)


class MoreThanEstimated(unittest.TestCase):
    def test_a_prompt_that_is_counted_too_long_is_tried_in_a_larger_window(self):
        gate = Gate(engine_settings="context_tokens = 512\nslots = 1")
        self.addCleanup(gate.close)
        answer = gate.chat(LOCAL, prompt="zq" * 450, max_tokens=4)  # a token for each letter
        self.assertEqual(answer.status, 200, answer.body)
        attempts = gate.decision_of(answer)["attempts"]
        self.assertEqual([one["model"] for one in attempts], [LOCAL, LOCAL])
        self.assertGreater(answer.json["usage"]["prompt_tokens"], 900)
        (model,) = gate.get("/tidegate/ps").json["models"]
        self.assertEqual(model["context_tokens"], TRAINED)


class MadeWithAWindow(unittest.TestCase):
    def setUp(self):
        self.gate = Gate()
        self.addCleanup(self.gate.close)

    def create(self, tokens):
        body = {"model": "mine", "from": LOCAL, "parameters": {"num_ctx": tokens}, "stream": False}
        return self.gate.request("POST", "/api/create", body)

    def test_no_model_is_made_with_a_window_beyond_its_training(self):
        answer = self.create(65_536)
        self.assertEqual(answer.status, 400, answer.body)
        self.assertRegex(answer.json["error"], r"parameters\.num_ctx.*65536.*2048")
        recipe = self.gate.home.write("Modelfile", f"FROM {LOCAL}\nPARAMETER num_ctx 99999999\n")
        done = self.gate.run("create", "mine", "-f", recipe)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr.decode(), r"99999999.*2048")
        self.assertEqual(self.create(1024).status, 200)
        self.assertEqual(self.gate.chat("mine", max_tokens=4).status, 200)
        (model,) = [m for m in self.gate.get("/tidegate/ps").json["models"] if m["pid"]]
        self.assertEqual((model["context_tokens"], model["window_note"]), (1024, ""))

    def test_one_that_came_so_from_elsewhere_says_that_it_cannot_have_it(self):
        # As another program makes it: the manifest's layer of parameters is another blob.
        self.assertEqual(self.create(1024).status, 200)
        store = f"{self.gate.home.path}/data/tidegate/store"
        path = glob.glob(f"{store}/manifests/**/mine/latest", recursive=True)[0]
        with open(path, encoding="utf-8") as file:
            manifest = json.load(file)
        text = b'{"num_ctx":65536}'
        digest = hashlib.sha256(text).hexdigest()
        with open(f"{store}/blobs/sha256-{digest}", "wb") as file:
            file.write(text)
        for layer in manifest["layers"]:
            if layer["mediaType"].endswith(".params"):
                layer.update(digest="sha256:" + digest, size=len(text))
        with open(path, "w", encoding="utf-8") as file:
            json.dump(manifest, file)
        self.assertEqual(self.gate.stop(), 0)
        gate = Gate(home=self.gate.home)
        self.addCleanup(gate.close)
        self.assertEqual(gate.chat("mine", max_tokens=4).status, 200)
        (model,) = [m for m in gate.get("/tidegate/ps").json["models"] if m["pid"]]
        self.assertEqual(model["context_tokens"], TRAINED)
        self.assertRegex(model["window_note"], "65536 tokens.*2048")
        self.assertIn(b"65536", gate.run("ps", "--wide").stdout)
        self.assertIn(b"65536", gate.run("show", "mine").stdout)
        self.assertRegex(gate.program.output, r"local model mine.*65536 tokens")


class OtherTargets(unittest.TestCase):
    def test_a_window_that_is_not_to_be_had_here_is_had_elsewhere(self):
        emulator = Emulator()
        self.addCleanup(emulator.close)
        gate = Gate(tables=cloud_provider(emulator))
        self.addCleanup(gate.close)
        body = {
            "model": "auto",
            "messages": [{"role": "user", "content": "Say hello."}],
            "stream": False,
            "options": {"num_ctx": 100_000, "num_predict": 4},
        }
        answer = gate.request("POST", "/api/chat", body)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["tidegate-place"], "cloud")
        body["options"]["num_ctx"] = 200_000
        answer = gate.request("POST", "/api/chat", body)
        self.assertEqual(answer.status, 400, answer.body)
        self.assertRegex(answer.json["error"], "128000.*200000")


class TooLittleMemory(unittest.TestCase):
    def test_a_model_that_cannot_be_loaded_says_so_everywhere(self):
        gate = Gate(engine_settings="memory_mib = 100")
        self.addCleanup(gate.close)
        answer = gate.chat(LOCAL, max_tokens=4)
        self.assertEqual(answer.status, 503)
        self.assertIn("100 MiB may be used", answer.error["message"])
        memory = gate.request("POST", "/api/show", {"model": LOCAL}).json["tidegate"]["memory"]
        self.assertFalse(memory["fits"])
        self.assertIn("100 MiB may be used", memory["why_not"])
        (model,) = gate.get("/tidegate/models").json["models"]
        self.assertFalse(model["live"]["available"])
        self.assertEqual(model["live"]["unavailable_why"], memory["why_not"])
        (status,) = gate.get("/tidegate/ps").json["models"]
        self.assertEqual(status["unfit"], memory["why_not"])


class GraphicsDevices(unittest.TestCase):
    def start(self, program, settings=""):
        home = Home()
        self.addCleanup(home.remove)
        script = home.write("llama-server", program.format(engine=engine_path()))
        os.chmod(script, 0o700)
        gate = Gate(home=home, engine=script, engine_settings=settings)
        self.addCleanup(gate.close)
        return gate

    def devices(self, gate):
        return gate.get("/tidegate/status").json["machine"]["devices"]

    def test_they_are_found_used_and_missed(self):
        gate = self.start(WITH_DEVICES)
        eventually(lambda: len(self.devices(gate)) == 2, "both devices are known")
        self.assertEqual(self.devices(gate)[0]["id"], "CUDA0")

        def planned():
            shown = gate.request("POST", "/api/show", {"model": LOCAL}).json
            return shown["tidegate"]["memory"]["devices"] == ["CUDA0", "CUDA1"]

        eventually(planned, "the model is fitted to them")
        self.assertEqual(gate.chat(LOCAL, max_tokens=4).status, 200)
        (status,) = gate.get("/tidegate/ps").json["models"]
        self.assertEqual(status["degraded"], "uses 1 of 2 planned devices")
        self.assertGreater(status["device_layers"], 0)

    def test_where_they_are_required_fewer_are_refused(self):
        gate = self.start(WITH_DEVICES, "require_gpu = true")
        answer = gate.chat(LOCAL, max_tokens=4)
        self.assertEqual(answer.status, 503)
        self.assertIn("uses 1 of 2 planned devices", answer.error["message"])

    def test_a_driver_that_is_not_up_yet_is_asked_again(self):
        home = Home()
        self.addCleanup(home.remove)
        up = f"{home.path}/driver-is-up"
        first = "  echo 'ggml_cuda"
        program = WITH_DEVICES.replace(first, f"  [ -e {up} ] || exit 3\n{first}")
        script = home.write("llama-server", program.format(engine=engine_path()))
        os.chmod(script, 0o700)
        gate = Gate(home=home, engine=script, engine_settings="require_gpu = true")
        self.addCleanup(gate.close)
        answer = gate.chat(LOCAL, max_tokens=4)
        self.assertEqual(answer.status, 503)
        self.assertIn("cannot list its devices", answer.error["message"])
        self.assertNotIn("sees no graphics device", answer.error["message"])
        with open(up, "w", encoding="ascii"):
            pass
        eventually(lambda: len(self.devices(gate)) == 2, "it was asked again")
        answer = gate.chat(LOCAL, max_tokens=4)
        self.assertIn("uses 1 of 2 planned devices", answer.error["message"])

    def test_layers_that_were_asked_for_and_are_not_there_are_missed(self):
        gate = Gate(engine_settings="gpu_layers = 20")
        self.addCleanup(gate.close)
        self.assertEqual(gate.chat(LOCAL, max_tokens=4).status, 200)
        status = gate.engine_model()
        self.assertIn("are to be on graphics devices, and 0 are", status["degraded"])
        self.assertIn(b"graphics", gate.run("ps", "--wide").stdout)
        told = [line for line in gate.program.output.splitlines() if "graphics devices" in line]
        self.assertEqual(len(told), 1, told)

    def test_where_they_are_required_and_there_is_none_nothing_is_started(self):
        gate = self.start('#!/bin/sh\nexec {engine} "$@"\n', "require_gpu = true")
        answer = gate.chat(LOCAL, max_tokens=4)
        self.assertEqual(answer.status, 503)
        self.assertIn("engine.require_gpu", answer.error["message"])


if __name__ == "__main__":
    unittest.main()
