// Prompts that are longer than the window of this device's model: counted exactly, then refused in
// the caller's own shape, or answered by somebody whose window is wide enough; cut by nobody.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { CLOUD, Emulator, Gate, LOCAL } from './harness.mjs';

const WINDOW = 2048; // the starter model's
const WORD = 'sea '; // one token of the starter model
const FITS = 1500;
const NEAR = 2100; // beyond the window by a little: only counting tells
const FAR = 40_000; // and by so much that nobody needs to count

let emulator;
let gate;

before(async () => {
  emulator = await Emulator.start();
  gate = await Gate.start(emulator);
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});
beforeEach(() => emulator.reset());

async function post(path, body) {
  const response = await fetch(`${gate.url}${path}`, {
    method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

// How each protocol asks, says what was wrong, and counts.
const CALLERS = {
  'OpenAI chat': {
    ask: (model, content) => ['/v1/chat/completions', {
      model, max_tokens: 4, messages: [{ role: 'user', content }],
    }],
    error: ({ error }) => {
      assert.equal(error.type, 'invalid_request_error');
      assert.equal(error.code, 'context_length_exceeded');
      return error.message;
    },
    tokens: (body) => body.usage.prompt_tokens,
  },
  'OpenAI completions': {
    ask: (model, prompt) => ['/v1/completions', { model, max_tokens: 4, prompt }],
    error: ({ error }) => {
      assert.equal(error.code, 'context_length_exceeded');
      return error.message;
    },
    tokens: (body) => body.usage.prompt_tokens,
  },
  Responses: {
    ask: (model, input) => ['/v1/responses', {
      model, max_output_tokens: 16, store: false, input,
    }],
    error: ({ error }) => {
      assert.equal(error.code, 'context_length_exceeded');
      return error.message;
    },
    tokens: (body) => body.usage.input_tokens,
  },
  Messages: {
    ask: (model, content) => ['/v1/messages', {
      model, max_tokens: 4, messages: [{ role: 'user', content }],
    }],
    error: (body) => {
      assert.equal(body.type, 'error');
      assert.equal(body.error.type, 'invalid_request_error');
      assert.match(body.error.message, /^prompt is too long: /, 'as clients look for it');
      return body.error.message;
    },
    tokens: ({ usage }) => usage.input_tokens + usage.cache_read_input_tokens
      + usage.cache_creation_input_tokens,
  },
  Gemini: {
    ask: (model, text) => [`/v1beta/models/${encodeURIComponent(model)}:generateContent`, {
      generationConfig: { maxOutputTokens: 4 }, contents: [{ role: 'user', parts: [{ text }] }],
    }],
    error: ({ error }) => {
      assert.equal(error.code, 400);
      assert.equal(error.status, 'INVALID_ARGUMENT');
      return error.message;
    },
    tokens: (body) => body.usageMetadata.promptTokenCount,
  },
  'Ollama chat': {
    ask: (model, content) => ['/api/chat', {
      model, stream: false, options: { num_predict: 4 }, messages: [{ role: 'user', content }],
    }],
    error: (body) => {
      assert.equal(body.code, 'context_length_exceeded');
      return body.error;
    },
    tokens: (body) => body.prompt_eval_count,
  },
  'Ollama generate': {
    ask: (model, prompt) => ['/api/generate', {
      model, stream: false, options: { num_predict: 4 }, prompt,
    }],
    error: (body) => {
      assert.equal(body.code, 'context_length_exceeded');
      return body.error;
    },
    tokens: (body) => body.prompt_eval_count,
  },
  Cohere: {
    ask: (model, content) => ['/v2/chat', {
      model, max_tokens: 4, messages: [{ role: 'user', content }],
    }],
    error: (body) => {
      assert.match(body.message, /^too many tokens: /);
      return body.message;
    },
    tokens: (body) => body.usage.tokens.input_tokens,
  },
  Bedrock: {
    ask: (model, text) => [`/model/${encodeURIComponent(model)}/converse`, {
      inferenceConfig: { maxTokens: 4 }, messages: [{ role: 'user', content: [{ text }] }],
    }],
    error: (body) => {
      assert.match(body.message, /^Input is too long for requested model/);
      return body.message;
    },
    tokens: ({ usage }) => usage.inputTokens + (usage.cacheReadInputTokens ?? 0),
  },
};

for (const [protocol, caller] of Object.entries(CALLERS)) {
  describe(protocol, () => {
    const ask = (words, more = {}, model = LOCAL) => {
      const [path, body] = caller.ask(model, WORD.repeat(words));
      return post(path, { ...body, ...more });
    };

    test('what fits is read whole', async () => {
      const answer = await ask(FITS);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      const tokens = caller.tokens(answer.body);
      assert.ok(tokens >= FITS && tokens < FITS + 50, `${tokens}`);
    });

    test('what is a little too long is counted and refused with both numbers', async () => {
      const answer = await ask(NEAR);
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      const message = caller.error(answer.body);
      const [, tokens] = /\((\d+) tokens\)/.exec(message);
      assert.ok(Number(tokens) >= NEAR && Number(tokens) < NEAR + 50, message);
      assert.match(message, new RegExp(`\\(${WINDOW} tokens\\)`));
      assert.deepEqual(await emulator.chats(), [], 'and nobody else was asked');
    });

    test('what is far too long is refused at once', async () => {
      const answer = await ask(FAR);
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      const message = caller.error(answer.body);
      assert.match(message, new RegExp(`its window is ${WINDOW} tokens`));
      assert.match(message, /takes about \d{5}/);
      const [decision] = await gate.decisions(1);
      assert.deepEqual(decision.attempts, [], 'no engine was asked');
    });

    test('either goes to a wider window where the caller lets it', async () => {
      for (const words of [NEAR, FAR]) {
        await emulator.reset();
        const answer = await ask(words, { tidegate: { fallback: 'any' } });
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        assert.match(answer.headers.get('tidegate-model'), /^cloud\//);
        assert.ok(caller.tokens(answer.body) >= words, 'whole');
        const [chat] = await emulator.chats();
        assert.ok(chat.body.includes(WORD.repeat(words)), 'what left is what came');
      }
    });

    test('unless it must not leave the device', async () => {
      const answer = await ask(NEAR, { tidegate: { fallback: 'any', privacy: 'local' } });
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      caller.error(answer.body);
      assert.deepEqual(await emulator.chats(), []);
    });
  });
}

describe('who asks for a conversation to be shortened', () => {
  const TURN = WORD.repeat(300);
  // More than the window holds, oldest first: "turn 0", an answer, "turn 1", …
  const turns = (count, text = TURN) => Array.from({ length: count }, (_, i) => [
    { role: 'user', content: `turn ${i} ${text}` }, { role: 'assistant', content: `said ${i}` },
  ]).flat();
  const system = { role: 'system', content: 'Be brief.' };
  const last = { role: 'user', content: 'the last' };
  const chat = (messages, more) => post('/api/chat', {
    model: LOCAL, stream: false, options: { num_predict: 4 }, messages, ...more,
  });
  const count = async (messages) => (await chat(messages)).body.prompt_eval_count;

  test('has its oldest messages left out in Ollama\'s words, as few as have to go', async () => {
    const messages = [system, ...turns(8), last];
    const refused = await chat(messages);
    assert.equal(refused.status, 400);
    assert.match(refused.body.error, /"truncate": true/, 'which says how to ask');
    const answer = await chat(messages, { truncate: true });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const dropped = Number(answer.headers.get('tidegate-dropped-messages'));
    assert.ok(dropped > 0 && dropped % 2 === 0, `${dropped}: turns go whole`);
    const left = [system, ...turns(8).slice(dropped), last];
    assert.equal(answer.body.prompt_eval_count, await count(left));
    const one_more = [system, ...turns(8).slice(dropped - 2), last];
    const tokens = await count(one_more);
    assert.ok(tokens === undefined || tokens > WINDOW - 4, `${tokens} would have fitted`);
    const decision = await gate.decision(answer.headers.get('tidegate-decision'));
    assert.equal(decision.attempts.at(-1).dropped_messages, dropped);
    assert.deepEqual(await emulator.chats(), [], 'and nobody else was asked');
  });

  test('however long it is', async () => {
    const answer = await chat([...turns(40, WORD.repeat(1000)), last], { truncate: true });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.ok(answer.body.prompt_eval_count < WINDOW);
  });

  test('in those of Responses, where a call and its result stay together', async () => {
    const call = (id) => [
      { role: 'user', content: `look up ${id} ${TURN}` },
      { type: 'function_call', call_id: id, name: 'find', arguments: '{}' },
      { type: 'function_call_output', call_id: id, output: TURN },
    ];
    const input = [...call('a'), ...call('b'), ...call('c'), ...call('d'), last];
    const ask = { model: LOCAL, input, max_output_tokens: 16, store: false };
    const refused = await post('/v1/responses', ask);
    assert.equal(refused.status, 400);
    assert.match(refused.body.error.message, /"truncation": "auto"/);
    const answer = await post('/v1/responses', { ...ask, truncation: 'auto' });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal(answer.body.truncation, 'auto');
    assert.equal(Number(answer.headers.get('tidegate-dropped-messages')) % 3, 0);
    assert.ok(answer.body.usage.input_tokens < WINDOW);
    const response = await fetch(`${gate.url}/v1/responses`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...ask, truncation: 'auto', stream: true }),
    });
    assert.match(await response.text(), /response\.(completed|incomplete)/);
  });

  test('and of a conversation that fits nothing goes', async () => {
    const answer = await chat([system, ...turns(2), last], { truncate: true });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('tidegate-dropped-messages'), null);
  });

  test('but what was said last stays, and so do the instructions: they are refused', async () => {
    const content = WORD.repeat(NEAR);
    for (const messages of [
      [{ role: 'user', content }],
      [{ role: 'system', content }, ...turns(1), last],
      [...turns(3), { role: 'user', content }]]) {
      const answer = await chat(messages, { truncate: true, shift: true });
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      assert.equal(answer.body.code, 'context_length_exceeded');
    }
    const generated = await post('/api/generate', {
      model: LOCAL, stream: false, prompt: content, truncate: true,
    });
    assert.equal(generated.status, 400);
    assert.match(generated.body.error, /nothing older/);
  });

  test('and who forbids it has nothing left out', async () => {
    for (const words of [{ truncate: false }, { options: { num_ctx: 512, num_keep: 5 } }]) {
      const answer = await chat([...turns(8), last], words);
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      assert.equal(answer.body.code, 'context_length_exceeded');
    }
  });
});

