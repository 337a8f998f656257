// The official Ollama SDK against a model on this device and an emulated cloud, neither of which
// speaks its protocol: what a client of Ollama does must work as it is.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { CLOUD, Emulator, eventually, Gate, LOCAL, PACED, PIXEL } from './harness.mjs';

let emulator;
let gate;
let client;
const seen = {};

before(async () => {
  emulator = await Emulator.start();
  gate = await Gate.start(emulator);
  client = gate.ollama(seen);
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
const SCHEMA = {
  type: 'object', properties: { city: { type: 'string' } }, required: ['city'],
  additionalProperties: false,
};
// The starter model does not know when a text is over.
const SHORT_SCHEMA = {
  ...SCHEMA, properties: { city: { type: 'string', maxLength: 20 } },
};
const WEATHER = {
  type: 'function',
  function: { name: 'get_weather', description: 'Get the weather in a city', parameters: SCHEMA },
};
const CLOCK = {
  type: 'function',
  function: { name: 'get_time', description: '', parameters: { type: 'object', properties: {} } },
};

async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

function assertMetrics(answer) {
  assert.equal(answer.done, true);
  assert.ok(!Number.isNaN(Date.parse(answer.created_at)), answer.created_at);
  for (const name of ['total_duration', 'load_duration', 'prompt_eval_duration', 'eval_duration',
    'prompt_eval_count', 'eval_count']) {
    assert.ok(Number.isInteger(answer[name]) && answer[name] >= 0, `${name}: ${answer[name]}`);
  }
  assert.ok(answer.prompt_eval_count > 0 && answer.eval_count > 0);
  assert.ok(answer.total_duration > 0);
  assert.equal(answer.total_duration,
    answer.load_duration + answer.prompt_eval_duration + answer.eval_duration);
}

async function assertFails(promise, status, message) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.status_code, status, error.message);
    assert.match(error.message, message);
    return true;
  });
}

const [, NAME] = LOCAL.split('/');

