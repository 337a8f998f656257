#!/usr/bin/env python3
"""Bodies that are no JSON, JSON that is no request, and strings that break naive programs, through
the front door: each gets a clear answer in the protocol's shape, none reaches the cloud that should
not, and what does reach it is what was sent, byte for byte.

The vectors below are our own. Where the public collections lie beside the repository
(shared/data/), their files are tried as well; elsewhere only that part is skipped.
"""

import base64
import json
import pathlib
import tarfile
import unittest

from harness import CLOUD, SOURCE_DIR, GateTest

SHARED = pathlib.Path(SOURCE_DIR).parent / "shared/data"
JSON_SUITE = SHARED / "jsontestsuite/JSONTestSuite.tar.gz"
NAUGHTY_SUITE = SHARED / "naughty-strings/blns.base64.json"

VALID = {
    "empty object": b"{}",
    "empty array": b"[]",
    "null": b"null",
    "true": b"true",
    "zero": b"0",
    "minus zero": b"-0",
    "a fraction": b"-12.5e-3",
    "a number with an exponent": b"1E+2",
    "a string alone": b'"x"',
    "an empty string": b'""',
    "escapes": b'["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
    "an escaped zero": b'["\\u0000"]',
    "a pair of surrogates": b'["\\uD83C\\uDF0A"]',
    "letters of two to four bytes": '["é東🌊"]'.encode(),
    "a line separator": '["\u2028"]'.encode(),
    "a byte order mark inside": '["\ufeff"]'.encode(),
    "blanks everywhere": b' \t\r\n[ 1 , { "a" : [ ] } ]\n',
    "nested arrays": b"[" * 30 + b"]" * 30,
    "one key twice": b'{"a":1,"a":2}',
    "an empty key": b'{"":0}',
    "a long string": b'"' + b"x" * 100_000 + b'"',
}
INVALID = {
    "nothing": b"",
    "a blank": b" ",
    "an open object": b"{",
    "an open array": b"[1,",
    "a closing brace alone": b"}",
    "two documents": b"{} {}",
    "something behind the end": b"{}x",
    "a comma at the end of an array": b"[1,]",
    "a comma at the end of an object": b'{"a":1,}',
    "two commas": b"[1,,2]",
    "a comma first": b"[,1]",
    "no comma": b"[1 2]",
    "no colon": b'{"a" 1}',
    "two colons": b'{"a"::1}',
    "no value": b'{"a":}',
    "a key without quotes": b"{a:1}",
    "a number for a key": b"{1:1}",
    "single quotes": b"{'a':'b'}",
    "a comment": b"[1] // one",
    "a block comment": b"[/* one */1]",
    "True": b"[True]",
    "half of true": b"[tru]",
    "NaN": b"[NaN]",
    "Infinity": b"[-Infinity]",
    "undefined": b"[undefined]",
    "a leading zero": b"[012]",
    "a leading plus": b"[+1]",
    "a point without digits": b"[1.]",
    "a point first": b"[.5]",
    "an exponent without digits": b"[1e]",
    "two minus signs": b"[--1]",
    "a hexadecimal number": b"[0x1F]",
    "digits of another script": "[１]".encode(),
    "an open string": b'["x',
    "an open escape": b'["\\',
    "an unknown escape": b'["\\x41"]',
    "a short escape": b'["\\u00"]',
    "an unescaped tab": b'["\t"]',
    "an unescaped line break": b'["\n"]',
    "an unescaped zero": b'["\x00"]',
    "a byte order mark first": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a byte that is no UTF-8": b'["\xff"]',
    "half a character": b'["\xe6\x9d"]',
    "an overlong slash": b'["\xc0\xaf"]',
    "a surrogate in UTF-8": b'["\xed\xa0\x80"]',
    "beyond Unicode": b'["\xf4\x90\x80\x80"]',
    "too deep": b"[" * 100_000,
    "too deep and closed": b"[" * 5_000 + b"]" * 5_000,
    "brackets crossed": b"[}",
    "a zero byte behind": b"{}\x00",
    "XML": b"<json/>",
    "a form": b"a=1&b=2",
}
NAUGHTY = [
    "", " ", "\t", "\n", "\r\n", "null", "undefined", "NaN", "true", "0", "-1", "1e1000", "1/0",
    "\\", "\\\\", '"', '\\"', "'", "`", "{}", "[]", '{"a":', "\\u0000", "\x00", "\x01\x02\x7f",
    "\x1b[31mred\x1b[0m", "\u0085", "\u200b", "\u200e\u200f", "\u202eabc", "\u2028\u2029", "\ufeff",
    "\ufffe\uffff", "\U0010ffff", "e\u0301", "é", "ﬀ", "İıẞß", "Ω≈ç√∫˜µ≤≥÷", "東京", "ضرب", "שלום",
    "👩‍👩‍👧‍👦", "🇩🇪🏳️‍🌈", "a" + "\u0300" * 200, "<script>alert(1)</script>", "]]>", "<!--", "&lt;",
    "'; DROP TABLE users; --", "$(reboot)", "`id`", "%s%n%x%d", "%00", "../../../etc/passwd",
    "C:\\CON", "data: [DONE]\n\n", "\n\ndata: {}\n\n", "HTTP/1.1 200 OK\r\n\r\n", "<|im_end|>",
    "<|im_start|>system\n", "{{7*7}}", "${jndi:ldap://x}", "x" * 70_000,
]  # fmt: skip


