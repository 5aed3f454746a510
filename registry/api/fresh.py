"""What a release manager names may have been pushed a moment ago: look before it is called unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from registry.access.tokens import Role
from registry.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.access.tokens import Token
    from registry.api.parts import Parts

Found = TypeVar("Found")

LOOK_SECONDS = 5.0  # a look and a fetch take one or two; who waits longer is told that it is unknown
LATE = ("unknown_prompt", "unknown_version")


def found(service: Parts, token: Token, ask: Callable[[], Found]) -> Found:
    """Ask, and for a release manager ask once more after a look at the repository.

    Only who may change rollouts is served so: an app that asks for a wrong name, again and again, must not
    make the registry ask the repository's host as often.
    """
    return look_again(service, ask) if Role[token.role] >= Role.releaser else ask()


def look_again(service: Parts, ask: Callable[[], Found]) -> Found:
    """Ask; if the prompt or version is unknown, look at the repository and ask once more."""
    try:
        return ask()
    except NotFound as error:
        if error.code not in LATE:
            raise
        service.sync.look_and_wait(LOOK_SECONDS)
        return ask()
