#!/usr/bin/env python3
"""The verbs and the chat that people know from Ollama, against a server that plays Ollama's API.

The server is a script of this file: it sends its lines when the test says so, breaks off, refuses,
and remembers what it was asked. So the program is seen as a person sees it: at a terminal, in a
pipe, and while an answer is still on its way.
"""

import hashlib
import http.server
import json
import os
import pathlib
import signal
import subprocess
import threading
import unittest

from harness import PATIENCE_S, TIDEGATE, Home, eventually, run_tidegate
from terminal import Terminal

EXIT_NO_INPUT, EXIT_UNAVAILABLE, EXIT_PROTOCOL, EXIT_INTERRUPTED = 66, 69, 76, 130
LAYER = "sha256:8eeb52dfb3bb9aefdf9d1ef24b3bdbcfbe82238798c4b918278320b6fcef18fe"
TOTAL = 4_700_000_000
PNG = b"\x89PNG\r\n\x1a\n a cat"


def layer(completed):
    return {
        "status": "pulling 8eeb52dfb3bb", "digest": LAYER, "total": TOTAL, "completed": completed,
    }  # fmt: skip


MANIFEST = {"status": "pulling manifest"}
VERIFYING = {"status": "verifying sha256 digest"}
SUCCESS = {"status": "success"}
PULL = [MANIFEST, layer(TOTAL // 2), layer(TOTAL), VERIFYING, SUCCESS]
CUT = object()  # in a script: the connection breaks here


def words(*pieces):
    """A chat's answer in these pieces, with the counts of its last line."""
    lines = [{"model": "m", "message": {"role": "assistant", "content": p}} for p in pieces]
    end = {
        "model": "m", "message": {"role": "assistant", "content": ""}, "done": True,
        "done_reason": "stop", "total_duration": 4_500_000_000, "load_duration": 1_000_000,
        "prompt_eval_count": 26, "prompt_eval_duration": 130_000_000, "eval_count": 290,
        "eval_duration": 4_000_000_000,
    }  # fmt: skip
    return [{**line, "done": False} for line in lines] + [end]


class Ollama:
    """Plays the API: a route's answer is a JSON value, (status, value), or a script of lines in
    which an Event is waited for and CUT breaks the connection. A list of answers in `once` goes
    first, one for each request."""

    def __init__(self):
        self.routes, self.once, self.blobs = {}, {}, {}
        self.asked, self.gone = [], threading.Event()
        self._lock = threading.Lock()
        player = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                player.answer(self, body)

            do_GET = do_POST = do_DELETE = do_HEAD = handle_any

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def bodies(self, line):
        with self._lock:
            return [json.loads(body) for asked, body in self.asked if asked == line]

    def answer(self, request, body):
        line = f"{request.command} {request.path}"
        with self._lock:
            self.asked.append((line, body))
            scripts = self.once.get(line)
            answer = scripts.pop(0) if scripts else self.routes.get(line)
        if answer is None and request.path.startswith("/api/blobs/"):
            return self.blob(request, body)
        if answer is None:
            answer = (404, {"error": f"no route {line}"})
        if isinstance(answer, list):
            return self.stream(request, answer)
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        data = b"" if value is None else json.dumps(value).encode()
        self.reply(request, status, data)

    @staticmethod
    def reply(request, status, data=b""):
        request.send_response(status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(data)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(data)

    def blob(self, request, body):
        digest = request.path.rpartition("/")[2]
        if request.command == "HEAD":
            return self.reply(request, 200 if digest in self.blobs else 404)
        if digest != "sha256:" + hashlib.sha256(body).hexdigest():
            return self.reply(request, 400, b'{"error":"digest mismatch"}')
        self.blobs[digest] = body
        self.reply(request, 201)

    def stream(self, request, script):
        request.send_response(200)
        request.send_header("content-type", "application/x-ndjson")
        request.send_header("transfer-encoding", "chunked")
        request.end_headers()
        try:
            for step in script:
                if isinstance(step, threading.Event):
                    assert step.wait(PATIENCE_S), "the test never went on"
                elif step is CUT:
                    request.close_connection = True
                    return
                else:
                    data = json.dumps(step).encode() + b"\n"
                    request.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            request.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            request.close_connection = True
            self.gone.set()


class OllamaTest(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.remove)
        self.ollama = Ollama()
        self.addCleanup(self.ollama.close)
        self.env = self.home.environment(TIDEGATE_HOST=self.ollama.host, TERM="xterm-256color")

    def run_words(self, *argv, **options):
        return run_tidegate(*argv, env=self.env, **options)

    def terminal(self, *argv):
        terminal = Terminal(*argv, env=self.env)
        self.addCleanup(terminal.close)
        return terminal


class Transfers(OllamaTest):
    def test_a_pull_in_a_pipe_is_a_line_for_each_file(self):
        self.ollama.routes["POST /api/pull"] = PULL
        done = self.run_words("pull", "llama3.2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            done.stderr.decode(),
            "pulling manifest\npulling 8eeb52dfb3bb: 100% 4.7 GB\nverifying sha256 digest\n"
            "success\n",
        )
        self.assertEqual(done.stdout, b"")
        lines = self.run_words("pull", "llama3.2", "--json").stdout.splitlines()
        self.assertEqual([json.loads(line) for line in lines], PULL)

    def test_a_pull_at_a_terminal_moves_while_it_comes(self):
        halfway, arrived = threading.Event(), threading.Event()
        self.ollama.routes["POST /api/pull"] = [
            MANIFEST, halfway, layer(TOTAL // 2), arrived, layer(TOTAL), SUCCESS,
        ]  # fmt: skip
        terminal = self.terminal("pull", "llama3.2")
        terminal.wait_for(b"pulling manifest")
        halfway.set()
        terminal.wait_for("pulling 8eeb52dfb3bb:  50% ▕".encode())
        terminal.wait_for(b"\x1b[J")  # drawn again although nothing more came
        arrived.set()
        terminal.wait_for("pulling 8eeb52dfb3bb: 100% ▕".encode())
        self.assertEqual(terminal.end(), 0)
        self.assertTrue(terminal.output.endswith(b"success\r\n"), terminal.output)

    def test_what_ends_badly_has_an_exit_code_of_its_own(self):
        for script, code, message in (
            ([MANIFEST, {"error": "pull model manifest: file does not exist"}], EXIT_NO_INPUT,
             b"file does not exist"),
            ([MANIFEST, {"error": "max retries exceeded"}], EXIT_UNAVAILABLE, b"max retries"),
            ([MANIFEST, layer(TOTAL // 2), CUT], EXIT_PROTOCOL, b"tidegate: "),
            ([MANIFEST, layer(TOTAL)], EXIT_PROTOCOL, b"try again"),
            ((404, {"error": "model 'x' not found"}), EXIT_NO_INPUT, b"model 'x' not found"),
        ):  # fmt: skip
            self.ollama.routes["POST /api/pull"] = script
            done = self.run_words("pull", "x")
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(message, done.stderr)
            self.assertNotIn(b"success", done.stderr)

    def test_ctrl_c_ends_a_pull_and_the_server_notices(self):
        more = [layer(TOTAL // 1000 * (500 + i % 400)) for i in range(100_000)]
        self.ollama.routes["POST /api/pull"] = [MANIFEST, *more]
        terminal = self.terminal("pull", "llama3.2")
        terminal.wait_for("8eeb52dfb3bb:".encode())
        terminal.process.send_signal(signal.SIGINT)
        self.assertEqual(terminal.end(), EXIT_INTERRUPTED)
        self.assertTrue(self.ollama.gone.wait(PATIENCE_S))

    def test_create_sends_each_file_once(self):
        weights = b"GGUF" + os.urandom(5 << 20)
        path = pathlib.Path(self.home.path, "weights.gguf")
        path.write_bytes(weights)
        recipe = self.home.write("Modelfile", "FROM ./weights.gguf\nSYSTEM Be brief.\n")
        self.ollama.routes["POST /api/create"] = [{"status": "parsing GGUF"}, SUCCESS]
        digest = "sha256:" + hashlib.sha256(weights).hexdigest()
        for _ in range(2):
            done = self.run_words("create", "mine", "-f", recipe)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(done.stderr.endswith(b"parsing GGUF\nsuccess\n"), done.stderr)
        self.assertEqual(self.ollama.blobs, {digest: weights})
        uploads = [line for line, _ in self.ollama.asked if line == f"POST /api/blobs/{digest}"]
        self.assertEqual(len(uploads), 1)
        self.assertEqual(
            self.ollama.bodies("POST /api/create")[1],
            {"model": "mine", "files": {"weights.gguf": digest}, "system": "Be brief."},
        )


class Models(OllamaTest):
    def test_list_ps_cp_rm_and_stop_speak_as_ollama_does(self):
        model = {
            "name": "llama3.2:latest", "model": "llama3.2:latest", "size": 2_019_393_189,
            "digest": LAYER[7:], "details": {},
        }  # fmt: skip
        self.ollama.routes.update({
            "GET /api/tags": {"models": [{**model, "modified_at": "2020-01-01T00:00:00Z"}]},
            "GET /api/ps": {"models": [{
                **model, "size_vram": 0, "context_length": 4096,
                "expires_at": "2318-11-04T00:00:00.5+01:00"}]},
            "POST /api/copy": (200, None), "DELETE /api/delete": (200, None),
            "POST /api/generate": {"done": True},
        })  # fmt: skip
        text = self.run_words("ls").stdout.decode()
        self.assertRegex(
            text,
            r"^NAME {15}ID {14}SIZE {6}MODIFIED\n"
            r"llama3\.2:latest    8eeb52dfb3bb    2\.0 GB    \d+ years ago\n$",
        )
        self.assertIn("100% CPU     4096       Forever\n", self.run_words("ps").stdout.decode())
        self.assertEqual(self.run_words("cp", "a", "b").stdout, b"copied 'a' to 'b'\n")
        self.assertEqual(self.run_words("rm", "a").stdout, b"deleted 'a'\n")
        self.assertEqual(self.ollama.bodies("DELETE /api/delete"), [{"model": "a"}])
        self.assertEqual(self.run_words("stop", "a").returncode, 0)
        self.assertEqual(self.ollama.bodies("POST /api/generate")[-1]["keep_alive"], 0)
        self.ollama.routes["DELETE /api/delete"] = (404, {"error": "model 'a' not found"})
        done = self.run_words("rm", "a")
        self.assertEqual(done.returncode, EXIT_NO_INPUT)
        self.assertEqual(done.stderr, b"tidegate: model 'a' not found\n")

    def test_launch_becomes_the_agent_with_the_gate_in_its_environment(self):
        self.ollama.routes["GET /api/version"] = {"version": "0.33.0"}
        agent = self.home.write("bin/claude", '#!/bin/sh\necho "$ANTHROPIC_BASE_URL $@"\nexit 7\n')
        os.chmod(agent, 0o700)
        self.env["PATH"] = f"{os.path.dirname(agent)}:{self.env['PATH']}"
        done = self.run_words("launch", "claude", "--model", "m", "--", "--continue", "x y")
        self.assertEqual(done.returncode, 7, done.stderr)
        expected = f"http://{self.ollama.host} --model m --continue x y\n"
        self.assertEqual(done.stdout.decode(), expected)
        done = self.run_words("launch", "claude", "--host", "127.0.0.1:1")
        self.assertEqual(done.returncode, EXIT_UNAVAILABLE)


class Chats(OllamaTest):
    def test_an_answer_is_shown_while_it_comes(self):
        seen = threading.Event()
        first, *rest = words("Hello ", "there.")
        self.ollama.routes["POST /api/chat"] = [first, seen, *rest]
        program = subprocess.Popen(
            [TIDEGATE, "run", "m", "hi", "--verbose"],
            env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.addCleanup(program.kill)
        self.assertEqual(os.read(program.stdout.fileno(), 100), b"Hello ")
        seen.set()
        out, err = program.communicate(timeout=PATIENCE_S)
        self.assertEqual((program.returncode, out), (0, b"there.\n"))
        for line in (
            "total duration:       4.5s", "load duration:        1ms",
            "prompt eval count:    26 token(s)", "prompt eval duration: 130ms",
            "prompt eval rate:     200.00 tokens/s", "eval count:           290 token(s)",
            "eval duration:        4s", "eval rate:            72.50 tokens/s",
        ):  # fmt: skip
            self.assertIn(line + "\n", err.decode())

    def test_a_broken_answer_is_no_answer(self):
        first, *_ = words("Hello ")
        for script in ([first, {"error": "the runner died"}], [first, CUT], [first]):
            self.ollama.routes["POST /api/chat"] = script
            done = self.run_words("run", "m", "hi")
            self.assertEqual(done.returncode, EXIT_PROTOCOL, done.stderr)
            self.assertEqual(done.stdout, b"Hello \n")
            self.assertTrue(done.stderr.startswith(b"tidegate: "), done.stderr)

    def test_a_model_that_is_not_here_is_pulled_first(self):
        missing = (404, {"error": "model 'llama3.2' not found"})
        self.ollama.once["POST /api/chat"] = [missing, words("Hi")]
        self.ollama.routes["GET /api/tags"] = {"models": []}
        self.ollama.routes["POST /api/pull"] = PULL
        done = self.run_words("run", "llama3.2", "hello")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, b"Hi\n")
        self.assertIn(b"pulling 8eeb52dfb3bb: 100% 4.7 GB\n", done.stderr)

    def test_a_pipe_and_a_picture_go_with_the_prompt(self):
        self.ollama.routes["POST /api/chat"] = words("A cat.")
        picture = pathlib.Path(self.home.path, "my cat.png")
        picture.write_bytes(PNG)
        prompt = f"What is in {str(picture).replace(' ', chr(92) + ' ')} ?"
        done = self.run_words("run", "m", prompt, input=b"a pipe\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        [message] = self.ollama.bodies("POST /api/chat")[0]["messages"]
        self.assertEqual(message["content"], "What is in ?\n\na pipe")
        self.assertEqual(message["images"], ["iVBORw0KGgogYSBjYXQ="])

    def test_a_conversation_at_the_terminal(self):
        self.ollama.routes.update({
            "POST /api/show": {"details": {"format": "gguf"}, "capabilities": ["completion"]},
            "POST /api/generate": {"done": True, "done_reason": "load"},
            "POST /api/create": {"status": "success"},
            "POST /api/chat": words("Fine."),
        })  # fmt: skip
        terminal = self.terminal("run", "m")
        terminal.wait_for(b">>> ")
        for line, answer in (
            ("/set parameter seed 7", b"seed"),
            ('/set system """be', b"... "),
            ('brief"""', b"Set system message."),
            ("How are you?", b"Fine."),
            ("/save mine", b"Created new model 'mine'"),
            ("/clear", b"Cleared session context"),
            ("/set nosuch", b"/? lists them"),
            ("Again?", b"Fine."),
        ):
            terminal.type(line + "\r")
            terminal.wait_for(answer)
            if answer != b"... ":
                terminal.wait_for(b">>> ")
        terminal.type("/bye\r")
        self.assertEqual(terminal.end(), 0)
        first, second = self.ollama.bodies("POST /api/chat")
        system = {"role": "system", "content": "be\nbrief"}
        self.assertEqual(first["messages"], [system, {"role": "user", "content": "How are you?"}])
        self.assertEqual(first["options"], {"seed": 7})
        self.assertEqual(second["messages"], [system, {"role": "user", "content": "Again?"}])
        [saved] = self.ollama.bodies("POST /api/create")
        self.assertEqual(saved["messages"][-1], {"role": "assistant", "content": "Fine."})
        self.assertEqual((saved["from"], saved["system"]), ("m", "be\nbrief"))

    def test_ctrl_c_stops_an_answer_and_the_chat_goes_on(self):
        self.ollama.routes.update({
            "POST /api/show": {"details": {"format": ""}},
            "POST /api/chat": words("once "),
        })  # fmt: skip
        endless = [words("on ")[0]] * 100_000
        self.ollama.once["POST /api/chat"] = [endless]
        terminal = self.terminal("run", "m")
        terminal.wait_for(b">>> ")
        terminal.type("talk\r")
        terminal.wait_for(b"on on on")
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for(b">>> ")
        self.assertTrue(eventually(self.ollama.gone.is_set, "the server notices"))
        terminal.type("more\r")
        terminal.wait_for(b"once")
        terminal.wait_for(b">>> ")
        terminal.type("\x04")
        self.assertEqual(terminal.end(), 0)


if __name__ == "__main__":
    unittest.main()
