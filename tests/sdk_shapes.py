"""Whether JSON has the shape that an SDK's types give a request: every key known, every value of its kind."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, Required, Union, get_args, get_origin, get_type_hints, is_typeddict

from typing_extensions import is_typeddict as is_extended_typeddict


def misfit(value: Any, kind: Any, place: str = "body") -> str | None:
    """Return where a value is not of its kind, and how; None if it is."""
    origin, of = get_origin(kind), get_args(kind)
    if origin is Required:
        return misfit(value, of[0], place)
    if origin in {Union, types.UnionType}:
        return _of_union(value, of, place)
    if is_typeddict(kind) or is_extended_typeddict(kind):
        return _of_mapping(value, kind, place)
    if origin in {list, Iterable, Sequence} or getattr(origin, "__name__", "") == "SequenceNotStr":
        return _of_list(value, of[0], place)
    return None if _is_plain(value, kind) else f"{place}: {value!r} is no {kind}"


def _is_plain(value: Any, kind: Any) -> bool:
    origin = get_origin(kind)
    if origin is Literal:
        return value in get_args(kind)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, dict)
    return kind in {Any, object} or type(value) is kind or (kind is float and type(value) is int)


def _of_union(value: Any, members: tuple[Any, ...], place: str) -> str | None:
    """Of the members that fail, the one that fails deepest within the value tells most."""
    found = [misfit(value, member, place) for member in members]
    return None if None in found else max(filter(None, found), key=lambda said: said.index(":"))


def _of_mapping(value: Any, kind: Any, place: str) -> str | None:
    if not isinstance(value, dict):
        return f"{place}: no mapping"
    hints = _hints(kind)
    if unknown := value.keys() - hints.keys():
        return f"{place}: Unknown parameter: {sorted(unknown)}"
    if missing := {key for key, hint in hints.items() if get_origin(hint) is Required} - value.keys():
        return f"{place}: {sorted(missing)}: Field required"
    return _first(misfit(inner, hints[key], f"{place}.{key}") for key, inner in value.items())


def _of_list(value: Any, kind: Any, place: str) -> str | None:
    if not isinstance(value, list):
        return f"{place}: no list"
    return _first(misfit(item, kind, f"{place}[{i}]") for i, item in enumerate(value))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _first(found: Iterable[str | None]) -> str | None:
    return next(filter(None, found), None)
