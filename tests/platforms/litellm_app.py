"""An app that names its prompts by LiteLLM's `prompt_id`: run in an environment of its own.

    python litellm_app.py sync|async|router|hook|generic MODEL_URL

The registry is that of PROMPTSTAGE_URL. It writes JSON: by user, what LiteLLM's loggers were told.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from importlib import import_module
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network when it is imported
USERS = [f"user-{i}" for i in range(12)]
PATIENCE = 20.0  # seconds that LiteLLM's threads may take
MODEL = "gpt-5.4-mini"


def main(way: str, model: str) -> None:
    """Ask for each user, twice."""
    litellm: Any = import_module("litellm")
    logged = _logger(litellm)
    request = {
        "api_base": f"{model}/v1",
        "api_key": "sk-test",
        "messages": [{"role": "user", "content": "thanks"}],
        "prompt_id": "summarize",
        "prompt_variables": {"text": "my parcel"},
    }
    refused = None
    try:
        WAYS[way](litellm, request)
    except ValueError as error:
        refused = str(error)
    deadline = time.monotonic() + PATIENCE
    while refused is None and len(logged) < 2 * len(USERS) and time.monotonic() < deadline:
        time.sleep(0.05)
    client = import_module("promptstage.litellm").prompts.client
    client.close()
    sys.stdout.write(json.dumps({"logged": logged, "refused": refused}) + "\n")


def _logger(litellm: Any) -> list[list[Any]]:
    """Note what comes after our own callback is told."""
    prompts = import_module("promptstage.litellm").prompts
    custom_logger: Any = import_module("litellm.integrations.custom_logger").CustomLogger
    told: list[list[Any]] = []

    class Told(custom_logger):  # type: ignore[misc]
        """Another logger."""

        def log_success_event(self, kwargs: Any, *_: object, **__: object) -> None:
            """Note the payload that all loggers get, and the stamp of this place."""
            payload = kwargs["standard_logging_object"]["metadata"]
            stamp = str(import_module("promptstage.stamp").current())
            told.append([kwargs.get("user"), payload.get("spend_logs_metadata"), stamp])

        async def async_log_success_event(self, kwargs: Any, *_: object, **__: object) -> None:
            """Note the same."""
            self.log_success_event(kwargs)

    litellm.callbacks = [prompts, Told()]
    return told


def _sync(litellm: Any, request: dict[str, Any]) -> None:
    prompts = import_module("promptstage.litellm").prompts
    for user in USERS * 2:
        litellm.completion(**prompts.fill(**request, user=user, model=MODEL))


def _async(litellm: Any, request: dict[str, Any]) -> None:
    async def ask() -> None:
        for user in USERS * 2:
            await litellm.acompletion(**request, user=user, model="openai/none")
        await asyncio.sleep(2)  # its loggers are tasks of this loop

    asyncio.run(ask())


def _router(litellm: Any, request: dict[str, Any]) -> None:
    places = {name: request.pop(name) for name in ("api_base", "api_key")}
    models = [{"model_name": "fast", "litellm_params": {"model": f"openai/{MODEL}", **places}}]

    async def ask() -> None:
        router = litellm.Router(model_list=models)
        for user in USERS * 2:
            await router.acompletion(**request, user=user, model="fast")
        await asyncio.sleep(2)

    asyncio.run(ask())


def _hook(litellm: Any, request: dict[str, Any]) -> None:
    litellm.completion(**request, user="user-1", model="openai/none")


def _generic(litellm: Any, request: dict[str, Any]) -> None:
    """Read from the registry's endpoint, by LiteLLM's own manager."""
    module: Any = import_module("litellm.integrations.generic_prompt_management")
    litellm.callbacks[0] = module.GenericPromptManager(
        api_base=os.environ["PROMPTSTAGE_URL"],
        api_key=os.environ["PROMPTSTAGE_TOKEN"],
        additional_provider_specific_query_params={"environment": os.environ["PROMPTSTAGE_ENVIRONMENT"]},
    )
    for user in USERS * 2:
        litellm.completion(**request, user=user, model="openai/none")


WAYS = {"sync": _sync, "async": _async, "router": _router, "hook": _hook, "generic": _generic}

if __name__ == "__main__":
    main(*sys.argv[1:])
