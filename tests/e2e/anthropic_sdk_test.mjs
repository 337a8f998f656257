// The official Anthropic SDK against a model on this device and an emulated cloud, which both speak
// another protocol: its state machine of blocks is the judge of every stream.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { CLOUD, Emulator, eventually, Gate, LOCAL, PACED, PIXEL } from './harness.mjs';

let emulator;
let gate;
let client;

before(async () => {
  emulator = await Emulator.start();
  gate = await Gate.start(emulator);
  client = gate.anthropic();
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});
beforeEach(() => emulator.reset());

const ask = (content) => [{ role: 'user', content }];
const WEATHER = {
  name: 'get_weather',
  description: 'Get the weather in a city',
  input_schema: {
    type: 'object', properties: { city: { type: 'string' } }, required: ['city'],
    additionalProperties: false,
  },
};
const CLOCK = { name: 'get_time', input_schema: { type: 'object', properties: {} } };

for (const [model, place] of [[LOCAL, 'device'], [CLOUD, 'cloud']]) {
  describe(`with ${model}`, () => {
    test('a message is answered, with usage, and says where it ran', async () => {
      const { data, response } = await client.messages.create({
        model, max_tokens: 200, system: 'Be brief.',
        messages: ask('What is the capital of France?'),
      }).withResponse();
      assert.equal(data.type, 'message');
      assert.equal(data.role, 'assistant');
      assert.match(data.id, /^msg_/);
      assert.equal(data.stop_reason, 'end_turn');
      assert.deepEqual(data.content.map((block) => block.type), ['text']);
      assert.match(data.content[0].text, model === LOCAL ? /\S/ : /^\[emulated swift\]/);
      assert.ok(data.usage.input_tokens > 0 && data.usage.output_tokens > 0);
      assert.equal(response.headers.get('tidegate-place'), place);
      const decision = await gate.decision(response.headers.get('tidegate-decision'));
      assert.equal(decision.protocol, 'anthropic_messages');
      assert.equal(decision.attempts[0].usage.output_tokens, data.usage.output_tokens);
    });

    test('a stream adds up to the message', async () => {
      const asked = {
        model, max_tokens: 200, temperature: 0, messages: ask('Count to 10.'),
      };
      const stream = client.messages.stream(asked);
      let seen = '';
      stream.on('text', (delta) => { seen += delta; });
      const final = await stream.finalMessage();
      assert.ok(seen.length > 0);
      assert.equal(final.content[0].text, seen);
      assert.ok(final.usage.output_tokens > 0);
      const whole = await client.messages.create(asked);
      assert.equal(whole.content[0].text, seen);
      assert.equal(whole.usage.output_tokens, final.usage.output_tokens);
    });

    test('an output limit ends the answer with max_tokens', async () => {
      const answer = await client.messages.create({
        model, max_tokens: 3, messages: ask('Tell me a story.'),
      });
      assert.equal(answer.stop_reason, 'max_tokens');
      assert.equal(answer.usage.output_tokens, 3);
    });

    test('a tool is called, its result is taken, and an answer follows', async () => {
      const messages = ask(model === LOCAL ? 'What is the weather in Oslo?'
        : 'Please call the tool get_weather now');
      const first = await client.messages.stream({
        model, max_tokens: 200, messages, tools: [WEATHER],
      }).finalMessage();
      assert.equal(first.stop_reason, 'tool_use');
      const call = first.content.find((block) => block.type === 'tool_use');
      assert.equal(call.name, 'get_weather');
      assert.equal(typeof call.input.city, 'string');
      messages.push({ role: 'assistant', content: first.content }, {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: call.id, content: '4 degrees, windy' }],
      });
      const second = await client.messages.create({
        model, max_tokens: 200, messages, tools: [WEATHER],
      });
      assert.equal(second.stop_reason, 'end_turn');
      assert.match(second.content[0].text,
        model === LOCAL ? /\S/ : new RegExp(`1 tool result of 16 bytes for ${call.id}`));
    });

    test('an image for a model without vision is refused with the reason', async () => {
      const [, data] = PIXEL.split(',');
      await assert.rejects(client.messages.create({
        model, max_tokens: 9,
        messages: ask([
          { type: 'text', text: 'What is this?' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data } },
        ]),
      }), (error) => {
        assert.equal(error.status, 400);
        assert.equal(error.error.type, 'error');
        assert.equal(error.error.error.code, 'capability');
        assert.match(error.message, /vision/);
        return true;
      });
      assert.deepEqual(await emulator.chats(), []);
    });
  });
}

