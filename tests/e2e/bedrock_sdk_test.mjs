// AWS's own SDK for Bedrock, by HTTP/2 and by HTTP/1.1, with a bearer token and with signatures,
// against a model on this device and an emulated cloud, which both speak another protocol: its
// reading of frames, errors and answers is the judge. Then the other way round: requests to a
// server that checks every signature with AWS's own implementation.

import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';

import {
  bedrock, CLOUD, Emulator, eventually, EventStreamCodec, Gate, LOCAL, NodeHttpHandler, PACED,
  PIXEL, SignatureV4,
} from './harness.mjs';

const { ConverseCommand, ConverseStreamCommand } = bedrock;
const KEY = 'tg-a-bearer-key-for-the-tests';
const CALLER = { accessKeyId: 'AKIATIDEGATECALLER', secretAccessKey: 'a secret of the caller/+' };
const OURS = {
  accessKeyId: 'AKIATIDEGATEOURS', secretAccessKey: 'our+own/secret', sessionToken: 'our-session',
};
const BEDROCK = 'aws/eu.anthropic.claude-test:0';

let emulator;
let upstream;
let folder;
let gate; // open, as on one's own machine
let guarded; // with keys
let client;

const ask = (text) => [{ role: 'user', content: [{ text }] }];
const WEATHER = {
  toolSpec: {
    name: 'get_weather',
    description: 'Get the weather in a city',
    inputSchema: {
      json: {
        type: 'object', properties: { city: { type: 'string' } }, required: ['city'],
        additionalProperties: false,
      },
    },
  },
};
const CLOCK = { toolSpec: { name: 'get_time', inputSchema: { json: { type: 'object' } } } };

// What a stream adds up to, as the message of a whole answer.
async function collect({ stream }) {
  const answer = { content: [], deltas: 0 };
  let input = '';
  for await (const event of stream) {
    const [[kind, value]] = Object.entries(event);
    if (kind === 'messageStart') answer.role = value.role;
    if (kind === 'contentBlockStart') {
      answer.content[value.contentBlockIndex] = { ...value.start };
      input = '';
    }
    if (kind === 'contentBlockDelta') {
      answer.deltas += 1;
      const at = value.contentBlockIndex;
      const block = answer.content[at] ??= {};
      const { delta } = value;
      if (delta.text !== undefined) block.text = (block.text ?? '') + delta.text;
      if (delta.toolUse) input += delta.toolUse.input;
      if (delta.reasoningContent?.text !== undefined) {
        block.reasoningContent ??= { reasoningText: { text: '' } };
        block.reasoningContent.reasoningText.text += delta.reasoningContent.text;
      }
    }
    if (kind === 'contentBlockStop') {
      const block = answer.content[value.contentBlockIndex];
      if (block.toolUse) block.toolUse.input = JSON.parse(input || '{}');
    }
    if (kind === 'messageStop') answer.stopReason = value.stopReason;
    if (kind === 'metadata') Object.assign(answer, value);
  }
  return answer;
}

class Sha256 {
  constructor(secret) {
    this.hash = secret ? createHmac('sha256', secret) : createHash('sha256');
  }

  update(data) { this.hash.update(data); }

  async digest() { return new Uint8Array(this.hash.digest()); }
}

// Bedrock, as far as the gate can tell: checks the signature and answers what the prompt asks for.
class Upstream {
  static async start() {
    const upstream = new Upstream();
    upstream.requests = [];
    upstream.codec = new EventStreamCodec(
      (bytes) => Buffer.from(bytes).toString('utf8'), (text) => Buffer.from(text, 'utf8'));
    upstream.server = http.createServer((request, response) => {
      upstream.handle(request, response).catch((error) => response.destroy(error));
    });
    upstream.server.listen(0, '127.0.0.1');
    await once(upstream.server, 'listening');
    upstream.url = `http://127.0.0.1:${upstream.server.address().port}`;
    return upstream;
  }

