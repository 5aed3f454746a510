"""Sending to a real receiver: what arrives, what counts as taken, and what an error says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from notify.receiver import Receiver

from registry.notify.sender import Letter, NotSent, send
from registry.policies.targets import Target

if TYPE_CHECKING:
    from pathlib import Path

LETTER = Letter("change_1_2", '{"text": "tschüs"}')
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_message_arrives(tmp_path: Path) -> None:
    """Signed, in UTF-8, at the address in the file, which may change at any time."""
    (tmp_path / "secret").write_text(SECRET)
    with Receiver() as receiver, Receiver() as other:
        target = Target(url_file=receiver.address(tmp_path), format="json", secret_file=tmp_path / "secret")
        send(target, LETTER)
        other.address(tmp_path)
        send(target, LETTER)

    (got,), (later,) = receiver.received, other.received
    assert (got.path, got.body.decode()) == ("/services/T0/B0/a-secret", LETTER.body)
    assert (got.headers["webhook-id"], got.headers["content-type"]) == ("change_1_2", "application/json")
    assert got.headers["webhook-signature"].startswith("v1,")
    assert later.headers["webhook-id"] == "change_1_2"


@pytest.mark.parametrize("status", [200, 201, 204, 301, 307, 404, 410, 429, 500, 503])
def test_only_success_is_success(tmp_path: Path, status: int) -> None:
    """A redirect is not followed; what the receiver asks for is kept."""
    with Receiver(lambda _: status) as receiver:
        receiver.headers = {"location": "/elsewhere", "retry-after": "30"}
        target = Target(url_file=receiver.address(tmp_path), format="slack")
        if status < 300:
            return send(target, LETTER)
        with pytest.raises(NotSent, match=f"it answered {status}") as refused:
            send(target, LETTER)
        assert (refused.value.wait, len(receiver.received)) == (30, 1)
    return None


def test_an_error_has_no_address(tmp_path: Path) -> None:
    """Whoever knows it can write there: not even the error behind the error has it."""
    with Receiver() as receiver:
        target = Target(url_file=receiver.address(tmp_path), format="slack")
    with pytest.raises(NotSent) as refused:
        send(target, LETTER)

    assert str(refused.value) == "it could not be reached (NewConnection)"
    assert (refused.value.__cause__, refused.value.__suppress_context__) == (None, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "holds no address; write one line, https://"),
        ("ftp://example.org/x", "holds no address"),
        ("https://", "holds no address"),
        ("https://[", "holds no address"),
        ("https://example.org/a\nhttps://example.org/b", "holds no address"),
        ("https://exämple.org/", "holds no address"),
    ],
)
def test_a_file_without_an_address(tmp_path: Path, content: str | None, words: str) -> None:
    """It is named, and not what is in it."""
    file = tmp_path / "url"
    if content is not None:
        file.write_text(content, encoding="utf-8")

    with pytest.raises(NotSent) as refused:
        send(Target(url_file=file, format="slack"), LETTER)

    assert str(refused.value).startswith(f"url_file: {file} {words}")
    assert "example" not in str(refused.value)


def test_a_file_without_a_secret(tmp_path: Path) -> None:
    """It is named, with what helps, and nothing is sent unsigned."""
    (tmp_path / "secret").write_text("hunter2")
    with Receiver() as receiver:
        target = Target(url_file=receiver.address(tmp_path), format="json", secret_file=tmp_path / "secret")
        with pytest.raises(NotSent, match=r"secret_file: .*one is made by") as refused:
            send(target, LETTER)

    assert (receiver.received, "hunter2" in str(refused.value)) == ([], False)
