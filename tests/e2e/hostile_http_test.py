#!/usr/bin/env python3
"""HTTP as no honest client writes it, over raw sockets: two readings of one message, requests
without end, heads and bodies without measure, and names that a browser was tricked into. Each gets
a clear refusal, nothing of it reaches the cloud, and everybody else is served all the while."""

import concurrent.futures
import json
import re
import socket
import time
import unittest

from harness import CLOUD, PATIENCE_S, GateTest, eventually

BODY = json.dumps({"model": CLOUD, "messages": [{"role": "user", "content": "x"}]})
PATH = "/v1/chat/completions"
SLOW_LIMIT_S = 10  # for a head, and for each pause in a body


def head(*fields, method="POST", target=PATH, version="HTTP/1.1", host="localhost"):
    lines = [f"{method} {target} {version}"]
    if host:
        lines.append("Host: " + host)
    return "\r\n".join([*lines, *fields, "", ""])


JSON = "Content-Type: application/json"
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
CHUNKS = f"{len(BODY):x}\r\n{BODY}\r\n0\r\n\r\n"


class Raw:
    """A connection on which any bytes can be written."""

    def __init__(self, gate):
        self.socket = socket.create_connection((gate.host, gate.port), timeout=PATIENCE_S)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        data = data if isinstance(data, bytes) else data.encode("latin-1")
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was there; the answer says why
        return self

    def read_to_end(self):
        """Everything until the gate closes."""
        try:
            while data := self.socket.recv(65536):
                self.received += data
        except ConnectionResetError:
            pass
        return self.received

    def read_answer(self):
        """One answer with a Content-Length: its status, head and body."""
        while b"\r\n\r\n" not in self.received:
            data = self.socket.recv(65536)
            if not data:
                raise AssertionError(f"closed without an answer: {self.received!r}")
            self.received += data
        top, _, rest = self.received.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", top)
        if found is None:
            raise AssertionError(f"no content-length: {top!r}")
        size = int(found[1])
        while len(rest) < size:
            rest += self.socket.recv(65536)
        self.received = rest[size:]
        return int(top.split(b" ", 2)[1]), top.decode("latin-1"), rest[:size]


