// Every kind of answer in OpenAI's shapes, held against OpenAI's own OpenAPI description: whole and
// streamed chats, responses and completions, embeddings, token counts, lists of models, what is
// kept, and errors. $TIDEGATE_OPENAPI is
// that file, as JSON; without it there is nothing to hold them against, and they are skipped.
//
// What is answered by an upstream of the same protocol passes as it came, so the witnesses are
// answers that the gate writes itself: of upstreams of other protocols, and whole ones of this
// device's engine, which are collected from a stream.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { MEAN, writePooled } from './gguf.mjs';
import {
  Emulator, Gate, LOCAL, STARTER,
} from './harness.mjs';

const DESCRIPTION = process.env.TIDEGATE_OPENAPI;
const skip = DESCRIPTION ? false : 'TIDEGATE_OPENAPI names no OpenAPI description of OpenAI\'s';
const TRANSLATED = 'anthropic/swift'; // answers in another protocol
const VECTORS = ['local/vectors', 'gemini/swift']; // on the device, and of another protocol
const KEY = 'tg-a-key-for-the-tests';

let emulator;
let gate;
let validators;

// `nullable` is OpenAPI's own word from before its schemas were JSON Schema, which has none.
function withoutNullable(value) {
  if (Array.isArray(value)) return value.map(withoutNullable);
  if (value === null || typeof value !== 'object') return value;
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, withoutNullable(member)]));
  if (copy.nullable !== true) return copy;
  delete copy.nullable;
  return { anyOf: [copy, { type: 'null' }] };
}

// Compiles the named schemas of the description. OpenAPI's own keywords are not JSON Schema's and
// check nothing.
function compile(path, names) {
  const load = createRequire(new URL('node/package.json', import.meta.url));
  const { default: Ajv } = load('ajv/dist/2020');
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false, validateFormats: false });
  const description = withoutNullable(JSON.parse(readFileSync(path, 'utf8')));
  ajv.addSchema({ ...description, $id: 'openai' });
  const { schemas } = description.components;
  const of = (name) => ajv.compile({ $ref: `openai#/components/schemas/${name}` });
  const found = new Map(names.map((name) => [name, of(name)]));
  // An event is held against the schema of its type alone, which says better what is wrong.
  for (const { $ref } of schemas.ResponseStreamEvent.anyOf) {
    const name = $ref.split('/').at(-1);
    for (const type of schemas[name].properties.type.enum) found.set(type, of(name));
  }
  return found;
}

// The description's own examples of responses say null here, and its schemas do not.
function withoutKnownNulls(value) {
  const copy = { ...value };
  if (copy.response) copy.response = withoutKnownNulls(copy.response);
  for (const name of ['user', 'usage']) {
    if (copy.object === 'response' && copy[name] === null) delete copy[name];
  }
  if (copy.object === 'text_completion') { // its one schema of chunks and whole answers
    copy.choices = copy.choices.map((choice) => (
      choice.finish_reason === null ? { ...choice, finish_reason: 'stop' } : choice));
  }
  return copy;
}

function check(schema, told) {
  const value = withoutKnownNulls(told);
  const validate = validators.get(schema);
  assert.ok(validate, `the description has no ${schema}`);
  const errors = validate(value) ? [] : validate.errors.map(
    (error) => `${error.instancePath || '(all)'} ${error.message}`);
  assert.deepEqual([...new Set(errors)].slice(0, 8), [],
    `${schema}: ${JSON.stringify(value).slice(0, 2000)}`);
}

before(async () => {
  if (skip) return;
  validators = compile(DESCRIPTION, [
    'CreateChatCompletionResponse', 'CreateChatCompletionStreamResponse', 'Response',
    'ListModelsResponse', 'Model', 'ErrorResponse', 'ResponseItemList', 'CreateCompletionResponse',
    'CreateEmbeddingResponse', 'TokenCountsResource',
  ]);
  emulator = await Emulator.start();
  const vectors = join(emulator.home.path, 'vectors.gguf');
  writePooled(STARTER, vectors, MEAN);
  const key = join(emulator.home.path, 'key');
  writeFileSync(key, 'unused', { mode: 0o600 });
  const sha256 = createHash('sha256').update(KEY).digest('hex');
  gate = await Gate.start(emulator, `
[keys.tester]
sha256 = "${sha256}"
admin = true
[providers.anthropic]
url = "${emulator.url}/v1"
key = "env:UPSTREAM"
place = "cloud"
emulated = true
models = [{ name = "swift", context_tokens = 128000, output_tokens_max = 16384, quality = 0.9,
 capabilities = ["tools", "json_schema", "stop", "temperature", "reasoning", "vision"],
 prices = { input_usd = 1, output_usd = 1 } }]
[providers.gemini]
url = "${emulator.url}/v1beta"
key = "file:${key}"
place = "cloud"
emulated = true
models = [{ name = "swift", context_tokens = 512, capabilities = ["embeddings"],
 prices = { input_usd = 1 } }]
`.replaceAll(',\n ', ', '), '127.0.0.1:0', { UPSTREAM: 'unused' }, [vectors]);
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});
beforeEach(() => emulator?.reset());

