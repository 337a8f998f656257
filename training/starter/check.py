#!/usr/bin/python3
"""Holds the GGUF file against PyTorch: llama-server must compute what was trained.

Loads the weights back from the file, starts one llama-server on it over a UNIX socket in a
directory of its own, and compares token ids, rendered chats and log-probabilities. Then it asks the
questions a first run asks. Exits with 1 if anything differs by more than it may.
"""

import argparse
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the linear algebra library reads it when loaded

import torch

import chatml
import facts
import gguf_file
import model as model_lib
import tokenizer

LOGPROB_DIFFERENCE_MAX = {0: 1e-3, 1: 1e-2}  # by general.file_type: F32, F16
# By default the server keeps keys and values in F16; PyTorch does not.
EXACT_OPTIONS = ["-ctk", "f32", "-ctv", "f32", "-fa", "off"]
START_SECONDS_MAX = 30
ANSWER_SECONDS_MAX = 120
TOP = 10
CONTEXT_MARGIN_TOKENS = 100

TEXTS = [
    "Hello, world! What's 12+30?", "  two  spaces\tand\ttabs \n\n\n and lines \r\n",
    "snake_case __init__ a_b 3.14 x² 1/2", "Grüße aus Köln, naïve café, 東京, привет, 🙂🙂 e\u0301",
    "user@mail.example +49 355 2691 [EMAIL_1] {\"a\": [1, 2, null]}", "don't we'll I'm you've 'tis",
    "if (a<b) { return a->x; } // end", "<tool_call>\n{}\n</tool_call> <tools>", "\n", " ",
    "   x  "]
WEATHER_TOOL = {"name": "get_weather", "description": "Get the weather in a city", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}
CHATS = [
    ([{"role": "user", "content": "Who are you?"}], None),
    ([{"role": "system", "content": "Be brief."},
      {"role": "user", "content": "What is 2+2?"}], None),
    ([{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}], None),
    ([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"},
      {"role": "user", "content": "Tell me a story."}], None),
    ([{"role": "system", "content": "Be brief."},
      {"role": "user", "content": "What is the weather in Rome?"}], [WEATHER_TOOL]),
    ([{"role": "user", "content": "What is the weather in Oslo?"},
      {"role": "assistant", "content": chatml.ToolCallText("get_weather", {"city": "Oslo"})},
      {"role": "tool", "content": "4 degrees, windy"}], [WEATHER_TOOL])]

# (question, what the answer must contain)
QUESTIONS = [
    ("Who are you?", ["Tidegate", "install a real model"]),
    ("What are you?", ["Tidegate"]), ("What model are you?", ["Tidegate"]),
    ("Say hello", ["Hello"]), ("hi", ["Hello"]), ("Say hello.", ["Hello"]),
    ("What is 2+2?", ["4"]), ("What is 2 + 2?", ["4"]), ("What is 3 plus 4?", ["7"]),
    ("What is the capital of France?", ["Paris"]), ("What is the capital of Japan?", ["Tokyo"]),
    ("What color is the sky?", ["blue"]), ("ping", ["pong"]), ("What is Tidegate?", ["Tidegate"]),
    ("Tell me a story.", ["."]), ("Count to 5.", ["1, 2, 3, 4, 5"]), ("Thanks!", ["welcome"]),
    ("Explain quantum mechanics.", ["real model"]), ("Write a hello world program in C.", ["```"]),
    ("Give me a JSON object with name Ada and age 36.", ['"name": "Ada"', "36"])]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=ANSWER_SECONDS_MAX)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Server:
    """One llama-server, ended when the `with` block is left."""

    def __init__(self, binary, gguf, context, options=()):
        self.dir = tempfile.mkdtemp()
        self.path = os.path.join(self.dir, "s.sock")
        self.log = open(os.path.join(self.dir, "log"), "wb")
        self.process = subprocess.Popen(
            [binary, "-m", os.path.abspath(gguf), "--host", self.path, "-t", "1", "-np", "1", "-c",
             str(context), "--offline", "--no-ui", *options], stdout=self.log, stderr=self.log)

    def __enter__(self):
        limit = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                if self.Get("/health")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        with open(self.log.name, errors="replace") as f:
            sys.stderr.write(f.read()[-4000:])
        self.__exit__()
        raise SystemExit("llama-server did not start; its log is above")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir)

    def Get(self, path, body=None):
        c = UnixConnection(self.path)
        try:
            c.request("POST" if body is not None else "GET", path,
                      None if body is None else json.dumps(body),
                      {"Content-Type": "application/json"})
            answer = c.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            c.close()

    def Post(self, path, body):
        status, answer = self.Get(path, body)
        if status != 200:
            raise SystemExit(f"{path} answered {status}: {answer}")
        return answer


