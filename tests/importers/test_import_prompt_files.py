"""Files of dotprompt and Prompty render here as they do by those projects' own code."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest

from promptstage.structured_rendering import make_renderer
from registry.catalog.parsing import document
from registry.errors import Invalid
from registry.importers import dotprompt, prompty
from registry.importers.fit import fit
from registry.importers.imported import Imported, Refused

if TYPE_CHECKING:
    from registry.importers.imported import Files

RECORD = json.loads((Path(__file__).parents[1] / "vectors/importers/files.json").read_text(encoding="utf-8"))
READERS = {"dotprompt": dotprompt.read, "prompty": prompty.read}
SECONDS = 5.0  # of the processor; each takes a tenth of one
HISTORY = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
KNOWN = {"model": "assistant"}


def one(kind: str, source: str, name: str = "greet") -> Imported | Refused:
    """What a reader makes of one file."""
    files: Files = {f"{name}.{'prompt' if kind == 'dotprompt' else kind}": source.encode()}
    (found,) = READERS[kind](files)
    return found


def imported(kind: str, source: str) -> Imported:
    """The version that a reader makes of one file, as it is written."""
    found = one(kind, source)
    assert isinstance(found, Imported), found
    return fit(found, "prompts/greet.prompt.yml")[0]


def refused(kind: str, source: str) -> str:
    """Why a file is refused."""
    found = one(kind, source)
    assert isinstance(found, Refused), found
    return found.why


def shown(kind: str, source: str) -> Any:
    """The messages that an app gets of a file; None if it is refused."""
    found = one(kind, source)
    if isinstance(found, Refused):
        return None
    _, files = fit(found, "prompts/greet.prompt.yml")
    renderer = make_renderer("greet", document.parse(files.content, files.path, {}).document)
    return renderer.messages({**RECORD["values"], "history": HISTORY})


@pytest.mark.parametrize(("kind", "source", "expected"), RECORD["rendered"])
def test_the_messages_are_the_same(kind: str, source: str, expected: list[dict[str, str]] | None) -> None:
    """To the byte, but for line ends of Windows; what is more than variables and roles is refused."""
    wanted = expected and [
        {"role": KNOWN.get(each["role"], each["role"]), "content": each["content"].replace("\r", "")}
        for each in expected
    ]

    assert shown(kind, source) == wanted


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{#each items}}x{{/each}}", "is logic"),
        ("{{> style}}", "includes another file"),
        ("{{@auth.uid}}", "dotprompt's own context"),
        ("{{media url=photo}}", "a media part"),
        ("{{json data}}", "calls the helper json"),
        ("{{~name}}", "removes the space around it"),
        ('{{role "judge"}}x', "the role 'judge'"),
        ("{{name", "without its end"),
        ("---\nmodel: &a x\n---\nHi", "line 2, column 8: &a is an anchor"),
        ("---\nmodel: [\n---\nHi", "line 3"),
        ("---\n- a\n---\nHi", "no mapping"),
        ("", "no messages"),
    ],
)
def test_what_dotprompt_has_and_a_prompt_file_has_not_is_named(source: str, said: str) -> None:
    """Nothing is guessed."""
    assert said in refused("dotprompt", source)


def test_the_head_of_dotprompt() -> None:
    """Model, configuration, schemas of input and output; the rest is named."""
    source = """\
---
model: googleai/gemini-2.5-flash
config: {temperature: 0.2, maxOutputTokens: 100}
tools: [search]
input:
  schema:
    message: string, what the customer wrote
    tone?: string
  default: {tone: warm}
output:
  schema: {"queue(enum)": [billing, other], "tags?(array)": string}
my.key: 1
---
{{message}} {{tone}}
"""
    found = imported("dotprompt", source)

    assert found.document["modelParameters"] == {"temperature": 0.2, "maxTokens": 100}
    assert found.document["variables"] == [
        {"name": "message", "required": True, "type": "string", "description": "what the customer wrote"},
        {"name": "tone", "required": False, "type": "string", "default": "warm"},
    ]
    assert found.document["jsonSchema"]["schema"] == {
        "type": "object",
        "properties": {
            "queue": {"enum": ["billing", "other"]},
            "tags": {"type": ["array", "null"], "items": {"type": "string"}},
        },
        "required": ["queue"],
        "additionalProperties": False,
    }
    assert found.left_out == ("the key my.key", "the tool search, which code has to offer")


FIRST = """\
---
name: Greet
authors: [Grace]
version: "1.2"
model:
  api: chat
  configuration: {type: azure_openai, azure_deployment: gpt-4o, api_key: hunter2, azure_endpoint: "${env:E}"}
  parameters: {max_tokens: 128, temperature: "${env:T}", response_format: {type: json_object}}
