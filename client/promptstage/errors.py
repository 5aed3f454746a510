"""The errors that an application can get, as one small tree.

PromptstageError
├── PromptUnavailable    nothing is known to serve under that name
├── VariablesMissing     a prompt was rendered without variables that it requires
├── PromptTooLarge       a prompt was rendered with values that make more of it than is allowed
├── PromptUnsupported    a prompt has something that a model's API cannot carry
└── ReleaseInvalid       a registry sent something that is not a release
"""

from __future__ import annotations

from typing import Any


class PromptstageError(Exception):
    """The base of every error that this package raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        # By message and attributes: BaseException would give the message to `__init__`, which wants others.
        # A pool of processes pickles the error of its worker, and breaks if it cannot.
        return type(self).__new__, (type(self), *self.args), self.__dict__


class PromptUnavailable(PromptstageError):
    """No release, no snapshot and no fallback: there is nothing to serve.

    Attributes:
        name: the prompt that was asked for.
        reason: ``unknown_prompt``, ``not_a_name``, ``unknown_version``, ``unknown_environment``,
            ``no_release``, ``invalid`` (that version), ``unauthorized``, ``unreachable`` or ``closed``.
    """

    def __init__(self, name: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.name = name
        self.reason = reason


class VariablesMissing(PromptstageError, ValueError):
    """A required variable was not given; one error names all that are missing.

    Attributes:
        names: the missing variables, in the order in which the prompt declares them.
        place: of a name in a section, the item that lacks it: ``items[1].authors[0]``; else empty.
    """

    def __init__(self, prompt: str, names: tuple[str, ...], place: str = "") -> None:
        needed = ", ".join(names)
        remedy = f"in {place}; add it there, or pass a value for it" if place else "; pass a value for each"
        super().__init__(f"{prompt} needs {needed}{' ' * bool(place)}{remedy}")
        self.prompt = prompt
        self.names = names
        self.place = place


class PromptTooLarge(PromptstageError, ValueError):
    """The values would make a text of a prompt that is larger than any model takes."""


class PromptUnsupported(PromptstageError, ValueError):
    """A prompt has something that the API of a request cannot carry; the message names the place."""


class ReleaseInvalid(PromptstageError, ValueError):
    """JSON that is not a release as the contract has it; the message names the place."""
