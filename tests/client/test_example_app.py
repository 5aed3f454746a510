"""An application is tested without a registry, and `mypy --strict` finds nothing to say about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

import pytest
import urllib3
from client.example_app.desk import Desk, create_app
from client.fake_registry import release
from client.serving import uvicorn_serving

from promptstage import Client, Prompt
from promptstage.stamp import Stamp
from promptstage.status import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from promptstage import testing
    from promptstage.testing import Content


class Echo:
    """A model that repeats what it was told last."""

    def chat(self, model: str, messages: Sequence[Mapping[str, str]], **parameters: Any) -> str:
        """Answer."""
        return f"{messages[-1]['content']} [{parameters}]" if parameters else messages[-1]["content"]


@pytest.fixture
def promptstage_prompts() -> dict[str, Content]:
    """What the desk works with; `summarize` is being rolled out."""
    return {
        "summarize": release(candidate="1.3.0", percent=50),
        "triage": "Where does this belong? {{text}}",
        "translate": "Translate {{text}}",
    }


@pytest.fixture
def port(promptstage_client: testing.Client) -> Iterator[int]:
    """Where the desk listens."""
    with uvicorn_serving(create_app(promptstage_client, Echo())) as port:
        yield port


def post(port: int, path: str, **ticket: str) -> Any:
    """What Ada gets."""
    return urllib3.request(
        "POST", f"http://127.0.0.1:{port}{path}", json=ticket, headers={"X-User-Id": "ada"}
    ).json()


def test_a_request_gets_its_users_arm(port: int, promptstage_client: testing.Client) -> None:
    """Forced for one user; the prompt's parameters reach the model."""
    promptstage_client.serve("summarize", arm="canary", key="ada")

    assert post(port, "/summaries", text="it broke") == "1.3.0: it broke [{'maxTokens': 300}]"
    assert (promptstage_client.calls[-1].key, promptstage_client.calls[-1].prompt.arm) == ("ada", "canary")


def test_a_coroutine_and_a_thread_work_the_same(port: int, promptstage_client: testing.Client) -> None:
    """With attributes, and with a version of its own."""
    assert post(port, "/queues", text="it broke", tenant="acme") == "Where does this belong? it broke"
    assert post(port, "/translations", text="it broke") == "Translate it broke"
    assert promptstage_client.got == [("triage", "1.0.0"), ("translate", "1.0.0")]
    assert promptstage_client.calls[0].attributes == {"tenant": "acme"}


def test_the_debug_page_is_the_status(port: int, promptstage_client: testing.Client) -> None:
    """As JSON, without further ado."""
    shown = urllib3.request("GET", f"http://127.0.0.1:{port}/prompts").json()

    assert shown["prompts"].keys() == {"summarize", "triage", "translate"}
    assert shown["counts"] == promptstage_client.status()["counts"]


def test_a_batch_gives_each_user_their_own(promptstage_client: testing.Client) -> None:
    """Outside of a request the application says whose turn it is."""
    promptstage_client.serve("summarize", arm="control")
    promptstage_client.serve("summarize", arm="canary", key="bob")
    Desk(promptstage_client, Echo()).digest({"ada": "one", "bob": "two"})

    assert [(call.key, call.prompt.arm) for call in promptstage_client.calls] == [
        ("ada", "control"),
        ("bob", "canary"),
    ]


async def _types(client: Client) -> None:
    """Read by mypy alone, which has to come to these very types."""
    prompt = client.get("summarize", key=42, attributes={"tenant": ["acme"]}, fallback=lambda: "text")
    assert_type(prompt, Prompt)
    assert_type(await client.aget("summarize"), Prompt)
    assert_type(prompt.messages({"user-name": "Ada"}, text=1), list[dict[str, Any]])
    assert_type(prompt.text(), str)
    assert_type(prompt.number, int | None)
    assert_type(prompt.stamp, Stamp)
    assert_type(client.status(), Status)
    assert_type(client.ready(1.5), bool)
    with client.use("summarize") as used:
        assert_type(used, Prompt)
