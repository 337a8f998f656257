// Models that see, hear, embed and rank, run by the real engine, asked in every protocol. What they
// say is noise, for their weights are; what is checked is what can be true: that they are offered
// for what they can do and for nothing else, what an image costs, and that a bad one hurts nobody.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { MEAN, RANK, writeFillIn, writePooled } from './gguf.mjs';
import { BINARIES, Emulator, Gate, LOCAL, STARTER } from './harness.mjs';
import { jpeg, png, wav } from './media.mjs';
import { PATCH, STACKED, writeAudioProjector, writeVisionProjector } from './projectors.mjs';
import { digestOf } from './registry.mjs';

const WINDOW = 2048; // the starter model's
const SEER = 'local/seer';
const HEARER = 'local/hearer';
const NEAR = 1e-3; // batches of other sizes are added up in another order
const QUESTION = 'What is this?';
const SOUND_TOKENS = 1500 / STACKED; // of 30 s or less
const PNG = png(4 * PATCH, 4 * PATCH);
const WAV = wav(1);
// The starter model has no tokens for it, so others of its own stand in: three that a prompt can be
// written with.
const FILL_IN = { prefix: 1, suffix: 2, middle: 3 };
// Whole pictures of a pixel or two.
const PIXELS = {
  gif: Buffer.from('R0lGODdhAQABAIAAAP///////ywAAAAAAQABAAACAkQBADs=', 'base64'),
  bmp: Buffer.from('Qk06AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgAAAAAAAQAAAATCwAAEwsAAAAAAAAAAAAA'
    + '////AA==', 'base64'),
  // llama-server does not know the format.
  webp: Buffer.from('UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==', 'base64'),
};

let emulator;
let gate;

before(async () => {
  emulator = await Emulator.start();
  const folder = join(emulator.home.path, 'models');
  mkdirSync(folder);
  for (const [name, write] of [['seer', writeVisionProjector], ['hearer', writeAudioProjector]]) {
    copyFileSync(STARTER, join(folder, `${name}.gguf`));
    write(join(folder, `mmproj-${name}.gguf`));
  }
  writePooled(STARTER, join(folder, 'vectors.gguf'), MEAN);
  writePooled(STARTER, join(folder, 'ranker.gguf'), RANK);
  writeFillIn(STARTER, join(folder, 'coder.gguf'), FILL_IN);
  gate = await Gate.start(emulator, '', '127.0.0.1:0', {}, [], { folders: [folder] });
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});

const base64 = (bytes) => bytes.toString('base64');
const dataUrl = (bytes, type) => `data:${type};base64,${base64(bytes)}`;
const typeOf = (bytes) => (bytes[0] === 0x89 ? 'image/png' : 'image/jpeg');

