"""LiteLLM: its calls name the prompt of the code that makes them. Importing this module imports LiteLLM.

import promptstage.litellm

promptstage.litellm.install()

LiteLLM makes its spans and calls its loggers in threads and tasks of its own, which do not know that code.
"""

from __future__ import annotations

from typing import Any

import litellm  # type: ignore[import-not-found,unused-ignore] # where it is not installed
from litellm.integrations.custom_logger import (  # type: ignore[import-not-found,unused-ignore]
    CustomLogger,
)

from promptstage.stamp import EMPTY, Stamp, current, current_call, in_call, mark

PROMPT, ARM, ROLLOUT, CALL = (f"promptstage.{part}" for part in ("prompt", "arm", "rollout", "call"))


class PromptLogger(CustomLogger):  # type: ignore[misc,unused-ignore]
    """Carries the prompt from the context of a call to where LiteLLM tells its loggers of it.

    It is in the metadata of the call, under the names that spans have: ``promptstage.prompt``,
    ``promptstage.arm``, ``promptstage.rollout`` and ``promptstage.call``; what is there already stays.
    Loggers that come after this one also have the stamp, and so have the spans that they make.
    """

    def log_pre_api_call(self, model: object, messages: object, kwargs: dict[str, Any]) -> None:  # noqa: ARG002
        """Note the prompt of the context, right before the request."""
        stamp, parameters = current(), kwargs.get("litellm_params")
        if stamp and isinstance(parameters, dict):
            noted = {PROMPT: str(stamp), ARM: stamp.arm, ROLLOUT: stamp.rollout, CALL: current_call()}
            known = {name: value for name, value in noted.items() if value}
            parameters["metadata"] = known | (parameters.get("metadata") or {})

    def log_success_event(self, kwargs: Any, *_: object, **__: object) -> None:
        """Stamp the thread in which loggers are told of a call."""
        _stamp(kwargs)

    log_failure_event = log_success_event

    async def async_log_success_event(self, kwargs: Any, *_: object, **__: object) -> None:
        """Stamp the task in which loggers are told of a call."""
        _stamp(kwargs)

    async_log_failure_event = async_log_success_event


def install() -> None:
    """Put the logger before LiteLLM's other callbacks, which stay. Installing twice is installing once."""
    if not any(isinstance(callback, PromptLogger) for callback in litellm.callbacks):
        litellm.callbacks.insert(0, PromptLogger())


def _stamp(kwargs: dict[str, Any]) -> None:
    metadata = (kwargs.get("litellm_params") or {}).get("metadata") or {}
    name, _, version = str(metadata.get(PROMPT, "")).rpartition("@")
    stamp = Stamp(name, version, str(metadata.get(ARM, "")), metadata.get(ROLLOUT)) if name else EMPTY
    mark(stamp)
    in_call.set((stamp, str(metadata.get(CALL, ""))))
