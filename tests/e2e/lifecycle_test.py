#!/usr/bin/env python3
"""How a gate begins, ends and survives: signals, crashes of itself and of its engine, sockets, TLS,
wrong configurations; and that neither keys nor prompts are found in anything it writes."""

import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import unittest

from harness import CLOUD, LOCAL, PACED, PATIENCE_S, TIDEGATE, Client, Emulator, Gate, Home
from harness import UnixConnection, alive, cloud_provider, eventually, free_port, key_table
from harness import run_tidegate

EXIT_UNAVAILABLE, EXIT_CONFIG = 69, 78


class WithCloud(unittest.TestCase):
    def setUp(self):
        self.emulator = Emulator()
        self.addCleanup(self.emulator.close)

    def start(self, tables="", settings="", **options):
        gate = Gate(cloud_provider(self.emulator) + tables, settings, **options)
        self.addCleanup(gate.close)
        return gate


class Ending(WithCloud):
    def test_a_signal_lets_streams_finish_and_takes_nothing_new(self):
        gate = self.start()
        self.assertEqual(gate.chat(LOCAL, max_tokens=1).status, 200)
        engine = gate.engine_model()["pid"]
        streams = [gate.open_stream(PACED, f"Tell story {n}.", max_tokens=50) for n in range(3)]
        for _, answer in streams:
            self.assertTrue(answer.readline())
        gate.program.signal(signal.SIGTERM)
        eventually(lambda: not accepts(gate), "nobody new is taken")
        for connection, answer in streams:
            self.assertIn(b"data: [DONE]", answer.read())
            connection.close()
        self.assertEqual(gate.program.wait(), 0)
        self.assertFalse(alive(engine))
        self.assertEqual(list(pathlib.Path(gate.home.run).glob("engine-*")), [])

    def test_an_interrupt_ends_it_as_well_and_start_is_another_word_for_serve(self):
        gate = self.start(local=False, verb="start")
        gate.program.signal(signal.SIGINT)
        self.assertEqual(gate.program.wait(), 0)

    def test_what_does_not_finish_in_time_is_cut_and_not_complete(self):
        gate = self.start(settings="drain_s = 1", local=False)
        self.emulator.faults("stall_after=3")
        connection, answer = gate.open_stream(PACED, "Tell a story.")
        self.assertTrue(answer.readline())
        gate.program.signal(signal.SIGTERM)
        try:
            rest = answer.read()
        except http.client.IncompleteRead as cut:
            rest = cut.partial
        connection.close()
        self.assertNotIn(b"[DONE]", rest)
        self.assertEqual(gate.program.wait(), 0)

    def test_killed_it_leaves_no_engine_behind(self):
        gate = self.start()
        self.assertEqual(gate.chat(LOCAL, max_tokens=1).status, 200)
        engine = gate.engine_model()["pid"]
        self.assertTrue(alive(engine))
        gate.program.kill()
        eventually(lambda: not alive(engine), "the engine is gone")
        again = self.start(home=gate.home)
        self.assertEqual(again.chat(LOCAL, max_tokens=1).status, 200)
        self.assertEqual(len(list(pathlib.Path(gate.home.run).glob("engine-*"))), 1)

    def test_it_survives_the_death_of_its_engine(self):
        gate = self.start()
        self.assertEqual(gate.chat(LOCAL, max_tokens=1).status, 200)
        for _ in range(2):
            engine = gate.engine_model()["pid"]
            os.kill(engine, signal.SIGKILL)
            eventually(lambda: gate.engine_model()["pid"] != engine, "it has noticed")
            answer = eventually(
                lambda: ok(gate.chat(LOCAL, "What is the capital of France?")), "it answers again"
            )
            self.assertIn("Paris", answer.text)

    def test_the_death_of_the_engine_in_a_stream_is_an_error_of_the_stream(self):
        gate = self.start()
        connection, answer = gate.open_stream(LOCAL, "Tell me a story.", logprobs=True)
        self.assertTrue(answer.readline())
        os.kill(gate.engine_model()["pid"], signal.SIGKILL)
        try:
            rest = answer.read()
        except http.client.IncompleteRead as cut:
            rest = cut.partial
        connection.close()
        record = gate.find_decision(answer.getheader("tidegate-decision"))
        if b"[DONE]" in rest:
            self.assertEqual(record["attempts"][-1]["outcome"], "ok")  # quicker than the kill
        else:
            self.assertIn(b'"error"', rest)
            self.assertEqual(record["attempts"][-1]["outcome"], "cut")


