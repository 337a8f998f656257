#!/usr/bin/env python3
"""Every entry of the catalogue as a contract: the emulator plays the vendor, the gate is configured
with the entry as it is, only at another address, and the emulator's journal says what reached it.

An entry without a case fails. The cases stand in providers_cases.py."""

import contextlib
import functools
import hashlib
import json
import pathlib
import re
import unittest

from harness import SOURCE_DIR, Emulator, Gate, eventually, key_table
from providers_cases import CASES, OPENAI_CHAT

CATALOGUE = pathlib.Path(SOURCE_DIR, "src/providers/catalogue")
ENTRIES = {path.stem: json.loads(path.read_text()) for path in sorted(CATALOGUE.glob("*.json"))}
GATE_KEY = "key-of-the-gate-that-must-not-leave"
LIMITS = {"requests": 1000, "tokens": 1000000}
TOOL = {
    "name": "look_up",
    "description": "Looks a city up.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    },
}
OPENAI_TOOLS = [{"type": "function", "function": TOOL}]
ANTHROPIC_TOOLS = [
    {"name": "look_up", "description": "Looks.", "input_schema": TOOL["parameters"]}
]
PRICES = "{ input_usd = 2.5, output_usd = 10 }"


def hashed(value):
    return "sha256:" + hashlib.sha256(value.encode()).hexdigest()


def key_of(entry):
    return f"key-of-{entry}-0123456789"


def model_of(entry):
    return CASES[entry].model or f"{entry}-emulated"


def emulator_tables():
    tables = []
    for entry, case in CASES.items():
        where = f'api_key = "{key_of(entry)}"\nkey_in = "{case.key_in}"\n'
        if case.aws:
            where = (
                'aws_access_key_id = "AKIAEMULATED"\n'
                f'aws_secret_access_key = "{key_of(entry)}"\n'
            )
        tables.append(
            f'[[model]]\nname = "{model_of(entry)}"\n{where}shapes = {json.dumps(case.shapes)}\n'
            f"requests_per_minute_max = {LIMITS['requests']}\n"
            f"tokens_per_minute_max = {LIMITS['tokens']}\n"
            f"input_usd_per_mtok = 2.5\noutput_usd_per_mtok = 10\n{case.quirks}"
        )
    return "\n".join(tables)


def provider_table(entry, port, name, key):
    case = CASES[entry]
    secret = f'key = "env:{key}"'
    if case.aws:
        secret = (
            'aws_region = "eu-central-1"\naws_access_key_id = "AKIAEMULATED"\n'
            f'aws_secret_access_key = "env:{key}"'
        )
    # As a model of the entry has it that can be asked for tools, in whatever its interface can do.
    capabilities = {*ENTRIES[entry]["capabilities"], "temperature"}
    if case.tools:
        capabilities.add("tools")
    return f"""
[providers.{name}]
kind = "{entry}"
url = "http://127.0.0.1:{port}{case.base}"
{secret}
place = "cloud"
emulated = true
models = [{{ name = "{model_of(entry)}", context_tokens = 128000, output_tokens_max = 16384,
 quality = 0.9, prices = {PRICES}, capabilities = {json.dumps(sorted(capabilities))} }}]
""".replace(",\n quality", ", quality")


def for_entries(*entries):
    """A test that is run for each of them, or for all."""

    def wrap(test):
        @functools.wraps(test)
        def run(self):
            for entry in entries or CASES:
                with self.subTest(entry=entry):
                    self.emulator.reset()
                    test(self, entry)

        return run

    return wrap


class Providers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.emulator = Emulator(emulator_tables())
        cls.addClassCleanup(cls.emulator.close)
        tables, env = key_table("caller", GATE_KEY), {"WRONG": "a-wrong-key"}
        for entry in CASES:
            name = "KEY_" + re.sub(r"\W", "_", entry).upper()
            env[name] = key_of(entry)
            tables += provider_table(entry, cls.emulator.port, entry, name)
            tables += provider_table(entry, cls.emulator.port, entry + "-wrong", "WRONG")
        cls.gate = Gate(tables, local=False, env=env)
        cls.addClassCleanup(cls.gate.close)
        cls.gate.key = GATE_KEY

    def chats(self):
        return [entry for entry in self.emulator.chats() if entry["method"] == "POST"]

    def ask(self, entry, prompt="hello", provider=None, **more):
        return self.gate.chat(f"{provider or entry}/{model_of(entry)}", prompt, **more)

    def ask_as_anthropic(self, entry, provider=None, **more):
        body = {
            "model": f"{provider or entry}/{model_of(entry)}",
            "max_tokens": 200,
            "messages": [{"role": "user", "content": "hello"}],
            **more,
        }
        return self.gate.request(
            "POST", "/v1/messages", body, {"anthropic-version": "2023-06-01"}
        )

    def seen(self, entry):
        """The one chat of this entry's model that the vendor saw."""
        entries = [e for e in self.chats() if e["model"] == model_of(entry)]
        self.assertEqual(len(entries), 1, entries)
        return entries[0]

    def body_seen(self, entry):
        return json.loads(self.seen(entry)["body"])


