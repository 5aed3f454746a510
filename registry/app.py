"""The composition root: build the services, start and stop them with the app."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import sys
import time
from contextlib import ExitStack, asynccontextmanager
from threading import Thread
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI

from registry.api import clients, doctor, health, history, prompts, releases, stream, tokens, webhooks
from registry.api import rollouts as rollouts_api
from registry.api.docs import page
from registry.api.http import access_log, auth, fast_path, problem
from registry.api.http.bounds import READ_THREADS, Bounds
from registry.api.http.cut_off import CutOff
from registry.api.http.dependencies import MAX_BODY_BYTES, Services
from registry.api.http.measured import Measured
from registry.api.http.startup import StartupFailure
from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.catalog.sync import Sync
from registry.control import audit
from registry.control.history import History
from registry.control.rollouts import Rollouts
from registry.control.scheduler import Scheduler
from registry.control.tokens import Tokens
from registry.git.remote import Credentials
from registry.journal.journal import Journal
from registry.journal.remote import ALONE_SECONDS, RemoteJournal
from registry.metrics.facts import Facts
from registry.metrics.metrics import Metrics
from registry.policies import read as read_rules
from registry.redis import embedded
from registry.replication.documents import Documents
from registry.replication.mirror_worker import MirrorWorker
from registry.replication.read_model import ReadModel
from registry.replication.redis_store import RedisStore
from registry.replication.replica import Replica
from registry.settings import Settings
from registry.streams.hub import Hub
from registry.streams.presence import Presence
from registry.system import failpoints

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from types import FrameType

    from starlette.types import ASGIApp

logger = logging.getLogger(__name__)

SCRAPERS = 2  # one answers /readyz while another one counts for /metrics
WRITERS = 8  # changes at once: they wait for each other, and must leave threads for readers
# A thread that computes lets others have the interpreter after so long. Python's own ten times that is what
# the event loop, and a change under way, would wait for at every system call, for each of the threads.
SWITCH_SECONDS = 0.0005
ORPHAN_SECONDS = 10.0  # for a worker without its supervisor: twice what a stop takes
FIRST_LOOK_SECONDS = 5.0  # then it serves what was staged, and /readyz says why it is not ready


def from_environment() -> ASGIApp:
    """Make the app that the environment variables describe; what uvicorn's workers call."""
    return Measured(create(Settings()))


