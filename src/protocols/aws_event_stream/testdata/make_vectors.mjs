// Makes smithy_messages.json: messages as AWS's own JavaScript implementation writes them.
//
// In an empty folder: npm install @smithy/eventstream-codec @smithy/core
// then: node make_vectors.mjs > smithy_messages.json   (with this file copied there)
import { EventStreamCodec, Int64 } from '@smithy/eventstream-codec';
import { fromUtf8, toHex, toUtf8 } from '@smithy/core/serde';
import { readFileSync } from 'node:fs';

const codec = new EventStreamCodec(toUtf8, fromUtf8);
const version = JSON.parse(readFileSync('node_modules/@smithy/core/package.json')).version;

const text = (value) => ({ type: 'string', value });
const event = (type) => ({
  ':event-type': text(type),
  ':content-type': text('application/json'),
  ':message-type': text('event'),
});
const long = (bytes) => ({ type: 'long', value: new Int64(Uint8Array.from(bytes)) });
const time = (ms) => ({ type: 'timestamp', value: new Date(ms) });

const messages = {
  'nothing at all': [{}, ''],
  'a payload alone': [{}, '{"foo":"bar"}'],
  'the start of an answer': [event('messageStart'), '{"p":"abcd","role":"assistant"}'],
  'a piece of an answer': [
    event('contentBlockDelta'),
    '{"contentBlockIndex":0,"delta":{"text":"héllo 🌊"},"p":"abcdefghijk"}',
  ],
  'an exception': [
    {
      ':exception-type': text('throttlingException'),
      ':content-type': text('application/json'),
      ':message-type': text('exception'),
    },
    '{"message":"Too many requests"}',
  ],
  'every type of header': [
    {
      true: { type: 'boolean', value: true },
      false: { type: 'boolean', value: false },
      byte: { type: 'byte', value: -7 },
      short: { type: 'short', value: -12345 },
      integer: { type: 'integer', value: 40972 },
      'long, lowest': long([0x80, 0, 0, 0, 0, 0, 0, 0]),
      'long, highest': long([0x7f, 255, 255, 255, 255, 255, 255, 255]),
      bytes: { type: 'binary', value: Uint8Array.from([0, 10, 13, 128, 255]) },
      'no bytes': { type: 'binary', value: Uint8Array.from([]) },
      'ñame': text('vålue'),
      'no text': text(''),
      time: time(1700000000123),
      'time before 1970': time(-1),
      uuid: { type: 'uuid', value: '00112233-4455-6677-8899-aabbccddeeff' },
    },
    'payload',
  ],
  'the longest name and a long value': [{ ['n'.repeat(255)]: text('v'.repeat(3000)) }, ''],
};

// The number of a type on the wire, and the value as a number or in hexadecimal.
function described(name, { type, value }) {
  switch (type) {
    case 'boolean':
      return { name, type: value ? 0 : 1 };
    case 'binary':
      return { name, type: 6, bytes: toHex(value) };
    case 'string':
      return { name, type: 7, bytes: toHex(fromUtf8(value)) };
    case 'timestamp':
      return { name, type: 8, number: `${value.valueOf()}` };
    case 'uuid':
      return { name, type: 9, bytes: value.replaceAll('-', '') };
    case 'long': {
      const number = BigInt.asIntN(64, BigInt(`0x${toHex(value.bytes)}`));
      return { name, type: 5, number: `${number}` };
    }
    default:
      return { name, type: { byte: 2, short: 3, integer: 4 }[type], number: `${value}` };
  }
}

const cases = Object.entries(messages).map(([name, [headers, payload]]) => ({
  name,
  headers: Object.entries(headers).map(([key, header]) => described(key, header)),
  payload,
  wire: toHex(codec.encode({ headers, body: fromUtf8(payload) })),
}));
console.log(JSON.stringify({ made_with: `@smithy/core ${version}`, cases }, null, 1));
