// The official OpenAI SDK's Responses API against a model on this device, an emulated cloud that
// speaks another protocol, and a scripted upstream that speaks this one: whoever changes only the
// base URL must not notice which of them answered, nor who keeps the conversation.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, beforeEach, describe, test } from 'node:test';

import { CLOUD, Emulator, Gate, LOCAL, OpenAI, PIXEL } from './harness.mjs';

const NATIVE = 'native/thinker'; // the scripted upstream's model

// An upstream of the same protocol. `script` answers a request's body with events, or with a
// number: a status.
class Upstream {
  static async start() {
    const upstream = new Upstream();
    upstream.requests = [];
    upstream.server = createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      if (request.method !== 'POST') {  // the gate asks for its models
        response.writeHead(404).end();
        return;
      }
      const body = JSON.parse(Buffer.concat(chunks).toString());
      upstream.requests.push({ path: request.url, headers: request.headers, body });
      upstream.answer(body, response);
    });
    await new Promise((resolve) => { upstream.server.listen(0, '127.0.0.1', resolve); });
    upstream.url = `http://127.0.0.1:${upstream.server.address().port}`;
    return upstream;
  }

  reset(script = sayHi) {
    this.requests.length = 0;
    this.script = script;
    this.sent = '';
  }

  answer(body, response) {
    const number = this.requests.length;
    const { output, cut } = this.script(body, number);
    const whole = {
      id: `resp_up_${process.pid}_${Upstream.count += 1}`, object: 'response', created_at: 1,
      model: 'thinker-1', store: body.store, tools: [], parallel_tool_calls: true, metadata: {},
      tool_choice: 'auto', temperature: 1, top_p: 1, instructions: null, error: null,
      incomplete_details: null,
    };
    const done = {
      ...whole, status: 'completed', output,
      usage: {
        input_tokens: 10, input_tokens_details: { cached_tokens: 0 }, output_tokens: 4,
        output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 14,
      },
    };
    if (!body.stream) {
      this.sent = JSON.stringify(done);
      response.writeHead(200, { 'content-type': 'application/json' }).end(this.sent);
      return;
    }
    const events = [];
    const add = (type, members) => {
      const data = { type, sequence_number: events.length, ...members };
      events.push(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    };
    add('response.created', { response: { ...whole, status: 'in_progress', output: [] } });
    output.forEach((item, index) => {
      add('response.output_item.added', { output_index: index, item: { ...item, content: [] } });
      const text = item.content?.[0]?.text;
      if (text) {
        const at = { item_id: item.id, output_index: index, content_index: 0 };
        const part = { type: 'output_text', text: '', annotations: [] };
        add('response.content_part.added', { ...at, part });
        add('response.output_text.delta', { ...at, delta: text, logprobs: [] });
        add('response.output_text.done', { ...at, text, logprobs: [] });
      }
      add('response.output_item.done', { output_index: index, item });
    });
    add('response.completed', { response: done });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.sent = (cut ? events.slice(0, -1) : events).join('');
    response.end(this.sent);
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }
}
Upstream.count = 0;

const message = (text, id = 'msg_up') => ({
  id, type: 'message', status: 'completed', role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [], logprobs: [] }],
});
const sayHi = () => ({ output: [message('Hi.')] });

const KEYS = { ann: 'tg-key-of-ann', bob: 'tg-key-of-bob' };
let emulator;
let upstream;
let gate;
let client;

before(async () => {
  emulator = await Emulator.start();
  upstream = await Upstream.start();
  const keys = Object.entries(KEYS).map(([name, key]) => `
[keys.${name}]
sha256 = "${createHash('sha256').update(key).digest('hex')}"
admin = true
`);
  gate = await Gate.start(emulator, `
[providers.native]
kind = "openai_compatible"
protocol = "openai_responses"
url = "${upstream.url}/v1"
place = "cloud"
models = [{ name = "thinker", context_tokens = 100000, output_tokens_max = 8192,
 capabilities = ["tools", "reasoning", "vendor_fields", "temperature"],
 prices = { input_usd = 1.0, output_usd = 2.0 } }]
${keys.join('')}`.replaceAll(/,\n /g, ', '));
  client = gate.client({ apiKey: KEYS.ann });
});
after(async () => {
  upstream?.close();
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});
beforeEach(async () => {
  upstream.reset();
  await emulator.reset();
});

