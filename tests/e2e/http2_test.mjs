// HTTP/2 as programs speak it that Tidegate's authors did not write: Node's own client and curl, in
// the clear with prior knowledge and through TLS with ALPN.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';

import { CLOUD, Emulator, eventually, Gate, PACED } from './harness.mjs';

const run = promisify(execFile);
const KEY = 'tg-a-key-for-the-tests';
const CHAT = '/v1/chat/completions';
let emulator;
let gate;
let secureGate;
let folder;
let certificate;
let curlSpeaksHttp2;

before(async () => {
  emulator = await Emulator.start();
  gate = await Gate.start(emulator);
  folder = mkdtempSync(join(tmpdir(), 'tg-tls-'));
  certificate = join(folder, 'gate.crt');
  const key = join(folder, 'gate.key');
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
    '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost']);
  secureGate = await Gate.start(emulator, `
[tls]
certificate = "${certificate}"
key = "${key}"
[keys.tester]
sha256 = "${createHash('sha256').update(KEY).digest('hex')}"
`, '0.0.0.0:0');
  secureGate.url = secureGate.url.replace('http://127.0.0.1', 'https://localhost');
  const { stdout } = await run('curl', ['--version']);
  curlSpeaksHttp2 = /^Features:.*\bHTTP2\b/m.test(stdout);
});
after(async () => {
  try {
    await gate?.close();
    await secureGate?.close();
  } finally {
    await emulator?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
});
beforeEach(() => emulator.reset());

const chat = (fields) => JSON.stringify({
  model: CLOUD, messages: [{ role: 'user', content: 'Say hello.' }], ...fields,
});

// One request on a session of Node's: its answer, whole.
async function ask(session, method, path, body, fields = {}) {
  const stream = session.request({ ':method': method, ':path': path, ...fields },
    { endStream: body === undefined });
  stream.setEncoding('utf8');
  if (body !== undefined) stream.end(body);
  let text = '';
  stream.on('data', (piece) => { text += piece; });
  const [head] = await once(stream, 'response');
  if (!stream.closed) await once(stream, 'close');
  return { head, status: head[':status'], text };
}

async function withSession(url, options, use) {
  const session = http2.connect(url, options);
  try {
    await once(session, 'connect');
    return await use(session);
  } finally {
    session.close();
  }
}

test('chats of all kinds run side by side on one connection', async () => {
  await withSession(gate.url, {}, async (session) => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(
      session, 'POST', CHAT, chat({ stream: i % 2 === 1 }), { 'content-type': 'application/json' },
    )));
    for (const [i, { status, head, text }] of answers.entries()) {
      assert.equal(status, 200);
      assert.equal(head['tidegate-model'], CLOUD);
      if (i % 2 === 1) assert.match(text, /data: \[DONE\]\n\n$/);
      else assert.equal(JSON.parse(text).object, 'chat.completion');
    }
    assert.equal((await emulator.chats()).length, answers.length);
  });
});

test('other routes, errors and HEAD are as in HTTP/1.1', async () => {
  await withSession(gate.url, {}, async (session) => {
    assert.equal((await ask(session, 'GET', '/health')).text, 'Tidegate is running\n');
    const head = await ask(session, 'HEAD', '/health');
    assert.equal(head.head['content-length'], '20');
    assert.equal(head.text, '');
    const none = await ask(session, 'GET', '/v1/nothing');
    assert.equal(none.status, 404);
    assert.equal(typeof JSON.parse(none.text).error.message, 'string');
    const bad = await ask(session, 'POST', CHAT, '{', { 'content-type': 'application/json' });
    assert.equal(bad.status, 400);
    const foreign = await ask(session, 'GET', '/v1/models', undefined,
      { origin: 'http://evil.example' });
    assert.equal(foreign.status, 403);
    assert.match(JSON.parse(foreign.text).error.message, /origins/);
  });
});

test('a large prompt is read through the windows', async () => {
  await withSession(gate.url, {}, async (session) => {
    const content = 'word '.repeat(60_000);
    const { status, text } = await ask(session, 'POST', CHAT,
      chat({ messages: [{ role: 'user', content }] }), { 'content-type': 'application/json' });
    assert.equal(status, 200, text);
  });
});

test('a stream that its client resets is cancelled upstream, and no other', async () => {
  await withSession(gate.url, {}, async (session) => {
    const fields = { ':method': 'POST', ':path': CHAT, 'content-type': 'application/json' };
    const stream = session.request(fields);
    stream.end(chat({ model: PACED, stream: true, max_tokens: 2_000 }));
    await once(stream, 'data');
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await eventually(async () => (await emulator.chats())[0]?.ending === 'cancelled',
      'the end of the chat upstream');
    assert.equal((await ask(session, 'POST', CHAT, chat({}),
      { 'content-type': 'application/json' })).status, 200);
  });
});

test('TLS offers both versions', async () => {
  const ca = readFileSync(certificate);
  const fields = { authorization: `Bearer ${KEY}` };
  await withSession(secureGate.url, { ca }, async (session) => {
    assert.equal(session.alpnProtocol, 'h2');
    assert.equal((await ask(session, 'POST', CHAT, chat({}),
      { ...fields, 'content-type': 'application/json' })).status, 200);
    assert.equal((await ask(session, 'POST', CHAT, chat({}),
      { 'content-type': 'application/json' })).status, 401);
  });
  const request = https.get(`${secureGate.url}/v1/models`, { ca, headers: fields, agent: false });
  const [answer] = await once(request, 'response');
  assert.equal(answer.httpVersion, '1.1');
  assert.equal(answer.statusCode, 200);
  answer.resume();
  await once(answer, 'end');
});

test('curl speaks it with prior knowledge and by negotiation', async (t) => {
  if (!curlSpeaksHttp2) return t.skip('this curl was built without HTTP/2');
  const show = ['-sS', '-w', '\n%{http_version} %{response_code}'];
  const plain = await run('curl', [...show, '--http2-prior-knowledge', `${gate.url}${CHAT}`,
    '-H', 'content-type: application/json', '-d', chat({ stream: true })]);
  assert.match(plain.stdout, /data: \[DONE\]\n\n\n2 200$/);
  // Larger than what curl sends unasked: it waits for "100 Continue".
  const large = await run('curl', [...show, '--http2-prior-knowledge', `${gate.url}${CHAT}`,
    '-H', 'content-type: application/json', '-H', 'expect: 100-continue',
    '-d', chat({ messages: [{ role: 'user', content: 'word '.repeat(20_000) }] })]);
  assert.match(large.stdout, /\n2 200$/);
  const secure = await run('curl', [...show, '--cacert', certificate, '-H',
    `authorization: Bearer ${KEY}`, `${secureGate.url}/v1/models`]);
  assert.match(secure.stdout, /\n2 200$/);
  const old = await run('curl', [...show, '--cacert', certificate, '--http1.1', '-H',
    `authorization: Bearer ${KEY}`, `${secureGate.url}/v1/models`]);
  assert.match(old.stdout, /\n1\.1 200$/);
});
