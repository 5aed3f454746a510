"""The author's own git, with the author's own configuration, in the author's repository.

The service runs git in a sealed environment (`registry.git`); here it must be the other way round:
identity, hooks, signing and credentials are the author's.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from registry.errors import GitFailed, Invalid, Unavailable
from registry.text import escape

WORDS_SHOWN = 1000  # characters of git's own words in an error; a hook may have more to say than git
WHO_ARE_YOU = (
    "git does not know who you are; tell it, then repeat this:\n"
    '  git config --global user.name "Ada Lovelace"\n'
    "  git config --global user.email ada@example.org"
)


def is_repository(folder: Path) -> bool:
    """Whether this very folder (not one above it) is a git repository, bare or with a worktree."""
    folder = folder.absolute()  # git runs in it
    places = (folder / ".git", folder)
    return any(_ask(folder, "rev-parse", "--resolve-git-dir", str(place)) is not None for place in places)


def require_identity(folder: Path) -> None:
    """Let an author pass whom git knows. Raises Invalid with what to do."""
    for who in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
        if _ask(folder, "var", who) is None:
            raise Invalid(WHO_ARE_YOU, code="no_identity")


def top(folder: Path) -> Path:
    """The top folder of the worktree around a folder. Raises Invalid if there is none."""
    found = _ask(folder, "rev-parse", "--show-toplevel")
    if not found:
        raise Invalid(
            f"{folder.absolute()} is in no git worktree; go to your prompts repository, or make one: "
            "promptstage init prompts"
        )
    return Path(found.decode("utf-8", "surrogateescape"))


def begin(folder: Path, message: str) -> None:
    """Make a repository of a folder, with all that is in it as the first commit. Raises GitFailed."""
    _tell(folder, "init", "--quiet", "--initial-branch=main")
    _tell(folder, "add", "--all")
    _tell(folder, "commit", "--quiet", "-m", message)


def is_folder(folder: Path, path: str) -> bool:
    """Whether HEAD has a folder at this path."""
    return _ask(folder, "cat-file", "-t", f"HEAD:{path}") == b"tree"


def content(folder: Path, path: str) -> bytes | None:
    """The bytes that HEAD has at this path; None if there is no file."""
    done = _run(folder, "cat-file", "blob", f"HEAD:{path}")
    return None if done.returncode else done.stdout


def is_changed(folder: Path, *paths: str) -> bool:
    """Whether the worktree, or what is staged, differs from HEAD at one of these paths."""
    return bool(_tell(folder, "status", "--porcelain", "-z", "--untracked-files=all", "--", *paths))


def subject(folder: Path, path: str) -> str:
    """The subject of the last commit that changed a file."""
    return _tell(folder, "log", "-1", "--format=%s", "--", path).decode("utf-8", "replace")


def tags(folder: Path) -> list[bytes]:
    """All tags, without ``refs/tags/``."""
    return _tell(folder, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags/").splitlines()


def tag(folder: Path, name: str, message: str) -> None:
    """Tag HEAD with a message. Raises GitFailed if git, or a hook, refuses."""
    require_identity(folder)
    _tell(folder, "tag", "--annotate", "--message", message, name)


def remote(folder: Path) -> str:
    """Where the current branch comes from; ``origin`` for one that comes from nowhere."""
    branch = _ask(folder, "symbolic-ref", "--quiet", "--short", "HEAD") or b""
    found = _ask(folder, "config", "--get", f"branch.{branch.decode('utf-8', 'surrogateescape')}.remote")
    return (found or b"origin").decode("utf-8", "surrogateescape")


def push(folder: Path, to: str, name: str) -> None:
    """Push one tag, and nothing else. Raises GitFailed with the remote's words."""
    _tell(folder, "push", "--quiet", to, f"refs/tags/{name}")


def _ask(folder: Path, *arguments: str) -> bytes | None:
    """What git answers; None if it has no answer."""
    done = _run(folder, *arguments)
    return None if done.returncode else done.stdout.strip()


def _tell(folder: Path, *arguments: str) -> bytes:
    done = _run(folder, *arguments)
    if done.returncode:
        words = [escape(line, WORDS_SHOWN) for line in done.stderr.splitlines() if line.strip()]
        raise GitFailed(f"git {arguments[0]} failed: " + "\n  ".join(words or ["it gave no reason"]))
    return done.stdout.strip()


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git and wait, however long: a push may ask the author for a password."""
    program = shutil.which("git")
    if program is None:
        raise Unavailable("git is not installed, or not on the PATH; install it")
    command = [program, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - a list, and no shell
