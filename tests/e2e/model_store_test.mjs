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
      model: 'no', from: 'pirate', parameters: { colour: 1 }, stream: false,
    }), 400, /parameters\.colour/);
    await assertFails(client.create({ model: '../no', from: 'pirate', stream: false }), 400,
      /model/);
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
