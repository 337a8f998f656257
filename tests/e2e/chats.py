"""A short chat with the starter model, in every protocol that can ask for one."""

from harness import LOCAL

MESSAGES = [{"role": "user", "content": "Say hello."}]
TURNS = [{"role": "user", "content": [{"text": "Say hello."}]}]

CHATS = {
    "/v1/chat/completions": {"model": LOCAL, "messages": MESSAGES, "max_tokens": 2},
    "/v1/completions": {"model": LOCAL, "prompt": "Hello", "max_tokens": 2},
    "/v1/responses": {"model": LOCAL, "input": "Say hello.", "max_output_tokens": 16},
    "/v1/messages": {"model": LOCAL, "messages": MESSAGES, "max_tokens": 2},
    "/v1beta/models/tidegate-starter:generateContent": {
        "contents": [{"parts": [{"text": "Say hello."}]}],
        "generationConfig": {"maxOutputTokens": 2},
    },
    "/model/tidegate-starter/converse": {
        "messages": TURNS,
        "inferenceConfig": {"maxTokens": 2},
    },
    "/v2/chat": {"model": LOCAL, "messages": MESSAGES, "max_tokens": 2},
    "/api/chat": {
        "model": LOCAL,
        "messages": MESSAGES,
        "stream": False,
        "options": {"num_predict": 2},
    },
    "/api/generate": {
        "model": LOCAL,
        "prompt": "Hello",
        "stream": False,
        "options": {"num_predict": 2},
    },
}
