"""Django, under WSGI and ASGI: sync and async views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django  # type: ignore[import-untyped] # has no types
from client.apps.shared import arms, client, log
from django.conf import settings  # type: ignore[import-untyped] # has no types
from django.core.asgi import get_asgi_application  # type: ignore[import-untyped] # has no types
from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped] # has no types
from django.http import (  # type: ignore[import-untyped] # has no types
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path  # type: ignore[import-untyped] # has no types

from promptstage.middleware import ASGIMiddleware, WSGIMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def sync(_: Any, name: str) -> Any:
    """A thread under ASGI."""
    client.get(name)
    log.info("%s endpoint", name)
    return HttpResponse(name)


async def coroutine(_: Any, name: str) -> Any:
    """An event loop of its own under WSGI."""
    await client.aget(name)
    log.info("%s endpoint", name)
    return HttpResponse(name)


def bare(_: Any, name: str) -> Any:
    """Get none."""
    log.info("%s endpoint", name)
    return HttpResponse(name)


def stream(_: Any, name: str) -> Any:
    """Get a prompt while the body is sent."""

    def body() -> Iterator[str]:
        client.get(name)
        log.info("%s endpoint", name)
        yield name

    return StreamingHttpResponse(body())


async def astream(_: Any, name: str) -> Any:
    """The same for ASGI."""

    async def body() -> AsyncIterator[str]:
        await client.aget(name)
        log.info("%s endpoint", name)
        yield name

    return StreamingHttpResponse(body())


def which(_: Any) -> Any:
    """What this user gets."""
    return JsonResponse(arms())


def looking(get_response: Any) -> Any:
    """A middleware of Django's own kind, which logs after the view."""

    def middleware(request: Any) -> Any:
        response = get_response(request)
        if not response.streaming:
            log.info("%s middleware", request.path.rpartition("/")[2])
        return response

    return middleware


urlpatterns = [path(f"{view.__name__}/<name>", view) for view in (sync, coroutine, bare, stream, astream)]
urlpatterns.append(path("arms", which))
settings.configure(
    ALLOWED_HOSTS=["*"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware", f"{__name__}.looking"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="a test's",
)
django.setup()
wsgi = WSGIMiddleware(get_wsgi_application(), header="X-User-Id")
asgi = ASGIMiddleware(get_asgi_application(), header="X-User-Id")