class Contract(Providers):
    def test_every_entry_of_the_catalogue_has_a_case(self):
        self.assertEqual(sorted(CASES), sorted(ENTRIES))

    def check_request(self, entry, case, stream):
        seen = self.seen(entry)
        base, model = case.base, model_of(entry)
        path = (stream and case.stream_path) or case.path
        if case.aws or "{model}:" in path:
            model = model.replace(":", "%3A")
        self.assertEqual(seen["path"], path.format(base=base, model=model))
        headers = [(name.lower(), value) for name, value in seen["headers"]]
        if not case.aws:
            name, value = case.header
            credentials = [(n, v) for n, v in headers if v.startswith("sha256:")]
            self.assertEqual(credentials, [(name, hashed(value.format(key=key_of(entry))))])
        for secret in (GATE_KEY, "Bearer " + GATE_KEY):
            self.assertNotIn(hashed(secret), [value for _, value in headers])
            self.assertNotIn(GATE_KEY, json.dumps(seen))
        self.assertNotIn("tidegate", seen["body"])
        for name, _ in headers:
            self.assertFalse(name.startswith("tidegate"), name)

    @for_entries()
    def test_a_whole_answer(self, entry):
        case = CASES[entry]
        answer = self.ask(entry, max_tokens=400, tidegate={"tags": ["t"]})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertIn(f"[emulated {model_of(entry)}]", answer.text)
        self.assertEqual(answer.json["choices"][0]["finish_reason"], "stop")
        self.check_request(entry, case, False)
        bill = self.emulator.bill()["models"][model_of(entry)]
        usage = answer.json["usage"]
        self.assertEqual(usage["completion_tokens"], bill["completion_tokens"])
        self.assertEqual(usage["prompt_tokens"], bill["prompt_tokens"])

    @for_entries()
    def test_a_stream(self, entry):
        case = CASES[entry]
        usage = {"stream_options": {"include_usage": True}} if case.streams_usage else {}
        answer = self.ask(entry, max_tokens=400, stream=True, **usage)
        self.assertEqual(answer.status, 200, answer.body)
        events = answer.events
        self.assertEqual(events[-1], "[DONE]")
        choices = [c for e in events[:-1] for c in e.get("choices") or []]
        text = "".join((c.get("delta") or {}).get("content") or "" for c in choices)
        self.assertIn(f"[emulated {model_of(entry)}]", text)
        self.assertIn("stop", [c.get("finish_reason") for c in choices])
        self.check_request(entry, case, True)
        if case.streams_usage:
            bill = self.emulator.bill()["models"][model_of(entry)]
            told = [e["usage"] for e in events[:-1] if e.get("usage")]
            self.assertEqual(told[-1]["completion_tokens"], bill["completion_tokens"])

    @for_entries()
    def test_a_tool_is_called_and_its_result_comes_back(self, entry):
        if not CASES[entry].tools:
            answer = self.ask(entry, tools=OPENAI_TOOLS)
            self.assertEqual(answer.status, 400, answer.body)
            self.assertEqual(self.chats(), [])
            return
        for stream in (False, True):
            self.emulator.reset()
            ask = {"role": "user", "content": "call the tool look_up"}
            answer = self.ask(entry, messages=[ask], tools=OPENAI_TOOLS, stream=stream)
            self.assertEqual(answer.status, 200, answer.body)
            call = self.call_of(answer, stream)
            self.assertEqual(call["name"], "look_up")
            self.assertEqual(sorted(json.loads(call["arguments"])), ["city", "days"])
            turn = {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": call["id"],
                        "type": "function",
                        "function": {"name": call["name"], "arguments": call["arguments"]},
                    }
                ],
            }
            result = {"role": "tool", "tool_call_id": call["id"], "content": "rain for days"}
            self.emulator.reset()
            answer = self.ask(entry, messages=[ask, turn, result], tools=OPENAI_TOOLS)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertIn("rain for days", self.seen(entry)["body"])

    def call_of(self, answer, stream):
        if not stream:
            call = answer.json["choices"][0]["message"]["tool_calls"][0]
            return {"id": call["id"], **call["function"]}
        call = {"id": "", "name": "", "arguments": ""}
        for event in answer.events[:-1]:
            for choice in event.get("choices") or []:
                for delta in (choice.get("delta") or {}).get("tool_calls") or []:
                    call["id"] = delta.get("id") or call["id"]
                    call["name"] += delta["function"].get("name") or ""
                    call["arguments"] += delta["function"].get("arguments") or ""
        return call


