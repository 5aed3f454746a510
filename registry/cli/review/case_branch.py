"""Commit cases on a branch of their own, without touching the worktree, what is staged, or HEAD."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from registry.cli.author import worktree
from registry.errors import Conflict, GitFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def require_free(top: Path, branch: str) -> None:
    """Let a branch pass that does not exist yet. Raises Conflict with what to do, or GitFailed."""
    worktree.tell(top, "check-ref-format", "--branch", branch)
    if not worktree.tell(top, "for-each-ref", f"refs/heads/{branch}"):
        return
    raise Conflict(
        f"the branch {branch} is here already, perhaps of an earlier pull; merge it and delete it "
        f"(git branch --delete {branch}), or name another one: --branch NAME",
        code="branch_exists",
    )


def ever(top: Path, path: str) -> list[str]:
    """Return the lines that a file ever had, in the history of any branch or remote."""
    log = worktree.tell(
        top, "log", "--all", "--no-color", "--no-ext-diff", "--no-textconv", "--text", "--format=", "--patch",
        "--unified=0", "--", f":(top,literal){path}",
    )  # fmt: skip
    lines = log.decode("utf-8", "replace").split("\n")
    return [line[1:] for line in lines if line.startswith("+") and not line.startswith("+++ ")]


def commit(top: Path, branch: str, files: Mapping[str, bytes], message: str) -> str:
    """Commit files on a new branch that begins at HEAD; return the commit's id.

    The author's hooks, identity and signature are in force; where git refuses, no branch is left.

    Raises:
        GitFailed: git, or a hook, refuses.
    """
    with _beside(top, branch) as folder:
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        worktree.tell(folder, "add", "--force", "--", *(f":(top,literal){path}" for path in files))
        worktree.tell(folder, "commit", "--quiet", "-m", message)
        return worktree.tell(folder, "rev-parse", "HEAD").decode()


@contextmanager
def _beside(top: Path, branch: str) -> Iterator[Path]:
    """Yield a worktree of a new branch, with an index and no files; the branch stays if all goes well."""
    with TemporaryDirectory(prefix="promptstage-cases-") as temporary:
        folder = Path(temporary) / "worktree"
        worktree.tell(top, "worktree", "add", "--quiet", "--no-checkout", "-b", branch, str(folder), "HEAD")
        try:
            worktree.tell(folder, "read-tree", "HEAD")
            yield folder
        except BaseException:
            _remove(top, folder)
            with suppress(GitFailed):
                worktree.tell(top, "branch", "--quiet", "--delete", "--force", branch)
            raise
        _remove(top, folder)


def _remove(top: Path, folder: Path) -> None:
    with suppress(GitFailed):  # git prunes what is left of it by itself
        worktree.tell(top, "worktree", "remove", "--force", str(folder))
