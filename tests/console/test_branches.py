"""Each branch of each template is rendered, of answers in the API's documented shapes.

A key that the API does not have is a fault, whichever branch asks for it. The answers are in `scenes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.branches import Branches
from console.documented_api import E
from console.scenes import calls, prompts, rollouts, system

from registry.access.capabilities import Capability
from registry.access.tokens import TokenSpec, mint
from registry.console import page

if TYPE_CHECKING:
    import pytest

    from promptstage.model import Json


def frame(
    *capabilities: str,
    environments: tuple[str, ...] = (E, "staging"),
    here: str | None = E,
    below: str = "",
    query: str = "",
) -> Json:
    """What the frame around a page shows, to a token of some rights."""
    token, _ = mint(TokenSpec(name="grace", capabilities=(Capability.releaser,)))
    may = {str(one): not capabilities or str(one) in capabilities for one in Capability}
    where = {
        "environments": environments,
        "environment": here,
        "path": f"/console/e/{E}{below}",
        "address": f"/console{query}",
    }
    return {"token": token, "may": may, "csrf": "c", **where}


SCENES = (
    rollouts.overviews,
    rollouts.rollouts,
    rollouts.changes,
    prompts.prompts,
    calls.calls,
    calls.reviews,
    system.systems,
    system.alone,
)
OF_ALL = (
    "report.html",
    "prompts.html",
    "version.html",
    "diff.html",
    "system.html",
    "login.html",
    "error.html",
)
FRAMES = (
    frame(),
    frame("reader", below="/calls", query="?error=any"),
    frame("review", below="/review/next"),
    frame(environments=tuple(f"env-{i}" for i in range(9)), here=None),
)


def test_each_branch_of_each_template_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """For an admin, a reader, and where there are many environments."""
    made = page._templates.__wrapped__()
    branches = Branches(made)
    monkeypatch.setattr(page, "_templates", lambda: made)
    for scene in SCENES:
        for template, values in scene():
            for one in FRAMES:
                if one["environment"] or template in OF_ALL:
                    page.render(template, {**one, **values})
    assert "\n".join(branches.unseen) == ""


def test_a_call_is_of_the_model_that_answered() -> None:
    """As in sums and prices; the one that was asked for often has another name."""
    template, values = next(scene for scene in calls.calls() if scene[0] == "calls.html")
    listed = bytes(page.render(template, {**FRAMES[0], **values}).body).decode()

    assert "gpt-5.4-mini-2026-03-17" in listed
