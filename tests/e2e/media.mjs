// Pictures and sounds, made rather than kept: of any size, and right to the last bit.

import { deflateSync } from 'node:zlib';

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc;
});

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  let crc = 0xffffffff;
  for (const byte of body) crc = (crc >>> 8) ^ CRC[(crc ^ byte) & 0xff];
  const around = Buffer.alloc(8);
  around.writeUInt32BE(data.length, 0);
  around.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 4);
  return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
}

// A PNG of stripes, of 8 bits and three colours; with `rowsThere` it holds fewer rows than it says.
export function png(width, height, rowsThere = height) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc((1 + 3 * width) * rowsThere);
  for (let row = 0; row < rowsThere; row += 1) {
    rows.fill((row * 90) % 256, row * (1 + 3 * width) + 1, (row + 1) * (1 + 3 * width));
  }
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

const segment = (marker, ...bytes) => Buffer.from([
  0xff, marker, (bytes.length + 2) >> 8, (bytes.length + 2) & 0xff, ...bytes]);

// A grey JPEG: one component, and Huffman tables that can only say "as before" (one bit) and "no
// more in this block" (one bit), which is all that an even surface needs.
export function jpeg(width, height) {
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
  const bits = Buffer.alloc(Math.ceil(blocks / 4), 0);
  const left = (4 - (blocks % 4)) % 4;
  if (left > 0) bits[bits.length - 1] = (1 << (2 * left)) - 1;
  const oneCode = [1, ...Array(15).fill(0), 0];
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe0, ...Buffer.from('JFIF\0'), 1, 1, 0, 0, 1, 0, 1, 0, 0),
    segment(0xdb, 0, ...Array(64).fill(1)),
    segment(0xc0, 8, height >> 8, height & 0xff, width >> 8, width & 0xff, 1, 1, 0x11, 0),
    segment(0xc4, 0x00, ...oneCode),
    segment(0xc4, 0x10, ...oneCode),
    segment(0xda, 1, 1, 0x00, 0, 63, 0),
    bits,
    Buffer.from([0xff, 0xd9])]);
}

// A WAV of one second for each of `seconds`, 16 kHz, 16 bits, one channel: a tone.
export function wav(seconds, hertz = 440) {
  const RATE = 16_000;
  const samples = Math.floor(seconds * RATE);
  const file = Buffer.alloc(44 + 2 * samples);
  file.write('RIFF', 0);
  file.writeUInt32LE(36 + 2 * samples, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(RATE, 24);
  file.writeUInt32LE(2 * RATE, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(2 * samples, 40);
  for (let i = 0; i < samples; i += 1) {
    file.writeInt16LE(Math.round(9_000 * Math.sin((2 * Math.PI * hertz * i) / RATE)), 44 + 2 * i);
  }
  return file;
}
