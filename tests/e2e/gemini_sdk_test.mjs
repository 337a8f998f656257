// Google's official SDK against a model on this device, an emulated cloud, which both speak another
// protocol, and an upstream that speaks its own.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';

import {
  ApiError, CLOUD, Emulator, eventually, Gate, LOCAL, PACED, PIXEL,
} from './harness.mjs';

const KEY = 'tg-a-key-for-the-tests';
const UPSTREAM_KEY = 'the-gates-own-key-with-google';
const GOOGLE = 'google/gemini-3-test';

// An upstream that answers with what a test has put up, chunk by chunk, and keeps what it was
// asked.
class Upstream {
  static async start() {
    const upstream = new Upstream();
    upstream.server = createServer(async (request, response) => {
      let body = '';
      for await (const piece of request) body += piece;
      upstream.asked = { url: request.url, headers: request.headers, body };
      const { status = 200, chunks } = upstream.answer;
      if (status === 200 && request.url.includes('alt=sse')) {
        response.writeHead(status, { 'content-type': 'text/event-stream' });
        for (const chunk of chunks) response.write(`data: ${JSON.stringify(chunk)}\r\n\r\n`);
        response.end();
      } else {
        response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' });
        response.end(JSON.stringify(chunks[0]));
      }
    });
    await new Promise((resolve) => upstream.server.listen(0, '127.0.0.1', resolve));
    upstream.url = `http://127.0.0.1:${upstream.server.address().port}/v1beta`;
    return upstream;
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

let emulator;
let upstream;
let secrets;
let gate;
let client;

before(async () => {
  emulator = await Emulator.start();
  upstream = await Upstream.start();
  secrets = mkdtempSync(join(tmpdir(), 'tg-'));
  writeFileSync(join(secrets, 'key'), UPSTREAM_KEY, { mode: 0o600 });
  gate = await Gate.start(emulator, `
[providers.google]
kind = "gemini"
url = "${upstream.url}"
key = "file:${join(secrets, 'key')}"
place = "cloud"
models = [{ name = "gemini-3-test", context_tokens = 100000, output_tokens_max = 8192,
 quality = 0.9, prices = { input_usd = 1.0, output_usd = 2.0 }, capabilities = ["tools",
 "json_schema", "vision", "reasoning", "temperature", "stop", "seed", "top_k", "vendor_fields"] }]
[keys.tester]
sha256 = "${createHash('sha256').update(KEY).digest('hex')}"
admin = true
`.replaceAll(',\n ', ', '));
  client = gate.google({ apiKey: KEY });
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    upstream?.close();
    await emulator?.close();
    rmSync(secrets, { recursive: true, force: true });
  }
});
beforeEach(() => emulator.reset());

const WEATHER = {
  name: 'get_weather',
  description: 'Get the weather in a city',
  parameters: { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] },
};
const CLOCK = { name: 'get_time', parametersJsonSchema: { type: 'object', properties: {} } };
const tools = (...functionDeclarations) => [{ functionDeclarations }];
const partsOf = (answer) => answer.candidates[0].content.parts;
const callsOf = (parts) => parts.flatMap((part) => part.functionCall ?? []);

