// Cohere's official SDK against a model on this device, an emulated cloud that speaks another
// protocol and one that speaks its own; and a service that cites, played here, whose bytes tell
// what passed.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';

import {
  CLOUD, Emulator, eventually, Gate, loadSdk, LOCAL, PACED, PIXEL,
} from './harness.mjs';

const { CohereError } = loadSdk('cohere-ai');
const OWN = 'rain/swift'; // the emulator in Cohere's shape
const OWN_PACED = 'rain/paced';
const CITING = 'citing/command';

const usage = {
  billed_units: { input_tokens: 11, output_tokens: 3 },
  tokens: { input_tokens: 502, output_tokens: 4 },
};
const citation = {
  start: 3, end: 8, text: 'rains', type: 'TEXT_CONTENT',
  sources: [{ type: 'document', id: 'wet', document: { id: 'wet', title: 'Rain' } }],
};

// Cohere's service as its API description has it, as far as citations and refusals go.
class CitingService {
  static async start() {
    const service = new CitingService();
    service.reset();
    service.server = createServer((request, response) => service.answer(request, response));
    service.server.listen(0, '127.0.0.1');
    await once(service.server, 'listening');
    service.url = `http://127.0.0.1:${service.server.address().port}`;
    return service;
  }

  reset() {
    this.asked = [];
    this.refusing = false;
  }

