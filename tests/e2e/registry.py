"""A registry of models on loopback that speaks Ollama's protocol, for tests to pull from."""

import hashlib
import http.server
import json
import threading
import time

LAYER = "application/vnd.ollama.image."
PIECE_BYTES = 64 * 1024


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """Serves models over HTTP; with a pause between pieces a pull lasts. `bytes_left`: of blobs, in
    all, before every answer stops in its middle and stays so."""

    def __init__(self, pause_s=0, bytes_left=float("inf")):
        self.blobs, self.manifests = {}, {}
        self.pause_s, self.bytes_left = pause_s, bytes_left
        self.closed = threading.Event()
        self.ranges = []  # what was asked for of blobs: (digest, first, last)
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                registry.answer(self)

            do_HEAD = do_GET

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # of connections that a killed gate leaves
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, data):
        self.blobs[digest_of(data)] = data
        return {"digest": digest_of(data), "size": len(data)}

    def publish(self, name, weights, **texts):
        """`texts`: further layers by their kind (system, params, license, template)."""
        config = json.dumps({"model_format": "gguf"}).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {
                "mediaType": "application/vnd.docker.container.image.v1+json",
                **self.add(config),
            },
            "layers": [
                {"mediaType": LAYER + kind, **self.add(data)}
                for kind, data in {"model": weights, **texts}.items()
            ],
        }
        self.manifests[name] = json.dumps(manifest).encode()

    def answer(self, request):
        _, _, _, model, what, name = request.path.split("/")
        data = self.manifests.get(model) if what == "manifests" else self.blobs.get(name)
        if data is None:
            request.send_error(404)
            return
        begin, end, status = 0, len(data) - 1, 200
        wanted = request.headers.get("range")
        is_blob = what == "blobs"
        if wanted:
            first, last = wanted.removeprefix("bytes=").split("-")
            begin, end, status = int(first), int(last or end), 206
        if is_blob:
            self.ranges.append((name, begin, end))
        request.send_response(status)
        if wanted:
            request.send_header("content-range", f"bytes {begin}-{end}/{len(data)}")
        request.send_header("accept-ranges", "bytes")
        request.send_header("content-length", str(end - begin + 1))
        request.end_headers()
        if request.command == "HEAD":
            return
        try:
            for at in range(begin, end + 1, PIECE_BYTES):
                piece = data[at : min(at + PIECE_BYTES, end + 1)]
                self.bytes_left -= len(piece) if is_blob else 0
                while is_blob and self.bytes_left < 0 and not self.closed.wait(0.05):
                    pass
                request.wfile.write(piece)
                time.sleep(self.pause_s)
        except OSError:
            pass  # the gate is gone

    def close(self):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()