async function post(path, body) {
  const response = await fetch(`${gate.url}${path}`, {
    method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

// How each protocol asks about a picture (or asks alone, without one), and where its answers say
// how many tokens the prompt had and what was wrong.
const CALLERS = {
  'OpenAI chat': {
    image: (model, bytes) => ['/v1/chat/completions', {
      model, max_tokens: 4,
      messages: [{
        role: 'user',
        content: [{ type: 'text', text: QUESTION }, ...(bytes
          ? [{ type: 'image_url', image_url: { url: dataUrl(bytes, typeOf(bytes)) } }] : [])],
      }],
    }],
    tokens: (body) => body.usage.prompt_tokens,
    error: (body) => [body.error.message, body.error.param],
    field: 'messages[0].content[1].image_url.url',
  },
  Messages: {
    image: (model, bytes) => ['/v1/messages', {
      model, max_tokens: 4,
      messages: [{
        role: 'user',
        content: [{ type: 'text', text: QUESTION }, ...(bytes ? [{
          type: 'image',
          source: { type: 'base64', media_type: typeOf(bytes), data: base64(bytes) },
        }] : [])],
      }],
    }],
    tokens: ({ usage }) => usage.input_tokens + usage.cache_read_input_tokens,
    error: (body) => [body.error.message],
    field: 'messages[0].content[1].source.data',
  },
  Responses: {
    image: (model, bytes) => ['/v1/responses', {
      model, max_output_tokens: 16, store: false,
      input: [{
        role: 'user',
        content: [{ type: 'input_text', text: QUESTION }, ...(bytes
          ? [{ type: 'input_image', image_url: dataUrl(bytes, typeOf(bytes)) }] : [])],
      }],
    }],
    tokens: (body) => body.usage.input_tokens,
    error: (body) => [body.error.message, body.error.param],
    field: 'input[0].content[1].image_url',
  },
  Gemini: {
    image: (model, bytes) => [`/v1beta/models/${encodeURIComponent(model)}:generateContent`, {
      generationConfig: { maxOutputTokens: 4 },
      contents: [{
        role: 'user',
        parts: [{ text: QUESTION }, ...(bytes
          ? [{ inlineData: { mimeType: typeOf(bytes), data: base64(bytes) } }] : [])],
      }],
    }],
    tokens: (body) => body.usageMetadata.promptTokenCount,
    error: (body) => [body.error.message],
    field: 'contents[0].parts[1].inlineData.data',
  },
  'Ollama chat': {
    image: (model, bytes) => ['/api/chat', {
      model, stream: false, options: { num_predict: 4 },
      messages: [{ role: 'user', content: QUESTION, ...(bytes && { images: [base64(bytes)] }) }],
    }],
    tokens: (body) => body.prompt_eval_count,
    error: (body) => [body.error, body.param],
    field: 'messages[0].images[0]',
  },
  'Ollama generate': {
    image: (model, bytes) => ['/api/generate', {
      model, stream: false, options: { num_predict: 4 }, prompt: QUESTION,
      ...(bytes && { images: [base64(bytes)] }),
    }],
    tokens: (body) => body.prompt_eval_count,
    error: (body) => [body.error, body.param],
    field: 'images[0]',
  },
  'Cohere chat': {
    image: (model, bytes) => ['/v2/chat', {
      model, max_tokens: 4,
      messages: [{
        role: 'user',
        content: [{ type: 'text', text: QUESTION }, ...(bytes
          ? [{ type: 'image_url', image_url: { url: dataUrl(bytes, typeOf(bytes)) } }] : [])],
      }],
    }],
    tokens: (body) => body.usage.tokens.input_tokens,
    error: (body) => [body.message, body.param],
    field: 'messages[0].content[1].image_url.url',
  },
  'Bedrock Converse': {
    image: (model, bytes) => [`/model/${encodeURIComponent(model)}/converse`, {
      inferenceConfig: { maxTokens: 4 },
      messages: [{
        role: 'user',
        content: [{ text: QUESTION }, ...(bytes ? [{
          image: { format: typeOf(bytes).slice(6), source: { bytes: base64(bytes) } },
        }] : [])],
      }],
    }],
    tokens: ({ usage }) => usage.inputTokens + (usage.cacheReadInputTokens ?? 0),
    error: (body) => [body.message],
    field: 'messages[0].content[1].image.source.bytes',
  },
};

// Rows of patches, and a token between two rows.
const imageTokens = (columns, rows) => columns * rows + rows - 1;

async function tokensOf(caller, model, bytes) {
  const answer = await post(...caller.image(model, bytes));
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.equal(answer.headers.get('tidegate-model'), model);
  assert.equal(answer.headers.get('tidegate-egress'), 'none');
  return caller.tokens(answer.body);
}

async function pidOf(name) {
  const { models } = await (await fetch(`${gate.url}/tidegate/ps`)).json();
  return models.find((model) => model.model === name).pid;
}

test('each kind of model is listed with what it can do', async () => {
  const listed = await (await fetch(`${gate.url}/api/tags`)).json();
  const names = (name) => [`${name}:latest`, `${name.replace('local/', '')}:latest`];
  const canOf = (name) => listed.models.find((model) => names(name).includes(model.name))
    .capabilities;
  assert.deepEqual(canOf(LOCAL), ['completion', 'tools']);
  assert.deepEqual(canOf(SEER), ['completion', 'tools', 'vision']);
  assert.deepEqual(canOf(HEARER), ['completion', 'tools', 'audio']);
  assert.deepEqual(canOf('local/vectors'), ['embedding']);
  const { data } = await (await fetch(`${gate.url}/v1/models`)).json();
  const facts = (name) => data.find((model) => model.id === name).tidegate.capabilities;
  assert.ok(facts(SEER).includes('vision') && !facts(SEER).includes('audio'));
  assert.ok(facts(HEARER).includes('audio') && !facts(HEARER).includes('vision'));
  assert.ok(facts('local/vectors').includes('embeddings'));
  assert.ok(facts('local/ranker').includes('rerank'));
  const { body: shown } = await post('/api/show', { model: SEER });
  assert.deepEqual(shown.capabilities, ['completion', 'tools', 'vision']);
  assert.equal(shown.projector_info['clip.projector_type'], 'pixtral');
  assert.equal(shown.projector_info['clip.vision.patch_size'], PATCH);
});

describe('a model that sees', () => {
  for (const [protocol, caller] of Object.entries(CALLERS)) {
    test(`is shown pictures in ${protocol}, and each costs what its patches do`, async () => {
      const alone = await tokensOf(caller, SEER);
      const square = await tokensOf(caller, SEER, PNG);
      const tall = await tokensOf(caller, SEER, png(4 * PATCH, 8 * PATCH));
      assert.ok(square >= alone + imageTokens(4, 4), `${square} of ${alone}`);
      assert.equal(tall - square, imageTokens(4, 8) - imageTokens(4, 4));
      const grey = await tokensOf(caller, SEER, jpeg(4 * PATCH, 4 * PATCH));
      assert.equal(grey, square, 'a JPEG of that size');
    });

    test(`refuses a damaged picture in ${protocol}, and answers the next one`, async () => {
      const before = await pidOf('seer');
      const answer = await post(...caller.image(SEER, PNG.subarray(0, 60)));
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      assert.match(caller.error(answer.body)[0], /Failed to load image/);
      await tokensOf(caller, SEER, PNG);
      assert.equal(await pidOf('seer'), before, 'the same process');
    });

    test(`is what a picture needs in ${protocol}: another model is refused with the field`,
      async () => {
        const answer = await post(...caller.image(LOCAL, PNG));
        assert.equal(answer.status, 400, JSON.stringify(answer.body));
        const [message, param] = caller.error(answer.body);
        assert.match(message, /local\/tidegate-starter: it lacks: vision/);
        assert.equal(param ?? caller.field, caller.field);
        assert.ok(param || message.includes(caller.field), message);
      });
  }

  test('takes a large picture for one of bounded size, and no bomb', async () => {
    const caller = CALLERS['OpenAI chat'];
    const alone = await tokensOf(caller, SEER);
    const large = await tokensOf(caller, SEER, png(4000, 4000));
    assert.ok(large - alone <= 1024 + 32 + 16, `${large - alone} tokens`);
    const before = await pidOf('seer');
    const bomb = await post(...caller.image(SEER, png(30_000, 30_000, 9)));
    assert.equal(bomb.status, 400, JSON.stringify(bomb.body));
    assert.equal(await pidOf('seer'), before);
  });

  test('is shown several pictures, counted by the engine and not by a guess', async () => {
    // A guess of 800 tokens each would be far beyond the window.
    const [path, body] = CALLERS['OpenAI chat'].image(SEER, PNG);
    const [text, image] = body.messages[0].content;
    body.messages[0].content = [text, ...Array(8).fill(image)];
    const answer = await post(path, body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.ok(answer.body.usage.prompt_tokens > 8 * imageTokens(4, 4));
    body.messages[0].content = [text, ...Array(120).fill(image)];
    const refused = await post(path, body);
    assert.equal(refused.status, 400);
    assert.equal(refused.body.error.code, 'context_length_exceeded');
    assert.match(refused.body.error.message, new RegExp(`\\(\\d{4} tokens\\).*${WINDOW} tokens`));
  });

  test('reads the formats that are promised, and says so of others in the caller\'s shape',
    async () => {
      for (const [name, bytes] of Object.entries(PIXELS)) {
        const answer = await post(...CALLERS['Ollama chat'].image(SEER, bytes));
        if (name !== 'webp') {
          assert.equal(answer.status, 200, `${name}: ${JSON.stringify(answer.body)}`);
          continue;
        }
        assert.equal(answer.status, 400);
        assert.match(answer.body.error, /cannot read a picture.*format unknown there/);
      }
    });

  test('streams', async () => {
    const [path, body] = CALLERS['OpenAI chat'].image(SEER, PNG);
    const response = await fetch(`${gate.url}${path}`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    });
    const frames = (await response.text()).split('\n\n')
      .filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));
    assert.ok(frames.some((frame) => frame.choices[0]?.delta.content));
    assert.ok(frames.at(-1).usage.prompt_tokens > imageTokens(4, 4));
  });

  test('is chosen where none is named, and by `tidegate run` with a path', async () => {
    const answer = await post(...CALLERS['OpenAI chat'].image('auto', PNG));
    assert.equal(answer.headers.get('tidegate-model'), SEER);
    const picture = join(emulator.home.path, 'x.png');
    writeFileSync(picture, PNG);
    for (const [model, code, said] of [
      [SEER, 0, /\S/], [LOCAL, undefined, /it lacks: vision/]]) {
      const run = await tidegate(['run', model, 'what is in ./x.png']);
      if (code === 0) assert.equal(run.code, 0, run.output);
      else assert.notEqual(run.code, 0, run.output);
      assert.match(run.output, /x\.png/);
      assert.match(run.output, said);
    }
    const [decision] = await gate.decisions(2).then((all) => all.filter((one) => one.attempts[0]));
    assert.ok(decision.attempts[0].usage.input_tokens > imageTokens(4, 4));
  });

  test('is made of two files that were sent, and pulled apart by no name', async () => {
    const files = {};
    for (const name of ['seer.gguf', 'mmproj-seer.gguf']) {
      const bytes = readFileSync(join(emulator.home.path, 'models', name));
      files[name] = digestOf(bytes);
      const sent = await fetch(`${gate.url}/api/blobs/${files[name]}`, {
        method: 'POST', body: bytes,
      });
      assert.equal(sent.status, 201, await sent.text());
    }
    const made = await post('/api/create', { model: 'eyes', files, stream: false });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    const { body: shown } = await post('/api/show', { model: 'eyes' });
    assert.ok(shown.capabilities.includes('vision'));
    const answer = await post(...CALLERS['Ollama chat'].image('eyes', PNG));
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.ok(answer.body.prompt_eval_count > imageTokens(4, 4));
  });
});

describe('a model that fills in', () => {
  const CODER = 'local/coder';
  const options = { num_predict: 6, temperature: 0 };
  const PREFIX = 'def add(a, b):';
  const SUFFIX = '    return c';

  test('is listed as one, and no other is', async () => {
    const { models } = await (await fetch(`${gate.url}/api/tags`)).json();
    const canOf = (name) => models.find((model) => model.name === `${name}:latest`).capabilities;
    assert.deepEqual(canOf('coder'), ['completion', 'tools', 'insert']);
    assert.ok(!canOf('seer').includes('insert'));
    const { body } = await post('/api/show', { model: 'coder' });
    assert.ok(body.capabilities.includes('insert'));
  });

  test('reads the prompt, its tokens, and what follows, in either protocol', async () => {
    const ollama = await post('/api/generate', {
      model: CODER, prompt: PREFIX, suffix: SUFFIX, stream: false, options,
    });
    assert.equal(ollama.status, 200, JSON.stringify(ollama.body));
    const openai = await post('/v1/completions', {
      model: CODER, prompt: PREFIX, suffix: SUFFIX, max_tokens: 6, temperature: 0,
    });
    assert.equal(openai.status, 200, JSON.stringify(openai.body));
    assert.equal(openai.body.choices[0].text, ollama.body.response);
    assert.equal(openai.body.usage.prompt_tokens, ollama.body.prompt_eval_count);
    // Each of the texts alone, and the three tokens.
    const count = async (prompt) => (await post('/api/generate', {
      model: CODER, prompt, raw: true, stream: false, options: { num_predict: 1 },
    })).body.prompt_eval_count;
    assert.equal(ollama.body.prompt_eval_count, await count(PREFIX) + await count(SUFFIX) + 3);
    assert.equal(ollama.headers.get('tidegate-egress'), 'none');
  });

  test('streams what it writes', async () => {
    const response = await fetch(`${gate.url}/api/generate`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: CODER, prompt: PREFIX, suffix: SUFFIX, options }),
    });
    const lines = (await response.text()).trim().split('\n').map((line) => JSON.parse(line));
    assert.ok(lines.at(-1).done && lines.at(-1).eval_count > 0, JSON.stringify(lines.at(-1)));
    assert.ok(lines.slice(0, -1).every((line) => typeof line.response === 'string'));
  });

  test('is what a suffix needs: another model is refused with the field', async () => {
    for (const [path, body] of [
      ['/api/generate', { model: LOCAL, prompt: PREFIX, suffix: SUFFIX, stream: false }],
      ['/v1/completions', { model: LOCAL, prompt: PREFIX, suffix: SUFFIX }]]) {
      const answer = await post(path, body);
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      const { error } = answer.body;
      assert.match(error.message ?? error, /local\/tidegate-starter: it lacks: insert/);
      assert.equal(error.param ?? answer.body.param, 'suffix');
    }
  });
});

