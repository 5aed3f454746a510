"""Dumps in which any value is another one: each reader yields versions and refusals, and nothing else."""

from __future__ import annotations

import copy
import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from hosted_dumps import vector

from registry.importers import langfuse, langsmith, mlflow, promptlayer
from registry.importers.imported import Imported, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.importers.imported import Reader

ROUNDS = 60  # of each tool; 8,000 find nothing
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, "", "x", "{", "{{", "\ud800", "a\0b", "名", 10**18, "@@@x@@@", [], {}, [[]]),
    *({"a": 1}, [None], {"": None}, {"type": "text", "text": "x"}, {"type": [], "function": {"name": "f"}}),
    {"lc": 1, "type": "constructor", "id": ["x"], "kwargs": {}},
)
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}
CHAT = [{"role": "system", "content": "Hi {{x}}"}, {"type": "placeholder", "name": "h"}]
TAGS = {
    "mlflow.prompt.is_prompt": "true",
    "mlflow.prompt.text": '[{"role": "user", "content": "{{a}}"}]',
    "_mlflow_prompt_type": "chat",
    "_mlflow_prompt_model_config": '{"model_name": "m", "temperature": 1}',
}
MANIFESTS = [each["manifest"] for each in vector("langchain.json")["prompts"].values()]
DUMPS: dict[Reader, list[Any]] = {
    langfuse.read: [
        {
            "name": "t",
            "version": 1,
            "prompt": CHAT,
            "config": {
                "model": "m",
                "top_p": 1,
                "tools": [TOOL],
                "tool_choice": "f",
                "response_format": SCHEMA,
            },
            "labels": ["a"],
            "tags": ["b"],
            "createdAt": "2025-01-01T00:00:00Z",
        },
        {"name": "u", "version": 2, "prompt": "@@@langfusePrompt:name=t|version=1@@@"},
    ],
    langsmith.read: [
        {"repo_handle": "t", "description": "d", "tags": ["x"]},
        {"repo": "t", "tag_name": "p", "commit_hash": "c1"},
        *(
            {
                "repo": "t",
                "commit_hash": f"c{number}",
                "created_at": f"2025-01-{number + 1:02}",
                "manifest": each,
            }
            for number, each in enumerate(MANIFESTS)
        ),
    ],
    mlflow.read: [
        {"name": "t", "aliases": [{"alias": "a", "version": "1"}]},
        {"name": "t", "version": "1", "tags": [{"key": key, "value": TAGS[key]} for key in TAGS]},
        {
            "name": "t",
            "version": 2,
            "template": CHAT[:1],
            "model_config": {"extra_params": {"a": 1}},
            "tags": {},
        },
    ],
    promptlayer.read: [
        {
            "prompt_name": "t",
            "version": 1,
            "prompt_template": {
                "type": "chat",
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "{x}"}],
                        "template_format": "f-string",
                    },
                    {"role": "placeholder", "name": "h"},
                ],
                "tools": [TOOL],
                "tool_choice": {"type": "function", "function": {"name": "f"}},
            },
            "metadata": {"model": {"provider": "p", "name": "m", "parameters": {"a": 1}}},
        }
    ],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all values within one."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


def mutated(dump: list[Any], choice: random.Random) -> list[Any]:
    """Return a dump with up to three other values in it."""
    found = copy.deepcopy(dump)
    for _ in range(choice.randint(1, 3)):
        *path, last = choice.choice(list(places(found)))
        place: Any = found
        for key in path:
            place = place[key]
        place[last] = copy.deepcopy(choice.choice(ODD))
    return found


@pytest.mark.parametrize("read", DUMPS, ids=lambda read: read.__module__.rpartition(".")[2])
def test_a_reader_survives_any_value_anywhere(read: Reader) -> None:
    """And as it is, the dump has something to read."""
    choice = random.Random(7)
    found: list[Any] = list(read({"dump": json.dumps(DUMPS[read]).encode()}))
    assert any(isinstance(each, Imported) for each in found)

    for _ in range(ROUNDS):
        dump = mutated(DUMPS[read], choice)
        for each in read({"dump": json.dumps(dump).encode()}):
            assert isinstance(each, Imported | Refused)
            assert isinstance(each, Imported) or each.why
