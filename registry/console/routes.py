"""All routes of the console."""

from __future__ import annotations

from fastapi import APIRouter

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

PAGES = (login, overview, actions, records, outcomes, review, report, rollout, prompt, system, events)

router = APIRouter()
for pages in PAGES:
    router.include_router(pages.router)
router.include_router(login.lost)
