// Embeddings, each client's protocol to each target's: the official SDKs (Cohere's clients are
// played by fetch), a real llama-server on the device, and the emulator as four providers. They go
// the way of every request: privacy, budgets, plan, records, fallback.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { MEAN, writePooled } from './gguf.mjs';
import {
  CLOUD, Emulator, Gate, LOCAL, Ollama, STARTER,
} from './harness.mjs';

const KEY = 'rich';
const ON_DEVICE = 'local/vectors';
const TEXTS = ['The sea is calm.', 'Bread and butter'];
const USD_PER_MTOK = 0.12;

// One provider of each protocol, all of them the emulator, whose vectors depend on the text alone.
const kinds = {
  openai: ['openai_compatible', '/v1'],
  cohere: ['cohere', '/v2'],
  gemini: ['gemini', '/v1beta'],
  ollama: ['ollama', ''],
};
const table = (name, [kind, path], url, key) => `
[providers.${name}-like]
kind = "${kind}"
url = "${url}${path}"
key = "file:${key}"
place = "cloud"
emulated = true
models = [
  { name = "swift", context_tokens = 512, prices = { input_usd = ${USD_PER_MTOK} }, \
capabilities = ["embeddings", "dimensions", "vendor_fields"] },
  { name = "paced", context_tokens = 512, prices = { input_usd = 9 }, \
capabilities = ["embeddings"] },
]
`;
const targetOf = (name) => `${name}-like/swift`;

let emulator;
let gate;
let openai;

before(async () => {
  emulator = await Emulator.start();
  const key = join(emulator.home.path, 'key');
  writeFileSync(key, 'of-the-gate', { mode: 0o600 });
  const file = join(emulator.home.path, 'vectors.gguf');
  writePooled(STARTER, file, MEAN);
  const providers = Object.entries(kinds)
    .map(([name, kind]) => table(name, kind, emulator.url, key)).join('');
  gate = await Gate.start(emulator, `${providers}
[keys.poor]
sha256 = "${createHash('sha256').update('poor').digest('hex')}"
budget = { day_usd = 0.0000001 }
[keys.rich]
sha256 = "${createHash('sha256').update(KEY).digest('hex')}"
`, undefined, {}, [file]);
  openai = gate.client({ apiKey: KEY });
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});
beforeEach(() => emulator.reset());

const post = (path, body, key = KEY) => fetch(`${gate.url}${path}`, {
  method: 'POST', body: JSON.stringify(body),
  headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
});
const decisionOf = (response) => gate.decision(
  response.headers.get('tidegate-decision'), { authorization: `Bearer ${KEY}` });
const asked = async () => (await emulator.chats())
  .filter((entry) => /embed/i.test(entry.path)).map((entry) => entry.path);
const bodies = async () => (await emulator.chats())
  .filter((entry) => /embed/i.test(entry.path)).map((entry) => JSON.parse(entry.body));
const near = (one, other) => {
  assert.equal(one.length, other.length);
  one.forEach((number, i) => assert.ok(Math.abs(number - other[i]) < 1e-6, `${i}: ${number}`));
};

// How each client asks for the vectors of some texts.
const clients = {
  async openai(model, texts, dimensions) {
    const answer = await openai.embeddings.create({
      model, input: texts, dimensions, encoding_format: 'float',
    });
    assert.deepEqual(answer.data.map((each) => each.index), texts.map((_, i) => i));
    return answer.data.map((each) => each.embedding);
  },
  async gemini(model, texts, dimensions) {
    const answer = await gate.google({ apiKey: KEY }).models.embedContent({
      model, contents: texts, config: { outputDimensionality: dimensions },
    });
    return answer.embeddings.map((each) => each.values);
  },
  async ollama(model, texts, dimensions) {
    const client = new Ollama({ host: gate.url, headers: { authorization: `Bearer ${KEY}` } });
    const answer = await client.embed({ model, input: texts, dimensions });
    assert.equal(answer.model.length > 0, true);
    return answer.embeddings;
  },
  async cohere(model, texts, dimensions) {
    const response = await post('/v2/embed', {
      model, texts, output_dimension: dimensions, input_type: 'search_document',
      embedding_types: ['float'],
    });
    const answer = await response.json();
    assert.equal(response.status, 200, JSON.stringify(answer));
    assert.deepEqual(answer.texts, texts);
    assert.equal(answer.response_type, 'embeddings_by_type');
    return answer.embeddings.float;
  },
};

