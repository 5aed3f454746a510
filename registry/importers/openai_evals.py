"""Read evals of OpenAI: the messages of their runs as prompts, rows as cases, graders as checks. Pure.

Each run whose messages or model differ from those of the run before it is a version. A grader becomes a check
where that judges exactly alike; else it is named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.errors import Invalid
from registry.importers import dumps, messages, names, openai_shapes
from registry.importers.imported import Imported, Refused
from registry.importers.messages import Place
from registry.importers.openai_prompts import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from registry.importers.imported import Read
    from registry.importers.texts import Text

_ITEM = re.compile(r"\{\{\s*item\.")
_SAMPLE = re.compile(r"\{\{\s*sample\.")
_OUTPUT = re.compile(r"\{\{\s*sample\.output_text\s*\}\}")
_CHECKS = {"eq": "equals", "ne": "not-equals", "like": "contains", "ilike": "icontains"}


@dataclass(slots=True)
class _Dump:
    """The objects of a dump; `rows` are items of no run in particular."""

    evals: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    runs: list[Mapping[str, Any]] = field(default_factory=list)
    items: dict[str, list[Any]] = field(default_factory=dict)
    rows: list[Any] = field(default_factory=list)


def read(entries: Iterable[dumps.Entry]) -> Read:
    """Yield the versions of the prompts of all evals, oldest first."""
    dump = _sorted(entries)
    for key, each in dump.evals.items():
        runs = [run for run in dump.runs if run.get("eval_id") == key]
        name = dumps.text(each, "name") or key
        if not runs:
            yield Refused(name, None, "it has no run, and so no messages; dump its runs, too")
        yield from _versions(name, each, sorted(runs, key=lambda run: run.get("created_at") or 0), dump)
    if not dump.evals and (dump.runs or dump.items or dump.rows):
        yield Refused("evals", None, "there are runs or rows without their eval; dump the eval, too")


def _sorted(entries: Iterable[dumps.Entry]) -> _Dump:
    dump = _Dump()
    for entry in entries:
        value = entry.value
        match value.get("object"):
            case "eval":
                dump.evals[str(value.get("id"))] = value
            case "eval.run":
                dump.runs.append(value)
            case "eval.run.output_item":
                dump.items.setdefault(str(value.get("run_id")), []).append(value.get("datasource_item"))
            case _:
                dump.rows.append(value["item"])
    return dump


def _versions(name: str, each: Mapping[str, Any], runs: list[Mapping[str, Any]], dump: _Dump) -> Read:
    last: Any = None
    for run in runs:
        try:
            found = _imported(name, each, run, dump)
        except Invalid as error:
            yield Refused(name, str(run.get("id")), error.message)
            continue
        if (found.document, found.cases) != last:
            last = found.document, found.cases
            yield found


def _imported(name: str, each: Mapping[str, Any], run: Mapping[str, Any], dump: _Dump) -> Imported:
    number = str(run.get("id"))
    notes: list[str] = []
    source = dumps.mapping(run, "data_source")
    asked = {**dumps.mapping(source, "sampling_params"), "model": source.get("model", run.get("model"))}
    document = openai_shapes.request(asked, notes) | messages.document(list(_said(source, notes)))
    checks = list(_checks(each.get("testing_criteria"), notes))
    rows = _rows(source, dump.items.get(number), dump.rows if len(dump.evals) == 1 else [])
    if not rows:
        notes.append("the rows, which are in a file of OpenAI's; add them as JSON lines")
    return Imported(
        names.of(name),
        number,
        document | ({"defaultTest": {"assert": checks}} if checks and rows else {}),
        cases=tuple({"id": f"item-{index}", "vars": row} for index, row in enumerate(rows, 1)),
        source=name,
        at=seconds(run.get("created_at")),
        message=dumps.text(run, "name"),
        left_out=tuple(dict.fromkeys(notes)),
    )


def _said(source: Mapping[str, Any], notes: list[str]) -> Iterator[messages.Said | Place]:
    """Yield the messages of a run: a template, or the name of what each row has."""
    read = openai_shapes.double_braces(notes)

    def template(text: str) -> Text:
        if _SAMPLE.search(text):
            raise Invalid("its messages have {{sample...}} in them, which only a grader knows")
        return read(_ITEM.sub("{{", text))

    match source.get("input_messages"):
        case {"type": "template", "template": list(items)}:
            yield from openai_shapes.said(items, template)
        case {"type": "item_reference", "item_reference": str(name)}:
            yield Place(name.removeprefix("item."))
        case _:
            raise Invalid("the run asks no model, or by messages that are elsewhere")


def _rows(source: Mapping[str, Any], items: list[Any] | None, rows: list[Any]) -> list[dict[str, Any]]:
    """Return the rows of a run: those in it, those of its output, or those of the only eval of a dump."""
    content = dumps.mapping(source, "source").get("content")
    own = [row.get("item") for row in content if isinstance(row, dict)] if isinstance(content, list) else []
    found = [row for row in own or items or rows if isinstance(row, dict)]
    return list({repr(row): row for row in found}.values())


def _checks(given: Any, notes: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the checks that judge as the graders do."""
    for grader in given if isinstance(given, list) else ():
        name = str(grader.get("name", "")) if isinstance(grader, dict) else ""
        check = _string_check(grader) if isinstance(grader, dict) else None
        match grader:
            case _ if check:
                yield check | ({"metric": name} if name else {})
            case {"type": str(kind)}:
                notes.append(f"the grader {name or kind}, a {kind}, which no check judges exactly as it does")
            case _:
                notes.append("a grader that has no type")


def _string_check(grader: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the check for a `string_check` of the answer; None for any other grader."""
    text, wanted, operation = (grader.get(key) for key in ("input", "reference", "operation"))
    is_known = grader.get("type") == "string_check" and operation in _CHECKS
    if not is_known or not isinstance(text, str) or not isinstance(wanted, str):
        return None
    if not _OUTPUT.fullmatch(text.strip()) or _SAMPLE.search(wanted):
        return None
    return {"type": _CHECKS[str(operation)], "value": _ITEM.sub("{{", wanted)}
