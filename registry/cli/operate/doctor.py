"""``promptstage doctor``: find out what is wrong, and what helps."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from registry.cli import http, output
from registry.cli.options import AsJson, MaybeName  # noqa: TC001 - typer reads the annotations
from registry.errors import Invalid, Unavailable
from registry.wording import paths
from registry.wording.reads import Refused
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}
WIDEST = 2000  # characters of a message; one that names many tags is long
SKEW_SECONDS = 5.0  # between this clock and the registry's: `--at` and countdowns would mislead


def doctor(name: MaybeName = None, *, as_json: AsJson = False) -> None:
    """Find out what is wrong, and what helps.

    Use it when a tag made no version, a change does not arrive, or a token is refused.

    With NAME it also shows what is known of that prompt. The exit code is 1 if something is wrong; warnings
    do not count.

    \b
    Example:  promptstage doctor
              promptstage doctor summarize
              promptstage doctor --json
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    checks = _examine(name)
    if as_json:
        output.dump({"checks": checks})
    else:
        lines = [line for check in checks for line in _lines(check)]
        output.facts([cells for cells, _ in lines], [style for _, style in lines])
    raise typer.Exit(1 if any(check["status"] == "error" for check in checks) else 0)


def _examine(name: str | None) -> list[Json]:
    """Examine this machine, and then what the registry says of itself."""
    try:
        registry = http.connect()
    except Invalid as error:
        return [_check("settings", "error", error.message, "correct the variable, or unset it")]
    where = f"{registry.target.url} ({registry.target.origin})"
    token = _check(
        "token", "ok" if registry.target.credential.token else "warning", registry.target.credential.origin
    )
    begin = time.time()
    try:
        answer = registry.get(paths.DOCTOR, "checks", **({"prompt": name} if name else {}))
    except Unavailable as error:
        problem, *remedy = error.message.splitlines()
        return [
            _check("registry", "error", f"{problem}; {registry.target.origin}", "\n".join(remedy)),
            token,
        ]
    except Refused as error:
        return [
            _check("registry", "ok", where),
            _refused(error, token, has_token=bool(registry.target.credential.token)),
        ]
    clock = _clock(answer["time"], begin, time.time())
    return [_check("registry", "ok", where), token, *answer["checks"], clock]


def _refused(error: Refused, token: Json, *, has_token: bool) -> Json:
    if error.code not in {"unauthorized", "forbidden"}:
        return _check("prompt" if error.code == "unknown_prompt" else "registry", "error", error.message)
    remedy = (
        "log in with one of this registry's (promptstage login URL), or set PROMPTSTAGE_TOKEN; "
        "with an admin's, promptstage token create --role reader makes one"
    )
    words = error.message if has_token else f"there is none\n{token['message']}"
    return token | {"status": "error", "message": words, "remedy": remedy}


def _clock(registry: str, begin: float, end: float) -> Json:
    """Compare this machine's clock with the registry's, as well as a round trip tells."""
    there = datetime.fromisoformat(registry).timestamp()
    skew = max(begin - there, there - end)
    if skew <= SKEW_SECONDS:
        return _check("your clock", "ok", "agrees with the registry's")
    message = f"differs from the registry's by {skew:.0f} s"
    return _check("your clock", "warning", message, "set the wrong one of the two clocks by NTP")


def _check(name: str, status: str, message: str, remedy: str = "") -> Json:
    return {"name": name, "status": status, "message": message, "remedy": remedy or None}


def _lines(check: Json) -> Iterator[tuple[tuple[str, str, str], str]]:
    """The cells of a check's lines, and the style of each."""
    mark, style = MARKS.get(check["status"], MARKS["warning"])
    first, *others = str(check["message"]).splitlines() or [""]
    yield (mark, clean(check["name"]), clean(first, WIDEST)), style
    for line in [*others, *str(check["remedy"] or "").splitlines()]:
        yield ("", "", f"→ {clean(line, WIDEST)}"), ""
