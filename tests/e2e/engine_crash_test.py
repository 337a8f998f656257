#!/usr/bin/env python3
"""A local model whose process ends under its requests: what callers hear, and where they go."""

import contextlib
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
# How an answer ends that is whole.
ENDINGS = ("[DONE]", "message_stop", "response.completed", '"done":true')


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

    def crash_in_the_middle(self, path, body):
        """The lines of an answer under which the process of the model ended after its first."""
        limits = {"/v1/responses": "max_output_tokens", "/api/chat": "num_predict"}
        limit = {limits.get(path, "max_tokens"): 400}
        asked = {**body, "model": LOCAL, "stream": True}
        asked.pop("max_tokens", None)
        asked |= {"options": limit} if path == "/api/chat" else limit
        for key in ("messages", "input"):
            if key in asked:
                story = "Tell me a story."
                asked[key] = story if key == "input" else [{"role": "user", "content": story}]
        for _ in range(20):  # the model is quick: now and then it has said everything by then
            self.assertEqual(self.gate.chat(LOCAL, max_tokens=1).status, 200)
            pid = self.gate.engine_model()["pid"]
            connection, answer = self.gate.start("POST", path, asked)
            with contextlib.closing(connection):
                self.assertEqual(answer.status, 200)
                first = answer.readline()
                os.kill(pid, signal.SIGSTOP)
                os.kill(pid, signal.SIGSEGV)
                with contextlib.suppress(ProcessLookupError):  # it is gone already
                    os.kill(pid, signal.SIGCONT)
                lines = (first + answer.read()).decode().split("\n")
            if not any(ending in line for line in lines for ending in ENDINGS):
                return [line for line in lines if line]
            self.gate.close()
            self.start()  # each failure lets it wait longer
        self.fail("it was never in the middle")

    def test_in_the_middle_of_an_answer_it_ends_with_what_happened_and_others_go_on(self):
        for path, (body, _) in CALLS.items():
            with self.subTest(path=path):
                self.start()
                last = self.crash_in_the_middle(path, body)[-1]
                self.assertIn("error", last)
                self.assertIn("signal 11 (SIGSEGV)", last)
                after = self.gate.chat(LOCAL, max_tokens=1)
                self.assertEqual(after.status, 200, after.body)

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
