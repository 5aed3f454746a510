"""The command line as people run it."""

from __future__ import annotations

import os
import subprocess
from contextlib import chdir
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import typer.testing
from support import GIT, PATIENCE, promptstage

from registry.cli.main import app

if TYPE_CHECKING:
    from pathlib import Path

    from support import PromptRepository

# A run makes all commands, which takes longer than most of them; they are the same each time.
typer.testing._get_command = cache(typer.testing._get_command)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


class Cli:
    """Runs ``promptstage`` in a folder, with an environment; an error that is not handled fails the test."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {**GIT, "XDG_CONFIG_HOME": str(folder / "config"), **environment}
        self._unset = [key for key in os.environ if key.startswith(("PROMPTSTAGE_", "GITHUB_", "CI_"))]

    def __call__(self, *arguments: object, cwd: Path | None = None, **environment: str) -> Done:
        """Run one command in this process, which is fast."""
        return self.piped(*arguments, cwd=cwd, **environment)

    def piped(self, *arguments: object, stdin: str = "", cwd: Path | None = None, **environment: str) -> Done:
        """Do the same with something on stdin."""
        variables = dict.fromkeys(self._unset) | self.environment | environment
        with chdir(cwd or self.folder):
            done = typer.testing.CliRunner().invoke(
                app, [str(a) for a in arguments], env=variables, prog_name="promptstage", input=stdin
            )
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Done(done.exit_code, done.stdout, done.stderr)

    def process(self, *arguments: object, stdin: bytes = b"", **environment: str) -> Done:
        """Run one command in a process of its own, with these bytes on its stdin."""
        inherited = {key: value for key, value in os.environ.items() if key not in self._unset}
        done = subprocess.run(
            [*promptstage(), *map(str, arguments)],
            cwd=self.folder,
            env={**inherited, **self.environment, **environment},
            capture_output=True,
            input=stdin,
            timeout=PATIENCE,
            check=False,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in err, err
        return Done(done.returncode, out, err)


def commit(repository: PromptRepository, path: str, content: str) -> None:
    """Commit a file."""
    file = repository.path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "-m", f"Write {path}")