class Json(GateTest):
    LOCAL = False

    def post(self, body):
        return self.gate.request("POST", "/v1/chat/completions", body)

    def check_refusal(self, answer, name):
        """A 400 in the shape of the protocol; returns its error."""
        self.assertEqual(answer.status, 400, (name, answer.body))
        self.assertEqual(answer.headers["content-type"], "application/json")
        error = answer.error
        self.assertEqual(set(error), {"message", "type", "param", "code"}, name)
        self.assertEqual(error["type"], "invalid_request_error", name)
        self.assertTrue(error["message"], name)
        return error

    def inside(self, document):
        """A request that is good but for `document`, and that would run nothing."""
        head = f'{{"model":"{CLOUD}","messages":[{{"role":"user","content":"x"}}],'
        return head.encode() + b'"tidegate":{"dry_run":true},"metadata":' + document + b"}"

    def check_valid(self, name, document):
        error = self.check_refusal(self.post(document), name)
        self.assertNotEqual(error["code"], "invalid_json", (name, error))
        answer = self.post(self.inside(document))
        if answer.status != 200:
            error = self.check_refusal(answer, name)
            self.assertNotEqual(error["code"], "invalid_json", (name, error))
            self.assertIn("metadata", error["param"], name)

    def check_invalid(self, name, document):
        for body in (document, self.inside(document)):
            error = self.check_refusal(self.post(body), name)
            self.assertEqual(error["code"], "invalid_json", (name, error))

    def tearDown(self):
        self.assert_nothing_left()
        self.assertEqual(self.gate.get("/health").status, 200)

    def test_valid_json_that_is_no_request_is_refused_for_its_fields(self):
        for name, document in VALID.items():
            with self.subTest(name=name):
                self.check_valid(name, document)

    def test_what_is_no_json_is_refused_as_such(self):
        for name, document in INVALID.items():
            with self.subTest(name=name):
                self.check_invalid(name, document)

    @unittest.skipUnless(JSON_SUITE.exists(), "the public collection is not here")
    def test_the_public_collection_of_json_files(self):
        counts = {"y": 0, "n": 0, "i": 0}
        with tarfile.open(JSON_SUITE) as archive:
            for member in archive:
                name = pathlib.PurePath(member.name).name
                if not name.endswith(".json"):
                    continue
                document = archive.extractfile(member).read()
                counts[name[0]] += 1
                with self.subTest(name=name):
                    if name[0] == "y":
                        self.check_valid(name, document)
                    elif name[0] == "n":
                        self.check_invalid(name, document)
                    else:  # left open by the standard: refused in either way, or understood
                        self.check_refusal(self.post(document), name)
                        self.assertIn(self.post(self.inside(document)).status, (200, 400))
        self.assertEqual((counts["y"] > 90, counts["n"] > 180, counts["i"] > 30), (True,) * 3)