const WEATHER = {
  type: 'function', name: 'get_weather', description: 'Get the weather in a city', strict: false,
  parameters: {
    type: 'object', properties: { city: { type: 'string' } }, required: ['city'],
    additionalProperties: false,
  },
};

function isError(kind, expected) {
  return (error) => {
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    for (const [name, value] of Object.entries(expected)) {
      if (value instanceof RegExp) assert.match(String(error[name]), value);
      else assert.equal(error[name], value, `${name}: ${error.message}`);
    }
    return true;
  };
}
const notContinued = (id) => isError(OpenAI.BadRequestError, {
  status: 400, code: 'previous_response_not_found', param: 'previous_response_id',
  message: new RegExp(id),
});

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

for (const model of [LOCAL, CLOUD, NATIVE]) {
  describe(`with ${model}`, () => {
    test('a response is made, with usage, and says where it ran', async () => {
      const { data, response } = await client.responses
        .create({ model, input: 'What is the capital of France?' }).withResponse();
      assert.match(data.id, /^resp_/);
      assert.equal(data.object, 'response');
      assert.equal(data.status, 'completed');
      assert.equal(data.error, null);
      assert.ok(data.output_text.length > 0);
      assert.equal(data.usage.total_tokens, data.usage.input_tokens + data.usage.output_tokens);
      assert.equal(response.headers.get('tidegate-model'), model);
      assert.equal(response.headers.get('tidegate-left-out'), null);
    });

    test('the events of a stream come in order and add up', async () => {
      const events = await collect(await client.responses
        .create({ model, input: 'Count to 5.', stream: true }));
      assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, i) => i));
      assert.equal(events[0].type, 'response.created');
      assert.equal(events.at(-1).type, 'response.completed');
      const text = events.filter((event) => event.type === 'response.output_text.delta')
        .map((event) => event.delta).join('');
      const { response } = events.at(-1);
      const said = response.output.filter((item) => item.type === 'message')
        .flatMap((item) => item.content).map((part) => part.text).join('');
      assert.equal(said, text);
      assert.ok(text.length > 0);
      // It can be continued at once: it was kept before its end was told.
      const next = await client.responses
        .create({ model, input: 'Go on.', previous_response_id: response.id });
      assert.equal(next.status, 'completed');
    });

    test('the stream helper reports the final response', async () => {
      const stream = client.responses.stream({ model, input: 'Say hello.' });
      let seen = '';
      stream.on('response.output_text.delta', (event) => { seen += event.delta; });
      const final = await stream.finalResponse();
      assert.equal(final.output_text, seen);
      assert.ok(seen.length > 0);
    });

    test('a response is read again, its input listed, and both deleted', async () => {
      const made = await client.responses.create({
        model, instructions: 'Be brief.',
        input: ['one', 'two', 'three'].map((content) => ({ role: 'user', content })),
      });
      const read = await client.responses.retrieve(made.id);
      assert.deepEqual(read.output, made.output);
      assert.equal(read.output_text, made.output_text);
      const items = [];
      const pages = client.responses.inputItems.list(made.id, { limit: 2, order: 'asc' });
      for await (const item of pages) items.push(item);
      assert.deepEqual(items.map((item) => item.content[0].text), ['one', 'two', 'three']);
      const newest = await client.responses.inputItems.list(made.id);
      assert.equal(newest.data[0].content[0].text, 'three');
      await client.responses.delete(made.id);
      const gone = isError(OpenAI.NotFoundError, { status: 404, message: /not found/ });
      await assert.rejects(client.responses.retrieve(made.id), gone);
      await assert.rejects(client.responses.inputItems.list(made.id), gone);
      await assert.rejects(client.responses.delete(made.id), gone);
      await assert.rejects(
        client.responses.create({ model, input: 'x', previous_response_id: made.id }),
        notContinued(made.id));
    });

    test('what was said before is there again', async () => {
      const first = await client.responses.create({ model, input: 'My name is Ada.' });
      const second = await client.responses.create({
        model, input: 'What is my name?', previous_response_id: first.id,
      });
      const third = await client.responses.create({
        model, input: [{ role: 'user', content: 'Sure?' }], previous_response_id: second.id,
      });
      if (model === NATIVE) {
        const { input } = upstream.requests.at(-1).body;
        assert.deepEqual(input.map((item) => item.role),
          ['user', 'assistant', 'user', 'assistant', 'user']);
        assert.ok(!input.some((item) => item.id), 'names that the upstream does not keep');
        assert.ok(!('previous_response_id' in upstream.requests.at(-1).body));
      } else {
        assert.equal(third.previous_response_id, second.id);
        assert.ok(third.usage.input_tokens > second.usage.input_tokens);
        assert.ok(second.usage.input_tokens > first.usage.input_tokens);
      }
      if (model === CLOUD) {
        const { messages } = JSON.parse((await emulator.chats()).at(-1).body);
        assert.deepEqual(messages.map((each) => each.role),
          ['user', 'assistant', 'user', 'assistant', 'user']);
        assert.equal(messages[0].content, 'My name is Ada.');
        assert.equal(messages[1].content, first.output_text);
        assert.equal(messages[4].content, 'Sure?');
      }
    });

    test('what is not to be stored is not', async () => {
      const made = await client.responses.create({ model, input: 'Say hello.', store: false });
      await assert.rejects(client.responses.retrieve(made.id), isError(OpenAI.NotFoundError, {}));
      await assert.rejects(
        client.responses.create({ model, input: 'x', previous_response_id: made.id }),
        notContinued(made.id));
    });
  });
}

