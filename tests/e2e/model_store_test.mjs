// Models that come and go while the gate runs: pulled from a registry, made of others, copied and
// removed, by the official Ollama SDK, and run by the real engine.

import assert from 'node:assert/strict';
import {
  existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Emulator, eventually, Gate, STARTER } from './harness.mjs';
import { digestOf, Registry } from './registry.mjs';

const WEIGHTS = readFileSync(STARTER);

let emulator;
let registry;
let gate;
let client;

before(async () => {
  emulator = await Emulator.start();
  registry = await Registry.start();
  gate = await Gate.start(emulator, '', '127.0.0.1:0', {}, [], {
    registries: [registry.host], insecure_registries: [registry.host],
    push_registries: [registry.host],
  });
  client = gate.ollama();
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await registry?.close();
    await emulator?.close();
  }
});

const store = () => join(gate.home.env.XDG_DATA_HOME, 'tidegate/store');
const blobs = () => {
  const folder = join(store(), 'blobs');
  return existsSync(folder) ? readdirSync(folder) : [];
};
const names = async () => (await client.list()).models.map((model) => model.name);
const ask = (model, options) => client.chat({
  model, messages: [{ role: 'user', content: 'Hello' }], options: { num_predict: 8, ...options },
});

async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

async function assertFails(promise, status, message) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.status_code, status, error.message);
    assert.match(error.message, message);
    return true;
  });
}

describe('a pulled model', () => {
  let name;
  let id;
  before(() => {
    name = `${registry.host}/library/tiny:latest`;
    id = registry.publish('library/tiny/latest', {
      model: WEIGHTS, system: 'Be brief.', params: { num_predict: 4 }, license: 'MIT',
    });
  });

  test('is told about while it comes, and is there afterwards', async () => {
    const steps = await collect(await client.pull({ model: name, stream: true }));
    assert.equal(steps[0].status, 'pulling manifest');
    assert.equal(steps.at(-1).status, 'success');
    const weights = steps.filter((step) => step.digest === digestOf(WEIGHTS));
    assert.equal(weights.at(-1).completed, WEIGHTS.length);
    assert.equal(weights.at(-1).total, WEIGHTS.length);
    const listed = (await client.list()).models.find((model) => model.name.includes(name));
    assert.equal(listed.digest, id.slice('sha256:'.length));
    assert.ok(blobs().includes(digestOf(WEIGHTS).replace(':', '-')));
    assert.deepEqual(blobs().filter((file) => file.includes('partial')), []);
  });

  test('says what it was made with', async () => {
    const shown = await client.show({ model: name });
    assert.equal(shown.system, 'Be brief.');
    assert.equal(shown.license, 'MIT');
    assert.match(shown.parameters, /^num_predict +4$/);
    assert.ok(shown.model_info['general.architecture']);
    assert.deepEqual(shown.details.format, 'gguf');
  });

  test('answers as it was made to', async () => {
    const made = await client.chat({
      model: name, messages: [{ role: 'user', content: 'Hello' }],
    });
    assert.equal(made.eval_count, 4);
    assert.equal(made.done_reason, 'length');
    // The callers' own words count more.
    const asked = await ask(name, { num_predict: 6 });
    assert.equal(asked.eval_count, 6);
    const instructed = await client.chat({
      model: name,
      messages: [{ role: 'system', content: 'Be' }, { role: 'user', content: 'Hello' }],
    });
    assert.ok(instructed.prompt_eval_count < made.prompt_eval_count, 'without its own message');
  });

  test('is not fetched again when it is there', async () => {
    const served = registry.served;
    const last = await client.pull({ model: name, stream: false });
    assert.equal(last.status, 'success');
    assert.equal(registry.served, served);
  });

  test('that many pull at once is fetched once', async () => {
    const other = Buffer.concat([WEIGHTS, Buffer.alloc(32)]);
    registry.publish('library/other/latest', { model: other });
    const served = registry.served;
    const model = `${registry.host}/library/other`;
    await Promise.all([1, 2, 3].map(() => client.pull({ model, stream: false })));
    assert.ok(registry.served - served < other.length + 1000, 'more than once');
    await client.delete({ model });
  });

  test('whose bytes are not what was promised is refused, and leaves nothing', async () => {
    const bad = Buffer.concat([WEIGHTS, Buffer.alloc(64)]);
    registry.publish('library/bad/latest', { model: bad });
    registry.faults = { corrupt: digestOf(bad) };
    const had = blobs().length;
    await assert.rejects(collect(await client.pull({
      model: `${registry.host}/library/bad`, stream: true,
    })), /digest mismatch/);
    registry.faults = {};
    assert.ok(!(await names()).some((one) => one.includes('bad')));
    assert.ok(!blobs().includes(digestOf(bad).replace(':', '-')));
    assert.ok(blobs().length <= had + 1, 'at most its config stays');
  });

  test('that nobody waits for any more stops, and goes on where it was', async () => {
    const slow = Buffer.concat([WEIGHTS, Buffer.alloc(96)]);
    registry.publish('library/slow/latest', { model: slow });
    registry.faults = { stallAfter: Math.floor(slow.length / 2) };
    const model = `${registry.host}/library/slow`;
    const pull = await client.pull({ model, stream: true });
    for await (const step of pull) {
      if (step.completed > 0 && step.completed < step.total) break;
    }
    pull.abort();
    registry.faults = {};
    const last = await client.pull({ model, stream: false });
    assert.equal(last.status, 'success');
    await client.delete({ model });
  });

  test('that the registry does not have is an error with its name', async () => {
    await assertFails(client.pull({ model: `${registry.host}/library/absent`, stream: false }), 404,
      /absent/);
  });

  test('comes from no registry that is not configured', async () => {
    await assertFails(client.pull({ model: '127.0.0.1:1/library/x', stream: false }), 403,
      /registr/);
  });
});

