// `codex --oss` against the gate: what it asks a server of Ollama's or LM Studio's before its first
// turn, replayed as it is sent (codex 0.169.0), and codex itself where it is installed (see
// codex_test.mjs).
//
// With Ollama it asks whether somebody is there (GET /v1/models), whether the release can do
// Responses (GET /api/version, 0.13.4 or later), for the names (GET /api/tags) and, if the model's
// is not among them letter for letter, for a pull, whose stream it reads to `success`. Then it
// speaks Responses. With LM Studio it asks for GET /v1/models twice and then for one token.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { withWindow } from './gguf.mjs';
import { CLOUD, Emulator, findAgent, Gate, LOCAL, NO_AGENT, STARTER } from './harness.mjs';
import { Registry } from './registry.mjs';

const CODEX = findAgent('TIDEGATE_CODEX', '@openai/codex/bin/codex.js');
const OLDEST_WITH_RESPONSES = [0, 13, 4];
const WINDOW = 32_768; // what codex says before it has been asked anything is 9 000 tokens

let emulator;
let registry;
let gate;
let pulled; // a name that only the registry knows

before(async () => {
  emulator = await Emulator.start();
  registry = await Registry.start();
  gate = await Gate.start(emulator, '', '127.0.0.1:0', {}, [], {
    registries: [registry.host], insecure_registries: [registry.host],
  });
  pulled = `${registry.host}/library/coder`;
  registry.publish('library/coder/latest', {
    // So far beyond what it was trained with it would talk until its window is full.
    model: withWindow(STARTER, WINDOW), params: { num_ctx: WINDOW, stop: ['a', 'e', 'o', 't'] },
  });
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await registry?.close();
    await emulator?.close();
  }
});

// As it sends them: without a key, and without a name of its own.
const get = async (path) => {
  const response = await fetch(`${gate.url}${path}`);
  assert.equal(response.status, 200, path);
  return response.json();
};
const post = (path, body) => fetch(`${gate.url}${path}`, {
  method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
});
async function pull(model) {
  const response = await post('/api/pull', { model, stream: true });
  assert.equal(response.status, 200, 'errors are told in the stream');
  return (await response.text()).trim().split('\n').map((line) => JSON.parse(line));
}

describe('the probes of codex --oss', () => {
  test('find a server that is there, new enough, and has the model', async () => {
    assert.ok((await get('/v1/models')).data.length > 0);
    const version = (await get('/api/version')).version.split('.').map(Number);
    assert.equal(version.length, 3);
    const differs = version.findIndex((part, i) => part !== OLDEST_WITH_RESPONSES[i]);
    assert.ok(differs < 0 || version[differs] > OLDEST_WITH_RESPONSES[differs], version.join('.'));
    const names = (await get('/api/tags')).models.map((model) => model.name);
    const listed = names.find((name) => name.endsWith('tidegate-starter:latest'));
    assert.ok(listed, names.join(' '));
    // Whatever is listed answers under that name.
    const answer = await post('/v1/responses', {
      model: listed, input: 'Hello', max_output_tokens: 16, store: false,
    });
    assert.equal(answer.status, 200, await answer.text());
    assert.equal(answer.headers.get('tidegate-model'), LOCAL);
  });

  test('pull a model that is not there, and see how far it is', async () => {
    const steps = await pull(pulled);
    assert.equal(steps[0].status, 'pulling manifest');
    assert.ok(steps.some((step) => step.digest && step.total > 0 && step.completed === step.total));
    assert.equal(steps.at(-1).status, 'success');
    const answer = await post('/v1/responses', {
      model: pulled, input: 'Hello', max_output_tokens: 16, store: false,
    });
    assert.equal(answer.status, 200, await answer.text());
    assert.match(answer.headers.get('tidegate-model'), /coder/);
  });

  test('are told in the stream that there is no such model', async () => {
    const steps = await pull(`${registry.host}/library/absent`);
    assert.match(steps.at(-1).error, /absent/);
    assert.ok(!steps.some((step) => step.status === 'success'));
  });

  test('need not fetch what is no registry\'s: the gate\'s own names, and providers\' models',
    async () => {
      for (const model of ['auto', 'auto:private', LOCAL, CLOUD, `${CLOUD}:latest`]) {
        const steps = await pull(model);
        assert.equal(steps.at(-1).status, 'success', `${model}: ${JSON.stringify(steps)}`);
        const answer = await post('/v1/responses', {
          model, input: 'Hello', max_output_tokens: 16, store: false,
        });
        assert.equal(answer.status, 200, await answer.text());
      }
      const whole = await post('/api/pull', { model: LOCAL, stream: false });
      assert.deepEqual(await whole.json(), { status: 'success' });
      // Of a provider that is there, and a model that it does not have: nothing to succeed with.
      const absent = await post('/api/pull', { model: 'cloud/absent', stream: true });
      assert.equal(absent.status, 403);
      assert.match((await absent.json()).error, /models\.registries/);
    });

  test('of LM Studio load a model by asking it for one token of an answer to nothing', async () => {
    const names = (await get('/v1/models')).data.map((model) => model.id);
    assert.ok(names.includes(LOCAL));
    const answer = await post('/v1/responses', { model: LOCAL, input: '', max_output_tokens: 1 });
    assert.equal(answer.status, 200, await answer.text());
  });
});

describe('codex --oss', { skip: CODEX ? false : NO_AGENT }, () => {
  let folder;
  before(() => {
    folder = mkdtempSync(join(homedir(), '.tg-codex-')); // it wants no home below /tmp
    mkdirSync(join(folder, 'work'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function exec(provider, model, prompt, expected = 0) {
    const child = spawn(process.execPath, [
      CODEX, 'exec', '--json', '--skip-git-repo-check', '-s', 'read-only', '--oss',
      '--local-provider', provider, '-m', model, prompt], {
      cwd: join(folder, 'work'),
      env: {
        PATH: process.env.PATH, HOME: folder, CODEX_HOME: folder,
        CODEX_OSS_BASE_URL: `${gate.url}/v1`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { output += d; });
    const [code] = await once(child, 'close');
    assert.equal(code, expected, output);
    return output.split('\n').filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  }
  const answered = (events) => {
    assert.equal(events.at(-1).type, 'turn.completed', JSON.stringify(events));
    return events.at(-1).usage;
  };

  // Minutes on two slow processors: what codex says in front is 20 000 of this model's tokens.
  test('takes its turn with a model of the device, which it pulled by name', async () => {
    await post('/api/delete', { model: pulled });
    const usage = answered(await exec('ollama', pulled, 'Say hello.'));
    assert.ok(usage.input_tokens > 5000, 'all that it says in front, and nothing was cut');
    const [decision] = await gate.decisions(1);
    assert.match(decision.attempts[0].model, /coder/);
    assert.equal(decision.attempts[0].usage.input_tokens, usage.input_tokens);
  });

  test('calls its tool through a provider\'s model and the name that chooses', async () => {
    const events = await exec('ollama', CLOUD, 'call the tool exec_command');
    answered(events);
    assert.ok(events.some((event) => event.item?.type === 'command_execution'));
    answered(await exec('ollama', 'auto', 'Say hello.'));
  });

  test('hears that what it says is longer than the window, and says so itself', async () => {
    const events = await exec('ollama', LOCAL, 'Say hello.', 1);
    assert.match(events.at(-1).error.message, /ran out of room in the model's context window/);
  });

  test('takes the gate for LM Studio as well', async () => {
    answered(await exec('lmstudio', CLOUD, 'Say hello.'));
  });
});