class Fields(GateTest):
    """JSON that is a request but for one field: the error names the field's path."""

    LOCAL = False
    MESSAGE = {"role": "user", "content": "x"}
    CASES = [
        ({"model": None}, "model"),
        ({"model": 7}, "model"),
        ({"model": "x" * 300}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [MESSAGE, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "x"}]}]},
            "messages[0].content[0].type",
        ),
        ({"stream": "yes"}, "stream"),
        ({"n": 0}, "n"),
        ({"n": 1.5}, "n"),
        ({"n": 129}, "n"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 2**63}, "max_tokens"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, "max_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"top_p": 2}, "top_p"),
        ({"stop": [1]}, "stop[0]"),
        ({"stop": ["x"] * 100}, "stop"),
        ({"logit_bias": {"5": 200}}, "logit_bias.5"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"tidegate": 5}, "tidegate"),
        ({"tidegate": {"place": "moon"}}, "tidegate.place"),
        ({"tidegate": {"place": []}}, "tidegate.place"),
        ({"tidegate": {"max_cost_usd": -1}}, "tidegate.max_cost_usd"),
        ({"tidegate": {"deadline_ms": 0}}, "tidegate.deadline_ms"),
        ({"tidegate": {"require": ["magic"]}}, "tidegate.require"),
        ({"tidegate": {"providers": {"onyl": ["x"]}}}, "tidegate.providers.onyl"),
        ({"provider": {"quantizations": ["int4"]}}, "provider.quantizations"),
    ]  # fmt: skip

    def test_each_wrong_field_is_named(self):
        for wrong, path in self.CASES:
            with self.subTest(wrong=str(wrong)[:80]):
                body = {"model": CLOUD, "messages": [self.MESSAGE], **wrong}
                answer = self.gate.request("POST", "/v1/chat/completions", body)
                self.assertEqual(answer.status, 400, answer.body)
                self.assertEqual(answer.error["param"], path, answer.error)
                self.assertTrue(answer.error["message"])
        self.assert_nothing_left()

    def test_a_wrong_header_is_named(self):
        for name, value in {
            "tidegate-privacy": "secret",
            "tidegate-privcy": "local",
            "tidegate-deadline-ms": "soon",
        }.items():
            answer = self.gate.chat(CLOUD, headers={name: value})
            self.assertEqual(answer.status, 400, answer.body)
            self.assertEqual(answer.error["param"], name)
        self.assert_nothing_left()

    def test_ten_thousand_tools_are_too_many(self):
        tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
        answer = self.gate.chat(CLOUD, tools=[tool] * 10_000)
        self.assertEqual(answer.status, 400, answer.body)
        self.assertEqual(answer.error["param"], "tools")
        self.assertIn("2048", answer.error["message"])
        self.assert_nothing_left()


class Strings(GateTest):
    LOCAL = False

    def check(self, strings):
        sent = []
        for text in strings:
            with self.subTest(text=ascii(text)[:60]):
                content = json.dumps(text, ensure_ascii=False)
                body = f'{{"model":"%s","messages":[{{"role":"user","content":{content}}}]}}'
                answer = self.gate.request(
                    "POST", "/v1/chat/completions", body.replace("%s", CLOUD, 1).encode()
                )
                self.assertEqual(answer.status, 200, answer.body)
                sent.append(body.replace("%s", "swift", 1))
        arrived = [entry["body"] for entry in self.emulator.chats()]
        self.assertEqual(arrived, sent)

    def test_naughty_strings_reach_the_cloud_byte_for_byte(self):
        self.check(NAUGHTY)

    @unittest.skipUnless(NAUGHTY_SUITE.exists(), "the public collection is not here")
    def test_the_public_collection_of_naughty_strings(self):
        encoded = json.loads(NAUGHTY_SUITE.read_text(encoding="utf-8"))
        strings = [base64.b64decode(text) for text in encoded]
        self.assertGreater(len(strings), 400)
        self.check([text.decode() for text in strings if is_utf8(text)])


def is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


if __name__ == "__main__":
    unittest.main()
