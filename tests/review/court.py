"""A registry, calls to judge, and judges as operators start them."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from outcomes_in import record
from suites.chat_model import serve
from support import PATIENCE, Api, promptstage, until

if TYPE_CHECKING:
    from pathlib import Path

    from support import Registry

HERE = "/v1/environments/production"
MODEL = "openai/gpt-5.4-mini"
PRICES = '[[models]]\nmodel = "gpt-5.4-mini*"\ninput = 10.0\noutput = 50.0\n'
NANOS_AN_ANSWER = 100 * 10_000 + 20 * 50_000  # of `chat_model`: 100 tokens in, 20 out


class Court:
    """A registry whose calls are judged by a model of the test's own.

    Attributes:
        model: answers `reply`, which a test may change.
    """

    def __init__(self, registry: Registry, folder: Path) -> None:
        self.registry = registry
        self.api = registry.api
        self.judge = Api(registry.url, self.token("judge"))
        self.reviewer = Api(registry.url, self.token("review"))
        self._folder = folder
        self._stack = ExitStack()
        self._judges: list[subprocess.Popen[str]] = []
        (folder / "prices.toml").write_text(PRICES)

    def __enter__(self) -> Self:
        """Start the model."""
        self.model = self._stack.enter_context(serve(lambda _: '{"pass": true, "score": 1}'))
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and judges that are left."""
        for process in self._judges:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        self._stack.close()

    def token(self, capability: str) -> str:
        """A new token."""
        body = {"name": f"{capability}-{uuid4().hex[:8]}", "capabilities": [capability]}
        secret: str = self.api.call("POST", "/v1/tokens", body).json["secret"]
        return secret

    def report(self, count: int = 1, **fields: Any) -> list[str]:
        """Report calls with content, and wait until they are there."""
        before = len(self.calls())
        given = {"version": "1.0.0", "variables": {"text": "Where is it?"}, "response": "On its way."}
        sent = [record(**{**given, **fields}) for _ in range(count)]
        body = {"batch": str(uuid4()), "calls": sent}
        assert self.api.call("POST", f"{HERE}/calls", body).status == 200
        until(lambda: len(self.calls()) == before + count, "the calls")
        return [call["id"] for call in sent]

    def calls(self) -> list[Any]:
        """All calls."""
        found: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.api.get(f"{HERE}/calls?limit=500{cursor and f'&cursor={cursor}'}").json
            found += page["data"]
            cursor = page["next_cursor"]
        return found

    def scores(self) -> dict[str, list[tuple[str, float]]]:
        """The names and values of scores, by call."""
        return {
            call["id"]: sorted((score["name"], score["value"]) for score in call["scores"])
            for call in self.calls()
        }

    def start(self, *options: object, **environment: str) -> subprocess.Popen[str]:
        """Start a judge."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTSTAGE_")}
        process = subprocess.Popen(
            [*promptstage(), "judge", *map(str, options)],
            cwd=self._folder,
            env={
                **inherited,
                "PROMPTSTAGE_URL": self.registry.url,
                "PROMPTSTAGE_TOKEN": self.judge.token,
                "PROMPTSTAGE_PRICES": str(self._folder / "prices.toml"),
                "OPENAI_BASE_URL": self.model.url,
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._judges.append(process)
        return process

    def run(self, *options: object, code: int = 0) -> str:
        """Run a judge to its end, and return what it said."""
        process = self.start(*options)
        said, _ = process.communicate(timeout=4 * PATIENCE)
        assert process.returncode == code, said
        return said

    def judged(self, *options: object) -> dict[str, Any]:
        """Run a judge to its end, and return what it did."""
        found: dict[str, Any] = json.loads(self.run("--json", "--model", MODEL, *options))
        return found
