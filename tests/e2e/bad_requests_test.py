#!/usr/bin/env python3
"""What is wrong with a request in every protocol alike (a wrong type, a missing field, an unknown
role, ten thousand tools, a megabyte of nested schema, bytes that are no UTF-8, a call's id given
twice, a result without its call): each client hears a 400 in its own shape which names the place,
and no provider hears anything.
"""

import json
import unittest

from harness import CLOUD, GateTest

TOOLS = 10_000
DEPTH = 25_000  # of the schema, a megabyte


def nested_schema():
    """JSON text: objects in objects, which no encoder of Python's would nest so deep."""
    return '{"type":"object","properties":{"a":' * DEPTH + "{}" + "}}" * DEPTH


class Protocol:
    """How one protocol says things; a body is changed and sent as JSON."""

    title = ""
    path = ""
    turns = "messages"  # the member that holds the conversation
    required = None  # a member that must be there, if not that one
    headers = {}

    def base(self):
        return {"model": CLOUD, "messages": [{"role": "user", "content": "x"}], **self.more()}

    def more(self):
        return {}

    def role(self, role):
        return {"messages": [{"role": role, "content": "x"}]}, "messages[0].role"

    def tools(self, tools):
        return {"tools": tools}

    def complaint(self, answer):
        """The message for people, once the shape is right. Raises where it is not."""
        raise NotImplementedError


