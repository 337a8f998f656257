// The official OpenAI SDK against a model on this device and against an emulated cloud: whoever
// changes only the base URL must not notice which of the two answered.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { CLOUD, Emulator, eventually, Gate, LOCAL, PACED, PIXEL } from './harness.mjs';

let emulator;
let gate;
let client;

before(async () => {
  emulator = await Emulator.start();
  gate = await Gate.start(emulator);
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

const ask = (content) => [{ role: 'user', content }];
const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Get the weather in a city',
    parameters: {
      type: 'object', properties: { city: { type: 'string' } }, required: ['city'],
      additionalProperties: false,
    },
  },
};
const CLOCK = {
  type: 'function',
  function: { name: 'get_time', parameters: { type: 'object', properties: {} } },
};

// What every stream must be, wherever it came from. Returns its text.
function checkStream(chunks, { usage }) {
  assert.ok(chunks.length >= 2, 'a stream has more than one chunk');
  assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1, 'one id');
  assert.equal(new Set(chunks.map((chunk) => chunk.model)).size, 1, 'one model');
  for (const chunk of chunks) assert.equal(chunk.object, 'chat.completion.chunk');
  const withChoices = chunks.filter((chunk) => chunk.choices.length > 0);
  assert.equal(withChoices[0].choices[0].delta.role, 'assistant');
  const finishes = withChoices.map((chunk) => chunk.choices[0].finish_reason);
  assert.ok(finishes.slice(0, -1).every((reason) => !reason), 'only the last chunk finishes');
  assert.ok(['stop', 'length', 'tool_calls'].includes(finishes.at(-1)));
  const reported = chunks.filter((chunk) => chunk.usage);
  if (usage) {
    assert.equal(reported.length, 1, 'usage comes once');
    assert.equal(chunks.at(-1), reported[0], 'and last');
    assert.deepEqual(reported[0].choices, []);
    const { usage: sums } = reported[0];
    assert.ok(sums.prompt_tokens > 0 && sums.completion_tokens > 0);
    assert.equal(sums.total_tokens, sums.prompt_tokens + sums.completion_tokens);
  } else {
    assert.equal(reported.length, 0, 'nobody asked for usage');
    assert.equal(withChoices.length, chunks.length, 'nor for a frame without choices');
  }
  return withChoices.map((chunk) => chunk.choices[0].delta.content ?? '').join('');
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

