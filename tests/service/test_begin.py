"""What a process knows when it begins to answer."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

from journal.story import begin, promote
from service.test_fast_path import handlers_kept
from support import Valkey

from registry import app
from registry.control.scheduler import Scheduler
from registry.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from support import PromptRepository


def test_what_others_change_while_it_starts_is_known(
    repository: PromptRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that starts late answers nobody from the journal as it was when it read it."""
    begin(tmp_path / "data")
    valkey = Valkey(tmp_path)
    settings = Settings(repository=str(repository.path), data=tmp_path / "data", redis_url=valkey.url)
    monkeypatch.setattr(Scheduler, "_run", lambda _: None)  # it may be late, too
    monkeypatch.setattr(gc, "freeze", lambda: promote(tmp_path / "data", "1.0.0"))

    async def known() -> tuple[int, int]:
        made = app.create(settings)
        async with made.router.lifespan_context(made):
            head: tuple[int, int] = made.state.services.rollouts.replica.read_model.head
            return head

    with handlers_kept():
        assert asyncio.run(known())[1] == 1
    valkey.kill()
