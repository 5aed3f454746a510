"""What the readers of other tools' prompts yield. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Imported:
    """One version of a prompt, as a prompt file of ours.

    Attributes:
        name: a valid name, such as ``support/triage``; see `registry.importers.names.of`.
        number: what the source calls this version; unique among those of one prompt.
        document: the keys of a prompt file, and their values as JSON has them.
        cases: the lines of the file of cases.
        source: the prompt's name in the source, if it is another one.
        author, email, at, message: of the change, as far as the source knows; `at` has a time zone.
        labels: what the source serves this version as, such as ``production``.
        left_out: sentences on what could not be carried over.
    """

    name: str
    number: str | int
    document: Mapping[str, Any]
    cases: tuple[Mapping[str, Any], ...] = ()
    source: str = ""
    author: str | None = None
    email: str | None = None
    at: datetime | None = None
    message: str | None = None
    labels: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A prompt, or one version of it, that cannot be carried over; nothing of it is guessed.

    Attributes:
        name: as people know it: the prompt's name in the source, or the path of its file.
        number: the source's version; None for all of them.
        why: what is in the way and, where there is one, the remedy; it begins in lower case.
    """

    name: str
    number: str | int | None
    why: str


Files = Mapping[str, bytes]  # by path from the source's folder, with /; one file has its own name
Read = Iterator[Imported | Refused]
Reader = Callable[[Files], Read]
