"""Webhooks: the repository's host reports a push.

It is only a hint to sync, so one that comes twice, late or out of order does no harm. Each kind of host
proves in its own header that it knows the secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from registry.api.http import problem
from registry.api.http.dependencies import Service
from registry.errors import Forbidden, Invalid, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/v1/webhooks"
MAX_BODY_BYTES = 25 << 20  # GitHub sends up to 25 MB; a body is hashed as it arrives and never stored
SECRET_FILE = "PROMPTSTAGE_WEBHOOK_SECRET_FILE"  # noqa: S105 - the setting's name
STANDARD_PREFIX = b"whsec_"  # of a secret in the form of standardwebhooks.com; the key follows in base64
MAX_CLAIMS = 10  # signatures per webhook; several are sent while a secret is changed
STANDARD_BYTES = 24  # the shortest key; anything shorter was not meant so, and could be guessed

CODES = {403: ("bad_signature", "webhooks_off"), 503: ("unavailable",)}

logger = logging.getLogger(__name__)
router = APIRouter(tags=["operations"])

HEX = "6ae5a5c2f6dd1e2ab5f6be6b7a6f4b7a5f8e0c1d2b3a49586776859403122130"


class Signatures(BaseModel):
    """The headers in which a host proves that it knows the secret; one of them must be right."""

    x_hub_signature_256: str = Field(
        "", description="GitHub: HMAC-SHA256 of the body", examples=[f"sha256={HEX}"]
    )
    x_hub_signature: str = Field(
        "", description="Bitbucket: HMAC-SHA256 of the body", examples=[f"sha256={HEX}"]
    )
    x_gitea_signature: str = Field("", description="Gitea: HMAC-SHA256 of the body", examples=[HEX])
    x_forgejo_signature: str = Field("", description="Forgejo: HMAC-SHA256 of the body", examples=[HEX])
    x_gitlab_token: str = Field("", description="GitLab, secret token: the secret itself")
    webhook_signature: str = Field(
        "",
        description="GitLab, signing token: HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`",
        examples=["v1,auWlwvbdHiq19r5rem9Lel+ODB0rOklYZ3aFlAMSITA="],
    )
    webhook_id: str = Field("", description="GitLab, signing token: part of what is signed")
    webhook_timestamp: str = Field("", description="GitLab, signing token: part of what is signed")


class Proof:
    """Compares a request's signatures with the right ones."""

    def __init__(self, secret: bytes, claimed: Signatures) -> None:
        """Start with an empty body.

        Args:
            secret: shared with the host.
            claimed: the request's headers.
        """
        self._secret = secret
        self._claimed = claimed
        self._body = hmac.new(secret, digestmod=hashlib.sha256)
        stamped = f"{claimed.webhook_id}.{claimed.webhook_timestamp}.".encode("latin-1")
        self._stamped = hmac.new(_standard_key(secret), stamped, hashlib.sha256)

    def add(self, chunk: bytes) -> None:
        """Add a chunk of the body."""
        self._body.update(chunk)
        self._stamped.update(chunk)

    def holds(self) -> bool:
        """Return whether any signature is right, compared in constant time."""
        of_body = self._body.hexdigest().encode()
        standard = b"v1," + base64.b64encode(self._stamped.digest())
        claimed = self._claimed
        pairs = [
            (claimed.x_hub_signature_256, b"sha256=" + of_body),
            (claimed.x_hub_signature, b"sha256=" + of_body),
            (claimed.x_gitea_signature, of_body),
            (claimed.x_forgejo_signature, of_body),
            (claimed.x_gitlab_token, self._secret),
            *((one, standard) for one in claimed.webhook_signature.split(" ", MAX_CLAIMS)[:MAX_CLAIMS]),
        ]
        return any(hmac.compare_digest(claim.encode("latin-1"), right) for claim, right in pairs)


@router.post(
    PATH,
    status_code=202,
    summary="Take a webhook of the repository's host",
    responses={
        **problem.responses(403, 413, 503, codes=CODES),
        202: {"content": {"application/json": {"example": {"status": "looking"}}}},
    },
    response_description="The registry looks now; a pushed tag is a version in a moment",
    openapi_extra={"requestBody": {"content": {"*/*": {"schema": {}}}, "description": "Is not interpreted."}},
)
async def take_webhook(
    service: Service, request: Request, claimed: Annotated[Signatures, Header()]
) -> dict[str, str]:
    """Sync with the repository now instead of at the next poll.

    GitHub, GitLab (with a secret token or a signing token), Gitea, Forgejo and Bitbucket call this path
    with any event; only pushes of tags matter. It needs no token, but the secret in
    `PROMPTSTAGE_WEBHOOK_SECRET_FILE`.
    """
    secret = _secret(service.webhook_secret_file)
    if not any(claimed.model_dump().values()):  # without a signature the body need not be hashed
        raise _unproven()
    proof = Proof(secret, claimed)
    try:
        async for chunk in request.stream():
            proof.add(chunk)
    except ClientDisconnect as error:
        raise Invalid("the body has no end; send it again") from error
    if not proof.holds():
        raise _unproven()
    logger.info("The repository's host sent a webhook; looking", extra={"event": "webhook"})
    service.sync.sync_now()
    return {"status": "looking"}


def _unproven() -> Forbidden:
    return Forbidden(
        "no header proves that the sender knows the secret; give the webhook at the repository's host "
        f"the one in the registry's {SECRET_FILE}",
        code="bad_signature",
    )


def _secret(file: Path | None) -> bytes:
    if file is None:
        raise Forbidden(
            "webhooks are off, as there is no secret; write a long random one into a file, name that in "
            f"{SECRET_FILE}, and give the webhook at the repository's host the same",
            code="webhooks_off",
        )
    try:
        secret = file.read_bytes().strip()
    except OSError as error:
        raise Unavailable(f"{SECRET_FILE} cannot be read ({error.strerror}); correct it") from error
    if not secret:  # an empty one is no secret
        raise Unavailable(f"{SECRET_FILE} is empty; write a long random secret into it")
    return secret


def _standard_key(secret: bytes) -> bytes:
    """Return the key of a secret in the notation of Standard Webhooks; the bytes of any other."""
    encoded = secret.removeprefix(STANDARD_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True) if encoded != secret else b""
    except binascii.Error:
        return secret
    return key if len(key) >= STANDARD_BYTES else secret
