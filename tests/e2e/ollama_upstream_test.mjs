// A server of Ollama's as a target: one on this machine that has a model of its own and passes
// another one on to a cloud. It is a witness that keeps every request; what must not leave the
// device must not reach it for the model that it passes on.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';

import { Emulator, eventually, Gate } from './harness.mjs';

const OWN = 'ollama/small:latest';
const PASSED_ON = 'ollama/mine:latest'; // nothing in its name tells
const TAGS = {
  models: [
    {
      name: 'small:latest', model: 'small:latest', modified_at: '2026-01-02T03:04:05Z', size: 7,
      digest: 'ab', details: { family: 'llama', context_length: 8192 },
      capabilities: ['completion', 'tools', 'thinking'],
    },
    {
      name: 'mine:latest', model: 'mine:latest', remote_model: 'gpt-oss:120b',
      remote_host: 'https://ollama.com:443', details: { context_length: 131072 },
      capabilities: ['completion', 'tools', 'thinking'],
    },
    { name: 'embed:latest', model: 'embed:latest', capabilities: ['embedding'] },
  ],
};

// Answers "Hello." to everything, and a call to whoever offers tools.
class FakeOllama {
  constructor() {
    this.asked = [];
    this.server = createServer(async (request, response) => {
      if (request.url === '/api/tags') return response.end(JSON.stringify(TAGS));
      let text = '';
      for await (const piece of request) text += piece;
      this.asked.push({ path: request.url, text, body: JSON.parse(text) });
      return this.answer(request.url, JSON.parse(text), response);
    });
  }

  async start() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  answer(path, body, response) {
    const head = { model: body.model, created_at: '2026-11-25T10:00:00.5Z' };
    const say = (content, more) => (path === '/api/generate' ? { response: content }
      : { message: { role: 'assistant', content, ...more } });
    const end = {
      done: true, done_reason: 'stop', total_duration: 9, prompt_eval_count: 11, eval_count: 2,
    };
    if (body.messages?.length === 0) {
      const loaded = { done: true, done_reason: 'load' };
      return response.end(JSON.stringify({ ...head, ...say(''), ...loaded }));
    }
    if (body.messages?.at(-1).content === 'fail') {
      response.writeHead(404, { 'content-type': 'application/json' });
      return response.end(JSON.stringify({ error: `model '${body.model}' not found` }));
    }
    const call = body.tools && '{"id":"call_x","function":{"name":"f","arguments":{"n":'
      + '9007199254740993,"x":1.0}}}';
    if (body.stream === false) {
      response.setHeader('content-type', 'application/json; charset=utf-8');
      return response.end(JSON.stringify({ ...head, ...say('Hello.'), ...end }));
    }
    response.setHeader('content-type', 'application/x-ndjson');
    for (const content of ['Hel', 'lo.']) {
      response.write(`${JSON.stringify({ ...head, ...say(content), done: false })}\n`);
    }
    if (call) {
      response.write('{"model":"m","message":{"role":"assistant","content":"","tool_calls":['
        + `${call}]},"done":false}\n`);
    }
    return response.end(`${JSON.stringify({ ...head, ...say(''), ...end })}\n`);
  }
}

let emulator;
let gate;
let fake;

before(async () => {
  fake = new FakeOllama();
  await fake.start();
  emulator = await Emulator.start();
  gate = await Gate.start(emulator, `
[providers.ollama]
url = "${fake.url}"
place = "device"
models = [{ name = "mine:latest", prices = { input_usd = 1, output_usd = 1 } }]
`);
  const listed = async () => (await list()).some((model) => model.id === OWN);
  await eventually(listed, 'it is discovered');
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
    fake.server.close();
    fake.server.closeAllConnections();
  }
});
beforeEach(() => {
  fake.asked = [];
});

async function list() {
  return (await (await fetch(`${gate.url}/tidegate/models`)).json()).models;
}

