#!/usr/bin/env python3
"""Where a request may run, and what must never leave: asked of the real gate, witnessed by the
emulated cloud, whose journal has every request that reached it."""

import itertools
import unittest

from harness import CLOUD, LOCAL, PACED, Emulator, Gate, GateTest, cloud_provider, key_table

HARD = (
    "Prove that there are infinitely many primes of the form 4k+3, step by step. Then design and "
    "implement in C++ a segmented sieve that lists them up to 10^9, analyse its time and memory "
    "complexity, and compare it with a wheel sieve."
)
PRIVATE_WAYS = {
    "in the body": {"tidegate": {"privacy": "local"}},
    "as a header": {"headers": {"tidegate-privacy": "local"}},
    "as a header in capitals": {"headers": {"Tidegate-Privacy": "local"}},
    "by place": {"tidegate": {"place": ["device"]}},
    "with fallback to any": {"tidegate": {"privacy": "local", "fallback": "any"}},
    "against a looser header": {
        "tidegate": {"privacy": "local"},
        "headers": {"tidegate-privacy": "open"},
    },
    "against a looser body": {
        "tidegate": {"privacy": "open"},
        "headers": {"tidegate-privacy": "local"},
    },
}


def reasons(decision):
    return {c["model"]: c["reason"] for c in decision["candidates"] if c["rejected"]}


# The starter model says of itself that it knows nothing; here it stands in for a small real one.
STAND_IN = '[providers.local]\nmodels = [{ name = "tidegate-starter", quality = 0.5 }]\n'


class Privacy(GateTest):
    TABLES = STAND_IN

    def test_a_private_request_is_answered_on_the_device_and_nothing_leaves(self):
        for (way, fields), model, stream in itertools.product(
            PRIVATE_WAYS.items(), ("auto", "auto:best", LOCAL), (False, True)
        ):
            with self.subTest(way=way, model=model, stream=stream):
                answer = self.gate.chat(model, HARD, max_tokens=8, stream=stream, **fields)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(answer.headers["tidegate-place"], "device")
                self.assertEqual(answer.headers["tidegate-egress"], "none")
        self.assert_nothing_left()

    def test_the_automatic_name_for_private_work_is_private(self):
        answer = self.gate.chat("auto:private", HARD, max_tokens=8)
        self.assertEqual(answer.headers["tidegate-place"], "device")
        decision = self.gate.decision_of(answer)
        self.assertEqual(decision["privacy"], "local")
        self.assertEqual(decision["allowed_places"], ["device"])
        self.assert_nothing_left()

    def test_a_private_request_for_a_cloud_model_is_refused_with_the_reason(self):
        for way, fields in PRIVATE_WAYS.items():
            with self.subTest(way=way):
                if "fallback" in str(fields):
                    continue  # may be answered on the device; the next test
                answer = self.gate.chat(CLOUD, "Say hello.", **fields)
                self.assertEqual(answer.status, 503, answer.body)
                self.assertIn(answer.error["code"], ("privacy", "place"))
                self.assertIn(CLOUD, answer.error["message"])
                self.assertEqual(answer.headers["tidegate-egress"], "none")
        self.assert_nothing_left()

    def test_a_cloud_model_with_fallback_may_be_answered_on_the_device_only(self):
        answer = self.gate.chat(
            CLOUD, "Say hello.", tidegate={"privacy": "local", "fallback": "any"}
        )
        if answer.status == 200:
            self.assertEqual(answer.headers["tidegate-place"], "device")
        else:
            self.assertEqual(answer.status, 503, answer.body)
        self.assert_nothing_left()

    def test_a_dry_run_reaches_nobody_and_says_what_would_happen(self):
        starts = self.gate.engine_model()["started_at"]
        for model in ("auto", CLOUD, LOCAL):
            answer = self.gate.chat(model, HARD, tidegate={"dry_run": True})
            self.assertEqual(answer.status, 200, answer.body)
            plan = answer.json
            self.assertTrue(plan["dry_run"])
            self.assertEqual(plan["attempts"], [])
            best = plan["candidates"][0]
            self.assertFalse(best["rejected"])
            if model == CLOUD:
                self.assertGreater(best["worst_case_cost_nanodollars"], 0)
        self.assertEqual(self.gate.engine_model()["started_at"], starts)
        self.assert_nothing_left()

    def test_easy_work_stays_here_and_hard_work_goes_to_the_cloud(self):
        easy = self.gate.chat("auto", "Say hello.")
        self.assertEqual(easy.headers["tidegate-place"], "device", easy.body)
        self.assert_nothing_left()
        hard = self.gate.chat("auto", HARD)
        self.assertEqual(hard.headers["tidegate-place"], "cloud", hard.body)
        self.assertEqual(len(self.emulator.chats()), 1)

    def test_a_decision_explains_candidates_reasons_attempts_and_money(self):
        answer = self.gate.chat("auto", HARD, tidegate={"tags": ["a-tag"], "run": "a-run"})
        decision = self.gate.decision_of(answer)
        self.assertEqual(decision["id"], answer.decision)
        self.assertEqual(decision["model"], answer.headers["tidegate-model"])
        self.assertEqual((decision["tags"], decision["run"]), (["a-tag"], "a-run"))
        self.assertEqual(decision["egress"], "raw")
        models = {candidate["model"] for candidate in decision["candidates"]}
        self.assertEqual(models, {LOCAL, CLOUD, PACED})
        [attempt] = decision["attempts"]
        self.assertEqual((attempt["outcome"], attempt["upstream_status"]), ("ok", 200))
        usage = answer.json["usage"]
        self.assertEqual(attempt["usage"]["input_tokens"], usage["prompt_tokens"])
        self.assertEqual(attempt["cost_nanodollars"], self.emulator.bill()["nanodollars"])
        self.assertGreaterEqual(attempt["reserved_nanodollars"], attempt["cost_nanodollars"])
        self.assertEqual(answer.headers["tidegate-cost-usd"], decision["cost_usd"])
        private = self.gate.chat("auto", HARD, max_tokens=8, tidegate={"privacy": "local"})
        self.assertEqual(
            reasons(self.gate.decision_of(private)), {CLOUD: "privacy", PACED: "privacy"}
        )

    def test_no_field_of_ours_and_no_header_of_the_caller_reaches_the_cloud(self):
        headers = {"tidegate-tags": "secret-tag", "cookie": "a=b", "x-forwarded-for": "10.1.2.3"}
        answer = self.gate.chat(CLOUD, tidegate={"run": "secret-run"}, headers=headers)
        self.assertEqual(answer.status, 200, answer.body)
        [entry] = self.emulator.chats()
        self.assertEqual(
            entry["body"],
            '{"model": "swift", "messages": [{"role": "user", "content": "Say hello."}]}',
        )
        names = {name.lower() for name, _ in entry["headers"]}
        self.assertTrue(
            names <= {"host", "content-type", "content-length", "accept", "accept-encoding"},
            names,
        )


