"""Run the author's own git, with the author's own configuration, in the author's repository.

The service runs git in a sealed environment (`registry.git.command`); here it must be the other way round:
identity, hooks, signing and credentials are the author's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from registry.errors import GitFailed, Invalid, Unavailable
from registry.git.repository import unsupported
from registry.system.text import escape, holds_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WORDS_SHOWN = 1000  # characters of git's own words in an error; a hook may have more to say than git
_NOT_ATOMIC = "does not support --atomic push"
# What git says where there is no worktree, or none of this user's: `require_trusted` tells the latter.
_NO_WORKTREE = re.compile(b"not a git repository|must be run in a work tree|cannot change to|safe.directory")
_HEADER = 4096  # bytes in which what git says of an object ends; longer than any place that is asked for
_USER = re.compile(r"://(?!git@)[^/\s'\"]*@")  # whoever git is, is no secret
UTF_8 = "--encoding=UTF-8"  # whatever the author's terminal shows
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


def find(folder: Path) -> Path | None:
    """The top folder of the worktree around a folder; None if there is none, or no git to ask.

    Raises Invalid for a repository in a format that Promptstage cannot use, and GitFailed with git's words
    where something else keeps git from saying it, such as a line of its configuration.
    """
    if not shutil.which("git"):
        return None
    _require_usable(folder)
    return _top(folder)


def ignored(folder: Path, paths: Iterable[str]) -> set[str]:
    """Those of the paths below a folder that git is told to ignore; none outside of git."""
    given = b"".join(os.fsencode(path) + b"\0" for path in paths)
    if not given or not shutil.which("git"):
        return set()
    named = _run(folder, "check-ignore", "-z", "--stdin", given=given).stdout.split(b"\0")
    return {os.fsdecode(name) for name in named if name}


def require_trusted(folder: Path) -> None:
    """Let pass what git works in. Raises Invalid with its remedy for a repository of another user."""
    done = _run(folder, "rev-parse", "--show-toplevel")
    if done.returncode and b"safe.directory" in done.stderr:
        raise Invalid(_words(done.stderr))


def top(folder: Path) -> Path:
    """The top folder of the worktree around a folder. Raises Invalid if there is none, else as `find`."""
    require_trusted(folder)
    _require_usable(folder)
    if found := _top(folder):
        return found
    raise Invalid(
        f"{folder.absolute()} is in no git worktree; go to your prompts repository, or make one: "
        "promptstage init prompts"
    )


def _top(folder: Path) -> Path | None:
    done = _run(folder, "rev-parse", "--show-toplevel")
    if not done.returncode:
        return Path(os.fsdecode(done.stdout.strip()))
    if _NO_WORKTREE.search(done.stderr):
        return None
    raise GitFailed(f"git cannot look into {folder.absolute()}: {_words(done.stderr)}")


def _require_usable(folder: Path) -> None:
    """Let a folder pass whose repository, if it is in one, the registry will be able to read."""
    if reason := unsupported(folder):
        raise Invalid(f"this repository cannot be served: {reason}", code="unsupported_repository")


def begin(folder: Path, message: str) -> None:
    """Make a repository of a folder, with all that is in it as the first commit. Raises GitFailed."""
    tell(folder, "init", "--quiet", "--initial-branch=main", "--object-format=sha1")
    tell(folder, "add", "--all")
    tell(folder, "commit", "--quiet", "-m", message)


def is_folder(folder: Path, path: str) -> bool:
    """Whether HEAD has a folder at this path."""
    return _ask(folder, "cat-file", "-t", f"HEAD:{path}") == b"tree"


def content(folder: Path, path: str) -> bytes | None:
    """The bytes that HEAD has at this path; None if there is no file."""
    done = _run(folder, "cat-file", "blob", f"HEAD:{path}")
    return None if done.returncode else done.stdout


A_FILE = "a file"
_KINDS = {b"100": A_FILE, b"120": "a symbolic link", b"160": "a submodule", b"040": "a folder"}


def kind(folder: Path, commit: str, path: str) -> str:
    """Say what a commit has at this path, as in "a symbolic link"; empty if nothing."""
    literal = f":(top,literal){path}"
    return _KINDS.get((_ask(folder, "ls-tree", commit, "--", literal) or b"")[:3], "")


def paths(folder: Path) -> list[str]:
    """Every file that HEAD has."""
    return list(modes(folder))


def modes(folder: Path) -> dict[str, str]:
    """The mode of every file that HEAD has, such as 100644, by its path."""
    listed = _text(folder, "ls-tree", "-r", "-z", "HEAD")
    entries = (line.partition("\t") for line in listed.split("\0"))
    return {path: about.partition(" ")[0] for about, _, path in entries if path}


def tracked(folder: Path, *patterns: str) -> list[str]:
    """The files of the whole worktree that git's index has, by patterns of their names."""
    pathspecs = (f":(top,glob)**/{pattern}" for pattern in patterns)
    return _text(folder, "ls-files", "-z", "--full-name", "--", *pathspecs).split("\0")


