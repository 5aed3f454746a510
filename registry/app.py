"""The composition root: build the services, start and stop them with the app."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI

from registry.access.tickets import Tickets
from registry.api import (
    attestations,
    budgets,
    calls,
    clients,
    doctor,
    evidence,
    guard,
    health,
    history,
    judging,
    operations,
    otlp,
    prompts,
    releases,
    review,
    scores,
    stream,
    tokens,
    usage,
    webhooks,
)
from registry.api import rollouts as rollouts_api
from registry.api.docs import page
from registry.api.http import access_log, auth, fast_path, intake, problem
from registry.api.http.answers import Answers
from registry.api.http.bounds import READ_THREADS, Bounds
from registry.api.http.cut_off import CutOff
from registry.api.http.dependencies import MAX_BODY_BYTES, Services
from registry.api.http.measured import Measured
from registry.api.http.rate import Rate
from registry.api.http.startup import StartupFailure
from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.catalog.sync import Sync
from registry.console import report
from registry.console import routes as console
from registry.console.session import Sessions, open_key
from registry.control import audit
from registry.control.attestations import Attestations
from registry.control.history import History
from registry.control.resolve import Resolver
from registry.control.rollouts import Rollouts
from registry.control.rubrics import Rubrics
from registry.control.scheduler import Scheduler
from registry.control.suite_gate import SuiteGate
from registry.control.suites import Suites
from registry.control.tokens import Tokens
from registry.evidence import guardian
from registry.evidence.report import Evidence
from registry.git.remote import Credentials
from registry.journal.local import LocalJournal
from registry.journal.remote import ALONE_SECONDS, RemoteJournal
from registry.metrics.facts import Facts
from registry.metrics.metrics import Metrics
from registry.metrics.outcomes import OutcomeFacts
from registry.notify.opening import open_notifier
from registry.notify.spending_watch import SpendingWatch
from registry.outcomes.lazy_store import Options
from registry.outcomes.outcomes import Outcomes
from registry.outcomes.spending import Spending
from registry.policies.file import read as read_policies
from registry.protocols.gateway import Endpoints, Gateway
from registry.protocols.spoken import PROTOCOLS
from registry.redis import embedded
from registry.replication.documents import Documents
from registry.replication.mirror_worker import MirrorWorker
from registry.replication.read_model import ReadModel
from registry.replication.redis_store import RedisStore
from registry.replication.replica import Replica
from registry.review.desk import ReviewDesk
from registry.review.judges import Judges
from registry.server.ending import end_on_signal, end_with_parent
from registry.settings import Settings
from registry.streams.hub import Hub
from registry.streams.presence import Presence
from registry.system import failpoints

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette.types import ASGIApp

    from registry.journal.journal import Journal
    from registry.policies.rule_set import Rules

logger = logging.getLogger(__name__)

SCRAPERS = 2  # one answers /readyz while another one renders /metrics
TAKERS = 2  # batches at once: they wait for the same disk
PAGES = 4  # of the console at once: each waits for reads, so it must hold none of their threads
WRITERS = 8  # changes at once: they wait for each other, and must leave threads for readers
# A thread that computes lets others have the interpreter after so long. Python's own ten times that is what
# the event loop, and a change under way, would wait for at every system call, for each of the threads.
SWITCH_SECONDS = 0.0005
FIRST_SYNC_SECONDS = 5.0  # then it serves what was staged, and /readyz says why it is not ready


def from_environment() -> ASGIApp:
    """Create the app from the environment variables; uvicorn's workers call it."""
    return Measured(create(Settings()))