async function post(path, body, headers = {}) {
  const answer = await fetch(gate.url + path, {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const ask = (content) => [{ role: 'user', content }];

test('its own model is on this device, and the one it passes on is in the cloud', async () => {
  const models = new Map((await list()).map((model) => [model.id, model]));
  assert.equal(models.get(OWN).place, 'device');
  assert.equal(models.get(PASSED_ON).place, 'cloud');
  assert.equal(models.has('ollama/embed:latest'), false);
  const tags = (await (await fetch(`${gate.url}/api/tags`)).json()).models;
  const found = (name) => tags.find((model) => model.name === name);
  assert.equal(found(OWN).remote_host, undefined);
  assert.equal(found(PASSED_ON).remote_host, 'https://ollama.com:443');
  assert.equal(found(PASSED_ON).remote_model, 'gpt-oss:120b');
});

test('a private request never reaches the model that is passed on, by any way', async () => {
  const ways = [
    ['/v1/chat/completions', { messages: ask('secret') }],
    ['/api/chat', { messages: ask('secret'), stream: false }],
    ['/api/generate', { prompt: 'secret', stream: false }],
    ['/v1/messages', { messages: ask('secret'), max_tokens: 9 }],
  ];
  for (const [path, body] of ways) {
    for (const model of [PASSED_ON, 'mine', 'mine:latest']) {
      for (const [extension, headers] of [[{ privacy: 'local' }, {}], [{ place: ['device'] }, {}],
        [undefined, { 'tidegate-privacy': 'local' }]]) {
        const answer = await post(path, { model, ...body, tidegate: extension }, headers);
        assert.equal(answer.status, 503, answer.text);
        assert.equal(answer.headers.get('tidegate-egress'), 'none');
      }
    }
  }
  assert.deepEqual(fake.asked, []);
  const open = await post('/api/chat', { model: PASSED_ON, messages: ask('open'), stream: false });
  assert.equal(open.status, 200, open.text);
  assert.equal(open.headers.get('tidegate-place'), 'cloud');
  assert.equal(open.headers.get('tidegate-egress'), 'raw');
  const near = await post('/api/chat', {
    model: OWN, messages: ask('secret'), stream: false, tidegate: { privacy: 'local' },
  });
  assert.equal(near.status, 200, near.text);
  assert.equal(near.headers.get('tidegate-egress'), 'none');
  assert.equal(fake.asked.at(-1).body.model, 'small:latest');
});

test('a client of Ollama reaches it with its own bytes, and so does the answer', async () => {
  const body = `{ "model":"${OWN}","messages":[{"role":"user","content":"hi"}],`
    + '"options":{"num_predict":9,"mirostat":2},"tidegate":{"tags":["t"]} }';
  const answer = await post('/api/chat', body);
  assert.equal(answer.headers.get('content-type'), 'application/x-ndjson');
  assert.match(answer.text, /"created_at":"2026-11-25T10:00:00\.5Z"/);
  assert.equal(answer.text.trim().split('\n').length, 3);
  const [asked] = fake.asked;
  assert.equal(asked.path, '/api/chat');
  assert.equal(asked.text,
    '{ "model":"small:latest","messages":[{"role":"user","content":"hi"}],'
    + '"options":{"num_predict":9,"mirostat":2} }');
  const generated = await post('/api/generate', {
    model: OWN, prompt: 'a', suffix: 'b', raw: true, stream: false,
  });
  assert.equal(JSON.parse(generated.text).response, 'Hello.');
  assert.equal(fake.asked[1].path, '/api/generate');
  const loaded = await post('/api/chat', { model: OWN, messages: [] });
  assert.equal(JSON.parse(loaded.text).done_reason, 'load');
  assert.deepEqual(fake.asked[2].body, { model: 'small:latest', messages: [] });
});

test('clients of other protocols reach it too, and arguments keep their text', async () => {
  const tool = { name: 'f', parameters: { type: 'object', properties: {} } };
  const chat = await post('/v1/chat/completions', {
    model: OWN, messages: ask('hi'), max_tokens: 50, reasoning_effort: 'low',
    tools: [{ type: 'function', function: tool }],
  });
  assert.equal(chat.status, 200, chat.text);
  const [asked] = fake.asked;
  assert.equal(asked.path, '/api/chat');
  assert.equal(asked.body.think, 'low');
  assert.equal(asked.body.options.num_predict, 50);
  assert.equal(asked.body.truncate, false);
  fake.asked = [];
  const streamed = await post('/v1/chat/completions', {
    model: OWN, messages: ask('hi'), stream: true, tools: [{ type: 'function', function: tool }],
  });
  assert.match(streamed.text, /\{\\"n\\":9007199254740993,\\"x\\":1\.0\}/);
  assert.match(streamed.text, /"finish_reason":"tool_calls"/);
  assert.match(streamed.text, /data: \[DONE\]/);
  const messages = await post('/v1/messages', {
    model: OWN, max_tokens: 50, messages: ask('hi'), stream: true,
  });
  assert.match(messages.text, /"type":"message_stop"/);
  assert.match(messages.text, /"input_tokens":11/);
});

test('its errors are told in the caller\'s own shape', async () => {
  const answer = await post('/v1/chat/completions', { model: OWN, messages: ask('fail') });
  assert.equal(answer.status, 404, answer.text);
  assert.equal(JSON.parse(answer.text).error.code, 'model_not_found');
  const own = await post('/api/chat', { model: OWN, messages: ask('fail') });
  assert.equal(own.status, 404, own.text);
  assert.match(JSON.parse(own.text).error, /small:latest/);
});

test('the variable says where it is, but never that it is this program itself', async () => {
  const found = await Gate.start(emulator, '', '127.0.0.1:0', { OLLAMA_HOST: fake.url.slice(7) });
  try {
    await eventually(async () => (await (await fetch(`${found.url}/api/tags`)).json()).models
      .some((model) => model.name === OWN), 'it is discovered');
    const port = new URL(found.url).port;
    await found.close();
    const circle = await Gate.start(emulator, '', `127.0.0.1:${port}`,
      { OLLAMA_HOST: `0.0.0.0:${port}` });
    try {
      await circle.program.waitFor(/ollama is this program's own address/);
      const { models } = await (await fetch(`${circle.url}/api/tags`)).json();
      assert.equal(models.some((model) => model.name.startsWith('ollama/')), false);
    } finally {
      await circle.close();
    }
  } finally {
    await found.program.end('SIGTERM');
  }
});
