#!/usr/bin/env python3
"""What /metrics says: read by a strict parser of this file's own, by prometheus_client where that
is installed, and compared with what the emulator and the ledger know."""

import importlib.util
import math
import re
import unittest

from harness import CLOUD, LOCAL, NANODOLLARS, Client, GateTest, eventually, key_table

NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
LABEL = re.compile(rf'({NAME})="((?:[^"\\\n]|\\["\\n])*)"')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count"),
            "info": ("_info",)}


def parse_labels(text):
    labels, at = {}, 0
    while at < len(text):
        found = LABEL.match(text, at)
        assert found, f"no label: {text[at:]}"
        name, value = found.groups()
        assert name not in labels, f"{name} stands twice: {text}"
        labels[name] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], value)
        at = found.end()
        if at < len(text):
            assert text[at] == "," and at + 1 < len(text), text
            at += 1
    return labels


class Metrics:
    """The samples by name and labels. Everything that the formats forbid is an error."""

    def __init__(self, text, open_metrics):
        self.samples, self.types = {}, {}
        assert text.endswith("\n")
        lines = text.split("\n")[:-1]
        if open_metrics:
            assert lines.pop() == "# EOF"
        family, helped = None, None
        for line in lines:
            if line.startswith("# HELP "):
                helped, _, words = line[len("# HELP ") :].partition(" ")
                assert words and helped not in self.types, line
                family = None
            elif line.startswith("# TYPE "):
                family, kind = line[len("# TYPE ") :].split(" ")
                assert family == helped, "a type follows its help"
                self.types[family] = kind
            else:
                self.add(line, family, open_metrics)
        self.check_histograms()

    def add(self, line, family, open_metrics):
        found = SAMPLE.fullmatch(line)
        assert found and family, line
        name, labels, value = found.groups()
        kind = self.types[family]
        suffixes = SUFFIXES[kind]
        if not open_metrics and kind == "counter":
            suffixes = ("",)
            assert family.endswith("_total"), family
        assert name in [family + suffix for suffix in suffixes], f"{name} is not of {family}"
        key = (name, frozenset(parse_labels(labels or "").items()))
        assert key not in self.samples, f"stands twice: {line}"
        number = float(value)
        assert not math.isnan(number) and (kind == "gauge" or number >= 0), line
        self.samples[key] = number

    def check_histograms(self):
        for family, kind in self.types.items():
            if kind != "histogram":
                continue
            series = {}
            for (name, labels), value in self.samples.items():
                if name == family + "_bucket":
                    bound = float(dict(labels)["le"])
                    rest = frozenset(pair for pair in labels if pair[0] != "le")
                    series.setdefault(rest, []).append((bound, value))
            for rest, buckets in series.items():
                buckets.sort()
                counts = [count for _, count in buckets]
                assert counts == sorted(counts), "buckets hold those below them"
                assert buckets[-1][0] == math.inf
                assert self.samples[(family + "_count", rest)] == counts[-1]
                assert (family + "_sum", rest) in self.samples

    def get(self, name, **labels):
        """The sum of the samples that have these labels."""
        wanted = set(labels.items())
        return sum(v for (n, have), v in self.samples.items() if n == name and wanted <= have)

    def values(self, label):
        return {dict(labels)[label] for _, labels in self.samples if label in dict(labels)}


