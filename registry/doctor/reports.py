"""What of the reports of calls was left out, or cannot be told apart, and what helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.doctor.checks import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
# By the counter's name: what happened so often in an environment, and the remedy.
MEANINGS = {
    "no_environment": ("{n} calls in spans name no environment of this registry", NAMED),
    "no_prompt": ("{n} calls in spans of {environment} name no prompt", STAMPED),
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
