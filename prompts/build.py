"""Replay `history.yml` into a git repository: the sample that `make run` serves and the tests read."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SOURCE = Path(__file__).resolve().parent

README = """\
# Prompts

Every prompt of the product is a file under `prompts/`. To make a version of one, commit it and tag the commit
with the prompt's name and the version, `summarize/v1.2.0`:

    promptstage check
    git commit -am "Stop summaries from guessing"
    promptstage tag summarize --push

A tag never moves. A release manager then stages the version: a few users first, everyone later.
"""


@dataclass(frozen=True, slots=True)
class Tag:
    """One version, the message of the annotated tag that makes it, and its file, if it is an older one."""

    prompt: str
    version: str
    message: str
    file: str | None = None

    @property
    def name(self) -> str:
        """The tag's name, such as ``summarize/v1.2.0``."""
        return f"{self.prompt}/v{self.version}"

    @property
    def source(self) -> Path:
        """The file in this folder that has the newest version: ``summarize.prompt.yml``."""
        return SOURCE / f"{self.prompt}.prompt.yml"

    @property
    def content(self) -> bytes:
        """The bytes of the version's file."""
        return self.source.read_bytes() if self.file is None else self.file.encode()

    @property
    def target(self) -> str:
        """The prompt's file in the repository: ``prompts/summarize.prompt.yml``."""
        return f"prompts/{self.prompt}.prompt.yml"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit and the versions it brings.

    Attributes:
        at: when, RFC 3339.
        author: ``Name <address>``; the committer and the tagger too.
        message: the commit's message.
        tags: the versions it makes; it changes their files.
        files: the other files it changes, such as partials, by path.
    """

    at: str
    author: str
    message: str
    tags: tuple[Tag, ...]
    files: dict[str, bytes]

    @property
    def written(self) -> dict[str, bytes]:
        """All files it changes, by path."""
        return self.files | {tag.target: tag.content for tag in self.tags}


def history() -> tuple[Commit, ...]:
    """Read the sample's history, oldest commit first."""
    return tuple(map(_commit, yaml.safe_load((SOURCE / "history.yml").read_text(encoding="utf-8"))))


def build(dest: Path) -> None:
    """Make the sample repository, with the same commit and tag ids each time.

    Args:
        dest: the folder to make it in: a new one, or an empty one.

    Raises:
        FileExistsError: the folder holds something; the message says what to do.
    """
    if dest.exists() and any(dest.iterdir()):
        raise FileExistsError(f"{dest} is not empty: remove it, or name another folder")
    dest.mkdir(parents=True, exist_ok=True)
    git = Git(dest)
    git.run("init", "--quiet", "--template=", "--initial-branch=main")
    (dest / "README.md").write_text(README, encoding="utf-8", newline="\n")
    for commit in history():
        _replay(git, commit)


class Git:
    """Plain git in one folder, deaf to the configuration of the person who runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str, message: str = "", by: Commit | None = None) -> None:
        """Run one command, with a message on its standard input, in the name and at the time of `by`."""
        subprocess.run(  # noqa: S603 - the arguments are ours, from history.yml
            ["git", *arguments],  # noqa: S607 - the git on the user's PATH is the one wanted
            cwd=self.folder,
            env=_environment(by),
            input=message.encode(),
            check=True,
        )


def _commit(entry: dict[str, Any]) -> Commit:
    tags = tuple(_tag(**tag) for tag in entry.get("tags", ()))
    files = {
        path: (SOURCE.parent / path).read_bytes() if text is None else text.encode()
        for path, text in entry.get("files", {}).items()
    }
    return Commit(entry["at"], entry["author"], entry["message"], tags, files)


def _tag(tag: str, message: str, file: str | None = None) -> Tag:
    prompt, _, version = tag.rpartition("/v")
    return Tag(prompt, version, message, file)


def _replay(git: Git, commit: Commit) -> None:
    for path, content in commit.written.items():
        target = git.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    git.run("add", "--all")
    git.run("commit", "--quiet", "--file=-", message=commit.message, by=commit)
    for tag in commit.tags:
        git.run("tag", "--annotate", "--file=-", tag.name, message=tag.message, by=commit)


def _environment(by: Commit | None) -> dict[str, str]:
    own = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    if by:
        name, _, address = by.author.removesuffix(">").partition(" <")
        for role in ("AUTHOR", "COMMITTER"):
            own |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": address, f"GIT_{role}_DATE": by.at}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return inherited | own


def main() -> int:
    """Build the repository in the folder named on the command line."""
    match sys.argv[1:]:
        case [dest]:
            pass
        case _:
            print("usage: python prompts/build.py DEST", file=sys.stderr)
            return 2
    try:
        build(Path(dest))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"built {dest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
