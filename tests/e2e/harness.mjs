// What the end-to-end tests in JavaScript are made of: the real gate, the emulated cloud, and the
// official SDKs. harness.py does the same for Python and says more about the ideas.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// A package below node/, by its name; those that few tests need are loaded by them alone.
export function loadSdk(name) {
  try {
    return createRequire(new URL('node/package.json', import.meta.url))(name);
  } catch (error) {
    throw new Error(`the SDK ${name} is not installed; run scripts/npm-install`, { cause: error });
  }
}
export const { OpenAI } = loadSdk('openai');
export const { Anthropic } = loadSdk('@anthropic-ai/sdk');
export const { Ollama } = loadSdk('ollama');
export const { ApiError, GoogleGenAI } = loadSdk('@google/genai');
export const bedrock = loadSdk('@aws-sdk/client-bedrock-runtime');
export const { NodeHttpHandler } = loadSdk('@smithy/node-http-handler');
export const { SignatureV4 } = loadSdk('@smithy/signature-v4');
export const { EventStreamCodec } = loadSdk('@smithy/core/event-streams');

// A coding agent's program: what the variable names, else what `scripts/npm-install agents` has put
// there, else undefined.
export function findAgent(variable, place) {
  const installed = fileURLToPath(new URL(`agents/node_modules/${place}`, import.meta.url));
  return process.env[variable] ?? (existsSync(installed) ? installed : undefined);
}
export const NO_AGENT = 'not installed: scripts/npm-install agents';

const SOURCE = fileURLToPath(new URL('../..', import.meta.url));
export const STARTER = join(SOURCE, 'models/tidegate-starter.gguf');
export const BINARIES = join(
  process.env.TIDEGATE_BINARY_DIR ?? join(SOURCE, 'build/release'), 'bin');
export const SANITIZED = (process.env.TIDEGATE_SANITIZE ?? '') !== '';
export const PATIENCE_MS = SANITIZED ? 120_000 : 30_000;
const SANITIZER_REPORT = /ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:/;

export const LOCAL = 'local/tidegate-starter';
export const CLOUD = 'cloud/swift'; // answers at once
export const PACED = 'cloud/paced'; // one token every 20 ms

// Asks until the answer is true, and returns it.
export async function eventually(probe, what) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function enginePath() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const data = process.env.XDG_DATA_HOME || join(homedir(), '.local/share');
  folders.push(join(data, 'tidegate/engine/bin'));
  for (const folder of folders) {
    const path = join(folder, 'llama-server');
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  throw new Error('there is no llama-server; scripts/bootstrap installs one');
}

// A user's folders, below one temporary folder.
function makeHome() {
  const path = mkdtempSync(join(tmpdir(), 'tg-'));
  const env = { PATH: process.env.PATH, TERM: 'dumb', HOME: path };
  for (const name of ['XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_RUNTIME_DIR', 'XDG_DATA_HOME']) {
    env[name] = join(path, name.split('_')[1].toLowerCase());
    mkdirSync(env[name], { mode: 0o700 });
  }
  for (const [name, value] of Object.entries(process.env)) {
    if (name.endsWith('SAN_OPTIONS')) env[name] = value;
  }
  return { path, env, remove: () => rmSync(path, { recursive: true, force: true }) };
}

// A child process that dies with us, with its output.
class Program {
  constructor(argv, env) {
    this.output = '';
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
      env, stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.ended = once(this.child, 'close').then(([code]) => code);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => { this.output += text; });
    }
  }

  async waitFor(pattern) {
    return eventually(() => {
      const found = pattern.exec(this.output);
      if (!found && this.child.exitCode !== null) {
        throw new Error(`ended with ${this.child.exitCode}:\n${this.output}`);
      }
      return found;
    }, `${pattern} in:\n${this.output}`);
  }

  async end(signal) {
    if (this.child.exitCode === null) this.child.kill(signal);
    return this.ended;
  }
}

const PRICES = { input: 2.503, cached: 1.251, output: 10.007 };
const CAPABILITIES = [
  'tools', 'json_schema', 'json_object', 'logprobs', 'n', 'seed', 'stop', 'stream_usage',
  'temperature', 'penalties', 'parallel_tool_calls', 'logit_bias',
];

export class Emulator {
  static async start() {
    const emulator = new Emulator();
    emulator.home = makeHome();
    const config = join(emulator.home.path, 'emulator.toml');
    writeFileSync(config, ['swift', 'paced'].map((name) => `[[model]]
name = "${name}"
tokens_per_s = ${name === 'paced' ? 50 : 0}
input_usd_per_mtok = ${PRICES.input}
cached_input_usd_per_mtok = ${PRICES.cached}
output_usd_per_mtok = ${PRICES.output}
`).join('\n'));
    emulator.program = new Program([
      join(BINARIES, 'tidegate-emulator'), 'serve', '--listen', '127.0.0.1:0', '--print-port',
      '--journal-bodies', '--config', config], emulator.home.env);
    const [, port] = await emulator.program.waitFor(/^(\d+)\n/);
    emulator.url = `http://127.0.0.1:${port}`;
    return emulator;
  }