class Errors(Providers):
    def check_openai(self, answer, status):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(sorted(answer.error), ["code", "message", "param", "type"])
        self.assertNotIn("0123456789", answer.body.decode())

    def check_anthropic(self, answer, status, kind):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.json["type"], "error")
        self.assertEqual(answer.error["type"], kind)

    @for_entries()
    def test_a_key_that_the_vendor_refuses_is_ours_and_never_the_callers(self, entry):
        case = CASES[entry]
        answer = self.ask(entry, provider=entry + "-wrong")
        self.check_openai(answer, 503)
        self.assertIn(answer.error["code"], ("provider_key_refused", "upstream_key_refused"))
        self.assertEqual(self.seen(entry)["status"], case.wrong_key_status)
        self.check_anthropic(
            self.ask_as_anthropic(entry, provider=entry + "-wrong"), 503, "api_error"
        )

    @for_entries()
    def test_a_rate_limit_says_when_to_come_back(self, entry):
        self.emulator.faults("status=429,retry_after=7", model_of(entry))
        answer = self.ask(entry)
        self.check_openai(answer, 429)
        self.assertEqual(answer.headers["retry-after"], "7")
        answer = self.ask_as_anthropic(entry)
        self.check_anthropic(answer, 429, "rate_limit_error")
        self.assertEqual(answer.headers["retry-after"], "7")

    @for_entries()
    def test_a_request_that_the_vendor_calls_wrong_is_the_callers(self, entry):
        case = CASES[entry]
        self.emulator.faults(f"status={case.bad_status}", model_of(entry))
        answer = self.ask(entry)
        self.check_openai(answer, 400)
        self.assertIn("this failure was asked for", answer.error["message"])
        self.check_anthropic(self.ask_as_anthropic(entry), 400, "invalid_request_error")

    @for_entries()
    def test_a_vendor_that_fails_is_unavailable(self, entry):
        self.emulator.faults("status=500", model_of(entry))
        self.check_openai(self.ask(entry), 503)

    @for_entries()
    def test_a_stream_that_fails_midway_ends_as_an_error(self, entry):
        self.emulator.faults("error_after=6,tokens_per_s=100", model_of(entry))
        answer = self.ask(entry, stream=True)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertNotIn(b"[DONE]", answer.body)
        self.assertIn("error", answer.events[-1])


class RateLimits(Providers):
    """The names that the entry states, told in those of the client's protocol."""

    STATED = {"requests_limit", "requests_left", "requests_reset"} | {
        "tokens_limit", "tokens_left", "tokens_reset"
    }  # fmt: skip

    def check(self, entry, answer, name_of, reset):
        stated = ENTRIES[entry].get("rate_limit_headers", {})
        for fact in self.STATED:
            name = name_of(*fact.split("_"))
            if fact not in stated:  # with the client's own names whatever there is passes
                if stated.get("requests_left") != name_of("requests", "left"):
                    self.assertNotIn(name, answer.headers)
                continue
            value = answer.headers[name]
            if fact.endswith("limit"):
                self.assertEqual(int(value), LIMITS[fact.split("_")[0]])
            elif fact.endswith("left"):
                self.assertTrue(0 <= int(value) <= LIMITS[fact.split("_")[0]], value)
            else:
                self.assertRegex(value, reset)

    def check_openai(self, entry, answer):
        words = {"limit": "limit", "left": "remaining", "reset": "reset"}
        self.check(
            entry,
            answer,
            lambda unit, fact: f"x-ratelimit-{words[fact]}-{unit}",
            r"^(\d+h)?(\d+m)?(\d+)(ms|s)$",
        )

    def check_anthropic(self, entry, answer):
        words = {"limit": "limit", "left": "remaining", "reset": "reset"}
        self.check(
            entry,
            answer,
            lambda unit, fact: f"anthropic-ratelimit-{unit}-{words[fact]}",
            r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
        )

    @for_entries()
    def test_clients_of_openais_protocol_hear_of_them(self, entry):
        self.check_openai(entry, self.ask(entry))
        self.check_openai(entry, self.ask(entry, stream=True))
        self.emulator.faults("status=429", model_of(entry))
        answer = self.ask(entry)
        self.assertEqual(answer.status, 429)
        self.check_openai(entry, answer)

    @for_entries()
    def test_clients_of_anthropics_protocol_hear_of_them(self, entry):
        self.check_anthropic(entry, self.ask_as_anthropic(entry))
        self.emulator.faults("status=429", model_of(entry))
        answer = self.ask_as_anthropic(entry)
        self.assertEqual(answer.status, 429)
        self.check_anthropic(entry, answer)

    @for_entries("openai", "anthropic")
    def test_other_clients_hear_nothing_that_they_do_not_know(self, entry):
        body = {"model": f"{entry}/{model_of(entry)}", "stream": False}
        body["messages"] = [{"role": "user", "content": "hello"}]
        answer = self.gate.request("POST", "/api/chat", body)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual([n for n in answer.headers if "ratelimit" in n], [])