def accepts(gate):
    try:
        socket.create_connection((gate.host, gate.port), timeout=PATIENCE_S).close()
        return True
    except OSError:
        return False


def ok(answer):
    return answer if answer.status == 200 else None


class Listening(WithCloud):
    def test_a_second_gate_on_the_same_port_is_refused_with_the_remedy(self):
        gate = self.start(local=False)
        home = Home()
        self.addCleanup(home.remove)
        address = f"127.0.0.1:{gate.port}"
        second = run_tidegate("serve", "--listen", address, env=home.environment())
        self.assertEqual(second.returncode, EXIT_UNAVAILABLE)
        self.assertIn(address.encode(), second.stderr)
        self.assertIn(b"in use", second.stderr)
        self.assertEqual(gate.get("/health").status, 200)

    def test_a_second_gate_on_the_same_books_is_refused(self):
        gate = self.start(local=False)
        second = run_tidegate("serve", "--listen", "127.0.0.1:0", env=gate.env)
        self.assertEqual(second.returncode, EXIT_UNAVAILABLE, second.stderr)
        self.assertTrue(second.stderr)
        self.assertEqual(gate.chat(CLOUD).status, 200)

    def test_open_to_the_network_without_a_key_it_does_not_start(self):
        home = Home()
        self.addCleanup(home.remove)
        done = run_tidegate("serve", "--listen", "0.0.0.0:0", env=home.environment())
        self.assertEqual(done.returncode, EXIT_CONFIG, done.stderr)
        for word in (b"listen", b"[keys.", b"tls.certificate", b"127.0.0.1", b"allow_insecure"):
            self.assertIn(word, done.stderr)

    def test_a_unix_socket_serves_the_same_and_is_for_its_user(self):
        home = Home()
        self.addCleanup(home.remove)
        path = f"{home.path}/gate.sock"
        gate = self.start(local=False, home=home, listen=(f"unix:{path}", "127.0.0.1:0"))
        self.assertEqual(os.stat(path).st_mode & 0o077, 0)
        connection = UnixConnection(path, PATIENCE_S)
        body = json.dumps({"model": CLOUD, "messages": [{"role": "user", "content": "x"}]})
        connection.request(
            "POST", "/v1/chat/completions", body, {"content-type": "application/json"}
        )
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        self.assertEqual(json.loads(answer.read())["object"], "chat.completion")
        connection.close()
        self.assertEqual(gate.stop(), 0)
        self.assertFalse(os.path.exists(path))

    def test_tls_with_a_key_serves_the_network(self):
        home = Home()
        self.addCleanup(home.remove)
        certificate, key = f"{home.path}/gate.crt", f"{home.path}/gate.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost"],
            check=True, capture_output=True,
        )  # fmt: skip
        gate = self.start(
            f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
            + key_table("caller", "tg-caller"),
            local=False,
            home=home,
            listen=("0.0.0.0:0",),
        )
        trust = ssl.create_default_context(cafile=certificate)
        client = TlsClient("localhost", gate.port, "tg-caller", trust)
        self.assertEqual(client.chat(CLOUD).status, 200)
        connection, answer = client.open_stream(CLOUD)
        self.assertIn(b"[DONE]", answer.read())
        connection.close()
        self.assertEqual(TlsClient("localhost", gate.port, None, trust).chat(CLOUD).status, 401)


