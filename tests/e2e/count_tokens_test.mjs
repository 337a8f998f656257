// The number of a chat's tokens, without its answer: asked of a provider that counts, of the model
// on the device, or estimated, which is said.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import {
  bedrock, CLOUD, Emulator, Gate, LOCAL,
} from './harness.mjs';

const CLAUDE = 'claude/swift';
const GEMINI = 'google/swift';
const BEDROCK = 'aws/swift';
const SYSTEM = 'Be brief.';
const QUESTION = 'What is the height of the tide today?';

let emulator;
let gate;

before(async () => {
  emulator = await Emulator.start();
  const key = join(emulator.home.path, 'key');
  writeFileSync(key, 'of-the-gate', { mode: 0o600 });
  const provider = (name, kind, path) => `
[providers.${name}]
kind = "${kind}"
url = "${emulator.url}${path}"
key = "file:${key}"
place = "cloud"
emulated = true
models = [{ name = "swift", context_tokens = 100000, output_tokens_max = 512, quality = 0.9, \
prices = { input_usd = 1, output_usd = 2 }, \
capabilities = ["tools", "count_tokens", "vendor_fields"] }]
`;
  gate = await Gate.start(emulator,
    provider('claude', 'anthropic', '/v1') + provider('google', 'gemini', '/v1beta')
      + provider('aws', 'bedrock', ''));
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});
beforeEach(() => emulator.reset());

