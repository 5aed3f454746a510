"""Responses as the APIs of models give them, in JSON, and the parts of streamed ones."""

from __future__ import annotations

from typing import Any

CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-mini-2025-08-07",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": None,
            "message": {
                "role": "assistant",
                "content": "One moment.",
                "refusal": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_order", "arguments": '{"id": 7}'},
                    }
                ],
            },
        }
    ],
    "usage": {
        "prompt_tokens": 1204,
        "completion_tokens": 88,
        "total_tokens": 1292,
        "prompt_tokens_details": {"cached_tokens": 1024},
        "completion_tokens_details": {"reasoning_tokens": 64},
    },
}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-5-mini-2025-08-07",
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "One moment.", "annotations": []}],
        },
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "get_order",
            "arguments": '{"id": 7}',
        },
    ],
    "usage": {
        "input_tokens": 1204,
        "input_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 0},
        "output_tokens": 88,
        "output_tokens_details": {"reasoning_tokens": 64},
        "total_tokens": 1292,
    },
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5-5-20260901",
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "content": [
        {"type": "text", "text": "One moment.", "citations": None},
        {"type": "tool_use", "id": "toolu_1", "name": "get_order", "input": {"id": 7}},
    ],
    "usage": {
        "input_tokens": 56,
        "cache_read_input_tokens": 64,
        "cache_creation_input_tokens": 16,
        "output_tokens": 24,
    },
}
GOOGLE: dict[str, Any] = {
    "model_version": "gemini-3-flash",
    "candidates": [
        {
            "finish_reason": "STOP",
            "content": {
                "parts": [
                    {"text": "One moment."},
                    {"function_call": {"name": "get_order", "args": {"id": 7}}},
                ]
            },
        }
    ],
    "usage_metadata": {
        "prompt_token_count": 120,
        "candidates_token_count": 20,
        "thoughts_token_count": 4,
        "cached_content_token_count": 64,
    },
}
CONVERSE: dict[str, Any] = {
    "stopReason": "tool_use",
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"text": "One moment."},
                {"toolUse": {"toolUseId": "t1", "name": "get_order", "input": {"id": 7}}},
            ],
        }
    },
    "usage": {"inputTokens": 56, "outputTokens": 24, "cacheReadInputTokens": 64, "cacheWriteInputTokens": 16},
}


def chunk(delta: dict[str, Any] | None, *, finish: str | None = None, usage: Any = None) -> dict[str, Any]:
    """One chunk of a chat completion; without a delta it has no choices, as the last one."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-5-mini-2025-08-07",
        "choices": [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}],
        "usage": usage,
    }


def _tool(**function: str) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, "function": function}]}


CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "One "}),
    chunk({"content": "moment."}),
    chunk(_tool(name="get_order", arguments="")),
    chunk(_tool(arguments='{"id"')),
    chunk(_tool(arguments=": 7}")),
    chunk({}, finish="tool_calls"),
    chunk(None, usage=CHAT["usage"]),
]
EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            **MESSAGE,
            "content": [],
            "stop_reason": None,
            "usage": {**MESSAGE["usage"], "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "One moment."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "toolu_1", "name": "get_order", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": '{"id": 7}'},
    },
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 11}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 24}},
    {"type": "message_stop"},
]
RESPONSE_EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": {**RESPONSE, "output": [], "usage": None}},
    {"type": "response.output_text.delta", "delta": "One moment.", "item_id": "msg_1"},
    {"type": "response.completed", "response": RESPONSE},
]
CONVERSE_EVENTS: list[dict[str, Any]] = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "One moment."}}},
    {
        "contentBlockStart": {
            "contentBlockIndex": 1,
            "start": {"toolUse": {"toolUseId": "t1", "name": "get_order"}},
        }
    },
    {"messageStop": {"stopReason": "tool_use"}},
    {"metadata": {"usage": CONVERSE["usage"]}},
]