  async answer(request, response) {
    let text = '';
    for await (const piece of request) text += piece;
    const body = JSON.parse(text);
    this.asked.push({ path: request.url, key: request.headers.authorization, body });
    if (this.refusing) {
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' });
      response.end(JSON.stringify({ id: 'e1', message: 'please wait and try again later' }));
    } else if (body.stream) {
      this.stream(body, response);
    } else {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({
        id: 'c1', finish_reason: 'COMPLETE', usage, unheard_of: { kept: true },
        message: {
          role: 'assistant', content: [{ type: 'text', text: 'It rains.' }], citations: [citation],
        },
      }));
    }
  }

  stream(body, response) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const delta = (message) => ({ delta: { message } });
    const send = (type, fields) => response.write(
      `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);
    send('message-start', { id: 'c1', ...delta({ role: 'assistant' }) });
    if (body.tools) {
      const call = (fields) => ({ index: 0, ...delta({ tool_calls: fields }) });
      send('tool-plan-delta', delta({ tool_plan: 'I will look.' }));
      send('tool-call-start', call({
        id: 'get_1', type: 'function',
        function: { name: body.tools[0].function.name, arguments: '' },
      }));
      for (const piece of ['{"city":', '"Oslo"}']) {
        send('tool-call-delta', call({ function: { arguments: piece } }));
      }
      send('tool-call-end', { index: 0 });
    } else {
      send('content-start', { index: 0, ...delta({ content: { type: 'text', text: '' } }) });
      for (const piece of ['It ', 'rains.']) {
        send('content-delta', { index: 0, ...delta({ content: { text: piece } }) });
      }
      send('citation-start', { index: 0, ...delta({ citations: citation }) });
      send('citation-end', { index: 0 });
      send('content-end', { index: 0 });
    }
    const reason = body.tools ? 'TOOL_CALL' : 'COMPLETE';
    send('message-end', { delta: { finish_reason: reason, usage } });
    response.end('data: [DONE]\n\n');
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

let citing;
let emulator;
let folder;
let gate;
let client;

before(async () => {
  emulator = await Emulator.start();
  citing = await CitingService.start();
  folder = mkdtempSync(join(tmpdir(), 'tg-'));
  writeFileSync(join(folder, 'key'), 'of-the-gate', { mode: 0o600 });
  const model = (name, capabilities) => `{ name = "${name}", context_tokens = 128000,
 output_tokens_max = 4000, capabilities = ${JSON.stringify(capabilities)},
 prices = { input_usd = 2.5, output_usd = 10 } }`.replaceAll('\n', '');
  const known = ['tools', 'tool_choice', 'json_schema', 'reasoning', 'temperature', 'seed'];
  gate = await Gate.start(emulator, `
[providers.rain]
kind = "cohere"
url = "${emulator.url}/v2"
key = "file:${join(folder, 'key')}"
place = "cloud"
emulated = true
models = [${model('swift', known)}, ${model('paced', known)}]
[providers.citing]
kind = "cohere"
url = "${citing.url}/v2"
key = "file:${join(folder, 'key')}"
place = "cloud"
models = [${model('command', ['tools', 'temperature', 'stop', 'files', 'citations',
    'vendor_fields'])}]
`);
  client = gate.cohere();
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
    citing?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
});
beforeEach(async () => {
  citing.reset();
  await emulator.reset();
});

const ask = (content) => [{ role: 'user', content }];
const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather', description: 'Get the weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const CLOCK = {
  type: 'function',
  function: { name: 'get_time', parameters: { type: 'object', properties: {} } },
};

// All events of a stream, and what they add up to.
async function collect(stream) {
  const got = {
    events: [], text: '', thinking: '', plan: '', calls: [], citations: [], end: undefined,
  };
  for await (const event of stream) {
    got.events.push(event.type);
    const message = event.delta?.message;
    if (event.type === 'content-delta') {
      got.text += message.content.text ?? '';
      got.thinking += message.content.thinking ?? '';
    } else if (event.type === 'tool-plan-delta') {
      got.plan += message.toolPlan;
    } else if (event.type === 'tool-call-start') {
      got.calls[event.index] = structuredClone(message.toolCalls);
    } else if (event.type === 'tool-call-delta') {
      got.calls[event.index].function.arguments += message.toolCalls.function.arguments;
    } else if (event.type === 'citation-start') {
      got.citations.push(message.citations);
    } else if (event.type === 'message-end') {
      got.end = event.delta;
    }
  }
  return got;
}

for (const [model, place] of [[LOCAL, 'device'], [CLOUD, 'cloud'], [OWN, 'cloud']]) {
  const local = model === LOCAL;

  describe(`with ${model}`, () => {
    test('a chat is answered, with usage, and says where it ran', async () => {
      const { data, rawResponse } = await client.chat({
        model, maxTokens: 200,
        messages: [{ role: 'system', content: 'Be brief.' },
          ...ask('What is the capital of France?')],
      }).withRawResponse();
      assert.equal(data.finishReason, 'COMPLETE');
      assert.equal(data.message.role, 'assistant');
      assert.deepEqual(data.message.content.map((block) => block.type), ['text']);
      assert.match(data.message.content[0].text, local ? /\S/ : /^\[emulated swift\]/);
      assert.ok(data.id && data.usage.tokens.inputTokens > 0);
      assert.equal(rawResponse.headers.get('tidegate-place'), place);
      const decision = await gate.decision(rawResponse.headers.get('tidegate-decision'));
      assert.equal(decision.protocol, 'cohere_chat');
      assert.equal(decision.attempts[0].usage.output_tokens, data.usage.tokens.outputTokens);
      assert.equal(data.usage.billedUnits.outputTokens, data.usage.tokens.outputTokens);
    });

    test('a stream adds up to the answer', async () => {
      const asked = { model, maxTokens: 200, temperature: 0, messages: ask('Count to 10.') };
      const got = await collect(await client.chatStream(asked));
      assert.equal(got.events[0], 'message-start');
      assert.equal(got.events.at(-1), 'message-end');
      assert.equal(got.events[1], 'content-start');
      assert.equal(got.events.at(-2), 'content-end');
      const whole = await client.chat(asked);
      assert.ok(got.text.length > 0);
      assert.equal(whole.message.content[0].text, got.text);
      assert.equal(got.end.finishReason, whole.finishReason);
      assert.equal(got.end.usage.tokens.outputTokens, whole.usage.tokens.outputTokens);
    });

    test('an output limit ends the answer with MAX_TOKENS', async () => {
      const answer = await client.chat({ model, maxTokens: 3, messages: ask('Tell me a story.') });
      assert.equal(answer.finishReason, 'MAX_TOKENS');
      assert.equal(answer.usage.tokens.outputTokens, 3);
    });

    test('a tool is called, its result is taken, and an answer follows', async () => {
      const messages = ask(local ? 'What is the weather in Oslo?'
        : 'Please call the tool get_weather now');
      const got = await collect(await client.chatStream({
        model, maxTokens: 200, messages, tools: [WEATHER],
      }));
      assert.equal(got.end.finishReason, 'TOOL_CALL');
      const [call] = got.calls;
      assert.equal(call.type, 'function');
      assert.equal(call.function.name, 'get_weather');
      assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
      messages.push({ role: 'assistant', toolPlan: got.plan || undefined, toolCalls: [call] }, {
        role: 'tool', toolCallId: call.id,
        content: [{ type: 'document', document: { data: { weather: '4 degrees, windy' } } }],
      });
      const second = await client.chat({ model, maxTokens: 200, messages, tools: [WEATHER] });
      assert.equal(second.finishReason, 'COMPLETE');
      assert.match(second.message.content[0].text, local ? /\S/
        : new RegExp(`1 tool result of ${model === OWN ? '\\d+' : 16} bytes for ${call.id}`));
    });

    test('an answer satisfies the schema', async () => {
      const jsonSchema = {
        type: 'object', additionalProperties: false, required: ['name', 'age'],
        properties: { name: { type: 'string', maxLength: 20 }, age: { type: 'integer' } },
      };
      const answer = await client.chat({
        model, maxTokens: 200, messages: ask('Invent a person.'),
        responseFormat: { type: 'json_object', jsonSchema },
      });
      const person = JSON.parse(answer.message.content[0].text);
      assert.deepEqual(Object.keys(person).sort(), ['age', 'name']);
      assert.equal(typeof person.name, 'string');
      assert.ok(Number.isInteger(person.age));
    });

    test('an image for a model without vision is refused with the reason', async () => {
      await assert.rejects(client.chat({
        model, maxTokens: 9,
        messages: ask([{ type: 'text', text: 'What is this?' },
          { type: 'image_url', imageUrl: { url: PIXEL } }]),
      }), (error) => {
        assert.ok(error instanceof CohereError);
        assert.equal(error.statusCode, 400);
        assert.equal(error.body.code, 'capability');
        assert.match(error.body.message, /vision/);
        return true;
      });
      assert.deepEqual(await emulator.chats(), []);
    });
  });
}

for (const model of [CLOUD, OWN]) {
  const paced = model === OWN ? OWN_PACED : PACED;

  describe(`with ${model} in trouble or in thought`, () => {
    test('parallel calls have numbers of their own, streamed or not', async () => {
      const asked = {
        model, maxTokens: 200, tools: [WEATHER, CLOCK],
        messages: ask('call the tool get_weather and call the tool get_time'),
      };
      const streamed = (await collect(await client.chatStream(asked))).calls;
      for (const calls of [streamed, (await client.chat(asked)).message.toolCalls]) {
        assert.deepEqual(calls.map((call) => call.function.name), ['get_weather', 'get_time']);
        assert.equal(new Set(calls.map((call) => call.id)).size, 2);
        assert.equal(typeof JSON.parse(calls[0].function.arguments).city, 'string');
      }
    });

    test('thoughts are blocks in front of the text', async () => {
      await emulator.faults('reasoning=7');
      const asked = { model, maxTokens: 200, messages: ask('Think.') };
      const answer = await client.chat(asked);
      assert.deepEqual(answer.message.content.map((block) => block.type), ['thinking', 'text']);
      const got = await collect(await client.chatStream(asked));
      assert.equal(got.thinking, answer.message.content[0].thinking);
      assert.equal(got.text, answer.message.content[1].text);
    });

    test('errors of the upstream are errors of the kind', async () => {
      for (const [fault, status] of [['status=429', 429], ['status=503', 503]]) {
        await emulator.faults(fault);
        for (const call of [client.chat.bind(client), client.chatStream.bind(client)]) {
          await assert.rejects(call({ model, messages: ask('a') }), (error) => {
            assert.ok(error instanceof CohereError);
            assert.equal(error.statusCode, status);
            assert.equal(typeof error.body.message, 'string');
            return true;
          });
        }
      }
    });

    test('a stream that is cut ends with ERROR, never as complete', async () => {
      await emulator.faults('cut_after=3');
      const got = await collect(await client.chatStream({
        model: paced, maxTokens: 200, messages: ask('Tell me a story.'),
      }));
      assert.equal(got.end.finishReason, 'ERROR');
      assert.match(got.end.error, /before its answer was complete/);
    });

    test('a failure that the upstream tells in its stream is told', async () => {
      await emulator.faults('error_after=3');
      const got = await collect(await client.chatStream({
        model: paced, maxTokens: 200, messages: ask('Tell me a story.'),
      }));
      assert.ok(got.text.length > 0);
      assert.equal(got.end.finishReason, 'ERROR');
    });

    test('a caller that aborts ends its work in the cloud, streamed or not', async () => {
      const cancelled = () => eventually(
        async () => (await emulator.chats()).some((entry) => entry.ending === 'cancelled'),
        'the cloud hears of it');
      const asked = { model: paced, maxTokens: 400, messages: ask('Tell me a story.') };
      const aborter = new AbortController();
      const stream = await client.chatStream(asked, { abortSignal: aborter.signal });
      let pieces = 0;
      let ended = false;
      await assert.rejects(async () => {
        for await (const event of stream) {
          if (event.type === 'content-delta') pieces += 1;
          if (event.type === 'message-end') ended = true;
          if (pieces === 3) aborter.abort();
        }
      });
      assert.equal(ended, false);
      await cancelled();

      await emulator.reset();
      const second = new AbortController();
      // The SDK forgets the clock of an aborted request, which would keep this process.
      const answer = client.chat(asked, { abortSignal: second.signal, timeoutInSeconds: 2 });
      const refused = assert.rejects(answer);
      await eventually(async () => (await emulator.chats()).length === 1, 'the cloud works');
      second.abort();
      await refused;
      await cancelled();
    });
  });
}

test('documents that need no citations are read by any model', async () => {
  const answer = await client.chat({
    model: CLOUD, maxTokens: 300, messages: ask('Is it wet?'), citationOptions: { mode: 'OFF' },
    documents: ['It rains.', { id: 'wet', data: { title: 'Rain', text: 'A lot.' } }],
  });
  assert.equal(answer.finishReason, 'COMPLETE');
  const [sent] = await emulator.chats();
  assert.match(JSON.stringify(JSON.parse(sent.body).messages), /Document wet/);
});

test('documents to be cited are refused by who cannot cite, with the reason', async () => {
  await assert.rejects(client.chat({
    model: CLOUD, messages: ask('Is it wet?'), documents: ['It rains.'],
  }), (error) => {
    assert.equal(error.statusCode, 400);
    assert.match(error.body.message, /citations/);
    return true;
  });
  assert.deepEqual(await emulator.chats(), []);
});

test('bad input is refused with the place of the fault, and reaches nobody', async () => {
  const cases = [
    [{ messages: [] }, /^messages: must hold at least one message/],
    [{ messages: ask([{ type: 'video', video: 'x' }]) }, /^messages\[0\]\.content\[0\]\.type: /],
    [{ messages: ask('a'), temperature: 7 }, /^temperature: must be/],
    [{ messages: ask('a'), toolChoice: 'REQUIRED' }, /^tool_choice: 'REQUIRED' needs/],
    [{ messages: [{ role: 'tool', toolCallId: 'x', content: 'r' }] },
      /^messages\[0\]\.tool_call_id/],
  ];
  for (const model of [CLOUD, OWN]) {
    for (const [fields, message] of cases) {
      await assert.rejects(client.chat({ model, ...fields }), (error) => {
        assert.ok(error instanceof CohereError);
        assert.equal(error.statusCode, 400);
        assert.match(error.body.message, message);
        return true;
      });
    }
  }
  assert.deepEqual(await emulator.chats(), []);
});

test('a field that only Cohere knows is refused by name where nobody can take it', async () => {
  await assert.rejects(client.chat({
    model: CLOUD, messages: ask('a'), safetyMode: 'STRICT',
  }), (error) => {
    assert.equal(error.statusCode, 400);
    assert.match(error.body.message, /safety_mode/);
    return true;
  });
});

describe('a service that cites', () => {
  test('gets the bytes of its own clients, and they get its bytes', async () => {
    const { data, rawResponse } = await client.chat({
      model: CITING, messages: ask('Is it wet?'), safetyMode: 'STRICT', logprobs: true,
      documents: [{ id: 'wet', data: { text: 'It rains.' } }],
    }, { headers: { 'tidegate-tags': 'test' } }).withRawResponse();
    assert.deepEqual(citing.asked[0].body, {
      model: 'command', messages: ask('Is it wet?'), safety_mode: 'STRICT', logprobs: true,
      documents: [{ id: 'wet', data: { text: 'It rains.' } }], stream: false,
    });
    assert.equal(citing.asked[0].path, '/v2/chat');
    assert.equal(citing.asked[0].key, 'Bearer of-the-gate');
    assert.deepEqual(data.unheard_of, { kept: true });
    assert.equal(data.message.citations[0].sources[0].id, 'wet');
    // Billed is what counts: 11 and 3 tokens at $2.50 and $10 a million.
    assert.equal(rawResponse.headers.get('tidegate-cost-usd'), '0.0000575');
    const decision = await gate.decision(rawResponse.headers.get('tidegate-decision'));
    assert.equal(decision.attempts[0].usage.input_tokens, 11);
  });

  test('streams to its own clients, citations and plans too', async () => {
    const cited = await collect(await client.chatStream({
      model: CITING, messages: ask('Is it wet?'), documents: ['It rains.'],
    }));
    assert.equal(cited.text, 'It rains.');
    assert.deepEqual(cited.citations.map(({ start, end, text }) => [start, end, text]),
      [[3, 8, 'rains']]);
    assert.equal(cited.end.usage.billedUnits.inputTokens, 11);
    const called = await collect(await client.chatStream({
      model: CITING, messages: ask('Weather?'), tools: [WEATHER],
    }));
    assert.equal(called.plan, 'I will look.');
    assert.equal(called.calls[0].function.arguments, '{"city":"Oslo"}');
  });

  test('answers the clients of others', async () => {
    const openai = gate.client();
    const asked = { model: CITING, messages: ask('Is it wet?'), max_tokens: 9, stop: ['END'] };
    const whole = await openai.chat.completions.create(asked);
    assert.equal(whole.choices[0].message.content, 'It rains.');
    assert.equal(whole.usage.prompt_tokens, 11);
    assert.deepEqual(citing.asked[0].body, {
      model: 'command', messages: ask('Is it wet?'), max_tokens: 9, stop_sequences: ['END'],
    });
    const runner = openai.chat.completions.stream({
      ...asked, tools: [WEATHER], stream_options: { include_usage: true },
    });
    const final = await runner.finalChatCompletion();
    assert.equal(final.choices[0].message.content, 'I will look.');
    assert.equal(final.choices[0].finish_reason, 'tool_calls');
    assert.equal(final.choices[0].message.tool_calls[0].function.arguments, '{"city":"Oslo"}');
  });

  test('refuses, and its clients hear it in its own words', async () => {
    citing.refusing = true;
    await assert.rejects(client.chat({ model: CITING, messages: ask('a') }), (error) => {
      assert.equal(error.statusCode, 429);
      assert.match(error.body.message, /please wait and try again later/);
      assert.equal(error.rawResponse.headers.get('retry-after'), '7');
      return true;
    });
  });
});