class Quirks(Providers):
    def refused(self, entry, **fields):
        """No request with these fields reaches the vendor."""
        answer = self.ask(entry, **fields)
        self.assertIn(answer.status, (400, 503), answer.body)
        self.assertEqual(self.chats(), [])
        return answer

    @for_entries()
    def test_the_output_limit_has_the_vendors_name(self, entry):
        case = CASES[entry]
        if OPENAI_CHAT not in case.shapes:
            return
        quirks = ENTRIES[entry].get("quirks", {})
        new = quirks.get("max_completion_tokens", False)
        for field in ("max_tokens", "max_completion_tokens"):
            self.emulator.reset()
            self.assertEqual(self.ask(entry, **{field: 9}).status, 200)
            body = self.body_seen(entry)
            self.assertEqual(body["max_completion_tokens" if new else "max_tokens"], 9)
            self.assertNotIn("max_tokens" if new else "max_completion_tokens", body)

    @for_entries("groq")
    def test_what_groq_refuses_is_left_out_or_goes_elsewhere(self, entry):
        answer = self.ask(entry, logprobs=False, logit_bias={}, n=1)
        self.assertEqual(answer.status, 200, answer.body)
        named = [{"role": "user", "name": "ann", "content": "hello"}]
        self.emulator.reset()
        answer = self.refused(entry, messages=named)
        self.assertEqual(answer.error["param"], "messages[0].name")
        for fields in ({"logprobs": True}, {"logit_bias": {"5": 1}}, {"n": 2}):
            self.refused(entry, **fields)

    @for_entries("cerebras")
    def test_what_cerebras_refuses_is_left_out_or_goes_elsewhere(self, entry):
        answer = self.ask(
            entry, frequency_penalty=0, presence_penalty=0, logit_bias={}, service_tier="auto"
        )
        self.assertEqual(answer.status, 200, answer.body)
        self.emulator.reset()
        for fields in ({"frequency_penalty": 1}, {"presence_penalty": 1}, {"n": 2}):
            self.refused(entry, **fields)

    @for_entries("mistral")
    def test_mistral_hears_its_own_names(self, entry):
        answer = self.ask(entry, seed=5, user="u", store=True, logprobs=False)
        self.assertEqual(answer.status, 200, answer.body)
        body = self.body_seen(entry)
        self.assertEqual(body["random_seed"], 5)
        self.assertEqual(set(body) - {"model", "messages", "max_tokens"}, {"random_seed"})
        self.emulator.reset()
        call = {"id": "call_of_another_model", "type": "function"}
        call["function"] = {"name": "look_up", "arguments": "{}"}
        messages = [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": "12"},
        ]
        answer = self.ask(entry, messages=messages, tools=OPENAI_TOOLS)
        self.assertEqual(answer.status, 200, answer.body)
        sent = self.body_seen(entry)["messages"]
        self.assertRegex(sent[1]["tool_calls"][0]["id"], r"^[A-Za-z0-9]{9}$")
        self.assertEqual(sent[1]["tool_calls"][0]["id"], sent[2]["tool_call_id"])

    @for_entries("deepseek")
    def test_deepseek_gets_back_what_it_thought_before_a_call(self, entry):
        call = {"id": "call_1", "type": "function"}
        call["function"] = {"name": "look_up", "arguments": "{}"}
        turn = {"role": "assistant", "content": None, "tool_calls": [call]}
        result = {"role": "tool", "tool_call_id": "call_1", "content": "12"}
        for thought in ("because", ""):
            self.emulator.reset()
            said = {**turn, "reasoning_content": thought} if thought else turn
            messages = [{"role": "user", "content": "a"}, said, result]
            answer = self.ask(entry, messages=messages, tools=OPENAI_TOOLS)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(
                self.body_seen(entry)["messages"][1]["reasoning_content"], thought
            )

    @for_entries(*(entry for entry in CASES if entry.startswith("azure")))
    def test_azures_content_filter_is_told_as_what_it_is(self, entry):
        self.emulator.faults("refusal", model_of(entry))
        answer = self.ask(entry)
        self.assertEqual(answer.status, 400, answer.body)
        self.assertEqual(answer.error["code"], "content_filter")
        self.emulator.faults("", model_of(entry))
        answer = self.ask_as_anthropic(entry, stream=True)
        self.assertIn(b"message_stop", answer.body)

    @for_entries("openrouter")
    def test_openrouters_comments_and_thoughts_pass(self, entry):
        self.emulator.faults("reasoning=4", model_of(entry))
        answer = self.ask(entry, stream=True)
        self.assertIn(b": OPENROUTER PROCESSING", answer.body)
        self.assertIn(b'"reasoning":', answer.body)
        answer = self.ask_as_anthropic(entry, stream=True)
        self.assertIn(b"thinking_delta", answer.body)

    @for_entries("openrouter")
    def test_openrouters_error_in_a_stream_is_an_error(self, entry):
        self.emulator.faults("error_after=6,tokens_per_s=100", model_of(entry))
        answer = self.ask_as_anthropic(entry, stream=True)
        self.assertIn(b"event: error", answer.body)
        self.assertNotIn(b"message_stop", answer.body)

    @for_entries("lmstudio")
    def test_whole_arguments_at_the_end_reach_a_client_that_streams(self, entry):
        answer = self.ask_as_anthropic(
            entry,
            stream=True,
            tools=ANTHROPIC_TOOLS,
            messages=[{"role": "user", "content": "call the tool look_up"}],
        )
        self.assertEqual(answer.status, 200, answer.body)
        text = "".join(
            event["delta"].get("partial_json", "")
            for event in anthropic_events(answer.body)
            if event["type"] == "content_block_delta"
        )
        self.assertEqual(sorted(json.loads(text)), ["city", "days"])

    @for_entries("nim")
    def test_nvidias_extension_passes_to_its_server(self, entry):
        schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
        answer = self.ask(entry, nvext={"guided_json": schema})
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.text, '{"ok":true}')

    @for_entries("tgi")
    def test_nvidias_extension_passes_to_no_other_server(self, entry):
        self.refused(entry, nvext={})

    @for_entries("replicate")
    def test_replicates_predictions_are_asked_for_until_they_are_there(self, entry):
        self.assertEqual(self.ask(entry).status, 200)
        asked = [(e["method"], e["path"]) for e in self.emulator.chats()]
        self.assertEqual([method for method, _ in asked], ["POST", "GET", "GET"])
        self.assertRegex(asked[1][1], r"^/v1/predictions/emulated[0-9a-f]{16}$")
        self.assertEqual(asked[1], asked[2])
        self.emulator.reset()
        self.assertEqual(self.ask(entry, stream=True).status, 200)
        asked = [(e["method"], e["path"]) for e in self.emulator.chats()]
        self.assertEqual([method for method, _ in asked], ["POST", "GET"])
        self.assertRegex(asked[1][1], r"^/v1/streams/emulated[0-9a-f]{16}$")

    @for_entries("replicate")
    def test_a_prediction_that_nobody_waits_for_is_cancelled(self, entry):
        self.emulator.faults("tokens_per_s=20,tokens=400", model_of(entry))
        connection, answer = self.gate.open_stream(f"{entry}/{model_of(entry)}")
        with contextlib.closing(connection):
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.read(1))
        cancelled = eventually(
            lambda: [e["path"] for e in self.chats() if e["path"].endswith("/cancel")],
            "the prediction is cancelled",
        )
        self.assertRegex(cancelled[0], r"^/v1/predictions/emulated[0-9a-f]{16}/cancel$")

    @for_entries("huggingface")
    def test_the_provider_behind_a_router_stays_in_the_models_name(self, entry):
        self.assertEqual(self.ask(entry).status, 200)
        self.assertEqual(self.body_seen(entry)["model"], "org/emulated:groq")

    @for_entries("groq")
    def test_groqs_usage_is_found_where_it_stands(self, entry):
        answer = self.ask(entry, stream=True)
        decision = self.gate.decision_of(answer)
        usage = decision["attempts"][0]["usage"]
        bill = self.emulator.bill()["models"][model_of(entry)]
        self.assertEqual(usage["output_tokens"], bill["completion_tokens"])
        self.assertFalse(usage["estimated"])


def anthropic_events(body):
    return [
        json.loads(line[len("data: ") :])
        for line in body.decode().splitlines()
        if line.startswith("data: ")
    ]


if __name__ == "__main__":
    unittest.main()
