"""What a guard does after a rollout, and after its registry lost something: it never acts twice."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from guarded import HOLDS, STAYS, Guarded
from support import until

from registry.outcomes.store.opening import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from support import Api, Registry, Valkey

HARM = ("guard", "rollback")


def test_harm_that_shows_after_the_end_is_told(api: Api, environment: str) -> None:
    """Its calls count as before; nothing is taken back, as the candidate is the stable version now."""
    guarded = Guarded(api, environment, STAYS)
    guarded.report(10)
    until(lambda: guarded.evidence["exposed"], "the first calls")
    assert guarded.act("advance").status == 200
    assert guarded.state["rollout"] is None

    guarded.report(40, canary_bad=20)

    until(lambda: guarded.evidence["harm"] == ["errors"], "the late calls")
    assert guarded.evidence["exposed"] == [{"percent": 50, "canary": 40, "control": 40}]
    assert guarded.state["stable"]["version"] == "1.1.0"
    assert HARM not in guarded.changes


def test_redis_is_flushed(serve: Callable[..., Registry], valkey: Valkey) -> None:
    """What was counted is in the database, and what was decided in the journal."""
    guarded = Guarded(serve(redis_url=valkey.url).api, "production", STAYS)
    guarded.report(40, canary_bad=2)
    until(lambda: guarded.evidence["exposed"] == [{"percent": 50, "canary": 40, "control": 40}], "the calls")

    with valkey.client() as redis:
        redis.flushall()
    guarded.report(60, canary_bad=20)
    until(lambda: guarded.state["rollout"] is None, "the rollback")
    with valkey.client() as redis:
        redis.flushall()
    guarded.report(80, canary_bad=40)

    until(lambda: guarded.evidence["exposed"] == [{"percent": 50, "canary": 80, "control": 80}], "the rest")
    assert guarded.changes[:2] == [HARM, ("admin", "start")]


def test_all_is_restored_from_yesterday(serve: Callable[..., Registry]) -> None:
    """The rollout is under way again, and goes nowhere without data; it is taken back once."""
    registry = serve()
    guarded = Guarded(registry.api, "production", HOLDS, {"minimum": 10})
    registry.stop()
    yesterday = registry.data.with_name("yesterday")
    shutil.copytree(registry.data, yesterday)
    guarded.connect(serve().api)
    guarded.report(40, canary_bad=20)
    until(lambda: guarded.state["rollout"] is None, "the rollback")

    guarded.connect(serve(data="yesterday").api)
    until(lambda: guarded.evidence["waiting"], "the end of the hold")
    assert guarded.changes[0] == ("admin", "start")
    guarded.report(40, canary_bad=20)
    until(lambda: guarded.state["rollout"] is None, "the second rollback, which is the first one there")

    assert [change for change in guarded.changes if change[0] in {"guard", "schedule"}] == [HARM]


def test_the_database_alone_is_restored_from_yesterday(serve: Callable[..., Registry]) -> None:
    """The journal knows that the candidate was taken back; reports that come again change nothing."""
    registry = serve()
    guarded = Guarded(registry.api, "production", STAYS)
    guarded.report(5)
    until(lambda: guarded.evidence["exposed"], "the first calls")
    registry.stop()
    kept, lost = registry.data.with_name("kept"), registry.data / FOLDER
    shutil.copytree(lost, kept)
    registry = serve()
    guarded.connect(registry.api)
    guarded.report(40, canary_bad=20)
    until(lambda: guarded.state["rollout"] is None, "the rollback")
    registry.stop()
    shutil.rmtree(lost)
    shutil.copytree(kept, lost)

    guarded.connect(serve().api)
    guarded.report(40, canary_bad=20)

    until(lambda: guarded.evidence["exposed"] == [{"percent": 50, "canary": 40, "control": 40}], "the calls")
    until(lambda: guarded.evidence["harm"], "the verdict")
    assert guarded.changes[:2] == [HARM, ("admin", "start")]