async function ask(path, body, method = 'POST') {
  const answer = await fetch(gate.url + path, {
    method,
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  return { status: answer.status, text: await answer.text() };
}

async function askJson(path, body, method) {
  const { status, text } = await ask(path, body, method);
  assert.equal(status, 200, text);
  return JSON.parse(text);
}

async function events(path, body) {
  const { status, text } = await ask(path, { ...body, stream: true });
  assert.equal(status, 200, text);
  const data = text.split('\n').filter((line) => line.startsWith('data: '))
    .map((line) => line.slice(6));
  return data.filter((one) => one !== '[DONE]').map((one) => JSON.parse(one));
}

const TOOL = {
  name: 'look_up', description: 'Looks.', strict: false,
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const CHATS = {
  text: {},
  'a limit that ends it': { max_tokens: 3 },
  stop: { stop: ['a'] },
  usage: { stream_options: { include_usage: true } },
  tools: {
    tools: [{ type: 'function', function: TOOL }], tool_choice: 'required',
  },
  'a schema': {
    response_format: {
      type: 'json_schema', json_schema: { name: 'city', schema: TOOL.parameters },
    },
  },
};
const ONLY_CLOUD = { thoughts: { reasoning_effort: 'low' } };

for (const [model, cases] of [
  [LOCAL, CHATS], [TRANSLATED, { ...CHATS, ...ONLY_CLOUD }],
]) {
  for (const [what, fields] of Object.entries(cases)) {
    const body = {
      model, messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 40, ...fields,
    };
    const { stream_options: _, ...whole } = body;
    test(`a chat of ${model} with ${what}`, { skip }, async () => {
      check('CreateChatCompletionResponse', await askJson('/v1/chat/completions', whole));
    });
    test(`a streamed chat of ${model} with ${what}`, { skip }, async () => {
      const chunks = await events('/v1/chat/completions', body);
      assert.ok(chunks.length > 1);
      for (const chunk of chunks) check('CreateChatCompletionStreamResponse', chunk);
    });
  }
}

const RESPONSES = {
  text: {},
  'a limit that ends it': { max_output_tokens: 16 },
  instructions: { instructions: 'Be brief.', metadata: { a: 'b' }, user: 'u' },
  tools: { tools: [{ type: 'function', ...TOOL }], tool_choice: 'required' },
  'a schema': {
    text: { format: { type: 'json_schema', name: 'city', schema: TOOL.parameters } },
  },
};

for (const [model, cases] of [
  [LOCAL, RESPONSES],
  [TRANSLATED, {
    ...RESPONSES, thoughts: { reasoning: { effort: 'low', summary: 'auto' } },
  }],
]) {
  for (const [what, fields] of Object.entries(cases)) {
    const body = { model, input: 'Say hello.', max_output_tokens: 60, ...fields };
    test(`a response of ${model} with ${what}`, { skip }, async () => {
      const response = await askJson('/v1/responses', body);
      check('Response', response);
      check('Response', await askJson(`/v1/responses/${response.id}`, undefined, 'GET'));
      check('ResponseItemList',
        await askJson(`/v1/responses/${response.id}/input_items`, undefined, 'GET'));
    });
    test(`a streamed response of ${model} with ${what}`, { skip }, async () => {
      const all = await events('/v1/responses', body);
      assert.ok(all.length > 3);
      for (const event of all) check(event.type, event);
    });
  }
}

test('a response that fails midway', { skip }, async () => {
  await emulator.faults('error_after=4,tokens_per_s=100');
  const all = await events('/v1/responses', { model: TRANSLATED, input: 'Say hello.' });
  assert.equal(all.at(-1).type, 'response.failed');
  for (const event of all) check(event.type, event);
});

for (const model of [LOCAL, TRANSLATED]) {
  const body = { model, prompt: 'Once upon', max_tokens: 20 };
  test(`a completion of ${model}`, { skip }, async () => {
    check('CreateCompletionResponse', await askJson('/v1/completions', body));
  });
  test(`a streamed completion of ${model}`, { skip }, async () => {
    const chunks = await events('/v1/completions', body);
    assert.ok(chunks.length > 1);
    for (const chunk of chunks) check('CreateCompletionResponse', chunk);
  });
  test(`the tokens of a response of ${model}`, { skip }, async () => {
    check('TokenCountsResource', await askJson('/v1/responses/input_tokens', {
      model, input: 'Say hello.',
    }));
  });
}

for (const model of VECTORS) {
  test(`embeddings of ${model}`, { skip }, async () => {
    check('CreateEmbeddingResponse', await askJson('/v1/embeddings', {
      model, input: ['The sea is calm.', 'Bread'],
    }));
  });
}

test('the lists of models, and one model', { skip }, async () => {
  check('ListModelsResponse', await askJson('/v1/models', undefined, 'GET'));
  check('Model', await askJson(`/v1/models/${LOCAL}`, undefined, 'GET'));
});

test('errors, whoever made them', { skip }, async () => {
  const chat = { model: TRANSLATED, messages: [{ role: 'user', content: 'hi' }] };
  const answers = [
    await ask('/v1/chat/completions', { ...chat, temperature: 9 }),
    await ask('/v1/chat/completions', { ...chat, model: 'nobody/nothing' }),
    await ask('/v1/chat/completions', { ...chat, tidegate: { place: ['device'] } }),
    await ask('/v1/nowhere', undefined, 'GET'),
    await ask('/v1/models/nobody', undefined, 'GET'),
    await ask('/v1/responses', { model: TRANSLATED, input: 'a', previous_response_id: 'resp_x' }),
  ];
  for (const status of [400, 401, 429, 500, 529]) {
    await emulator.faults(`status=${status}`);
    answers.push(await ask('/v1/chat/completions', chat));
    answers.push(await ask('/v1/responses', { model: TRANSLATED, input: 'hi' }));
  }
  for (const { status, text } of answers) {
    assert.ok(status >= 400, text);
    check('ErrorResponse', JSON.parse(text));
  }
});
