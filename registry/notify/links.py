"""Where the console shows what an event is about. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from registry.notify.event import Event

CONSOLE = "console"
OF_USAGE = ("budget", "alert")
OF_ROLLOUT = ("rollout", "guard", "suite")


def link(event: Event, home: str) -> str:
    """Return the address of the page about an event; `home` is the registry's, without a slash at its end."""
    return "/".join((home, CONSOLE, *_page(event)))


def _page(event: Event) -> tuple[str, ...]:
    group = event.kind.partition(".")[0]
    environment, prompt = event.data.get("environment"), event.data.get("prompt")
    if not environment:
        return ("prompts",) if prompt else ()
    if group in OF_USAGE:
        asked = f"?{urlencode({'prompt': prompt})}" if prompt else ""
        return "e", environment, f"usage{asked}"
    if group == "approval":
        return "e", environment, "approvals"
    if group in OF_ROLLOUT and prompt:
        return "e", environment, "rollouts", quote(prompt)
    return "e", environment, "history"
