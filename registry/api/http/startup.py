"""Report a failed start in one sentence: the full disk, the folder, the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import RegistryError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class StartupFailure:
    """Middleware that replaces the framework's traceback of a failed start by one sentence."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app; replace the message of a start that failed for a known reason."""
        if scope["type"] != "lifespan":
            return await self._app(scope, receive, send)
        failed: list[Message] = []

        async def keep(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                failed.append(message)
            else:
                await send(message)

        try:
            await self._app(scope, receive, keep)
        except (RegistryError, OSError) as error:
            if not failed:
                raise
            await send({"type": "lifespan.startup.failed", "message": f"It cannot start: {_sentence(error)}"})
        except BaseException:
            for message in failed:
                await send(message)
            raise
        return None


def _sentence(error: RegistryError | OSError) -> str:
    if isinstance(error, RegistryError):
        return error.message
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}; correct that, or name another data folder with --data"
