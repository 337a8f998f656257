// OpenAI's older Completions with its official SDK: to servers that speak them the same bytes, to
// chat models the prompt as a message.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { CLOUD, Emulator, Gate, LOCAL, PACED } from './harness.mjs';

const SPEAKS = 'texts/swift'; // completions beside chats
const CLAUDE = 'claude/swift';

let emulator;
let gate;
let client;

before(async () => {
  emulator = await Emulator.start();
  const key = join(emulator.home.path, 'key');
  writeFileSync(key, 'of-the-gate', { mode: 0o600 });
  const facts = 'context_tokens = 4096, output_tokens_max = 512, '
    + 'prices = { input_usd = 1, output_usd = 2 }';
  gate = await Gate.start(emulator, `
[providers.texts]
kind = "openai_compatible"
also_speaks = ["openai_completions"]
url = "${emulator.url}/v1"
key = "file:${key}"
place = "cloud"
emulated = true
models = [{ name = "swift", ${facts}, capabilities = ["stop", "seed", "n", "temperature", \
"logprobs", "stream_usage", "vendor_fields"] }]
[providers.claude]
kind = "anthropic"
url = "${emulator.url}/v1"
key = "file:${key}"
place = "cloud"
emulated = true
models = [{ name = "swift", ${facts}, capabilities = ["stop", "temperature", "vendor_fields"] }]
`);
  client = gate.client();
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});
beforeEach(() => emulator.reset());

const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};
const textOf = (chunks) => chunks.map((chunk) => chunk.choices[0]?.text ?? '').join('');

test('who speaks completions gets the bytes, and its answer comes back as it is', async () => {
  const { data, response } = await client.completions.create({
    model: SPEAKS, prompt: 'A tide gate is', max_tokens: 8, echo: true, seed: 7, user: 'ann',
    tidegate: { privacy: 'open' },
  }).withResponse();
  assert.equal(data.object, 'text_completion');
  assert.match(data.choices[0].text, /^A tide gate is/);
  const [entry] = await emulator.chats();
  assert.equal(entry.path, '/v1/completions');
  assert.deepEqual(JSON.parse(entry.body), {
    model: 'swift', prompt: 'A tide gate is', max_tokens: 8, echo: true, seed: 7, user: 'ann',
  });
  const decision = await gate.decision(response.headers.get('tidegate-decision'));
  assert.equal(decision.protocol, 'openai_completions');
  assert.equal(decision.attempts[0].usage.output_tokens, data.usage.completion_tokens);
  const { usage } = data;
  assert.equal(decision.attempts[0].cost_nanodollars,
    usage.prompt_tokens * 1000 + usage.completion_tokens * 2000);
});

test('a stream of completions passes, and its usage is known to the ledger', async () => {
  const { data, response } = await client.completions.create({
    model: SPEAKS, prompt: 'A tide gate is', max_tokens: 12, stream: true,
  }).withResponse();
  const chunks = await collect(data);
  assert.ok(textOf(chunks).length > 0);
  assert.ok(chunks.every((chunk) => chunk.usage === undefined || chunk.usage === null));
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'length');
  const decision = await gate.decision(response.headers.get('tidegate-decision'));
  assert.equal(decision.attempts[0].usage.output_tokens, 12);
  assert.equal(decision.attempts[0].usage.estimated, false);
});

test('a chat model of whatever protocol answers in the shape of completions', async () => {
  for (const model of [CLOUD, CLAUDE]) {
    const data = await client.completions.create({
      model, prompt: 'Say a word.', max_tokens: 16, stop: ['\n'],
    });
    assert.equal(data.object, 'text_completion');
    assert.match(data.id, /^cmpl-/);
    assert.ok(data.choices[0].text.length > 0);
    assert.ok(['stop', 'length'].includes(data.choices[0].finish_reason));
    assert.ok(data.usage.completion_tokens > 0);
    const chunks = await collect(await client.completions.create({
      model, prompt: 'Say a word.', max_tokens: 16, stream: true,
      stream_options: { include_usage: true },
    }));
    assert.ok(textOf(chunks).length > 0);
    assert.ok(chunks.every((chunk) => chunk.object === 'text_completion'));
    assert.ok(chunks.at(-1).usage.completion_tokens > 0);
    assert.equal(chunks.filter((chunk) => chunk.choices[0]?.finish_reason).length, 1);
  }
  const [chat] = await emulator.chats();
  assert.deepEqual(JSON.parse(chat.body).messages, [{ role: 'user', content: 'Say a word.' }]);
});

test('log-probabilities of a chat become those of completions', async () => {
  const data = await client.completions.create({
    model: CLOUD, prompt: 'Say a word.', max_tokens: 4, logprobs: 2, n: 2,
  });
  assert.equal(data.choices.length, 2);
  const { logprobs, text } = data.choices[0];
  assert.equal(logprobs.tokens.join(''), text);
  assert.equal(logprobs.token_logprobs.length, logprobs.tokens.length);
  assert.equal(logprobs.text_offset[1], logprobs.tokens[0].length);
  assert.equal(Object.keys(logprobs.top_logprobs[0]).length, 2);
});

test('what a chat cannot say needs who speaks completions', async () => {
  for (const [field, asked] of Object.entries({
    echo: { echo: true }, suffix: { suffix: 'b' }, best_of: { best_of: 2 },
    prompt: { prompt: ['a', 'b'] },
  })) {
    await assert.rejects(client.completions.create({ model: CLOUD, prompt: 'a', ...asked }),
      (error) => error.status === 400 && error.param === field);
  }
  await assert.rejects(client.completions.create({ model: CLOUD, prompt: 5 }),
    (error) => error.status === 400 && error.param === 'prompt');
  assert.deepEqual(await emulator.chats(), []);
});

test('the model on the device continues the prompt itself', async () => {
  const ask = { model: LOCAL, prompt: 'Once upon a time', max_tokens: 8, temperature: 0 };
  const { data, response } = await client.completions.create(ask).withResponse();
  assert.equal(response.headers.get('tidegate-egress'), 'none');
  assert.equal(typeof data.choices[0].text, 'string');
  assert.ok(data.usage.prompt_tokens < 20, 'no template is around it');
  const chunks = await collect(await client.completions.create({ ...ask, stream: true }));
  assert.equal(textOf(chunks), data.choices[0].text);
  const told = await client.completions.create({ ...ask, logprobs: 1 });
  assert.equal(told.choices[0].logprobs.tokens.length, told.choices[0].logprobs.text_offset.length);
});

test('a cut stream is never complete, and privacy holds', async () => {
  await emulator.call('faults', { model: 'paced', faults: 'cut_after=3' });
  await assert.rejects(async () => collect(await client.completions.create({
    model: PACED, prompt: 'Say much.', max_tokens: 40, stream: true,
  })));
  await emulator.reset();
  await assert.rejects(client.completions.create({
    model: SPEAKS, prompt: 'a', tidegate: { privacy: 'local' },
  }), (error) => error.status === 503 && /privacy/.test(error.message));
  assert.deepEqual(await emulator.chats(), []);
});
