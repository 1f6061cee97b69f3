"""The four wire formats in which the agents speak with a model: reads a request, writes an answer.

A request is reduced to what the script of a run needs (`Request`), an answer is made of text, tool calls and usage
(`Answer`). Ids look like the providers' own, since a recorder tells by them whether a fact is new.
"""

import json
import random
import re
import string
from dataclasses import dataclass, field

# A prompt names the script that answers it: "do it [[plain]]".
MARKER = re.compile(r"\[\[([\w-]+)\]\]")
SUMMARY_WANTED = re.compile(r"summar|compact|state_snapshot|checkpoint", re.IGNORECASE)
# Some ask for a title with the person's prompt, marker and all, and with tools.
TITLE_WANTED = re.compile(r"generate a .{0,40}title", re.IGNORECASE)
TITLE = '{"title": "Mock session", "isNewTopic": true}'
SUMMARY = "<analysis>Short.</analysis><summary>The mock did the work so far.</summary><state_snapshot>Done so far.</state_snapshot>"


@dataclass
class Request:
    model: str
    tools: list
    script: str | None  # the last marker that a user's message holds
    step: int  # how many tool calls the model has made since that message
    wanted: str | None  # "summary" or "title", where the agent asks for itself
    stream: bool
    result: str = ""  # what the last tool answered


@dataclass
class Usage:
    """Tokens of one call as the provider bills them: `input` without what came from a cache."""

    input: int
    output: int
    cache_read: int
    cache_write: int


# The names of those figures in tables, and above.
TOKENS = {"input": "input", "output": "output", "cache read": "cache_read", "cache write": "cache_write"}


@dataclass
class Answer:
    text: str
    calls: list = field(default_factory=list)  # [(tool, arguments)]; text for arguments is a free-form tool of Codex
    usage: Usage | None = None
    slow: bool = False


def identifier(prefix, length):
    return prefix + "".join(random.choices(string.ascii_letters + string.digits, k=length))


class Reader:
    """Follows a conversation: which script its last marker names, and how many steps of it are done."""

    def __init__(self):
        self.script, self.step, self.last_text, self.result = None, 0, "", ""

    def user(self, text):
        self.last_text = text or self.last_text
        found = MARKER.findall(text)
        if found:
            self.script, self.step = found[-1], 0

    def called(self):
        self.step += 1

    def wanted(self, tools):
        if TITLE_WANTED.search(self.last_text):
            return "title"
        if SUMMARY_WANTED.search(self.last_text) and not (tools and MARKER.search(self.last_text)):
            return "summary"
        return None if tools else "title"

    def request(self, body, tools, model=None, stream=None):
        return Request(
            model=model or body.get("model", ""),
            tools=tools,
            script=self.script,
            step=self.step,
            wanted=self.wanted(tools),
            stream=bool(body.get("stream")) if stream is None else stream,
            result=self.result,
        )


def text_of(content):
    """The text of a message, which is text itself or a list of parts."""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text") or "" for part in content or [] if isinstance(part, dict))


# Anthropic: POST /v1/messages


def read_messages(body):
    reader = Reader()
    for message in body.get("messages", []):
        content = message.get("content")
        if message.get("role") == "assistant":
            if isinstance(content, list) and any(part.get("type") == "tool_use" for part in content):
                reader.called()
        elif message.get("role") == "user":
            reader.user(text_of(content))
    return reader.request(body, [tool.get("name") for tool in body.get("tools") or []])


