"""The errors of the registry, as one tree.

RegistryError
├── NotFound             no such prompt, version, environment or release
├── Conflict             the state does not allow it; carries the state
├── PreconditionFailed   If-Match names an older state
├── Invalid              the input is bad; says where
│   └── DocumentInvalid  a prompt file is bad; says the line
│       └── DocumentAbsent   the tagged commit has no such file
├── Unauthorized         no token, or none that is known
├── Forbidden            a known token without the right
└── Unavailable          not now: git, the journal or the disk is in the way
    └── GitFailed        a git command ended with an error, or beyond its bounds
        └── ObjectMissing    an object that others refer to is not there

Every error has a `code` for programs and a sentence for people that ends in what to do. Status codes
are set in `registry.api.http.problem` alone.
"""

from __future__ import annotations

from typing import Any


class RegistryError(Exception):
    """The base: `code` for programs, the message for people, `extra` for the answer's other members."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.extra = extra


class NotFound(RegistryError):
    """No such prompt, version, environment or release (`code` says which)."""

    code = "not_found"


class Conflict(RegistryError):
    """A transition that the state does not allow; `extra["state"]` is that state."""

    code = "conflict"


class PreconditionFailed(RegistryError):
    """The state is not the one that If-Match names."""

    code = "precondition_failed"


class Invalid(RegistryError):
    """Bad input."""

    code = "invalid"


class DocumentInvalid(Invalid):
    """A prompt file that cannot be served. `line` and `column` count from 1, or are None."""

    code = "invalid_document"

    def __init__(
        self, message: str, *, line: int | None = None, column: int | None = None, path: str = ""
    ) -> None:
        super().__init__(message, problem={"message": message, "line": line, "column": column, "path": path})
        self.line = line
        self.column = column
        self.path = path


class DocumentAbsent(DocumentInvalid):
    """The tagged commit has no file of that prompt."""

    code = "document_absent"


class Unauthorized(RegistryError):
    """No bearer token, or an unknown one."""

    code = "unauthorized"


class Forbidden(RegistryError):
    """A known token that may not do this."""

    code = "forbidden"


class Unavailable(RegistryError):
    """It cannot be done now; the message says what has to happen first."""

    code = "unavailable"


class GitFailed(Unavailable):
    """A git command failed; the message carries git's own last words, never a credential.

    `words` is all that it said, to find out what kind of failure it was.
    """

    code = "git_failed"

    def __init__(self, message: str, *, code: str | None = None, words: str = "") -> None:
        super().__init__(message, code=code)
        self.words = words

    @property
    def passing(self) -> bool:
        """Whether the machine was at fault, which proves nothing about the repository."""
        return self.code in _PASSING


class ObjectMissing(GitFailed):
    """An object that others refer to is not there; `oid` is its id."""

    code = "object_missing"

    def __init__(self, message: str, oid: str) -> None:
        super().__init__(message)
        self.oid = oid


_PASSING = frozenset(("git_killed", "git_missing", "git_no_memory", "git_timeout"))
