"""Say what an import does, and what it leaves out."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from registry.cli import output
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from registry.importers.plan import Plan, Step

NAMED = 5  # prompts for which a next command is shown
WIDTH = 400  # characters of a sentence from the source
COLUMNS = ("PROMPT", "FROM", "VERSION", "DATE", "AUTHOR", "WHY")


def show(made: Plan, fmt: str, *, whole: bool) -> None:
    """Print the versions, each of them or those of each prompt as one line, and what is left out."""
    if whole and made.steps:
        output.table(COLUMNS, [_row(step) for step in made.steps])
    elif not whole:
        for name, steps in _by_prompt(made.steps).items():
            output.say(_summary(name, steps, fmt), "bold")
    _show_left_out(made.steps)
    for step in made.steps:
        if step.item.labels:
            output.note(_labels(step, fmt))
    for refused in made.refused:
        number = "" if refused.number is None else f" {refused.number}"
        output.note(f"{clean(refused.name)}{clean(number)} is not imported: {clean(refused.why, WIDTH)}")
    if made.known:
        output.note(
            f"{_versions(made.known)} of the source {'is' if made.known == 1 else 'are'} here already"
        )
    elif not made.steps and not made.refused:
        output.note("the source holds no prompt")


def facts(made: Plan, fmt: str, commits: Sequence[str]) -> dict[str, Any]:
    """The outcome for a program."""
    oids: Sequence[str | None] = commits or [None] * len(made.steps)
    return {
        "format": fmt,
        "written": bool(commits),
        "versions": [_facts(step, oid) for step, oid in zip(made.steps, oids, strict=True)],
        "refused": list(map(asdict, made.refused)),
        "known": made.known,
    }


def counted(steps: Iterable[Step]) -> str:
    """Count versions and prompts, in words."""
    found = _by_prompt(steps)
    versions = sum(map(len, found.values()))
    return f"{_versions(versions)} of {len(found)} prompt{'s' if len(found) != 1 else ''}"


def _versions(count: int) -> str:
    return "1 version" if count == 1 else f"{count} versions"


def _by_prompt(steps: Iterable[Step]) -> dict[str, list[Step]]:
    found: dict[str, list[Step]] = {}
    for step in steps:
        found.setdefault(step.item.name, []).append(step)
    return found


def _summary(name: str, steps: Sequence[Step], fmt: str) -> str:
    first, last = steps[0], steps[-1]
    span = first.version if len(steps) == 1 else f"{first.version} to {last.version}"
    return f"{name}: {_versions(len(steps))} of {fmt}, here {span}"


def _row(step: Step) -> tuple[str, ...]:
    item = step.item
    why = f"{step.reasons[0].part}: it {step.reasons[0].words}" if step.reasons else "its first version"
    at = item.at.date().isoformat() if item.at else ""
    return tuple(
        clean(each)
        for each in (item.name, item.number, step.version, at, item.author or item.email or "", why)
    )


def _show_left_out(steps: Iterable[Step]) -> None:
    """Say what is left out, each once for all versions of a prompt; the commits say it, too."""
    found: dict[tuple[str, str], list[Step]] = {}
    for step in steps:
        for sentence in step.item.left_out:
            found.setdefault((step.item.source, sentence), []).append(step)
    for (source, sentence), some in found.items():
        first, last = some[0].tag, some[-1].tag
        where = f"here {first}" if first == last else f"{_versions(len(some))} from {first} to {last}"
        output.note(f"{clean(source, WIDTH)} ({where}) leaves out {clean(sentence, WIDTH)}")


def _labels(step: Step, fmt: str) -> str:
    labels = ", ".join(map(clean, step.item.labels))
    return (
        f"{fmt} serves {step.item.name} {step.item.number} as {labels}; to do that here:  "
        f"promptstage promote {step.item.name} {step.version}"
    )


def _facts(step: Step, oid: str | None) -> dict[str, Any]:
    item = step.item
    return {
        "prompt": item.name,
        "source": item.source,
        "number": item.number,
        "version": step.version,
        "tag": step.tag,
        "path": step.files.path,
        "commit": oid,
        "at": item.at.isoformat() if item.at else None,
        "author": item.author,
        "changes": [reason._asdict() for reason in step.reasons],
        "cases": step.files.cases.count(b"\n"),
        "labels": list(item.labels),
        "left_out": list(item.left_out),
    }
