// Errors as the official OpenAI SDK sees them: the class a program would catch, the field at fault,
// and a sentence that says what to do.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';

import { CLOUD, Emulator, Gate, LOCAL, OpenAI, PACED } from './harness.mjs';

const KEY = 'tg-a-key-for-the-tests';
let emulator;
let gate;
let client;

before(async () => {
  emulator = await Emulator.start();
  const sha256 = createHash('sha256').update(KEY).digest('hex');
  gate = await Gate.start(emulator, `
[keys.tester]
sha256 = "${sha256}"
admin = true
`);
  client = gate.client({ apiKey: KEY });
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});
beforeEach(() => emulator.reset());

const chat = (fields) => client.chat.completions.create({
  model: CLOUD, messages: [{ role: 'user', content: 'Say hello.' }], ...fields,
});

function isError(kind, expected) {
  return (error) => {
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    for (const [name, value] of Object.entries(expected)) {
      if (value instanceof RegExp) assert.match(error[name], value);
      else assert.equal(error[name], value, `${name}: ${error.message}`);
    }
    return true;
  };
}

const BAD_REQUESTS = [
  [{ temperature: 3 }, 'temperature', /0 to 2/],
  [{ temperature: 'hot' }, 'temperature', /number/],
  [{ messages: [] }, 'messages', /./],
  [{ messages: [{ role: 'wizard', content: 'x' }] }, 'messages[0].role', /user/],
  [{ messages: [{ role: 'user', content: 7 }] }, 'messages[0].content', /string/],
  [{ model: '' }, 'model', /empty/],
  [{ stream_options: { include_usage: true } }, 'stream_options', /stream/],
  [{ max_tokens: 0 }, 'max_tokens', /1/],
  [{ top_logprobs: 3 }, 'top_logprobs', /logprobs/],
  [{ tidegate: { privacy: 'secret' } }, 'tidegate.privacy', /open, masked, attested, local/],
  [{ tidegate: { privcy: 'local' } }, 'tidegate.privcy', /privacy/],
];
for (const [fields, param, message] of BAD_REQUESTS) {
  test(`${JSON.stringify(fields)} is a bad request that names ${param}`, async () => {
    await assert.rejects(chat(fields), isError(OpenAI.BadRequestError, {
      status: 400, param, message, type: 'invalid_request_error',
    }));
    assert.deepEqual(await emulator.chats(), []);
  });
}

test('an unknown key is an authentication error', async () => {
  for (const apiKey of ['tg-somebody-else', `${KEY}x`, KEY.slice(1)]) {
    await assert.rejects(
      gate.client({ apiKey }).chat.completions
        .create({ model: LOCAL, messages: [{ role: 'user', content: 'hi' }] }),
      isError(OpenAI.AuthenticationError, { status: 401, type: 'authentication_error' }));
  }
});

test('a model that nobody has is not found, with the nearest name', async () => {
  await assert.rejects(chat({ model: 'cloud/swfit' }), isError(OpenAI.NotFoundError, {
    status: 404, code: 'model_not_found', param: 'model', message: /cloud\/swift/,
  }));
  await assert.rejects(client.models.retrieve('no/such'), isError(OpenAI.NotFoundError, {
    status: 404, code: 'model_not_found',
  }));
});

test('a route that is not there is not found', async () => {
  await assert.rejects(client.moderations.create({ input: 'x' }),
    isError(OpenAI.NotFoundError, { status: 404, code: 'unknown_route' }));
});

test('a rate limit of the cloud comes with its retry-after', async () => {
  await emulator.faults('status=429,retry_after=7');
  await assert.rejects(chat({}), (error) => {
    isError(OpenAI.RateLimitError, { status: 429, type: 'rate_limit_error' })(error);
    assert.equal(error.headers.get('retry-after'), '7');
    return true;
  });
});

test('a failure of the cloud is a server error that names the model', async () => {
  await emulator.faults('status=500');
  await assert.rejects(chat({}), isError(OpenAI.InternalServerError, { message: /cloud\/swift/ }));
});

test('an answer that is no JSON is a server error', async () => {
  await emulator.faults('malformed_json');
  await assert.rejects(chat({}), isError(OpenAI.InternalServerError, { status: 502 }));
});

test('a bad request that only the cloud can see keeps its status', async () => {
  await assert.rejects(chat({ max_tokens: 100_000 }),
    (error) => error instanceof OpenAI.APIError && error.status >= 400 && error.status < 500);
});

test('a prompt beyond the window says so in the way programs look for', async () => {
  await assert.rejects(
    chat({ model: LOCAL, messages: [{ role: 'user', content: 'word '.repeat(20_000) }] }),
    isError(OpenAI.BadRequestError, { status: 400, code: 'context_length_exceeded' }));
});

test('a prompt near the window is counted exactly, and goes where it fits if it may', async () => {
  const messages = [{ role: 'user', content: 'word '.repeat(2300) }];
  const near = { model: LOCAL, max_tokens: 4, messages };
  await assert.rejects(chat(near), isError(OpenAI.BadRequestError, {
    code: 'context_length_exceeded', message: /2311 tokens.*2048 tokens/,
  }));
  const answer = await chat({ ...near, tidegate: { fallback: 'any' } }).withResponse();
  assert.equal(answer.response.headers.get('tidegate-place'), 'cloud');
});

test('an error in the middle of a stream is thrown, and nothing looks complete', async () => {
  for (const fault of ['error_after=5', 'cut_after=5', 'malformed_json,tokens=20']) {
    await emulator.reset();
    await emulator.faults(fault);
    const finishes = [];
    await assert.rejects(async () => {
      for await (const chunk of await chat({ model: PACED, stream: true })) {
        finishes.push(chunk.choices[0]?.finish_reason);
      }
    }, OpenAI.APIError, fault);
    assert.ok(finishes.length > 0, fault);
    assert.ok(finishes.every((reason) => !reason), fault);
  }
});

test('a deadline that has passed is an error of its own', async () => {
  await assert.rejects(chat({ model: PACED, tidegate: { deadline_ms: 60 } }),
    (error) => error instanceof OpenAI.APIError && [503, 504].includes(error.status));
});
