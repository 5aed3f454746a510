"""The process that judges what may take for ever: one check a line of standard input, as JSON."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

from registry.suites.checks import patterns, structures, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.suites.checks.texts import Said

LIMIT_SECONDS = 2.0  # of processor time a check; an honest one takes a millisecond, the first one 0.2 s


def main() -> None:
    """Answer each line with a line: whether a condition holds, null if it cannot be said, and words."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent says when to stop
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, in any code
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, LIMIT_SECONDS)
        reply = _said(*json.loads(line))
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


def _said(kind: str, output: str, value: Any, threshold: float | None, calls: Any) -> tuple[bool | None, str]:
    try:
        return _CHECKS[kind](output, value, threshold, calls)
    except patterns.PatternError as error:
        return None, f"this regular expression {error}"
    except RecursionError:
        return None, f"{kind} is nested too deep to be judged"
    except Exception as error:  # noqa: BLE001 - whatever a schema makes a library raise
        return None, f"{kind} could not be judged: {type(error).__name__}: {error}"


def _matches(output: str, value: Any) -> Said:
    return bool(patterns.compile_pattern(value).search(output)), f"has a match of {texts.quoted(value)}"


_CHECKS: dict[str, Callable[[str, Any, float | None, Any], Said]] = {
    "regex": lambda output, value, *_: _matches(output, value),
    "is-json": lambda output, value, *_: structures.is_json(output, value),
    "contains-json": lambda output, value, *_: structures.contains_json(output, value),
    "levenshtein": lambda output, value, threshold, _: texts.near(output, value, threshold),
    "is-valid-openai-tools-call": lambda _output, value, _bound, calls: structures.calls_tools(
        calls, value or ()
    ),
}


if __name__ == "__main__":
    main()
