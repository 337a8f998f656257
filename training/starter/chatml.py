"""How a conversation becomes text, once for training and once for llama-server.

A model only understands the turn markers it was trained on. The training text is rendered by
Segments() below; the server renders the same conversation with CHAT_TEMPLATE, which travels inside
the GGUF file. check.py holds the two against each other.
"""

import json

IM_START = "<|im_start|>"
IM_END = "<|im_end|>"
END_OF_TEXT = "<|endoftext|>"

# Control tokens never appear in an answer; the others are ordinary text that costs one token.
CONTROL_TOKENS = [END_OF_TEXT, IM_START, IM_END]
TEXT_TOKENS = ["<tools>", "</tools>", "<tool_call>", "</tool_call>"]

ROLE_OF = {"developer": "system"}  # the newer name of the same thing
TOOLS_INTRO = "You can call these tools:\n<tools>"
TOOLS_OUTRO = "\n</tools>\nTo call a tool, answer with its name and arguments inside <tool_call>."

CHAT_TEMPLATE = """\
{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role in ['system', 'developer'] and messages[0].content %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- 'You can call these tools:\\n<tools>' }}
    {%- for tool in tools %}
        {{- '\\n' + (tool.function | tojson) }}
    {%- endfor %}
    {{- '\\n</tools>\\nTo call a tool, answer with its name and arguments inside <tool_call>.' }}
    {{- '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- set role = 'system' if message.role == 'developer' else message.role %}
    {%- if not (tools and loop.first and role == 'system') %}
        {{- '<|im_start|>' + role + '\\n' }}
        {%- if message.content %}
            {{- message.content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for call in message.tool_calls %}
                {%- if message.content or not loop.first %}
                    {{- '\\n' }}
                {%- endif %}
                {{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
                {%- if call.function.arguments is string %}
                    {{- call.function.arguments }}
                {%- else %}
                    {{- call.function.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def ToolCallText(name, arguments):
    """The text of one tool call; `arguments` is a dict."""
    return '<tool_call>\n{"name": "%s", "arguments": %s}\n</tool_call>' % (
        name, json.dumps(arguments))


def Segments(messages, tools=None):
    """Yields (text, is_answer) pieces whose texts, joined, are the rendered conversation.

    is_answer is true for what the model itself has to write: an assistant's content and the marker
    that ends its turn.
    """
    messages = [{**m, "role": ROLE_OF.get(m["role"], m["role"])} for m in messages]
    if tools:
        text = IM_START + "system\n"
        if messages[0]["role"] == "system":
            text += messages.pop(0)["content"] + "\n\n"
        text += TOOLS_INTRO + "".join("\n" + json.dumps(t) for t in tools) + TOOLS_OUTRO
        yield text + IM_END + "\n", False
    for m in messages:
        yield IM_START + m["role"] + "\n", False
        yield m["content"] + IM_END, m["role"] == "assistant"
        yield "\n", False


def Render(messages, tools=None, generate=False):
    """The rendered conversation; with `generate`, open for the model's next turn."""
    text = "".join(piece for piece, _ in Segments(messages, tools))
    return text + IM_START + "assistant\n" if generate else text