  // The Authorization field that AWS's implementation makes of the request as it came.
  async authorization(request, body) {
    const { headers } = request;
    const [, names] = /SignedHeaders=([^,]+)/.exec(headers.authorization);
    const signed = Object.fromEntries(names.split(';').map((name) => [name, headers[name]]));
    const { 'x-amz-date': date, 'x-amz-security-token': token, ...others } = signed;
    const signer = new SignatureV4({
      credentials: { ...OURS, sessionToken: token }, region: 'eu-west-3', service: 'bedrock',
      sha256: Sha256, applyChecksum: false,
    });
    const made = await signer.sign({
      method: request.method, protocol: 'http:', hostname: '127.0.0.1', path: request.url,
      query: {}, headers: others, body,
    }, {
      signingDate: new Date(date.replace(
        /^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')),
    });
    return made.headers.authorization;
  }

  frame(kind, name, payload) {
    const text = (value) => ({ type: 'string', value });
    return this.codec.encode({
      headers: {
        [`:${kind}-type`]: text(name),
        ':content-type': text('application/json'),
        ':message-type': text(kind),
      },
      body: Buffer.from(JSON.stringify(payload)),
    });
  }

  async handle(request, response) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces).toString();
    const expected = request.headers.authorization?.startsWith('AWS4')
      ? await this.authorization(request, body) : 'a signature';
    const entry = {
      path: request.url, headers: request.headers, body: JSON.parse(body),
      signed: request.headers.authorization === expected,
    };
    this.requests.push(entry);
    const fail = (status, name, message) => {
      response.writeHead(status, {
        'content-type': 'application/json', 'x-amzn-errortype': `${name}:http://internal/`,
      }).end(JSON.stringify({ message }));
    };
    if (!entry.signed) return fail(403, 'InvalidSignatureException', 'The signature is wrong.');
    const [{ text }] = entry.body.messages.at(-1).content;
    if (text === 'too long') {
      return fail(400, 'ValidationException', 'Input is too long for requested model.');
    }
    if (text === 'throttle') return fail(429, 'ThrottlingException', 'Too many requests.');
    const usage = {
      inputTokens: 15, outputTokens: 7, totalTokens: 27, cacheReadInputTokens: 5,
    };
    if (!request.url.endsWith('/converse-stream')) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({
        output: { message: { role: 'assistant', content: [{ text: `whole: ${text}` }] } },
        stopReason: 'end_turn', usage, metrics: { latencyMs: 4711 }, ofTheFuture: 1,
      }));
      return undefined;
    }
    response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
    const at = { contentBlockIndex: 0 };
    response.write(this.frame('event', 'messageStart', { role: 'assistant', p: 'ab' }));
    const broken = () => this.frame(
      'exception', 'modelStreamErrorException', { message: 'it broke' });
    if (text === 'break early') {
      response.end(broken());
      return undefined;
    }
    for (const delta of ['stream: ', text]) {
      response.write(this.frame('event', 'contentBlockDelta', { ...at, delta: { text: delta } }));
    }
    if (text === 'break') {
      await new Promise((resolve) => { this.breakStream = resolve; });
      response.end(broken());
      return undefined;
    }
    response.write(this.frame('event', 'contentBlockStop', at));
    response.write(this.frame('event', 'messageStop', { stopReason: 'end_turn' }));
    response.end(this.frame('event', 'metadata', { usage, metrics: { latencyMs: 4711 } }));
    return undefined;
  }

  async close() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

