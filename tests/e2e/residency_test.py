#!/usr/bin/env python3
"""Models that do not fit into memory together, and clients that want both at once."""

import os
import shutil
import signal
import threading
import time
import unittest

from harness import STARTER, Client, Gate, Home, eventually

REQUESTS = 100  # of each client
OUTSTANDING = 8  # at once, of a client that does not wait for one answer before it asks again
SWAPS_MAX = 20
WAIT_S_MAX = 60  # a bound against starvation, not a measure of speed


def locked(numbers, lock=threading.Lock()):
    """The rest of an iterator that several threads take from."""
    while True:
        with lock:
            number = next(numbers, None)
        if number is None:
            return
        yield number


class TwoModelsInRoomForOne(unittest.TestCase):
    def setUp(self):
        home = Home()
        self.addCleanup(home.remove)
        self.models = [f"{home.path}/{name}.gguf" for name in ("ebb", "flow")]
        for path in self.models:
            shutil.copy(STARTER, path)
        # One takes about 260 MiB, most of it the prompt cache.
        self.gate = Gate(home=home, models=self.models, engine_settings="memory_mib = 400")
        self.addCleanup(self.gate.close)

    def ask_many(self, model, answers):
        client = Client(self.gate.host, self.gate.port)
        for _ in range(REQUESTS):
            begin = time.monotonic()
            answer = client.chat(model, max_tokens=4)
            answers.append((answer.status, time.monotonic() - begin))

    def test_both_clients_are_served_in_turns_and_nobody_starves(self):
        answers = {"local/ebb": [], "local/flow": []}
        threads = [threading.Thread(target=self.ask_many, args=one) for one in answers.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for model, got in answers.items():
            self.assertEqual([status for status, _ in got], [200] * REQUESTS, model)
            self.assertLess(max(wait for _, wait in got), WAIT_S_MAX, model)
        swaps = self.gate.program.output.count("makes room for another")
        longest = max(wait for got in answers.values() for _, wait in got)
        print(f"{2 * REQUESTS} requests of two clients: {swaps} swaps, the longest wait "
              f"{longest:.2f} s", flush=True)
        self.assertGreater(swaps, 0, "they fit after all")
        self.assertLess(swaps, SWAPS_MAX)
        # Never both.
        states = [m["state"] for m in self.gate.get("/tidegate/ps").json["models"]]
        self.assertLessEqual(states.count("ready"), 1)

    def test_two_clients_that_both_want_both_are_served_in_batches(self):
        models = ("local/ebb", "local/flow")
        answers = []

        def ask(client, numbers):
            for number in numbers:
                begin = time.monotonic()
                answer = client.chat(models[number % 2], max_tokens=4)
                answers.append((answer.status, time.monotonic() - begin))

        threads = []
        for _ in range(2):
            numbers = iter(range(REQUESTS))  # taken by all of a client's threads, in turns
            client = Client(self.gate.host, self.gate.port)
            for _ in range(OUTSTANDING):
                threads.append(threading.Thread(target=ask, args=(client, locked(numbers))))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([status for status, _ in answers], [200] * (2 * REQUESTS))
        swaps = self.gate.program.output.count("makes room for another")
        longest = max(wait for _, wait in answers)
        print(f"{2 * REQUESTS} requests of two clients that alternate, {OUTSTANDING} outstanding "
              f"each: {swaps} swaps, the longest wait {longest:.2f} s", flush=True)
        self.assertGreater(swaps, 0, "they fit after all")
        self.assertLess(swaps, SWAPS_MAX)
        self.assertLess(longest, WAIT_S_MAX)

    def test_one_that_can_never_fit_is_refused_with_the_numbers(self):
        gate = Gate(models=self.models, engine_settings="memory_mib = 100")
        self.addCleanup(gate.close)
        answer = gate.chat("local/ebb", max_tokens=4)
        self.assertEqual(answer.status, 503)
        self.assertRegex(answer.json["error"]["message"], r"MiB|GiB|MB|GB")

    def test_what_was_used_is_loaded_again_after_a_restart_before_anybody_asks(self):
        home = Home()
        self.addCleanup(home.remove)
        settings = "memory_mib = 800"  # of which it may fill half unasked
        first = Gate(home=home, models=self.models, engine_settings=settings)
        self.addCleanup(first.close)
        for _ in range(3):
            self.assertEqual(first.chat("local/flow", max_tokens=4).status, 200)
        self.assertEqual(first.stop(), 0)
        second = Gate(home=home, models=self.models, engine_settings=settings)
        self.addCleanup(second.close)

        def states():
            return {m["model"]: m["state"] for m in second.get("/tidegate/ps").json["models"]}

        eventually(lambda: states()["flow"] == "ready", "it is loaded again")
        self.assertEqual(states()["ebb"], "absent")


class WaitsAreBounded(unittest.TestCase):
    def test_who_waits_too_long_for_memory_is_told_who_holds_it(self):
        home = Home()
        self.addCleanup(home.remove)
        models = [f"{home.path}/{name}.gguf" for name in ("ebb", "flow")]
        for path in models:
            shutil.copy(STARTER, path)
        settings = "memory_mib = 400\npreload_mib = 0\nwait_max_s = 2"
        gate = Gate(home=home, models=models, engine_settings=settings)
        self.addCleanup(gate.close)

        def model(name):
            return next(m for m in gate.get("/tidegate/ps").json["models"] if m["model"] == name)

        self.assertEqual(gate.chat("local/ebb", max_tokens=2).status, 200)
        pid = model("ebb")["pid"]
        os.kill(pid, signal.SIGSTOP)  # an answer that takes for ever
        answers = []

        def ask(name):
            answers.append((name, gate.chat(f"local/{name}", max_tokens=2)))

        endless = threading.Thread(target=ask, args=("ebb",))
        try:
            endless.start()
            eventually(lambda: model("ebb")["users"] == 1, "the answer has begun")
            waits = threading.Thread(target=ask, args=("flow",))
            waits.start()
            eventually(lambda: model("flow")["oldest_wait_ms"] > 0, "the other one waits")
            self.assertIn('"ebb" holds', model("flow")["waits_for"])
            self.assertLessEqual(model("flow")["wait_bound_ms"], 2000)
            self.assertIn(b"waits for memory", gate.run("ps", "--wide").stdout)
            waits.join()
        finally:
            os.kill(pid, signal.SIGCONT)
            endless.join()
        (told,) = [answer for name, answer in answers if name == "flow"]
        self.assertEqual(told.status, 503, told.body)
        self.assertEqual(told.error["code"], "engine_memory_busy")
        self.assertRegex(told.error["message"], r'engine\.wait_max_s.*"ebb" holds .* for \d+ s')
        self.assertGreater(int(told.headers["retry-after"]), 0)
        (done,) = [answer for name, answer in answers if name == "ebb"]
        self.assertEqual(done.status, 200, "no answer is cut off")
        self.assertEqual(gate.chat("local/flow", max_tokens=2).status, 200)
        self.assertRegex(
            gate.get("/metrics").body.decode(), r'tidegate_engine_waits_over_total{model="flow"} 1'
        )


class Pinned(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.models = [f"{self.home.path}/{name}.gguf" for name in ("ebb", "flow")]
        for path in self.models:
            shutil.copy(STARTER, path)

    def start(self, tables=""):
        settings = "memory_mib = 400\npreload_mib = 0\nkeep_alive_s = 0"  # room for one
        gate = Gate(tables, home=self.home, models=self.models, engine_settings=settings)
        self.addCleanup(gate.close)
        return gate

    def model(self, gate, name):
        models = gate.get("/tidegate/ps").json["models"]
        return next(model for model in models if model["model"] == name)

    def is_ready(self, gate, name):
        eventually(lambda: self.model(gate, name)["state"] == "ready", f"{name} is loaded")

    def test_a_pinned_model_stays_in_memory_and_comes_back_with_the_gate(self):
        gate = self.start()
        done = gate.run("pin", "flow")
        self.assertEqual((done.returncode, done.stdout), (0, b"pinned 'flow'\n"), done.stderr)
        self.is_ready(gate, "flow")
        refused = gate.chat("local/ebb", max_tokens=4)
        self.assertEqual(refused.status, 503)
        self.assertIn("unpin one of them", refused.error["message"])
        self.assertEqual(gate.chat("local/flow", max_tokens=4, tidegate={}).status, 200)
        self.assertIn(b"(pinned)", gate.run("ps").stdout)
        self.assertIn(b"ready, pinned", gate.run("ps", "--wide").stdout)
        stopped = gate.run("stop", "flow")
        self.assertNotEqual(stopped.returncode, 0)
        self.assertIn(b"tidegate unpin flow", stopped.stderr)
        second = gate.run("pin", "ebb")
        self.assertNotEqual(second.returncode, 0)
        self.assertIn(b"pinned ones hold", second.stderr)
        self.assertEqual(gate.stop(), 0)

        gate = self.start()
        self.is_ready(gate, "flow")
        for _ in range(5):  # an answer to either is true at once
            self.assertEqual(gate.chat("local/ebb", max_tokens=4).status, 503)
            unpin = gate.request("POST", "/tidegate/models/unpin", {"model": "local/flow"})
            self.assertEqual(unpin.json, {"model": "flow", "pinned": False})
            self.assertEqual(gate.chat("local/ebb", max_tokens=4).status, 200)
            pin = gate.request("POST", "/tidegate/models/pin", {"model": "flow"})
            self.assertEqual(pin.json, {"model": "flow", "pinned": True})
            self.is_ready(gate, "flow")
        self.assertEqual(gate.run("unpin", "local/flow").returncode, 0)
        self.assertEqual(gate.stop(), 0)

        gate = self.start()
        self.assertFalse(self.model(gate, "flow")["pinned"])

    def test_the_configuration_pins_too_and_has_the_last_word(self):
        gate = self.start('[providers.local]\nmodels = [{ name = "ebb", pinned = true }]')
        self.is_ready(gate, "ebb")
        self.assertTrue(self.model(gate, "ebb")["pinned"])
        done = gate.run("unpin", "ebb")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"pinned by the configuration", done.stderr)


if __name__ == "__main__":
    unittest.main()