def create(settings: Settings) -> FastAPI:
    """Make an app; nothing is opened or started before its lifespan begins."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, object]]:
        with ExitStack() as stack:
            services = _open(settings, stack)
            app.state.services = services
            to_thread.current_default_thread_limiter().total_tokens = READ_THREADS
            sys.setswitchinterval(SWITCH_SECONDS)
            # A worker that has not looked yet would call every prompt unknown.
            await asyncio.to_thread(services.sync.first_sync.wait, FIRST_LOOK_SECONDS)
            gc.collect()
            gc.freeze()  # to look through it again and again would halt all, 0.1 s for 100,000 states
            # What others changed while this process started must be known to it before it answers.
            await asyncio.to_thread(services.rollouts.replica.reconcile)
            tasks = [asyncio.create_task(run()) for run in (services.hub.run, services.presence.run)]
            _end_on_signal(services.hub.close, services.bounds.close, services.sync.end)
            _end_with_parent()
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
    problem.install(app, MAX_BODY_BYTES, {webhooks.PATH: webhooks.MAX_BODY_BYTES})
    auth.install(app)
    app.add_middleware(CutOff)
    app.add_middleware(StartupFailure)
    page.describe(app)
    rooms = (prompts, releases, stream, clients, history, rollouts_api, tokens, doctor, health)
    for room in rooms:
        app.include_router(room.router, max_body_size=MAX_BODY_BYTES)
    app.include_router(webhooks.router, max_body_size=webhooks.MAX_BODY_BYTES)
    app.state.routes = [route for room in (*rooms, webhooks) for route in room.router.routes]
    return app


def _open(settings: Settings, stack: ExitStack) -> Services:
    """Open the stores from the bottom up; `stack` closes them in the reverse order."""
    failpoints.arm(settings.failpoints)
    data = settings.data
    rules = read_rules(settings.config, settings.environments)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    credentials = Credentials(settings.git_token_file, settings.git_ssh_key, settings.git_known_hosts)
    journal = _journal(settings, credentials)
    stack.callback(journal.close)
    redis_store = RedisStore(settings.redis_url or embedded.attach(data, stack), settings.redis_prefix)
    stack.callback(redis_store.close)
    mirror = Mirror(data, settings.repository, credentials)
    stack.callback(mirror.close)
    mirror.check_format()
    catalog = Catalog(mirror, journal.staged)
    documents = Documents(journal, catalog)
    replica = Replica(journal, redis_store, ReadModel(documents))
    rollouts = Rollouts(settings.environments, rules, catalog, documents, replica)
    past = History(data, journal, replica, documents)
    if strict := [name for name in settings.environments if rules.of(name).approval]:
        logger.info("A start or promote awaits the approval of another token in %s", ", ".join(strict))
    if replica.open(data / "admin.token"):
        logger.info("A new journal: the token of its admin is in %s", data / "admin.token")
    past.start()
    stack.callback(past.stop)
    sync = Sync(catalog, settings.poll_seconds)
    sync.start()
    stack.callback(sync.stop)
    follower = Scheduler(rollouts, redis_store, _reviver(settings))
    follower.start()
    stack.callback(follower.stop)
    mirroring = MirrorWorker(data, credentials, replica)
    mirroring.start()
    stack.callback(mirroring.stop)
    hub = Hub(replica.read_model, replica.keyring)
    metrics = Metrics(settings.environments, Facts(catalog, replica, mirroring), settings.metrics_folder)
    replica.listeners += (audit.log, metrics.changed)
    managed = Tokens(settings.environments, replica)
    return Services(
        catalog,
        sync,
        rollouts,
        past,
        hub,
        Presence(hub, redis_store),
        metrics,
        managed,
        mirroring,
        Bounds(),
        CapacityLimiter(WRITERS),
        CapacityLimiter(SCRAPERS),
        CapacityLimiter(1),
        settings.webhook_secret_file,
        access_log.write if settings.access_log else None,
    )


def _journal(settings: Settings, credentials: Credentials) -> Journal:
    if not settings.journal:
        return Journal(settings.data)
    told = bool(settings.redis_url)
    if not told:
        logger.warning(
            "Registries share the journal, but no Redis that would tell them of changes at once: set "
            "PROMPTSTAGE_REDIS_URL. Until then they look every %g s",
            ALONE_SECONDS,
        )
    return RemoteJournal(settings.data, settings.journal, credentials, told=told)


def _reviver(settings: Settings) -> Callable[[], None]:
    """What to do when Redis is gone: nothing, if it is not ours."""
    return (lambda: None) if settings.redis_url else lambda: embedded.revive(settings.data)


def _end_on_signal(*ends: Callable[[], None]) -> None:
    """End streams and waits before uvicorn waits for its connections to end, which it would do for ever."""
    loop = asyncio.get_running_loop()

    def wrap(before: Callable[[int, FrameType | None], object]) -> Callable[[int, FrameType | None], None]:
        def handle(number: int, frame: FrameType | None) -> None:
            for end in ends:
                loop.call_soon_threadsafe(end)
            before(number, frame)

        return handle

    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, wrap(before))


def _end_with_parent() -> None:
    """End a worker whose supervisor was killed: it would keep the port, and nobody would restart it."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(ORPHAN_SECONDS)
            os._exit(1)  # nobody else is left who could end a worker that hangs

    if parent is not None:
        Thread(target=watch, name="promptstage-parent", daemon=True).start()