def is_changed(folder: Path, *paths: str) -> bool:
    """Whether the worktree, or what is staged, differs from HEAD at one of these paths."""
    return bool(tell(folder, "status", "--porcelain", "-z", "--untracked-files=all", "--", *paths))


def changed(folder: Path, *paths: str) -> list[str]:
    """The files below these paths at which the worktree, or what is staged, differs from HEAD."""
    options = ("--porcelain", "-z", "--untracked-files=all", "--no-renames")
    listed = _run(folder, "status", *options, "--", *paths).stdout
    return [line[3:] for line in listed.decode("utf-8", "surrogateescape").split("\0") if line]


def require_commit(folder: Path, name: str) -> str:
    """Return the id of the commit that a branch, a tag or an id names. Raises Invalid."""
    found = _text(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if not found:
        shown = escape(name.encode("utf-8", "surrogateescape"))
        raise Invalid(f"there is no commit {shown} in this clone; git fetch it, or name another one")
    return found


def changed_since(folder: Path, base: str) -> list[str]:
    """The files that differ from what they were where HEAD branched off, with those that git does not know.

    Raises Invalid: there is no such commit.
    """
    commit = require_commit(folder, base)
    since = _text(folder, "merge-base", commit, "HEAD") or commit  # none in a clone without its history
    listed = tell(folder, "diff", "--name-only", "--no-renames", "-z", since, "--")
    return [*filter(None, listed.decode("utf-8", "surrogateescape").split("\0")), *changed(folder, ".")]


def subjects(folder: Path, *paths: str) -> dict[str, str]:
    """The subject of the last commit that changed each file below these paths; merges are left out."""
    log = tell(
        folder, "-c", "core.quotePath=false", "log", UTF_8, "--format=%x01%s", "--name-only", "--", *paths
    )
    found: dict[str, str] = {}
    for commit in log.decode("utf-8", "replace").split("\x01")[1:]:
        said, *names = commit.splitlines()
        found |= {name: said for name in names if name and name not in found}
    return found


def subject(folder: Path, path: str) -> str:
    """The subject of the last commit that changed a file."""
    return tell(folder, "log", UTF_8, "-1", "--format=%s", "--", path).decode("utf-8", "replace")


def tags(folder: Path) -> dict[bytes, str]:
    """The object ids of all tags, by their names without ``refs/tags/``."""
    lines = tell(folder, "for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/tags/")
    found = (line.split(b" ", 1) for line in lines.splitlines())
    return {name: oid.decode() for oid, name in found}


def contents(folder: Path, places: Sequence[str]) -> list[bytes | None]:
    """The bytes at places such as ``<id>:<path>``, none of which holds a line break; one git for them all."""
    if not places:
        return []
    done = _run(folder, "cat-file", "--batch", given="".join(f"{place}\n" for place in places).encode())
    if done.returncode:
        raise GitFailed(f"git cat-file failed: {_words(done.stderr)}")
    found: list[bytes | None] = []
    rest = memoryview(done.stdout)
    for _ in places:
        end = bytes(rest[:_HEADER]).index(b"\n")
        header, rest = bytes(rest[:end]).split(), rest[end + 1 :]
        if not header[-1].isdigit():
            found.append(None)
            continue
        size = int(header[-1])
        found.append(bytes(rest[:size]) if header[-2] == b"blob" else None)
        rest = rest[size + 1 :]
    return found


def tag(folder: Path, name: str, message: str) -> None:
    """Tag HEAD with a message, as an author whom git knows. Raises GitFailed if git, or a hook, refuses."""
    # Git would take a line that begins with # for a comment: "#12 shorter".
    tell(folder, "tag", "--annotate", "--cleanup=whitespace", "--message", message, name)


def untag(folder: Path, *names: str) -> None:
    """Take tags back that were made a moment ago, and are nowhere else. Raises GitFailed."""
    tell(folder, "tag", "--delete", *names)


def branch(folder: Path) -> str | None:
    """The branch that is checked out; None for a detached HEAD."""
    return _text(folder, "symbolic-ref", "--quiet", "--short", "HEAD") or None


def setting(folder: Path, key: str) -> str | None:
    """What the configuration has for a key; None if nothing."""
    return _text(folder, "config", "--get", key) or None


def remotes(folder: Path) -> list[str]:
    """The names of all remotes."""
    return _text(folder, "remote").splitlines()


def urls(folder: Path, remote: str, *which: str) -> list[str]:
    """The URLs of a remote that has a name: of its fetches, unless options say which; none of a URL."""
    return _text(folder, "remote", "get-url", *which, "--", remote).splitlines()


def ask_remote(folder: Path, place: str, pattern: str, seconds: float) -> bytes:
    """The ids and names of the refs of a remote or URL. Raises GitFailed with its words, or after a time."""
    return tell(folder, "ls-remote", "--refs", "--", place, pattern, seconds=seconds)


def is_on_remote_branch(folder: Path, remote: str) -> bool:
    """Whether HEAD is on a branch of a remote, as far as this clone was told."""
    return bool(_ask(folder, "for-each-ref", "--count=1", "--contains", "HEAD", f"refs/remotes/{remote}/"))


def push(folder: Path, to: str, *names: str) -> None:
    """Push tags, and nothing else: all or none, where the host can. Raises GitFailed with its words."""
    # A remote that is a mirror takes all refs or, by git's own words, none that is named.
    single = ["-c", f"remote.{to}.mirror=false"] if setting(folder, f"remote.{to}.mirror") else []
    command = [*single, "push", "--quiet", "--no-follow-tags"]
    refs = ["--", to, *(f"refs/tags/{name}" for name in names)]
    try:
        tell(folder, *command, *(["--atomic"] if len(names) > 1 else []), *refs)
    except GitFailed as error:
        if _NOT_ATOMIC not in error.message:
            raise
        tell(folder, *command, *refs)


def without_secrets(address: str) -> str:
    """An address without the user and password that may be in it."""
    return _USER.sub("://***@", address) if holds_secret(address) else address


def _ask(folder: Path, *arguments: str) -> bytes | None:
    """Return git's answer; None if it has none."""
    done = _run(folder, *arguments)
    return None if done.returncode else done.stdout.strip()


def _text(folder: Path, *arguments: str) -> str:
    """Return git's answer as text; empty if it has none."""
    return (_ask(folder, *arguments) or b"").decode("utf-8", "surrogateescape")


def tell(folder: Path, *arguments: str, given: bytes | None = None, seconds: float | None = None) -> bytes:
    """Run git on some input, and return what it says. Raises GitFailed with its words."""
    done = _run(folder, *arguments, given=given, seconds=seconds)
    if done.returncode:
        command = arguments[2] if arguments[0] == "-c" else arguments[0]
        raise GitFailed(f"git {command} failed: {_words(done.stderr)}")
    return done.stdout.strip()


def _words(said: bytes) -> str:
    told = _USER.sub("://***@", said.decode("utf-8", "backslashreplace"))
    words = [escape(line.strip().encode(), WORDS_SHOWN) for line in told.splitlines() if line.strip()]
    return "\n  ".join(words or ["it gave no reason"])


def _run(
    folder: Path, *arguments: str, given: bytes | None = None, seconds: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git and wait; as long as it takes, if no time is given: it may ask the author for a password."""
    program = shutil.which("git")
    if program is None:
        raise Unavailable("git is not installed, or not on the PATH; install it")
    command = [program, "-C", str(folder), *arguments]
    # In its own language: some of its words are compared, and the rest is quoted in our sentences.
    environment = os.environ | {"LANGUAGE": "C"}
    stdin = None if given is None else subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - a list, and no shell
        command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        try:
            out, words = process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            process.terminate()  # its ssh may live on to its own time-out, and keeps nothing of ours
            raise GitFailed(
                f"git {arguments[0]} had no answer for {seconds:g} s; check the network, and git remote -v",
                code="git_timeout",
            ) from None
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, words)
