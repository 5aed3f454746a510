"""The bytes of a notification: signed as Standard Webhooks ask, and safe for Slack."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from registry import settings
from registry.errors import Invalid
from registry.notify import message
from registry.notify.event import Event

AT = datetime(2026, 11, 3, 20, 26, 10, tzinfo=UTC)
# The example in the tests of the reference implementations.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
IDENTIFIER = "msg_p5jXN8AQM9LWM0D4loKWxJek"
MOMENT = datetime.fromtimestamp(1614265330, UTC)
CONTENT = '{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_signature_is_that_of_the_reference() -> None:
    """Of the id, the time and the body; with the prefix of secrets and without it."""
    for text in (SECRET, SECRET.removeprefix("whsec_")):
        headers = message.headers(IDENTIFIER, MOMENT, CONTENT, message.secrets(text))
        assert headers == {
            "content-type": "application/json",
            "webhook-id": IDENTIFIER,
            "webhook-timestamp": "1614265330",
            "webhook-signature": SIGNATURE,
        }


def test_two_secrets_sign_while_one_replaces_the_other() -> None:
    """A line each; the receiver may have either."""
    both = message.secrets(f"{SECRET}\n\nwhsec_{base64.b64encode(b'x' * 32).decode()}\n")
    signatures = message.headers(IDENTIFIER, MOMENT, CONTENT, both)["webhook-signature"].split(" ")

    assert (signatures[0], len(signatures)) == (SIGNATURE, 2)


def test_without_a_secret_nothing_is_signed() -> None:
    """The id is there all the same, so that a receiver can tell a repeat."""
    headers = message.headers(IDENTIFIER, MOMENT, CONTENT, [])

    assert ("webhook-signature" in headers, headers["webhook-id"]) == (False, IDENTIFIER)


@pytest.mark.parametrize("text", ["", "\n", "whsec_", "whsec_c2hvcnQ=", "not base64!", "ä"])
def test_a_weak_secret_is_refused(text: str) -> None:
    """With a command that makes one."""
    with pytest.raises(ValueError, match="24 to 512 bytes in base64; one is made by"):
        message.secrets(text)


EVENT = Event("budget_1", "budget.reached", AT, "a <b> & *c*", {"usd": 50.0})


def test_what_programs_get() -> None:
    """Type, time and data, as the specification proposes."""
    assert json.loads(message.body(EVENT, "json")) == {
        "type": "budget.reached",
        "timestamp": "2026-11-03T20:26:10Z",
        "data": {"text": "a <b> & *c*", "usd": 50.0},
    }


@pytest.mark.parametrize(
    ("kind", "data", "page"),
    [
        ("budget.reached", {"environment": "production", "prompt": None}, "e/production/usage"),
        ("alert.firing", {"environment": "production", "prompt": "a/b"}, "e/production/usage?prompt=a%2Fb"),
        ("guard.rollback", {"environment": "production", "prompt": "a/b"}, "e/production/rollouts/a/b"),
        ("approval.waiting", {"environment": "staging", "prompt": "a"}, "e/staging/approvals"),
        ("tag.invalid", {"prompt": "a", "version": "1.0.0"}, "prompts"),
        ("test", {"target": "ops"}, ""),
    ],
)
def test_a_link_leads_to_the_page_about_it(kind: str, data: dict[str, Any], page: str) -> None:
    """If the registry knows its address; for Slack it is at the end of the text."""
    event = Event("1", kind, AT, "seen", data)

    address = "https://prompts.example.org/console" + (f"/{page}" if page else "")
    assert json.loads(message.body(event, "json", "https://prompts.example.org"))["data"]["link"] == address
    assert (
        json.loads(message.body(event, "slack", "https://prompts.example.org"))["text"] == f"seen {address}"
    )
    assert "link" not in json.loads(message.body(event, "json"))["data"]


def test_what_slack_gets() -> None:
    """A text that pings nobody: <!channel> in a reason is only a text."""
    assert json.loads(message.body(EVENT, "slack")) == {"text": "a &lt;b&gt; &amp; *c*"}


@pytest.mark.parametrize(
    "url", ["prompts.example.org", "ftp://a", "https://", "https://a/?b", "https://u:p@a"]
)
def test_a_public_address_is_an_address(url: str) -> None:
    """A slash at its end is left out; one that nobody can open is refused, and not repeated."""
    assert settings.read(public_url="https://a.example/x/").public_url == "https://a.example/x"
    with pytest.raises(Invalid, match="PROMPTSTAGE_PUBLIC_URL: write the address") as refused:
        settings.read(public_url=url)
    assert url not in refused.value.message.replace("https://prompts.example.org", "")
