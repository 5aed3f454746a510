"""Explain why there is nothing to serve, and what to do: one sentence for each reason."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from promptstage.errors import PromptUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 400  # characters of what others say, so that an error stays readable

# By reason, as PromptUnavailable has it: what is wrong, and what to do.
_REMEDIES = {
    "unknown_prompt": (
        "the registry knows no such prompt",
        "check the name, or commit its file and run `promptstage tag {name} --push`",
    ),
    "not_a_name": (
        "that cannot be the name of a prompt",
        "names look like support/triage: lower case, without `.prompt.yml`; a version goes into version=",
    ),
    "unknown_version": (
        "the registry knows no such version",
        "`promptstage versions {name}` lists those that there are",
    ),
    "unknown_environment": (
        "the registry has no such environment",
        "check environment= or PROMPTSTAGE_ENVIRONMENT",
    ),
    "no_release": (
        "nothing of it is released there",
        "run `promptstage promote {name} VERSION -e {environment}` with one of `promptstage versions {name}`",
    ),
    "invalid": (
        "that version is invalid",
        "see what `promptstage check` says about its file, and tag a new one",
    ),
    "unauthorized": (
        "the registry refuses this client",
        "check token= or PROMPTSTAGE_TOKEN, or run `promptstage token create --role reader -e {environment}`",
    ),
    "unreachable": (
        "no usable answer, and no snapshot of an earlier run",
        "check url= or PROMPTSTAGE_URL; until then only a fallback= can be served",
    ),
    "closed": (
        "this client is closed, and never saw this prompt",
        "make one client for the whole process, and close it when that ends",
    ),
}


class Why(NamedTuple):
    """The reason why there is nothing to serve, and what the other side said about it."""

    reason: str
    detail: str = ""


NOT_A_NAME = Why("not_a_name")


def unavailable(  # noqa: PLR0913 - the facts of one sentence, by keyword
    name: str, why: Why, *, url: str, environment: str, version: str, known: Iterable[str]
) -> PromptUnavailable:
    """The error that says what is not there, why, and what to do.

    Args:
        name: what was asked for.
        why: the reason.
        url: where.
        environment: where.
        version: the one that was asked for, or empty.
        known: the names that this client knows, for the one that was meant.
    """
    what = f"{name}@{version}" if version else f"{name} in {environment}"
    wrong, remedy = _REMEDIES.get(why.reason, (f"the registry says {why.reason}", "ask its operator"))
    said = f" ({why.detail[:_LONGEST]})" if why.detail and why.detail not in wrong else ""
    meant = _meant(name, why.detail, known) if why.reason in {"unknown_prompt", "not_a_name"} else ""
    todo = remedy.format(name=name, environment=environment)
    return PromptUnavailable(name, why.reason, f"no {what} from {url}: {wrong}{said}{meant}; {todo}")


def _meant(name: str, said: str, known: Iterable[str]) -> str:
    near = [other for other in get_close_matches(name, known) if other != name and other not in said]
    return f", and this client knows {' and '.join(near)}" if near else ""
