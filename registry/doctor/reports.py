"""What of the reports of calls was left out, or cannot be told apart, and what helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.doctor.checks import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from registry.outcomes.store.health import Health

RECENT_MS = 86_400_000  # what last happened longer ago is over
NAMED = (
    "set deployment.environment.name in OTEL_RESOURCE_ATTRIBUTES to one of them, or give each environment's "
    "apps a token for it alone"
)
STAMPED = (
    "add promptstage.otel.PromptSpanProcessor, and get the prompt where the model is called: "
    "docs/observability.md says how for each platform"
)
JOINED = "emit the event in the span of the call, or with its gen_ai.response.id"
ASIDE = "the registry's log says why; they are tried again when it starts, so upgrade it, or restart it"
UNKNOWN = "check that the apps' registry is this one, and that the tag was pushed"
KEPT = "until then apps keep what they report, for a while"
# By the counter's name: what happened so often in an environment, and the remedy.
MEANINGS = {
    "refused": ("{n} records of {environment} were refused", "the answer to each batch says which, and why"),
    "unknown_field": (
        "{n} fields of records of {environment} are not known here",
        "the apps are newer: upgrade the registry",
    ),
    "foreign_id": (
        "{n} reports of {environment} are of a call of another environment",
        "an app reports to the wrong one",
    ),
    "other": (
        "{n} calls of {environment} are beyond 2,000 series a minute, and summed as `other`",
        "leave ids out of routes and segments: GET /orders/{id}, not GET /orders/4711",
    ),
    "long_trace": (
        "traces of {environment} had over 2,000 spans ({n} times)",
        "begin a trace with each request or job: a span that comes late is not joined with one of long ago",
    ),
    "feedback_of_no_call": (
        "{n} feedbacks in spans or logs of {environment} name no call that is known",
        JOINED,
    ),
}


def left_out(counters: Iterable[tuple[str, str, int, int]], now: int) -> Iterator[Check]:
    """Yield a warning for what happened lately.

    Args:
        counters: environment, name, how often, and when last, in milliseconds since 1970.
        now: the same.
    """
    for environment, name, n, at in sorted(counters):
        if name in MEANINGS and now - at < RECENT_MS:
            message, remedy = MEANINGS[name]
            yield Check("calls", "warning", message.format(n=n, environment=environment), remedy)


def refused(full: str) -> Iterator[Check]:
    """Yield that no report is taken in, and why; `full` is empty where they are."""
    if full:
        yield Check("calls", "error", f"reports are refused: {full}", KEPT)


def lately(found: Health) -> Iterator[Check]:
    """Yield how the calls of the last day fared, and what waits."""
    if found.aside:
        message = f"{found.aside} batches of reports could not be folded, and are set aside"
        yield Check("calls", "error", message, ASIDE)
    for count, what, remedy in (
        (found.unnamed, "name no prompt", STAMPED),
        (found.unknown, "name a prompt or version that does not exist", UNKNOWN),
        (found.lost, "name no environment", NAMED),
    ):
        if count:
            yield Check("calls", "warning", f"{count} of {found.calls} of the last day {what}", remedy)
    waits = {0: "nothing waits", 1: "1 batch waits"}.get(found.waiting, f"{found.waiting} batches wait")
    yield Check("calls", "ok", f"{found.calls} in the last day; {waits}")
