"""The fixture that an application's pytest finds by itself."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from promptstage.testing import Client

APPLICATION = {
    "conftest.py": """
import pytest

@pytest.fixture
def promptstage_prompts():
    return {"summarize": "Summarize {{text}}"}
""",
    "test_app.py": """
from promptstage.stamp import current

def test_an_answer(promptstage_client):
    assert promptstage_client.get("summarize").text(text="this") == "Summarize this"
    assert promptstage_client.got == [("summarize", "1.0.0")]

def test_another(promptstage_client):
    assert (promptstage_client.got, str(current())) == ([], "-")
""",
}


def test_an_application_says_only_what_is_served(tmp_path: Path) -> None:
    """Its tests take the client as an argument; each begins with a new one, and without a stamp."""
    for name, text in APPLICATION.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "2 passed" in done.stdout, done.stdout


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

    assert brought == ["promptstage", "promptstage.pytest_plugin"]