for (const model of [LOCAL, CLOUD]) {
  describe(`tools with ${model}`, () => {
    const input = model === LOCAL ? 'What is the weather in Oslo?'
      : 'Please call the tool get_weather now';

    test('a function is called and its result taken, by name of the response', async () => {
      const first = await client.responses.create({ model, input, tools: [WEATHER] });
      const [call] = first.output.filter((item) => item.type === 'function_call');
      assert.equal(call.name, 'get_weather');
      assert.equal(typeof JSON.parse(call.arguments).city, 'string');
      const second = await client.responses.create({
        model, tools: [WEATHER], previous_response_id: first.id,
        input: [{ type: 'function_call_output', call_id: call.call_id, output: '4 degrees' }],
      });
      assert.match(second.output_text, model === LOCAL ? /\S/ : /1 tool result of 9 bytes/);
    });

    test('the same without the gate keeping anything', async () => {
      const history = [{ role: 'user', content: input }];
      const first = await client.responses
        .create({ model, input: history, tools: [WEATHER], store: false });
      history.push(...first.output);
      for (const item of first.output.filter((each) => each.type === 'function_call')) {
        history.push({ type: 'function_call_output', call_id: item.call_id, output: '4 degrees' });
      }
      const second = await client.responses
        .create({ model, input: history, tools: [WEATHER], store: false });
      assert.equal(second.status, 'completed');
      assert.ok(second.output_text.length > 0);
    });

    test('a streamed call adds up to the call', async () => {
      const stream = client.responses.stream({ model, input, tools: [WEATHER] });
      let written = '';
      stream.on('response.function_call_arguments.delta', (event) => { written += event.delta; });
      const final = await stream.finalResponse();
      const [call] = final.output.filter((item) => item.type === 'function_call');
      assert.equal(call.arguments, written);
      assert.equal(typeof JSON.parse(written).city, 'string');
    });

    test('an answer after a schema is parsed by the helper', async () => {
      const schema = {
        type: 'object', required: ['name', 'age'], additionalProperties: false,
        properties: { name: { type: 'string' }, age: { type: 'integer' } },
      };
      const answer = await client.responses.parse({
        model, input: 'Give me a JSON object with name Ada and age 36.',
        text: { format: { type: 'json_schema', name: 'person', strict: true, schema } },
      });
      const person = JSON.parse(answer.output_text);
      assert.deepEqual(Object.keys(person).sort(), ['age', 'name']);
      assert.ok(Number.isInteger(person.age));
    });

    test('an output limit makes the response incomplete', async () => {
      const answer = await client.responses
        .create({ model, input: 'Tell me a long story.', max_output_tokens: 16 });
      assert.equal(answer.status, 'incomplete');
      assert.equal(answer.incomplete_details.reason, 'max_output_tokens');
      assert.equal(answer.usage.output_tokens, 16);
    });
  });
}

