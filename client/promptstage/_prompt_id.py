"""Requests of LiteLLM that name a prompt: what they ask, and the prompt put into them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptstage.stamp import Stamp

PROMPT, ARM, ROLLOUT, CALL = (f"promptstage.{part}" for part in ("prompt", "arm", "rollout", "call"))
KEY = "promptstage.key"
USERS = ("user_id", "user_api_key_end_user_id")  # in the metadata: what apps write, and what the proxy does
ASKING = frozenset(
    (
        "prompt_id", "prompt_variables", "prompt_label", "prompt_version",
        "ignore_prompt_manager_model", "ignore_prompt_manager_optional_params",
    )
)  # fmt: skip


class Asked(NamedTuple):
    """What a request asks of a prompt.

    Attributes:
        key: the metadata's ``promptstage.key``, else the request's user, as far as LiteLLM tells of one.
    """

    name: str
    variables: Mapping[str, object]
    version: str | None
    key: str | None


def read(request: Mapping[str, Any], environment: str) -> Asked | None:
    """Return what a request asks; None if it names no prompt. Raises ValueError for another environment."""
    name = request.get("prompt_id")
    if not name:
        return None
    label = request.get("prompt_label")
    if label and label != environment:
        raise ValueError(f"prompt_label is the environment, and this client's is {environment}, not {label}")
    metadata = request.get("metadata") or {}
    keys = (metadata.get(KEY), request.get("user"), *(metadata.get(place) for place in USERS))
    key = next((str(key) for key in keys if key), None)
    return Asked(name, request.get("prompt_variables") or {}, _version(request.get("prompt_version")), key)


def _version(given: object) -> str | None:
    """Return the version of LiteLLM's integer: 1002000 is 1.2.0."""
    if isinstance(given, int) and not isinstance(given, bool):
        return f"{given // 1_000_000}.{given // 1_000 % 1_000}.{given % 1_000}"
    return str(given) if given else None


def put_in(request: Mapping[str, Any], built: Mapping[str, Any], noted: Mapping[str, str]) -> dict[str, Any]:
    """Put a prompt into a request: its messages come first, its model and parameters win.

    Args:
        request: of LiteLLM's `completion`.
        built: what `Prompt.litellm` returned.
        noted: goes into the metadata.
    """
    ignored = {"messages"}
    if request.get("ignore_prompt_manager_model"):
        ignored.add("model")
    if request.get("ignore_prompt_manager_optional_params"):
        ignored |= built.keys() - {"model"}
    metadata = request.get("metadata") or {}
    spent = {**(metadata.get("spend_logs_metadata") or {}), **noted}
    return {
        **{name: value for name, value in request.items() if name not in ASKING},
        **{name: value for name, value in built.items() if name not in ignored},
        "messages": [*built["messages"], *(request.get("messages") or ())],
        "metadata": {**metadata, **noted, "spend_logs_metadata": spent},
    }


def note(stamp: Stamp, call: str) -> dict[str, str]:
    """Return what a call's metadata says of its prompt."""
    noted = {PROMPT: str(stamp), ARM: stamp.arm, ROLLOUT: stamp.rollout, CALL: call}
    return {name: value for name, value in noted.items() if value}