describe('a prompt as it stands', () => {
  const ask = (body) => post('/api/generate', { stream: false, ...body });
  const options = { num_predict: 8, temperature: 0 };

  test('has no template around it', async () => {
    const template = (text) => `<|im_start|>user\n${text}<|im_end|>\n<|im_start|>assistant\n`;
    const chat = await ask({ model: LOCAL, prompt: QUESTION, options });
    const raw = await ask({ model: LOCAL, prompt: QUESTION, raw: true, options });
    assert.equal(raw.status, 200, JSON.stringify(raw.body));
    assert.ok(raw.body.prompt_eval_count < chat.body.prompt_eval_count);
    const by_hand = await ask({ model: LOCAL, prompt: template(QUESTION), raw: true, options });
    assert.equal(by_hand.body.response, chat.body.response);
    assert.equal(by_hand.body.prompt_eval_count, chat.body.prompt_eval_count);
    const completions = await post('/v1/completions', {
      model: LOCAL, prompt: QUESTION, max_tokens: 8, temperature: 0,
    });
    assert.equal(completions.body.choices[0].text, raw.body.response);
  });

  test('is answered in a given form, and told of like any other', async () => {
    const answer = await ask({
      model: LOCAL, prompt: 'JSON:', raw: true, options: { num_predict: 40, temperature: 0 },
      format: { type: 'object', properties: { a: { enum: [1] } }, required: ['a'] },
    });
    assert.deepEqual(JSON.parse(answer.body.response), { a: 1 });
    const decision = await gate.decision(answer.headers.get('tidegate-decision'));
    assert.equal(decision.attempts[0].outcome, 'ok');
    assert.equal(decision.attempts[0].usage.input_tokens, answer.body.prompt_eval_count);
  });

  test('has no place for what a conversation has', async () => {
    for (const [field, value] of [
      ['system', 'Be brief.'], ['template', '{{ .Prompt }}'], ['context', [1]],
      ['suffix', 'x']]) {
      const answer = await ask({ model: LOCAL, prompt: 'x', raw: true, [field]: value });
      assert.equal(answer.status, 400, field);
      assert.equal(answer.body.param, field);
    }
    const answer = await ask({ model: LOCAL, prompt: 'x', context: [1] });
    assert.equal(answer.status, 400, 'tokens are for the Ollama that made them');
    assert.equal(answer.body.param, 'context');
  });

  test('is what a template of the request makes of it, with the words of a Modelfile', async () => {
    const template = '{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}'
      + '<|im_start|>user\n{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n';
    const chat = await ask({ model: LOCAL, prompt: QUESTION, system: 'Be brief.', options });
    const same = await ask({
      model: LOCAL, prompt: QUESTION, system: 'Be brief.', template, options,
    });
    assert.equal(same.status, 200, JSON.stringify(same.body));
    assert.equal(same.body.response, chat.body.response);
    assert.equal(same.body.prompt_eval_count, chat.body.prompt_eval_count);
    const decision = await gate.decision(same.headers.get('tidegate-decision'));
    assert.equal(decision.attempts[0].outcome, 'ok');
    const next = await ask({
      model: LOCAL, prompt: 'And then?', context: same.body.context, template: '{{ .Prompt }}|',
      options,
    });
    const by_hand = await ask({
      model: LOCAL, prompt: `${QUESTION}|${same.body.response}And then?|`, raw: true, options,
    });
    assert.equal(next.body.prompt_eval_count, by_hand.body.prompt_eval_count);
    const made = await post('/api/create', {
      model: 'sailor', from: LOCAL, system: 'Be brief.', stream: false,
    });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    const of_maker = await ask({ model: 'sailor', prompt: QUESTION, template, options });
    assert.equal(of_maker.body.response, chat.body.response);
    for (const [fields, param] of [[{ template: '{{ .Prompt' }, 'template'],
      [{ template: '{{ .Weather }}' }, 'template'],
      [{ template: '{{ .Messages }}' }, 'template']]) {
      const refused = await ask({ model: LOCAL, prompt: 'x', ...fields });
      assert.equal(refused.status, 400, JSON.stringify(refused.body));
      assert.equal(refused.body.param, param);
    }
  });

  test('is continued with what a Modelfile says of it, and without its words', async () => {
    const made = await post('/api/create', {
      model: 'terse', from: LOCAL, system: 'Speak of the sea.', parameters: { num_predict: 3 },
      stream: false,
    });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    const plain = await ask({ model: LOCAL, prompt: QUESTION, raw: true, options });
    for (const [path, body, count] of [
      ['/api/generate', { prompt: QUESTION, raw: true, stream: false },
        (answer) => [answer.prompt_eval_count, answer.eval_count]],
      ['/v1/completions', { prompt: QUESTION },
        ({ usage }) => [usage.prompt_tokens, usage.completion_tokens]]]) {
      const answer = await post(path, { model: 'terse', ...body });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      const [read, written] = count(answer.body);
      assert.equal(read, plain.body.prompt_eval_count, path);
      assert.ok(written <= 3, `${path}: ${written}`);
    }
  });
});