test('parallel calls are blocks of their own, streamed or not', async () => {
  const asked = {
    model: CLOUD, max_tokens: 200, tools: [WEATHER, CLOCK],
    messages: ask('call the tool get_weather and call the tool get_time'),
  };
  for (const answer of [await client.messages.create(asked),
    await client.messages.stream(asked).finalMessage()]) {
    const calls = answer.content.filter((block) => block.type === 'tool_use');
    assert.deepEqual(calls.map((call) => call.name), ['get_weather', 'get_time']);
    assert.equal(new Set(calls.map((call) => call.id)).size, 2);
    assert.equal(typeof calls[0].input.city, 'string');
  }
});

test('thoughts are blocks in front of the text', async () => {
  await emulator.faults('reasoning=7');
  const asked = { model: CLOUD, max_tokens: 200, messages: ask('Think.') };
  for (const answer of [await client.messages.create(asked),
    await client.messages.stream(asked).finalMessage()]) {
    assert.deepEqual(answer.content.map((block) => block.type), ['thinking', 'text']);
    assert.ok(answer.content[0].thinking.length > 0);
  }
});

test('bad input is refused with the place of the fault, and reaches nobody', async () => {
  const cases = [
    [{ messages: ask('a') }, /max_tokens: is required/],
    [{ max_tokens: 9, messages: [] }, /messages: must hold at least one message/],
    [{ max_tokens: 9, messages: [{ role: 'robot', content: 'a' }] }, /messages\[0\]\.role/],
    [{ max_tokens: 9, temperature: 2, messages: ask('a') }, /temperature: must be/],
    [{
      max_tokens: 9,
      messages: ask([{ type: 'tool_result', tool_use_id: 'x', content: 'r' }]),
    }, /messages\[0\]\.content\[0\]\.tool_use_id/],
  ];
  for (const [fields, message] of cases) {
    await assert.rejects(client.messages.create({ model: CLOUD, ...fields }), (error) => {
      assert.equal(error.status, 400);
      assert.equal(error.error.error.type, 'invalid_request_error');
      assert.match(error.error.error.message, message);
      return true;
    });
  }
  assert.deepEqual(await emulator.chats(), []);
});

test('a field that only Anthropic knows is refused by name where nobody can take it', async () => {
  await assert.rejects(client.messages.create({
    model: CLOUD, max_tokens: 9, messages: ask('a'),
    tools: [{ type: 'web_search_20250305', name: 'web_search' }],
  }), (error) => {
    assert.equal(error.status, 400);
    assert.match(error.error.error.message, /tools\[0\]\.type/);
    return true;
  });
});

test('the models are listed in the shape of who asks', async () => {
  const names = [];
  for await (const model of client.models.list()) {
    assert.equal(model.type, 'model');
    assert.ok(model.display_name);
    names.push(model.id);
  }
  for (const name of ['auto', LOCAL, CLOUD]) assert.ok(names.includes(name), name);
  const other = await (await fetch(`${gate.url}/v1/models`)).json();
  assert.equal(other.object, 'list');
});

test('an error in the middle of a stream is an error, never an ending', async () => {
  await emulator.faults('cut_after=3');
  const stream = client.messages.stream({
    model: PACED, max_tokens: 200, messages: ask('Tell me a story.'),
  });
  await assert.rejects(stream.finalMessage());
});

test('a caller that goes away ends its stream in the cloud', async () => {
  const stream = client.messages.stream({
    model: PACED, max_tokens: 400, messages: ask('Tell me a story.'),
  });
  let pieces = 0;
  stream.on('text', () => {
    pieces += 1;
    if (pieces === 3) stream.abort();
  });
  await assert.rejects(stream.finalMessage());
  await eventually(
    async () => (await emulator.chats()).some((entry) => entry.ending === 'cancelled'),
    'the cloud hears of it');
});
