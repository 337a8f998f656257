// Models of other kinds, made of the starter model: the weights are the same, and the file says
// that it embeds or ranks, or that it was trained with a longer window.

import { readFileSync, writeFileSync } from 'node:fs';

export const MEAN = 1; // pooling types of llama.cpp
export const RANK = 4;

const UINT32 = 4;
const STRING = 8;
const ARRAY = 9;
const SIZES = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  number32() {
    this.at += 4;
    return this.bytes.readUInt32LE(this.at - 4);
  }

  number64() {
    this.at += 8;
    return Number(this.bytes.readBigUInt64LE(this.at - 8));
  }

  text() {
    const length = this.number64();
    this.at += length;
    return this.bytes.toString('utf8', this.at - length, this.at);
  }

  skip(type) {
    if (type === STRING) {
      this.text();
    } else if (type === ARRAY) {
      const inner = this.number32();
      for (let left = this.number64(); left > 0; left -= 1) this.skip(inner);
    } else {
      this.at += SIZES[type];
    }
  }
}

const aligned = (offset, to) => Math.ceil(offset / to) * to;

// The model in `from` with one more fact: how its vectors are pooled.
export const writePooled = (from, to, pooling) => writeFacts(
  from, to, (architecture) => ({ [`${architecture}.pooling_type`]: pooling }));

// The same with the numbers of the tokens by which it fills in.
export const writeFillIn = (from, to, { prefix, suffix, middle }) => writeFacts(from, to, () => ({
  'tokenizer.ggml.fim_pre_token_id': prefix,
  'tokenizer.ggml.fim_suf_token_id': suffix,
  'tokenizer.ggml.fim_mid_token_id': middle,
}));

function factBytes(name, number) {
  const key = Buffer.from(name);
  const fact = Buffer.alloc(8 + key.length + 8);
  fact.writeBigUInt64LE(BigInt(key.length), 0);
  key.copy(fact, 8);
  fact.writeUInt32LE(UINT32, 8 + key.length);
  fact.writeUInt32LE(number, 12 + key.length);
  return fact;
}

// `more`: names and numbers, of the architecture's name.
function writeFacts(from, to, more) {
  const bytes = readFileSync(from);
  const reader = new Reader(bytes);
  reader.at = 8; // magic, version
  const tensors = reader.number64();
  const facts = reader.number64();
  let architecture;
  let alignment = 32;
  for (let i = 0; i < facts; i += 1) {
    const key = reader.text();
    const type = reader.number32();
    const at = reader.at;
    reader.skip(type);
    if (key === 'general.architecture') architecture = bytes.toString('utf8', at + 8, reader.at);
    if (key === 'general.alignment') alignment = bytes.readUInt32LE(at);
  }
  const behindFacts = reader.at;
  for (let i = 0; i < tensors; i += 1) {
    reader.text();
    const dimensions = reader.number32();
    reader.at += 8 * dimensions + 12; // their sizes; type, offset
  }
  const added = Object.entries(more(architecture)).map(([name, number]) => factBytes(name, number));
  const head = Buffer.concat([
    bytes.subarray(0, behindFacts), ...added, bytes.subarray(behindFacts, reader.at)]);
  head.writeBigUInt64LE(BigInt(facts + added.length), 16);
  const padding = Buffer.alloc(aligned(head.length, alignment) - head.length);
  const data = bytes.subarray(aligned(reader.at, alignment));
  writeFileSync(to, Buffer.concat([head, padding, data]));
}

// The bytes of the model in `from` with another number for the window that it was trained with.
export function withWindow(from, tokens) {
  const bytes = readFileSync(from);
  const reader = new Reader(bytes);
  reader.at = 16; // magic, version, number of tensors
  for (let left = reader.number64(); left > 0; left -= 1) {
    const key = reader.text();
    const type = reader.number32();
    if (key.endsWith('.context_length')) {
      bytes.writeUInt32LE(tokens, reader.at);
      return bytes;
    }
    reader.skip(type);
  }
  throw new Error(`${from} has no window`);
}
