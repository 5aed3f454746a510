"""The samples and the starter run as they are on OpenAI's own SDK, by the call that the README shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import openai_api
import pytest

from prompts.build import history
from promptstage.model import dump_document
from promptstage.testing import Client
from registry.catalog.parsing.document import parse
from registry.cli.author import scaffold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.prompt import Prompt

README = (Path(__file__).parents[1] / "client/README.md").read_text()
FILES = {tag.name: tag.content for commit in history() for tag in commit.tags} | {
    f"starter {path}": text.encode() for path, text in scaffold.samples().items()
}


@pytest.fixture(scope="module")
def llm() -> Iterator[openai.OpenAI]:
    """The SDK, at a server that refuses what the real one refuses."""
    with (
        openai_api.serve() as api,
        openai.OpenAI(api_key="sk-test", base_url=api.url, max_retries=0) as client,
    ):
        yield client


def served(content: bytes) -> Prompt:
    """What `get` returns for a prompt's file."""
    document = dump_document(parse(content, "prompts/x.prompt.yml").document)
    version = {"number": 1, "digest": "sha256:0", "commit": "0", "document": document}
    release: dict[str, Any] = {
        "environment": "production",
        "prompt": "x",
        "epoch": 1,
        "seq": 1,
        "targets": [],
    }
    release |= {
        "split": None,
        "default": {"version": "1.0.0", "arm": "stable"},
        "versions": {"1.0.0": version},
    }
    return Client.of({"x": release}).get("x", key="user-42", stamp=False)


def names() -> dict[str, str]:
    """What the README says OpenAI's API calls the parameters."""
    found = re.search(r"^NAMES = (\{.*\})", README, re.MULTILINE)
    assert found is not None
    return dict(re.findall(r'"(\w+)": "(\w+)"', found[1]))


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_the_call_is_taken(llm: openai.OpenAI, content: bytes) -> None:
    """Model, parameters, messages and format, of every version there ever was."""
    prompt = served(content)
    known = names()
    given: dict[str, Any] = {known.get(name, name): value for name, value in prompt.parameters.items()}
    if prompt.document.response_format != "text":
        schema = prompt.document.json_schema
        given["response_format"] = {"type": prompt.document.response_format} | (
            {"json_schema": schema} if schema else {}
        )
    messages: Any = prompt.messages({variable.name: "words" for variable in prompt.document.variables})

    answer = llm.chat.completions.create(
        model=prompt.model.removeprefix("openai/"), messages=messages, **given
    )

    assert answer.choices[0].message.content == "an answer"


@pytest.mark.parametrize(
    "change",
    [
        {"maxTokens": 300},
        {"max_tokens": 300},
        {"temperature": 0.2},
        {"model": "gpt-nothing"},
        {"response_format": {"type": "json_object"}},
    ],
)
def test_what_the_real_one_refuses_is_refused(llm: openai.OpenAI, change: dict[str, Any]) -> None:
    """A server that takes everything would prove nothing."""
    call: dict[str, Any] = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "hi"}]} | change
    extra = {name: call.pop(name) for name in ("maxTokens",) if name in call}

    with pytest.raises((openai.BadRequestError, openai.NotFoundError)):
        llm.chat.completions.create(**call, extra_body=extra)
