"""Compare the JSON Schemas and the tools of two versions, by their effect on apps. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from registry.catalog.parsing import json_schema

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from promptstage.model import Document

Part = Literal["patch", "minor", "major"]
Path = tuple[str | int, ...]  # of a value in the new file; `registry.catalog.parsing.lines` finds its line

STEPS = 5_000  # schemas that are looked at, as references can repeat each other without end


class Change(NamedTuple):
    """One difference: the part that it calls for, words that follow "it", and its paths in the new file."""

    part: Part
    words: str
    paths: tuple[Path, ...] = ()


def listed(part: Part, words: str, names: Collection[str], key: str = "") -> Iterator[Change]:
    """Yield one change of all these names; `key` is where the new file has them, if it does."""
    if names:
        paths = tuple((key, name) for name in sorted(names)) if key else ()
        yield Change(part, f"{words}: {', '.join(sorted(names))}", paths)


@dataclass(frozen=True, slots=True)
class _Property:
    required: bool
    schema: Any
    path: Path


def of_answer(old: Any, new: Any) -> Iterator[Change]:
    """Compare two `jsonSchema`, each of which an answer obeys."""
    if isinstance(old, dict) and isinstance(new, dict):
        before, after = _properties(old), _properties(new)
        changes = list(_compared(before, after))
        yield from changes
        if changes:
            return
    yield Change("minor", "answers by another JSON schema", (("jsonSchema",),))


def of_tools(old: Document, new: Document) -> Iterator[Change]:
    """Compare the tools that a model may call, and an app has to answer."""
    before, after = _functions(old), _functions(new)
    gone, come = before.keys() - after.keys(), after.keys() - before.keys()
    renamed = _pairs(gone, come, lambda a, b: _unnamed(before[a]) == _unnamed(after[b]))
    for a, b in sorted(renamed.items()):
        yield Change("major", f"renames a tool: {a} to {b}", (("tools", b),))
    yield from listed("major", "removes a tool", gone - renamed.keys())
    yield from listed("minor", "offers a new tool", come - set(renamed.values()), "tools")
    for name in sorted(before.keys() & after.keys()):
        yield from _of_tool(name, before[name], after[name])
    if old.tool_choice != new.tool_choice:
        yield Change("minor", "changes which tool is to be called", (("toolChoice",),))


def _of_tool(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before, after = (_properties(each.get("parameters") or {}) for each in (old, new))
    required = {p for p in after.keys() - before.keys() if after[p].required}
    paths = tuple(("tools", name, "parameters", *after[p].path) for p in sorted(required))
    if required:
        shown = ", ".join(sorted(required))
        yield Change("major", f"requires a new parameter of the tool {name}: {shown}", paths)
    elif old.get("parameters") != new.get("parameters"):
        yield Change("minor", f"changes the parameters of a tool: {name}", (("tools", name, "parameters"),))
    elif old != new:
        yield Change("patch", f"describes a tool in other words: {name}", (("tools", name),))


def _compared(before: Mapping[str, _Property], after: Mapping[str, _Property]) -> Iterator[Change]:
    """Compare the properties of two schemas by name; those of a property that is gone or new go with it."""
    gone, come = _topmost(before.keys() - after.keys()), _topmost(after.keys() - before.keys())
    renamed = _pairs(
        gone, come, lambda a, b: _parent(a) == _parent(b) and before[a].schema == after[b].schema
    )
    come -= set(renamed.values())
    required = {name for name in come if after[name].required}
    both = before.keys() & after.keys()
    retyped = {name for name in both if _type(before[name].schema) != _type(after[name].schema)}
    for a, b in sorted(renamed.items()):
        yield Change("major", f"renames a property of its answer: {a} to {b}", (_place(after[b]),))
    yield from listed("major", "removes a property of its answer", gone - renamed.keys())
    for part, words, names in (
        ("major", "requires a new property in its answer", required),
        ("major", "changes the type of a property of its answer", retyped),
        ("minor", "takes a new optional property into its answer", come - required),
    ):
        if names:
            places = tuple(_place(after[name]) for name in sorted(names))
            yield Change(part, f"{words}: {', '.join(sorted(names))}", places)  # type: ignore[arg-type]


def _place(found: _Property) -> Path:
    return ("jsonSchema", *found.path)


def _pairs(gone: Collection[str], come: Collection[str], is_same: Any) -> dict[str, str]:
    """Find which of the gone names is which of the new ones."""
    found: dict[str, str] = {}
    for a in sorted(gone):
        near = next((b for b in sorted(come) if b not in found.values() and is_same(a, b)), None)
        if near is not None:
            found[a] = near
    return found


def _topmost(names: Collection[str]) -> set[str]:
    return {name for name in names if not any(name.startswith((f"{o}.", f"{o}[")) for o in names)}


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _type(schema: Any) -> Any:
    """Return the types of a schema that says some, without order; None else."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    return sorted(map(str, kind)) if isinstance(kind, list) else kind and [kind]


def _functions(document: Document) -> dict[str, dict[str, Any]]:
    return {tool["function"]["name"]: tool["function"] for tool in document.tools}


def _unnamed(function: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in function.items() if key != "name"}


def _properties(schema: dict[str, Any]) -> dict[str, _Property]:
    """Return the properties of a schema at any depth, by names such as ``order.items[].price``."""
    start = json_schema.inner(schema)
    root = schema["schema"] if start else schema
    found: dict[str, _Property] = {}
    waiting: list[tuple[str, Any, Path, frozenset[str]]] = [("", root, (), frozenset())]
    for _ in range(STEPS):
        if not waiting:
            break
        name, one, path, followed = waiting.pop()
        if not isinstance(one, dict):
            continue
        target = one.get("$ref")
        if isinstance(target, str) and target not in followed and (led := json_schema.resolve(root, target)):
            waiting.append((name, led[1], led[0], followed | {target}))
        listed = one.get("required")
        required = listed if isinstance(listed, list) else []
        for place, inner in json_schema.below(one):
            if place[0] == "properties":
                key = f"{name}.{place[1]}" if name else str(place[1])
                found.setdefault(key, _Property(place[1] in required, inner, (*start, *path, *place)))
                waiting.append((key, inner, (*path, *place), followed))
            elif place[0] not in json_schema.NAMED:
                within = f"{name}[]" if place[0] in {"items", "prefixItems"} else name
                waiting.append((within, inner, (*path, *place), followed))
    return found
