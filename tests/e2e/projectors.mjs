// Projectors for the starter model: the second file that lets a model see or hear. Their shapes are
// those of real kinds (Pixtral's for images, Ultravox's for sounds), as small as llama-server loads
// them; their weights are noise, so what the model says of an image means nothing. What can be seen
// is what it costs: an image is as many tokens as it has patches.

import { writeFileSync } from 'node:fs';

const U32 = 4;
const F32 = 6;
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;
const ALIGNMENT = 32;
const TENSOR_F32 = 0;
const TENSOR_F16 = 1;

export const STARTER_WIDTH = 160; // the starter model's embedding_length
export const PATCH = 16; // pixels of one side
export const STACKED = 10; // frames of the encoder that become one token
const POSITIONS = 1500; // of the encoder of sounds: 30 s

const u32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const u64 = (value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const f32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};
const text = (value) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
const padded = (bytes) => Buffer.concat([
  bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);

class Projector {
  constructor() {
    this.facts = [];
    this.tensors = [];
    this.seed = 1;
    this.fact('general.architecture', STRING, text('clip'));
    this.fact('general.type', STRING, text('mmproj'));
  }

  fact(key, type, bytes) {
    this.facts.push(Buffer.concat([text(key), u32(type), bytes]));
  }

  numbers(prefix, values) {
    for (const [key, value] of Object.entries(values)) this.fact(prefix + key, U32, u32(value));
  }

  // The same on every machine and in every run.
  noise() {
    this.seed = (this.seed * 48271) % 2147483647;
    return (this.seed / 2147483647 - 0.5) / 8;
  }

  // `fill` undefined: noise.
  tensor(name, dimensions, fill) {
    const count = dimensions.reduce((all, one) => all * one, 1);
    const values = Float32Array.from({ length: count }, () => fill ?? this.noise());
    this.tensors.push({
      name, dimensions, type: TENSOR_F32, data: Buffer.from(values.buffer),
    });
  }

  // llama.cpp computes convolutions of sounds in half precision only. Zeros, since they are the
  // same in every precision: the biases behind them are what goes on.
  halfZeros(name, dimensions) {
    const count = dimensions.reduce((all, one) => all * one, 1);
    this.tensors.push({ name, dimensions, type: TENSOR_F16, data: Buffer.alloc(2 * count) });
  }

  write(path) {
    let offset = 0;
    const heads = this.tensors.map((tensor) => {
      const head = Buffer.concat([
        text(tensor.name), u32(tensor.dimensions.length), ...tensor.dimensions.map(u64),
        u32(tensor.type), u64(offset)]);
      offset += padded(tensor.data).length;
      return head;
    });
    const head = Buffer.concat([
      Buffer.from('GGUF'), u32(3), u64(this.tensors.length), u64(this.facts.length),
      ...this.facts, ...heads]);
    writeFileSync(path, Buffer.concat([
      padded(head), ...this.tensors.map((tensor) => padded(tensor.data))]));
  }
}

// An image of any size, up to 1024 patches: each row of patches is a row of tokens with one between
// two rows.
export function writeVisionProjector(path) {
  const width = 32;
  const inner = 64;
  const file = new Projector();
  file.fact('clip.projector_type', STRING, text('pixtral'));
  file.fact('clip.has_vision_encoder', BOOL, Buffer.from([1]));
  file.fact('clip.use_silu', BOOL, Buffer.from([1]));
  file.numbers('clip.vision.', {
    image_size: 1024, patch_size: PATCH, embedding_length: width, feed_forward_length: inner,
    block_count: 1, 'attention.head_count': 2, projection_dim: STARTER_WIDTH,
  });
  file.fact('clip.vision.attention.layer_norm_epsilon', F32, f32(1e-5));
  for (const key of ['clip.vision.image_mean', 'clip.vision.image_std']) {
    file.fact(key, ARRAY, Buffer.concat([u32(F32), u64(3), f32(0.5), f32(0.5), f32(0.5)]));
  }
  file.tensor('v.patch_embd.weight', [PATCH, PATCH, 3, width]);
  file.tensor('v.pre_ln.weight', [width], 1);
  for (const name of ['ln1', 'ln2']) file.tensor(`v.blk.0.${name}.weight`, [width], 1);
  for (const name of ['attn_q', 'attn_k', 'attn_v', 'attn_out']) {
    file.tensor(`v.blk.0.${name}.weight`, [width, width]);
  }
  for (const name of ['ffn_gate', 'ffn_up']) file.tensor(`v.blk.0.${name}.weight`, [width, inner]);
  file.tensor('v.blk.0.ffn_down.weight', [inner, width]);
  file.tensor('mm.1.weight', [width, inner]);
  file.tensor('mm.2.weight', [inner, STARTER_WIDTH]);
  file.tensor('v.token_embd.img_break', [STARTER_WIDTH]);
  file.write(path);
}

// Sounds of up to 30 s a piece, and whatever is shorter counts as long.
export function writeAudioProjector(path) {
  const width = 32;
  const inner = 64;
  const bins = 80;
  const file = new Projector();
  file.fact('clip.projector_type', STRING, text('ultravox'));
  file.fact('clip.has_audio_encoder', BOOL, Buffer.from([1]));
  file.numbers('clip.audio.', {
    num_mel_bins: bins, embedding_length: width, feed_forward_length: inner, block_count: 1,
    'attention.head_count': 2, projection_dim: STARTER_WIDTH, 'projector.stack_factor': STACKED,
  });
  file.fact('clip.audio.attention.layer_norm_epsilon', F32, f32(1e-5));
  file.halfZeros('a.conv1d.1.weight', [3, bins, width]);
  file.halfZeros('a.conv1d.2.weight', [3, width, width]);
  for (const name of ['a.conv1d.1.bias', 'a.conv1d.2.bias']) file.tensor(name, [1, width]);
  file.tensor('a.position_embd.weight', [width, POSITIONS]);
  for (const name of ['ln1', 'ln2']) {
    file.tensor(`a.blk.0.${name}.weight`, [width], 1);
    file.tensor(`a.blk.0.${name}.bias`, [width], 0);
  }
  for (const name of ['attn_q', 'attn_k', 'attn_v', 'attn_out']) {
    file.tensor(`a.blk.0.${name}.weight`, [width, width]);
    if (name !== 'attn_k') file.tensor(`a.blk.0.${name}.bias`, [width], 0);
  }
  file.tensor('a.blk.0.ffn_up.weight', [width, inner]);
  file.tensor('a.blk.0.ffn_up.bias', [inner], 0);
  file.tensor('a.blk.0.ffn_down.weight', [inner, width]);
  file.tensor('a.blk.0.ffn_down.bias', [width], 0);
  file.tensor('a.post_ln.weight', [width], 1);
  file.tensor('a.post_ln.bias', [width], 0);
  file.tensor('mm.a.norm_pre.weight', [width * STACKED], 1);
  file.tensor('mm.a.mlp.1.weight', [width * STACKED, 2 * inner]);
  file.tensor('mm.a.norm_mid.weight', [inner], 1);
  file.tensor('mm.a.mlp.2.weight', [inner, STARTER_WIDTH]);
  file.write(path);
}
