"""All routes of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.console import (
    actions,
    events,
    login,
    outcomes,
    overview,
    prompt,
    records,
    report,
    review,
    rollout,
    system,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

PAGES = (login, overview, actions, records, outcomes, review, report, rollout, prompt, system, events)

# Not one router with all of them in it: FastAPI would prepare each route a second time, in 40 ms.
ROUTERS: tuple[APIRouter, ...] = (*(pages.router for pages in PAGES), login.lost)