test('each client reaches each target, and all get the same vectors', async () => {
  const vectors = await clients.openai(targetOf('openai'), TEXTS, 256);
  assert.equal(vectors.length, TEXTS.length);
  assert.equal(vectors[0].length, 256);
  for (const [client, ask] of Object.entries(clients)) {
    for (const target of Object.keys(kinds)) {
      const got = await ask(targetOf(target), TEXTS, 256);
      got.forEach((vector, i) => near(vector, vectors[i]));
      assert.equal(got.length, TEXTS.length, `${client} to ${target}`);
    }
  }
  const paths = new Set(await asked());
  assert.deepEqual([...paths].sort(), [
    '/api/embed', '/v1/embeddings', '/v1beta/models/swift:batchEmbedContents', '/v2/embed']);
});

test('a model on the device embeds, as numbers and as base64', async () => {
  const ask = { model: ON_DEVICE, input: TEXTS };
  const { data, response } = await openai.embeddings.create({ ...ask, encoding_format: 'float' })
    .withResponse();
  assert.ok(data.data[0].embedding.length > 8);
  assert.notDeepEqual(data.data[0].embedding, data.data[1].embedding);
  assert.ok(data.usage.prompt_tokens > 2);
  // Without a word about the encoding the SDK asks for base64 and decodes it.
  const decoded = await openai.embeddings.create(ask);
  near(decoded.data[1].embedding, data.data[1].embedding);
  assert.equal(response.headers.get('tidegate-cost-usd'), '0.00');
  assert.equal(response.headers.get('tidegate-egress'), 'none');
  const decision = await decisionOf(response);
  assert.equal(decision.protocol, 'openai_embeddings');
  assert.equal(decision.attempts[0].place, 'device');
  assert.equal(decision.attempts[0].usage.input_tokens, data.usage.prompt_tokens);
  // More than llama-server's batch of 512 by default, and as much as the model was trained for.
  const long = await openai.embeddings.create({ model: ON_DEVICE, input: 'a b c d '.repeat(180) });
  assert.ok(long.usage.prompt_tokens > 512, `${long.usage.prompt_tokens} tokens`);
  for (const ask2 of [clients.gemini, clients.ollama, clients.cohere]) {
    near((await ask2(ON_DEVICE, TEXTS))[0], data.data[0].embedding);
  }
  assert.deepEqual(await asked(), []);
});

test('a model on the device that embeds stays as long as is asked', async () => {
  const state = async () => {
    const { models } = await (await fetch(`${gate.url}/tidegate/ps`, {
      headers: { authorization: `Bearer ${KEY}` },
    })).json();
    return models.find((model) => model.model === 'vectors').state;
  };
  const gone = async () => {
    while (await state() !== 'absent') await new Promise((resolve) => { setTimeout(resolve, 20); });
  };
  const ask = async (path, body) => {
    const response = await post(path, { model: ON_DEVICE, ...body });
    assert.equal(response.status, 200, await response.text());
  };
  await ask('/api/embed', { input: TEXTS });
  assert.equal(await state(), 'ready');
  await ask('/api/embed', { input: TEXTS, keep_alive: 0 });
  await gone();
  await ask('/api/embeddings', { prompt: TEXTS[0], keep_alive: '0s' });
  await gone();
  await ask('/v1/embeddings', { input: TEXTS, tidegate: { keep_alive: 0 } });
  await gone();
});

test('where a target says no usage, caller and books hear the gate\'s estimate', async () => {
  const { data, response } = await openai.embeddings.create({
    model: targetOf('gemini'), input: TEXTS, encoding_format: 'float',
  }).withResponse();
  const bytes = TEXTS.join('').length;
  assert.ok(data.usage.prompt_tokens > 2 && data.usage.prompt_tokens < bytes, data.usage);
  assert.equal(data.usage.total_tokens, data.usage.prompt_tokens);
  const { usage } = (await decisionOf(response)).attempts[0];
  assert.equal(usage.estimated, true);
  assert.equal(usage.input_tokens, data.usage.prompt_tokens);
});