describe('tools that other protocols do not have', () => {
  const PATCH = {
    type: 'custom', name: 'apply_patch', description: 'Edits files.',
    format: { type: 'grammar', syntax: 'lark', definition: 'start: /.+/' },
  };

  test('a custom tool is called with a text and takes its result', async () => {
    const first = await client.responses.create({
      model: CLOUD, input: 'call the tool apply_patch', tools: [PATCH],
    });
    const [call] = first.output;
    assert.equal(call.type, 'custom_tool_call');
    assert.equal(call.name, 'apply_patch');
    assert.ok(typeof call.input === 'string' && !call.input.startsWith('{'), call.input);
    const [sent] = (await emulator.chats()).map((chat) => JSON.parse(chat.body));
    assert.match(sent.tools[0].function.description, /Edits files\.[^]*lark[^]*start: /);
    const second = await client.responses.create({
      model: CLOUD, tools: [PATCH], previous_response_id: first.id,
      input: [{ type: 'custom_tool_call_output', call_id: call.call_id, output: 'done' }],
    });
    assert.match(second.output_text, /1 tool result of 4 bytes/);
    const last = JSON.parse((await emulator.chats()).at(-1).body);
    assert.deepEqual(JSON.parse(last.messages[1].tool_calls[0].function.arguments),
      { input: call.input });
  });

  test('a streamed custom call is one whole input', async () => {
    const events = await collect(await client.responses.create({
      model: CLOUD, input: 'call the tool apply_patch', tools: [PATCH], stream: true,
    }));
    const delta = events.filter((e) => e.type === 'response.custom_tool_call_input.delta');
    const done = events.find((e) => e.type === 'response.custom_tool_call_input.done');
    assert.equal(delta.map((event) => event.delta).join(''), done.input);
    assert.equal(events.at(-1).response.output[0].input, done.input);
  });

  test('a tool of a namespace comes back in its namespace', async () => {
    const answer = await client.responses.create({
      model: CLOUD, input: 'call the tool crm__find',
      tools: [{ type: 'namespace', name: 'crm', description: 'Customers.', tools: [
        { type: 'function', name: 'find', strict: false, parameters: { type: 'object' } }] }],
    });
    assert.equal(answer.output[0].namespace, 'crm');
    assert.equal(answer.output[0].name, 'find');
  });

  test('what only the vendor can run is left out where it is an offer, and said', async () => {
    const { data, response } = await client.responses.create({
      model: CLOUD, input: 'Say hello.', tools: [WEATHER, { type: 'web_search' }],
    }).withResponse();
    assert.equal(response.headers.get('tidegate-left-out'), 'web_search');
    assert.deepEqual(data.tools.map((tool) => tool.type), ['function']);
    const native = await client.responses.create({
      model: NATIVE, input: 'Say hello.', tools: [WEATHER, { type: 'web_search' }],
    }).withResponse();
    assert.equal(native.response.headers.get('tidegate-left-out'), null);
    assert.equal(upstream.requests.at(-1).body.tools.length, 2);
  });

  test('and refused where it is what the caller came for', async () => {
    await assert.rejects(
      client.responses.create({ model: CLOUD, input: 'News?', tools: [{ type: 'web_search' }] }),
      isError(OpenAI.APIError, { param: 'tools[0].type', message: /vendor_fields/ }));
    await client.responses
      .create({ model: NATIVE, input: 'News?', tools: [{ type: 'web_search' }] });
    assert.equal(upstream.requests.length, 1);
  });
});

