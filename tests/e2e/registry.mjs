// A registry of models on loopback that speaks Ollama's protocol, for tests to pull from and push
// to. It counts what it serves and takes, and does what `faults` says.

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
    registry.taken = 0; // likewise
    registry.uploads = new Map(); // id -> the pieces that have come
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

  async answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://registry');
    const [, , space, model, what, name, id] = pathname.split('/');
    if (what === 'blobs' && name === 'uploads') {
      return this.take(request, response, `/v2/${space}/${model}/blobs/uploads/`, id, searchParams);
    }
    if (what === 'manifests' && request.method === 'PUT') {
      const manifest = Buffer.concat(await request.toArray());
      this.manifests.set(`${space}/${model}/${name}`, manifest);
      return response.writeHead(201, { 'docker-content-digest': digestOf(manifest) }).end();
    }
    if (what === 'manifests') {
      const manifest = this.manifests.get(`${space}/${model}/${name}`);
      if (!manifest) return response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
      return response.writeHead(200, { 'content-length': manifest.length }).end(manifest);
    }
    if (this.faults.hold?.digest === name) await this.faults.hold.until;
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

  // A part of a blob, or the end of it.
  async take(request, response, folder, id, search) {
    if (request.method === 'POST') {
      const next = `u${this.uploads.size + 1}`;
      this.uploads.set(next, []);
      return response.writeHead(202, { location: folder + next }).end();
    }
    const pieces = this.uploads.get(id);
    const before = pieces.reduce((bytes, piece) => bytes + piece.length, 0);
    try {
      for await (const piece of request) {
        pieces.push(piece);
        this.taken += piece.length;
        if (this.faults.cutAfter !== undefined && before + piece.length > this.faults.cutAfter) {
          this.faults = {};
          return request.socket.destroy();
        }
      }
    } catch {
      return undefined; // who sent it is gone
    }
    const bytes = Buffer.concat(pieces);
    const range = `0-${Math.max(bytes.length - 1, 0)}`;
    if (request.method === 'GET') {
      return response.writeHead(204, { location: folder + id, range }).end();
    }
    if (request.method === 'PATCH') {
      return response.writeHead(202, { location: folder + id, range }).end();
    }
    const digest = search.get('digest');
    if (digestOf(bytes) !== digest) return response.writeHead(400).end('{"errors":[]}');
    this.blobs.set(digest, bytes);
    return response.writeHead(201, { 'docker-content-digest': digest }).end();
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
