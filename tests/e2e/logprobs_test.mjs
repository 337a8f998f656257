// Log-probabilities of the local model by every protocol that has them: the same steps, whole and
// streamed, through the official SDKs.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Emulator, Gate, LOCAL } from './harness.mjs';

const PROMPT = 'The harbour at';
const TOKENS_MAX = 6;
const TOP = 3;

let emulator;
let gate;

before(async () => {
  emulator = await Emulator.start();
  gate = await Gate.start(emulator);
});
after(async () => {
  try {
    await gate?.close();
  } finally {
    await emulator?.close();
  }
});

// Each step as [token, log-probability, how many others], the numbers cut to what all keep.
const step = (token, logprob, top) => [token, Math.round(logprob * 1e4) / 1e4, top.length];
const openai = (entries) => entries.map((each) =>
  step(each.token, each.logprob, each.top_logprobs));

const CHAT = {
  model: LOCAL, messages: [{ role: 'user', content: PROMPT }], max_tokens: TOKENS_MAX,
  temperature: 0, seed: 1, logprobs: true, top_logprobs: TOP,
};

async function byChat() {
  const answer = await gate.client().chat.completions.create(CHAT);
  return [answer.choices[0].message.content, openai(answer.choices[0].logprobs.content)];
}

async function byChatStream() {
  let text = '';
  const steps = [];
  for await (const chunk of await gate.client().chat.completions.create(
    { ...CHAT, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? '';
    steps.push(...openai(chunk.choices[0]?.logprobs?.content ?? []));
  }
  return [text, steps];
}

const RESPONSE = {
  model: LOCAL, input: PROMPT, max_output_tokens: TOKENS_MAX, temperature: 0, store: false,
  include: ['message.output_text.logprobs'], top_logprobs: TOP,
};

async function byResponses() {
  const answer = await gate.client().responses.create(RESPONSE);
  const [part] = answer.output.find((item) => item.type === 'message').content;
  return [part.text, openai(part.logprobs)];
}

async function byResponsesStream() {
  let text = '';
  const steps = [];
  for await (const event of await gate.client().responses.create({ ...RESPONSE, stream: true })) {
    if (event.type !== 'response.output_text.delta') continue;
    text += event.delta;
    steps.push(...openai(event.logprobs ?? []));
  }
  return [text, steps];
}

const gemini = (result) => result.chosenCandidates.map((each, i) =>
  step(each.token, each.logProbability, result.topCandidates[i].candidates));
const GENERATE = {
  model: LOCAL, contents: PROMPT,
  config: {
    maxOutputTokens: TOKENS_MAX, temperature: 0, seed: 1, responseLogprobs: true, logprobs: TOP,
  },
};

async function byGemini() {
  const answer = await gate.google().models.generateContent(GENERATE);
  return [answer.text, gemini(answer.candidates[0].logprobsResult)];
}

async function byGeminiStream() {
  let text = '';
  const steps = [];
  for await (const chunk of await gate.google().models.generateContentStream(GENERATE)) {
    text += chunk.text ?? '';
    const result = chunk.candidates[0].logprobsResult;
    if (result) steps.push(...gemini(result));
  }
  return [text, steps];
}

const OLLAMA = {
  model: LOCAL, messages: [{ role: 'user', content: PROMPT }], logprobs: true, top_logprobs: TOP,
  options: { num_predict: TOKENS_MAX, temperature: 0, seed: 1 },
};

async function byOllama() {
  const answer = await gate.ollama().chat(OLLAMA);
  return [answer.message.content, openai(answer.logprobs)];
}

async function byOllamaStream() {
  let text = '';
  const steps = [];
  for await (const part of await gate.ollama().chat({ ...OLLAMA, stream: true })) {
    text += part.message.content;
    steps.push(...openai(part.logprobs ?? []));
  }
  return [text, steps];
}

test('every protocol tells the same steps of the same answer', async () => {
  const [text, steps] = await byChat();
  assert.ok(steps.length > 0 && steps.length <= TOKENS_MAX + 1, JSON.stringify(steps));
  assert.ok(steps.every(([, logprob, top]) => logprob <= 0 && top === TOP), JSON.stringify(steps));
  assert.equal(steps.map(([token]) => token).join(''), text);
  for (const ask of [byChatStream, byResponses, byResponsesStream, byGemini, byGeminiStream,
    byOllama, byOllamaStream]) {
    assert.deepEqual(await ask(), [text, steps], ask.name);
  }
});

test('a prompt that is continued has them in the older shape', async () => {
  const answer = await gate.client().completions.create({
    model: LOCAL, prompt: PROMPT, max_tokens: TOKENS_MAX, temperature: 0, logprobs: TOP,
  });
  const { text, logprobs } = answer.choices[0];
  assert.ok(text.length > 0);
  assert.ok(logprobs, 'llama-server says them in one of the two shapes');
});

test('what has no place for them is not asked for them', async () => {
  for (const [path, body] of [
    ['/v1/messages', { model: LOCAL, max_tokens: 4, messages: CHAT.messages, logprobs: true }],
    ['/v2/chat', { model: LOCAL, messages: CHAT.messages, logprobs: true }],
  ]) {
    const answer = await fetch(`${gate.url}${path}`, {
      method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' },
    });
    assert.ok(answer.status >= 400, `${path}: ${answer.status}`);
    assert.match(await answer.text(), /logprobs/);
  }
});