for (const [model, place] of [[LOCAL, 'device'], [CLOUD, 'cloud']]) {
  describe(`with ${model}`, () => {
    test('a chat is answered, with its figures, and says where it ran', async () => {
      const answer = await client.chat({
        model,
        messages: [{ role: 'system', content: 'Be brief.' },
          ...ask('What is the capital of France?')],
      });
      assert.equal(answer.message.role, 'assistant');
      assert.match(answer.message.content, model === LOCAL ? /\S/ : /^\[emulated swift\]/);
      assert.equal(answer.done_reason, 'stop');
      assertMetrics(answer);
      assert.equal(seen.headers.get('content-type'), 'application/json');
      assert.equal(seen.headers.get('tidegate-place'), place);
      const decision = await gate.decision(seen.headers.get('tidegate-decision'));
      assert.equal(decision.protocol, 'ollama');
      assert.equal(decision.attempts[0].usage.output_tokens, answer.eval_count);
    });

    test('a stream adds up to the answer', async () => {
      const asked = { model, messages: ask('Count to 10.'), options: { temperature: 0 } };
      const parts = await collect(await client.chat({ ...asked, stream: true }));
      assert.equal(seen.headers.get('content-type'), 'application/x-ndjson');
      assert.ok(parts.length > 2);
      const last = parts.pop();
      assert.ok(parts.every((part) => part.done === false && part.message.role === 'assistant'));
      assert.equal(last.message.content, '');
      assertMetrics(last);
      const whole = await client.chat(asked);
      assert.equal(parts.map((part) => part.message.content).join(''), whole.message.content);
      assert.equal(last.eval_count, whole.eval_count);
    });

    test('a prompt is answered in its own form, streamed or not', async () => {
      const asked = {
        model, system: 'Be brief.', prompt: 'Say hello.', options: { temperature: 0 },
      };
      const whole = await client.generate(asked);
      assert.match(whole.response, /\S/);
      assert.equal(whole.message, undefined);
      assertMetrics(whole);
      const parts = await collect(await client.generate({ ...asked, stream: true }));
      assert.equal(parts.map((part) => part.response).join(''), whole.response);
      assertMetrics(parts.at(-1));
      assert.deepEqual(parts.at(-1).context, whole.context);
    });

    test('a context goes on with the conversation, wherever that is', async () => {
      const first = await client.generate({ model, system: 'Be brief.', prompt: 'One?' });
      const second = await client.generate({ model, prompt: 'And then?', context: first.context });
      const whole = await client.chat({
        model,
        messages: [
          { role: 'system', content: 'Be brief.' }, { role: 'user', content: 'One?' },
          { role: 'assistant', content: first.response }, { role: 'user', content: 'And then?' },
        ],
      });
      assert.equal(second.prompt_eval_count, whole.prompt_eval_count);
      assert.ok(second.context.length > first.context.length);
      const damaged = first.context.slice(0, -1);
      await assertFails(client.generate({ model, prompt: 'x', context: damaged }), 400,
        /context.*damaged/);
    });

    test('an output limit ends the answer with length', async () => {
      const answer = await client.chat({
        model, messages: ask('Tell me a story.'), options: { num_predict: 3, num_ctx: 2048 },
      });
      assert.equal(answer.done_reason, 'length');
      assert.equal(answer.eval_count, 3);
    });

    test('a tool is called, its result is taken, and an answer follows', async () => {
      const messages = ask(model === LOCAL ? 'What is the weather in Oslo?'
        : 'Please call the tool get_weather now');
      const asked = { model, tools: [WEATHER], options: { temperature: 0 } };
      for (const stream of [false, true]) {
        const answered = await client.chat({ ...asked, messages, stream });
        const parts = stream ? await collect(answered) : [answered];
        const calls = parts.flatMap((part) => part.message.tool_calls ?? []);
        assert.equal(calls.length, 1);
        assert.equal(calls[0].function.name, 'get_weather');
        assert.equal(typeof calls[0].function.arguments.city, 'string');
        // The SDK's own example hands back the name alone, and no id.
        const { function: { name, arguments: given } } = calls[0];
        const second = await client.chat({
          ...asked,
          messages: [...messages,
            {
              role: 'assistant', content: '',
              tool_calls: [{ function: { name, arguments: given } }],
            },
            { role: 'tool', tool_name: name, content: '4 degrees, windy' }],
        });
        assert.equal(second.done_reason, 'stop');
        assert.match(second.message.content,
          model === LOCAL ? /\S/ : /1 tool result of 16 bytes for call_1_0/);
      }
    });

    test('a schema is kept', async () => {
      const answer = await client.chat({
        model, messages: ask('Which city?'), format: SHORT_SCHEMA, options: { num_predict: 200 },
      });
      assert.equal(typeof JSON.parse(answer.message.content).city, 'string');
    });

    test('an image for a model without vision is refused with the reason', async () => {
      const [, data] = PIXEL.split(',');
      await assertFails(client.chat({
        model, messages: [{ role: 'user', content: 'What is this?', images: [data] }],
      }), 400, /vision/);
      assert.deepEqual(await emulator.chats(), []);
    });
  });
}

test('which tool is to be called may be said, though Ollama has no word for it', async () => {
  for (const model of [LOCAL, CLOUD]) {
    const asked = {
      model, tools: [WEATHER, CLOCK], messages: ask('Please call the tool get_weather now'),
      options: { temperature: 0, num_predict: 200 },
    };
    for (const [choice, expected] of [
      [{ type: 'function', function: { name: 'get_time' } }, 'get_time'],
      ['none', undefined],
    ]) {
      const answer = await client.chat({ ...asked, tool_choice: choice });
      assert.equal(answer.message.tool_calls?.[0].function.name, expected, model);
    }
    const required = await client.chat({ ...asked, tool_choice: 'required' });
    assert.ok(required.message.tool_calls.length > 0, model);
    await assertFails(client.chat({ ...asked, tool_choice: 'any' }), 400, /tool_choice/);
  }
});

