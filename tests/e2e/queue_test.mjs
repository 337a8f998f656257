// One local model with one slot: who waits, in which order, and what those hear for whom there is
// no room, in every protocol.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';

import { Emulator, eventually, Gate, LOCAL } from './harness.mjs';

const key = (name, fields = '') => `
[keys.${name}]
sha256 = "${createHash('sha256').update(name).digest('hex')}"
${fields}
`;
const KEYS = key('user') + key('boss', 'admin = true') + key('patient', 'priority = "background"');
const QUEUE_MAX = 3;

let emulator;
let gate;

before(async () => {
  emulator = await Emulator.start();
  gate = await Gate.start(emulator, KEYS, undefined, {}, [], {},
    { slots: 1, queue_max: QUEUE_MAX });
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});

const ask = (path, body, { name = 'user', signal, headers = {} } = {}) =>
  fetch(`${gate.url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${name}`, ...headers },
  });
const MESSAGES = [{ role: 'user', content: 'Say hello.' }];
const chat = (fields = {}) => ({ model: LOCAL, messages: MESSAGES, max_tokens: 4, ...fields });
const asBoss = async (path) =>
  (await fetch(`${gate.url}${path}`, { headers: { authorization: 'Bearer boss' } })).json();
const status = async () => (await asBoss('/tidegate/ps')).models[0];

// An answer that is no shorter than this keeps the model busy for seconds.
const LONG = {
  type: 'json_schema',
  json_schema: {
    name: 'long',
    schema: {
      type: 'object', properties: { text: { type: 'string', minLength: 1500 } },
      required: ['text'], additionalProperties: false,
    },
  },
};

// Holds the only slot until it is let go.
async function holdSlot() {
  const stop = new AbortController();
  const answer = await ask('/v1/chat/completions',
    chat({ stream: true, max_tokens: 1900, response_format: LONG }),
    { name: 'boss', signal: stop.signal });
  assert.equal(answer.status, 200);
  await eventually(async () => (await status()).users === 1, 'the slot is in use');
  return () => stop.abort();
}

// Requests that wait, each known to be in the queue before the next comes.
async function queueUp(requests) {
  const before = (await status()).queue_depth;
  const ended = [];
  const waiting = [];
  for (const [i, { name, body, headers }] of requests.entries()) {
    waiting.push(ask('/v1/chat/completions', body, { name, headers }).then(async (answer) => {
      ended.push(i);
      assert.equal(answer.status, 200, await answer.text());
    }));
    await eventually(async () => (await status()).queue_depth === before + i + 1, `${i} waits`);
  }
  return { ended, all: Promise.all(waiting) };
}

const TURNS = [{ role: 'user', content: [{ text: 'a' }] }];
const PARTS = [{ role: 'user', parts: [{ text: 'a' }] }];
const EVERY_PROTOCOL = {
  '/v1/chat/completions': chat(),
  '/v1/completions': { model: LOCAL, prompt: 'a', max_tokens: 4 },
  '/v1/responses': { model: LOCAL, input: 'a', max_output_tokens: 16, store: false },
  '/v1/messages': chat(),
  '/api/chat': { model: LOCAL, messages: MESSAGES, stream: false },
  '/api/generate': { model: LOCAL, prompt: 'a', stream: false },
  [`/v1beta/models/${LOCAL}:generateContent`]: { contents: PARTS },
  [`/model/${encodeURIComponent(LOCAL)}/converse`]: { messages: TURNS },
  '/v2/chat': { model: LOCAL, messages: MESSAGES, max_tokens: 4 },
};

test('a full queue is 503 and a time to come back in every protocol, no worse', async () => {
  const release = await holdSlot();
  const waiting = await queueUp(Array.from({ length: QUEUE_MAX }, () => ({ body: chat() })));
  const listed = (await asBoss('/tidegate/models')).models.find((model) => model.id === LOCAL);
  assert.equal(listed.live.queue_depth, QUEUE_MAX);
  assert.ok(listed.live.expected_wait_ms > 0);
  assert.ok((await status()).expected_wait_ms > 0);
  for (let round = 0; round < 2; ++round) { // more often than a breaker forgives failures
    for (const [path, body] of Object.entries(EVERY_PROTOCOL)) {
      const answer = await ask(path, body);
      const text = await answer.text();
      assert.equal(answer.status, 503, `${path}: ${text}`);
      assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/, path);
      assert.match(text, /already wait/, path);
      assert.equal(JSON.parse(text) instanceof Object, true);
    }
  }
  release();
  await waiting.all;
  const again = await ask('/v1/chat/completions', chat());
  assert.equal(again.status, 200, 'a full queue is no failure of the model');
});

test('who is more urgent goes first, and a key sets the most that it may be', async () => {
  const release = await holdSlot();
  const waiting = await queueUp([
    { name: 'patient', body: chat({ tidegate: { priority: 'interactive' } }) }, // still background
    {
      name: 'user', body: chat({ service_tier: 'flex' }),
      headers: { 'tidegate-priority': 'normal' },
    },
    { name: 'user', body: chat({ tidegate: { priority: 'interactive' } }) },
  ]);
  release();
  await waiting.all;
  assert.equal(waiting.ended[0], 2, `in the order ${waiting.ended}`);

  const second = await holdSlot();
  const more = await queueUp([
    { name: 'patient', body: chat() },
    { name: 'user', body: chat() },
  ]);
  second();
  await more.all;
  assert.deepEqual(more.ended, [1, 0]);
});

test('a word that is no priority is refused with its place', async () => {
  const answer = await ask('/v1/chat/completions', chat({ tidegate: { priority: 'now' } }));
  assert.equal(answer.status, 400);
  assert.match(await answer.text(), /tidegate\.priority/);
});