// Without the SDK, which hides some of what there is to see.
const post = (path, body, headers = { 'x-goog-api-key': KEY }) => fetch(`${gate.url}${path}`, {
  method: 'POST', headers: { 'content-type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const say = (text) => ({ contents: [{ role: 'user', parts: [{ text }] }] });

// All chunks of a stream, each with a content that a chat would keep.
async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) {
    assert.ok(partsOf(chunk).length > 0, 'a chunk without parts');
    chunks.push(chunk);
  }
  return chunks;
}

for (const [model, place] of [[LOCAL, 'device'], [CLOUD, 'cloud']]) {
  describe(`with ${model}`, () => {
    test('a question is answered, with usage, and says where it ran', async () => {
      const answer = await client.models.generateContent({
        model, contents: 'What is the capital of France?',
        config: { systemInstruction: 'Be brief.', maxOutputTokens: 200 },
      });
      assert.match(answer.text, model === LOCAL ? /\S/ : /^\[emulated swift\]/);
      assert.equal(answer.candidates[0].finishReason, 'STOP');
      const usage = answer.usageMetadata;
      assert.ok(usage.promptTokenCount > 0 && usage.candidatesTokenCount > 0);
      assert.equal(usage.totalTokenCount, usage.promptTokenCount + usage.candidatesTokenCount);
      const { headers } = answer.sdkHttpResponse;
      assert.equal(headers['tidegate-place'], place);
      const decision = await gate.decision(headers['tidegate-decision'],
        { authorization: `Bearer ${KEY}` });
      assert.equal(decision.protocol, 'gemini');
      assert.equal(decision.attempts[0].usage.output_tokens, usage.candidatesTokenCount);
    });

    test('a stream adds up to the answer', async () => {
      const asked = {
        model, contents: 'Count to 10.', config: { temperature: 0, maxOutputTokens: 200 },
      };
      const chunks = await collect(await client.models.generateContentStream(asked));
      assert.ok(chunks.length > 2);
      const seen = chunks.map((chunk) => chunk.text ?? '').join('');
      const reasons = chunks.map((chunk) => chunk.candidates[0].finishReason);
      assert.ok(reasons.slice(0, -1).every((reason) => !reason), 'only the last chunk finishes');
      assert.equal(reasons.at(-1), 'STOP');
      const whole = await client.models.generateContent(asked);
      assert.equal(whole.text, seen);
      assert.deepEqual(chunks.at(-1).usageMetadata.candidatesTokenCount,
        whole.usageMetadata.candidatesTokenCount);
    });

    test('an output limit ends the answer with MAX_TOKENS', async () => {
      const answer = await client.models.generateContent({
        model, contents: 'Tell me a story.', config: { maxOutputTokens: 3 },
      });
      assert.equal(answer.candidates[0].finishReason, 'MAX_TOKENS');
      assert.equal(answer.usageMetadata.candidatesTokenCount, 3);
    });

    test('a chat calls a tool, takes its result, and keeps what it heard', async () => {
      const chat = client.chats.create({
        model, config: { tools: tools(WEATHER), maxOutputTokens: 200 },
      });
      const chunks = await collect(await chat.sendMessageStream({
        message: model === LOCAL ? 'What is the weather in Oslo?'
          : 'Please call the tool get_weather now',
      }));
      const [call] = callsOf(chunks.flatMap(partsOf));
      assert.equal(call.name, 'get_weather');
      assert.equal(typeof call.args.city, 'string');
      const second = await chat.sendMessage({
        message: [{
          functionResponse: {
            id: call.id, name: call.name, response: { output: '4 degrees, windy' },
          },
        }],
      });
      assert.match(second.text,
        model === LOCAL ? /\S/ : new RegExp(`1 tool result of 16 bytes for ${call.id}`));
      assert.ok(chat.getHistory(true).length >= 4, 'every turn was valid');
    });

    test('an answer follows a schema of either kind', async () => {
      const own = {
        type: 'OBJECT', properties: { name: { type: 'STRING' }, age: { type: 'INTEGER' } },
        required: ['name', 'age'],
      };
      const plain = {
        type: 'object', properties: { name: { type: 'string' }, age: { type: 'integer' } },
        required: ['name', 'age'], additionalProperties: false,
      };
      for (const schema of [{ responseSchema: own }, { responseJsonSchema: plain }]) {
        const answer = await client.models.generateContent({
          model, contents: 'Give me a JSON object with name Ada and age 36.',
          config: { responseMimeType: 'application/json', ...schema },
        });
        const person = JSON.parse(answer.text);
        assert.equal(typeof person.name, 'string');
        assert.ok(Number.isInteger(person.age));
      }
    });

    test('log-probabilities come with every token', async () => {
      const answer = await client.models.generateContent({
        model, contents: 'Say hello.', config: { responseLogprobs: true, logprobs: 2 },
      });
      const { chosenCandidates, topCandidates } = answer.candidates[0].logprobsResult;
      assert.ok(chosenCandidates.length > 1);
      assert.equal(topCandidates.length, chosenCandidates.length);
      assert.ok(chosenCandidates.every((token) => token.logProbability <= 0));
      assert.ok(topCandidates.every((step) => step.candidates.length >= 1));
    });

    test('an image for a model without vision is refused with the reason', async () => {
      const [, data] = PIXEL.split(',');
      await assert.rejects(client.models.generateContent({
        model,
        contents: [{ text: 'What is this?' }, { inlineData: { mimeType: 'image/png', data } }],
      }), (error) => {
        assert.ok(error instanceof ApiError);
        assert.equal(error.status, 400);
        const { error: status } = JSON.parse(error.message);
        assert.equal(status.status, 'INVALID_ARGUMENT');
        assert.equal(status.details[0].reason, 'capability');
        assert.match(status.message, /vision/);
        return true;
      });
      assert.deepEqual(await emulator.chats(), []);
    });
  });
}

test('parallel calls are parts of their own, and results without ids find them', async () => {
  const contents = [{
    role: 'user', parts: [{ text: 'call the tool get_weather and call the tool get_time' }],
  }];
  const asked = { model: CLOUD, contents, config: { tools: tools(WEATHER, CLOCK) } };
  const whole = await client.models.generateContent(asked);
  const chunks = await collect(await client.models.generateContentStream(asked));
  for (const parts of [partsOf(whole), chunks.flatMap(partsOf)]) {
    const calls = callsOf(parts);
    assert.deepEqual(calls.map((call) => call.name), ['get_weather', 'get_time']);
    assert.equal(new Set(calls.map((call) => call.id)).size, 2);
  }
  const withoutIds = partsOf(whole).map(({ functionCall: { name, args } }) => (
    { functionCall: { name, args } }));
  const answer = await client.models.generateContent({
    ...asked,
    contents: [...contents, { role: 'model', parts: withoutIds }, {
      role: 'user',
      parts: ['get_time', 'get_weather'].map((name) => (
        { functionResponse: { name, response: { output: name } } })),
    }],
  });
  assert.match(answer.text, /2 tool results/);
});

test('thoughts come only to who asks for them', async () => {
  await emulator.faults('reasoning=7');
  const asked = { model: CLOUD, contents: 'Think.' };
  const hidden = await client.models.generateContent(asked);
  assert.ok(partsOf(hidden).every((part) => !part.thought || part.text === ''));
  const shown = await client.models.generateContent({
    ...asked, config: { thinkingConfig: { includeThoughts: true } },
  });
  assert.equal(partsOf(shown)[0].thought, true);
  assert.ok(partsOf(shown)[0].text.length > 0);
  assert.ok(!shown.text.includes(partsOf(shown)[0].text));
  assert.ok(shown.usageMetadata.thoughtsTokenCount > 0);
});

test('bad input is refused with the place of the fault, and reaches nobody', async () => {
  const ask = (body, path = `models/${CLOUD}:generateContent`) => post(`/v1beta/${path}`, body);
  const { contents } = say('a');
  const cases = [
    [{}, 'contents'],
    [{ contents: [] }, 'contents'],
    [{ contents: [{ role: 'robot', parts: [{ text: 'a' }] }] }, 'contents[0].role'],
    [{ contents: [{ parts: [{}] }] }, 'contents[0].parts[0]'],
    [{ contents, generationConfig: { temperature: 3 } }, 'generationConfig.temperature'],
    [{ contents, generation_config: { top_k: -1 } }, 'generation_config.top_k'],
    [{ contents, generationConfig: { topP: 0.5, top_p: 0.5 } }, 'generationConfig.top_p'],
    [{ contents: [{ parts: [{ functionResponse: { name: 'f', response: {} } }] }] },
      'contents[0].parts[0].functionResponse.name'],
  ];
  for (const [body, field] of cases) {
    const answer = await ask(body);
    const { error } = await answer.json();
    assert.equal(answer.status, 400, error.message);
    assert.equal(error.code, 400);
    assert.equal(error.status, 'INVALID_ARGUMENT');
    assert.equal(error.details[1].fieldViolations[0].field, field);
  }
  const unknown = await ask({ contents }, 'models/nobody/has:generateContent');
  assert.equal(unknown.status, 404);
  assert.equal((await unknown.json()).error.status, 'NOT_FOUND');
  const method = await ask({ contents }, `models/${CLOUD}:generateAnswer`);
  assert.equal(method.status, 404);
  assert.equal((await method.json()).error.status, 'NOT_FOUND');
  assert.deepEqual(await emulator.chats(), []);
});

test('the key may stand in its field or in the query, and no other is taken', async () => {
  await assert.rejects(
    gate.google({ apiKey: 'somebody-else' }).models
      .generateContent({ model: CLOUD, contents: 'a' }),
    (error) => {
      assert.equal(error.status, 401);
      assert.equal(JSON.parse(error.message).error.status, 'UNAUTHENTICATED');
      return true;
    });
  const list = (query) => fetch(`${gate.url}/v1beta/models${query}`);
  assert.equal((await list(`?key=${KEY}`)).status, 200);
  assert.equal((await list(`?pageSize=5&key=${KEY.replace('-', '%2D')}`)).status, 200);
  assert.equal((await list('?key=somebody-else')).status, 401);
  assert.equal((await fetch(`${gate.url}/tidegate/decisions?key=${KEY}`)).status, 401,
    'not where the gate itself is looked after');
});

test('the models are listed in the shape of who asks', async () => {
  const models = [];
  for await (const model of await client.models.list()) models.push(model);
  const names = models.map((model) => model.name);
  for (const name of ['auto', LOCAL, CLOUD, GOOGLE]) assert.ok(names.includes(`models/${name}`));
  const google = models.find((model) => model.name === `models/${GOOGLE}`);
  assert.equal(google.inputTokenLimit, 100000);
  assert.equal(google.outputTokenLimit, 8192);
  assert.deepEqual(google.supportedActions, ['generateContent', 'streamGenerateContent']);
  assert.equal((await client.models.get({ model: CLOUD })).name, `models/${CLOUD}`);
  const other = await (await fetch(`${gate.url}/v1/models`,
    { headers: { authorization: `Bearer ${KEY}` } })).json();
  assert.equal(other.object, 'list');
  const shared = await (await fetch(`${gate.url}/v1/models?key=${KEY}`)).json();
  assert.ok(Array.isArray(shared.models));
});

test("Vertex's paths are served too", async () => {
  // The SDK asks Google for a token before it sends anything in this form, so it is spoken here.
  const response = await post(
    `/v1/projects/p/locations/global/publishers/google/models/${CLOUD}:generateContent`,
    say('Hello'));
  const { candidates } = await response.json();
  assert.match(candidates[0].content.parts[0].text, /^\[emulated swift\]/);
});

test('without alt=sse a stream is an array, element by element', async () => {
  const response = await post(`/v1beta/models/${CLOUD}:streamGenerateContent`,
    say('Count to 10.'));
  assert.match(response.headers.get('content-type'), /^application\/json/);
  const chunks = await response.json();
  assert.ok(chunks.length > 2);
  assert.equal(chunks.at(-1).candidates[0].finishReason, 'STOP');
});

test('an error in the middle of a stream is an error, never an ending', async () => {
  await emulator.faults('cut_after=3');
  const ask = { model: PACED, contents: 'Tell me a story.' };
  await assert.rejects(async () => collect(await client.models.generateContentStream(ask)));
  const array = await post(`/v1beta/models/${PACED}:streamGenerateContent`,
    say('Tell me a story.'));
  const chunks = await array.json();
  assert.equal(chunks.at(-1).error.code, 502);
});

test('a caller that goes away ends its stream in the cloud', async () => {
  const controller = new AbortController();
  const stream = await client.models.generateContentStream({
    model: PACED, contents: 'Tell me a story.', config: { abortSignal: controller.signal },
  });
  await assert.rejects(async () => {
    let pieces = 0;
    for await (const chunk of stream) {
      assert.ok(chunk);
      pieces += 1;
      if (pieces === 3) controller.abort();
    }
  });
  await eventually(
    async () => (await emulator.chats()).some((entry) => entry.ending === 'cancelled'),
    'the cloud hears of it');
});

describe('with an upstream that speaks the same protocol', () => {
  const chunk = (parts, finishReason) => ({
    candidates: [{ content: { parts, role: 'model' }, finishReason, index: 0, vendor: 1 }],
    usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 3, totalTokenCount: 10 },
    modelVersion: 'gemini-3-test', responseId: 'r1',
  });

  test('bytes pass, with the gate\'s key and without its fields', async () => {
    upstream.answer = { chunks: [chunk([{ text: 'Hi.' }], 'STOP')] };
    const body = '{"contents":[{"parts":[{"text":"a"}]}] , "labels": {"x":"y"},'
      + '"tools":[{"googleSearch":{}}],"tidegate":{"privacy":"open"}}';
    const answer = await post(`/v1beta/models/${GOOGLE}:generateContent?key=${KEY}`, body, {});
    assert.deepEqual(await answer.json(), upstream.answer.chunks[0]);
    const { url, headers, body: sent } = upstream.asked;
    assert.equal(url, '/v1beta/models/gemini-3-test:generateContent');
    assert.equal(headers['x-goog-api-key'], UPSTREAM_KEY);
    assert.ok(!JSON.stringify(headers).includes(KEY) && !url.includes(KEY));
    assert.match(sent, /"contents":\[\{"parts":\[\{"text":"a"\}\]\}\] , "labels": \{"x":"y"\}/);
    assert.ok(!sent.includes('tidegate'));
  });

  test('a chat hands signatures back where they stood', async () => {
    const signed = [
      [{ text: 'Let me look.', thoughtSignature: 'dGV4dA==' }],
      [{ functionCall: { id: 'c1', name: 'get_weather', args: { city: 'Oslo' } },
        thoughtSignature: 'Y2FsbA==' }],
      [{ text: '', thoughtSignature: 'ZW1wdHk=' }],
    ];
    upstream.answer = {
      chunks: signed.map((parts, i) => chunk(parts, i === 2 ? 'STOP' : undefined)),
    };
    const chat = client.chats.create({ model: GOOGLE, config: { tools: tools(WEATHER) } });
    const heard = await collect(await chat.sendMessageStream({ message: 'Weather?' }));
    assert.deepEqual(heard.map(partsOf), signed);
    upstream.answer = { chunks: [chunk([{ text: '4 C' }], 'STOP')] };
    await chat.sendMessage({
      message: [{ functionResponse: { id: 'c1', name: 'get_weather', response: { output: '4' } } }],
    });
    const { contents } = JSON.parse(upstream.asked.body);
    assert.deepEqual(contents.slice(1, 4).map((content) => content.parts), signed);
  });

  test('what another model said goes to Google as Google wants it', async () => {
    const chat = client.chats.create({ model: CLOUD, config: { tools: tools(WEATHER) } });
    const first = await chat.sendMessage({ message: 'Please call the tool get_weather now' });
    const [call] = callsOf(partsOf(first));
    upstream.answer = { chunks: [chunk([{ text: 'done' }], 'STOP')] };
    const second = await client.models.generateContent({
      model: GOOGLE,
      contents: [...chat.getHistory(), {
        role: 'user',
        parts: [{ functionResponse: { id: call.id, name: call.name, response: { output: '4' } } }],
      }],
      config: { tools: tools(WEATHER) },
    });
    assert.equal(second.text, 'done');
    const { contents } = JSON.parse(upstream.asked.body);
    const [part] = contents[1].parts.filter((each) => each.functionCall);
    assert.equal(part.thoughtSignature, 'skip_thought_signature_validator');
  });

  test('clients of other protocols are answered from it', async () => {
    upstream.answer = {
      chunks: [chunk([{ text: 'why', thought: true }]), chunk([{ text: 'Hi' }]),
        chunk([{
          functionCall: { name: 'get_time', args: {} }, thoughtSignature: 'c2ln',
        }], 'STOP')],
    };
    const message = await gate.anthropic({ apiKey: KEY }).messages.stream({
      model: GOOGLE, max_tokens: 50, messages: [{ role: 'user', content: 'Hello' }],
      tools: [{ name: 'get_time', input_schema: { type: 'object' } }],
    }).finalMessage();
    assert.equal(message.stop_reason, 'tool_use');
    assert.deepEqual(message.content.map((block) => block.type),
      ['thinking', 'text', 'thinking', 'tool_use']);
    assert.equal(message.usage.input_tokens, 7);
    const sent = JSON.parse(upstream.asked.body);
    assert.equal(sent.generationConfig.maxOutputTokens, 50);
    assert.deepEqual(sent.tools[0].functionDeclarations[0].parametersJsonSchema,
      { type: 'object' });
    await gate.anthropic({ apiKey: KEY }).messages.stream({
      model: GOOGLE, max_tokens: 50, messages: [{ role: 'user', content: 'Hello' },
        { role: 'assistant', content: message.content },
        { role: 'user',
          content: [{ type: 'tool_result', tool_use_id: message.content[3].id, content: '9' }] }],
    }).finalMessage();
    const [, turn, result] = JSON.parse(upstream.asked.body).contents;
    assert.equal(turn.parts.find((part) => part.functionCall).thoughtSignature, 'c2ln');
    assert.deepEqual(result.parts[0].functionResponse.response, { output: '9' });
    assert.equal(result.parts[0].functionResponse.name, 'get_time');
  });

  test('its errors are told in the shape of who asks', async () => {
    upstream.answer = {
      status: 429,
      chunks: [{
        error: {
          code: 429, message: 'Quota.', status: 'RESOURCE_EXHAUSTED',
          details: [{
            '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3.2s',
          }],
        },
      }],
    };
    const answer = await post(`/v1beta/models/${GOOGLE}:generateContent`, say('a'));
    assert.equal(answer.status, 429);
    assert.equal(answer.headers.get('retry-after'), '4');
    const { error } = await answer.json();
    assert.equal(error.status, 'RESOURCE_EXHAUSTED');
    assert.equal(error.details.at(-1).retryDelay, '4s');
  });
});