describe('a model that is made', () => {
  const base = () => `${registry.host}/library/tiny`;

  test('of another has its layers and its own words', async () => {
    await client.create({
      model: 'pirate', from: base(), system: 'You are a pirate.', parameters: { num_predict: 3 },
      stream: false,
    });
    assert.ok((await names()).some((name) => name.endsWith('pirate:latest')));
    const shown = await client.show({ model: 'pirate' });
    assert.equal(shown.system, 'You are a pirate.');
    assert.equal(shown.license, 'MIT');
    const answer = await client.chat({
      model: 'pirate', messages: [{ role: 'user', content: 'Hello' }],
    });
    assert.equal(answer.eval_count, 3);
    const weights = digestOf(WEIGHTS).replace(':', '-');
    assert.equal(blobs().filter((file) => file === weights).length, 1);
  });

  test('writes its prompts as its template says', async () => {
    await client.create({
      model: 'templated', from: base(), template: 'Say: {{ .Prompt }}!', stream: false,
    });
    const options = { num_predict: 1 };
    const whole = await client.generate({ model: 'templated', prompt: 'hello', options });
    const raw = await client.generate({
      model: 'templated', prompt: 'Say: hello!', raw: true, options,
    });
    assert.equal(whole.prompt_eval_count, raw.prompt_eval_count);
    const other = await client.generate({ model: base(), prompt: 'hello', options });
    assert.notEqual(whole.prompt_eval_count, other.prompt_eval_count);
    assert.equal((await client.show({ model: 'templated' })).template, 'Say: {{ .Prompt }}!');
    const other_words = await client.generate({
      model: 'templated', prompt: 'hello', template: '{{ .Prompt }}', options,
    });
    const bare = await client.generate({ model: 'templated', prompt: 'hello', raw: true, options });
    assert.equal(other_words.prompt_eval_count, bare.prompt_eval_count);
    await assertFails(client.generate({
      model: 'templated', prompt: 'hello', template: '{{ .Prompt', options,
    }), 400, /template: line 1: an action without \}\}/);
    await assertFails(client.create({
      model: 'no', from: base(), template: '{{ if .Prompt }}', stream: false,
    }), 400, /template: line 1: an \{\{ end \}\} is missing/);
    await client.delete({ model: 'templated' });
  });

  test('is listed by its name alone, unless that means another one, too', async () => {
    for (const model of ['swift', 'ann/swift']) {
      await client.create({ model, from: base(), stream: false });
    }
    const listed = await names();
    assert.ok(listed.includes('cloud/swift:latest') && listed.includes('local/swift:latest'));
    assert.ok(listed.includes('ann/swift:latest') && !listed.includes('swift:latest'));
    assert.equal((await ask('local/swift')).done, true);
    await client.delete({ model: 'local/swift:latest' });
    await client.delete({ model: 'ann/swift' });
    assert.ok(!(await names()).some((name) => /^(local|ann)\/swift/.test(name)));
  });

  test('of a file that was sent', async () => {
    const digest = digestOf(WEIGHTS);
    const send = (body) => fetch(`${gate.url}/api/blobs/${digest}`, { method: 'POST', body });
    assert.equal((await fetch(`${gate.url}/api/blobs/${digest}`, { method: 'HEAD' })).status, 200);
    assert.equal((await send(WEIGHTS)).status, 200, 'it is there already');
    await client.create({ model: 'sent:v1', files: { 'tiny.gguf': digest }, stream: false });
    assert.equal((await ask('sent:v1')).done, true);
  });

  test('of what is no model is refused', async () => {
    const text = Buffer.from('GGUF no');
    const digest = digestOf(text);
    await fetch(`${gate.url}/api/blobs/${digest}`, { method: 'POST', body: text });
    await assertFails(client.create({ model: 'no', files: { 'a.gguf': digest }, stream: false }),
      400, /files\.a\.gguf/);
    await assertFails(client.create({ model: 'no', from: 'absent', stream: false }), 404, /absent/);
    await assertFails(client.create({
      model: 'no', files: { 'model.safetensors': digestOf(WEIGHTS) }, stream: false,
    }), 400, /convert_hf_to_gguf/);
    await assertFails(client.create({
      model: 'no', from: 'pirate', parameters: { colour: 1 }, stream: false,
    }), 400, /parameters\.colour/);
    await assertFails(client.create({ model: '../no', from: 'pirate', stream: false }), 400,
      /model/);
  });
});