test('who speaks the target\'s protocol is passed on as it is', async () => {
  const { response } = await openai.embeddings.create({
    model: targetOf('openai'), input: [[1, 2, 3]], user: 'ann', encoding_format: 'base64',
    tidegate: { privacy: 'open' },
  }).withResponse();
  const cost = (await decisionOf(response)).attempts[0];
  assert.equal(cost.cost_nanodollars, cost.usage.input_tokens * USD_PER_MTOK * 1000);
  assert.ok(cost.reserved_nanodollars >= cost.cost_nanodollars);
  const google = gate.google({ apiKey: KEY });
  await google.models.embedContent({
    model: targetOf('gemini'), contents: ['a', 'b'],
    config: { taskType: 'RETRIEVAL_DOCUMENT', title: 't' },
  });
  await post('/v2/embed', {
    model: targetOf('cohere'), texts: ['a'], input_type: 'clustering', truncate: 'END', priority: 3,
  });
  const sent = await bodies();
  assert.deepEqual(sent[0], {
    model: 'swift', input: [[1, 2, 3]], user: 'ann', encoding_format: 'base64',
  });
  assert.deepEqual(sent[1].requests.map((each) => [each.model, each.title]),
    [['models/swift', 't'], ['models/swift', 't']]);
  assert.deepEqual(sent[2], {
    model: 'swift', texts: ['a'], input_type: 'clustering', truncate: 'END', priority: 3,
  });
});

test('the older path of Ollama and the single text of Gemini', async () => {
  const [expected] = await clients.openai(targetOf('openai'), ['hello'], undefined);
  for (const target of Object.keys(kinds)) {
    if (target !== 'ollama') { // whose bytes would pass, and the emulator has the newer path only
      const old = await post('/api/embeddings', { model: targetOf(target), prompt: 'hello' });
      assert.equal(old.status, 200);
      near((await old.json()).embedding, expected);
    }
    const single = await post(`/v1beta/models/${targetOf(target)}:embedContent`,
      { content: { parts: [{ text: 'hello' }] } });
    near((await single.json()).embedding.values, expected);
  }
});

test('what a target cannot honour is refused with the place of it', async () => {
  const refused = async (path, body, pattern) => {
    const answer = await post(path, body);
    const text = await answer.text();
    assert.equal(answer.status, 400, text);
    assert.match(text, pattern);
  };
  const input = 'a';
  // The numbers of tokens mean something to one tokenizer only.
  await refused('/v1/embeddings', { model: targetOf('cohere'), input: [[1, 2]] },
    /"param":"input\[0\]"/);
  await refused('/v2/embed',
    { model: targetOf('openai'), texts: [input], embedding_types: ['int8'] },
    /embedding_types\[0\]/);
  await refused('/v2/embed', { model: targetOf('ollama'), texts: [input], truncate: 'START' },
    /truncate/);
  await refused('/v1beta/models/openai-like/swift:embedContent',
    { content: { parts: [{ text: input }] }, taskType: 'RETRIEVAL_DOCUMENT', title: 't' }, /title/);
  await refused('/api/embed', { model: targetOf('gemini'), input, options: { num_ctx: 64 } },
    /options/);
  // Who does not say that the length may be set does not get a request that sets it.
  await refused('/v1/embeddings', { model: 'openai-like/paced', input, dimensions: 8 },
    /it lacks: dimensions/);
  assert.deepEqual(await asked(), []);
});

test('bad input is refused with the place of the fault, in the shape of who asked', async () => {
  await assert.rejects(openai.embeddings.create({ model: targetOf('openai'), input: ['a', ''] }),
    (error) => error.status === 400 && error.param === 'input[1]');
  const cohere = await post('/v2/embed', { model: targetOf('cohere'), texts: [] });
  assert.equal(cohere.status, 400);
  assert.match((await cohere.json()).message, /^texts: /);
  const gemini = await post('/v1beta/models/x:batchEmbedContents', { requests: [{ content: 5 }] });
  assert.equal(gemini.status, 400);
  assert.match(JSON.stringify(await gemini.json()), /requests\[0\]\.content/);
  const ollama = await post('/api/embed', { model: 'x', input: 5 });
  assert.match((await ollama.json()).error, /input/);
  assert.deepEqual(await asked(), []);
});

