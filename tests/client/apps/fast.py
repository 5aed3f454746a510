"""FastAPI: each kind of endpoint with each kind of dependency, and each says where it is."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from threading import Barrier
from typing import TYPE_CHECKING, Annotated, Any

from client.apps.shared import arms, client, log
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

app = FastAPI()
meeting, ameeting = Barrier(4), asyncio.Barrier(4)


def in_a_thread(name: str) -> None:
    """Get a prompt where the framework runs what may block."""
    client.get(name)


def in_a_thread_around(name: str) -> Iterator[None]:
    """The same, and look again at the end."""
    client.get(name)
    yield
    log.info("%s dependency", name)


async def in_the_task(name: str) -> None:
    """Get a prompt as coroutines do."""
    await client.aget(name)


async def in_the_task_around(name: str) -> AsyncIterator[None]:
    """The same, and look again at the end."""
    await client.aget(name)
    yield
    log.info("%s dependency", name)


async def in_a_block(name: str) -> AsyncIterator[None]:
    """Around the endpoint."""
    with client.use(name):
        yield


def in_a_block_in_threads(name: str) -> Iterator[None]:
    """The same, though each half runs in a thread, whose context the endpoint does not have."""
    with client.use(name):
        yield


def below(_: Annotated[None, Depends(in_a_block_in_threads)], name: str) -> Iterator[None]:
    """A dependency of a dependency, with a helper of the application's own around its block."""
    with ExitStack() as stack:
        stack.enter_context(client.use(name))
        yield


def endpoint(name: str) -> str:
    """A thread."""
    log.info("%s endpoint", name)
    return name


async def aendpoint(name: str) -> str:
    """A coroutine."""
    log.info("%s endpoint", name)
    return name


dependencies: tuple[Callable[..., Any], ...] = (
    in_a_thread,
    in_a_thread_around,
    in_the_task,
    in_the_task_around,
    in_a_block,
    in_a_block_in_threads,
    below,
)
for dependency in dependencies:
    needs = [Depends(dependency)]
    app.get(f"/sync/{dependency.__name__}/{{name}}", dependencies=needs)(endpoint)
    app.get(f"/async/{dependency.__name__}/{{name}}", dependencies=needs)(aendpoint)
app.get("/bare/{name}")(endpoint)


@app.get("/child/{name}")
async def child(name: str) -> None:
    """Let a child task get the prompt."""
    await asyncio.create_task(client.aget(name))
    log.info("%s endpoint", name)


@app.get("/block/{name}")
def block(name: str) -> None:
    """An exact block within a request that has a prompt already."""
    client.get(name)
    with client.use("rolling", key="any"):
        log.info("%s block", name)
    log.info("%s endpoint", name)


@app.get("/stream/{name}")
def stream(name: str, background: BackgroundTasks) -> StreamingResponse:
    """Log while the body is sent, and after that."""

    def body() -> Iterator[str]:
        for part in ("one", "two"):
            log.info("%s %s", name, part)
            yield part

    client.get(name)
    background.add_task(log.info, "%s background", name)
    return StreamingResponse(body(), background=background)


@app.get("/stream_block/{name}")
def stream_block(name: str) -> StreamingResponse:
    """Log in a block while the body is sent, each part of which is made in another thread's context."""

    def body() -> Iterator[str]:
        with client.use(name):
            for part in ("one", "two"):
                log.info("%s %s", name, part)
                yield part

    return StreamingResponse(body())


@app.get("/meet/{name}")
def meet(name: str) -> None:
    """Four requests at once, each in its thread."""
    client.get(name)
    meeting.wait(10)
    log.info("%s endpoint", name)


@app.get("/ameet/{name}")
async def ameet(name: str) -> None:
    """Four requests at once, each in its task."""
    await client.aget(name)
    await ameeting.wait()
    log.info("%s endpoint", name)


@app.get("/arms")
def which() -> dict[str, Any]:
    """What this user gets."""
    return arms()
