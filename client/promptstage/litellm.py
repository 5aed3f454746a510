"""LiteLLM: calls that name their prompt, and prompts by `prompt_id`. Importing this module imports LiteLLM.

import promptstage.litellm

promptstage.litellm.install()  # calls name the prompt of the code that makes them

LiteLLM makes its spans and calls its loggers in threads and tasks of its own, which do not know that code.

`prompts` serves `prompt_id` and `prompt_variables` from memory, sticky by user. In the proxy's configuration:

    litellm_settings:
      callbacks: promptstage.litellm.prompts

In an app, for `acompletion`, `litellm.callbacks.append(promptstage.litellm.prompts)`.
"""

# ruff: noqa: ARG002 - hooks are called by the names of what they take

from __future__ import annotations

from collections import OrderedDict
from contextvars import Context, copy_context
from threading import Lock
from typing import TYPE_CHECKING, Any

import litellm  # type: ignore[import-not-found,unused-ignore] # where it is not installed
from litellm.integrations.custom_logger import (  # type: ignore[import-not-found,unused-ignore]
    CustomLogger,
)
from litellm.integrations.custom_prompt_management import (  # type: ignore[import-not-found,unused-ignore]
    CustomPromptManagement,
)

from promptstage._prompt_id import ARM, CALL, PROMPT, ROLLOUT, Asked, note, put_in, read
from promptstage.client import Client
from promptstage.errors import PromptUnavailable
from promptstage.stamp import EMPTY, Stamp, current, current_call, in_call, mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptstage.call import Call

MISTAKES = frozenset(("unknown_prompt", "not_a_name", "unknown_version", "no_release", "invalid"))
MAX_OPEN = 10_000  # calls at once; of more, LiteLLM does not tell the end of the oldest


class PromptLogger(CustomLogger):  # type: ignore[misc,unused-ignore]
    """Carries the prompt from the context of a call to where LiteLLM tells its loggers of it.

    It is in the metadata of the call, under the names that spans have: ``promptstage.prompt``,
    ``promptstage.arm``, ``promptstage.rollout`` and ``promptstage.call``; what is there already stays.
    Loggers that come after this one also have the stamp, and so have the spans that they make.
    """

    def log_pre_api_call(self, model: object, messages: object, kwargs: dict[str, Any]) -> None:
        """Note the prompt of the context, right before the request."""
        stamp, parameters = current(), kwargs.get("litellm_params")
        if stamp and isinstance(parameters, dict):
            known = note(stamp, current_call())
            parameters["metadata"] = known | (parameters.get("metadata") or {})

    def log_success_event(self, kwargs: Any, *_: object, **__: object) -> None:
        """Stamp the thread in which loggers are told of a call."""
        _stamp(kwargs)

    log_failure_event = log_success_event

    async def async_log_success_event(self, kwargs: Any, *_: object, **__: object) -> None:
        """Stamp the task in which loggers are told of a call."""
        _stamp(kwargs)

    async_log_failure_event = async_log_success_event


