"""Read GitHub's `evaluators` of a prompt's file: plain values in, checks and faults out. Pure."""

from __future__ import annotations

from typing import Any

from registry.suites.checks.check import Check
from registry.suites.checks.github import BUILT_IN, STRINGS
from registry.suites.problems import Fault

_KINDS = ("string", "llm", "uses")
_SHAPE = "write `{name: ..., string: {equals: ...}}`"
_CHOICES = "write `choices: [{choice: good, score: 1}, {choice: bad, score: 0}]`"


def read(given: Any, faults: list[Fault]) -> tuple[Check, ...]:
    """Read a list of evaluators; one that is wrong is left out, and said."""
    if not isinstance(given, list):
        faults.append(Fault((), "evaluator", f"evaluators must be a list; {_SHAPE} for each"))
        return ()
    checks = []
    for index, one in enumerate(given):
        found: list[Fault] = []
        check = _read(one, found)
        faults += [fault.below(index) for fault in found]
        checks += [check] if check else []
    return tuple(checks)


def _read(given: Any, faults: list[Fault]) -> Check | None:
    kind = next((key for key in _KINDS if isinstance(given, dict) and given.get(key)), None)
    if kind is None:
        faults.append(Fault((), "evaluator", f"an evaluator needs string, llm or uses; {_SHAPE}"))
        return None
    value = given[kind]
    found = {"string": _about_string, "llm": _about_llm, "uses": _about_uses}[kind](value)
    if found:
        faults.append(found.below(kind))
        return None
    name = given.get("name")
    return Check(kind, value, name=name if isinstance(name, str) else "")


def _about_string(value: Any) -> Fault | None:
    if isinstance(value, dict):
        key = next((name for name in STRINGS if value.get(name) not in (None, "")), None)
        if key and isinstance(value[key], str):
            return None
        if key:
            return Fault((key,), "evaluator", f"{key} must be text; quote it")
    return Fault((), "evaluator", f"string needs one of {', '.join(STRINGS)}, with a text")


def _about_llm(value: Any) -> Fault | None:
    if not isinstance(value, dict) or not isinstance(value.get("prompt"), str):
        return Fault((), "evaluator", "llm needs a prompt; write `prompt: ...` with {{completion}} in it")
    for key in ("modelId", "systemPrompt"):
        if not isinstance(value.get(key, ""), str | None):
            return Fault((key,), "evaluator", f"{key} must be text; quote it")
    choices = value.get("choices")
    if not isinstance(choices, list) or not choices:
        return Fault(("choices",) * ("choices" in value), "evaluator", f"llm needs choices; {_CHOICES}")
    wrong = next((index for index, choice in enumerate(choices) if not _is_choice(choice)), None)
    return None if wrong is None else Fault(("choices", wrong), "evaluator", f"this is no choice; {_CHOICES}")


def _is_choice(choice: Any) -> bool:
    match choice:
        case {"choice": str(), "score": bool()}:
            return False
        case {"choice": str(text), "score": int() | float()}:
            return bool(text)
    return False


def _about_uses(value: Any) -> Fault | None:
    if isinstance(value, str) and value in BUILT_IN:
        return None
    return Fault(
        (),
        "evaluator",
        f"this evaluator does not exist, so it never passes; use one of {', '.join(BUILT_IN)}",
    )
