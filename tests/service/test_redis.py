"""An external Redis: what is wrong with it is told, and keeps nobody from being served."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from replication.servers import HOST, Server
from support import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import Registry


def test_a_password_that_is_wrong(serve: Callable[..., Registry], tmp_path: Path) -> None:
    """/readyz and the log say so, without the password; changes are kept, and told when it is right."""
    with ExitStack() as stack:
        server = Server(stack, tmp_path / "valkey", "--requirepass", "right-secret", password="right-secret")
        registry = serve(redis_url=f"redis://:wrong-secret@{HOST}:{server.port}")
        begun = time.monotonic()
        made = registry.api.act("promote", "summarize", {"version": "1.0.0"}).json
        took = time.monotonic() - begun
        told = registry.api.get("/readyz").json
        assert (told["status"], told["redis"]) == (
            "ready",
            "Redis refuses the user or the password; correct PROMPTSTAGE_REDIS_URL",
        )
        assert made["applied"] is False
        assert took < 5
        assert "Redis refuses the user or the password" in registry.log

        server.ask("CONFIG SET", "requirepass", "wrong-secret")
        until(lambda: registry.api.get("/readyz").json["redis"] == "ok", "Redis")
        assert "secret" not in registry.log