for (const [model, place, egress] of [[LOCAL, 'device', 'none'], [CLOUD, 'cloud', 'raw']]) {
  describe(`with ${model}`, () => {
    test('a chat is answered, with usage, and says where it ran', async () => {
      const { data, response } = await client.chat.completions
        .create({ model, messages: ask('What is the capital of France?') }).withResponse();
      assert.equal(data.object, 'chat.completion');
      const expected = model === LOCAL ? /Paris/ : /^\[emulated swift\]/;
      assert.match(data.choices[0].message.content, expected);
      assert.equal(data.choices[0].message.role, 'assistant');
      assert.equal(data.choices[0].finish_reason, 'stop');
      const { usage } = data;
      assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
      assert.equal(response.headers.get('tidegate-place'), place);
      assert.equal(response.headers.get('tidegate-model'), model);
      assert.equal(response.headers.get('tidegate-egress'), egress);
      assert.equal(response.headers.get('tidegate-emulated'), model === LOCAL ? null : 'true');
      const decision = await gate.decision(response.headers.get('tidegate-decision'));
      assert.equal(decision.model, model);
      assert.equal(decision.attempts[0].usage.output_tokens, data.usage.completion_tokens);
    });

    test('a stream has its chunks in order and no usage that nobody asked for', async () => {
      const asked = { model, messages: ask('Count to 10.'), temperature: 0 };
      const text = checkStream(
        await collect(await client.chat.completions.create({ ...asked, stream: true })),
        { usage: false });
      const whole = await client.chat.completions.create(asked);
      assert.equal(text, whole.choices[0].message.content);
    });

    test('a stream that is asked for usage ends with one frame of it', async () => {
      checkStream(await collect(await client.chat.completions.create({
        model, messages: ask('Say hello.'), stream: true, stream_options: { include_usage: true },
      })), { usage: true });
    });

    test('the stream helper reports the final completion', async () => {
      const stream = client.chat.completions.stream({ model, messages: ask('Say hello.') });
      let seen = '';
      stream.on('content', (delta) => { seen += delta; });
      const final = await stream.finalChatCompletion();
      assert.equal(final.choices[0].message.content, seen);
      assert.ok(seen.length > 0);
    });

    test('an output limit ends the answer with finish reason length', async () => {
      for (const name of ['max_tokens', 'max_completion_tokens']) {
        const answer = await client.chat.completions.create({
          model, messages: ask('Tell me a story.'), [name]: 3,
        });
        assert.equal(answer.choices[0].finish_reason, 'length');
        assert.equal(answer.usage.completion_tokens, 3);
      }
    });

    test('a tool is called, its result is taken, and an answer follows', async () => {
      const messages = ask(model === LOCAL ? 'What is the weather in Oslo?'
        : 'Please call the tool get_weather now');
      const first = await client.chat.completions.create({ model, messages, tools: [WEATHER] });
      assert.equal(first.choices[0].finish_reason, 'tool_calls');
      const { message } = first.choices[0];
      assert.equal(message.tool_calls.length, 1);
      const [call] = message.tool_calls;
      assert.equal(call.type, 'function');
      assert.equal(call.function.name, 'get_weather');
      assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
      assert.ok(call.id);
      messages.push(message, { role: 'tool', tool_call_id: call.id, content: '4 degrees, windy' });
      const second = await client.chat.completions.create({ model, messages, tools: [WEATHER] });
      assert.equal(second.choices[0].finish_reason, 'stop');
      assert.match(second.choices[0].message.content,
        model === LOCAL ? /\S/ : new RegExp(`1 tool result of 16 bytes for ${call.id}`));
    });

    test('a streamed tool call adds up to the call', async () => {
      const stream = client.chat.completions.stream({
        model, tools: [WEATHER],
        messages: ask(
          model === LOCAL ? 'What is the weather in Oslo?' : 'call the tool get_weather'),
      });
      const final = await stream.finalChatCompletion();
      assert.equal(final.choices[0].finish_reason, 'tool_calls');
      const [call] = final.choices[0].message.tool_calls;
      assert.equal(call.function.name, 'get_weather');
      assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
    });

    test('an answer after a schema is parsed by the helper', async () => {
      const schema = {
        type: 'object', required: ['name', 'age'], additionalProperties: false,
        properties: { name: { type: 'string' }, age: { type: 'integer' } },
      };
      const answer = await client.chat.completions.parse({
        model, messages: ask('Give me a JSON object with name Ada and age 36.'),
        response_format: {
          type: 'json_schema', json_schema: { name: 'person', strict: true, schema },
        },
      });
      const person = JSON.parse(answer.choices[0].message.content);
      assert.deepEqual(Object.keys(person).sort(), ['age', 'name']);
      assert.ok(Number.isInteger(person.age));
    });

    test('log-probabilities come with every token', async () => {
      const answer = await client.chat.completions.create({
        model, messages: ask('Say hello.'), logprobs: true, top_logprobs: 2,
      });
      const tokens = answer.choices[0].logprobs.content;
      assert.ok(tokens.length > 1);
      for (const token of tokens) {
        assert.ok(token.logprob <= 0);
        assert.ok(token.top_logprobs.length >= 1 && token.top_logprobs.length <= 2);
      }
    });

    test('a stop sequence ends the answer before it', async () => {
      const whole = await client.chat.completions.create({
        model, messages: ask('Count to 10.'), temperature: 0,
      });
      const text = whole.choices[0].message.content;
      const stop = text.slice(text.length / 2, text.length / 2 + 4);
      const answer = await client.chat.completions.create({
        model, messages: ask('Count to 10.'), temperature: 0, stop: [stop],
      });
      assert.equal(answer.choices[0].message.content, text.slice(0, text.indexOf(stop)));
    });

    test('an image for a model without vision is refused with the reason', async () => {
      await assert.rejects(client.chat.completions.create({
        model,
        messages: [{
          role: 'user',
          content: [{ type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: PIXEL } }],
        }],
      }), (error) => {
        assert.equal(error.status, 400);
        assert.equal(error.code, 'capability');
        assert.equal(error.param, 'messages[0].content[1].image_url.url');
        assert.match(error.message, /vision/);
        return true;
      });
      assert.deepEqual(await emulator.chats(), []);
    });

    test('models.retrieve knows it, also under its name with a slash', async () => {
      const found = await client.models.retrieve(model);
      assert.equal(found.id, model);
      assert.equal(found.object, 'model');
    });
  });
}

