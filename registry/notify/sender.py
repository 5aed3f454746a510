"""Send a message to a target's address. Neither an address nor a secret is ever in an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import urllib3

from registry.errors import Invalid
from registry.notify import message
from registry.system import proxies, timestamps

if TYPE_CHECKING:
    from pathlib import Path

    from registry.policies.targets import Target

SECONDS = urllib3.Timeout(connect=5.0, read=15.0)  # what Standard Webhooks grant a receiver
MAX_FILE = 8192  # bytes of an address, or of secrets
OK = range(200, 300)


class NotSent(Exception):
    """A message that was not taken; the text is for the operator, and `wait` is what the receiver asks."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it is sent, with the id that is the same for all tries."""

    id: str
    body: str


def send(target: Target, letter: Letter) -> None:
    """Send a message; return when the receiver has taken it. Raises NotSent."""
    url = _address(target.url_file)
    keys = _secrets(target.secret_file) if target.secret_file else []
    headers = message.headers(letter.id, timestamps.now(), letter.body, keys)
    try:
        pool = proxies.pool(proxies.proxy_for(url), SECONDS)
        answer = pool.request("POST", url, body=letter.body.encode(), headers=headers, redirect=False)
    except Invalid as error:
        raise NotSent(error.message) from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        _failed(error)
    if answer.status not in OK:
        raise NotSent(f"it answered {answer.status}", _retry_after(answer.headers.get("retry-after")))


def _failed(error: Exception) -> NoReturn:
    # The error's own text has the address, which for Slack is a secret.
    name = type(error).__name__.removesuffix("Error")
    raise NotSent(f"it could not be reached ({name})") from None


def _address(path: Path) -> str:
    url = _read(path, "url_file").strip()
    try:
        parts = urlsplit(url)
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isascii()
    except ValueError:
        right = False
    if not right or len(url.split()) != 1:
        raise NotSent(f"url_file: {path} holds no address; write one line, https://...")
    return url


def _secrets(path: Path) -> list[bytes]:
    try:
        return message.secrets(_read(path, "secret_file"))
    except ValueError as error:
        raise NotSent(f"secret_file: {path}: {error}") from None


def _read(path: Path, key: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(MAX_FILE)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise NotSent(f"{key}: {path} cannot be read: {reason}") from None


def _retry_after(text: str | None) -> float:
    return float(text) if text and text.isdecimal() else 0.0
