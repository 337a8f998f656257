// The AI SDK (npm's `ai`), which many applications are written with, by each of its providers that
// speak a protocol of the gate: against a model on this device and an emulated cloud. It sends what
// no vendor's own SDK would, and checks every chunk with schemas of its own.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { CLOUD, Emulator, eventually, Gate, loadSdk, LOCAL, PACED } from './harness.mjs';

const {
  APICallError, generateObject, generateText, Output, stepCountIs, streamObject, streamText, tool,
} = loadSdk('ai');
const { createAnthropic } = loadSdk('@ai-sdk/anthropic');
const { createGoogleGenerativeAI } = loadSdk('@ai-sdk/google');
const { createOpenAI } = loadSdk('@ai-sdk/openai');
const { createOpenAICompatible } = loadSdk('@ai-sdk/openai-compatible');
const { z } = loadSdk('zod');

globalThis.AI_SDK_LOG_WARNINGS = false;

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
beforeEach(() => emulator.reset());

const settings = (path) => ({ baseURL: gate.url + path, apiKey: 'unused' });
const PROVIDERS = {
  'openai, Responses': {
    protocol: 'openai_responses', model: (name) => createOpenAI(settings('/v1')).responses(name),
  },
  'openai, Chat': {
    protocol: 'openai_chat', model: (name) => createOpenAI(settings('/v1')).chat(name),
  },
  'openai-compatible': {
    protocol: 'openai_chat',
    model: (name) => createOpenAICompatible({
      ...settings('/v1'), name: 'tidegate', includeUsage: true, supportsStructuredOutputs: true,
    })(name),
  },
  anthropic: {
    protocol: 'anthropic_messages', model: (name) => createAnthropic(settings('/v1'))(name),
  },
  google: {
    protocol: 'gemini', model: (name) => createGoogleGenerativeAI(settings('/v1beta'))(name),
  },
};

// A tool that keeps what it was asked.
function weather() {
  const asked = [];
  return {
    asked,
    tools: {
      get_weather: tool({
        description: 'Get the weather in a city',
        inputSchema: z.object({ city: z.string() }),
        execute: async ({ city }) => {
          asked.push(city);
          return { degrees: 4 };
        },
      }),
    },
  };
}
const PERSON = z.object({ name: z.string().max(20), age: z.number().int() }).strict();