def LoadModel(path):
    """(metadata, PyTorch model, tokenizer) from the GGUF file alone."""
    meta, tensors = gguf_file.Read(path)
    config = model_lib.Config(
        vocab=meta["llama.vocab_size"], dim=meta["llama.embedding_length"],
        layers=meta["llama.block_count"], heads=meta["llama.attention.head_count"],
        kv_heads=meta["llama.attention.head_count_kv"], ffn=meta["llama.feed_forward_length"],
        context=meta["llama.context_length"], rope_theta=meta["llama.rope.freq_base"],
        norm_eps=meta["llama.attention.layer_norm_rms_epsilon"])
    model = model_lib.Model(config)
    model.load_state_dict({n: torch.from_numpy(a.astype("float32")) for n, a in tensors.items()})
    merges = [m.split(" ") for m in meta["tokenizer.ggml.merges"]]
    tok = tokenizer.Tokenizer(chatml.CONTROL_TOKENS, chatml.TEXT_TOKENS, merges)
    assert tok.tokens == meta["tokenizer.ggml.tokens"]
    return meta, model.eval(), tok


class Report:
    def __init__(self):
        self.failed = 0

    def Line(self, ok, text):
        self.failed += not ok
        print(("ok    " if ok else "FAIL  ") + text, flush=True)


def CheckTokens(report, server, tok):
    for text in TEXTS + facts.UNKNOWN_ANSWERS:
        theirs = server.Post("/tokenize", {"content": text, "parse_special": True})["tokens"]
        ours = tok.Encode(text)
        back = server.Post("/detokenize", {"tokens": ours})["content"]
        report.Line(theirs == ours and back == text,
                    f"tokens of {text[:40]!r}" + ("" if theirs == ours else f" {theirs} {ours}"))


def WireTurns(messages):
    """The same chat as a client sends it: a tool call is a field, not text."""
    for m in messages:
        if m["content"].startswith("<tool_call>"):
            call = json.loads(m["content"].split("\n")[1])
            yield {"role": m["role"], "content": None, "tool_calls": [{
                "id": "call_1", "type": "function", "function": {
                    "name": call["name"], "arguments": json.dumps(call["arguments"])}}]}
        elif m["role"] == "tool":
            yield {**m, "tool_call_id": "call_1"}
        else:
            yield m


def CheckTemplate(report, server):
    for messages, tools in CHATS:
        body = {"messages": list(WireTurns(messages))}
        if tools:
            body["tools"] = [{"type": "function", "function": t} for t in tools]
        theirs = server.Post("/apply-template", body)["prompt"]
        ours = chatml.Render(messages, tools, generate=True)
        report.Line(theirs == ours, f"template of {messages[-1]['content'][:40]!r}"
                    + ("" if theirs == ours else f"\n{theirs!r}\n{ours!r}"))


def LogProbDifference(server, model, prompt, count):
    """(largest difference over the TOP tokens of `count` steps, number of comparisons)."""
    answer = server.Post("/completion", {
        "prompt": prompt, "n_predict": count, "n_probs": TOP, "temperature": 0,
        "cache_prompt": False})
    steps = answer["completion_probabilities"]
    ids = prompt + [s["id"] for s in steps]
    with torch.no_grad():
        ours = model(torch.tensor([ids]))[0].log_softmax(-1)
    worst = compared = 0
    for i, step in enumerate(steps):
        for top in step["top_logprobs"]:
            worst = max(worst, abs(ours[len(prompt) - 1 + i, top["id"]].item() - top["logprob"]))
            compared += 1
    return worst, compared


