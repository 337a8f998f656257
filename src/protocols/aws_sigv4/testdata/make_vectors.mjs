// Makes smithy_signatures.json: requests as AWS's own JavaScript implementation signs them.
//
// In an empty folder: npm install @smithy/signature-v4 @aws-crypto/sha256-js
// then: node make_vectors.mjs > smithy_signatures.json   (with this file copied there)
//
// The keys are the invented ones of AWS's documentation; no account has them.
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { readFileSync } from 'node:fs';

const version = JSON.parse(readFileSync('node_modules/@smithy/signature-v4/package.json')).version;

const defaults = {
  access_key_id: 'AKIDEXAMPLE',
  secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  token: '',
  region: 'us-east-1',
  service: 'bedrock',
  time: '2024-05-30T20:00:00Z',
  method: 'POST',
  path: '/model/anthropic.claude-3-sonnet-20240229-v1%3A0/converse',
  query: '',
  headers: [
    ['host', 'bedrock-runtime.us-east-1.amazonaws.com'],
    ['content-type', 'application/json'],
  ],
  body: '{"messages":[{"role":"user","content":[{"text":"hello"}]}]}',
  content_hash: false,
};
const plain_host = [['host', 'example.amazonaws.com']];
const arn =
  'arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.amazon.nova-lite-v1%3A0';

const requests = {
  'a chat': {},
  'a chat with the hash of its body stated': { content_hash: true },
  'a chat with a session token': {
    token: 'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMi+==',
    content_hash: true,
  },
  'a colon that stands bare in the path': {
    path: '/model/anthropic.claude-3-sonnet-20240229-v1:0/converse-stream',
  },
  'a model named by its ARN': { path: `/model/${arn}/converse-stream`, region: 'eu-west-3' },
  'text and a path beyond ASCII': { path: '/model/mod%C3%A8le/converse', body: '{"t":"ḧéllo 🌊"}' },
  'no body': { method: 'GET', path: '/', headers: plain_host, body: '' },
  'parameters out of order': {
    method: 'GET',
    path: '/foundation-models',
    query: 'b=2&a=1&byProvider=Amazon&B=3&a-b=4&a.b=5',
    headers: plain_host,
    body: '',
  },
  'a parameter three times, one without a value, and escapes': {
    method: 'GET',
    path: '/',
    query: 'k=b&k=a&k=&empty=&with%20blank=a%2Bb%26c%3Dd%2F~e&%E1%88%B4=%e1%88%b4',
    headers: plain_host,
    body: '',
  },
  'blanks in headers': {
    headers: [...plain_host, ['My-Header2', '  "a   b \t c"  '], ['X-My-Header1', 'value']],
  },
  'a slash at the end': { path: '/a/b/', headers: plain_host },
  'dot segments and empty segments': { path: '//a/./b/../c//d/../', headers: plain_host },
  'more segments left than there are': { path: '/../../..', headers: plain_host },
  'an unsigned body': { headers: [...plain_host, ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD']] },
  'the first second of a day': { time: '2025-01-01T00:00:00Z' },
  'the last second of a day': { time: '2024-02-29T23:59:59Z' },
};

function parsed(query) {
  const all = {};
  for (const part of query.split('&').filter(Boolean)) {
    const [name, value = ''] = part.split('=').map(decodeURIComponent);
    all[name] = name in all ? [all[name], value].flat() : value;
  }
  return all;
}

async function signed(c) {
  const signer = new SignatureV4({
    credentials: {
      accessKeyId: c.access_key_id,
      secretAccessKey: c.secret,
      sessionToken: c.token || undefined,
    },
    region: c.region,
    service: c.service,
    sha256: Sha256,
    applyChecksum: c.content_hash,
  });
  const request = {
    method: c.method,
    protocol: 'https:',
    hostname: c.headers[0][1],
    path: c.path,
    query: parsed(c.query),
    headers: Object.fromEntries(c.headers),
    body: c.body,
  };
  const { headers } = await signer.sign(request, { signingDate: new Date(c.time) });
  const given = new Set(c.headers.map(([name]) => name.toLowerCase()));
  return Object.entries(headers).filter(([name]) => !given.has(name.toLowerCase()));
}

const cases = [];
for (const [name, changes] of Object.entries(requests)) {
  const c = { ...defaults, ...changes };
  cases.push({ name, ...c, added: await signed(c) });
}
console.log(JSON.stringify({ made_with: `@smithy/signature-v4 ${version}`, cases }, null, 1));
