// opencode, a coding agent for any model, through the gate by each of the protocols that it speaks,
// to a model that knows one of them.
//
// It is too large to be installed for every run of the tests: `scripts/npm-install agents` does, on
// x86-64, or TIDEGATE_OPENCODE names its program (npm package opencode-ai). Without it the test is
// left out and says so.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { CLOUD, Emulator, findAgent, Gate, NO_AGENT, PATIENCE_MS } from './harness.mjs';

const OPENCODE = findAgent('TIDEGATE_OPENCODE', 'opencode-linux-x64-baseline/bin/opencode');
const skip = OPENCODE ? false : NO_AGENT;

const PROTOCOLS = {
  openai_chat: { npm: '@ai-sdk/openai-compatible', path: '/v1' },
  openai_responses: { npm: '@ai-sdk/openai', path: '/v1' },
  anthropic_messages: { npm: '@ai-sdk/anthropic', path: '/v1' },
  gemini: { npm: '@ai-sdk/google', path: '/v1beta' },
};

let emulator;
let gate;
let folder;
let environment;

before(async () => {
  if (skip) return;
  emulator = await Emulator.start();
  gate = await Gate.start(emulator);
  folder = mkdtempSync(join(tmpdir(), 'tg-opencode-'));
  mkdirSync(join(folder, 'work'));
  const provider = {};
  for (const [name, { npm, path }] of Object.entries(PROTOCOLS)) {
    provider[name] = {
      npm, options: { baseURL: gate.url + path, apiKey: 'unused' },
      models: { [CLOUD]: { tool_call: true, limit: { context: 128000, output: 4000 } } },
    };
  }
  const config = join(folder, 'opencode.json');
  writeFileSync(config, JSON.stringify({
    autoupdate: false, share: 'disabled', enabled_providers: Object.keys(PROTOCOLS), provider,
  }));
  environment = {
    PATH: process.env.PATH,
    HOME: folder,
    OPENCODE_CONFIG: config,
    // Nothing but the gate is asked, and what is asked all the same finds nobody.
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
    OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    HTTP_PROXY: 'http://127.0.0.1:9',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    NO_PROXY: '127.0.0.1,localhost',
  };
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
});
beforeEach(() => emulator?.reset());

// Runs `opencode run` with these arguments to its end, and returns its events.
async function run(...words) {
  const child = spawn(OPENCODE, ['run', '--format', 'json', '--print-logs', ...words], {
    cwd: join(folder, 'work'), env: environment, stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 4 * PATIENCE_MS,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { output += d; });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
  return output.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}
const said = (events) => events.filter(({ type }) => type === 'text')
  .map(({ part }) => part.text).join('\n');

for (const protocol of Object.keys(PROTOCOLS)) {
  test(`it calls its tool, takes the result and answers, by ${protocol}`, { skip }, async () => {
    const model = `${protocol}/${CLOUD}`;
    const events = await run('-m', model, 'call the tool todowrite');
    const uses = events.filter(({ type }) => type === 'tool_use').map(({ part }) => part);
    assert.deepEqual(uses.map(({ tool, state }) => [tool, state.status]),
      [['todowrite', 'completed']]);
    assert.match(said(events), /1 tool result of \d+ bytes/);
    assert.equal(events.at(-1).part.reason, 'stop');

    // Beside the two steps it has the conversation named.
    const decisions = await gate.decisions(3);
    assert.deepEqual(decisions.map((decision) => [decision.protocol, decision.status]),
      new Array(3).fill([protocol, 200]));
    const chats = (await emulator.chats()).map((chat) => JSON.parse(chat.body));
    const steps = chats.filter(({ tools }) => tools?.length > 0);
    assert.equal(steps.length, 2);
    assert.ok(steps[0].tools.some((tool) => tool.function.name === 'todowrite'));
    assert.equal(steps[1].messages.at(-1).role, 'tool');
  });
}

test('it goes on with a conversation', { skip }, async () => {
  const resumed = await run('-m', `openai_responses/${CLOUD}`, '--continue', 'Say hello.');
  assert.match(said(resumed), /\[emulated swift\]/);
  const { messages } = JSON.parse((await emulator.chats()).at(-1).body);
  assert.ok(messages.some((message) => message.role === 'tool'), 'the turns before are there');
});