describe('a model that hears', () => {
  const HEARING = {
    'OpenAI chat': (model, bytes) => ['/v1/chat/completions', {
      model, max_tokens: 4,
      messages: [{
        role: 'user',
        content: [{ type: 'text', text: QUESTION },
          { type: 'input_audio', input_audio: { data: base64(bytes), format: 'wav' } }],
      }],
    }],
    Gemini: (model, bytes) => [`/v1beta/models/${encodeURIComponent(model)}:generateContent`, {
      generationConfig: { maxOutputTokens: 4 },
      contents: [{
        role: 'user',
        parts: [{ text: QUESTION },
          { inlineData: { mimeType: 'audio/wav', data: base64(bytes) } }],
      }],
    }],
    'Ollama chat': (model, bytes) => ['/api/chat', {
      model, stream: false, options: { num_predict: 4 },
      messages: [{ role: 'user', content: QUESTION, images: [base64(bytes)] }],
    }],
  };
  const FIELDS = {
    'OpenAI chat': 'messages[0].content[1].input_audio.data',
    Gemini: 'contents[0].parts[1].inlineData.data',
    'Ollama chat': 'messages[0].images[0]',
  };
  for (const [protocol, ask] of Object.entries(HEARING)) {
    const caller = CALLERS[protocol];
    test(`is given sounds in ${protocol}`, async () => {
      const alone = await tokensOf(caller, HEARER);
      const answer = await post(...ask(HEARER, WAV));
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      const heard = caller.tokens(answer.body) - alone;
      assert.ok(heard >= SOUND_TOKENS && heard < SOUND_TOKENS + 16, `${heard}`);
      // Longer than one piece, and guessed to be longer than the window by what it weighs.
      const long = await post(...ask(HEARER, wav(70)));
      assert.equal(long.status, 200, JSON.stringify(long.body));
      assert.ok(caller.tokens(long.body) - alone >= 3 * SOUND_TOKENS);
    });

    test(`refuses what is no sound in ${protocol}, and so do those who cannot hear`, async () => {
      const before = await pidOf('hearer');
      const broken = await post(...ask(HEARER, WAV.subarray(0, 40)));
      assert.equal(broken.status, 400, JSON.stringify(broken.body));
      assert.equal(await pidOf('hearer'), before);
      const deaf = await post(...ask(SEER, WAV));
      assert.equal(deaf.status, 400, JSON.stringify(deaf.body));
      const [message, param] = caller.error(deaf.body);
      assert.match(message, /it lacks: audio/);
      assert.equal(param ?? FIELDS[protocol], FIELDS[protocol]);
    });
  }
});

