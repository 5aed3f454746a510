"""One request of a browser: its session, its forms, and the pages it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qsl

from anyio import to_thread
from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute

from registry.access.capabilities import Capability
from registry.api.http.dependencies import Services, services_of
from registry.api.http.problem import STATUS
from registry.console import page
from registry.console.in_process import Api
from registry.console.session import COOKIE, ENDED
from registry.errors import Forbidden, Invalid, RegistryError, Unauthorized
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from registry.access.tokens import Token

MAX_FORM_FIELDS = 100
FOREIGN = "this form is not of your session; go back, load the page again, and send it once more"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request with a session.

    Attributes:
        token: for which it acts.
        cookie: the session.
        api: what the page reads.
    """

    request: Request
    services: Services
    token: Token
    cookie: str
    api: Api

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments that the token may see."""
        limits = self.token.environments
        return tuple(one for one in self.services.rollouts.environments if not limits or one in limits)

    async def read(self, build: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Run in a thread what reads the API several times. Raises RegistryError."""
        return await to_thread.run_sync(build, limiter=self.services.threads.pages)

    async def show(
        self, template: str, build: Callable[[], Mapping[str, Any]], *, environment: str | None = None
    ) -> Response:
        """Answer with a page. Raises RegistryError, which `ConsoleRoute` shows as one."""
        values = await self.read(build)
        return page.render(template, {**self.frame(environment), **values})

    def frame(self, environment: str | None) -> dict[str, Any]:
        """Return what the frame around every page shows."""
        return {
            "token": self.token,
            "may": {str(one): self.token.may(one) for one in Capability},
            "environments": self.environments,
            "environment": environment,
            "path": self.request.url.path,
            "address": self.request.url.path
            + (f"?{self.request.url.query}" if self.request.url.query else ""),
            "csrf": self.services.sessions.csrf(self.cookie),
        }


class ConsoleRoute(APIRoute):
    """A route of the console: what goes wrong is a page too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Handle a request, and show its error."""
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthorized as error:
                return _to_login(request, error)
            except RegistryError as error:
                return failure(request, error)
            except RequestValidationError as error:
                wrong = ", ".join(str(found["loc"][-1]) for found in error.errors())
                return failure(request, Invalid(f"the address lacks or misstates: {wrong}"))

        return shown


def failure(request: Request, error: RegistryError) -> Response:
    """Show an error on a page of its own, with the way back."""
    told = error.extra.get("status")  # of the API's own answer
    status = told or next((status for kind, status in STATUS if isinstance(error, kind)), HTTPStatus.CONFLICT)
    values = {"status": int(status), "message": error.message, "path": request.url.path}
    return page.render("error.html", values, status)


def _to_login(request: Request, error: Unauthorized) -> Response:
    """Send to the login, and back afterwards; a form that is lost is not sent again."""
    back = request.url.path if request.method == "GET" else ""
    if back and request.url.query:
        back += f"?{request.url.query}"
    ended = "1" if error.code == "session_ended" else ""
    where = page.url("login", next=back, ended=ended)
    if request.headers.get("hx-request"):  # a part of a page: the whole must go
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": where})
    return RedirectResponse(where, HTTPStatus.SEE_OTHER)


async def visiting(request: Request) -> Visit:
    """Return the visit of a request. Raises Unauthorized: it has no session."""
    services = services_of(request)
    cookie = request.cookies.get(COOKIE, "")
    if not cookie:
        raise Unauthorized(ENDED, code="no_session")
    token = services.sessions.find(cookie, services.rollouts.replica.keyring, timestamps.now())
    return Visit(request, services, token, cookie, Api(request.scope, token))


async def form_of(request: Request) -> dict[str, str]:
    """Read a form, of which no field is meant to be there twice."""
    fields = parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=MAX_FORM_FIELDS)
    return dict(fields)


def check_origin(request: Request) -> None:
    """Refuse what another site sent. Raises Forbidden.

    A browser says where a form comes from; a caller that is none has no session to be misused. Over plain
    http it names the origin alone, and a proxy may have put another host in the place of the one asked for.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    hosts = {request.headers.get("host"), request.headers.get("x-forwarded-host")}
    is_ours = site in {"same-origin", "none"} if site else not origin or origin.partition("://")[2] in hosts
    if not is_ours:
        raise Forbidden(FOREIGN, code="foreign_form")


async def sending(
    request: Request, visit: Annotated[Visit, Depends(visiting)]
) -> tuple[Visit, dict[str, str]]:
    """Return the visit and the form of a change. Raises Unauthorized, and Forbidden for another site's."""
    check_origin(request)
    form = await form_of(request)
    if not visit.services.sessions.is_csrf(visit.cookie, form.pop("csrf", "")):
        raise Forbidden(FOREIGN, code="foreign_form")
    return visit, form


Visiting = Annotated[Visit, Depends(visiting)]
Sending = Annotated[tuple[Visit, dict[str, str]], Depends(sending)]