class TlsClient(Client):
    def __init__(self, host, port, key, trust):
        super().__init__(host, port, key)
        self._trust = trust

    def connect(self):
        return http.client.HTTPSConnection(
            self.host, self.port, timeout=PATIENCE_S, context=self._trust
        )


class Configuration(unittest.TestCase):
    WRONG = {
        "drian_s = 5": "drian_s",
        'drain_s = "5"': "drain_s",
        "drain_s = -1": "drain_s",
        'listen = "127.0.0.1:1"': "listen",
        'listen = ["example.com:80"]': "listen",
        "[log]\nlevel = 'loud'": "log.level",
        "[engine]\nslots = -1": "engine.slots",
        "[budget]\nday_usd = 'much'": "budget.day_usd",
        "[policies.work]\nprivacy = 'secret'": "policies.work.privacy",
        "[policies.work]\nprivcy = 'local'": "policies.work.privcy",
        "[keys.a]\npolicy = 'work'": "keys.a",
        "[keys.a]\nsha256 = 'abc'": "keys.a.sha256",
        "[providers.openai]\nkey = 'sk-in-the-file'": "providers.openai.key",
        "[providers.openai]\nkey = 'env:NOT_THERE'": "providers.openai.key",
        "[providers.x]\nkind = 'openai_compatible'\nurl = 'ftp://x'": "providers.x.url",
        "[tls]\ncertificate = '/nowhere.crt'": "tls",
        "x = [": "config.toml:1",
    }

    def test_each_wrong_setting_is_named_and_nothing_starts(self):
        home = Home()
        self.addCleanup(home.remove)
        for text, setting in self.WRONG.items():
            with self.subTest(text=text):
                home.write("config/tidegate/config.toml", text + "\n")
                done = run_tidegate("serve", env=home.environment())
                self.assertEqual(done.returncode, EXIT_CONFIG, done.stderr)
                self.assertIn(setting.encode(), done.stderr)
                self.assertNotIn(b"sk-in-the-file", done.stderr + done.stdout)
                check = run_tidegate("config", "check", env=home.environment())
                self.assertEqual(check.returncode, EXIT_CONFIG, check.stdout)
                self.assertIn(setting.encode(), check.stdout)

    def test_a_named_file_that_is_not_there_is_an_error(self):
        home = Home()
        self.addCleanup(home.remove)
        done = run_tidegate("serve", "--config", "/nowhere/x.toml", env=home.environment())
        self.assertEqual(done.returncode, EXIT_CONFIG)
        self.assertIn(b"/nowhere/x.toml", done.stderr)


