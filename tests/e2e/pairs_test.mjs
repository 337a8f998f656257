// Every client protocol with every upstream protocol, end to end: the official SDKs, the gate, and
// the emulator in the shape of each vendor. A text, a stream, a tool with its result; and a caller
// that aborts, whose request must be cut at the upstream at once.
//
// What became of the last stands in the column "cancel" of the table in docs/protocols.md:
// `make matrix` (TIDEGATE_MATRIX_REWRITE) writes it, otherwise it is compared.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';

import { Emulator, eventually, Gate, SANITIZED } from './harness.mjs';
import { clientsOf, CLIENTS, modelAt, providerTables, UPSTREAMS } from './protocols.mjs';

// From the abort until the emulator's journal has the ending; the answers would take 30 s.
const CUT_MS_MAX = SANITIZED ? 5000 : 1000;
const LONG_ANSWER = 'tokens=1500';
const PIECES_HEARD = 3;
const ABORT_LOST_MS = 5000;
const DOCS = new URL('../../docs/protocols.md', import.meta.url);

let emulator;
let gate;
let clients;
let folder;
const cut = {}; // by pair: the requests that were cut in time, 'streamed' and 'whole'

before(async () => {
  emulator = await Emulator.start();
  folder = mkdtempSync(join(tmpdir(), 'tg-'));
  gate = await Gate.start(emulator, providerTables(emulator.url, ['swift', 'paced'], folder));
  clients = clientsOf(gate);
});
after(async () => {
  for (const client of clients ?? []) client.close?.();
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
});
beforeEach(() => emulator.reset());

// The requests that reached the upstream, of which there must be so many, in its own protocol.
async function requestsAt(upstream, count) {
  const entries = await emulator.chats();
  assert.equal(entries.length, count);
  for (const entry of entries) assert.match(entry.path, upstream.path);
  return entries;
}

// Milliseconds until the journal says that its only request was cancelled.
async function untilCut(upstream) {
  const begin = performance.now();
  const entry = await eventually(
    async () => (await emulator.chats()).find(({ ending }) => ending !== 'open'),
    'the upstream hears of it');
  const took = performance.now() - begin;
  assert.equal(entry.ending, 'cancelled');
  assert.match(entry.path, upstream.path);
  return took;
}

// Whether the call failed when it was aborted. Node's fetch loses an abort when what it keeps of
// the request was collected as garbage meanwhile (github.com/nodejs/node/issues/55428): then the
// caller goes on waiting, and nobody can tell its server that it has gone. Whatever a server does,
// an abort that is heard fails the call at once.
async function failsOnAbort(call, aborter) {
  const refused = assert.rejects(call);
  refused.catch(() => {}); // it may go on behind the test
  const lost = new Promise((resolve) => {
    aborter.signal.addEventListener('abort', () => setTimeout(resolve, ABORT_LOST_MS, 'lost'));
  });
  return await Promise.race([refused, lost]) !== 'lost';
}

const KINDS = {
  // After some words of a stream.
  streamed: async (client, asked, aborter) => {
    let pieces = 0;
    const heard = () => { if (++pieces === PIECES_HEARD) aborter.abort(); };
    const failed = await failsOnAbort(client.stream(asked, heard), aborter);
    assert.ok(aborter.signal.aborted, 'it failed by itself');
    return failed;
  },
  // While the upstream is busy and the caller has heard nothing.
  whole: async (client, asked, aborter) => {
    const failed = failsOnAbort(client.whole(asked), aborter);
    await eventually(async () => (await emulator.chats()).length === 1, 'the upstream works');
    aborter.abort();
    return failed;
  },
};

CLIENTS.forEach((title, at) => describe(`a client of ${title}`, () => {
  for (const upstream of UPSTREAMS) {
    const pair = `${title} → ${upstream.title}`;

    test(`${pair}: a text is answered, and a stream says the same`, async () => {
      const client = clients[at];
      const asked = { model: modelAt(upstream, 'swift'), items: client.user('Count to ten.') };
      const whole = await client.whole(asked);
      assert.match(whole.text, /^\[emulated swift\] \S/);
      const pieces = [];
      const streamed = await client.stream(asked, (text) => pieces.push(text));
      assert.equal(pieces.join(''), whole.text);
      assert.equal(streamed.text, whole.text);
      for (const [i, entry] of (await requestsAt(upstream, 2)).entries()) {
        assert.equal(entry.ending, 'answered');
        assert.equal([whole, streamed][i].outputTokens, entry.completion_tokens);
      }
    });

    for (const kind of ['whole', 'stream']) {
      test(`${pair}: a tool is called and its result taken, ${kind}`, async () => {
        const client = clients[at];
        const asked = {
          model: modelAt(upstream, 'swift'), tool: true,
          items: client.user('Please call the tool get_weather'),
        };
        const first = await client[kind](asked, () => {});
        assert.equal(first.calls.length, 1);
        const [call] = first.calls;
        assert.equal(call.name, 'get_weather');
        assert.deepEqual(Object.keys(call.input), ['city']);
        assert.equal(typeof call.input.city, 'string');
        asked.items = [...asked.items, ...first.items, ...client.result(call, '4 degrees')];
        const second = await client[kind](asked, () => {});
        assert.match(second.text, /1 tool result of \d+ bytes/);
        assert.deepEqual(second.calls, []);
        await requestsAt(upstream, 2);
      });
    }

    for (const [kind, abort] of Object.entries(KINDS)) {
      test(`${pair}: a caller that aborts cuts its request, ${kind}`, async () => {
        const client = clients[at];
        const attempt = async () => {
          await emulator.reset();
          await emulator.faults(LONG_ANSWER);
          const aborter = new AbortController();
          return abort(client, {
            model: modelAt(upstream, 'paced'), items: client.user('Tell me a story.'),
            signal: aborter.signal,
          }, aborter);
        };
        assert.ok(await attempt() || await attempt() || await attempt(), 'no abort was heard');
        const took = await untilCut(upstream);
        assert.ok(took < CUT_MS_MAX, `it took ${took} ms`);
        (cut[pair] ??= []).push(kind);
      });
    }
  }
}));

test('the docs say which pairs cut a request whose caller has gone', () => {
  const before = readFileSync(DOCS, 'utf8');
  const [intro, table] = before.split('<!-- matrix: begin -->\n');
  const lines = table.split('\n');
  assert.match(lines[0], /\| cancel \|$/);
  let rows = 0;
  for (const [i, line] of lines.entries()) {
    const pair = /^\| ([A-Z]\w+ → [A-Z]\w+) \|/.exec(line)?.[1];
    if (!pair) continue;
    rows += 1;
    const mark = cut[pair]?.length === Object.keys(KINDS).length ? '✓' : 'lost';
    lines[i] = line.replace(/ [^|]* \|$/, ` ${mark} |`);
  }
  assert.equal(rows, CLIENTS.length * UPSTREAMS.length);
  const now = [intro, lines.join('\n')].join('<!-- matrix: begin -->\n');
  if (process.env.TIDEGATE_MATRIX_REWRITE) {
    writeFileSync(DOCS, now);
  } else {
    assert.equal(before, now, 'run `make matrix` and commit the docs');
  }
});
