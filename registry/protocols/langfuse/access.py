"""What sets Langfuse's protocol apart: its paths, its credentials, its errors. Pure."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from registry.protocols.protocol import Refusal

ROOT = "/api/public"
ELSEWHERE = (
    "this registry serves Langfuse's prompts alone; for traces, scores and datasets keep a client of "
    "Langfuse, and give the one for prompts tracing_enabled=False"
)
# Langfuse's class of an error, by the status; its clients know no 413 and 422.
ERRORS = {
    400: "InvalidRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "LangfuseNotFoundError",
    405: "MethodNotAllowedError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}
BAD_REQUEST = 400


class Credentials(NamedTuple):
    """A key pair of a Langfuse client: the secret key is a token, the public key is any text."""

    public_key: str
    secret_key: str


def credentials(authorization: str) -> Credentials | None:
    """Parse a header ``Authorization: Basic``; None for any other."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = b64decode(encoded.strip(), validate=True).decode("utf-8", "replace")
    except ValueError:
        return None
    return Credentials(*decoded.partition(":")[::2])


def owns(path: str) -> bool:
    """Return whether a path is one of Langfuse's."""
    return path.startswith(f"{ROOT}/")


def error(refusal: Refusal) -> tuple[int, dict[str, str]]:
    """Write a refusal as Langfuse does."""
    status = BAD_REQUEST if refusal.status in {413, 422} else refusal.status
    return status, {"message": _message(refusal), "error": ERRORS.get(status, "InternalServerError")}


def _message(refusal: Refusal) -> str:
    if refusal.code == "not_found":  # of a path, not of a prompt
        return ELSEWHERE
    if refusal.code == "unauthorized":
        return f"the secret key must be a token of this registry, the public key any text: {refusal.detail}"
    return refusal.detail