describe('an upstream of the same protocol', () => {
  test('gets the bytes of the caller and is told to keep nothing', async () => {
    await client.responses.create({
      model: NATIVE, input: '2+2?', reasoning: { effort: 'high' }, new_field: { deep: [1.0] },
      tidegate: { prefer: 'cost' },
    });
    const { path, body } = upstream.requests[0];
    assert.equal(path, '/v1/responses');
    assert.deepEqual(body, {
      store: false, include: ['reasoning.encrypted_content'], model: 'thinker', input: '2+2?',
      reasoning: { effort: 'high' }, new_field: { deep: [1] },
    });
  });

  test('is relayed byte for byte', async () => {
    for (const stream of [true, false]) {
      const answer = await fetch(`${gate.url}/v1/responses`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEYS.ann}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: NATIVE, input: 'Say hello.', stream }),
      });
      assert.equal(answer.status, 200);
      assert.equal(await answer.text(), upstream.sent);
    }
  });

  test('gets its own thoughts back under their names', async () => {
    upstream.reset(() => ({
      output: [{
        id: 'rs_up', type: 'reasoning', summary: [], encrypted_content: 'gAAA==',
      }, message('4')],
    }));
    const first = await client.responses.create({ model: NATIVE, input: '2+2?' });
    await client.responses.create({ model: NATIVE, input: '3+3?', previous_response_id: first.id });
    const [, thought, answer] = upstream.requests.at(-1).body.input;
    assert.deepEqual(thought,
      { id: 'rs_up', type: 'reasoning', summary: [], encrypted_content: 'gAAA==' });
    assert.equal(answer.id, undefined);
    // Another maker's model gets neither the thought nor its state.
    const other = await client.responses
      .create({ model: CLOUD, input: '4+4?', previous_response_id: first.id });
    assert.ok(!(await emulator.chats()).at(-1).body.includes('gAAA=='));
    // And back again, with what another had to say in between.
    await client.responses.create({ model: NATIVE, input: '5+5?', previous_response_id: other.id });
    assert.deepEqual(upstream.requests.at(-1).body.input.map((item) => item.type ?? item.role),
      ['message', 'reasoning', 'message', 'message', 'message', 'user']);
  });

  test('that breaks in the middle is never complete, and its answer not kept', async () => {
    upstream.reset(() => ({ output: [message('Hi.')], cut: true }));
    let id;
    await assert.rejects(async () => {
      const stream = await client.responses
        .create({ model: NATIVE, input: 'Say hello.', stream: true });
      for await (const event of stream) {
        if (event.type === 'response.created') id = event.response.id;
        assert.notEqual(event.type, 'response.completed');
      }
    }, isError(OpenAI.APIError, { message: /cut off/ }));
    await assert.rejects(client.responses.retrieve(id), isError(OpenAI.NotFoundError, {}));
  });

  test('a broken stream ends with the response that failed', async () => {
    upstream.reset(() => ({ output: [message('Hi.')], cut: true }));
    const answer = await fetch(`${gate.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEYS.ann}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: NATIVE, input: 'Say hello.', stream: true }),
    });
    const frames = (await answer.text()).trim().split('\n\n');
    const events = frames.map((frame) => JSON.parse(frame.slice(frame.indexOf('data: ') + 6)));
    assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, i) => i));
    const [error, failed] = events.slice(-2);
    assert.equal(error.type, 'error');
    assert.equal(failed.type, 'response.failed');
    assert.equal(failed.response.status, 'failed');
    assert.equal(failed.response.id, events[0].response.id);
  });
});

describe('what is kept', () => {
  test('is nobody else\'s', async () => {
    const bob = gate.client({ apiKey: KEYS.bob });
    const made = await client.responses.create({ model: CLOUD, input: 'A secret of mine.' });
    const gone = isError(OpenAI.NotFoundError, { status: 404 });
    await assert.rejects(bob.responses.retrieve(made.id), gone);
    await assert.rejects(bob.responses.inputItems.list(made.id), gone);
    await assert.rejects(bob.responses.delete(made.id), gone);
    await assert.rejects(
      bob.responses.create({ model: CLOUD, input: 'x', previous_response_id: made.id }),
      notContinued(made.id));
    assert.equal((await client.responses.retrieve(made.id)).id, made.id);
  });

  test('goes no further than it might when it was said', async () => {
    const made = await client.responses
      .create({ model: LOCAL, input: 'Mine alone.', tidegate: { privacy: 'local' } });
    await assert.rejects(
      client.responses.create({ model: CLOUD, input: 'x', previous_response_id: made.id }),
      isError(OpenAI.APIError, { message: /privacy/ }));
    assert.equal((await emulator.chats()).length, 0);
    const { data: next, response } = await client.responses
      .create({ model: 'auto', input: 'Go on.', previous_response_id: made.id }).withResponse();
    assert.equal(response.headers.get('tidegate-place'), 'device');
    // It binds what continues it, too.
    await assert.rejects(
      client.responses.create({ model: CLOUD, input: 'x', previous_response_id: next.id }),
      isError(OpenAI.APIError, { message: /privacy/ }));
  });

  test('is found by the names of its items', async () => {
    const first = await client.responses.create({ model: CLOUD, input: 'My name is Ada.' });
    const bob = gate.client({ apiKey: KEYS.bob });
    const reference = { type: 'item_reference', id: first.output[0].id };
    const input = [{ role: 'user', content: 'My name is Ada.' }, reference,
      { role: 'user', content: 'What is my name?' }];
    const second = await client.responses.create({ model: CLOUD, input });
    const { messages } = JSON.parse((await emulator.chats()).at(-1).body);
    assert.equal(messages[1].content, first.output_text);
    const kept = await client.responses.inputItems.list(second.id, { order: 'asc' });
    assert.equal(kept.data[1].id, reference.id);
    assert.equal(kept.data[1].type, 'message');
    await assert.rejects(bob.responses.create({ model: CLOUD, input }),
      isError(OpenAI.NotFoundError, { status: 404 }));
  });

  test('is missed by name where a part of it was deleted', async () => {
    const first = await client.responses.create({ model: CLOUD, input: 'one' });
    const second = await client.responses
      .create({ model: CLOUD, input: 'two', previous_response_id: first.id });
    await client.responses.delete(first.id);
    await assert.rejects(
      client.responses.create({ model: CLOUD, input: 'x', previous_response_id: second.id }),
      notContinued(first.id));
  });

  test('is counted in the status', async () => {
    const status = async () => (await fetch(`${gate.url}/tidegate/status`, {
      headers: { authorization: `Bearer ${KEYS.ann}` },
    })).json();
    const before_ = (await status()).responses;
    const made = await client.responses.create({ model: CLOUD, input: 'one' });
    assert.equal((await status()).responses.kept, before_.kept + 1);
    assert.ok((await status()).responses.bytes > before_.bytes);
    await client.responses.delete(made.id);
    assert.equal((await status()).responses.kept, before_.kept);
  });
});

test('what the gate does not do is refused with the reason', async () => {
  const refused = async (fields, param, message_) => assert.rejects(
    client.responses.create({ model: CLOUD, input: 'x', ...fields }),
    isError(OpenAI.BadRequestError, { param, message: message_ }));
  await refused({ background: true }, 'background', /background/);
  await refused({ conversation: 'conv_1' }, 'conversation', /previous_response_id/);
  await refused({ previous_response_id: 'resp_no_such' }, 'previous_response_id', /resp_no_such/);
  await assert.rejects(
    client.responses.create({ model: CLOUD, input: [{ type: 'item_reference', id: 'msg_x' }] }),
    isError(OpenAI.NotFoundError, { status: 404, message: /'msg_x' not found/ }));
  const made = await client.responses.create({ model: CLOUD, input: 'Say hello.' });
  await assert.rejects(client.responses.cancel(made.id),
    isError(OpenAI.BadRequestError, { message: /background/ }));
});

test('an image is looked at only by who can', async () => {
  await assert.rejects(
    client.responses.create({
      model: CLOUD,
      input: [{
        role: 'user', content: [{ type: 'input_image', image_url: PIXEL, detail: 'auto' }],
      }],
    }),
    isError(OpenAI.APIError, { message: /vision/ }));
});