  async call(name, body) {
    const answer = await fetch(`${this.url}/emulator/${name}`,
      body && { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  // Every chat that reached it. That the gate asks for the lists of models is no secret.
  async chats() {
    return (await this.call('journal')).entries.filter((entry) => entry.method === 'POST');
  }

  faults(words) {
    return this.call('faults', { faults: words });
  }

  async reset() {
    await this.faults('');
    await this.call('reset', {});
  }

  async close() {
    await this.program.end('SIGKILL');
    this.home.remove();
  }
}

export class Gate {
  // A gate with the local starter model (and the models in `files`) and, as "cloud", the emulator.
  // `models`, `engine`: further settings of the tables of these names.
  static async start(
    emulator, tables = '', listen = '127.0.0.1:0', variables = {}, files = [], models = {},
    engine = {},
  ) {
    const gate = new Gate();
    gate.home = makeHome();
    Object.assign(gate.home.env, variables);
    const config = join(gate.home.path, 'tidegate.toml');
    const settings = (table) => Object.entries(table)
      .map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`).join('');
    const listed = ['swift', 'paced'].map((name) => `{ name = "${name}", context_tokens = 128000,
 output_tokens_max = 16384, quality = 0.9, capabilities = ${JSON.stringify(CAPABILITIES)},
 prices = { input_usd = ${PRICES.input}, cached_read_usd = ${PRICES.cached},
 output_usd = ${PRICES.output} } }`.replaceAll('\n', ''));
    writeFileSync(config, `
[engine]
path = "${enginePath()}"
threads = 1
${settings(engine)}
[models]
files = ${JSON.stringify([STARTER, ...files])}
${settings(models)}
[providers.cloud]
kind = "openai_compatible"
url = "${emulator.url}/v1"
place = "cloud"
emulated = true
models = [
  ${listed.join(',\n  ')}
]
${tables}`);
    gate.program = new Program(
      [join(BINARIES, 'tidegate'), 'serve', '--config', config, '--listen', listen],
      gate.home.env);
    const [, port] = await gate.program.waitFor(/listens on [\d.]+:(\d+)/);
    gate.url = `http://127.0.0.1:${port}`;
    return gate;
  }

  // The SDK as anybody would set it up; without its retries, which would hide what happens.
  client(options = {}) {
    return new OpenAI({
      baseURL: `${this.url}/v1`, apiKey: 'unused', maxRetries: 0, timeout: PATIENCE_MS, ...options,
    });
  }

  anthropic(options = {}) {
    return new Anthropic({
      baseURL: this.url, apiKey: 'unused', maxRetries: 0, timeout: PATIENCE_MS, ...options,
    });
  }

  // The SDK shows no header fields, so those of the latest answer are kept in `seen.headers`; and
  // it aborts nothing but streams, so a `signal` for the other requests is handed in.
  ollama(seen = {}, signal = undefined) {
    return new Ollama({
      host: this.url,
      fetch: async (url, options) => {
        const answer = await fetch(url, { ...options, signal: options.signal ?? signal });
        seen.headers = answer.headers;
        return answer;
      },
    });
  }

  // By default for Google's own service; `{ vertexai: true, … }` speaks Vertex's paths.
  google(options = {}) {
    return new GoogleGenAI({
      apiKey: 'unused', httpOptions: { baseUrl: this.url, timeout: PATIENCE_MS }, ...options,
    });
  }

  // AWS's own client, which speaks HTTP/2 and signs what it sends unless it is told otherwise.
  // What it knows of the last answer's head is in `client.last`.
  bedrock(options = {}) {
    const client = new bedrock.BedrockRuntimeClient({
      endpoint: this.url,
      region: 'eu-central-1',
      maxAttempts: 1,
      credentials: { accessKeyId: 'AKIAUNUSED', secretAccessKey: 'unused' },
      ...options,
    });
    client.middlewareStack.add((next) => async (args) => {
      const result = await next(args);
      client.last = result.response;
      return result;
    }, { step: 'deserialize', priority: 'high' });
    return client;
  }

  // Cohere's own client, of version 2 of its API.
  cohere(options = {}) {
    const { CohereClientV2 } = loadSdk('cohere-ai');
    return new CohereClientV2({
      environment: this.url, token: 'unused', maxRetries: 0, timeoutInSeconds: PATIENCE_MS / 1000,
      ...options,
    });
  }

  // The records of the latest requests, the newest first.
  async decisions(count) {
    const answer = await fetch(`${this.url}/tidegate/decisions?limit=${count}`);
    return (await answer.json()).decisions;
  }

  async decision(id, headers = {}) {
    return eventually(async () => {
      const answer = await fetch(`${this.url}/tidegate/decisions/${id}`, { headers });
      return answer.ok ? answer.json() : undefined;
    }, `the record of ${id}`);
  }

  async close() {
    const code = await this.program.end('SIGTERM');
    this.home.remove();
    if (code !== 0 || SANITIZER_REPORT.test(this.program.output)) {
      throw new Error(`the gate ended with ${code}:\n${this.program.output}`);
    }
  }
}

// A data URL of a PNG of one pixel.
export const PIXEL = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlE'
  + 'QVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

