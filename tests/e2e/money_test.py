#!/usr/bin/env python3
"""The books against the emulated cloud's own bill: equal to the nano-dollar where the cloud said
what it used, never less where nobody knows, and never over a budget, also when sixty callers ask at
once."""

import concurrent.futures
import unittest

from harness import CLOUD, LOCAL, NANODOLLARS, PACED, Emulator, Gate, GateTest
from harness import cloud_provider, eventually, key_table

LONG = "The quiet harbour keeps the early signal. " * 200  # long enough for the cloud's cache
TOOL = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
        },
    },
}
ANSWERED_WAYS = {
    "whole": {},
    "streamed": {"stream": True},
    "streamed with usage": {"stream": True, "stream_options": {"include_usage": True}},
    "limited": {"max_tokens": 3},
    "two choices": {"n": 2},
    "two choices streamed": {"n": 2, "stream": True},
    "a tool call": {"prompt": "call the tool get_time", "tools": [TOOL]},
    "after a schema": {"response_format": SCHEMA},
    "with log-probabilities": {"logprobs": True, "stream": True},
    "a long prompt": {"prompt": LONG},
    "a long prompt from the cache": {"prompt": LONG},
    "a long prompt from the cache, streamed": {"prompt": LONG, "stream": True},
}


class Books(GateTest):
    LOCAL = False

    def setUp(self):
        super().setUp()
        self.before = self.gate.spend()["total"]

    def spent(self):
        """What was added to the books since the case began."""
        total = self.gate.spend()["total"]
        return {name: total[name] - self.before[name] for name in total if "usd" not in name}

    def test_every_kind_of_answer_costs_what_the_cloud_charges(self):
        charged = 0
        for way, fields in ANSWERED_WAYS.items():
            with self.subTest(way=way):
                answer = self.gate.chat(CLOUD, **{"prompt": f"Say {way}.", **fields})
                self.assertEqual(answer.status, 200, answer.body)
                bill = self.emulator.bill()["nanodollars"]
                decision = self.gate.decision_of(answer)
                self.assertEqual(decision["cost_nanodollars"], bill - charged)
                self.assertGreater(bill, charged)
                charged = bill
        bill = self.emulator.bill()
        self.assertGreater(bill["models"]["swift"]["cached_tokens"], 0)
        spent = self.spent()
        self.assertEqual(spent["cost_nanodollars"], bill["nanodollars"])
        self.assertEqual(spent["dispatches"], len(ANSWERED_WAYS))
        self.assertEqual(spent["assumed_nanodollars"], 0)
        self.assertEqual(spent["estimated_nanodollars"], 0)
        tokens = bill["models"]["swift"]
        self.assertEqual(spent["input_tokens"], tokens["prompt_tokens"])
        self.assertEqual(spent["output_tokens"], tokens["completion_tokens"])

    def test_many_callers_at_once_add_up_to_the_bill(self):
        def one(number):
            return self.gate.chat(CLOUD, f"Say {number}.", stream=number % 2 == 0).status

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.assertEqual(set(pool.map(one, range(200))), {200})
        self.assertEqual(self.spent()["cost_nanodollars"], self.emulator.bill()["nanodollars"])

    def test_a_refusal_of_the_cloud_costs_nothing(self):
        for status in (400, 429, 500):
            self.emulator.faults(f"status={status}")
            self.assertGreaterEqual(self.gate.chat(CLOUD).status, 400)
        self.emulator.faults("")
        self.assertEqual(self.gate.chat(CLOUD).status, 200)
        self.assertEqual(self.spent()["cost_nanodollars"], self.emulator.bill()["nanodollars"])

    def test_an_answer_without_usage_is_estimated_and_marked(self):
        self.emulator.faults("no_usage")
        for stream in (False, True):
            answer = self.gate.chat(CLOUD, "Tell me a story.", stream=stream)
            [attempt] = self.gate.decision_of(answer)["attempts"]
            self.assertTrue(attempt["usage"]["estimated"])
            self.assertGreater(attempt["cost_nanodollars"], 0)
            self.assertLessEqual(attempt["cost_nanodollars"], attempt["reserved_nanodollars"])
        spent = self.spent()
        self.assertEqual(spent["estimated_nanodollars"], spent["cost_nanodollars"])
        self.assertGreaterEqual(spent["cost_nanodollars"], self.emulator.bill()["nanodollars"])

    def test_usage_that_cannot_be_is_not_believed(self):
        for fault in ("negative_usage", "huge_usage"):
            self.emulator.faults(fault)
            answer = self.gate.chat(CLOUD, "Tell me a story.", max_tokens=20)
            if answer.status != 200:
                self.assertEqual(answer.status, 502, answer.body)
            [attempt] = self.gate.decision_of(answer)["attempts"]
            self.assertGreater(attempt["cost_nanodollars"], 0, fault)

    def test_a_dispatch_that_ends_in_silence_is_assumed_in_full(self):
        self.emulator.faults("drop")
        answer = self.gate.chat(CLOUD, "Tell me a story.", max_tokens=50)
        self.assertGreaterEqual(answer.status, 500, answer.body)
        [attempt] = self.gate.decision_of(answer)["attempts"]
        self.assertGreater(attempt["reserved_nanodollars"], 0)
        self.assertEqual(attempt["cost_nanodollars"], attempt["reserved_nanodollars"])
        spent = self.spent()
        self.assertEqual(spent["assumed_nanodollars"], attempt["reserved_nanodollars"])
        self.assertEqual(spent["cost_nanodollars"], spent["assumed_nanodollars"])

    def test_what_the_caller_allows_at_most_is_a_bound(self):
        answer = self.gate.chat(CLOUD, "Tell me a story.", tidegate={"max_cost_usd": "0.000001"})
        self.assertEqual(answer.status, 402, answer.body)
        self.assertEqual(answer.error["code"], "max_cost")
        limited = self.gate.chat(CLOUD, "Tell me a story.", tidegate={"max_cost_usd": 0.01})
        self.assertEqual(limited.status, 200, limited.body)
        self.assertLess(self.emulator.bill()["nanodollars"], NANODOLLARS // 100)
        self.assertEqual(len(self.emulator.chats()), 1)


class Budget(unittest.TestCase):
    """Sixty callers share a day's budget that ten of them fit into."""

    CALLERS = 60
    FITTING = 10
    REQUEST = {"prompt": "Tell me a story.", "max_tokens": 60}

    def setUp(self):
        self.emulator = Emulator()
        self.addCleanup(self.emulator.close)
        admin = key_table("admin", "tg-admin", "admin = true")
        pricing = Gate(cloud_provider(self.emulator) + admin, local=False)
        pricing.key = "tg-admin"
        plan = pricing.chat(CLOUD, **self.REQUEST, tidegate={"dry_run": True}).json
        pricing.close()
        self.worst = plan["candidates"][0]["worst_case_cost_nanodollars"]
        budget = self.worst * self.FITTING + self.worst // 2
        self.usd = f"{budget // NANODOLLARS}.{budget % NANODOLLARS:09}"
        keys = admin
        for name in ("refuse", "degrade"):
            limit = f'budget = {{ day_usd = "{self.usd}", on_over_budget = "{name}" }}'
            keys += key_table(name, "tg-" + name, limit)
        self.gate = Gate(cloud_provider(self.emulator) + keys)
        self.gate.key = "tg-admin"
        self.addCleanup(self.gate.close)

    def ask_at_once(self, key, fields):
        """All callers at once, where no answer ends before every caller has been decided about."""
        self.emulator.faults("stall_after=1")
        client = self.gate.with_key(key)
        answers = []

        def one(_):
            answers.append(client.chat(CLOUD, stream=True, **self.REQUEST, **fields))

        with concurrent.futures.ThreadPoolExecutor(self.CALLERS) as pool:
            done = [pool.submit(one, number) for number in range(self.CALLERS)]
            try:
                eventually(
                    lambda: len(answers) + len(self.emulator.chats()) >= self.CALLERS,
                    "every caller is decided about",
                )
            finally:
                admitted = len(self.emulator.chats())
                early = list(answers)
                self.emulator.down()  # what hangs ends, and its callers return
            for one_done in done:
                one_done.result()
        return admitted, early

    def test_exactly_what_fits_is_admitted_and_the_rest_is_refused(self):
        admitted, early = self.ask_at_once("tg-refuse", {})
        self.assertEqual(admitted, self.FITTING)
        self.assertEqual(len(early), self.CALLERS - self.FITTING)
        for answer in early:
            self.assertEqual(answer.status, 402, answer.body)
            self.assertEqual(answer.error["type"], "insufficient_quota")
            self.assertIn("budget", answer.error["code"])
        spent = self.gate.spend("principal")
        [row] = [row for row in spent["rows"] if row["principal"] == "refuse"]
        self.assertLessEqual(row["cost_nanodollars"], self.worst * self.FITTING)
        self.assertGreaterEqual(row["cost_nanodollars"], self.emulator.bill()["nanodollars"])

    def test_what_does_not_fit_runs_on_the_device_where_that_is_allowed(self):
        admitted, early = self.ask_at_once("tg-degrade", {})
        self.assertEqual(admitted, self.FITTING)
        for answer in early:
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(answer.headers["tidegate-place"], "device")
            self.assertEqual(answer.headers["tidegate-egress"], "none")

    def test_a_budget_outlives_the_gate_and_another_key_has_its_own(self):
        self.ask_at_once("tg-refuse", {})
        self.emulator.reset()
        settled = self.gate.spend("principal")["rows"]
        self.assertEqual(self.gate.stop(), 0)
        keys = key_table("admin", "tg-admin", "admin = true") + key_table(
            "refuse", "tg-refuse", 'budget = { day_usd = "0.000000001" }'
        )
        again = Gate(cloud_provider(self.emulator) + keys, local=False, home=self.gate.home)
        self.addCleanup(again.close)
        again.key = "tg-admin"
        self.assertEqual(again.spend("principal")["rows"], settled)
        answer = again.with_key("tg-refuse").chat(CLOUD, **self.REQUEST)
        self.assertEqual(answer.status, 402, answer.body)
        self.assertEqual(again.chat(CLOUD, **self.REQUEST).status, 200)  # the admin's


class DeviceCostsNothing(GateTest):
    def test_a_local_answer_is_booked_at_zero(self):
        answer = self.gate.chat(LOCAL, "Say hello.")
        self.assertEqual(float(answer.headers["tidegate-cost-usd"]), 0)
        self.assertEqual(self.gate.decision_of(answer)["cost_nanodollars"], 0)
        spend = self.gate.spend("place")
        self.assertTrue(all(row["cost_nanodollars"] == 0 for row in spend["rows"]))

    def test_a_paced_stream_whose_caller_leaves_is_paid_for_as_far_as_it_came(self):
        connection, answer = self.gate.open_stream(PACED, "Tell me a story.")
        for _ in range(12):
            answer.readline()
        answer.close()
        connection.close()
        eventually(
            lambda: [e for e in self.emulator.chats() if e["ending"] == "cancelled"],
            "the cloud hears of it",
        )
        spent = eventually(lambda: self.gate.spent_nanodollars(), "the books know it")
        self.assertGreaterEqual(spent * 2, self.emulator.bill()["nanodollars"])


if __name__ == "__main__":
    unittest.main()