class MetricsTest(GateTest):
    TABLES = (
        key_table("user", "user")
        + key_table("scraper", "scraper", 'scopes = ["metrics"]')
        + key_table("boss", "boss", "admin = true")
    )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gate.key = "boss"

    def setUp(self):
        super().setUp()
        self.user = self.gate.with_key("user")
        self.scraper = self.gate.with_key("scraper")

    def read(self, open_metrics=False):
        headers = {"accept": OPEN_METRICS} if open_metrics else {}
        answer = self.scraper.request("GET", "/metrics", headers=headers)
        self.assertEqual(answer.status, 200, answer.body)
        kind = "application/openmetrics-text; version=1.0.0" if open_metrics else (
            "text/plain; version=0.0.4")
        self.assertEqual(answer.headers["content-type"], kind + "; charset=utf-8")
        self.text = answer.body.decode()
        return Metrics(self.text, open_metrics)

    def test_both_formats_hold_the_same_samples(self):
        self.assertEqual(self.user.chat(CLOUD).status, 200)
        self.assertEqual(self.user.chat(LOCAL, max_tokens=4).status, 200)
        plain, open_metrics = self.read(), self.read(True)
        moving = ("tidegate_connections", "tidegate_engine_resident_bytes")
        still = lambda m: {k: v for k, v in m.samples.items() if k[0] not in moving}
        canonical = lambda m: {
            (n, frozenset((k, str(float(v)) if k == "le" else v) for k, v in labels)): value
            for (n, labels), value in still(m).items()}
        self.assertEqual(canonical(plain), canonical(open_metrics))

    @unittest.skipUnless(importlib.util.find_spec("prometheus_client"), "no prometheus_client")
    def test_another_parser_reads_both(self):
        from prometheus_client.openmetrics import parser as open_parser
        from prometheus_client.parser import text_string_to_metric_families

        self.assertEqual(self.user.chat(CLOUD).status, 200)
        self.read(True)
        self.assertGreater(len(list(open_parser.text_string_to_metric_families(self.text))), 20)
        ours = self.read()
        theirs = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
        }
        self.assertEqual(theirs, ours.samples)

    def test_requests_tokens_and_cost_are_those_of_the_bill(self):
        before = self.read()
        cost = self.gate.spent_nanodollars()
        answers = [self.user.chat(CLOUD, prompt="Tell me about tides.") for _ in range(5)]
        self.assertEqual([answer.status for answer in answers], [200] * 5)
        stream, answer = self.user.open_stream(CLOUD)
        self.assertIn(b"[DONE]", answer.read())
        stream.close()
        spent = eventually(lambda: self.gate.spent_nanodollars() - cost, "it costs something")
        after = eventually(
            lambda: (m := self.read()).get("tidegate_requests_total", provider="cloud")
            == before.get("tidegate_requests_total", provider="cloud") + 6 and m, "six requests")
        grown = lambda name, **labels: after.get(name, **labels) - before.get(name, **labels)
        asked = {"provider": "cloud", "place": "cloud"}
        self.assertEqual(grown("tidegate_requests_total", protocol="openai_chat", status="2xx",
                               **asked), 6)
        self.assertEqual(grown("tidegate_attempts_total", model="swift", outcome="ok", **asked), 6)
        usages = [answer.json["usage"] for answer in answers]
        self.assertGreaterEqual(grown("tidegate_tokens_total", model="swift", kind="output"),
                                sum(usage["completion_tokens"] for usage in usages))
        dollars = grown("tidegate_cost_dollars_total", model="swift")
        self.assertAlmostEqual(dollars * NANODOLLARS, spent, delta=1)
        self.assertEqual(self.emulator.bill()["nanodollars"], spent)
        self.assertEqual(grown("tidegate_request_duration_seconds_count", **asked), 6)
        self.assertEqual(grown("tidegate_time_to_first_content_seconds_count", **asked), 6)
        self.assertEqual(after.get("tidegate_streams_active"), 0)
        self.assertEqual(after.get("tidegate_requests_active"), 0)
        self.assertEqual(after.get("tidegate_ledger_reservations"), 0)

    def test_failures_say_whose_they_are_and_what_followed(self):
        before = self.read()
        grown = lambda name, **labels: self.read().get(name, **labels) - before.get(name, **labels)
        self.assertEqual(Client(self.gate.host, self.gate.port).chat(CLOUD).status, 401)
        self.assertEqual(self.scraper.chat(CLOUD).status, 403)
        self.assertEqual(self.user.chat("nobody/knows").status, 404)
        self.emulator.faults("status=500")
        answer = self.user.chat(CLOUD, tidegate={"fallback": "any"}, max_tokens=4)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["tidegate-place"], "device")
        self.assertEqual(grown("tidegate_request_errors_total", code="unauthenticated"), 1)
        self.assertEqual(grown("tidegate_request_errors_total", code="permission_denied"), 1)
        self.assertEqual(grown("tidegate_request_errors_total", code="not_found"), 1)
        self.assertGreaterEqual(grown("tidegate_fallbacks_total"), 1)
        self.assertGreaterEqual(grown("tidegate_attempts_total", provider="cloud",
                                      outcome="failed"), 1)
        self.assertEqual(grown("tidegate_requests_total", provider="none", status="4xx"), 1)

    def test_no_caller_makes_series_of_its_own(self):
        for name in ('evil"\n# HELP', "cloud/unknown", "x" * 200):
            self.user.chat(name)
        metrics = self.read()
        known = {"swift", "paced", "tidegate-starter", "none"}
        self.assertLessEqual(metrics.values("model"), known)
        self.assertLessEqual(metrics.values("provider"), {"cloud", "local", "none"})
        self.assertNotIn('"user"', self.text)
        self.assertNotIn("evil", self.text)

    def test_the_engine_tells_of_its_models(self):
        self.assertEqual(self.user.chat(LOCAL, max_tokens=4).status, 200)
        metrics = self.read()
        model = {"model": "tidegate-starter"}
        self.assertEqual(metrics.get("tidegate_engine_state", state="ready", **model), 1)
        self.assertEqual(metrics.get("tidegate_engine_state", **model), 1, "one state at a time")
        self.assertGreater(metrics.get("tidegate_engine_resident_bytes", **model), 1_000_000)
        self.assertGreaterEqual(metrics.get("tidegate_engine_loads_total", **model), 1)
        self.assertGreater(metrics.get("tidegate_engine_load_seconds_total", **model), 0)
        self.assertEqual(metrics.get("tidegate_engine_crashes_total", **model), 0)
        self.assertGreater(metrics.get("tidegate_engine_slots", **model), 0)

    def test_only_a_key_for_it_may_read_them(self):
        self.assertEqual(self.user.get("/metrics").status, 403)
        self.assertEqual(Client(self.gate.host, self.gate.port).get("/metrics").status, 401)
        self.assertEqual(self.gate.get("/metrics").status, 200)


if __name__ == "__main__":
    unittest.main()
