// The seven protocols, for tests that try every client with every upstream: what a client does,
// by its official SDK but in the same words for all, and how an upstream is configured.
//
// A client has, for a conversation in its own form (`items`):
//   user(text), result(call, text)   items to go on with
//   whole(asked), stream(asked, heard)   ask { model, items, tool, signal }; `heard` gets each
//     piece of text; the answer is { text, calls: [{ id, name, input }], items, outputTokens }

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { bedrock, PATIENCE_MS } from './harness.mjs';

const TOOL = {
  name: 'get_weather',
  description: 'Get the weather in a city',
  parameters: {
    type: 'object', properties: { city: { type: 'string' } }, required: ['city'],
    additionalProperties: false,
  },
};
const OUTPUT_TOKENS_MAX = 2000;
const FUNCTION = { type: 'function', function: TOOL };

class Chat {
  constructor(gate) { this.completions = gate.client().chat.completions; }

  user(content) { return [{ role: 'user', content }]; }

  result(call, content) { return [{ role: 'tool', tool_call_id: call.id, content }]; }

  request({ model, items, tool }) {
    return {
      model, messages: items, max_tokens: OUTPUT_TOKENS_MAX, tools: tool ? [FUNCTION] : undefined,
    };
  }

  answer({ choices: [{ message }], usage }) {
    const { role, content, tool_calls: calls = [] } = message;
    return {
      text: content ?? '',
      calls: calls.map(({ id, function: { name, arguments: text } }) =>
        ({ id, name, input: JSON.parse(text) })),
      items: [{ role, content, tool_calls: calls.length > 0 ? calls : undefined }],
      outputTokens: usage.completion_tokens,
    };
  }

  async whole(asked) {
    const { signal } = asked;
    return this.answer(await this.completions.create(this.request(asked), { signal }));
  }

  async stream(asked, heard) {
    const runner = this.completions.stream(
      { ...this.request(asked), stream_options: { include_usage: true } },
      { signal: asked.signal });
    runner.on('content', heard);
    return this.answer(await runner.finalChatCompletion());
  }
}

class Messages {
  constructor(gate) { this.messages = gate.anthropic().messages; }

  user(content) { return [{ role: 'user', content }]; }

  result(call, content) {
    return this.user([{ type: 'tool_result', tool_use_id: call.id, content }]);
  }

  request({ model, items, tool }) {
    const { parameters, ...named } = TOOL;
    return {
      model, messages: items, max_tokens: OUTPUT_TOKENS_MAX,
      tools: tool ? [{ ...named, input_schema: parameters }] : undefined,
    };
  }

  answer({ role, content, usage }) {
    return {
      text: content.map((block) => block.text ?? '').join(''),
      calls: content.filter((block) => block.type === 'tool_use'),
      items: [{ role, content }],
      outputTokens: usage.output_tokens,
    };
  }

  async whole(asked) {
    const { signal } = asked;
    return this.answer(await this.messages.create(this.request(asked), { signal }));
  }

  async stream(asked, heard) {
    const stream = this.messages.stream(this.request(asked), { signal: asked.signal });
    stream.on('text', heard);
    return this.answer(await stream.finalMessage());
  }
}

class Responses {
  constructor(gate) { this.responses = gate.client().responses; }

  user(content) { return [{ role: 'user', content }]; }

  result(call, output) { return [{ type: 'function_call_output', call_id: call.id, output }]; }

  request({ model, items, tool }) {
    return {
      model, input: items, max_output_tokens: OUTPUT_TOKENS_MAX, store: false,
      tools: tool ? [{ type: 'function', strict: false, ...TOOL }] : undefined,
    };
  }

  answer({ output, usage }) {
    return {
      text: output.flatMap((item) => (item.type === 'message' ? item.content : []))
        .map((part) => part.text).join(''),
      calls: output.filter((item) => item.type === 'function_call').map((item) =>
        ({ id: item.call_id, name: item.name, input: JSON.parse(item.arguments) })),
      items: output,
      outputTokens: usage.output_tokens,
    };
  }

  async whole(asked) {
    const { signal } = asked;
    return this.answer(await this.responses.create(this.request(asked), { signal }));
  }

  async stream(asked, heard) {
    // The SDK's helper for streams writes members into the items that OpenAI refuses to read.
    let response;
    for await (const event of await this.responses.create(
      { ...this.request(asked), stream: true }, { signal: asked.signal })) {
      if (event.type === 'response.output_text.delta') heard(event.delta);
      response = event.response;
    }
    if (response?.status !== 'completed') throw new Error('the stream ended too early');
    return this.answer(response);
  }
}

class Gemini {
  constructor(gate) { this.models = gate.google().models; }

  user(text) { return [{ role: 'user', parts: [{ text }] }]; }

  result({ id, name }, output) {
    return [{ role: 'user', parts: [{ functionResponse: { id, name, response: { output } } }] }];
  }