class Secrets(WithCloud):
    PROMPT = "canary-prompt-7f3a9c"
    ANSWER = b"[emulated swift]"
    KEY = "tg-canary-key-51d0"
    PROVIDER_KEY = "sk-canary-provider-88ef"

    def read_all(self, folder):
        for path in pathlib.Path(folder).rglob("*"):
            if path.is_file():
                yield path, path.read_bytes()

    def test_prompts_answers_and_keys_are_in_no_log_and_no_file(self):
        provider = cloud_provider(self.emulator, "vault").replace(
            "emulated = true", 'emulated = true\nkey = "env:CANARY_KEY"'
        )
        gate = self.start(
            provider + key_table("canary", self.KEY, "admin = true"),
            '[log]\nlevel = "debug"\n',
            env={"CANARY_KEY": self.PROVIDER_KEY},
        )
        gate.key = self.KEY
        self.assertEqual(gate.chat("vault/swift", self.PROMPT).status, 200)
        self.assertEqual(gate.chat(LOCAL, self.PROMPT, stream=True).status, 200)
        # A response is kept, prompt and all: encrypted.
        kept = gate.request(
            "POST", "/v1/responses", {"model": "vault/swift", "input": self.PROMPT}
        )
        self.assertEqual(kept.status, 200)
        self.assertEqual(gate.get("/v1/responses/" + kept.json["id"]).status, 200)
        self.assertEqual(gate.chat("vault/swift", self.PROMPT, temperature=9).status, 400)
        self.assertEqual(gate.chat("no/model", self.PROMPT).status, 404)
        self.assertEqual(gate.with_key(self.KEY + "x").chat(CLOUD, self.PROMPT).status, 401)
        for fault in ("status=500", "malformed_json", "drop"):
            self.emulator.faults(fault)
            self.assertGreaterEqual(gate.chat("vault/swift", self.PROMPT).status, 500)
        sent = {value for entry in self.emulator.chats() for _, value in entry["headers"]}
        self.assertTrue(any(value.startswith("sha256:") for value in sent), "the key was sent")
        for words in (["explain", "last"], ["models"], ["spend"], ["config", "check", "--explain"]):
            shown = gate.run(*words)
            self.assert_clean(" ".join(words), shown.stdout + shown.stderr)
        self.assert_clean("decisions", json.dumps(gate.decisions()).encode())
        self.assert_clean("status", gate.get("/tidegate/status").body)
        while_running = dict(self.read_all(gate.home.state))
        self.assertEqual(gate.stop(), 0)
        self.assert_clean("the log", gate.program.output.encode())
        files = {**while_running, **dict(self.read_all(gate.home.state))}
        self.assertGreater(len(files), 1)
        for path, data in files.items():
            self.assert_clean(path, data)

    def assert_clean(self, where, data):
        canaries = [text.encode() for text in (self.PROMPT, self.KEY, self.PROVIDER_KEY)]
        canaries.append(self.ANSWER)
        for canary in canaries:
            self.assertFalse(canary in data, f"{canary} in {where}")  # without showing the data

    def test_the_state_is_encrypted_and_for_its_user_only(self):
        gate = self.start(local=False)
        self.assertEqual(gate.chat(CLOUD, tidegate={"tags": ["canary-tag-4b1e"]}).status, 200)
        gate.spend()
        self.assertEqual(gate.stop(), 0)
        databases = 0
        for path, data in self.read_all(gate.home.state):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)
            self.assertFalse(data.startswith(b"SQLite format 3"), path)
            self.assertFalse(b"canary-tag-4b1e" in data, path)
            databases += path.suffix == ".db"
        self.assertGreater(databases, 0)


class KeptResponses(WithCloud):
    def ask(self, gate, **fields):
        body = {"model": CLOUD, "input": "Say hello.", **fields}
        return gate.request("POST", "/v1/responses", body)

    def test_what_was_told_to_be_complete_survives_a_kill(self):
        gate = self.start(local=False)
        made = self.ask(gate).json
        gate.program.kill()
        again = self.start(local=False, home=gate.home)
        self.assertEqual(again.get("/v1/responses/" + made["id"]).json, made)
        self.assertEqual(self.ask(again, previous_response_id=made["id"]).status, 200)

    def test_without_keeping_nothing_is_written_down(self):
        gate = self.start(settings="responses.keep = false", local=False)
        answer = self.ask(gate)
        self.assertEqual(answer.status, 200)
        self.assertEqual(gate.get("/v1/responses/" + answer.json["id"]).status, 404)
        again = self.ask(gate, previous_response_id=answer.json["id"])
        self.assertEqual(again.status, 400)
        self.assertEqual(again.error["code"], "previous_response_not_found")
        self.assertEqual(list(pathlib.Path(gate.home.state).rglob("responses.*")), [])


class Ports(unittest.TestCase):
    def test_a_port_from_the_file_is_used(self):
        port = free_port()
        home = Home()
        self.addCleanup(home.remove)
        gate = Gate(
            settings=f'listen = ["127.0.0.1:{port}"]', local=False, home=home, listen=()
        )
        self.addCleanup(gate.close)
        self.assertEqual(Client("127.0.0.1", port).get("/health").status, 200)
        self.assertTrue(os.path.exists(TIDEGATE))


if __name__ == "__main__":
    unittest.main()
