"""The composition root: put the app together, and start and stop its services with it."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from anyio import to_thread
from fastapi import FastAPI

from registry.api import resources
from registry.api.docs import page
from registry.api.http import access_log, auth, fast_path, problem
from registry.api.http.bounds import READ_THREADS
from registry.api.http.cut_off import CutOff
from registry.api.http.measured import Measured
from registry.api.http.startup import StartupFailure
from registry.console import report
from registry.console import routes as console
from registry.opening import open_services
from registry.protocols.gateway import Endpoints, Gateway
from registry.protocols.spoken import PROTOCOLS
from registry.server.ending import end_on_signal, end_with_parent
from registry.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from starlette.types import ASGIApp

logger = logging.getLogger(__name__)

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
            services = open_services(settings, stack)
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
    resources.include(app)
    for router in console.ROUTERS:
        app.include_router(router)
    app.router.routes.insert(0, Endpoints(PROTOCOLS))
    return app


def _max_body(path: str) -> int:
    return report.MAX_BODY_BYTES if report.takes_in(path) else resources.max_body_bytes(path)