for (const [title, { protocol, model }] of Object.entries(PROVIDERS)) {
  for (const name of [LOCAL, CLOUD]) {
    const local = name === LOCAL;
    const weatherPrompt = local ? 'What is the weather in Oslo?'
      : 'Please call the tool get_weather now';

    describe(`${title} with ${name}`, () => {
      const common = () => ({
        model: model(name), maxRetries: 0, maxOutputTokens: 200, temperature: 0,
      });

      test('a text is generated, with usage', async () => {
        const answer = await generateText({
          ...common(), system: 'Be brief.', prompt: 'What is the capital of France?',
        });
        assert.match(answer.text, local ? /\S/ : /^\[emulated swift\]/);
        assert.equal(answer.finishReason, 'stop');
        assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
        const id = answer.response.headers['tidegate-decision'];
        const decision = await gate.decision(id);
        assert.equal(decision.protocol, protocol);
        assert.equal(decision.attempts[0].usage.output_tokens, answer.usage.outputTokens);
      });

      test('a stream says the same as the text', async () => {
        const asked = { ...common(), prompt: 'Count to 10.' };
        const stream = streamText({ ...asked, onError: ({ error }) => { throw error; } });
        let text = '';
        for await (const piece of stream.textStream) text += piece;
        const whole = await generateText(asked);
        assert.ok(text.length > 0);
        assert.equal(text, whole.text);
        assert.equal(await stream.finishReason, 'stop');
        assert.equal((await stream.usage).outputTokens, whole.usage.outputTokens);
      });

      test('an output limit ends the answer with length', async () => {
        const answer = await generateText({
          ...common(), maxOutputTokens: 3, prompt: 'Tell me a story.',
        });
        assert.equal(answer.finishReason, 'length');
        assert.equal(answer.usage.outputTokens, 3);
      });

      test('a tool is run between two steps', async () => {
        const { asked, tools } = weather();
        const answer = await generateText({
          ...common(), prompt: weatherPrompt, tools, stopWhen: stepCountIs(2),
        });
        assert.equal(answer.steps[0].finishReason, 'tool-calls');
        assert.equal(asked.length, 1);
        assert.equal(answer.steps.length, 2);
        if (!local) {
          const { messages } = JSON.parse((await emulator.chats()).at(-1).body);
          assert.match(messages.at(-1).content, /"degrees":4/);
        }
        assert.match(answer.text, local ? /\S/ : /1 tool result of \d+ bytes/);
      });

      test('a tool is run between two steps of a stream', async () => {
        const { asked, tools } = weather();
        const stream = streamText({
          ...common(), prompt: weatherPrompt, tools, stopWhen: stepCountIs(2),
        });
        const kinds = new Set();
        for await (const part of stream.fullStream) {
          assert.notEqual(part.type, 'error', part.error);
          kinds.add(part.type);
        }
        assert.ok(kinds.has('tool-call') && kinds.has('tool-result') && kinds.has('text-delta'));
        assert.equal(asked.length, 1);
        assert.equal((await stream.steps).length, 2);
        assert.match(await stream.text, local ? /\S/ : /1 tool result of \d+ bytes/);
      });

      test('an object satisfies its schema, at once and streamed', async () => {
        // This provider makes a tool of a schema unless told otherwise; the starter model would
        // rather talk than call it.
        const providerOptions = title === 'anthropic' && local
          ? { anthropic: { structuredOutputMode: 'outputFormat' } } : undefined;
        const invent = { ...common(), prompt: 'Invent a person.', providerOptions };
        const asked = { ...invent, schema: PERSON };
        PERSON.parse((await generateObject(asked)).object);
        const stream = streamObject({ ...asked, onError: ({ error }) => { throw error; } });
        let last;
        for await (const partial of stream.partialObjectStream) last = partial;
        assert.deepEqual(PERSON.parse(await stream.object), last);
        const { output } = await generateText({
          ...invent, output: Output.object({ schema: PERSON }),
        });
        PERSON.parse(output);
      });
    });
  }

  describe(`${title} in trouble`, () => {
    test('an error has its status and its message', async () => {
      for (const [fault, status] of [['status=429', 429], ['status=503', 503]]) {
        await emulator.faults(fault);
        await assert.rejects(
          generateText({ model: model(CLOUD), maxRetries: 0, prompt: 'a' }), (error) => {
            assert.ok(APICallError.isInstance(error), error);
            const overloaded = protocol === 'anthropic_messages' && status === 503;
            assert.equal(error.statusCode, overloaded ? 529 : status);
            assert.equal(error.isRetryable, true);
            assert.match(error.message, /cloud\/swift/);
            return true;
          });
      }
    });

    test('a stream that is cut is an error, never an ending', async () => {
      await emulator.faults('cut_after=3');
      const stream = streamText({
        model: model(PACED), maxRetries: 0, prompt: 'Tell me a story.', onError: () => {},
      });
      const types = [];
      for await (const part of stream.fullStream) types.push(part.type);
      assert.ok(types.includes('text-delta') && types.includes('error'), types);
      await emulator.faults('');
      const next = await generateText({
        model: model(PACED), maxRetries: 0, maxOutputTokens: 2, prompt: 'Tell me a story.',
      });
      assert.equal(next.usage.outputTokens, 2);
    });

    test('a caller that aborts ends its stream in the cloud', async () => {
      const aborter = new AbortController();
      const stream = streamText({
        model: model(PACED), maxRetries: 0, prompt: 'Tell me a story.',
        abortSignal: aborter.signal,
      });
      let pieces = 0;
      for await (const part of stream.fullStream) {
        if (part.type === 'text-delta' && ++pieces === 3) aborter.abort();
      }
      assert.ok(pieces >= 3 && pieces < 30, pieces);
      await eventually(
        async () => (await emulator.chats()).some((entry) => entry.ending === 'cancelled'),
        'the cloud hears of it');
    });
  });
}