test('parallel calls come one by one, and together in one answer', async () => {
  const asked = {
    model: CLOUD, tools: [WEATHER, CLOCK],
    messages: ask('call the tool get_weather and call the tool get_time'),
  };
  for (const stream of [false, true]) {
    const answered = await client.chat({ ...asked, stream });
    const parts = stream ? await collect(answered) : [answered];
    const calls = parts.flatMap((part) => part.message.tool_calls ?? []);
    assert.deepEqual(calls.map((call) => call.function.name), ['get_weather', 'get_time']);
    assert.equal(new Set(calls.map((call) => call.id)).size, 2);
    assert.equal(typeof calls[0].function.arguments.city, 'string');
  }
});

test('thoughts stand beside the text', async () => {
  await emulator.faults('reasoning=7');
  const asked = { model: CLOUD, messages: ask('Think.') };
  const whole = await client.chat(asked);
  assert.ok(whole.message.thinking.length > 0 && whole.message.content.length > 0);
  const parts = await collect(await client.chat({ ...asked, stream: true }));
  const text = (member) => parts.map((part) => part.message[member] ?? '').join('');
  assert.ok(text('thinking').length > 0);
  const thinks = parts.map((part) => Boolean(part.message.thinking));
  assert.ok(thinks.lastIndexOf(true) < parts.findIndex((part) => part.message.content));
  await assertFails(client.chat({ ...asked, think: 'high' }), 400, /reasoning/);
  await client.chat({ ...asked, think: false });
});

test('every model is listed by a name that can be asked for, and says where it runs', async () => {
  const { models } = await client.list();
  const byName = new Map(models.map((model) => [model.name, model]));
  for (const model of models) {
    assert.equal(model.model, model.name);
    assert.match(model.name, /:/);
    assert.match(model.digest, /^[0-9a-f]{64}$/);
    assert.ok(model.capabilities.includes('completion'));
  }
  assert.ok(byName.has('auto:latest') && byName.has('auto:private'));
  // A model of this device as an Ollama would list it.
  const local = byName.get(`${NAME}:latest`);
  assert.ok(!byName.has(`${LOCAL}:latest`));
  assert.equal(local.remote_host, undefined);
  assert.ok(local.size > 0 && Date.parse(local.modified_at) > 0);
  assert.equal(local.details.format, 'gguf');
  const cloud = byName.get(`${CLOUD}:latest`);
  assert.equal(cloud.remote_host, emulator.url);
  assert.equal(cloud.remote_model, 'swift');
  assert.deepEqual(await emulator.chats(), []);
});

test('all of a model is shown when it is asked for', async () => {
  const shown = await client.show({ model: NAME });
  assert.deepEqual(shown.model_info['tokenizer.ggml.tokens'], []);
  assert.ok(shown.model_info['general.parameter_count'] > 1e5);
  const all = await client.show({ model: NAME, verbose: true });
  const tokens = all.model_info['tokenizer.ggml.tokens'];
  assert.ok(tokens.length > 100 && tokens.every((token) => typeof token === 'string'));
  assert.equal(all.model_info['tokenizer.ggml.token_type'].length, tokens.length);
  for (const { tensors } of [shown, all]) {
    const embedding = tensors.find((tensor) => tensor.name === 'token_embd.weight');
    assert.equal(embedding.type, 'F32');
    assert.equal(embedding.shape.at(-1), tokens.length);
  }
  await assertFails(client.show({ model: NAME, verbose: 'yes' }), 400, /verbose/);
});

