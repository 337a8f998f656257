#!/usr/bin/env python3
"""A local model whose process ends under its requests: what callers hear, and where they go."""

import os
import signal
import threading
import unittest

from harness import CLOUD, LOCAL, Emulator, Gate, alive, cloud_provider, eventually

QUESTION = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}
# How each protocol asks for the same, and where it says what went wrong.
CALLS = {
    "/v1/chat/completions": (QUESTION, lambda body: body["error"]["message"]),
    "/v1/messages": (QUESTION, lambda body: body["error"]["message"]),
    "/v1/responses": (
        {"input": "Say hello.", "store": False},
        lambda body: body["error"]["message"],
    ),
    "/api/chat": ({"messages": QUESTION["messages"]}, lambda body: body["error"]),
}


class EngineCrash(unittest.TestCase):
    def setUp(self):
        self.emulator = Emulator()
        self.addCleanup(self.emulator.close)
        self.start()

    def start(self):
        """A gate whose engine has not failed yet: each failure lets it wait longer."""
        self.gate = Gate(cloud_provider(self.emulator))
        self.addCleanup(self.gate.close)

    def crash_under(self, ask):
        """What `ask` returns when the process of the model ends before its first byte."""
        self.assertEqual(self.gate.chat(LOCAL, max_tokens=1).status, 200)  # it is loaded
        pid = self.gate.engine_model()["pid"]
        os.kill(pid, signal.SIGSTOP)  # it takes the request and says nothing
        got = []
        thread = threading.Thread(target=lambda: got.append(ask()))
        thread.start()
        eventually(lambda: self.gate.engine_model()["users"] == 1, "the request has its lease")
        os.kill(pid, signal.SIGSEGV)
        os.kill(pid, signal.SIGCONT)
        thread.join()
        self.assertFalse(alive(pid))
        return got[0]

    def test_without_another_target_the_caller_hears_what_happened_and_when_to_come_back(self):
        for path, (body, message_of) in CALLS.items():
            for stream in (False, True):
                with self.subTest(path=path, stream=stream):
                    self.start()
                    asked = {**body, "model": LOCAL, "stream": stream}
                    answer = self.crash_under(lambda: self.gate.request("POST", path, asked))
                    self.assertEqual(answer.status // 100, 5, answer.body)
                    self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
                    message = message_of(answer.json)
                    for part in (LOCAL, "signal 11 (SIGSEGV)", "starts again"):
                        self.assertIn(part, message)
                    self.assertEqual(self.gate.chat(LOCAL, max_tokens=1).status, 200)

    def test_with_leave_to_fall_back_the_cloud_answers(self):
        for stream in (False, True):
            answer = self.crash_under(
                lambda: self.gate.chat(
                    LOCAL, max_tokens=8, stream=stream, tidegate={"fallback": "any"}
                )
            )
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(answer.headers["tidegate-place"], "cloud")
            attempts = self.gate.decision_of(answer)["attempts"]
            outcomes = [(a["place"], a["outcome"]) for a in attempts]
            self.assertEqual(outcomes, [("device", "failed"), ("cloud", "ok")])
            self.assertIn("signal 11", attempts[0]["error"])

    def test_what_is_private_never_leaves_though_it_may_fall_back(self):
        self.emulator.reset()
        answer = self.crash_under(
            lambda: self.gate.chat(LOCAL, tidegate={"fallback": "any", "privacy": "local"})
        )
        self.assertEqual(answer.status, 503, answer.body)
        self.assertIn("signal 11", answer.error["message"])
        self.assertEqual(self.emulator.chats(), [])
        self.assertEqual(self.gate.chat(CLOUD).status, 200)  # it could have been reached


if __name__ == "__main__":
    unittest.main()