class PrivacyWithoutAnEngine(GateTest):
    LOCAL = False

    def test_a_private_request_is_refused_with_reasons_and_nothing_leaves(self):
        for (way, fields), model in itertools.product(PRIVATE_WAYS.items(), ("auto", CLOUD)):
            with self.subTest(way=way, model=model):
                answer = self.gate.chat(model, "Say hello.", **fields)
                self.assertEqual(answer.status, 503, answer.body)
                self.assertEqual(answer.error["type"], "server_error")
                self.assertIn(answer.error["code"], ("privacy", "place"))
                self.assertIn(CLOUD, answer.error["message"])
                decision = self.gate.decision_of(answer)
                self.assertEqual(decision["attempts"], [])
                self.assertIn(reasons(decision)[CLOUD], ("privacy", "place"))
        self.assert_nothing_left()


class Keys(GateTest):
    TABLES = (
        key_table("admin", "tg-admin", "admin = true")
        + key_table("private", "tg-private", 'privacy = "local"')
        + key_table("bound", "tg-bound", 'place = ["device"]')
        + key_table("work", "tg-work", 'policy = "work"')
        + '[policies.work]\nprivacy = "local"\n'
        + '[policies.careful]\nplace = ["device"]\n'
    )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gate.key = "tg-admin"

    def test_without_a_key_nothing_is_answered(self):
        nobody = self.gate.with_key(None)
        for answer in (nobody.chat(LOCAL), nobody.get("/v1/models"), nobody.get("/tidegate/ps")):
            self.assertEqual(answer.status, 401, answer.body)
        self.assertEqual(nobody.get("/health").status, 200)
        self.assert_nothing_left()

    def test_what_a_key_or_its_policy_forbids_no_body_and_no_header_allows(self):
        loose = {"privacy": "open", "place": ["device", "cloud"], "fallback": "any"}
        headers = {"tidegate-privacy": "open", "tidegate-place": "cloud,device"}
        for key, model in itertools.product(
            ("tg-private", "tg-bound", "tg-work"), ("auto", "auto:best", "careful")
        ):
            with self.subTest(key=key, model=model):
                answer = self.gate.with_key(key).chat(
                    model, HARD, max_tokens=8, tidegate=loose, headers=headers
                )
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(answer.headers["tidegate-place"], "device")
        self.assert_nothing_left()

    def test_a_key_that_may_not_use_the_cloud_is_told_so(self):
        answer = self.gate.with_key("tg-bound").chat(CLOUD)
        self.assertIn(answer.status, (403, 503), answer.body)
        self.assertIn(answer.error["code"], ("key_place", "place"))
        self.assert_nothing_left()

    def test_a_key_sees_only_the_models_that_it_may_use(self):
        names = [m["id"] for m in self.gate.with_key("tg-bound").get("/v1/models").json["data"]]
        self.assertIn(LOCAL, names)
        self.assertNotIn(CLOUD, names)

    def test_a_policy_is_a_model_name(self):
        answer = self.gate.chat("careful", HARD, max_tokens=8)
        self.assertEqual(answer.headers["tidegate-place"], "device")
        self.assert_nothing_left()

    def test_a_key_sees_its_own_decisions_only(self):
        mine = self.gate.chat(LOCAL, max_tokens=2)
        self.gate.decision_of(mine)
        other = self.gate.with_key("tg-work")
        self.assertEqual(other.get("/tidegate/decisions/" + mine.decision).status, 404)
        self.assertEqual(other.get("/tidegate/decisions?principal=admin").status, 403)
        self.assertEqual(other.get("/tidegate/spend?principal=admin").status, 403)
        self.assertEqual(other.get("/tidegate/status").status, 403)