test('a model is known with its default tag and without it', async () => {
  for (const model of [NAME, `${NAME}:latest`, LOCAL, `${LOCAL}:latest`]) {
    const shown = await client.show({ model });
    assert.ok(shown.capabilities.includes('tools'));
    const architecture = shown.model_info['general.architecture'];
    assert.ok(shown.model_info[`${architecture}.context_length`] > 0);
    const answer = await client.generate({ model, prompt: 'Hi', options: { num_predict: 1 } });
    assert.equal(answer.done, true);
    assert.equal(seen.headers.get('tidegate-place'), 'device');
  }
  const shown = await client.show({ model: `${CLOUD}:latest` });
  assert.equal(shown.remote_host, emulator.url);
  assert.equal(shown.model_info['tidegate.context_length'], 128000);
  await assertFails(client.show({ model: 'nobody' }), 404, /'nobody' not found/);
  await assertFails(client.chat({ model: 'nobody', messages: ask('a') }), 404, /nobody/);
  // The name for private work stays private, whatever its tag.
  await client.chat({ model: 'auto:private:latest', messages: ask('Say hello.') });
  assert.equal(seen.headers.get('tidegate-place'), 'device');
  assert.deepEqual(await emulator.chats(), []);
});

test('a model is loaded, listed while it is in memory, kept, and let go', async () => {
  const named = async () => (await client.ps()).models;
  const loaded = await client.generate({ model: LOCAL, prompt: '' });
  assert.equal(loaded.done_reason, 'load');
  assert.equal(loaded.response, '');
  const [running] = await named();
  assert.equal(running.name, `${NAME}:latest`);
  assert.ok(running.size > 0 && running.context_length > 0);
  assert.ok(Date.parse(running.expires_at) > Date.now());

  await client.chat({ model: LOCAL, messages: [], keep_alive: -1 });
  await eventually(async () => Date.parse((await named())[0].expires_at) > Date.parse('2200-01-01'),
    'it stays for ever');
  await client.chat({ model: LOCAL, messages: [], keep_alive: '2h' });
  await eventually(async () => Date.parse((await named())[0].expires_at) < Date.now() + 7_300_000,
    'it stays for two hours');

  const gone = await client.chat({ model: LOCAL, messages: [], keep_alive: 0 });
  assert.equal(gone.done_reason, 'unload');
  assert.equal(gone.message.content, '');
  await eventually(async () => (await named()).length === 0, 'it is gone');
  // A request that says so lets it go when it is answered.
  await client.generate({ model: LOCAL, prompt: 'Hi', keep_alive: 0, options: { num_predict: 2 } });
  await eventually(async () => (await named()).length === 0, 'it is gone again');
  const cloud = await client.chat({ model: CLOUD, messages: [] });
  assert.equal(cloud.done_reason, 'load');
  assert.deepEqual(await emulator.chats(), [], 'there is nothing to load there');
});