sample: {name: Ada, key: "${env:KEY}"}
inputs:
  name: {type: string, description: who}
  tone: {type: string, default: warm}
---
system:
Be {{tone}}.
user:
{{name}}
"""
SECOND = """\
---
name: greet
displayName: Greet
model: {id: claude-sonnet-5, provider: anthropic, connection: {kind: key, apiKey: "${env:K}"}}
inputs:
  - {name: name, kind: string}
  - {name: chat, kind: thread}
  - {name: memo, kind: string, default: "${file:memo.txt}"}
---
system:
Be warm.
{{chat}}
user:
{{name}}{{memo}}
"""


def test_the_head_of_prompty_1() -> None:
    """Its sample shows how the prompt is used; no reference is followed, and no secret is told."""
    found = imported("prompty", FIRST)

    assert (found.author, found.document["name"], found.document["model"]) == (
        "Grace",
        "Greet",
        "azure/gpt-4o",
    )
    assert found.document["modelParameters"] == {"maxTokens": 128}
    assert found.document["responseFormat"] == "json_object"
    assert found.document["testData"] == [{"name": "Ada"}]
    assert [(each["name"], each["required"]) for each in found.document["variables"]] == [
        ("tone", False),
        ("name", True),
    ]
    told = " ".join(found.left_out)
    assert "api_key" in told
    assert "the parameter temperature, which is ${env:T}" in told
    assert "hunter2" not in told + str(found.document)


def test_the_head_of_prompty_2() -> None:
    """A thread is a placeholder for messages."""
    found = imported("prompty", SECOND)

    assert found.document["model"] == "anthropic/claude-sonnet-5"
    assert [each.get("placeholder", each.get("role")) for each in found.document["messages"]] == [
        "system",
        "chat",
        "user",
    ]
    assert "the default of memo, which is no plain value" in found.left_out


def test_a_thread_that_no_message_names_comes_last() -> None:
    """As with Prompty itself."""
    found = imported("prompty", SECOND.replace("{{chat}}\n", ""))

    assert found.document["messages"][-1] == {"placeholder": "chat", "optional": True}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("---\nmodel: {api: completion}\n---\nHi", "the API 'completion'"),
        ("---\ninputs: {a: {type: image}}\n---\nHi {{a}}", "the input a is of kind image"),
        ("---\nmodel: {api: chat}\n---\nuser:\n![alt](photo.png)", "images or a thread"),
        ("---\nname: x\n---\nfunction:\nHi", "a part for function"),
        ("---\nname: x\n---\nHi {{ x | upper }}", "an expression of Jinja2"),
        ("---\ntemplate: liquid\n---\nHi", "'liquid'"),
    ],
)
def test_what_prompty_has_and_a_prompt_file_has_not_is_named(source: str, said: str) -> None:
    """Nothing is guessed."""
    assert said in refused("prompty", source)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"---\na: \xff\n---\nHi",
        b"---\n" + b"a: &a [*a,*a]\n" * 3 + b"---\nHi",
        b"---\nx: " + b"[" * 5000 + b"\n---\nHi",
        b"{{!--" * 20_000,
        b"{% raw %}" * 20_000,
        b"\\" * 200_000 + b"{{x}}",
        b"#\n" * 50_000 + b"---",
        b"user:\n" * 20_000,
        b"x" * 300_000,
    ],
    ids=["utf16", "latin", "aliases", "deep", "comments", "raw", "backslashes", "licence", "roles", "large"],
)
def test_hostile_files_are_refused_soon(kind: str, content: bytes) -> None:
    """Or read: what they hold takes no more time than its length."""
    begun = process_time()
    (found,) = READERS[kind]({"greet.prompt" if kind == "dotprompt" else "greet.prompty": content})
    if isinstance(found, Imported):
        with suppress(Invalid):
            fit(found, "prompts/greet.prompt.yml")

    assert process_time() - begun < SECONDS


def test_names_come_from_paths() -> None:
    """As far as there is a name here; nothing of `..` is kept."""
    files = dict.fromkeys(("a/Greet Me.formal.prompt", "../x.prompt", "v1.prompt", "_part.prompt"), b"Hi")
    found = list(dotprompt.read(files))

    assert [each.name for each in found] == ["a/greet-me-formal", "../x.prompt", "v1.prompt", "_part.prompt"]
    assert [type(each) for each in found] == [Imported, Refused, Refused, Refused]