class Hostile(GateTest):
    LOCAL = False

    def exchange(self, data):
        with Raw(self.gate) as raw:
            return raw.send(data).read_answer()

    def assert_refused(self, data, status, param=None, word=None):
        got, top, body = self.exchange(data)
        error = json.loads(body)["error"]
        self.assertEqual(got, status, (data[:200], error))
        self.assertIn("application/json", top)
        self.assertTrue(error["message"])
        if param:
            self.assertEqual(error["param"], param)
        if word:
            self.assertIn(word, error["message"])
        return top

    def tearDown(self):
        self.assert_nothing_left()
        self.assertEqual(self.gate.get("/health").status, 200)

    def test_framing_with_two_readings_is_refused_and_the_connection_closed(self):
        cases = {
            "both lengths": head(JSON, LENGTH, CHUNKED) + CHUNKS,
            "both lengths, the other way round": head(JSON, CHUNKED, LENGTH) + CHUNKS,
            "two lengths": head(JSON, LENGTH, LENGTH) + BODY,
            "two different lengths": head(JSON, LENGTH, "Content-Length: 5") + BODY,
            "a list of lengths": head(JSON, f"Content-Length: {len(BODY)}, 5") + BODY,
            "a signed length": head(JSON, f"Content-Length: +{len(BODY)}") + BODY,
            "a negative length": head(JSON, "Content-Length: -1") + BODY,
            "a hexadecimal length": head(JSON, "Content-Length: 0x10") + BODY,
            "a length beyond 64 bits": head(JSON, "Content-Length: 99999999999999999999") + BODY,
            "no length at all": head(JSON, "Content-Length:") + BODY,
            "two encodings": head(JSON, CHUNKED, CHUNKED) + CHUNKS,
            "an encoding before chunked": head(JSON, "Transfer-Encoding: gzip, chunked") + CHUNKS,
            "an unknown encoding": head(JSON, "Transfer-Encoding: xchunked") + CHUNKS,
            "a blank before the colon": head(JSON, "Transfer-Encoding : chunked") + CHUNKS,
            "a tab before the colon": head(JSON, "Content-Length\t: 5") + BODY,
            "a folded field": head(JSON, "Transfer-Encoding:\r\n chunked") + CHUNKS,
            "chunked in HTTP/1.0": head(JSON, CHUNKED, version="HTTP/1.0") + CHUNKS,
            "a zero byte in a field": head(JSON, LENGTH, "X: a\x00b") + BODY,
            "a bare carriage return": head(JSON, LENGTH, "X: a\rb") + BODY,
            "a field without a colon": head(JSON, LENGTH, "nonsense") + BODY,
            "a field without a name": head(JSON, LENGTH, ": x") + BODY,
        }
        for name, data in cases.items():
            with self.subTest(name=name):
                top = self.assert_refused(data, 400)
                self.assertIn("connection: close", top)

    def test_broken_chunks_are_refused(self):
        size = f"{len(BODY):x}"
        cases = {
            "no size": f"\r\n{BODY}\r\n0\r\n\r\n",
            "a size that is no number": f"zz\r\n{BODY}\r\n0\r\n\r\n",
            "a signed size": f"+{size}\r\n{BODY}\r\n0\r\n\r\n",
            "a size beyond 64 bits": f"{'f' * 17}\r\n{BODY}\r\n0\r\n\r\n",
            "a chunk longer than it says": f"5\r\n{BODY}\r\n0\r\n\r\n",
            "a bare line feed": f"{size}\n{BODY}\n0\n\n\r\n",
            "an endless extension": f"{size};{'x' * 5000}\r\n{BODY}\r\n0\r\n\r\n",
        }
        for name, chunks in cases.items():
            with self.subTest(name=name):
                self.assert_refused(head(JSON, CHUNKED) + chunks, 400)

    def test_a_smuggled_request_is_never_answered(self):
        hidden = head(JSON, LENGTH) + BODY
        for outer in (
            head(JSON, "Content-Length: 6", CHUNKED) + "0\r\n\r\n" + hidden,
            head(JSON, f"Content-Length: {len(BODY)}", "Content-Length: 0") + hidden,
            head(JSON, "Content-Length: 4\r\n Transfer-Encoding: chunked") + hidden,
        ):
            with Raw(self.gate) as raw:
                answers = raw.send(outer).read_to_end()
            self.assertEqual(answers.count(b"HTTP/1.1 "), 1, answers)

    def test_a_request_sent_before_the_answer_to_the_last_is_not_answered(self):
        request = head(JSON, "Content-Length: 2") + "{}"
        with Raw(self.gate) as raw:
            answers = raw.send(request * 3).read_to_end()
        self.assertEqual(answers.count(b"HTTP/1.1 400"), 1, answers)
        self.assertIn(b"connection: close", answers)

    def test_one_request_after_the_other_keeps_the_connection(self):
        request = head(JSON, "Content-Length: 2") + "{}"
        with Raw(self.gate) as raw:
            for _ in range(5):
                status, top, _ = raw.send(request).read_answer()
                self.assertEqual(status, 400)
                self.assertNotIn("connection: close", top)

    def test_only_known_names_of_this_machine_are_answered(self):
        for host in (
            "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:80",
            "127.0.0.2", "0.0.0.0", "10.0.0.1", "[::2]", "localhost:99999", "localhost:x",
            "2130706433",
        ):  # fmt: skip
            with self.subTest(host=host):
                self.assert_refused(head(JSON, LENGTH, host=host) + BODY, 403, word="hosts")
        self.assert_refused(head(JSON, LENGTH, host=None) + BODY, 400, "Host")
        self.assert_refused(head(JSON, LENGTH, "Host: localhost") + BODY, 400, "Host")
        own = f"127.0.0.1:{self.gate.port}"
        for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]", own):
            status, _, _ = self.exchange(head(method="GET", target="/health", host=host))
            self.assertEqual(status, 200, host)

    def test_a_web_page_may_not_call(self):
        own = f"http://127.0.0.1:{self.gate.port}"
        for origin in ("https://evil.example", "http://localhost", own, "null"):
            with self.subTest(origin=origin):
                data = head(JSON, LENGTH, f"Origin: {origin}") + BODY
                self.assert_refused(data, 403, word="origins")

    def test_only_json_is_read(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"):
            data = head(f"Content-Type: {kind}", LENGTH) + BODY
            self.assert_refused(data, 400, "Content-Type", "application/json")

    def test_routes_have_their_methods(self):
        for method, target in (
            ("GET", PATH), ("PUT", PATH), ("DELETE", PATH), ("POST", "/v1/models"),
            ("POST", "/v2/x"), ("GET", "/v1/../etc/passwd"), ("GET", "/tidegate/nothing"),
            ("BREW", "/"),
        ):  # fmt: skip
            with self.subTest(method=method, target=target):
                status, _, body = self.exchange(head(method=method, target=target))
                self.assertIn(status, (400, 404, 405))
                self.assertTrue(json.loads(body)["error"]["message"])
        for target in ("http://localhost/v1/models", "localhost:80", "*", "/a#b", "/\xff", "x"):
            with self.subTest(target=target):
                self.assert_refused(head(method="GET", target=target), 400)

    def test_what_is_no_http_is_refused_at_once(self):
        for data in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
            b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", b"\x00" * 100, b"GET\r\n\r\n",
        ):  # fmt: skip
            with self.subTest(data=data[:20]):
                self.assert_refused(data, 400)

    def test_a_head_beyond_measure_is_refused(self):
        self.assert_refused(head(JSON, "X: " + "x" * 1_000_000), 431)
        self.assert_refused(head(JSON, *(f"X-{n}: {n}" for n in range(500))), 431)
        self.assert_refused(head(method="GET", target="/" + "x" * 20_000), 431)

    def test_a_body_beyond_measure_is_refused_before_it_is_read(self):
        begin = time.monotonic()
        self.assert_refused(head(JSON, "Content-Length: 104857600"), 413)
        self.assert_refused(head(JSON, "Content-Length: 104857600", "Expect: 100-continue"), 413)
        self.assertLess(time.monotonic() - begin, PATIENCE_S / 3)
        chunk = "100000\r\n" + "x" * 0x100000 + "\r\n"
        with Raw(self.gate) as raw:
            raw.send(head(JSON, CHUNKED))
            for _ in range(40):
                raw.send(chunk)
            self.assertEqual(raw.read_answer()[0], 413)

    def test_an_honest_expectation_is_met_and_another_refused(self):
        with Raw(self.gate) as raw:
            raw.send(head(JSON, "Content-Length: 2", "Expect: 100-continue"))
            self.assertEqual(raw.socket.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n")
            self.assertEqual(raw.send("{}").read_answer()[0], 400)
        self.assert_refused(head(JSON, "Content-Length: 2", "Expect: magic"), 400, "Expect")

    def test_half_a_request_has_no_effect(self):
        for data in (head(JSON, LENGTH) + BODY[:20], head(JSON, CHUNKED) + CHUNKS[:20], "POST /v1"):
            with Raw(self.gate) as raw:
                raw.send(data)

        def idle():
            status = self.gate.get("/tidegate/status").json
            return status["requests_active"] == 0 and status["connections"] == 1

        eventually(idle, "nothing of it is left")

    def test_slow_senders_are_ended_and_hold_up_nobody(self):
        begin = time.monotonic()
        slow = {
            "a head without end": (head(JSON)[:-2], 408),
            "a body that stops": (head(JSON, LENGTH) + BODY[:10], 408),
            "a chunk that stops": (head(JSON, CHUNKED) + CHUNKS[:10], 408),
        }
        raws = [(name, Raw(self.gate).send(data), status) for name, (data, status) in slow.items()]
        crowd = [Raw(self.gate).send("POST / HT") for _ in range(60)]
        dripping = Raw(self.gate).send("GET /health HTTP/1.1\r\n")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            dripped = pool.submit(self.drip, dripping, begin)
            for _ in range(20):
                self.assertEqual(self.gate.get("/v1/models").status, 200)
            for name, raw, status in raws:
                with self.subTest(name=name), raw:
                    got, top, body = raw.read_answer()
                    self.assertEqual(got, status, body)
                    self.assertTrue(json.loads(body)["error"]["message"])
            self.assertEqual(dripped.result(), 408)
        for raw in crowd:
            with raw:
                self.assertIn(b" 408 ", raw.read_to_end())

    def drip(self, raw, begin):
        """A byte now and then never ends a head; the limit is for all of it. Returns the status."""
        with raw:
            raw.socket.settimeout(0.5)
            while time.monotonic() - begin < SLOW_LIMIT_S * 3:
                raw.send("x")
                try:
                    data = raw.socket.recv(1000)
                except TimeoutError:
                    continue
                return int(data.split(b" ", 2)[1])
        return None


if __name__ == "__main__":
    unittest.main()