describe('a model that is made smaller', () => {
  const small = 'tidegate-starter:q8_0';
  after(() => client.delete({ model: small }));

  test('is quantized by the engine, answers, and tells how far it is', async () => {
    const steps = await collect(await client.create({
      model: small, from: 'tidegate-starter', quantize: 'q8_0', stream: true,
    }));
    const quantizing = steps.filter((step) => step.status === 'quantizing F32 model to Q8_0');
    assert.equal(quantizing.at(-1).completed, WEIGHTS.length);
    assert.equal(steps.at(-1).status, 'success');
    const listed = (await client.list()).models.find((model) => model.name === small);
    assert.equal(listed.details.quantization_level, 'Q8_0');
    assert.ok(listed.size < WEIGHTS.length / 2);
    assert.ok((await ask(small)).message.content.length > 0);
    const provenance = readFileSync(join(store(), 'provenance/registry.ollama.ai/library',
      'tidegate-starter/q8_0'), 'utf8');
    assert.match(provenance, /"quantised_by":"llama\.cpp /);
  });

  test('is not made of one that is small already, nor to a level that is none', async () => {
    const make = (from, quantize) => client.create({ model: 'no', from, quantize, stream: false });
    await assertFails(make(small, 'q4_K_M'), 400, /Q8_0 already/);
    await assertFails(make('tidegate-starter', 'q3'), 400, /Q3_K_S/);
  });
});

describe('a model that is pushed', () => {
  let name;
  before(async () => {
    name = `${registry.host}/ann/pirate:v1`;
    await client.create({ model: name, from: 'pirate', system: 'Arr.', stream: false });
  });
  after(() => client.delete({ model: name }));

  test('is told about while it goes, and comes back as it was', async () => {
    const before = (await client.list()).models.find((model) => model.name === name);
    registry.blobs.delete(digestOf(WEIGHTS)); // it came from there
    registry.faults = { cutAfter: WEIGHTS.length / 2 };
    const steps = await collect(await client.push({ model: name, stream: true }));
    const statuses = steps.map((step) => step.status);
    assert.equal(statuses[0], 'retrieving manifest');
    assert.equal(statuses.at(-2), 'pushing manifest');
    assert.equal(statuses.at(-1), 'success');
    const weights = steps.filter((step) => step.digest === digestOf(WEIGHTS));
    assert.equal(weights.at(-1).status, `pushing ${digestOf(WEIGHTS).slice(7, 19)}`);
    assert.equal(weights.at(-1).completed, WEIGHTS.length);
    assert.ok(registry.blobs.get(digestOf(WEIGHTS)).equals(WEIGHTS));
    await client.delete({ model: name });
    await client.pull({ model: name, stream: false });
    const again = (await client.list()).models.find((model) => model.name === name);
    assert.equal(again.digest, before.digest);
    assert.equal((await client.show({ model: name })).system, 'Arr.');
  });

  test('is not sent where it is', async () => {
    const { taken } = registry;
    assert.equal((await client.push({ model: name, stream: false })).status, 'success');
    assert.equal(registry.taken, taken);
  });

  test('goes to no registry that is not configured', async () => {
    await client.copy({ source: name, destination: 'elsewhere.example/ann/pirate' });
    await assertFails(client.push({ model: 'elsewhere.example/ann/pirate', stream: false }), 403,
      /models\.push_registries/);
    await assertFails(client.push({ model: 'pirate', stream: false }), 403, /push_registries/);
    await assertFails(client.push({ model: name, insecure: true, stream: false }), 400, /insecure/);
    await client.delete({ model: 'elsewhere.example/ann/pirate' });
  });

  test('that is not here is an error with its name', async () => {
    await assertFails(client.push({ model: `${registry.host}/ann/absent`, stream: false }), 404,
      /absent/);
  });
});

describe('a model in use', () => {
  // Of weights that nothing else has, in a file of their own.
  const publish = (path, bytes) => {
    const weights = Buffer.concat([WEIGHTS, Buffer.alloc(bytes)]);
    registry.publish(path, { model: weights });
    return { weights, file: digestOf(weights).replace(':', '-') };
  };

  test('that is removed answers to its end, and its files go when it has ended', async () => {
    const { file } = publish('library/busy/latest', 160);
    const model = `${registry.host}/library/busy`;
    await client.pull({ model, stream: false });
    const stream = await client.chat({
      model, messages: [{ role: 'user', content: 'Tell me a long story.' }], stream: true,
      options: { num_predict: 400, temperature: 1, seed: 7 },
    });
    let parts = 0;
    let last;
    for await (const part of stream) {
      parts += 1;
      last = part;
      if (parts !== 1) continue;
      await client.delete({ model });
      assert.ok(!(await names()).some((one) => one.includes('library/busy')));
      assert.ok(blobs().includes(file), 'nothing is pulled from under a process');
    }
    assert.equal(last.done, true);
    assert.ok(last.eval_count > 0);
    await assertFails(ask(model), 404, /busy/);
    await eventually(() => !blobs().includes(file), 'its file is gone');
  });

  test('that comes is whole though one that shares its files goes meanwhile', async () => {
    const { weights, file } = publish('library/first/latest', 192);
    const license = 'x'.repeat(5_000);
    registry.publish('library/second/latest', { model: weights, license });
    const [first, second] = ['first', 'second'].map((one) => `${registry.host}/library/${one}`);
    await client.pull({ model: first, stream: false });
    let release;
    registry.faults = {
      hold: { digest: digestOf(license), until: new Promise((resolve) => { release = resolve; }) },
    };
    const { served } = registry;
    const pull = await client.pull({ model: second, stream: true });
    let removed = false;
    let last;
    for await (const step of pull) {
      last = step;
      if (removed || step.digest !== digestOf(weights)) continue; // it is there and held
      removed = true;
      await client.delete({ model: first });
      assert.ok(blobs().includes(file));
      release();
    }
    registry.faults = {};
    assert.equal(last.status, 'success');
    assert.ok(registry.served - served < 10_000, 'the weights were not fetched again');
    assert.equal((await ask(second)).done, true);
    await client.delete({ model: second });
  });
});

describe('a model', () => {
  test('is copied, and each name is removed by itself', async () => {
    await client.copy({ source: 'pirate', destination: 'ann/pirate:v2' });
    assert.equal((await ask('ann/pirate:v2')).done, true);
    await client.delete({ model: 'pirate' });
    assert.equal((await ask('ann/pirate:v2')).done, true);
    await assertFails(ask('pirate'), 404, /pirate/);
    await client.delete({ model: 'ann/pirate:v2' });
    await assertFails(client.delete({ model: 'ann/pirate:v2' }), 404, /ann\/pirate/);
  });

  test('whose last name goes takes its weights along', async () => {
    for (const model of ['sent:v1', `${registry.host}/library/tiny`]) {
      await client.delete({ model });
    }
    const weights = digestOf(WEIGHTS).replace(':', '-');
    await eventually(() => !blobs().includes(weights), 'the weights are gone');
  });

  test('that somebody puts into the folder is there without a restart', async () => {
    const folder = join(gate.home.env.XDG_DATA_HOME, 'tidegate/models');
    mkdirSync(folder, { recursive: true });
    await new Promise((resolve) => setTimeout(resolve, 2500)); // it looked at the empty folder
    writeFileSync(join(folder, 'driftwood.gguf'), WEIGHTS);
    await eventually(async () => (await names()).some((name) => name.includes('driftwood')),
      'driftwood is listed');
    assert.equal((await ask('driftwood')).done, true);
  });

  test('that this program does not keep is not removed', async () => {
    await assertFails(client.delete({ model: 'tidegate-starter' }), 409, /folder/);
    assert.ok(existsSync(STARTER));
  });
});