test('an answer that reaches the end of the window ends with "length", and is not a sliding one',
  async () => {
    const answer = await post('/v1/chat/completions', {
      model: LOCAL, messages: [{ role: 'user', content: WORD.repeat(WINDOW - 60) }],
      // Without an end of its own, so that only the window ends it.
      logit_bias: { 0: -100, 2: -100 },
    });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal(answer.body.choices[0].finish_reason, 'length');
    assert.ok(answer.body.usage.total_tokens <= WINDOW, JSON.stringify(answer.body.usage));
    assert.ok(answer.body.usage.prompt_tokens >= WINDOW - 60, 'all of the prompt was read');
  });

test('a count says what an answer would be refused for', async () => {
  const { body } = await post('/v1/messages/count_tokens', {
    model: LOCAL, messages: [{ role: 'user', content: WORD.repeat(NEAR) }],
  });
  assert.ok(body.input_tokens >= NEAR && body.input_tokens < NEAR + 50, JSON.stringify(body));
  const narrow = await post('/v1/chat/completions', {
    model: 'auto', max_tokens: 4, messages: [{ role: 'user', content: WORD.repeat(FAR) }],
    tidegate: { prefer: 'cost' },
  });
  assert.equal(narrow.status, 200);
  assert.notEqual(narrow.headers.get('tidegate-model'), LOCAL, 'auto takes who can');
  assert.ok([CLOUD, 'cloud/paced'].includes(narrow.headers.get('tidegate-model')));
});
