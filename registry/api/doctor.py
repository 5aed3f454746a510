"""The registry's examination of itself, to answer "I pushed a tag, and nothing happened"."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query

from registry.api.docs import shapes
from registry.api.http import problem
from registry.api.http.dependencies import Reader, Service, Services
from registry.api.http.routes import BoundedRoute
from registry.doctor import checks, judges, reports, suites
from registry.errors import NotFound, Unavailable
from registry.notify import queue
from registry.outcomes.store import health, spending
from registry.outcomes.store.periods import DAY
from registry.system import formats, timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from registry.access.tokens import Token
    from registry.doctor.checks import Check
    from registry.outcomes.store.database import Database
    from registry.replication.replica import Replica
    from registry.rollouts.state import VersionRef

router = APIRouter(
    route_class=BoundedRoute, prefix="/v1", tags=["operations"], responses=problem.responses(401, 403, 422)
)

MAX_STATES = 1000  # of an environment: each is an object of the journal to read
REDIS = "see that it runs and that PROMPTSTAGE_REDIS_URL is right; changes reach other registries slowly now"
EPOCH = "until then they keep what they have; those more than twenty years behind it take nothing at all"
UPGRADE = f"and can be {formats.NEWEST} when all registries are this new: promptstage journal upgrade"
JOURNAL = "until then nothing can be changed; what is in force is served. The registry's log says more"


@router.get(
    "/doctor",
    summary="Examine the registry",
    responses=shapes.answer(shapes.Examination, "the checks and their results"),
)
async def examine(
    service: Service,
    token: Reader,
    prompt: Annotated[str | None, Query(description="also examine this prompt")] = None,
) -> dict[str, Any]:
    """Examine the registry and list findings with remedies; `status` is ok, warning or error.

    It reports the journal as last read, and whether the last change could be written: no writer waits for
    it.
    """
    tallies, complete = await service.presence.all()
    count = sum(sum(one.streams.values()) for one in tallies)
    streams = checks.streams(count, len(tallies), complete=complete)
    found = await to_thread.run_sync(
        lambda: [*_registry(service, streams), *_prompt(service, token, prompt)],
        limiter=service.threads.examinations,
    )
    return {"checks": [asdict(check) for check in found], "time": timestamps.now().isoformat()}


def _registry(service: Services, streams: Check) -> Iterator[Check]:
    catalog, replica = service.catalog.status(), service.rollouts.replica
    yield checks.repository(catalog, service.catalog.mirror.seconds_since_sync())
    yield from checks.tags(catalog)
    seen = f"looked at {max(0.0, time.monotonic() - replica.checked_at):.0f} s ago"
    fine = f"can be written; its newest change is {replica.read_model.head[1]}, {seen}"
    if replica.format < formats.NEWEST:
        fine += f"; its format is {replica.format}, {UPGRADE}"
    yield checks.store("journal", replica.problem or replica.unwritten, fine, JOURNAL)
    if replica.misdated:
        yield checks.store("epoch", replica.misdated, "", EPOCH)
    yield from checks.mirror(service.mirroring.lag())
    redis = _redis(replica)
    yield checks.store("redis", replica.redis_problem, "answers, and has all that is in the journal", REDIS)
    yield streams
    yield from _suites(service)
    yield from _calls(service)
    yield checks.clocks(timestamps.now(), redis, replica.newest_at)


def _suites(service: Services) -> Iterator[Check]:
    """Report attesters that are not there, and versions that no suite let in."""
    tokens, now, gate = service.tokens.list(), timestamps.now(), service.attestations.gate
    for environment in service.rollouts.environments:
        rules = gate.rules(environment)
        yield from suites.attesters(environment, rules, tokens, now)
        if rules.required:
            in_force = _in_force(service, environment)
            found = [
                f"{prompt}@{v.version}" for prompt, v in in_force if not gate.passed(prompt, v, environment)
            ]
            yield from suites.unattested(environment, found, len(in_force))


def _in_force(service: Services, environment: str) -> list[tuple[str, VersionRef]]:
    """Return the versions that are served in an environment, as many as are looked at."""
    states = service.rollouts.states(environment)[:MAX_STATES]
    refs = ((s.prompt, (s.stable, s.rollout and s.rollout.candidate)) for s in states)
    return [(prompt, ref) for prompt, both in refs for ref in both if ref]


def _drift(service: Services) -> Iterator[Check]:
    """Report models that answer calls, and are not those that suites were run with."""
    met: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    read = partial(health.models, now=time.time_ns() // 1_000_000)
    for environment, prompt, version, model, calls in service.outcomes.database().read(read):
        met.setdefault((environment, prompt, version), []).append((model, calls))
    for environment in service.rollouts.environments if met else ():
        for prompt, ref in _in_force(service, environment):
            models = met.get((environment, prompt, ref.version))
            attested = service.attestations.gate.passed(prompt, ref, environment) if models else None
            if models and attested:
                yield from suites.drift(environment, f"{prompt}@{ref.version}", attested, models)


def _calls(service: Services) -> Iterator[Check]:
    """Report what of calls is left out or has no cost, and who is not told; nothing without a database."""
    try:
        yield from reports.left_out(service.outcomes.left_out(), time.time_ns() // 1_000_000)
        if service.outcomes.is_there:
            yield from reports.refused(service.outcomes.full())
            yield from reports.lately(service.outcomes.health())
            yield from _outcomes(service.outcomes.database())
            yield from _drift(service)
            yield from _judges(service)
    except Unavailable as error:
        yield checks.store("calls", error, "", reports.KEPT)


def _outcomes(database: Database) -> Iterator[Check]:
    spent, models = database.read(lambda connection: spending.unpriced(connection, time.time() - DAY))
    yield from checks.prices(spent.calls, spent.unpriced, models)
    for each in database.read(queue.troubles):
        yield checks.target(each.target, each.messages, time.time() - each.since, each.error)


def _judges(service: Services) -> Iterator[Check]:
    for environment in service.rollouts.environments:
        if habits := service.judges.habits(environment):
            yield from judges.contradictions(environment, habits.twice)
            yield from judges.monotony(environment, habits.usual)
            yield from judges.nonsense(environment, habits.done.scored, habits.done.nonsense)


def _redis(replica: Replica) -> datetime | None:
    try:
        return replica.redis_time()
    except Unavailable:
        return None


def _prompt(service: Services, token: Token, name: str | None) -> Iterator[Check]:
    if name is None:
        return
    try:
        service.catalog.read(name, service.catalog.versions(name)[0])  # reads it, so that its status is known
        versions = service.catalog.list(name)
    except NotFound as error:
        yield checks.unknown(name, error.message, service.catalog.status())
        return
    allowed = [e for e in service.rollouts.environments if not token.environments or e in token.environments]
    yield from checks.prompt(
        name, versions, [service.rollouts.state(environment, name) for environment in allowed]
    )