def write_messages(request, answer):
    """Yields (event, data); None where a slow answer waits."""
    message_id, usage = identifier("msg_01", 22), answer.usage
    billed = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.cache_write, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }
    message = {"id": message_id, "type": "message", "role": "assistant", "model": request.model, "content": [], "stop_reason": None,
               "stop_sequence": None, "usage": {**billed, "output_tokens": 1}}
    yield "message_start", {"type": "message_start", "message": message}
    blocks = [({"type": "text", "text": ""}, {"type": "text_delta", "text": answer.text})]
    for tool, arguments in answer.calls:
        block = {"type": "tool_use", "id": identifier("toolu_01", 22), "name": tool, "input": {}}
        blocks.append((block, {"type": "input_json_delta", "partial_json": json.dumps(arguments)}))
    for index, (block, delta) in enumerate(blocks):
        yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": block}
        yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
        if answer.slow:
            yield from slowly(lambda text: (
                "content_block_delta",
                {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}))
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    stop = "tool_use" if answer.calls else "end_turn"
    yield "message_delta", {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
                            "usage": {**billed, "output_tokens": usage.output}}
    yield "message_stop", {"type": "message_stop"}


# OpenAI: POST /v1/responses


def read_responses(body):
    reader = Reader()
    for item in body.get("input", []):
        if item.get("type") in ("function_call", "custom_tool_call", "local_shell_call"):
            reader.called()
        elif item.get("type") == "function_call_output":
            reader.result = json.dumps(item.get("output"))
        elif item.get("role") == "user":
            reader.user(text_of(item.get("content")))
    return reader.request(body, [tool.get("name") or tool.get("type") for tool in body.get("tools") or []])


def write_responses(request, answer):
    response_id, usage = identifier("resp_", 48), answer.usage
    yield "response.created", {"type": "response.created", "response": {"id": response_id}}
    message = {"type": "message", "id": identifier("msg_", 48), "role": "assistant",
               "content": [{"type": "output_text", "text": answer.text, "annotations": []}]}
    items = [message] + [responses_call(tool, arguments) for tool, arguments in answer.calls]
    for index, item in enumerate(items):
        yield "response.output_item.added", {"type": "response.output_item.added", "output_index": index, "item": item}
        if item is message:
            delta = {"type": "response.output_text.delta", "item_id": item["id"], "output_index": index, "content_index": 0}
            yield delta["type"], {**delta, "delta": answer.text}
            if answer.slow:
                yield from slowly(lambda text: (delta["type"], {**delta, "delta": text}))
        yield "response.output_item.done", {"type": "response.output_item.done", "output_index": index, "item": item}
    prompt = usage.input + usage.cache_read
    told = {"input_tokens": prompt, "input_tokens_details": {"cached_tokens": usage.cache_read}, "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": prompt + usage.output}
    yield "response.completed", {"type": "response.completed", "response": {"id": response_id, "usage": told}}


def responses_call(tool, arguments):
    call_id = identifier("call_", 24)
    if isinstance(arguments, str):
        return {"type": "custom_tool_call", "id": identifier("ctc_", 48), "call_id": call_id, "name": tool, "input": arguments,
                "status": "completed"}
    namespace, _, name = tool.rpartition("/")
    item = {"type": "function_call", "id": identifier("fc_", 48), "call_id": call_id, "name": name, "arguments": json.dumps(arguments),
            "status": "completed"}
    return {**item, "namespace": namespace} if namespace else item


# OpenAI of old, and what most local servers speak: POST /v1/chat/completions


def read_chat(body):
    reader = Reader()
    for message in body.get("messages", []):
        if message.get("role") == "assistant" and message.get("tool_calls"):
            reader.called()
        elif message.get("role") == "user":
            reader.user(text_of(message.get("content")))
    return reader.request(body, [tool.get("function", {}).get("name") for tool in body.get("tools") or []])


