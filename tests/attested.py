"""Prompts with suites, and attestations of them, for tests of the gate."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from support import Api

if TYPE_CHECKING:
    from support import Answer, PromptRepository

MODEL = "openai/gpt-5-mini"
REPORT = f"sha256:{'e0' * 32}"


def file(version: str, model: str = MODEL, data: str = "") -> str:
    """A prompt's file, which says its version."""
    head = f"model: {model}\n" if model else ""
    return f'{head}messages:\n  - role: user\n    content: "{version}: {{{{text}}}}"\n{data}'


def cases(*names: str) -> bytes:
    """A file of cases."""
    return b"".join(json.dumps({"id": name, "vars": {"text": name}}).encode() + b"\n" for name in names)


SUITE = cases("late-parcel", "two-orders")


def tag(
    repository: PromptRepository,
    version: str,
    *names: str,
    content: str | None = None,
    suite: bytes | None = SUITE,
) -> None:
    """Tag a version of some prompts in one commit, with their cases; None: there is no file of them."""
    folder = repository.path / "prompts"
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / f"{name}.prompt.yml").write_text(file(version) if content is None else content)
        (folder / f"{name}.cases.jsonl").unlink(missing_ok=True)
        if suite is not None:
            (folder / f"{name}.cases.jsonl").write_bytes(suite)
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--allow-empty", "-m", version)
    for name in names:
        repository.git("tag", f"{name}/v{version}")


def digest(data: str | bytes) -> str:
    """The digest of some bytes."""
    return f"sha256:{sha256(data.encode() if isinstance(data, str) else data).hexdigest()}"


def suite_of(name: str, suite: bytes = SUITE) -> str:
    """The digest of a suite that is a file of cases alone."""
    return digest(b"%s.cases.jsonl\0%d\0%s" % (name.encode(), len(suite), suite))


def result(name: str, version: str, against: str | None, **said: Any) -> dict[str, Any]:
    """The result of a version's suite, all of whose cases passed; with other values."""
    return {
        "prompt": name,
        "digest": digest(file(version)),
        "suite": suite_of(name),
        "model": MODEL,
        "response_model": "gpt-5-mini-2025-08-07",
        "against": against,
        "cases": 2,
        "passed": 2,
        "result": "passed",
        "report": REPORT,
        **said,
    }


def failed(name: str, version: str, against: str | None, **said: Any) -> dict[str, Any]:
    """The result of a suite that regressed on a case."""
    told = {"passed": 1, "result": "failed", "regressed": ["late-parcel"], **said}
    return result(name, version, against, **told)


class Holder(Api):
    """Who has a token of their own."""

    def __init__(self, admin: Api, *capabilities: str, name: str = "", **said: Any) -> None:
        wish = {"name": name or f"{capabilities[0]}-{os.urandom(4).hex()}", **said}
        made = admin.call("POST", "/v1/tokens", {**wish, "capabilities": list(capabilities)}).json
        super().__init__(admin.url, made["secret"])
        self.name = wish["name"]
        self.path = f"/v1/tokens/{made['id']}"

    def attest(self, body: Any, **headers: str) -> Answer:
        """Attest a result."""
        return self.call("POST", "/v1/attestations", body, **headers)
