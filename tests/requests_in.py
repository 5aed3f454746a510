"""What requests are made of in tests: the samples, the starter, and a prompt that has every shape at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prompts.build import history
from promptstage.model import dump_document
from promptstage.requests.rendered import Rendered
from promptstage.testing import Client
from registry.catalog.parsing import notes, partials
from registry.catalog.parsing.document import parse
from registry.cli.author import scaffold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.prompt import Prompt


def _samples() -> Iterator[tuple[str, bytes]]:
    """Each version that there ever was, and its file, with the partials of its commit."""
    shared: dict[str, bytes] = {}
    for commit in history():
        files = ((path.removeprefix("prompts/"), content) for path, content in commit.files.items())
        shared |= {path: content for path, content in files if path.startswith("shared/")}
        for tag in commit.tags:
            yield tag.name, partials.pack(f"{tag.prompt}.prompt.yml", tag.content, shared)


VERSIONS = dict(_samples())
FILES = VERSIONS | {f"starter {path}": text.encode() for path, text in scaffold.samples().items()}
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "Find an order by its number",
            "parameters": {
                "type": "object",
                "properties": {"number": {"type": "string"}},
                "required": ["number"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    },
    {"type": "function", "function": {"name": "now"}},
]
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "find_order", "arguments": '{"number": "7"}'},
}
PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0xLjQ="
CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Where is it?"},
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/parcel.jpg"}},
            {"type": "file", "file": {"filename": "invoice.pdf", "file_data": PDF}},
        ],
    },
    {"role": "assistant", "content": None, "tool_calls": [CALL, CALL | {"id": "call_2"}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "on its way"},
    {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "on its way"}]},
    {"role": "user", "content": "Thank you."},
]
EVERY_KEY = b"""
model: openai/gpt-5.4
modelParameters: {maxCompletionTokens: 300, parallelToolCalls: false}
responseFormat: json_schema
jsonSchema: {type: object, properties: {}, additionalProperties: false}
tools:
  - type: function
    function: {name: find_order, parameters: {type: object, properties: {number: {type: string}}}}
toolChoice: {type: function, function: {name: find_order}}
messages:
  - {role: system, content: Be brief.}
  - {placeholder: history}
  - role: user
    content:
      - {type: text, text: "{{question}}"}
      - {type: image_url, image_url: {url: "{{photo}}"}}
"""
GIVEN = {"history": CONVERSATION[2:], "question": "Is it broken?", "photo": PNG}
RENDERED = Rendered(
    name="support/reply",
    model="openai/gpt-5.4-mini",
    parameters={
        "max_tokens": 300,
        "reasoning_effort": "low",
        "parallel_tool_calls": False,
    },
    messages=CONVERSATION,
    response_format=None,
    tools=TOOLS,
    tool_choice="required",
)


def served(content: bytes, model: str | None = None) -> Prompt:
    """What `get` returns for a version's content, of another model if one is given."""
    document = parse(content, "prompts/x.prompt.yml").document
    document = replace(document, model=document.model if model is None else model)
    version = {"number": 1, "digest": "sha256:0", "commit": "0", "document": dump_document(document)}
    release: dict[str, Any] = {
        "environment": "production",
        "prompt": "x",
        "epoch": 1,
        "seq": 1,
        "targets": [],
        "split": None,
        "default": {"version": "1.0.0", "arm": "stable"},
        "versions": {"1.0.0": version},
    }
    return Client.of({"x": release}).get("x", key="user-42", stamp=False)


def served_by(publisher: str, content: bytes, model: str) -> Prompt:
    """The same, with its own model if it is of this publisher."""
    prompt = served(content)
    return prompt if prompt.model.startswith(f"{publisher}/") else served(content, model)


def cases(content: bytes, prompt: Prompt) -> list[dict[str, Any]]:
    """The entries of the file's testData; without them a value for every variable."""
    file, _ = partials.split(content)
    words = {variable.name: "words" for variable in prompt.document.variables}
    return notes.read(file).cases or [words]