  request({ model, items, tool, signal }) {
    const { parameters, ...named } = TOOL;
    return {
      model, contents: items,
      config: {
        maxOutputTokens: OUTPUT_TOKENS_MAX, abortSignal: signal,
        tools: tool ? [{
          functionDeclarations: [{ ...named, parametersJsonSchema: parameters }],
        }] : undefined,
      },
    };
  }

  answer(parts, usage) {
    return {
      text: parts.map((part) => (part.thought ? '' : part.text ?? '')).join(''),
      calls: parts.flatMap((part) => part.functionCall ?? []).map((call) =>
        ({ id: call.id, name: call.name, input: call.args })),
      items: [{ role: 'model', parts }],
      outputTokens: usage.candidatesTokenCount,
    };
  }

  async whole(asked) {
    const answer = await this.models.generateContent(this.request(asked));
    return this.answer(answer.candidates[0].content.parts, answer.usageMetadata);
  }

  async stream(asked, heard) {
    const parts = [];
    let usage;
    for await (const chunk of await this.models.generateContentStream(this.request(asked))) {
      for (const part of chunk.candidates?.[0].content?.parts ?? []) {
        if (part.text && !part.thought) heard(part.text);
        parts.push(part);
      }
      usage = chunk.usageMetadata ?? usage;
    }
    return this.answer(parts, usage);
  }
}

class Ollama {
  constructor(gate) { this.gate = gate; }

  user(content) { return [{ role: 'user', content }]; }

  result(call, content) { return [{ role: 'tool', tool_name: call.name, content }]; }

  request({ model, items, tool }) {
    return {
      model, messages: items, tools: tool ? [FUNCTION] : undefined,
      options: { num_predict: OUTPUT_TOKENS_MAX },
    };
  }

  answer(message, last) {
    const calls = message.tool_calls ?? [];
    return {
      text: message.content,
      calls: calls.map(({ function: { name, arguments: input } }) => ({ name, input })),
      items: [message],
      outputTokens: last.eval_count,
    };
  }

  async whole(asked) {
    const { signal } = asked; // the SDK has no way to abort but for streams
    const client = this.gate.ollama({}, signal);
    const answer = await client.chat(this.request(asked));
    return this.answer(answer.message, answer);
  }

  async stream(asked, heard) {
    const client = this.gate.ollama();
    asked.signal?.addEventListener('abort', () => client.abort());
    const message = { role: 'assistant', content: '' };
    let last;
    for await (const part of await client.chat({ ...this.request(asked), stream: true })) {
      message.content += part.message.content;
      if (part.message.content) heard(part.message.content);
      if (part.message.tool_calls) (message.tool_calls ??= []).push(...part.message.tool_calls);
      last = part;
    }
    if (!last.done) throw new Error('the stream ended too early');
    return this.answer(message, last);
  }
}

class Cohere {
  constructor(gate) { this.client = gate.cohere(); }

  user(content) { return [{ role: 'user', content }]; }

  result(call, content) { return [{ role: 'tool', toolCallId: call.id, content }]; }

  request({ model, items, tool }) {
    return {
      model, messages: items, maxTokens: OUTPUT_TOKENS_MAX, tools: tool ? [FUNCTION] : undefined,
    };
  }

  // The SDK forgets the clock of an aborted request, which would keep this process.
  options({ signal }) {
    return { abortSignal: signal, timeoutInSeconds: signal ? 5 : PATIENCE_MS / 1000 };
  }

  answer({ content = [], toolPlan, toolCalls = [] }, usage) {
    return {
      text: content.map((block) => block.text ?? '').join(''),
      calls: toolCalls.map(({ id, function: { name, arguments: text } }) =>
        ({ id, name, input: JSON.parse(text) })),
      items: [toolCalls.length > 0 ? { role: 'assistant', toolPlan, toolCalls }
        : { role: 'assistant', content }],
      outputTokens: usage.billedUnits.outputTokens,
    };
  }

  async whole(asked) {
    const answer = await this.client.chat(this.request(asked), this.options(asked));
    return this.answer(answer.message, answer.usage);
  }

  async stream(asked, heard) {
    let text = '';
    let toolPlan;
    const toolCalls = [];
    let end;
    const stream = await this.client.chatStream(this.request(asked), this.options(asked));
    for await (const { type, index, delta } of stream) {
      const message = delta?.message;
      if (type === 'content-delta' && message.content.text) {
        text += message.content.text;
        heard(message.content.text);
      }
      if (type === 'tool-plan-delta') toolPlan = (toolPlan ?? '') + message.toolPlan;
      if (type === 'tool-call-start') toolCalls[index] = structuredClone(message.toolCalls);
      if (type === 'tool-call-delta') {
        toolCalls[index].function.arguments += message.toolCalls.function.arguments;
      }
      if (type === 'message-end') end = delta;
    }
    if (!end || end.finishReason === 'ERROR') throw new Error(end?.error ?? 'it has no end');
    return this.answer({ content: text ? [{ type: 'text', text }] : [], toolPlan, toolCalls },
      end.usage);
  }
}

class Converse {
  constructor(gate) { this.client = gate.bedrock(); }

