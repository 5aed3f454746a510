"""What a token may do: a set of capabilities, not a rank.

Each capability implies `reader` and nothing else; only `admin` has all the others too, but for `review`:
whoever runs the registry does not thereby read what users wrote.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Capability(StrEnum):
    """The rights that a token can have; the order is that of lists and of the help."""

    admin = "admin"
    releaser = "releaser"
    app = "app"
    judge = "judge"
    attest = "attest"
    review = "review"
    reader = "reader"


MEANINGS = {
    Capability.reader: "read prompts, releases, rollouts, usage and evidence",
    Capability.app: "report calls and feedback",
    Capability.judge: "claim calls and score them",
    Capability.attest: "attest the result of a suite",
    Capability.review: "read and label what users wrote and models answered",
    Capability.releaser: "change rollouts",
    Capability.admin: "manage tokens, erase, and all of the others but review",
}
RANKS = (Capability.admin, Capability.releaser, Capability.reader)  # the roles of registries without the rest
_OF_ADMIN = frozenset(Capability) - {Capability.review}


def implied(names: Iterable[str]) -> frozenset[Capability]:
    """Return all that these give. An unknown name, of a newer registry's token, gives nothing."""
    given = {Capability(name) for name in names if name in Capability.__members__}
    return frozenset({Capability.reader, *given, *(_OF_ADMIN if Capability.admin in given else ())})


def reduced(names: Iterable[Capability]) -> tuple[Capability, ...]:
    """Return the shortest list that gives the same, in the order of the enum."""
    given = set(names)
    if Capability.admin in given:
        given -= _OF_ADMIN - {Capability.admin}
    if len(given) > 1:
        given.discard(Capability.reader)
    return tuple(one for one in Capability if one in given)


def rank(names: Iterable[Capability]) -> Capability:
    """Return the highest role that these include, which is all that an older registry understands."""
    given = set(names)
    return next((one for one in RANKS if one in given), Capability.reader)
