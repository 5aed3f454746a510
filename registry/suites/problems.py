"""What is wrong with a suite: where, by a code of `registry.catalog.parsing.codes`, and in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from registry.catalog.parsing.codes import CODES

if TYPE_CHECKING:
    from registry.catalog.parsing.codes import Severity

Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """Something to say about a value; `path` leads to it from the value that was read."""

    path: Path
    code: str
    message: str

    @property
    def is_error(self) -> bool:
        """Whether its code is that of an error."""
        return CODES[self.code].severity == "error"

    def below(self, *path: str | int) -> Fault:
        """Return it as seen from further out."""
        return self._replace(path=(*path, *self.path))


class Place(NamedTuple):
    """A place in a file; `line` and `column` count from 1."""

    path: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """A fault at its place."""

    place: Place
    code: str
    message: str

    @property
    def severity(self) -> Severity:
        """The severity of its code."""
        return CODES[self.code].severity

    def __str__(self) -> str:
        return f"{self.place}: {self.severity}[{self.code}]: {self.message}"