def write_chat(request, answer):
    usage, chunk = answer.usage, {"id": identifier("chatcmpl-", 29), "object": "chat.completion.chunk", "created": 1764000000,
                                  "model": request.model}

    def piece(delta, finish=None, **more):
        return "", {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}

    yield piece({"role": "assistant", "content": answer.text})
    if answer.slow:
        yield from slowly(lambda text: piece({"content": text}))
    calls = [{"index": index, "id": identifier("call_", 24), "type": "function",
              "function": {"name": tool, "arguments": json.dumps(arguments)}} for index, (tool, arguments) in enumerate(answer.calls)]
    if calls:
        yield piece({"tool_calls": calls})
    prompt = usage.input + usage.cache_read
    told = {"prompt_tokens": prompt, "completion_tokens": usage.output, "total_tokens": prompt + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cache_read}}
    yield piece({}, "tool_calls" if calls else "stop", usage=told)
    yield "", "[DONE]"


# Google: POST /v1beta/models/MODEL:streamGenerateContent


def read_generate(body):
    reader = Reader()
    for content in body.get("contents", []):
        parts = content.get("parts") or []
        if content.get("role") == "model":
            if any("functionCall" in part for part in parts):
                reader.called()
        elif not any("functionResponse" in part for part in parts):
            reader.user(text_of(parts))
    tools = [declared.get("name") for tool in body.get("tools") or [] for declared in tool.get("functionDeclarations") or []]
    return reader.request(body, tools, model=body["model"], stream=body["stream"])


def write_generate(request, answer):
    usage, response_id = answer.usage, identifier("", 22)
    thoughts = 5

    def piece(parts, **more):
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
        if more:
            candidate["finishReason"] = "STOP"
        return "", {"candidates": [candidate], "modelVersion": request.model, "responseId": response_id, **more}

    if answer.slow:
        yield piece([{"text": answer.text}])
        yield from slowly(lambda text: piece([{"text": text}]))
    parts = [{"text": answer.text}]
    parts += [{"functionCall": {"id": identifier("", 16), "name": tool, "args": arguments}} for tool, arguments in answer.calls]
    prompt = usage.input + usage.cache_read
    yield piece(parts, usageMetadata={
        "promptTokenCount": prompt, "cachedContentTokenCount": usage.cache_read, "thoughtsTokenCount": thoughts,
        "candidatesTokenCount": usage.output - thoughts, "totalTokenCount": prompt + usage.output})


SLOW_PIECES = 240


def slowly(piece):
    """A minute's worth of pieces, None before each: who writes them waits there, and gives up when nobody reads on."""
    for number in range(SLOW_PIECES):
        yield None
        yield piece(f" word {number}")


def whole(pieces, api):
    """The answer to a request that wants no stream: only Anthropic's and Google's agents make such, for small questions."""
    pieces = [data for _, data in (piece for piece in pieces if piece) if data != "[DONE]"]
    if api == "generate":
        return pieces[-1]
    if api == "messages":
        text = "".join(piece["delta"].get("text", "") for piece in pieces if piece["type"] == "content_block_delta")
        end = next(piece for piece in pieces if piece["type"] == "message_delta")
        return {**pieces[0]["message"], "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": end["usage"]}
    if api == "responses":
        return pieces[-1]["response"]
    text = "".join(piece["choices"][0]["delta"].get("content", "") for piece in pieces)
    return {**pieces[0], "object": "chat.completion", "usage": pieces[-1]["usage"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}


FORMATS = {
    "messages": (read_messages, write_messages),
    "responses": (read_responses, write_responses),
    "chat": (read_chat, write_chat),
    "generate": (read_generate, write_generate),
}


def refusal(api, status):
    """How each provider words an error."""
    kind = {429: "rate_limit_error", 400: "invalid_request_error"}.get(status, "api_error")
    message = {429: "mock: too many requests", 400: "mock: the request is refused"}.get(status, "mock: failed")
    if api == "generate":
        word = {429: "RESOURCE_EXHAUSTED", 400: "INVALID_ARGUMENT"}.get(status, "INTERNAL")
        return {"error": {"code": status, "message": message, "status": word}}
    if api == "messages":
        return {"type": "error", "error": {"type": kind, "message": message}}
    return {"error": {"type": kind, "code": "rate_limit_exceeded" if status == 429 else kind, "message": message}}
