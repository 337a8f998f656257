"""What each entry of the catalogue is to be seen doing, for providers_test.py.

A case says how the vendor is played by the emulator and what must reach it. The facts are those of
the vendors' own documents; docs/providers.md names them."""

import dataclasses

OPENAI_CHAT = "openai-chat"


@dataclasses.dataclass
class Case:
    base: str = "/v1"  # the entry's url without its host
    path: str = ""  # of a chat, exactly; {base} and {model} are filled in
    stream_path: str = ""  # of a streamed one, where it differs
    model: str = ""  # the name at the vendor
    key_in: str = "bearer"  # the one place where the vendor takes a key
    header: tuple = ("authorization", "Bearer {key}")  # and what must stand there
    shapes: tuple = (OPENAI_CHAT,)
    quirks: str = ""  # further lines of the emulator's configuration
    bad_status: int = 400  # how the vendor says that a request is wrong
    wrong_key_status: int = 401
    aws: bool = False  # its requests are signed
    tools: bool = True
    streams_usage: bool = True


def compatible(**more):
    """A vendor or server of OpenAI's protocol."""
    more.setdefault("path", "{base}/chat/completions")
    return Case(**more)


def server(quirks="", **more):
    """A server of one's own, which says nothing of limits."""
    return compatible(quirks='rate_limit_fields = "none"\n' + quirks, **more)


def azure(**more):
    return compatible(quirks='azure = true\nerrors = "azure"\n', **more)


API_KEY = {"key_in": "api-key", "header": ("api-key", "{key}")}
VLLM = 'errors = "vllm"\nrefuse_fields = []\n'
SGLANG = 'errors = "sglang"\n'
GROQ_REFUSES = '["logprobs", "top_logprobs", "logit_bias", "messages[].name"]'
CEREBRAS_REFUSES = (
    '["frequency_penalty", "presence_penalty", "logit_bias", "service_tier", "prompt_cache_key"]'
)
MISTRAL_REFUSES = (
    '["seed", "stream_options", "user", "store", "service_tier", "safety_identifier",'
    ' "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "logprobs",'
    ' "top_logprobs", "logit_bias", "max_completion_tokens"]'
)
GOOGLE = {
    "path": "{base}/models/{model}:generateContent",
    "stream_path": "{base}/models/{model}:streamGenerateContent?alt=sse",
    "shapes": ("gemini",),
}

CASES = {
    "anthropic": Case(
        path="{base}/messages",
        key_in="x-api-key",
        header=("x-api-key", "{key}"),
        shapes=("anthropic",),
    ),
    "anyscale": server(VLLM),
    "azure-openai": azure(base="/openai/v1", **API_KEY),
    "azure-openai-deployments": azure(
        base="/openai",
        path="{base}/deployments/{model}/chat/completions?api-version=2024-10-21",
        **API_KEY,
    ),
    "azure-openai-entra": azure(base="/openai/v1"),
    "bedrock": Case(
        base="",
        path="/model/{model}/converse",
        stream_path="/model/{model}/converse-stream",
        shapes=("bedrock",),
        aws=True,
        wrong_key_status=403,
    ),
    "cerebras": compatible(
        quirks='errors = "cerebras"\nrate_limit_fields = "cerebras"\n'
        f"refuse_fields = {CEREBRAS_REFUSES}\n"
    ),
    "cohere": Case(base="/v2", path="{base}/chat", shapes=("cohere",)),
    "deepseek": server("reasoning_back = true\n"),
    "fireworks": server(
        base="/inference/v1", model="accounts/fireworks/models/emulated", bad_status=400
    ),
    "gemini": Case(
        base="/v1beta",
        key_in="x-goog-api-key",
        header=("x-goog-api-key", "{key}"),
        wrong_key_status=400,
        **GOOGLE,
    ),
    "gpt4all": server(streams_usage=False),
    "groq": compatible(
        base="/openai/v1", quirks=f"x_groq = true\nrefuse_fields = {GROQ_REFUSES}\n"
    ),
    "huggingface": server(
        'errors = "huggingface"\n', model="org/emulated:groq", bad_status=422
    ),
    "llama_server": server(VLLM),
    "lmstudio": server('faults = "whole_tool_calls"\n'),
    "max": server(),
    "mistral": compatible(
        quirks='errors = "mistral"\nrate_limit_fields = "mistral"\nseed_field = "random_seed"\n'
        'tool_call_id_bytes = 9\nfaults = "usage=always"\n'
        f"refuse_fields = {MISTRAL_REFUSES}\n",
        bad_status=422,
    ),
    "nim": server("nim = true\n"),
    "nvidia": server("nim = true\n", model="meta/emulated"),
    "ollama": Case(base="", path="/api/chat", shapes=("ollama",)),
    "ollama-cloud": Case(base="", path="/api/chat", shapes=("ollama",)),
    "openai": compatible(shapes=(OPENAI_CHAT, "openai-responses")),
    "openai_compatible": server(),
    "openrouter": compatible(
        base="/api/v1",
        model="maker/emulated:free",
        quirks='errors = "openrouter"\nrate_limit_fields = "openrouter"\ncomments = true\n'
        'reasoning_field = "reasoning"\n',
    ),
    "ray_serve": server(VLLM),
    "replicate": Case(
        path="{base}/models/{model}/predictions",
        model="maker/emulated-on-replicate",
        shapes=("replicate",),
        quirks="slow_jobs = true\n",
        bad_status=422,
        tools=False,
        streams_usage=False,
    ),
    "sglang": server(SGLANG),
    "tensorrt_llm": server(SGLANG),
    "tgi": server('errors = "huggingface"\n', bad_status=422),
    "together": compatible(
        model="maker/emulated", quirks='errors = "together"\nrate_limit_fields = "together"\n'
    ),
    "vertex": Case(
        base="/v1beta1/projects/p/locations/eu/publishers/google", **GOOGLE
    ),
    "vllm": server(VLLM),
    "xai": compatible(quirks='errors = "xai"\n', wrong_key_status=400),
}