test('the version is one that clients accept, and the server says that it runs', async () => {
  const { version } = await client.version();
  const [major, minor, patch] = version.split('.').map(Number);
  assert.ok(major * 1e6 + minor * 1e3 + patch >= 6_004, version); // GitHub Copilot asks for 0.6.4
  const alive = await fetch(`${gate.url}/`);
  assert.equal(await alive.text(), 'Ollama is running');
  assert.equal(alive.headers.get('content-type'), 'text/plain; charset=utf-8');
  const head = await fetch(`${gate.url}/`, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(await (await fetch(`${gate.url}/health`)).text(), 'Tidegate is running\n');
});

test('what Ollama\'s own program writes without meaning anything by it means nothing', async () => {
  // Its fields that have no value: Go writes some of them all the same.
  const post = async (path, body) => {
    const answer = await fetch(`${gate.url}${path}`, {
      method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    return answer.json();
  };
  const shown = await post('/api/show', {
    model: LOCAL, system: '', template: '', verbose: false, options: null, name: '',
  });
  assert.ok(shown.capabilities.includes('completion'));
  const generated = await post('/api/generate', {
    model: LOCAL, prompt: 'Hi', suffix: '', system: '', template: '', stream: false,
    options: { num_predict: 2 },
  });
  assert.equal(generated.eval_count, 2);
  for (const options of [null, {}]) {
    const chatted = await post('/api/chat', {
      model: LOCAL, messages: ask('Hi'), stream: false, options,
    });
    assert.ok(chatted.message.content);
  }
  for (const path of ['/api/tags', '/api/version', '/']) {
    const head = await fetch(`${gate.url}${path}`, { method: 'HEAD' });
    assert.equal(head.status, 200, path);
    assert.equal(await head.text(), '');
  }
  for (const path of [
    '/api/me', '/api/signout', '/api/status', '/api/user/keys/x', '/api/experimental/web_search',
    '/v1/audio/transcriptions']) {
    const absent = await fetch(`${gate.url}${path}`, { method: 'POST', body: '{}' });
    assert.equal(absent.status, 404, path);
  }
});

test('bad input is refused with the place of the fault, and reaches nobody', async () => {
  const cases = [
    [{ messages: [{ role: 'robot', content: 'a' }] }, /messages\[0\]\.role/],
    [{ messages: [{ role: 'user', content: 7 }] }, /messages\[0\]\.content/],
    [{ messages: ask('a'), options: { seed: 'x' } }, /options\.seed/],
    [{ messages: ask('a'), format: 'yaml' }, /format/],
    [{ messages: ask('a'), think: 'deep' }, /think/],
    [{ messages: ask('a'), keep_alive: 'soon' }, /keep_alive/],
  ];
  for (const [fields, message] of cases) {
    await assertFails(client.chat({ model: CLOUD, ...fields }), 400, message);
  }
  assert.deepEqual(await emulator.chats(), []);
});

test('what only Ollama itself can do is refused by name where nobody can', async () => {
  for (const [fields, name] of [[{ suffix: 'return x' }, /suffix/], [{ raw: true }, /raw/],
    [{ template: '{{ .Prompt }}' }, /template/], [{ context: [1, 2] }, /context/]]) {
    await assertFails(client.generate({ model: CLOUD, prompt: 'a', ...fields }), 400, name);
  }
  await assertFails(client.embed({ model: LOCAL, input: 'x' }), 400, /it lacks: embeddings/);
  assert.deepEqual(await emulator.chats(), []);
});

test('an error in the middle of a stream is an error, never an ending', async () => {
  await emulator.faults('cut_after=3');
  const stream = await client.chat({
    model: PACED, messages: ask('Tell me a story.'), stream: true,
  });
  await assert.rejects(collect(stream), /before its answer was complete/);
});

test('a caller that goes away ends its stream in the cloud', async () => {
  const stream = await client.chat({
    model: PACED, messages: ask('Tell me a story.'), stream: true,
  });
  let pieces = 0;
  await assert.rejects(async () => {
    for await (const part of stream) {
      assert.equal(part.done, false);
      pieces += 1;
      if (pieces === 3) client.abort();
    }
  }, { name: 'AbortError' });
  await eventually(
    async () => (await emulator.chats()).some((entry) => entry.ending === 'cancelled'),
    'the cloud hears of it');
});

test('a key is needed where keys are configured, but not to see that the server runs', async () => {
  const guarded = await Gate.start(emulator, `
[keys.tester]
sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
`);
  try {
    for (const path of ['/', '/api/version', '/health']) {
      assert.equal((await fetch(guarded.url + path)).status, 200, path);
    }
    for (const path of ['/api/tags', '/api/ps', '/api/nothing']) {
      const answer = await fetch(guarded.url + path);
      assert.equal(answer.status, 401, path);
      assert.equal(typeof (await answer.json()).error, 'string');
    }
    const headers = { authorization: 'Bearer secret' };
    assert.equal((await fetch(`${guarded.url}/api/tags`, { headers })).status, 200);
  } finally {
    await guarded.close();
  }
});