test('models.list has the automatic names and the models of every place', async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  for (const name of ['auto', 'auto:private', LOCAL, CLOUD, PACED]) {
    assert.ok(names.includes(name), name);
  }
});

test('several tools may be called at once', async () => {
  const answer = await client.chat.completions.create({
    model: CLOUD, tools: [WEATHER, CLOCK], parallel_tool_calls: true,
    messages: ask('call the tool get_weather and call the tool get_time'),
  });
  const calls = answer.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((call) => call.function.name), ['get_weather', 'get_time']);
  assert.equal(new Set(calls.map((call) => call.id)).size, 2);
});

test('the tool that is demanded by its name is called, whatever the model would do', async () => {
  for (const model of [LOCAL, CLOUD]) {
    const answer = await client.chat.completions.create({
      model, tools: [WEATHER, CLOCK], temperature: 0, max_tokens: 100,
      tool_choice: { type: 'function', function: { name: 'get_time' } },
      messages: ask('What is the weather in Oslo?'),
    });
    const calls = answer.choices[0].message.tool_calls;
    assert.deepEqual(calls.map((call) => call.function.name), ['get_time']);
  }
});

test('parallel calls in a stream are told apart by their index', async () => {
  const final = await client.chat.completions.stream({
    model: CLOUD, tools: [WEATHER, CLOCK],
    messages: ask('call the tool get_weather and call the tool get_time'),
  }).finalChatCompletion();
  const calls = final.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((call) => call.function.name), ['get_weather', 'get_time']);
  assert.equal(typeof JSON.parse(calls[0].function.arguments).city, 'string');
});

test('two choices come as two', async () => {
  const answer = await client.chat.completions.create({
    model: CLOUD, messages: ask('Say hello.'), n: 2,
  });
  assert.deepEqual(answer.choices.map((choice) => choice.index), [0, 1]);
  assert.notEqual(answer.choices[0].message.content, answer.choices[1].message.content);
  const chunks = await collect(await client.chat.completions.create({
    model: CLOUD, messages: ask('Say hello.'), n: 2, stream: true,
  }));
  for (const index of [0, 1]) {
    const text = chunks.flatMap((chunk) => chunk.choices)
      .filter((choice) => choice.index === index)
      .map((choice) => choice.delta.content ?? '').join('');
    assert.equal(text, answer.choices[index].message.content);
  }
});

test('a model that cannot give two choices is refused, not halved', async () => {
  await assert.rejects(
    client.chat.completions.create({ model: LOCAL, messages: ask('Say hello.'), n: 2 }),
    (error) => error.code === 'capability' && / n\b/.test(error.message));
});

test('reasoning text passes through', async () => {
  await emulator.faults('reasoning=7');
  const answer = await client.chat.completions.create({ model: CLOUD, messages: ask('Think.') });
  assert.ok(answer.choices[0].message.reasoning_content.length > 0);
  assert.equal(answer.usage.completion_tokens_details.reasoning_tokens, 7);
});

test('a refusal passes through', async () => {
  await emulator.faults('refusal');
  const answer = await client.chat.completions.create({ model: CLOUD, messages: ask('No.') });
  assert.match(answer.choices[0].message.refusal, /I will not help/);
});

describe('a caller that goes away', () => {
  const cancelled = () => eventually(
    async () => (await emulator.chats()).some((entry) => entry.ending === 'cancelled'),
    'the cloud hears of it');

  test('ends its stream in the cloud', async () => {
    const stream = await client.chat.completions.create({
      model: PACED, messages: ask('Tell me a story.'), stream: true,
    });
    let chunks = 0;
    for await (const chunk of stream) {
      assert.ok(chunk.id);
      chunks += 1;
      if (chunks === 5) stream.controller.abort();
    }
    assert.ok(chunks < 40);
    await cancelled();
  });

  test('ends its unfinished answer in the cloud', async () => {
    const aborter = new AbortController();
    const request = client.chat.completions.create(
      { model: PACED, messages: ask('Tell me a story.') }, { signal: aborter.signal });
    const refused = assert.rejects(request, { name: 'Error', message: 'Request was aborted.' });
    await eventually(async () => (await emulator.chats()).length === 1, 'the cloud works on it');
    aborter.abort();
    await refused;
    await cancelled();
  });
});
