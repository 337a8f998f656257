// A mock of the vendors that others wrote (npm's @copilotkit/aimock) as the upstream, in each of
// the seven protocols, with the official SDKs of all seven in front of the gate. Gate and emulator
// have the same authors; this server does not, so what both misunderstood alike would show here.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import zlib from 'node:zlib';

import { Emulator, Gate, loadSdk } from './harness.mjs';
import { CLIENTS, clientsOf, modelAt, providerTables, statusOf, UPSTREAMS } from './protocols.mjs';

const { LLMock } = loadSdk('@copilotkit/aimock');
const MODEL = 'mocked';
const TEXT = 'Grüße aus "Zürich" — 4 °C,\n\\o/ 🌊 und\tmehr.';
const THOUGHT = 'Hm, a thought.';
const CITY = { city: 'Zürich "Nord"' };
const CALL = { name: 'get_weather', arguments: JSON.stringify(CITY) };

// Its event streams need a function that older versions of Node.js do not have.
const skipFor = (upstream, kind) => (upstream.title === 'Converse' && kind === 'stream'
  && !zlib.crc32 ? 'aimock has no event streams below Node.js 20.15' : false);

let mock;
let emulator;
let gate;
let clients;
let folder;

before(async () => {
  mock = new LLMock({ port: 0, chunkSize: 7 });
  mock.onMessage('Greet', { content: TEXT });
  mock.onMessage('Think', { content: TEXT, reasoning: THOUGHT });
  mock.on({ userMessage: 'weather', hasToolResult: true }, { content: TEXT });
  mock.onMessage('silent weather', { toolCalls: [CALL] });
  mock.onMessage('talkative weather', { content: 'I will look.', toolCalls: [CALL, CALL] });
  mock.onMessage('Hang up', { content: TEXT.repeat(5) }, { truncateAfterChunks: 5 });
  for (const status of [400, 429, 500]) {
    mock.onMessage(`Fail with ${status}`, {
      error: { message: `because of ${status}`, type: 'invalid_request_error' }, status,
    });
  }
  await mock.start();
  emulator = await Emulator.start();
  folder = mkdtempSync(join(tmpdir(), 'tg-'));
  gate = await Gate.start(emulator, providerTables(mock.url, [MODEL], folder));
  clients = clientsOf(gate);
});
after(async () => {
  for (const client of clients ?? []) client.close?.();
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
    await mock?.stop();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
});
beforeEach(() => mock.clearRequests());

// The requests that reached the mock, each in the upstream's own protocol.
function requestsAt(upstream) {
  const entries = mock.getRequests().filter(({ method }) => method === 'POST');
  for (const { path } of entries) assert.match(path, upstream.path);
  return entries;
}

CLIENTS.forEach((title, at) => describe(`a client of ${title}`, () => {
  for (const upstream of UPSTREAMS) {
    const pair = `${title} → ${upstream.title}`;
    const asking = (text, more) => ({
      model: modelAt(upstream, MODEL), items: clients[at].user(text), ...more,
    });

    for (const kind of ['whole', 'stream']) {
      const skip = skipFor(upstream, kind);

      test(`${pair}: a text, ${kind}`, { skip }, async () => {
        let heard = '';
        const answer = await clients[at][kind](asking('Greet me'), (text) => { heard += text; });
        assert.equal(answer.text, TEXT);
        if (kind === 'stream') assert.equal(heard, TEXT);
        assert.equal(requestsAt(upstream).length, 1);
      });

      test(`${pair}: thoughts are no part of the text, ${kind}`, { skip }, async () => {
        const answer = await clients[at][kind](asking('Think first'), () => {});
        // To Cohere's clients the mock tells what was thought as text.
        assert.equal(answer.text, upstream.title === 'Cohere' ? THOUGHT + TEXT : TEXT);
      });

      for (const manner of ['silent', 'talkative']) {
        test(`${pair}: a ${manner} tool call and its result, ${kind}`, { skip }, async () => {
          const client = clients[at];
          const asked = asking(`What is the ${manner} weather?`, { tool: true });
          const first = await client[kind](asked, () => {});
          const count = manner === 'silent' ? 1 : 2;
          assert.deepEqual(first.calls.map(({ name, input }) => [name, input]),
            new Array(count).fill([CALL.name, CITY]));
          asked.items = [...asked.items, ...first.items,
            ...first.calls.flatMap((call, i) => client.result(call, `${i} degrees`))];
          const second = await client[kind](asked, () => {});
          assert.equal(second.text, TEXT);
          const [, { body }] = requestsAt(upstream);
          const results = body.messages.filter(({ role }) => role === 'tool');
          assert.deepEqual(results.map((result) => /\d degrees/.exec(result.content)[0]),
            first.calls.map((_, i) => `${i} degrees`));
          const calls = body.messages.flatMap((message) => message.tool_calls ?? []);
          assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments)),
            new Array(count).fill(CITY));
        });
      }

      for (const status of [400, 429, 500]) {
        test(`${pair}: an error ${status}, ${kind}`, async () => {
          await assert.rejects(clients[at][kind](asking(`Fail with ${status}`), () => {}),
            (error) => {
              assert.equal(statusOf(error), status === 500 ? 503 : status, error);
              assert.match(error.message, new RegExp(`because of ${status}`));
              return true;
            });
        });
      }
    }

    const skip = skipFor(upstream, 'stream');
    test(`${pair}: a stream that is cut is an error, never an ending`, { skip }, async () => {
      let heard = '';
      await assert.rejects(
        clients[at].stream(asking('Hang up on me'), (text) => { heard += text; }));
      assert.ok(TEXT.repeat(5).startsWith(heard) && heard.length < TEXT.length * 5);
    });
  }
}));