class OpenAiChat(Protocol):
    title, path = "Chat Completions", "/v1/chat/completions"

    def tool(self, schema):
        return {"type": "function", "function": {"name": "f", "parameters": schema}}

    def call(self, name):
        return {"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}}

    def same_id_twice(self):
        calls = {"role": "assistant", "tool_calls": [self.call("a"), self.call("a")]}
        return {"messages": [{"role": "user", "content": "x"}, calls]}, "messages[1].tool_calls[1]"

    def result_alone(self):
        result = {"role": "tool", "tool_call_id": "a", "content": "x"}
        return {"messages": [{"role": "user", "content": "x"}, result]}, "messages[1].tool_call_id"

    def complaint(self, answer):
        error = answer.json["error"]
        assert set(error) == {"message", "type", "param", "code"}, error
        assert error["type"] == "invalid_request_error", error
        return f"{error['param']}: {error['message']}"


class OpenAiResponses(OpenAiChat):
    title, path, turns = "Responses", "/v1/responses", "input"

    def base(self):
        return {"model": CLOUD, "input": [{"role": "user", "content": "x"}]}

    def role(self, role):
        return {"input": [{"role": role, "content": "x"}]}, "input[0].role"

    def tool(self, schema):
        return {"type": "function", "name": "f", "parameters": schema}

    def call(self, name):
        return {"type": "function_call", "call_id": name, "name": "f", "arguments": "{}"}

    def same_id_twice(self):
        return {"input": [self.call("a"), self.call("a")]}, "input[1].call_id"

    def result_alone(self):
        result = {"type": "function_call_output", "call_id": "a", "output": "x"}
        return {"input": [{"role": "user", "content": "x"}, result]}, "input[1].call_id"


class Anthropic(Protocol):
    title, path = "Messages", "/v1/messages"
    headers = {"anthropic-version": "2023-06-01"}

    def more(self):
        return {"max_tokens": 10}

    def tool(self, schema):
        return {"name": "f", "input_schema": schema}

    def same_id_twice(self):
        call = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
        turn = {"role": "assistant", "content": [call, call]}
        return {"messages": [{"role": "user", "content": "x"}, turn]}, "messages[1].content[1].id"

    def result_alone(self):
        result = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
        turns = [{"role": "user", "content": [result]}]
        return {"messages": turns}, "messages[0].content[0].tool_use_id"

    def complaint(self, answer):
        body = answer.json
        assert body["type"] == "error" and body["error"]["type"] == "invalid_request_error", body
        return body["error"]["message"]


class Gemini(Protocol):
    title, turns = "Gemini", "contents"
    path = f"/v1beta/models/{CLOUD}:generateContent"

    def base(self):
        return {"contents": [{"role": "user", "parts": [{"text": "x"}]}]}

    def role(self, role):
        return {"contents": [{"role": role, "parts": [{"text": "x"}]}]}, "contents[0].role"

    def tool(self, schema):
        return {"functionDeclarations": [{"name": "f", "parametersJsonSchema": schema}]}

    def same_id_twice(self):
        part = {"functionCall": {"id": "a", "name": "f", "args": {}}}
        turn = {"role": "model", "parts": [part, part]}
        turns = [{"role": "user", "parts": [{"text": "x"}]}, turn]
        return {"contents": turns}, "contents[1].parts[1].functionCall.id"

    def result_alone(self):
        part = {"functionResponse": {"id": "a", "name": "f", "response": {}}}
        return {"contents": [{"role": "user", "parts": [part]}]}, "contents[0].parts[0]"

    def complaint(self, answer):
        error = answer.json["error"]
        assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT"), error
        return error["message"]


class Ollama(Protocol):
    """A chat without messages loads the model, and a result may stand alone: Ollama knows no
    better. No other protocol can say that, so it is not wrong, but nobody can run it."""

    title, path, required = "Ollama", "/api/chat", "model"

    def tool(self, schema):
        return {"type": "function", "function": {"name": "f", "parameters": schema}}

    def same_id_twice(self):
        call = {"id": "a", "function": {"name": "f", "arguments": {}}}
        turn = {"role": "assistant", "tool_calls": [call, call]}
        turns = [{"role": "user", "content": "x"}, turn]
        return {"messages": turns}, "messages[1].tool_calls[1]"

    def result_alone(self):
        result = {"role": "tool", "tool_call_id": "a", "tool_name": "f", "content": "x"}
        return {"messages": [{"role": "user", "content": "x"}, result]}, "messages[1]"

    def complaint(self, answer):
        assert isinstance(answer.json["error"], str), answer.json
        return answer.json["error"]


class Cohere(Protocol):
    title, path = "Cohere", "/v2/chat"

    def tool(self, schema):
        return {"type": "function", "function": {"name": "f", "parameters": schema}}

    def same_id_twice(self):
        call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        turn = {"role": "assistant", "tool_calls": [call, call]}
        turns = [{"role": "user", "content": "x"}, turn]
        return {"messages": turns}, "messages[1].tool_calls[1]"

    def result_alone(self):
        result = {"role": "tool", "tool_call_id": "a", "content": "x"}
        return {"messages": [{"role": "user", "content": "x"}, result]}, "messages[1].tool_call_id"

    def complaint(self, answer):
        return answer.json["message"]


class Bedrock(Protocol):
    title = "Converse"
    path = f"/model/{CLOUD.replace('/', '%2F')}/converse"

    def base(self):
        return {"messages": [{"role": "user", "content": [{"text": "x"}]}]}

    def role(self, role):
        return {"messages": [{"role": role, "content": [{"text": "x"}]}]}, "messages[0].role"

    def tool(self, schema):
        return {"toolSpec": {"name": "f", "inputSchema": {"json": schema}}}

    def tools(self, tools):
        return {"toolConfig": {"tools": tools}}

    def same_id_twice(self):
        call = {"toolUse": {"toolUseId": "a", "name": "f", "input": {}}}
        turn = {"role": "assistant", "content": [call, call]}
        turns = [*self.base()["messages"], turn]
        return {"messages": turns}, "messages[1].content[1].toolUse.toolUseId"

    def result_alone(self):
        result = {"toolResult": {"toolUseId": "a", "content": [{"text": "x"}]}}
        turns = [{"role": "user", "content": [result]}]
        return {"messages": turns}, "messages[0].content[0].toolResult.toolUseId"

    def complaint(self, answer):
        assert answer.headers["x-amzn-errortype"].startswith("ValidationException"), answer.headers
        return answer.json["message"]


PROTOCOLS = [
    OpenAiChat(), OpenAiResponses(), Anthropic(), Gemini(), Ollama(), Cohere(), Bedrock(),
]  # fmt: skip


class BadRequests(GateTest):
    LOCAL = False

    def send(self, protocol, body):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.gate.request("POST", protocol.path, body, headers=protocol.headers)

    def check(self, protocol, body, place):
        answer = self.send(protocol, body)
        self.assertEqual(answer.status, 400, answer.body[:500])
        complaint = protocol.complaint(answer)
        self.assertIn(place, complaint)
        self.assert_nothing_left()

    def each(self, test):
        for protocol in PROTOCOLS:
            with self.subTest(protocol=protocol.title):
                test(protocol)

    def test_what_is_right_is_answered(self):
        def test(protocol):
            self.assertEqual(self.send(protocol, protocol.base()).status, 200)

        self.each(test)

    def test_a_wrong_type(self):
        def test(protocol):
            for wrong in (7, "x", True, {"a": 1}):
                if protocol.title == "Responses" and wrong == "x":
                    continue  # a text is right there
                self.check(protocol, {**protocol.base(), protocol.turns: wrong}, protocol.turns)
            self.check(protocol, {**protocol.base(), protocol.turns: [3]}, f"{protocol.turns}[0]")

        self.each(test)

    def test_a_missing_field(self):
        def test(protocol):
            required = protocol.required or protocol.turns
            body = protocol.base()
            del body[required]
            self.check(protocol, body, required)

        self.each(test)

    def test_an_unknown_role(self):
        def test(protocol):
            changed, place = protocol.role("oracle")
            self.check(protocol, {**protocol.base(), **changed}, place)

        self.each(test)

    def test_ten_thousand_tools(self):
        def test(protocol):
            tools = protocol.tools([protocol.tool({"type": "object"})] * TOOLS)
            self.check(protocol, {**protocol.base(), **tools}, "tools")

        self.each(test)

    def test_a_megabyte_of_nested_schema(self):
        schema = nested_schema()
        self.assertGreater(len(schema), 900_000)

        def test(protocol):
            body = {**protocol.base(), **protocol.tools([protocol.tool("SCHEMA")])}
            text = json.dumps(body).replace('"SCHEMA"', schema)
            self.check(protocol, text.encode(), "nested")

        self.each(test)

    def test_bytes_that_are_no_utf8(self):
        def test(protocol):
            text = json.dumps(protocol.base()).replace('"x"', '"MARK"', 1)
            for wrong in (b"\xff", b"\xc3", b"\xed\xa0\x80"):
                self.check(protocol, text.encode().replace(b"MARK", wrong), "UTF-8")

        self.each(test)

    def test_one_id_for_two_calls(self):
        def test(protocol):
            changed, place = protocol.same_id_twice()
            self.check(protocol, {**protocol.base(), **changed}, place)

        self.each(test)

    def test_a_result_without_its_call(self):
        def test(protocol):
            changed, place = protocol.result_alone()
            self.check(protocol, {**protocol.base(), **changed}, place)

        self.each(test)


if __name__ == "__main__":
    unittest.main()
