#!/usr/bin/env python3
"""Two hundred streams at once: no frame is lost, doubled, reordered or given to somebody else,
however the cloud's writes are cut and however slowly a client reads."""

import asyncio
import json
import random
import re
import threading
import unittest

from harness import CAPABILITIES, PATIENCE_S, Gate, eventually

STREAMS = 200
FRAMES = 120
SLOW_EVERY = 20  # one stream in so many is read slowly
SLOW_READ_BYTES = 64
SEED = 5
MODEL = "numbers/counter"


def frame(stream, number):
    """The bytes of one event of one stream; the text says both, and is of many lengths."""
    text = f"s{stream} f{number} " + "~" * (number * 7 % 40)
    delta = {"role": "assistant", "content": text} if number == 0 else {"content": text}
    finish = "stop" if number == FRAMES - 1 else None
    event = {
        "id": f"chatcmpl-{stream}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "counter",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return f"data: {json.dumps(event)}\n\n".encode()


def expected(stream):
    return b"".join(frame(stream, number) for number in range(FRAMES)) + b"data: [DONE]\n\n"


class Counter:
    """An upstream whose streams are numbered frames, written in pieces of any size."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self.open_now = self.open_most = 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._started.wait(PATIENCE_S)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._all_open = asyncio.Event()
        self._started.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            self._loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /v1/models "):
                    writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                    continue
                size = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
                body = json.loads(await reader.readexactly(size))
                await self._answer(int(body["messages"][0]["content"]), writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the gate has closed it, or the test is over
        finally:
            writer.close()

    async def _answer(self, stream, writer):
        chance = random.Random(SEED * 1000 + stream)
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)
        if self.open_now == STREAMS:
            self._all_open.set()
        await self._all_open.wait()  # so that all of them are open at once
        data = expected(stream)
        at = 0
        while at < len(data):
            piece = data[at : at + chance.randrange(1, 900)]
            at += len(piece)
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        self.open_now -= 1

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


async def read_stream(gate, stream):
    """The events' bytes of one stream, without the framing of HTTP."""
    reader, writer = await asyncio.open_connection(gate.host, gate.port)
    body = json.dumps(
        {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": str(stream)}]}
    )
    writer.write(
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise AssertionError(head)
    events = b""
    while size := int(await reader.readline(), 16):
        left = size
        while left > 0:
            slow = stream % SLOW_EVERY == 0
            piece = await reader.read(min(left, SLOW_READ_BYTES) if slow else left)
            if not piece:
                raise AssertionError(f"stream {stream} was cut")
            events += piece
            left -= len(piece)
        await reader.readexactly(2)
    writer.close()
    return events


class Streams(unittest.TestCase):
    def test_two_hundred_streams_keep_every_frame_in_order(self):
        counter = Counter()
        self.addCleanup(counter.close)
        gate = Gate(
            f"""
[providers.numbers]
kind = "openai_compatible"
url = "http://127.0.0.1:{counter.port}/v1"
place = "cloud"
models = [ {{ name = "counter", context_tokens = 1000, prices = {{ input_usd = 0, output_usd = 0 }},
  capabilities = {json.dumps([c for c in CAPABILITIES if c != "stream_usage"])} }} ]
""".replace(",\n  ", ", "),
            local=False,
        )
        self.addCleanup(gate.close)

        async def read_all():
            streams = [read_stream(gate, stream) for stream in range(STREAMS)]
            return await asyncio.gather(*streams)

        for stream, events in enumerate(asyncio.run(read_all())):
            self.assertEqual(events, expected(stream), f"stream {stream}")
        self.assertEqual(counter.open_most, STREAMS)
        status = eventually(
            lambda: (s := gate.get("/tidegate/status").json)["requests_active"] == 0 and s, "idle"
        )
        self.assertEqual(status["requests"], STREAMS)
        self.assertEqual(status["ledger"]["in_flight"], 0)


if __name__ == "__main__":
    unittest.main()
