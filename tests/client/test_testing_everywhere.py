"""A test client that stands in for the registry of an application's clients, with its real files."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from client.fake_registry import FakeRegistry, release
from support import prompt

import promptstage
from promptstage import PromptUnavailable, stand_in
from promptstage.testing import Client, read_files

if TYPE_CHECKING:
    from pathlib import Path


def test_a_client_of_the_application_serves_what_the_test_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each way to ask; the test's client notes it, and `serve` holds for both."""
    monkeypatch.delenv("PROMPTSTAGE_URL", raising=False)
    client = promptstage.Client(prompts=["a"])
    with Client.of({"a": {"versions": {"1.0.0": "one", "2.0.0": "two"}}}).everywhere() as fake:
        assert client.ready(0)
        assert client.get("a").text() == "one"
        fake.serve("a", "2.0.0", arm="canary", key="k")
        with client.use("a", key="k") as used:
            assert (used.text(), used.arm) == ("two", "canary")
        assert client.get("a", pin=used.pin).text() == "two"
        assert asyncio.run(client.aget("a")).text() == "one"
        assert client.get("b", fallback="mine").version == "fallback"
        assert client.status()["environment"] == "test"

    assert fake.got == [("a", "1.0.0"), ("a", "2.0.0"), ("a", "2.0.0"), ("a", "1.0.0"), ("b", "fallback")]
    with pytest.raises(PromptUnavailable, match="promptstage_client"):
        client.get("a")


def test_a_client_of_a_registry_has_it_back(tmp_path: Path) -> None:
    """After the block; blocks may be nested, and a client made in one needs no registry."""
    registry = FakeRegistry()
    registry.releases["summarize"] = release()
    try:
        with promptstage.Client(registry.url, snapshot_dir=tmp_path) as client:
            assert client.get("summarize").version == "1.2.0"
            with Client.of({"summarize": "outer"}).everywhere():
                with Client.of({"summarize": "inner"}).everywhere():
                    made = promptstage.Client("https://prompts.example.org")
                    assert {c.get("summarize").text() for c in (client, made)} == {"inner"}
                assert {c.get("summarize").text() for c in (client, made)} == {"outer"}
            assert client.get("summarize").version == "1.2.0"
            with pytest.raises(PromptUnavailable):
                made.get("summarize")
    finally:
        registry.stop()


def test_without_the_plugin_a_client_needs_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of tests a setting that was forgotten is told when the application starts."""
    monkeypatch.delenv("PROMPTSTAGE_URL", raising=False)
    monkeypatch.setattr(stand_in, "without_url", None)
    with pytest.raises(ValueError, match="PROMPTSTAGE_URL"):
        promptstage.Client()
    with Client.of({}).everywhere():
        promptstage.Client()


def write(folder: Path, **files: str) -> None:
    """Write prompt files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.prompt.yml").write_text(content)


def test_the_real_files(tmp_path: Path) -> None:
    """Of a folder, or of the repository that has it: with all that is in them."""
    file = f"model: openai/gpt-5.4\nvariables: [{{name: text, required: false, default: x}}]\n{prompt()}"
    write(tmp_path / "prompts/support", reply=file)

    for folder in (tmp_path, tmp_path / "prompts"):
        client = Client.from_files(folder)
        served = client.get("support/reply")
        digest = f"sha256:{sha256(file.encode()).hexdigest()}"
        assert (served.version, served.model, served.digest) == ("1.0.0", "openai/gpt-5.4", digest)
        assert "x" in served.text()
    assert read_files(tmp_path).keys() == {"support/reply"}


def test_a_bad_file_has_its_place(tmp_path: Path) -> None:
    """A folder without prompts is an error, too: its path may be wrong."""
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ValueError, match="there is no prompt file in"):
            Client.from_files(folder)
    write(tmp_path, a="messages: 3\n")
    with pytest.raises(ValueError, match=r"a\.prompt\.yml:1:11: messages must be a list"):
        Client.from_files(tmp_path)