before(async () => {
  emulator = await Emulator.start();
  upstream = await Upstream.start();
  folder = mkdtempSync(join(tmpdir(), 'tg-aws-'));
  const secretFile = (name, secret) => {
    writeFileSync(join(folder, name), `${secret}\n`, { mode: 0o600 });
    return `"file:${join(folder, name)}"`;
  };
  const provider = `
[providers.aws]
kind = "bedrock"
url = "${upstream.url}"
place = "cloud"
aws_region = "eu-west-3"
aws_access_key_id = "${OURS.accessKeyId}"
aws_secret_access_key = ${secretFile('ours', OURS.secretAccessKey)}
aws_session_token = ${secretFile('session', OURS.sessionToken)}
models = [{ name = "eu.anthropic.claude-test:0", context_tokens = 100000, quality = 0.9,
 output_tokens_max = 8192, capabilities = ["tools", "temperature", "stop", "vision", "files",
 "reasoning", "vendor_fields"], prices = { input_usd = 1, output_usd = 5 } }]
`.replaceAll(',\n', ',');
  gate = await Gate.start(emulator, provider);
  guarded = await Gate.start(emulator, `
[keys.bearer]
sha256 = "${createHash('sha256').update(KEY).digest('hex')}"
admin = true
[keys.robot]
aws_access_key_id = "${CALLER.accessKeyId}"
aws_secret_access_key = ${secretFile('caller', CALLER.secretAccessKey)}
${provider}`);
  client = gate.bedrock();
});
after(async () => {
  client?.destroy();
  try {
    await gate?.close();
    await guarded?.close();
  } finally {
    await emulator?.close();
    await upstream?.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
beforeEach(async () => {
  await emulator.reset();
  upstream.requests.length = 0;
});

for (const [model, place] of [[LOCAL, 'device'], [CLOUD, 'cloud']]) {
  describe(`with ${model}`, () => {
    test('a message is answered, with usage, and says where it ran', async () => {
      const answer = await client.send(new ConverseCommand({
        modelId: model, system: [{ text: 'Be brief.' }], inferenceConfig: { maxTokens: 200 },
        messages: ask('What is the capital of France?'),
      }));
      const { message } = answer.output;
      assert.equal(message.role, 'assistant');
      assert.equal(answer.stopReason, 'end_turn');
      assert.equal(message.content.length, 1);
      assert.match(message.content[0].text, model === LOCAL ? /\S/ : /^\[emulated swift\]/);
      const { inputTokens, outputTokens, totalTokens } = answer.usage;
      assert.ok(inputTokens > 0 && outputTokens > 0);
      assert.equal(totalTokens, inputTokens + outputTokens + answer.usage.cacheReadInputTokens);
      assert.ok(answer.metrics.latencyMs >= 0);
      const { headers } = client.last;
      assert.equal(headers['tidegate-place'], place);
      const decision = await gate.decision(headers['tidegate-decision']);
      assert.equal(decision.protocol, 'bedrock_converse');
      assert.equal(decision.attempts[0].usage.output_tokens, outputTokens);
    });

    test('a stream adds up to the message', async () => {
      const asked = {
        modelId: model, inferenceConfig: { maxTokens: 200, temperature: 0 },
        messages: ask('Count to 10.'),
      };
      const streamed = await collect(await client.send(new ConverseStreamCommand(asked)));
      assert.ok(streamed.deltas > 1);
      const whole = await client.send(new ConverseCommand(asked));
      assert.equal(streamed.role, 'assistant');
      assert.deepEqual(streamed.content, whole.output.message.content);
      assert.equal(streamed.stopReason, whole.stopReason);
      assert.equal(streamed.usage.outputTokens, whole.usage.outputTokens);
      assert.ok(streamed.metrics.latencyMs >= 0);
    });

    test('an output limit ends the answer with max_tokens', async () => {
      const answer = await client.send(new ConverseCommand({
        modelId: model, inferenceConfig: { maxTokens: 3 }, messages: ask('Tell me a story.'),
      }));
      assert.equal(answer.stopReason, 'max_tokens');
      assert.equal(answer.usage.outputTokens, 3);
    });

    test('a tool is called, its result is taken, and an answer follows', async () => {
      const messages = ask(model === LOCAL ? 'What is the weather in Oslo?'
        : 'Please call the tool get_weather now');
      const toolConfig = { tools: [WEATHER] };
      const inferenceConfig = { maxTokens: 200 };
      const first = await collect(await client.send(new ConverseStreamCommand({
        modelId: model, inferenceConfig, messages, toolConfig,
      })));
      assert.equal(first.stopReason, 'tool_use');
      const { toolUse } = first.content.find((block) => block.toolUse);
      assert.equal(toolUse.name, 'get_weather');
      assert.equal(typeof toolUse.input.city, 'string');
      messages.push({ role: first.role, content: first.content }, {
        role: 'user',
        content: [{
          toolResult: { toolUseId: toolUse.toolUseId, content: [{ json: { degrees: 4 } }] },
        }],
      });
      const second = await client.send(new ConverseCommand({
        modelId: model, inferenceConfig, messages, toolConfig,
      }));
      assert.equal(second.stopReason, 'end_turn');
      assert.match(second.output.message.content[0].text, model === LOCAL ? /\S/
        : new RegExp(`1 tool result of 13 bytes for ${toolUse.toolUseId}`));
    });

    test('an image for a model without vision is refused with the reason', async () => {
      await assert.rejects(client.send(new ConverseCommand({
        modelId: model,
        messages: [{
          role: 'user',
          content: [{ text: 'What is this?' }, {
            image: { format: 'png', source: { bytes: Buffer.from(PIXEL.split(',')[1], 'base64') } },
          }],
        }],
      })), (error) => {
        assert.ok(error instanceof bedrock.ValidationException, error);
        assert.equal(error.$metadata.httpStatusCode, 400);
        assert.match(error.message, /vision/);
        return true;
      });
      assert.deepEqual(await emulator.chats(), []);
    });
  });
}

test('parallel calls are blocks of their own, streamed or not', async () => {
  const asked = {
    modelId: CLOUD, toolConfig: { tools: [WEATHER, CLOCK] },
    messages: ask('call the tool get_weather and call the tool get_time'),
  };
  for (const content of [
    (await client.send(new ConverseCommand(asked))).output.message.content,
    (await collect(await client.send(new ConverseStreamCommand(asked)))).content]) {
    const calls = content.map((block) => block.toolUse).filter(Boolean);
    assert.deepEqual(calls.map((call) => call.name), ['get_weather', 'get_time']);
    assert.equal(new Set(calls.map((call) => call.toolUseId)).size, 2);
    assert.equal(typeof calls[0].input.city, 'string');
  }
});

test('thoughts are blocks in front of the text', async () => {
  await emulator.faults('reasoning=7');
  const asked = { modelId: CLOUD, messages: ask('Think.') };
  for (const content of [
    (await client.send(new ConverseCommand(asked))).output.message.content,
    (await collect(await client.send(new ConverseStreamCommand(asked)))).content]) {
    assert.deepEqual(content.map((block) => Object.keys(block)), [['reasoningContent'], ['text']]);
    assert.ok(content[0].reasoningContent.reasoningText.text.length > 0);
  }
});

test('bad input is refused with the place of the fault, and reaches nobody', async () => {
  const cases = [
    [{ messages: [] }, /messages: must hold at least one message/],
    [{ messages: [{ role: 'robot', content: [] }] }, /messages\[0\]\.role/],
    [{ messages: ask('a'), inferenceConfig: { temperature: 2 } }, /inferenceConfig\.temperature/],
    [{
      messages: [{ role: 'user', content: [{ toolResult: { toolUseId: 'x', content: [] } }] }],
    }, /messages\[0\]\.content\[0\]\.toolResult\.toolUseId/],
  ];
  for (const [fields, message] of cases) {
    const command = new ConverseCommand({ modelId: CLOUD, ...fields });
    await assert.rejects(client.send(command), (error) => {
      assert.ok(error instanceof bedrock.ValidationException, error);
      assert.equal(error.$metadata.httpStatusCode, 400);
      assert.match(error.message, message);
      return true;
    });
  }
  assert.deepEqual(await emulator.chats(), []);
});

test('what only Bedrock knows is refused by name where nobody can take it', async () => {
  await assert.rejects(client.send(new ConverseCommand({
    modelId: CLOUD, messages: ask('a'),
    guardrailConfig: { guardrailIdentifier: 'g', guardrailVersion: '1' },
  })), (error) => {
    assert.ok(error instanceof bedrock.ValidationException, error);
    assert.match(error.message, /guardrailConfig/);
    return true;
  });
});

test('errors of an upstream are exceptions of their own kinds', async () => {
  await emulator.faults('status=429');
  await assert.rejects(client.send(new ConverseCommand({ modelId: CLOUD, messages: ask('a') })),
    (error) => error instanceof bedrock.ThrottlingException);
  await emulator.faults('status=503');
  await assert.rejects(client.send(new ConverseStreamCommand({
    modelId: CLOUD, messages: ask('a'),
  })), (error) => error instanceof bedrock.ServiceUnavailableException);
});

test('an error in the middle of a stream is an exception, never an ending', async () => {
  await emulator.faults('cut_after=3');
  const answer = await client.send(new ConverseStreamCommand({
    modelId: PACED, messages: ask('Tell me a story.'),
  }));
  await assert.rejects(collect(answer), (error) => {
    assert.equal(error.name, 'ModelStreamErrorException');
    return true;
  });
});

test('a caller that goes away ends its stream in the cloud', async () => {
  const abort = new AbortController();
  const { stream } = await client.send(new ConverseStreamCommand({
    modelId: PACED, inferenceConfig: { maxTokens: 400 }, messages: ask('Tell me a story.'),
  }), { abortSignal: abort.signal });
  let pieces = 0;
  await assert.rejects((async () => {
    for await (const event of stream) {
      if (event.contentBlockDelta) pieces += 1;
      if (pieces === 3) abort.abort();
    }
    throw new Error('the stream ended');
  })());
  await eventually(
    async () => (await emulator.chats()).some((entry) => entry.ending === 'cancelled'),
    'the cloud hears of it');
});

const handlers = { 'HTTP/2': undefined, 'HTTP/1.1': () => new NodeHttpHandler() };
for (const [version, handler] of Object.entries(handlers)) {
  describe(`by ${version}`, () => {
    const connect = (to, options) => to.bedrock({
      ...options, ...(handler && { requestHandler: handler() }),
    });
    const bearer = (token) => ({ token: { token }, authSchemePreference: ['httpBearerAuth'] });
    const asked = { modelId: CLOUD, messages: ask('Hello, ünïcode and "quotes"') };

    for (const [how, options, who] of [
      ['a signature', { credentials: CALLER }, 'robot'],
      ['a session\'s signature',
        { credentials: { ...CALLER, sessionToken: 'any' } }, 'robot'],
      ['a bearer token', bearer(KEY), 'bearer'],
    ]) {
      test(`${how} is known, whole and streamed`, async () => {
        const robot = connect(guarded, options);
        const whole = await robot.send(new ConverseCommand(asked));
        assert.equal(whole.stopReason, 'end_turn');
        const decision = await guarded.decision(robot.last.headers['tidegate-decision'],
          { authorization: `Bearer ${KEY}` });
        assert.equal(decision.principal, who);
        const streamed = await collect(await robot.send(new ConverseStreamCommand(asked)));
        assert.deepEqual(streamed.content, whole.output.message.content);
        robot.destroy();
      });
    }

    test('without keys a caller on this machine is let in, whatever it signs with', async () => {
      for (const options of [{}, { credentials: CALLER }, bearer('anything')]) {
        const anybody = connect(gate, options);
        assert.equal((await anybody.send(new ConverseCommand(asked))).stopReason, 'end_turn');
        anybody.destroy();
      }
    });

    test('a wrong secret, id or token and an old date are refused alike', async () => {
      const messages = new Set();
      for (const options of [
        { credentials: { ...CALLER, secretAccessKey: 'guess' } },
        { credentials: { ...CALLER, accessKeyId: 'AKIANOBODY' } },
        { credentials: CALLER, systemClockOffset: -3600_000 },
        bearer('guess'),
      ]) {
        const stranger = connect(guarded, options);
        await assert.rejects(stranger.send(new ConverseCommand(asked)), (error) => {
          assert.ok(error instanceof bedrock.AccessDeniedException, error);
          assert.equal(error.$metadata.httpStatusCode, 403);
          messages.add(error.message);
          return true;
        });
        stranger.destroy();
      }
      assert.equal(messages.size, 2, 'one for signatures, one for tokens');
      assert.deepEqual(await emulator.chats(), []);
    });
  });
}

test('a request that was changed on its way is refused', async () => {
  const robot = guarded.bedrock({ credentials: CALLER, requestHandler: new NodeHttpHandler() });
  robot.middlewareStack.add((next) => async (args) => {
    args.request.body = args.request.body.replace('Hello', 'HELLO');
    return next(args);
  }, { step: 'finalizeRequest', priority: 'low' });
  await assert.rejects(
    robot.send(new ConverseCommand({ modelId: CLOUD, messages: ask('Hello') })),
    (error) => error instanceof bedrock.AccessDeniedException);
  robot.destroy();
});

test('a signed body over the limit, and one without end, are refused', async () => {
  const answer = await fetch(`${guarded.url}/model/x/converse`, {
    method: 'POST',
    headers: {
      authorization: 'AWS4-HMAC-SHA256 Credential=a/20250101/r/bedrock/aws4_request, '
        + `SignedHeaders=host, Signature=${'0'.repeat(64)}`,
      'content-type': 'application/json',
    },
    body: Buffer.alloc(33 * 1024 * 1024, 32),
  }).catch((error) => error);
  assert.ok(answer instanceof Error || answer.status === 413, answer.status);
});

describe('to Bedrock', () => {
  test('a request is signed so that AWS accepts it, and keeps its bytes', async () => {
    const command = {
      modelId: BEDROCK, messages: ask('hi'), inferenceConfig: { maxTokens: 50 },
      guardrailConfig: { guardrailIdentifier: 'g', guardrailVersion: '1' },
      additionalModelRequestFields: { anthropic_beta: ['x'] },
    };
    const answer = await client.send(new ConverseCommand(command));
    const [request] = upstream.requests;
    assert.ok(request.signed);
    assert.equal(request.path, '/model/eu.anthropic.claude-test%3A0/converse');
    const { modelId, ...body } = command;
    assert.deepEqual(request.body, body);
    assert.equal(request.headers['x-amz-security-token'], OURS.sessionToken);
    assert.equal(answer.output.message.content[0].text, 'whole: hi');
    assert.equal(answer.metrics.latencyMs, 4711, 'the answer\'s own');
    const decision = await gate.decision(client.last.headers['tidegate-decision']);
    const { usage } = decision.attempts[0];
    assert.deepEqual([usage.input_tokens, usage.cached_read_tokens, usage.output_tokens],
      [20, 5, 7]);
  });

  test('nothing that the caller signed or sent for AWS leaves', async () => {
    const robot = guarded.bedrock({ credentials: { ...CALLER, sessionToken: 'of the caller' } });
    await robot.send(new ConverseCommand({ modelId: BEDROCK, messages: ask('hi') }));
    await robot.send(new ConverseCommand({ modelId: CLOUD, messages: ask('hi') }));
    robot.destroy();
    const [{ headers, signed }] = upstream.requests;
    assert.ok(signed);
    assert.deepEqual(Object.keys(headers).sort(), ['accept', 'accept-encoding', 'authorization',
      'content-length', 'content-type', 'host', 'x-amz-date', 'x-amz-security-token']);
    assert.match(headers.authorization, new RegExp(`Credential=${OURS.accessKeyId}/`));
    assert.equal(headers['x-amz-security-token'], OURS.sessionToken);
  });

  test('a stream passes frame for frame', async () => {
    const streamed = await collect(await client.send(new ConverseStreamCommand({
      modelId: BEDROCK, messages: ask('hi'),
    })));
    assert.ok(upstream.requests[0].signed);
    assert.equal(upstream.requests[0].path, '/model/eu.anthropic.claude-test%3A0/converse-stream');
    assert.equal(streamed.content[0].text, 'stream: hi');
    assert.equal(streamed.metrics.latencyMs, 4711);
    assert.equal(streamed.usage.cacheReadInputTokens, 5);
  });

  test('an exception in a stream is one for the caller too', async () => {
    const { stream } = await client.send(new ConverseStreamCommand({
      modelId: BEDROCK, messages: ask('break'),
    }));
    let text = '';
    await assert.rejects((async () => {
      for await (const event of stream) {
        text += event.contentBlockDelta?.delta.text ?? '';
        if (text) upstream.breakStream();
      }
    })(), { name: 'ModelStreamErrorException', message: /it broke/ });
    assert.ok(text.startsWith('stream: '));
  });

  test('a stream that breaks before it says anything is an error answer', async () => {
    await assert.rejects(client.send(new ConverseStreamCommand({
      modelId: BEDROCK, messages: ask('break early'),
    })), (error) => {
      assert.ok(error instanceof bedrock.ModelErrorException, error);
      assert.equal(error.$metadata.httpStatusCode, 424);
      return true;
    });
  });

  test('the errors of Bedrock reach the caller as what they are', async () => {
    await assert.rejects(
      client.send(new ConverseCommand({ modelId: BEDROCK, messages: ask('throttle') })),
      (error) => error instanceof bedrock.ThrottlingException);
    await assert.rejects(
      client.send(new ConverseCommand({ modelId: BEDROCK, messages: ask('too long') })),
      (error) => error instanceof bedrock.ValidationException
        && /Input is too long/.test(error.message));
  });

  test('callers of other protocols reach it, streamed or not', async () => {
    const asked = { model: BEDROCK, messages: [{ role: 'user', content: 'hi' }] };
    const chat = gate.client();
    const whole = await chat.chat.completions.create(asked);
    assert.equal(whole.choices[0].message.content, 'whole: hi');
    assert.equal(whole.usage.prompt_tokens, 20);
    assert.equal(whole.usage.prompt_tokens_details.cached_tokens, 5);
    let text = '';
    for await (const chunk of await chat.chat.completions.create({ ...asked, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    assert.equal(text, 'stream: hi');
    const message = await gate.anthropic().messages.create({ ...asked, max_tokens: 9 });
    assert.equal(message.content[0].text, 'whole: hi');
    assert.ok(upstream.requests.every((request) => request.signed));
    assert.equal(upstream.requests.length, 3);
  });
});

test('the models are listed for the control plane\'s clients', async () => {
  const { modelSummaries } = await (await fetch(`${gate.url}/foundation-models`)).json();
  const ids = modelSummaries.map((model) => model.modelId);
  for (const id of ['auto', LOCAL, CLOUD, BEDROCK]) assert.ok(ids.includes(id), id);
});
