"""LiteLLM takes what `prompt.litellm()` returns. It is large, so CONTRIBUTING.md says how to try it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import openai_api
import pytest
from requests_in import FILES, RENDERED, cases, served_by

from promptstage.requests.openai import make_litellm_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


CALL = "def ask(prompt: promptstage.Prompt) -> None: litellm.completion(**prompt.litellm(text='x'))\n"


@pytest.fixture(scope="module")
def completion() -> Iterator[Callable[..., Any]]:
    """Its `completion`, at a server that refuses what OpenAI's refuses."""
    with pytest.MonkeyPatch.context() as patch, openai_api.serve() as api:
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network when it is imported
        patch.setenv("OPENAI_API_KEY", "sk-test")
        patch.setenv("OPENAI_BASE_URL", api.url)
        litellm = pytest.importorskip("litellm", reason="pip install -c constraints.txt litellm")
        yield litellm.completion


@pytest.mark.filterwarnings("default")  # it warns of itself
@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_the_call_is_taken(completion: Callable[..., Any], content: bytes) -> None:
    """Of every version there ever was."""
    prompt = served_by("openai", content, "openai/gpt-5.4")

    for case in cases(content, prompt):
        assert completion(**prompt.litellm(case)).choices[0].message.content == "an answer"


def test_pyright_accepts_the_call(tmp_path: Path) -> None:
    """With the types that it has."""
    pytest.importorskip("litellm", reason="pip install -c constraints.txt litellm")
    file = tmp_path / "app.py"
    file.write_text("import litellm, promptstage\n" + CALL)
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, str(file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.filterwarnings("default")
def test_every_shape_is_taken(completion: Callable[..., Any]) -> None:
    """Parts, calls of tools and their answers, tools and a choice."""
    given = RENDERED._replace(
        parameters={"max_tokens": 300}
    )  # with more effort it asks another API of OpenAI's

    assert completion(**make_litellm_request(given)).choices[0].message.content == "an answer"
