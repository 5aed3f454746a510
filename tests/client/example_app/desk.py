"""A support desk that summarizes and sorts what its users write: an application as the README has it.

It is type-checked with the project, so whatever it uses of the client has complete types.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from promptstage import PromptUnavailable, VariablesMissing, carry, context, logs
from promptstage.middleware import ASGIMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from promptstage import Client, Prompt

logger = logging.getLogger("desk")
FALLBACK = "Summarize this: {{text}}"


class Model(Protocol):
    """What answers: any provider's library in a thin coat."""

    def chat(self, model: str, messages: Sequence[Mapping[str, str]], **parameters: Any) -> str:
        """Answer messages."""


class Ticket(BaseModel):
    """What a user wrote."""

    text: str
    tenant: str = ""


class Desk:
    """What the desk can do, without a word of HTTP."""

    def __init__(self, client: Client, model: Model) -> None:
        self._client = client
        self._model = model
        self._pool = ThreadPoolExecutor(2)

    def summarize(self, text: str) -> str:
        """A summary, in the version that the user of this request gets, whatever happens to the registry."""
        prompt = self._client.get("summarize", fallback=FALLBACK)
        answer = self._ask(prompt, text)
        logger.info("summarized", extra={"age": prompt.age})
        return answer

    async def sort(self, ticket: Ticket) -> str:
        """The queue of a ticket; a rollout's audience may be some tenants."""
        prompt = await self._client.aget("triage", attributes={"tenant": ticket.tenant})
        return self._ask(prompt, ticket.text)

    def translate(self, text: str) -> str:
        """In a thread of its own, whose log lines name the prompt too."""
        with self._client.use("translate", version="1.0.0") as prompt:
            return self._pool.submit(carry(self._ask), prompt, text).result()

    def digest(self, texts: Mapping[str, str]) -> dict[str, str]:
        """A batch outside of any request: each user with the arm that is theirs."""
        summaries = {}
        for user, text in texts.items():
            with context(key=user, attributes={"job": "digest"}):
                summaries[user] = self.summarize(text)
        return summaries

    def _ask(self, prompt: Prompt, text: str) -> str:
        logger.info("asking %s", prompt.model or "the default model")
        return self._model.chat(prompt.model, prompt.messages(text=text), **prompt.parameters)


def create_app(client: Client, model: Model) -> FastAPI:
    """The desk behind HTTP; `X-User-Id` says who asks."""
    desk = Desk(client, model)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        logs.install()
        with client:
            yield

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(ASGIMiddleware, header="X-User-Id")

    @app.post("/summaries")
    def summarize(ticket: Ticket) -> str:
        return desk.summarize(ticket.text)

    @app.post("/queues")
    async def sort(ticket: Ticket) -> str:
        try:
            return await desk.sort(ticket)
        except (PromptUnavailable, VariablesMissing) as error:
            raise HTTPException(503, str(error)) from error

    @app.post("/translations")
    def translate(ticket: Ticket) -> str:
        return desk.translate(ticket.text)

    @app.get("/prompts")
    def status() -> dict[str, object]:
        return {**client.status()}

    return app