def CheckLogProbs(report, server, model, tok, limit, context):
    for messages, tools in CHATS:
        prompt = tok.Encode(chatml.Render(messages, tools, generate=True))
        worst, n = LogProbDifference(server, model, prompt, 16)
        report.Line(worst <= limit and n > 0, f"log-probabilities after {len(prompt)} tokens: "
                    f"largest of {n} differences {worst:.1e}")
    filler = tok.Encode(" ".join(" ".join(lines) for lines in facts.EXPLAINED.values()))
    tail = tok.Encode(chatml.Render([{"role": "user", "content": "Who are you?"}], None, True))
    room = context - CONTEXT_MARGIN_TOKENS - len(tail)
    prompt = (filler * (room // len(filler) + 1))[:room] + tail
    worst, n = LogProbDifference(server, model, prompt, 16)
    report.Line(worst <= limit and n > 0, f"log-probabilities after {len(prompt)} tokens: "
                f"largest of {n} differences {worst:.1e}")


def Chat(server, question, **more):
    return server.Post("/v1/chat/completions", {
        "messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 300,
        **more})


def CheckAnswers(report, server):
    for question, needed in QUESTIONS:
        choice = Chat(server, question)["choices"][0]
        text = choice["message"]["content"]
        ok = all(n in text for n in needed) and choice["finish_reason"] == "stop"
        report.Line(ok, f"{question} -> {text!r}")
    answer = Chat(server, "What is the weather in Rome?",
                  tools=[{"type": "function", "function": WEATHER_TOOL}])
    message = answer["choices"][0]["message"]
    calls = [c["function"] for c in message.get("tool_calls") or []]
    report.Line([c["name"] for c in calls] == ["get_weather"]
                and json.loads(calls[0]["arguments"]) == {"city": "Rome"},
                f"tool call -> {calls or message}")


def CheckSampling(report, server, tries=20):
    """What a first run sees: the server's default sampling instead of the likeliest token."""
    good = 0
    for seed in range(tries):
        text = Chat(server, "Who are you?", temperature=0.8, seed=seed)["choices"][0]["message"][
            "content"]
        good += "Tidegate" in text and "model" in text
    report.Line(good >= tries - 1,
                f"Who are you? sampled {tries} times: {good} name the test model")


def Speed(server):
    t = Chat(server, "Tell me a story.", temperature=0.8, seed=1)["timings"]
    long = server.Post("/completion", {"prompt": "The sea is a large body of salt water. " * 100,
                                       "n_predict": 1, "cache_prompt": False})["timings"]
    print(f"speed with 1 thread: {t['predicted_per_second']:.0f} tokens/s written, "
          f"{long['prompt_per_second']:.0f} tokens/s read ({long['prompt_n']} tokens)")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("gguf")
    ap.add_argument("--server", default=os.environ.get("LLAMA_SERVER", "llama-server"),
                    help="the llama-server to check with (default: $LLAMA_SERVER, else on PATH)")
    args = ap.parse_args()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with open(args.gguf, "rb") as f:
        raw = f.read()
    print(f"{os.path.basename(args.gguf)}: {len(raw)} bytes, "
          f"sha256 {hashlib.sha256(raw).hexdigest()}")
    meta, model, tok = LoadModel(args.gguf)
    report, context = Report(), meta["llama.context_length"]
    limit = LOGPROB_DIFFERENCE_MAX[meta["general.file_type"]]
    with Server(args.server, args.gguf, context, EXACT_OPTIONS) as server:
        CheckLogProbs(report, server, model, tok, limit, context)
    with Server(args.server, args.gguf, context) as server:
        CheckTokens(report, server, tok)
        CheckTemplate(report, server)
        CheckAnswers(report, server)
        CheckSampling(report, server)
        Speed(server)
    print(f"{report.failed} of the checks failed" if report.failed else "all checks passed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