def create(settings: Settings) -> FastAPI:
    """Create an app; nothing is opened or started before its lifespan begins."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, object]]:
        with ExitStack() as stack:
            services = _open(settings, stack)
            app.state.services = services
            to_thread.current_default_thread_limiter().total_tokens = READ_THREADS
            sys.setswitchinterval(SWITCH_SECONDS)
            # A worker before its first sync would call every prompt unknown.
            await asyncio.to_thread(services.sync.first_sync.wait, FIRST_SYNC_SECONDS)
            gc.collect()
            gc.freeze()  # scanning it repeatedly would halt everything, 0.1 s for 100,000 states
            # What others changed while this process started must be known to it before it answers.
            await asyncio.to_thread(services.rollouts.replica.reconcile)
            tasks = [asyncio.create_task(run()) for run in (services.hub.run, services.presence.run)]
            end_on_signal(services.hub.close, services.bounds.close, services.sync.end)
            end_with_parent()
            yield {
                fast_path.STATE: fast_path.FastPath(services).answer,
                access_log.STATE: services.access_log,
            }
            services.hub.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        logger.info("Stopped", extra={"event": "stopped"})

    app = FastAPI(
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=page.operation_id,
        separate_input_output_schemas=False,
    )
    problem.install(app, _max_body)
    auth.install(app)
    app.add_middleware(Gateway, protocols=PROTOCOLS)
    app.add_middleware(CutOff)
    app.add_middleware(StartupFailure)
    page.describe(app)
    rooms = (
        attestations, prompts, releases, stream, clients, history, guard, rollouts_api, evidence, calls,
        scores, judging, review,
        usage, otlp, budgets, tokens, doctor, operations, health, webhooks,
    )  # fmt: skip
    anywhere = problem.responses(431)  # of the server, before any endpoint
    most = {
        calls: intake.MAX_BODY_BYTES,
        scores: intake.MAX_BODY_BYTES,
        otlp: otlp.MAX_BODY_BYTES,
        webhooks: webhooks.MAX_BODY_BYTES,
    }
    for room in rooms:
        size = most.get(room, MAX_BODY_BYTES)
        app.include_router(room.router, max_body_size=size, responses=anywhere)
    for router in console.ROUTERS:
        app.include_router(router)
    app.router.routes.insert(0, Endpoints(PROTOCOLS))
    app.state.routes = [route for room in rooms for route in room.router.routes]
    return app


def _max_body(path: str) -> int:
    """Return the limit of a body by its path, to refuse it before any of it is read."""
    if path == webhooks.PATH:
        return webhooks.MAX_BODY_BYTES
    if report.takes_in(path):
        return report.MAX_BODY_BYTES
    if path.rstrip("/") in otlp.PATHS:
        return otlp.MAX_BODY_BYTES
    return intake.MAX_BODY_BYTES if intake.takes_in(path) else MAX_BODY_BYTES


def _open(settings: Settings, stack: ExitStack) -> Services:
    """Open the rooms from the bottom up; `stack` closes them in the reverse order."""
    failpoints.arm(settings.failpoints)
    policies = read_policies(settings.config, settings.environments).linked(settings.public_url)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    credentials = Credentials(settings.git_token_file, settings.git_ssh_key, settings.git_known_hosts)
    journal = _open_journal(settings, credentials, stack)
    redis_store = _open_redis(settings, stack)
    catalog = _open_catalog(settings, credentials, journal, stack)
    documents = Documents(journal, catalog)
    replica = Replica(journal, redis_store, ReadModel(documents))
    hub = Hub(replica.read_model, replica.keyring)
    presence = Presence(hub, redis_store)
    gate = SuiteGate(policies, Suites(catalog, replica), documents, replica)
    rollouts = Rollouts(
        settings.environments,
        policies,
        catalog,
        documents,
        replica,
        too_old=presence.too_old,
        suites=gate,
    )
    if strict := [name for name in settings.environments if policies.of(name).approval]:
        logger.info("A start or promote awaits the approval of another token in %s", ", ".join(strict))
    if replica.open(settings.data / "admin.token"):
        logger.info("A new journal: the token of its admin is in %s", settings.data / "admin.token")
    history = History(settings.data, journal, replica, documents)
    sync = Sync(catalog, settings.poll_seconds)
    scheduler = Scheduler(rollouts, redis_store, _reviver(settings))
    mirroring = MirrorWorker(settings.data, credentials, replica)
    outcomes = _open_outcomes(settings, policies, catalog, stack)
    spending = SpendingWatch(policies, Spending(outcomes.database))
    notifier = open_notifier(
        outcomes.database,
        policies.notify,
        spending=spending,
        replica=replica,
        journal=journal,
        catalog=catalog,
        guarded=guardian.attach(rollouts, outcomes, stack),
    )
    for worker in (history, sync, scheduler, mirroring, notifier):
        worker.start()
        stack.callback(worker.stop)
    key = open_key(settings.console_key_file or settings.data / "console.key")
    facts = (Facts(catalog, replica, mirroring), OutcomeFacts(outcomes))
    metrics = Metrics(settings.environments, facts, settings.metrics_folder)
    replica.listeners += (audit.log, metrics.changed)
    return Services(
        catalog=catalog,
        sync=sync,
        rollouts=rollouts,
        resolver=Resolver(rollouts, history, catalog),
        history=history,
        hub=hub,
        presence=presence,
        metrics=metrics,
        tokens=Tokens(settings.environments, replica),
        attestations=Attestations(catalog, rollouts, gate),
        mirroring=mirroring,
        outcomes=outcomes,
        evidence=Evidence(rollouts, outcomes),
        review=ReviewDesk(outcomes),
        judges=Judges(outcomes),
        rubrics=Rubrics(catalog, rollouts),
        spending=spending,
        answers=Answers(replica, catalog),
        targets=policies.notify,
        bounds=Bounds(),
        rate=Rate(),
        takers=CapacityLimiter(TAKERS),
        writers=CapacityLimiter(WRITERS),
        scrapers=CapacityLimiter(SCRAPERS),
        lookers=CapacityLimiter(1),
        pages=CapacityLimiter(PAGES),
        protocols=policies.protocols,
        public_url=settings.public_url,
        sessions=Sessions(key),
        tickets=Tickets(key),
        webhook_secret_file=settings.webhook_secret_file,
        access_log=access_log.write if settings.access_log else None,
    )


def _open_journal(settings: Settings, credentials: Credentials, stack: ExitStack) -> Journal:
    journal: Journal
    if settings.journal:
        journal = RemoteJournal(
            settings.data, settings.journal, credentials, notified=bool(settings.redis_url)
        )
        if not settings.redis_url:
            logger.warning(
                "Registries share the journal, but no Redis to announce changes at once: set "
                "PROMPTSTAGE_REDIS_URL. Until then they fetch it every %g s",
                ALONE_SECONDS,
            )
    else:
        journal = LocalJournal(settings.data)
    stack.callback(journal.close)
    return journal


def _open_redis(settings: Settings, stack: ExitStack) -> RedisStore:
    url = settings.redis_url or embedded.attach(settings.data, stack)
    redis_store = RedisStore(url, settings.redis_prefix)
    stack.callback(redis_store.close)
    return redis_store


def _open_catalog(
    settings: Settings, credentials: Credentials, journal: Journal, stack: ExitStack
) -> Catalog:
    mirror = Mirror(settings.data, settings.repository, credentials)
    stack.callback(mirror.close)
    mirror.check_format()
    return Catalog(mirror, journal.staged)


def _open_outcomes(settings: Settings, policies: Rules, catalog: Catalog, stack: ExitStack) -> Outcomes:
    outcomes = Outcomes(
        Options(
            data=settings.data,
            url=settings.database_url,
            keep=settings.keep_calls,
            is_shared=bool(settings.journal),
            exists=catalog.has,
            sample=lambda environment: policies.of(environment).content.sample,
            prices=settings.prices,
            log_format=settings.log_format,
            failpoints=settings.failpoints,
        )
    )
    stack.callback(outcomes.close)
    outcomes.resume()
    return outcomes


def _reviver(settings: Settings) -> Callable[[], None]:
    """Return the action for a lost Redis: restart the embedded one; nothing for any other."""
    return (lambda: None) if settings.redis_url else lambda: embedded.revive(settings.data)
