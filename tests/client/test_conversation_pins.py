"""Pins: a conversation goes on with the version that it began with, as long as that is served or recent."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from client.fake_registry import digest, release, until

from promptstage import PromptUnavailable, limits, logs
from promptstage.model import Decision, parse_release
from promptstage.pins import make_pin, resume
from promptstage.testing import Client as Prompts

if TYPE_CHECKING:
    from client.conftest import Connect
    from client.fake_registry import FakeRegistry

    from promptstage import Client

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/pins.json").read_text())


def pin_of(version: str, arm: str = "stable", rollout: str | None = None) -> str:
    """The pin of a version of the registry's."""
    return make_pin(rollout, version, arm, digest(version))


def ignored(client: Client) -> int:
    """How many pins a client ignored."""
    return client.status()["counts"]["pins_ignored"]


def publish(registry: FakeRegistry, client: Client, body: dict[str, Any]) -> None:
    """Let a client have a release."""
    registry.publish(body)
    until(lambda: client.status()["prompts"][body["prompt"]]["seq"] == body["seq"])


def test_the_vectors() -> None:
    """As any language comes to them; a good pin is made of what it says."""
    parsed = parse_release(release())
    versions = {
        version: replace(parsed.versions["1.2.0"], version=version, digest=found)
        for version, found in VECTORS["versions"].items()
    }
    held = replace(parsed, versions=versions)

    for case in VECTORS["good"]:
        decision = resume(held, case["pin"])
        assert decision == Decision(**case["decision"]), case
        assert case["pin"] == make_pin(
            decision.rollout, decision.version, decision.arm, versions[decision.version].digest
        )
    assert [pin for pin in VECTORS["ignored"] if resume(held, pin)] == []


def test_it_stays_while_a_rollout_widens_and_completes(connect: Connect, registry: FakeRegistry) -> None:
    """On its version, arm and rollout, whatever its key would get now; another completes, and it is gone."""
    registry.releases["summarize"] = release(candidate="1.3.0", percent=20)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    begun = {prompt.arm: prompt for prompt in (client.get("summarize", key=f"user-{n}") for n in range(60))}
    assert begun.keys() == {"canary", "control", "stable"}

    for body in (
        release(seq=2, candidate="1.3.0", percent=50),
        release(seq=3, stable="1.3.0", recent=("1.2.0",)),
        release(seq=4, stable="1.3.0", candidate="1.4.0", percent=100, recent=("1.2.0",)),
    ):
        publish(registry, client, body)
        for arm, prompt in begun.items():
            again = client.get("summarize", key="another", pin=prompt.pin)
            assert (again.version, again.arm, again.rollout) == (prompt.version, arm, "r-1")
            assert (again.reason, again.pin, again.source) == ("PINNED", prompt.pin, "live")
    assert ignored(client) == 0
    publish(registry, client, release(seq=5, stable="1.4.0", recent=("1.3.0",)))
    now = client.get("summarize", key="another", pin=begun["stable"].pin)

    assert (now.version, now.reason, now.pin, ignored(client)) == ("1.4.0", "STATIC", pin_of("1.4.0"), 1)


@pytest.mark.parametrize(
    "pin",
    [
        pin_of("1.1.0"),
        pin_of("1.2.0").replace(digest("1.2.0")[7:19], digest("1.3.0")[7:19]),
        pin_of("1.2.0") + "\n",
        "\x1b[2J" + pin_of("1.2.0"),
        "x" * 10_000_000,
        "\ud800",
        "-:1.2.0:stable",
        7,
        0,
        b"-:1.2.0:stable:",
        [],
        {},
    ],
    ids=repr,
)
def test_any_other_pin_is_ignored_and_counted(connect: Connect, pin: Any) -> None:
    """Withdrawn, never served, of other bytes, forged, no text: the key decides, and there is a new pin."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    prompt = client.get("summarize", key="user-42", pin=pin)

    assert (prompt.version, prompt.arm, prompt.reason) == ("1.2.0", "stable", "STATIC")
    assert (prompt.pin, ignored(client)) == (pin_of("1.2.0"), 1)
    assert client.get("summarize", pin=prompt.pin).reason == "PINNED"


@pytest.mark.parametrize("pin", [None, ""])
def test_no_pin_is_none(connect: Connect, pin: str | None) -> None:
    """A conversation that has none yet is as any other call."""
    client = connect(prompts=["summarize"])
    assert client.ready(10)

    assert client.get("summarize", pin=pin).reason == "STATIC"
    assert ignored(client) == 0


def test_every_way_to_get_takes_it(connect: Connect, registry: FakeRegistry) -> None:
    """The first `get` of a name too, which fetches its release as it does without a pin, and nothing more."""
    registry.mode = "no stream"
    registry.releases["summarize"] = release(recent=("1.1.0",))
    pin = pin_of("1.1.0", "canary", "r-0")
    client = connect()

    assert client.get("summarize", pin=pin).version == "1.1.0"
    assert asyncio.run(client.aget("summarize", pin=pin)).version == "1.1.0"
    with client.use("summarize", pin=pin) as prompt:
        assert prompt.version == "1.1.0"
    assert (registry.count("releases/summarize"), registry.count("versions")) == (1, 0)


def test_it_wins_over_an_audience_and_yields_to_a_version(connect: Connect, registry: FakeRegistry) -> None:
    """And is not looked at where a version is asked for: that one's own pin is what comes back."""
    registry.releases["summarize"] = release(candidate="1.3.0", percent=1, audience={"tenant": ["acme"]})
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    acme = {"tenant": "acme"}

    assert client.get("summarize", attributes=acme).version == "1.3.0"
    assert client.get("summarize", attributes=acme, pin=pin_of("1.2.0")).version == "1.2.0"
    exact = client.get("summarize", version="1.3.0", pin=pin_of("1.2.0"))
    assert (exact.version, exact.arm, exact.pin) == ("1.3.0", "pinned", pin_of("1.3.0", "pinned"))
    assert client.get("summarize", version="1.3.0", pin="forged").version == "1.3.0"
    again = client.get("summarize", pin=exact.pin)
    assert (again.version, again.arm, again.reason) == ("1.3.0", "pinned", "PINNED")
    assert ignored(client) == 0