describe('a model that embeds', () => {
  const TEXTS = ['a calm sea', 'bread and butter'];
  const length = (vector) => Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));

  test('says the same vectors in each protocol', async () => {
    const model = 'local/vectors';
    const openai = await post('/v1/embeddings', { model, input: TEXTS });
    const expected = openai.body.data.map((each) => each.embedding);
    assert.ok(openai.body.usage.prompt_tokens > 0);
    assert.ok(expected.every((vector) => Math.abs(length(vector) - 1) < 1e-3));
    const others = {
      'Ollama embed': ['/api/embed', { model, input: TEXTS }, (body) => body.embeddings],
      'Cohere': ['/v2/embed', {
        model, texts: TEXTS, input_type: 'search_document', embedding_types: ['float'],
      }, (body) => body.embeddings.float],
      'Gemini': [`/v1beta/models/${encodeURIComponent(model)}:batchEmbedContents`, {
        requests: TEXTS.map((text) => ({
          model: `models/${model}`, content: { parts: [{ text }] },
        })),
      }, (body) => body.embeddings.map((each) => each.values)],
    };
    for (const [name, [path, body, vectors]] of Object.entries(others)) {
      const answer = await post(path, body);
      assert.equal(answer.status, 200, `${name}: ${JSON.stringify(answer.body)}`);
      for (const [i, vector] of vectors(answer.body).entries()) {
        assert.ok(vector.every((x, j) => Math.abs(x - expected[i][j]) < 1e-4), name);
      }
    }
    const old = await post('/api/embeddings', { model, prompt: TEXTS[0] });
    assert.equal(old.body.embedding.length, expected[0].length);
  });

  test('counts a text that is too long and refuses it; it cuts none', async () => {
    const model = 'local/vectors';
    const input = 'sea '.repeat(3000);
    const ask = {
      '/v1/embeddings': { model, input },
      '/api/embed': { model, input },
      '/v2/embed': { model, texts: [input], input_type: 'search_document', truncate: 'NONE' },
    };
    for (const [path, body] of Object.entries(ask)) {
      const answer = await post(path, body);
      assert.equal(answer.status, 400, `${path}: ${JSON.stringify(answer.body)}`);
      assert.equal((answer.body.error?.code ?? answer.body.code), 'context_length_exceeded', path);
    }
    const { body } = await post('/api/embed', { model, input });
    assert.match(body.error, new RegExp(`\\(3\\d{3} tokens\\).*${WINDOW}`));
    assert.match(body.error, /"truncate": true/, 'and says what would help');
    assert.equal((await post('/api/embed', { model, input: 'sea' })).status, 200, 'still there');
  });

  test('cuts a text for who asks for it, to the token, and says so', async () => {
    const model = 'local/vectors';
    const long = 'sea '.repeat(3000);
    const answer = await post('/api/embed', { model, input: ['sea', long, long], truncate: true });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    assert.equal(answer.body.embeddings.length, 3);
    assert.equal(answer.headers.get('tidegate-cut-texts'), '2');
    const one = await post('/api/embed', { model, input: long, truncate: true });
    assert.equal(one.body.prompt_eval_count, WINDOW, 'all that there is room for');
    const decision = await gate.decision(one.headers.get('tidegate-decision'));
    assert.equal(decision.attempts.at(-1).cut_texts, 1);
    // The end is what went: another end makes no difference, another beginning does.
    const [vector] = one.body.embeddings;
    const same = (other) => other.every((x, i) => Math.abs(x - vector[i]) < 1e-4);
    const other_end = await post('/api/embed', {
      model, input: `${long}bread and butter`, truncate: true,
    });
    assert.ok(same(other_end.body.embeddings[0]));
    const cohere = async (texts, truncate) => (await post('/v2/embed', {
      model, texts, input_type: 'search_document', truncate,
    })).body.embeddings.float[0];
    assert.ok(same(await cohere([`${long}bread`], 'END')));
    assert.ok(!same(await cohere([`${long}bread`], 'START')), 'there the beginning went');
    const fits = await post('/api/embed', { model, input: 'sea', truncate: true });
    assert.equal(fits.headers.get('tidegate-cut-texts'), null);
    assert.ok(fits.body.total_duration > fits.body.load_duration && fits.body.load_duration >= 0);
  });

  test('neither chats nor ranks', async () => {
    const chat = await post(...CALLERS['OpenAI chat'].image('local/vectors'));
    assert.equal(chat.status, 400);
    assert.match(chat.body.error.message, /it lacks: .*chat/);
    const rank = await post('/v1/rerank', { model: 'local/vectors', query: 'q', documents: ['d'] });
    assert.equal(rank.status, 400);
    assert.match(rank.body.error.message, /it lacks: rerank/);
  });
});