class Fallback(unittest.TestCase):
    """A gate for each case: what a target did before decides whether it is asked again."""

    def setUp(self):
        self.emulator = Emulator()
        self.addCleanup(self.emulator.close)
        self.gate = Gate(cloud_provider(self.emulator))
        self.addCleanup(self.gate.close)

    def test_a_cloud_that_is_down_is_replaced_by_the_device(self):
        self.emulator.down()
        for stream in (False, True):
            answer = self.gate.chat("auto", HARD, max_tokens=8, stream=stream)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(answer.headers["tidegate-place"], "device")
            decision = self.gate.decision_of(answer)
            outcomes = [(a["place"], a["outcome"]) for a in decision["attempts"]]
            self.assertEqual(outcomes[0], ("cloud", "failed"))
            self.assertEqual(outcomes[-1], ("device", "ok"))

    def test_a_cloud_that_takes_no_connection_costs_nothing_and_is_replaced(self):
        self.emulator.program.kill()
        answer = self.gate.chat("auto", HARD, max_tokens=8)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["tidegate-place"], "device")
        refused = self.gate.chat(CLOUD, tidegate={"fallback": "none"})
        self.assertEqual(refused.status, 503, refused.body)
        self.assertIn("cannot reach", refused.error["message"])
        self.assertEqual(self.gate.spent_nanodollars(), 0)

    def test_every_way_to_fail_before_the_first_byte_falls_back(self):
        for fault in ("status=500", "status=429", "drop", "drop_after_head", "cut_after=0"):
            with self.subTest(fault=fault):
                self.emulator.faults(fault)
                answer = self.gate.chat("auto", HARD, max_tokens=8, stream=True)
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(answer.headers["tidegate-place"], "device")
                self.assertEqual(answer.events[-1], "[DONE]")

    def test_without_leave_to_fall_back_the_failure_is_the_answer(self):
        self.emulator.faults("status=500")
        answer = self.gate.chat("auto", HARD, max_tokens=8, tidegate={"fallback": "none"})
        self.assertGreaterEqual(answer.status, 500, answer.body)
        decision = self.gate.decision_of(answer)
        self.assertEqual(len(decision["attempts"]), 1)

    def test_an_answer_cut_in_its_middle_is_never_complete(self):
        for fault in ("cut_after=5", "cut_after=5,rst", "error_after=5", "malformed_json,tokens=9"):
            with self.subTest(fault=fault):
                self.emulator.faults(fault)
                answer = self.gate.chat(PACED, HARD, stream=True)
                self.assertEqual(answer.status, 200)
                self.assertNotIn(b"[DONE]", answer.body)
                self.assertIn("error", answer.events[-1])
                decision = self.gate.decision_of(answer)
                self.assertEqual(decision["attempts"][0]["outcome"], "cut")
                self.assertEqual(len(decision["attempts"]), 1)

    def test_what_happens_behind_the_end_mark_takes_nothing_from_a_complete_answer(self):
        self.emulator.faults("truncated_chunk")
        answer = self.gate.chat(CLOUD, HARD, stream=True)
        self.assertEqual(answer.events[-1], "[DONE]")
        decision = self.gate.decision_of(answer)
        self.assertEqual(decision["attempts"][0]["outcome"], "ok")
        self.assertEqual(decision["cost_nanodollars"], self.emulator.bill()["nanodollars"])

    def test_a_whole_answer_that_is_cut_is_an_error(self):
        for fault in ("cut_after=5", "content_length=50", "malformed_json"):
            with self.subTest(fault=fault):
                self.emulator.faults(fault)
                answer = self.gate.chat(CLOUD, HARD)
                self.assertGreaterEqual(answer.status, 500, answer.body)
                self.assertIn(CLOUD, answer.error["message"])

    def test_a_target_that_always_fails_is_left_alone_and_the_reason_says_so(self):
        self.emulator.faults("status=500")
        answers = [self.gate.chat(CLOUD) for _ in range(20)]
        self.assertEqual({answer.status for answer in answers}, {503})
        self.assertIn("failed (500)", answers[0].error["message"])
        self.assertEqual(answers[-1].error["code"], "unavailable")
        self.assertIn("left alone", answers[-1].error["message"])
        self.assertLess(len(self.emulator.chats()), 12)


if __name__ == "__main__":
    unittest.main()
