"""Sessions: signed, tied to a token, and over when either ends."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from registry.access.capabilities import Capability
from registry.access.tokens import Keyring, TokenSpec, mint
from registry.console import session
from registry.console.session import Sessions, open_key
from registry.errors import Unauthorized

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
TOKEN, _ = mint(TokenSpec(name="grace", capabilities=(Capability.releaser,)))
SESSIONS = Sessions(b"k" * 32)


def test_a_session_is_of_its_token() -> None:
    """And any process with the key reads it."""
    cookie = SESSIONS.begin(TOKEN)
    assert Sessions(b"k" * 32).find(cookie, Keyring([TOKEN]), NOW) == TOKEN


def test_no_two_sessions_are_alike() -> None:
    """So that the form of one is not that of the other."""
    first, second = SESSIONS.begin(TOKEN), SESSIONS.begin(TOKEN)
    assert SESSIONS.csrf(first) != SESSIONS.csrf(second)
    assert SESSIONS.is_csrf(first, SESSIONS.csrf(first))
    assert not SESSIONS.is_csrf(first, SESSIONS.csrf(second))


def _other(signature: str) -> str:
    """Another signature; the last character alone may have bits that count for nothing."""
    return ("A" if signature[0] != "A" else "B") + signature[1:]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cookie: "".join([*cookie.rpartition(".")[:2], _other(cookie.rpartition(".")[2])]),
        lambda cookie: cookie.replace(TOKEN.id, "0" * 12),
        lambda cookie: cookie.rpartition(".")[0],
        lambda _: "",
        lambda _: "é" * 40,
        lambda _: Sessions(b"other key" * 4).begin(TOKEN),
    ],
)
def test_a_forged_session_is_none(spoil: object) -> None:
    """A changed one, half of one, one of another registry."""
    with pytest.raises(Unauthorized, match="log in again"):
        SESSIONS.find(spoil(SESSIONS.begin(TOKEN)), Keyring([TOKEN]), NOW)  # type: ignore[operator]


def test_it_ends_with_its_token() -> None:
    """Revoked, or unknown here."""
    cookie = SESSIONS.begin(TOKEN)
    revoked = TOKEN.model_copy(update={"revoked_at": NOW})
    for keyring in (Keyring([revoked]), Keyring([])):
        with pytest.raises(Unauthorized):
            SESSIONS.find(cookie, keyring, NOW)


def test_it_ends_after_a_working_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the browser keeps."""
    cookie = SESSIONS.begin(TOKEN)
    monkeypatch.setattr("registry.console.session.SESSION_SECONDS", -1)
    with pytest.raises(Unauthorized):
        SESSIONS.find(cookie, Keyring([TOKEN]), NOW)


def test_workers_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    """Else a session of one would be none of another's."""
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as workers:
        keys = set(workers.map(open_key, [tmp_path / "console.key"] * 8))

    assert keys == {(tmp_path / "console.key").read_bytes()}
    assert [file.name for file in tmp_path.iterdir()] == ["console.key"]


def test_the_key_is_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    """A restart ends no session."""
    file = tmp_path / "console.key"
    first = open_key(file)
    assert open_key(file) == first
    assert len(first) == session.KEY_BYTES
    assert os.stat(file).st_mode & 0o077 == 0  # noqa: PTH116 - the mode is what counts