const asked = async () => (await emulator.chats()).map((entry) => entry.path);
const anthropic = (model, more = {}) => gate.anthropic().messages.countTokens({
  model, system: SYSTEM, messages: [{ role: 'user', content: QUESTION }], ...more,
}).withResponse();
const openai = (model, more = {}) => gate.client().responses.inputTokens.count({
  model, instructions: SYSTEM, input: QUESTION, ...more,
}).withResponse();
const chat = async (model, more = {}) => {
  const response = await fetch(`${gate.url}/v1/chat/completions/input_tokens`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      messages: [{ role: 'system', content: SYSTEM }, { role: 'user', content: QUESTION }],
      ...more,
    }),
  });
  return { data: await response.json(), response };
};
const aws = async (modelId, converse = {
  system: [{ text: SYSTEM }], messages: [{ role: 'user', content: [{ text: QUESTION }] }],
}) => {
  const client = gate.bedrock();
  const data = await client.send(new bedrock.CountTokensCommand({ modelId, input: { converse } }));
  client.destroy();
  return { data };
};
const gemini = async (model, body) => {
  const response = await fetch(`${gate.url}/v1beta/models/${model}:countTokens`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  return { data: await response.json(), response };
};
const whole = {
  generateContentRequest: {
    model: 'models/x', contents: [{ role: 'user', parts: [{ text: QUESTION }] }],
    systemInstruction: { parts: [{ text: SYSTEM }] },
  },
};
const isEstimate = (response) => response.headers.get('tidegate-token-count') === 'estimated';

test('a provider is asked in its own words, for nothing', async () => {
  const { data, response } = await anthropic(CLAUDE);
  assert.ok(data.input_tokens > 8);
  assert.ok(!isEstimate(response));
  assert.equal(response.headers.get('tidegate-cost-usd'), '0.00');
  const [entry] = await emulator.chats();
  assert.equal(entry.path, '/v1/messages/count_tokens');
  assert.deepEqual(JSON.parse(entry.body), {
    model: 'swift', system: SYSTEM, messages: [{ role: 'user', content: QUESTION }],
  });
  const decision = await gate.decision(response.headers.get('tidegate-decision'));
  assert.equal(decision.protocol, 'anthropic_count_tokens');
  assert.equal(decision.attempts[0].cost_nanodollars, 0);
  assert.equal(decision.attempts[0].reserved_nanodollars, 0);
  assert.equal(decision.attempts[0].egress, 'raw');
});

test('each client counts by each provider', async () => {
  for (const model of [CLAUDE, GEMINI, BEDROCK]) {
    const counts = [
      (await anthropic(model)).data.input_tokens,
      (await openai(model)).data.input_tokens,
      (await chat(model)).data.input_tokens,
      (await gemini(model, whole)).data.totalTokens,
      (await aws(model)).data.inputTokens,
    ];
    assert.ok(counts.every((count) => count === counts[0] && count > 8), `${model}: ${counts}`);
  }
  const google = await gate.google().models.countTokens({ model: GEMINI, contents: QUESTION });
  assert.ok(google.totalTokens > 4);
  assert.deepEqual([...new Set(await asked())].sort(),
    ['/model/swift/count-tokens', '/v1/messages/count_tokens',
      '/v1beta/models/swift:countTokens']);
});

test('Google gets a whole request, whichever way its client asked', async () => {
  await gemini(GEMINI, { contents: [{ parts: [{ text: 'a' }] }], tidegate: { privacy: 'open' } });
  await gemini(GEMINI, { ...whole, tidegate: { privacy: 'open' } });
  const [turns, request] = (await emulator.chats()).map((entry) => JSON.parse(entry.body));
  assert.deepEqual(turns, {
    generateContentRequest: { model: 'models/swift', contents: [{ parts: [{ text: 'a' }] }] },
  });
  assert.deepEqual(request, {
    generateContentRequest: { ...whole.generateContentRequest, model: 'models/swift' },
  });
});

test('the model on the device counts by its own tokenizer', async () => {
  const { data, response } = await anthropic(LOCAL);
  assert.ok(!isEstimate(response));
  assert.equal(response.headers.get('tidegate-egress'), 'none');
  const answer = await gate.anthropic().messages.create({
    model: LOCAL, system: SYSTEM, max_tokens: 1, messages: [{ role: 'user', content: QUESTION }],
  });
  const { usage } = answer;
  assert.equal(data.input_tokens, usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
  for (const count of [openai, chat]) {
    assert.equal((await count(LOCAL)).data.input_tokens, data.input_tokens);
  }
  assert.equal((await gemini(LOCAL, whole)).data.totalTokens, data.input_tokens);
  assert.equal((await aws(LOCAL)).data.inputTokens, data.input_tokens);
  assert.deepEqual(await asked(), []);
});

test('where nobody counts the number is an estimate and says so', async () => {
  const { data, response } = await anthropic(CLOUD);
  assert.ok(isEstimate(response));
  assert.ok(data.input_tokens > 8 && data.input_tokens < 40, `${data.input_tokens}`);
  assert.equal(response.headers.get('tidegate-egress'), 'none');
  assert.deepEqual(await asked(), []);
  await emulator.faults('status=503');
  const failed = await anthropic(CLAUDE, { tidegate: { fallback: 'none' } });
  assert.ok(isEstimate(failed.response));
  const decision = await gate.decision(failed.response.headers.get('tidegate-decision'));
  assert.equal(decision.attempts[0].outcome, 'failed');
});

test('what is private is counted here or not at all', async () => {
  await assert.rejects(anthropic(CLAUDE, { tidegate: { privacy: 'local' } }),
    (error) => error.status === 503 && /privacy/.test(error.message));
  const { response } = await anthropic('auto', { tidegate: { privacy: 'local' } });
  assert.equal(response.headers.get('tidegate-model'), LOCAL);
  assert.deepEqual(await asked(), []);
});

test('bad input is refused in the shape of who asked, with its place', async () => {
  await assert.rejects(anthropic(CLAUDE, { messages: [] }),
    (error) => error.status === 400 && /messages/.test(error.message));
  await assert.rejects(openai(CLAUDE, { input: 5 }),
    (error) => error.status === 400 && error.param === 'input');
  const both = await gemini(GEMINI, { ...whole, contents: [] });
  assert.equal(both.response.status, 400);
  assert.match(JSON.stringify(both.data), /generateContentRequest/);
  await assert.rejects(aws(BEDROCK, { messages: [] }),
    (error) => error.name === 'ValidationException' && /converse.messages/.test(error.message));
  assert.deepEqual(await asked(), []);
});
