"""The columns of exported calls: a contract with warehouses. Add to them, never rename."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """What a column holds.

    Attributes:
        arrow: its type in Parquet; what has a form of its own in JSON is text there.
        meaning: for people.
        form: its type in JSON, if that is a form of its own.
    """

    arrow: str
    meaning: str
    form: str = ""


COLUMNS = {
    "id": Column("string", "of the call, a UUIDv7"),
    "at": Column("string", "its start, RFC 3339 in UTC"),
    "arrived_at": Column("string", "when it was reported"),
    "environment": Column("string", "such as `production`"),
    "prompt": Column("string", "the prompt's name"),
    "version": Column("string", "SemVer, or `fallback`"),
    "arm": Column("string", "`canary`, `control`, `stable`, `pinned` or `fallback`"),
    "reason": Column("string", "why: `STATIC`, `SPLIT`, `TARGETING_MATCH`, `PINNED` or `FALLBACK`"),
    "rollout": Column("string", "the id of the rollout that chose"),
    "source": Column("string", "`live`, `snapshot` or `fallback`"),
    "model": Column("string", "the model that was asked for"),
    "response_model": Column("string", "the model that answered, mostly with its date"),
    "provider": Column("string", "such as `openai`"),
    "error": Column("string", "the class of the exception; null: none"),
    "finish_reason": Column("string", "as the model said it, or `cancelled`"),
    "route": Column("string", "what the app named it, such as `POST /tickets`"),
    "segment": Column("string", "of users, as the app named it"),
    "conversation": Column("string", "hashed; the same for all calls of one"),
    "trace_id": Column("string", "of the span around it, 32 hexadecimal digits"),
    "span_id": Column("string", "16 hexadecimal digits"),
    "response_id": Column("string", "the provider's id of the answer, of calls from spans"),
    "price": Column("string", "where the price is from"),
    "via": Column("string", "`client` or `otlp`"),
    "seq": Column("int64", "of the release that it was chosen from"),
    "input_tokens": Column("int64", "with those from a cache"),
    "output_tokens": Column("int64", "with those of reasoning"),
    "cached_tokens": Column("int64", "of the input"),
    "reasoning_tokens": Column("int64", "of the output"),
    "cost_usd": Column("float64", "null: its price is not known"),
    "duration_ms": Column("float64", "until the answer, or the end of its stream"),
    "ttft_ms": Column("float64", "until the first token of a stream"),
    "format_error": Column("bool_", "whether the answer has not the format that was asked for"),
    "ended": Column("bool_", "whether its outcome is known"),
    "sampled": Column("bool_", "whether its content is kept; it is not exported"),
    "erased": Column("bool_", "whether its identity was erased"),
    "parameters": Column("string", "of the model, such as `temperature`", "object"),
    "contexts": Column("string", "what was retrieved, as the app named it", "list of texts"),
    "tool_calls": Column("string", "`name` and `error` of each", "list of objects"),
    "flags": Column("string", "bad events that the app named", "list of texts"),
    "feedback": Column("string", "`kind`, `value` and `at` of each", "list of objects"),
    "scores": Column("string", "`name`, `value`, `judge` and `at` of each", "list of objects"),
}
TYPES = {"string": "text", "int64": "whole number", "float64": "number", "bool_": "true or false"}