test('a model that ranks does so in each protocol', async () => {
  const ask = { model: 'local/ranker', query: 'calm', documents: ['bread', 'a calm sea', 'tide'] };
  const scores = [];
  for (const path of ['/v1/rerank', '/rerank', '/v2/rerank']) {
    const answer = await post(path, ask);
    assert.equal(answer.status, 200, `${path}: ${JSON.stringify(answer.body)}`);
    assert.equal(answer.headers.get('tidegate-model'), 'local/ranker');
    const { results } = answer.body;
    assert.deepEqual(results.map((each) => each.index).sort(), [0, 1, 2]);
    scores.push(results.map((each) => each.relevance_score));
    assert.deepEqual(scores.at(-1), [...scores.at(-1)].sort((a, b) => b - a));
  }
  for (const each of scores) {
    each.forEach((score, i) => assert.ok(Math.abs(score - scores[0][i]) < NEAR, `${scores}`));
  }
});

// In whatever company: documents of other lengths beside it, more of them than there are slots,
// and asked a second time.
test('a text that is ranked or embedded gets what it gets alone', async () => {
  const texts = ['bread', 'a calm sea', 'tide', 'the tide is high over the harbour '.repeat(40),
    'sea '.repeat(200), 'x', 'bread and butter'];
  const rank = async (documents) => {
    const { status, body } = await post('/v1/rerank', {
      model: 'local/ranker', query: 'calm', documents });
    assert.equal(status, 200, JSON.stringify(body));
    const byIndex = body.results.sort((a, b) => a.index - b.index);
    return byIndex.map((each) => [each.relevance_score]);
  };
  const embed = async (input) => {
    const { status, body } = await post('/v1/embeddings', { model: 'local/vectors', input });
    assert.equal(status, 200, JSON.stringify(body));
    return body.data.map((each) => each.embedding);
  };
  for (const ask of [rank, embed]) {
    const alone = [];
    for (const text of texts) alone.push((await ask([text]))[0]);
    for (const together of [await ask(texts), await ask(texts)]) {
      together.forEach((numbers, i) => numbers.forEach((number, j) => assert.ok(
        Math.abs(number - alone[i][j]) < NEAR,
        `${ask.name}: ${texts[i].slice(0, 20)}: ${number} and alone ${alone[i][j]}`)));
    }
  }
});

// The program itself, beside the pictures.
async function tidegate(words) {
  const child = spawn(join(BINARIES, 'tidegate'), words, {
    cwd: emulator.home.path,
    env: { ...gate.home.env, TIDEGATE_HOST: gate.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { output += d; });
  const [code] = await once(child, 'close');
  return { code, output };
}
