// A registry of models on loopback that speaks Ollama's protocol, for tests to pull from. It counts
// what it serves, and does what `faults` says.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

const LAYER = 'application/vnd.ollama.image.';

export const digestOf = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export class Registry {
  static async start() {
    const registry = new Registry();
    registry.manifests = new Map(); // "library/tiny/latest" -> bytes
    registry.blobs = new Map(); // digest -> bytes
    registry.served = 0; // bytes of blobs
    registry.faults = {};
    registry.server = createServer((request, response) => registry.answer(request, response));
    registry.server.listen(0, '127.0.0.1');
    await once(registry.server, 'listening');
    registry.host = `127.0.0.1:${registry.server.address().port}`;
    return registry;
  }

  add(bytes) {
    const data = Buffer.from(bytes);
    const digest = digestOf(data);
    this.blobs.set(digest, data);
    return { digest, size: data.length };
  }

  // A model of these layers: { model: bytes, system: 'text', params: {…}, … }. The digest of its
  // manifest.
  publish(path, layers) {
    const manifest = Buffer.from(JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config: {
        mediaType: 'application/vnd.docker.container.image.v1+json',
        ...this.add(JSON.stringify({ model_format: 'gguf', model_family: 'llama' })),
      },
      layers: Object.entries(layers).map(([kind, content]) => ({
        mediaType: LAYER + kind,
        ...this.add(typeof content === 'string' || Buffer.isBuffer(content)
          ? content : JSON.stringify(content)),
      })),
    }));
    this.manifests.set(path, manifest);
    return digestOf(manifest);
  }

  answer(request, response) {
    const [, , space, model, what, name] = request.url.split('/');
    if (what === 'manifests') {
      const manifest = this.manifests.get(`${space}/${model}/${name}`);
      if (!manifest) return response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
      return response.writeHead(200, { 'content-length': manifest.length }).end(manifest);
    }
    const blob = this.blobs.get(name);
    if (!blob) return response.writeHead(404).end();
    const range = /^bytes=(\d+)-(\d+)?$/.exec(request.headers.range ?? '');
    const from = range ? Number(range[1]) : 0;
    const to = range?.[2] ? Number(range[2]) : blob.length - 1;
    const head = { 'content-length': to - from + 1, 'accept-ranges': 'bytes', etag: `"${name}"` };
    if (range) head['content-range'] = `bytes ${from}-${to}/${blob.length}`;
    response.writeHead(range ? 206 : 200, head);
    if (request.method === 'HEAD') return response.end();
    const part = this.faults.corrupt === name
      ? Buffer.alloc(to - from + 1) : blob.subarray(from, to + 1);
    if (this.faults.stallAfter !== undefined && part.length > this.faults.stallAfter) {
      this.served += this.faults.stallAfter;
      return response.write(part.subarray(0, this.faults.stallAfter)); // and no more
    }
    this.served += part.length;
    return response.end(part);
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
