"""The fixture that an application's pytest finds by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from support import prompt

if TYPE_CHECKING:
    from pathlib import Path

    from promptstage.testing import Client

APPLICATION = {
    "app.py": """
from promptstage import Client

client = Client(prompts=["summarize"])

def summarize(user, text):
    return client.get("summarize", key=user).text(text=text)
""",
    "conftest.py": """
import app
import pytest
from promptstage.testing import read_files

@pytest.fixture(scope="session")
def promptstage_prompts():
    return read_files("prompts")
""",
    "test_app.py": """
import app
import promptstage
import pytest
from promptstage.stamp import current

def test_the_app(promptstage_client):
    assert app.summarize("user-42", "this") == "Summarize this"
    assert [(c.prompt.version, c.key) for c in promptstage_client.calls] == [("1.0.0", "user-42")]

def test_the_app_without_prompts():
    with pytest.raises(promptstage.PromptUnavailable, match="promptstage_client"):
        app.summarize("user-42", "this")

def test_an_answer(promptstage_client):
    assert promptstage_client.get("summarize").text(text="this") == "Summarize this"
    assert promptstage_client.got == [("summarize", "1.0.0")]

def test_another(promptstage_client):
    assert (promptstage_client.got, str(current())) == ([], "-")
""",
}


def test_an_application_says_only_what_is_served(tmp_path: Path) -> None:
    """Its module is imported without a registry; each test begins with a new client, and without a stamp."""
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/summarize.prompt.yml").write_text(prompt("Summarize {{text}}"))
    for name, text in APPLICATION.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PROMPTSTAGE_")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "4 passed" in done.stdout, done.stdout


def test_without_a_word_it_serves_nothing(promptstage_client: Client) -> None:
    """Every prompt is then unknown, and the error says where to name it."""
    assert promptstage_client.get("summarize", fallback="mine").version == "fallback"


def test_it_costs_nothing_unless_used() -> None:
    """Every run of pytest imports it, where the client is installed."""
    program = (
        "import sys, pytest; before = set(sys.modules); import promptstage.pytest_plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    brought = subprocess.check_output([sys.executable, "-c", program], text=True).split()

    assert brought == ["promptstage", "promptstage.pytest_plugin", "promptstage.stand_in"]
