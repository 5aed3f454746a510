"""The arguments with which an app renders a prompt, whichever of its versions it gets. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from promptstage.model import Document

ANY = "any"  # the kind of a variable whose type is not declared
MESSAGES = "messages"  # the kind of a placeholder


class Parameter(NamedTuple):
    """A variable or a placeholder.

    Attributes:
        required: whether a version cannot be rendered without it.
        kinds: its declared types, `ANY` or `MESSAGES`; more than one where versions differ.
    """

    required: bool
    kinds: frozenset[str]


Signature = dict[str, Parameter]


def of(document: Document, types: Mapping[str, str]) -> Signature:
    """Return what one version takes; `types` are the declared ones, by variable."""
    variables = {
        v.name: Parameter(v.required, frozenset((types.get(v.name, ANY),))) for v in document.variables
    }
    return variables | {
        p.name: Parameter(not p.optional, frozenset((MESSAGES,))) for p in document.placeholders
    }


def merge(signatures: Iterable[Signature]) -> Signature:
    """Return the arguments that fit every one of these versions.

    An app does not know which version it gets, so what one of them requires is required. What one of them
    knows is known, as the others ignore it: an app passes a new variable before its version is released.
    """
    merged: Signature = {}
    for signature in signatures:
        for name, new in signature.items():
            old = merged.get(name, new)
            kinds = old.kinds | new.kinds
            merged[name] = Parameter(old.required or new.required, kinds - {ANY} if len(kinds) > 1 else kinds)
    return merged
