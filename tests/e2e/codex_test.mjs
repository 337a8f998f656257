// codex, OpenAI's coding agent, through the gate to a model that has never heard of its protocol.
//
// It is too large to be installed for every run of the tests: `scripts/npm-install agents` does, or
// TIDEGATE_CODEX names its bin/codex.js (npm package @openai/codex). Without it the test is left
// out and says so; what codex sends is replayed as data in
// src/protocols/openai_responses/testdata/offers_of_codex.wire.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { CLOUD, Emulator, findAgent, Gate, NO_AGENT } from './harness.mjs';

const CODEX = findAgent('TIDEGATE_CODEX', '@openai/codex/bin/codex.js');
const skip = CODEX ? false : NO_AGENT;

let emulator;
let gate;
let folder;

before(async () => {
  if (skip) return;
  emulator = await Emulator.start();
  gate = await Gate.start(emulator);
  folder = mkdtempSync(join(homedir(), '.tg-codex-')); // it wants no home below /tmp
  mkdirSync(join(folder, 'work'));
  writeFileSync(join(folder, 'config.toml'), `
model_provider = "tidegate"
[model_providers.tidegate]
name = "Tidegate"
base_url = "${gate.url}/v1"
wire_api = "responses"
env_key = "TIDEGATE_KEY"
`);
});
after(async () => {
  if (folder) rmSync(folder, { recursive: true, force: true });
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});

// Runs `codex exec` with these arguments to its end.
async function exec(...words) {
  const child = spawn(process.execPath, [
    CODEX, 'exec', '--json', '--skip-git-repo-check', '-s', 'read-only', ...words], {
    cwd: join(folder, 'work'),
    env: { PATH: process.env.PATH, HOME: folder, CODEX_HOME: folder, TIDEGATE_KEY: 'unused' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { output += d; });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
  return output.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}
const said = (events) => events.filter((event) => event.item?.type === 'agent_message')
  .map((event) => event.item.text).join('\n');

test('it calls its tool, takes the result and answers, in two turns', { skip }, async () => {
  const events = await exec('-m', CLOUD, 'call the tool exec_command');
  assert.ok(events.some((event) => event.item?.type === 'command_execution'), 'a command ran');
  assert.match(said(events), /1 tool result of \d+ bytes/);
  assert.equal(events.at(-1).type, 'turn.completed');
  const chats = (await emulator.chats()).map((chat) => JSON.parse(chat.body));
  assert.equal(chats.length, 2);
  assert.equal(chats[0].messages[0].role, 'system', 'what stands in front is one message');
  assert.equal(chats[1].messages.at(-1).role, 'tool');
  const names = chats[0].tools.map((tool) => tool.function.name);
  assert.ok(names.includes('exec_command') && !names.includes('web_search'), names);

  const resumed = await exec('-m', CLOUD, 'resume', '--last', 'And once more, say hello.');
  assert.match(said(resumed), /\[emulated swift\]/);
  const { messages } = JSON.parse((await emulator.chats()).at(-1).body);
  assert.ok(messages.some((message) => message.role === 'tool'), 'the first turn is there');
});

test('a custom tool with a grammar reaches a model that knows functions alone', { skip },
  async () => {
    // With this name codex lists its freeform apply_patch, and asks for an effort.
    await gate.close();
    gate = await Gate.start(emulator, `
[providers.named]
kind = "openai_compatible"
url = "${emulator.url}/v1"
place = "cloud"
models = [{ name = "gpt-5.5", upstream_model = "swift", context_tokens = 128000, capabilities = [ \
"tools", "reasoning"], prices = { input_usd = 1.0, output_usd = 1.0 } }]
`);
    writeFileSync(join(folder, 'config.toml'), `
model_provider = "tidegate"
[model_providers.tidegate]
name = "Tidegate"
base_url = "${gate.url}/v1"
wire_api = "responses"
env_key = "TIDEGATE_KEY"
`);
    await emulator.reset();
    const events = await exec('-m', 'gpt-5.5', 'call the tool apply_patch');
    assert.match(said(events), /1 tool result of \d+ bytes/);
    const [first, second] = (await emulator.chats()).map((chat) => JSON.parse(chat.body));
    const patch = first.tools.find((tool) => tool.function.name === 'apply_patch');
    assert.match(patch.function.description, /lark[^]*begin_patch/);
    const [call] = second.messages.find((message) => message.tool_calls).tool_calls;
    assert.equal(typeof JSON.parse(call.function.arguments).input, 'string');
  });