  user(text) { return [{ role: 'user', content: [{ text }] }]; }

  result({ id: toolUseId }, text) {
    return [{ role: 'user', content: [{ toolResult: { toolUseId, content: [{ text }] } }] }];
  }

  request({ model, items, tool }) {
    const { parameters, ...named } = TOOL;
    return {
      modelId: model, messages: items, inferenceConfig: { maxTokens: OUTPUT_TOKENS_MAX },
      toolConfig: tool
        ? { tools: [{ toolSpec: { ...named, inputSchema: { json: parameters } } }] } : undefined,
    };
  }

  answer(content, usage) {
    return {
      text: content.map((block) => block.text ?? '').join(''),
      calls: content.flatMap((block) => block.toolUse ?? []).map((use) =>
        ({ id: use.toolUseId, name: use.name, input: use.input })),
      items: [{ role: 'assistant', content }],
      outputTokens: usage.outputTokens,
    };
  }

  async whole(asked) {
    const { output, usage } = await this.client.send(
      new bedrock.ConverseCommand(this.request(asked)), { abortSignal: asked.signal });
    return this.answer(output.message.content, usage);
  }

  async stream(asked, heard) {
    const { stream } = await this.client.send(
      new bedrock.ConverseStreamCommand(this.request(asked)), { abortSignal: asked.signal });
    const content = [];
    let input = '';
    let usage;
    for await (const event of stream) {
      const { contentBlockStart: start, contentBlockDelta: delta, contentBlockStop: stop } = event;
      if (start) content[start.contentBlockIndex] = { ...start.start };
      if (delta) {
        const block = content[delta.contentBlockIndex] ??= {};
        if (delta.delta.text !== undefined) {
          block.text = (block.text ?? '') + delta.delta.text;
          heard(delta.delta.text);
        }
        input += delta.delta.toolUse?.input ?? '';
        const { reasoningContent: thought } = delta.delta;
        if (thought?.redactedContent) block.reasoningContent = thought;
        if (thought && !thought.redactedContent) {
          const { reasoningText } = block.reasoningContent ??= { reasoningText: { text: '' } };
          reasoningText.text += thought.text ?? '';
          reasoningText.signature = thought.signature ?? reasoningText.signature;
        }
      }
      if (stop && content[stop.contentBlockIndex].toolUse) {
        content[stop.contentBlockIndex].toolUse.input = JSON.parse(input || '{}');
        input = '';
      }
      usage = event.metadata?.usage ?? usage;
    }
    return this.answer(content, usage);
  }

  close() { this.client.destroy(); }
}

const ALL = [Chat, Messages, Responses, Gemini, Ollama, Cohere, Converse];
export const CLIENTS = ALL.map((Client) => Client.name);
export const clientsOf = (gate) => ALL.map((Client) => new Client(gate));

// `below`: what comes between a server's address and the protocol's paths; `path`: of its calls.
export const UPSTREAMS = [
  { title: 'Chat', kind: 'openai_compatible', below: '/v1', path: /\/chat\/completions$/ },
  { title: 'Messages', kind: 'anthropic', below: '/v1', path: /\/v1\/messages$/ },
  {
    title: 'Responses', kind: 'openai', protocol: 'openai_responses', below: '/v1',
    path: /\/v1\/responses$/,
  },
  { title: 'Gemini', kind: 'gemini', below: '/v1beta', path: /:(stream)?generateContent/i },
  { title: 'Ollama', kind: 'ollama', below: '', path: /\/api\/chat$/ },
  { title: 'Cohere', kind: 'cohere', below: '/v2', path: /\/v2\/chat$/ },
  { title: 'Converse', kind: 'bedrock', below: '', path: /\/converse(-stream)?$/ },
];

// The gate's configuration for all of them at one server, which is the provider "of-<protocol>"
// in each protocol. `folder` is a place for the key that they want.
export function providerTables(url, models, folder) {
  const key = join(folder, 'upstream-key');
  writeFileSync(key, 'unused', { mode: 0o600 });
  const listed = models.map((name) => `{ name = "${name}", context_tokens = 128000,
 output_tokens_max = 16384, quality = 0.9, capabilities = ["tools", "temperature", "stream_usage",
 "vendor_fields"], prices = { input_usd = 1, cached_read_usd = 1, output_usd = 2 } }`);
  return UPSTREAMS.map(({ title, kind, protocol, below }) => `
[providers.of-${title.toLowerCase()}]
kind = "${kind}"
${protocol ? `protocol = "${protocol}"` : ''}
url = "${url}${below}"
key = "file:${key}"
place = "cloud"
emulated = true
models = [${listed.join(', ').replaceAll('\n', '')}]
`).join('');
}
export const modelAt = (upstream, name) => `of-${upstream.title.toLowerCase()}/${name}`;

// The HTTP status that an SDK's error tells.
export const statusOf = (error) =>
  error.status ?? error.status_code ?? error.statusCode ?? error.$metadata?.httpStatusCode;