def test_it_outlives_a_restart_without_a_registry(connect: Connect, registry: FakeRegistry) -> None:
    """Out of the snapshot, at once."""
    registry.releases["summarize"] = release(recent=("1.1.0",))
    with connect(prompts=["summarize"]) as before:
        assert before.ready(10)
    registry.mode = HTTPStatus.SERVICE_UNAVAILABLE
    prompt = connect().get("summarize", pin=pin_of("1.1.0"))

    assert (prompt.version, prompt.source, prompt.reason) == ("1.1.0", "snapshot", "PINNED")


def test_a_fallback_keeps_the_pin_that_was_given(connect: Connect, registry: FakeRegistry) -> None:
    """So the conversation returns to its version when the registry is back; what is no pin is not kept."""
    registry.mode = HTTPStatus.SERVICE_UNAVAILABLE
    client = connect()

    assert client.get("summarize", fallback="...", pin=pin_of("1.2.0")).pin == pin_of("1.2.0")
    for pin in (None, "", "forged", 7):
        given: Any = pin
        assert client.get("summarize", fallback="...", pin=given).pin == ""
    with pytest.raises(PromptUnavailable):
        client.get("summarize", pin=pin_of("1.2.0"))


def test_forged_arms_fill_no_memory(
    connect: Connect, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever knows a digest can name any rollout: those are not all remembered."""
    monkeypatch.setattr(limits, "KEPT_PINS", 3)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    prompts = [client.get("summarize", pin=pin_of("1.2.0", "stable", f"r-{n}")) for n in range(10)]

    assert [prompt.rollout for prompt in prompts] == [f"r-{n}" for n in range(10)]
    assert len(client._held["summarize"]._pinned) <= 3
    assert client.get("summarize", pin=prompts[-1].pin) is prompts[-1]


def test_log_lines_name_the_pins_rollout(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """As for any prompt."""
    logs.install()
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    client.get("summarize", pin=pin_of("1.2.0", "control", "r-9"))
    logging.getLogger("app").warning("hello")

    (record,) = caplog.records
    found = [vars(record)[f"prompt_{what}"] for what in ("version", "arm", "rollout")]
    assert found == ["1.2.0", "control", "r-9"]


def test_metadata(connect: Connect, registry: FakeRegistry) -> None:
    """Flat, and all of it text."""
    registry.releases["summarize"] = release(candidate="1.3.0", percent=100)
    client = connect(prompts=["summarize"])
    assert client.ready(10)
    found = client.get("summarize", key="user-42").metadata()

    assert found == {
        "prompt": "summarize@1.3.0",
        "prompt_name": "summarize",
        "prompt_version": "1.3.0",
        "prompt_arm": "canary",
        "prompt_rollout": "r-1",
        "prompt_digest": digest("1.3.0"),
    }
    fallen = client.get("summarize", version="9.9.9", fallback="...").metadata()
    assert {type(value) for value in (*found.values(), *fallen.values())} == {str}
    assert (fallen["prompt"], fallen["prompt_rollout"], fallen["prompt_digest"]) == (
        "summarize@fallback",
        "",
        "",
    )


def test_headers() -> None:
    """The same, as a proxy reads it; what is empty is left out, and no name makes a request fail."""
    client = Prompts.of({"summarize": release(candidate="1.3.0", percent=100)})

    assert client.get("summarize", key="user-42").headers("helicone") == {
        "Helicone-Property-Prompt": "summarize@1.3.0",
        "Helicone-Property-Prompt-Name": "summarize",
        "Helicone-Property-Prompt-Version": "1.3.0",
        "Helicone-Property-Prompt-Arm": "canary",
        "Helicone-Property-Prompt-Rollout": "r-1",
        "Helicone-Property-Prompt-Digest": digest("1.3.0"),
    }
    assert client.get("Überblick", fallback="...").headers("helicone") == {
        "Helicone-Property-Prompt": r"\xdcberblick@fallback",
        "Helicone-Property-Prompt-Name": r"\xdcberblick",
        "Helicone-Property-Prompt-Version": "fallback",
        "Helicone-Property-Prompt-Arm": "fallback",
    }
    with pytest.raises(ValueError, match="choose one of helicone"):
        client.get("summarize").headers("helicon")


def test_a_client_for_tests_takes_it() -> None:
    """What it was made with can be gone on with, also by a key that is served something else."""
    client = Prompts.of({"chat": {"versions": {"1.0.0": "Old", "2.0.0": "New"}}})
    pin = client.get("chat").pin
    client.serve("chat", "2.0.0")
    client.serve("chat", "2.0.0", arm="canary", key="user-42")

    assert [client.get("chat", key="user-42").version, client.get("chat").version] == ["2.0.0", "2.0.0"]
    assert client.get("chat", key="user-42", pin=pin).text() == "Old"
    assert client.get("chat", key="user-42", pin=pin.replace("1.0.0", "2.0.0")).arm == "canary"
    assert (client.got[-2], ignored(client)) == (("chat", "1.0.0"), 1)