class Prompts(PromptLogger, CustomPromptManagement):  # type: ignore[misc,unused-ignore]
    """Puts the version that a user gets into requests that name a prompt, and records the calls.

    The decision is made in memory, by a `Client`. The prompt's messages come before those of the request; its
    model and its parameters win. The version is in the call's metadata, as `PromptLogger` has it, and in
    ``spend_logs_metadata``, which LiteLLM's own logs keep.

    Args:
        client: else one by the environment variables, made when the first prompt is asked for.
    """

    def __init__(self, client: Client | None = None) -> None:
        CustomPromptManagement.__init__(self)
        self._client = client
        self._lock = Lock()
        self._open: OrderedDict[str, tuple[Call, Context]] = OrderedDict()

    @property
    def client(self) -> Client:
        """The client that decides."""
        with self._lock:
            if self._client is None:
                self._client = Client()
            return self._client

    @property
    def _environment(self) -> str:
        return self.client.status()["environment"]

    def fill(self, **request: Any) -> dict[str, Any]:
        """Return a request of `completion` with its prompt put in; one without `prompt_id` as it is.

        ``litellm.completion(**prompts.fill(prompt_id="summarize", prompt_variables={...}, user="u-1"))``

        Raises:
            PromptUnavailable: there is nothing to serve.
            ValueError: a variable is missing, or the label is not the client's environment.
        """
        asked = read(request, self._environment)
        return request if asked is None else self._filled(request, asked)

    async def afill(self, **request: Any) -> dict[str, Any]:
        """Return the same; a name never seen does not block the event loop."""
        asked = read(request, self._environment)
        if asked is None:
            return request
        await self.client.aget(asked.name, key=asked.key, version=asked.version, stamp=False)
        return self._filled(request, asked)

    def _filled(self, request: dict[str, Any], asked: Asked) -> dict[str, Any]:
        call = self.client.call(asked.name, key=asked.key, version=asked.version)
        context = copy_context()  # the call ends in a task of LiteLLM's; here it must leave no mark
        context.run(call.__enter__)
        try:
            built: dict[str, Any] = {**call.litellm(asked.variables)}
        except BaseException as error:
            context.run(call.__exit__, type(error), error, None)
            raise
        self._keep(call, context)
        return put_in(request, built, note(call.prompt.stamp, call.id))

    def _keep(self, call: Call, context: Context) -> None:
        with self._lock:
            self._open[call.id] = call, context
            lost = self._open.popitem(last=False) if len(self._open) > MAX_OPEN else None
        if lost:
            _end(*lost[1], None, None)

    def _ended(self, metadata: Mapping[str, Any], response: Any, error: BaseException | None) -> None:
        with self._lock:
            found = self._open.pop(str(metadata.get(CALL, "")), None)
        if found:
            _end(*found, response, error)

    # LiteLLM's hooks, by the names that it calls them by

    @property
    def integration_name(self) -> str:
        """Return the name in LiteLLM's logs."""
        return "promptstage"

    def should_run_prompt_management(self, prompt_id: str | None, *_: object, **__: object) -> bool:
        """Tell whether a request is for this: it names a prompt."""
        return bool(prompt_id)

    async def async_pre_call_hook(
        self, user_api_key_dict: object, cache: object, data: dict[str, Any], call_type: object
    ) -> dict[str, Any]:
        """Fill a request of the proxy, before it chooses a deployment by the model."""
        try:
            return await self.afill(**data)
        except (
            PromptUnavailable,
            ValueError,
            TypeError,
        ) as error:  # else the proxy calls it a bug of its own
            kind = litellm.BadRequestError if _is_callers(error) else litellm.ServiceUnavailableError
            raise kind(
                message=str(error), model=str(data.get("model")), llm_provider="promptstage"
            ) from error

    async def async_pre_call_deployment_hook(
        self, kwargs: dict[str, Any], call_type: object
    ) -> dict[str, Any]:
        """Fill a request of `acompletion`; behind a Router the chosen deployment's model stays."""
        is_routed = "model_group" in (kwargs.get("metadata") or ())
        kept = {"model": kwargs.get("model")} if is_routed and kwargs.get("prompt_id") else {}
        return {**await self.afill(**kwargs), **kept}

    def get_chat_completion_prompt(
        self,
        model: str,
        messages: list[Any],
        non_default_params: dict[str, Any],
        *_: object,
        **asked: Any,
    ) -> tuple[str, list[Any], dict[str, Any]]:
        """Fill a request of `completion`, of which LiteLLM tells neither the user nor takes parameters.

        Raises:
            ValueError: the prompt has what LiteLLM would drop here.
        """
        names = ("prompt_id", "prompt_variables", "prompt_label", "prompt_version")
        filled = self.fill(model=model, messages=messages, **{name: asked.get(name) for name in names})
        if dropped := sorted(filled.keys() - {"model", "messages", "metadata"}):
            self._ended(filled["metadata"], None, ValueError())
            raise ValueError(
                f"{asked.get('prompt_id')} sets {', '.join(dropped)}, which LiteLLM drops here; call "
                "litellm.completion(**promptstage.litellm.prompts.fill(prompt_id=..., user=...))"
            )
        return filled["model"], filled["messages"], non_default_params

    async def async_get_chat_completion_prompt(self, *given: Any, **asked: Any) -> Any:
        """Fill a request that no other hook was shown."""
        return self.get_chat_completion_prompt(*given, **asked)

    def log_success_event(self, kwargs: Any, response_obj: Any = None, *_: object, **__: object) -> None:
        """Record the answer."""
        super().log_success_event(kwargs)
        self._ended(_metadata(kwargs), response_obj, None)

    def log_failure_event(self, kwargs: Any, *_: object, **__: object) -> None:
        """Record the failure."""
        super().log_failure_event(kwargs)
        error = kwargs.get("exception")
        self._ended(_metadata(kwargs), None, error if isinstance(error, BaseException) else RuntimeError())

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any = None, *_: object, **__: object
    ) -> None:
        """Record the answer."""
        self.log_success_event(kwargs, response_obj)

    async def async_log_failure_event(self, kwargs: Any, *_: object, **__: object) -> None:
        """Record the failure."""
        self.log_failure_event(kwargs)


prompts = Prompts()


def install() -> None:
    """Put the logger before LiteLLM's other callbacks, which stay. Installing twice is installing once."""
    if not any(isinstance(callback, PromptLogger) for callback in litellm.callbacks):
        litellm.callbacks.insert(0, PromptLogger())


def _end(call: Call, context: Context, response: Any, error: BaseException | None) -> None:
    if response is not None:
        context.run(call.record, response)
    context.run(call.__exit__, type(error) if error else None, error, None)


def _is_callers(error: Exception) -> bool:
    """Tell whether a request is wrong, and not the time that it comes at."""
    return not isinstance(error, PromptUnavailable) or error.reason in MISTAKES


def _metadata(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    return (kwargs.get("litellm_params") or {}).get("metadata") or {}


def _stamp(kwargs: dict[str, Any]) -> None:
    metadata = _metadata(kwargs)
    name, _, version = str(metadata.get(PROMPT, "")).rpartition("@")
    stamp = Stamp(name, version, str(metadata.get(ARM, "")), metadata.get(ROLLOUT)) if name else EMPTY
    mark(stamp)
    in_call.set((stamp, str(metadata.get(CALL, ""))))
