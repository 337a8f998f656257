// Rankings: Cohere's shape and the one of Jina and llama-server, each to each, with the emulator as
// both kinds of provider and a real llama-server on the device.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { RANK, writePooled } from './gguf.mjs';
import { CLOUD, Emulator, Gate, STARTER } from './harness.mjs';

const ON_DEVICE = 'local/ranker';
const SEARCH_USD = 0.002;
const QUERY = 'calm sea';
const DOCUMENTS = ['bread and butter', 'a calm sea', 'the sea'];

let emulator;
let gate;

before(async () => {
  emulator = await Emulator.start();
  const key = join(emulator.home.path, 'key');
  writeFileSync(key, 'of-the-gate', { mode: 0o600 });
  const file = join(emulator.home.path, 'ranker.gguf');
  writePooled(STARTER, file, RANK);
  const provider = (name, kind, path, price) => `
[providers.${name}]
kind = "${kind}"
url = "${emulator.url}${path}"
key = "file:${key}"
place = "cloud"
emulated = true
models = [{ name = "swift", context_tokens = 4096, capabilities = ["rerank", "vendor_fields"], \
prices = { ${price} } }]
`;
  const providers = provider('cohere-like', 'cohere', '/v2', `request_usd = ${SEARCH_USD}`)
    + provider('jina-like', 'openai_compatible', '/v1', 'input_usd = 0.02');
  gate = await Gate.start(emulator, providers, undefined, {}, [file]);
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});
beforeEach(() => emulator.reset());

const post = (path, body) => fetch(`${gate.url}${path}`, {
  method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
});
const sent = async () => (await emulator.chats()).filter((entry) => /rerank/.test(entry.path));
const decisionOf = (response) => gate.decision(response.headers.get('tidegate-decision'));

test('both kinds of clients reach both kinds of targets, best first', async () => {
  for (const model of ['cohere-like/swift', 'jina-like/swift']) {
    for (const path of ['/v2/rerank', '/v1/rerank', '/rerank']) {
      const response = await post(path, { model, query: QUERY, documents: DOCUMENTS, top_n: 2 });
      const answer = await response.json();
      assert.equal(response.status, 200, JSON.stringify(answer));
      assert.deepEqual(answer.results.map((each) => each.index), [1, 2], `${path} to ${model}`);
      assert.ok(answer.results[0].relevance_score > answer.results[1].relevance_score);
    }
  }
});

test('Cohere is paid by the search, and as many are reserved as there may be', async () => {
  const response = await post('/v2/rerank',
    { model: 'cohere-like/swift', query: QUERY, documents: DOCUMENTS });
  assert.equal((await response.json()).meta.billed_units.search_units, 1);
  assert.equal(response.headers.get('tidegate-cost-usd'), '0.002');
  const decision = await decisionOf(response);
  assert.equal(decision.protocol, 'cohere_rerank');
  assert.equal(decision.attempts[0].cost_nanodollars, 2_000_000);
  assert.ok(decision.attempts[0].reserved_nanodollars >= 2_000_000);
  const many = await post('/v1/rerank', {
    model: 'cohere-like/swift', query: QUERY, documents: Array.from({ length: 250 }, () => 'a sea'),
  });
  assert.equal(many.headers.get('tidegate-cost-usd'), '0.006');
  const refused = await post('/v2/rerank', {
    model: 'cohere-like/swift', query: QUERY, documents: DOCUMENTS,
    tidegate: { max_cost_usd: 0.001 },
  });
  assert.equal(refused.status, 402);
});

test('a target that bills tokens is paid by the token', async () => {
  const response = await post('/v1/rerank',
    { model: 'jina-like/swift', query: QUERY, documents: DOCUMENTS });
  const { usage } = await response.json();
  const [attempt] = (await decisionOf(response)).attempts;
  assert.equal(attempt.usage.input_tokens, usage.prompt_tokens);
  assert.equal(attempt.cost_nanodollars, usage.prompt_tokens * 20);
});

test('documents may be objects, and come back where they are wanted', async () => {
  const response = await post('/v1/rerank', {
    model: 'cohere-like/swift', query: QUERY, documents: DOCUMENTS.map((text) => ({ text })),
    top_n: 1, return_documents: true,
  });
  const answer = await response.json();
  assert.equal(answer.results.length, 1);
  assert.deepEqual(answer.results[0].document, { text: 'a calm sea' });
  const [entry] = await sent();
  assert.deepEqual(JSON.parse(entry.body), {
    model: 'swift', query: QUERY, documents: DOCUMENTS, top_n: 1,
  });
});

test('what only one kind says reaches that kind only', async () => {
  const ask = { query: QUERY, documents: DOCUMENTS, max_tokens_per_doc: 100 };
  assert.equal((await post('/v2/rerank', { ...ask, model: 'cohere-like/swift' })).status, 200);
  const refused = await post('/v2/rerank', { ...ask, model: 'jina-like/swift' });
  assert.equal(refused.status, 400);
  assert.match((await refused.json()).message, /max_tokens_per_doc/);
  const fields = await post('/v1/rerank', {
    model: 'cohere-like/swift', query: QUERY, documents: [{ text: 'a', id: 7 }],
  });
  assert.equal(fields.status, 400);
  assert.equal((await fields.json()).error.param, 'documents[0].id');
});

test('a model on the device ranks by every path, and what must not leave stays there', async () => {
  for (const path of ['/v1/rerank', '/rerank', '/v2/rerank']) {
    const response = await post(path, {
      model: 'auto', query: QUERY, documents: DOCUMENTS, tidegate: { privacy: 'local' },
    });
    const answer = await response.json();
    assert.equal(response.status, 200, JSON.stringify(answer));
    assert.equal(response.headers.get('tidegate-model'), ON_DEVICE);
    assert.equal(response.headers.get('tidegate-egress'), 'none');
    assert.deepEqual(answer.results.map((each) => each.index).sort(), [0, 1, 2]);
    const scores = answer.results.map((each) => each.relevance_score);
    assert.deepEqual(scores, [...scores].sort((a, b) => b - a));
  }
  const kept = await post('/v2/rerank', {
    model: 'cohere-like/swift', query: QUERY, documents: DOCUMENTS, tidegate: { privacy: 'local' },
  });
  assert.equal(kept.status, 503);
  assert.deepEqual(await sent(), []);
});

test('bad input and targets that cannot rank are refused with the reason', async () => {
  const bad = await post('/v2/rerank', { model: 'x', query: QUERY, documents: [5] });
  assert.equal(bad.status, 400);
  assert.match((await bad.json()).message, /^documents\[0\]: /);
  const chats = await post('/v1/rerank', { model: CLOUD, query: QUERY, documents: DOCUMENTS });
  assert.equal(chats.status, 400);
  assert.match((await chats.json()).error.message, /it lacks: rerank/);
  await emulator.faults('status=500');
  const broken = await post('/v2/rerank', {
    model: 'jina-like/swift', query: QUERY, documents: DOCUMENTS, tidegate: { fallback: 'none' },
  });
  assert.ok(broken.status >= 500);
  assert.equal(typeof (await broken.json()).message, 'string');
});
