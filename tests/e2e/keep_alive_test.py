#!/usr/bin/env python3
"""How long a local model stays in memory when nobody uses it: who may say so, and how."""

import shutil
import unittest

from chats import CHATS
from harness import LOCAL, STARTER, Gate, Home, eventually


class KeepAlive(unittest.TestCase):
    def start(self, engine_settings="", tables="", **more):
        gate = Gate(tables, engine_settings=engine_settings, **more)
        self.addCleanup(gate.close)
        return gate

    def state(self, gate, name="tidegate-starter"):
        models = gate.get("/tidegate/ps").json["models"]
        return next(model["state"] for model in models if model["model"] == name)

    def until(self, gate):
        (model,) = gate.get("/api/ps").json["models"]
        return model["expires_at"]

    def is_gone(self, gate, name="tidegate-starter"):
        eventually(lambda: self.state(gate, name) == "absent", f"{name} has gone")

    def test_every_protocol_says_it_in_the_gates_own_object(self):
        gate = self.start()
        for path, body in CHATS.items():
            with self.subTest(path):
                stays = gate.request("POST", path, {**body, "tidegate": {"keep_alive": "90m"}})
                self.assertEqual(stays.status, 200, stays.body)
                self.assertEqual(self.state(gate), "ready")
                goes = gate.request("POST", path, {**body, "tidegate": {"keep_alive": 0}})
                self.assertEqual(goes.status, 200, goes.body)
                self.is_gone(gate)

    def test_a_request_without_content_lets_go_of_the_model_by_either_word(self):
        gate = self.start()
        for words in ({"keep_alive": 0}, {"keep_alive": "5m", "tidegate": {"keep_alive": 0}}):
            loaded = gate.request("POST", "/api/generate", {"model": LOCAL, "stream": False})
            self.assertEqual((loaded.status, loaded.json["done_reason"]), (200, "load"))
            gone = gate.request("POST", "/api/generate", {"model": LOCAL, **words})
            self.assertEqual((gone.status, gone.json["done_reason"]), (200, "unload"))
            self.is_gone(gate)

    def test_a_header_says_it_too_and_what_is_no_time_is_refused(self):
        gate = self.start()
        answer = gate.chat(LOCAL, max_tokens=2, headers={"tidegate-keep-alive": "0"})
        self.assertEqual(answer.status, 200, answer.body)
        self.is_gone(gate)
        answer = gate.chat(LOCAL, max_tokens=2, tidegate={"keep_alive": "soon"})
        self.assertEqual(answer.status, 400, answer.body)
        self.assertEqual(answer.error["param"], "tidegate.keep_alive")

    def test_a_model_has_its_own_and_a_request_overrides_it(self):
        home = Home()
        self.addCleanup(home.remove)
        path = f"{home.path}/brief.gguf"
        shutil.copy(STARTER, path)
        stated = '[providers.local]\nmodels = [{ name = "brief", keep_alive_s = 0 }]'
        gate = self.start(tables=stated, home=home, models=[STARTER, path])
        self.assertEqual(gate.chat(LOCAL, max_tokens=2).status, 200)
        self.assertEqual(gate.chat("brief", max_tokens=2).status, 200)
        self.is_gone(gate, "brief")
        self.assertEqual(self.state(gate), "ready")
        answer = gate.chat("brief", max_tokens=2, tidegate={"keep_alive": -1})
        self.assertEqual(answer.status, 200)
        self.assertEqual(gate.chat("brief", max_tokens=2).status, 200)
        self.assertEqual(self.state(gate, "brief"), "ready")

    def test_a_policy_says_it_for_those_who_say_nothing(self):
        gate = self.start(tables="[policies.default]\nkeep_alive = 0")
        self.assertEqual(gate.chat(LOCAL, max_tokens=2).status, 200)
        self.is_gone(gate)
        answer = gate.chat(LOCAL, max_tokens=2, tidegate={"keep_alive": "1h"})
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.state(gate), "ready")


if __name__ == "__main__":
    unittest.main()