test('a batch may be longer than the window, a text of it may not', async () => {
  const input = Array.from({ length: 90 }, (_, i) => `${'word '.repeat(30)}${i}`);
  const answer = await openai.embeddings.create({ model: targetOf('openai'), input });
  assert.equal(answer.data.length, 90);
  await assert.rejects(
    openai.embeddings.create({ model: targetOf('openai'), input: 'word '.repeat(3000) }),
    (error) => error.status === 400 && error.code === 'context_length_exceeded');
});

test('models that chat do not embed, and models that embed do not chat', async () => {
  for (const name of [LOCAL, CLOUD]) {
    await assert.rejects(openai.embeddings.create({ model: name, input: 'a' }),
      (error) => error.status === 400 && /it lacks: embeddings/.test(error.message));
  }
  for (const name of [ON_DEVICE, targetOf('cohere')]) {
    await assert.rejects(openai.chat.completions.create({
      model: name, messages: [{ role: 'user', content: 'a' }],
    }), (error) => error.status === 400 && /it lacks: chat/.test(error.message));
  }
  const { response } = await openai.embeddings.create({ model: 'auto', input: 'a' }).withResponse();
  const decision = await decisionOf(response);
  const eligible = decision.candidates.filter((each) => !each.rejected).map((each) => each.model);
  assert.equal(eligible[0], ON_DEVICE);
  assert.ok(eligible.every((model) => model === ON_DEVICE || model.includes('-like/')));
});

test('what must not leave does not, and what cannot be paid is not sent', async () => {
  const ask = (model, tidegate) => post('/v1/embeddings', { model, input: 'a', tidegate });
  const kept = await ask(targetOf('openai'), { privacy: 'local' });
  assert.equal(kept.status, 503);
  assert.match((await kept.json()).error.message, /privacy/);
  const local = await ask('auto', { privacy: 'local' });
  assert.equal(local.headers.get('tidegate-model'), ON_DEVICE);
  const poor = await post('/v2/embed', { model: targetOf('cohere'), texts: ['a'] }, 'poor');
  assert.equal(poor.status, 402);
  assert.match((await poor.json()).message, /budget/);
  assert.equal((await ask(targetOf('openai'), { max_cost_usd: 0.000000001 })).status, 402);
  const plan = await (await ask(targetOf('openai'), { dry_run: true })).json();
  assert.equal(plan.candidates[0].model, targetOf('openai'));
  assert.equal((await post('/v1/embeddings', { model: 'auto', input: 'a' }, 'wrong')).status, 401);
  assert.deepEqual(await asked(), []);
});

test('when a target fails the next one embeds, and all of it is in the record', async () => {
  await emulator.call('faults', { model: 'swift', faults: 'status=503' });
  const { data, response } = await openai.embeddings.create({
    model: 'auto', input: TEXTS, tidegate: {
      place: ['cloud'], fallback: 'any', providers: { only: ['openai-like'] },
    },
  }).withResponse();
  assert.equal(data.data.length, 2);
  const { attempts } = await decisionOf(response);
  assert.deepEqual(attempts.map((each) => [each.model, each.outcome]),
    [['openai-like/swift', 'failed'], ['openai-like/paced', 'ok']]);
  assert.equal(attempts[0].cost_nanodollars, 0);
});

test('an answer that is none is not passed on', async () => {
  await emulator.call('faults', { model: 'swift', faults: 'malformed_json' });
  for (const target of ['openai', 'cohere']) {
    const answer = await post('/v1/embeddings', {
      model: targetOf(target), input: 'a', tidegate: { fallback: 'none' },
    });
    assert.equal(answer.status, 502, target);
  }
  await emulator.call('faults', { model: 'swift', faults: 'status=429,retry_after=7' });
  const limited = await post('/v2/embed', {
    model: targetOf('gemini'), texts: ['a'], tidegate: { fallback: 'none' },
  });
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get('retry-after'), '7');
});
