"""Keys, and the defaults that a block of code sets for them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from promptstage.scoped_context import Blocks
from promptstage.stamp import unstamped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


class Defaults(NamedTuple):
    """Defaults for a `get` without a key, or without these attributes."""

    key: str | None = None
    attributes: Mapping[str, object] | None = None


_NONE = Defaults()
_defaults: ContextVar[Defaults] = ContextVar("promptstage_defaults", default=_NONE)
blocks = Blocks(_defaults)


def check_attributes(attributes: object) -> None:
    """Refuse what is no mapping at the first call, not when a rollout gets an audience. Raises TypeError."""
    if not isinstance(attributes, Mapping):
        raise TypeError(
            f'attributes are a mapping such as {{"tenant": "acme"}}, not {type(attributes).__name__}'
        )


@contextmanager
def context(
    *, key: str | int | None = None, attributes: Mapping[str, object] | None = None
) -> Iterator[None]:
    """Set the key and attributes for every `get` in a block, and in the tasks that it starts.

    What is not given here stays as the block around it has it; attributes are added to those. The block
    begins without a stamp, for another user's prompt is not at work in it; at its end the stamp of before
    is back.

    Args:
        key: what stays on one arm, such as a user id.
        attributes: what a rollout's audience is compared with.
    """
    with unstamped(), given(key, attributes):
        yield


def given(key: str | int | None, attributes: Mapping[str, object] | None) -> AbstractContextManager[None]:
    """Add these to the defaults of a block."""
    return blocks.holding(added(key, attributes))


def only(defaults: Defaults) -> AbstractContextManager[None]:
    """Make these the defaults of a block, whatever the blocks around it have set."""
    return blocks.apart(defaults)


def added(key: str | int | None, attributes: Mapping[str, object] | None) -> Defaults:
    """The defaults of here, with these added."""
    if attributes is not None:
        check_attributes(attributes)
    outer = _defaults.get()
    return Defaults(as_key(key) or outer.key, merged(outer.attributes, attributes))


def current_defaults() -> Defaults:
    """The defaults of the innermost `context` block."""
    return _defaults.get()


def merged(
    outer: Mapping[str, object] | None, inner: Mapping[str, object] | None
) -> Mapping[str, object] | None:
    """Both attributes, where the inner ones win."""
    return {**outer, **inner} if outer and inner else inner or outer


def as_key(key: str | int | None) -> str | None:
    """A key as text: an int in decimal, an empty one as none.

    Raises:
        TypeError: it is neither. (Two hosts may print a float or an object differently, and the user
            would change arms.)
    """
    if key is None:
        return None
    if isinstance(key, str):
        return str.__str__(key) or None  # of an enum its value, as json has it
    if isinstance(key, int) and not isinstance(key, bool):
        return int.__repr__(key)
    raise TypeError(
        f"a key is a str or an int, not {type(key).__name__}; pass str(...) of what identifies the user"
    )
