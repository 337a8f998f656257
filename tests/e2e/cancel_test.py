#!/usr/bin/env python3
"""A caller that goes away must not keep anything busy: the model on this device stops within a
tenth of a second, and the cloud hears of it. The slots of llama-server itself are the witness."""

import contextlib
import json
import time
import unittest

from harness import LOCAL, PACED, SANITIZED, EngineSlots, Gate, GateTest, Home, UnixConnection
from harness import engine_that_keeps_its_key, eventually

FREED_MS_MAX = 500 if SANITIZED else 100
OUTPUT_TOKENS = 1900  # takes seconds, and nearly fills the model's window


def forbid_the_end(slots):
    """A logit bias with which the model never ends by itself."""
    connection = UnixConnection(slots.socket, 30)
    with contextlib.closing(connection):
        body = json.dumps({"content": "<|im_end|><|endoftext|>", "parse_special": True})
        fields = {"authorization": slots.authorization, "content-type": "application/json"}
        connection.request("POST", "/tokenize", body, fields)
        tokens = json.loads(connection.getresponse().read())["tokens"]
    assert len(tokens) == 2, tokens
    return {str(token): -100 for token in tokens}


class Cancelled(GateTest):
    @classmethod
    def start_gate(cls, tables):
        home = Home()
        cls.addClassCleanup(home.remove)
        return Gate(tables, engine=engine_that_keeps_its_key(home), home=home)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        warm = cls.gate.chat(LOCAL, max_tokens=1)
        assert warm.status == 200, warm.body
        cls.slots = EngineSlots(cls.gate)
        cls.addClassCleanup(cls.slots.close)
        cls.endless = {"max_tokens": OUTPUT_TOKENS, "logit_bias": forbid_the_end(cls.slots)}

    def setUp(self):
        super().setUp()
        eventually(lambda: self.slots.busy() == 0, "nothing runs")

    def milliseconds_until_free(self):
        begin = time.monotonic()
        eventually(lambda: self.slots.busy() == 0, "the slot is free", pause_s=0.001)
        return (time.monotonic() - begin) * 1000

    def test_left_alone_the_answer_takes_far_longer_than_a_tenth_of_a_second(self):
        begin = time.monotonic()
        answer = self.gate.chat(LOCAL, "Tell me a story.", **self.endless)
        self.assertEqual(answer.json["usage"]["completion_tokens"], OUTPUT_TOKENS)
        self.assertGreater((time.monotonic() - begin) * 1000, 2 * FREED_MS_MAX)

    def test_a_stream_whose_caller_leaves_frees_its_slot(self):
        connection, answer = self.gate.open_stream(LOCAL, "Tell me a story.", **self.endless)
        for _ in range(6):
            self.assertTrue(answer.readline())
        self.assertEqual(self.slots.busy(), 1)
        answer.close()
        connection.close()
        self.assertLess(self.milliseconds_until_free(), FREED_MS_MAX)
        self.assert_cancelled(answer.getheader("tidegate-decision"))

    def test_a_whole_answer_whose_caller_leaves_frees_its_slot(self):
        connection = self.gate.connect()
        body = {"model": LOCAL, "messages": [{"role": "user", "content": "Tell me a story."}]}
        fields = {"content-type": "application/json"}
        connection.request(
            "POST", "/v1/chat/completions", json.dumps({**body, **self.endless}), fields
        )
        eventually(lambda: self.slots.busy() == 1, "the model works", pause_s=0.001)
        connection.close()
        self.assertLess(self.milliseconds_until_free(), FREED_MS_MAX)
        self.assert_cancelled(None)

    def test_a_deadline_frees_the_slot_and_says_so(self):
        answer = self.gate.chat(
            LOCAL, "Tell me a story.", **self.endless, tidegate={"deadline_ms": 200}
        )
        if answer.status == 503:
            self.assertEqual(answer.error["code"], "deadline")  # foreseen, not even begun
        else:
            self.assertEqual(answer.status, 504, answer.body)
        self.assertLess(self.milliseconds_until_free(), FREED_MS_MAX)

    def test_callers_that_leave_the_queue_leave_nothing_behind(self):
        body = {"model": LOCAL, "messages": [{"role": "user", "content": "Tell me a story."}]}
        text = json.dumps({**body, **self.endless})
        connections = []
        for _ in range(12):
            connection = self.gate.connect()
            connection.request(
                "POST", "/v1/chat/completions", text, {"content-type": "application/json"}
            )
            connections.append(connection)
        eventually(lambda: self.gate.engine_model()["queue_depth"] > 0, "some wait")
        for connection in connections:
            connection.close()
        eventually(lambda: self.gate.engine_model()["queue_depth"] == 0, "nobody waits")
        eventually(lambda: self.gate.engine_model()["users"] == 0, "nobody is served")
        self.assertLess(self.milliseconds_until_free(), FREED_MS_MAX)
        self.assertEqual(self.gate.chat(LOCAL, "Say hello.", max_tokens=2).status, 200)

    def assert_cancelled(self, identifier):
        """The record says that the caller went away, and nobody is counted as served."""
        eventually(lambda: self.gate.engine_model()["users"] == 0, "no lease is out")
        if identifier is None:
            record = eventually(
                lambda: [d for d in self.gate.decisions(5) if d["status"] == 499], "the record"
            )[0]
        else:
            record = self.gate.find_decision(identifier)
        self.assertEqual(record["status"], 499)
        self.assertEqual(record["attempts"][0]["outcome"], "cancelled")
        output = record["attempts"][0]["usage"]["output_tokens"]
        self.assertLess(output, OUTPUT_TOKENS)

    def test_the_cloud_hears_of_a_caller_that_leaves(self):
        for stream in (True, False):
            with self.subTest(stream=stream):
                self.emulator.reset()
                connection = self.gate.connect()
                body = {"model": PACED, "stream": stream, "messages": [
                    {"role": "user", "content": "Tell me a story."}]}  # fmt: skip
                connection.request(
                    "POST",
                    "/v1/chat/completions",
                    json.dumps(body),
                    {"content-type": "application/json"},
                )
                eventually(lambda: len(self.emulator.chats()) == 1, "the cloud works")
                connection.close()
                entry = eventually(
                    lambda: [e for e in self.emulator.chats() if e["ending"] != "open"],
                    "the cloud hears of it",
                )[0]
                self.assertEqual(entry["ending"], "cancelled")


if __name__ == "__main__":
    unittest.main()
