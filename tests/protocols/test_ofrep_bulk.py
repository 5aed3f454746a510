"""All flags at once, and the stream that tells when to ask for them again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import ofrep_document
import pytest
import urllib3
from support import PATIENCE, until

from registry.access.capabilities import Capability
from registry.access.tokens import Keyring, TokenSpec, mint
from registry.replication.read_model import ReadModel
from registry.streams import hub
from registry.streams import notices as streams_of_notices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support import Answer, Api, Registry


@pytest.fixture
def ask(api: Api, environment: str) -> Callable[..., Answer]:
    """Evaluates all flags."""

    def ask(context: Any = None, query: str = "", **headers: str) -> Answer:
        body = {"context": {"targetingKey": "u1"} if context is None else context}
        return api.call(
            "POST", f"/v1/environments/{environment}/ofrep/v1/evaluate/flags{query}", body, **headers
        )

    return ask


def promote(api: Api, environment: str, name: str = "summarize", version: str = "1.0.0") -> Any:
    """Put a version in force."""
    answer = api.act("promote", name, {"version": version}, environment)
    assert answer.status == 200, answer.text
    return answer.json


def change_elsewhere(api: Api) -> None:
    """Put a version in force in another environment, whatever is there."""
    stable = api.state("summarize", "staging").get("stable")
    promote(api, "staging", version="1.1.0" if stable and stable["version"] == "1.0.0" else "1.0.0")


class Notices:
    """Reads one stream of notices."""

    def __init__(self, url: str, **headers: str) -> None:
        self._pool = urllib3.PoolManager()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self.response = self._pool.request(
            "GET", url, headers=sent, preload_content=False, timeout=PATIENCE, retries=False
        )
        self._events = self._read()

    def _read(self) -> Iterator[bytes]:
        left = b""
        while chunk := self.response.read1():
            *events, left = (left + chunk).split(b"\n\n")
            yield from events

    def next(self) -> bytes:
        """The next event, or comment."""
        return next(self._events)

    def next_notice(self) -> bytes:
        """The next event; a comment may come at any time."""
        return next(event for event in self._events if event != b": ")

    def close(self) -> None:
        """Hang up."""
        self.response.close()
        self._pool.clear()


@pytest.fixture
def follow(api: Api) -> Iterator[Callable[..., Notices]]:
    """Opens the stream that an answer names, without a token, as a browser does."""
    opened: list[Notices] = []

    def start(answer: Answer, **headers: str) -> Notices:
        (stream,) = answer.json["eventStreams"]
        opened.append(Notices(api.url + stream["endpoint"]["requestUri"], **headers))
        return opened[-1]

    yield start
    for notices in opened:
        notices.close()


def notice(state: Any) -> bytes:
    """What is sent of a change."""
    place = f"{state['epoch']}.{state['seq']}"
    return f'id: {place}\nevent: message\ndata: {{"type":"refetchEvaluation","etag":"{place}"}}'.encode()


def test_all_that_is_in_force_is_evaluated(api: Api, environment: str, ask: Callable[..., Answer]) -> None:
    """As each alone; by name."""
    empty = ask()
    for name in ("support/triage", "summarize"):
        promote(api, environment, name)

    answer = ask()

    assert empty.json["flags"] == []
    ofrep_document.check("bulkEvaluationSuccess", answer.json)
    path = f"/v1/environments/{environment}/ofrep/v1/evaluate/flags"
    one_by_one = [
        api.call("POST", f"{path}/{name}", {"context": {"targetingKey": "u1"}}).json
        for name in ("summarize", "support/triage")
    ]
    assert answer.json["flags"] == one_by_one


def test_only_what_needs_a_key_fails_without_one(
    api: Api, environment: str, ask: Callable[..., Answer]
) -> None:
    """The others are evaluated."""
    for name in ("support/triage", "summarize"):
        promote(api, environment, name)
    api.act("start", "summarize", {"version": "1.1.0", "plan": "fast"}, environment)

    answer = ask({})

    ofrep_document.check("bulkEvaluationSuccess", answer.json)
    assert [flag.get("errorCode") for flag in answer.json["flags"]] == ["TARGETING_KEY_MISSING", None]
    assert ask({}, If_None_Match=answer.headers["ETag"]).status == 304


def test_the_same_is_not_sent_again(api: Api, environment: str, ask: Callable[..., Answer]) -> None:
    """Until a version, or the context, is another; what changes elsewhere does not matter."""
    promote(api, environment)
    etag = ask({"targetingKey": "u1", "a": 1, "b": 2}).headers["ETag"]

    def is_known(context: Any) -> bool:
        return ask(context, If_None_Match=etag).status == 304

    change_elsewhere(api)
    assert is_known({"b": 2, "a": 1, "targetingKey": "u1"})
    assert ask({"targetingKey": "u1", "a": 1, "b": 2}, If_None_Match=f'"x", W/{etag}').status == 304
    assert not is_known({"targetingKey": "u2", "a": 1, "b": 2})
    assert not is_known({"targetingKey": "u1", "a": 1, "b": 3})
    promote(api, environment, version="1.1.0")
    assert not is_known({"targetingKey": "u1", "a": 1, "b": 2})


@pytest.mark.parametrize("header", ["*", '"', "W/", "\xff", '"' * 5000, "None"])
def test_a_strange_etag_is_another(
    header: str, api: Api, environment: str, ask: Callable[..., Answer]
) -> None:
    """All is sent."""
    promote(api, environment)

    assert ask(If_None_Match=header).status == 200


@pytest.mark.parametrize("told", ["", "x", "1.1", "999999999999999999.999999999999999999", "%00"])
def test_what_a_client_was_told_elsewhere_is_looked_for(
    told: str, api: Api, environment: str, ask: Callable[..., Answer]
) -> None:
    """Whatever it says."""
    promote(api, environment)

    assert len(ask(query=f"?flagConfigEtag={told}&flagConfigLastModified=x").json["flags"]) == 1


def test_a_stream_tells_of_every_change(
    api: Api, environment: str, ask: Callable[..., Answer], follow: Callable[..., Notices]
) -> None:
    """Of this environment; at its start, too, as it may have changed since the flags were evaluated."""
    first = promote(api, environment)
    notices = follow(ask())

    assert notices.response.headers["Content-Type"].startswith("text/event-stream")
    assert notices.next_notice() == notice(first)
    change_elsewhere(api)
    newer = promote(api, environment, version="1.1.0")
    assert notices.next_notice() == notice(newer)


def test_a_stream_is_resumed(
    api: Api, environment: str, ask: Callable[..., Answer], follow: Callable[..., Notices]
) -> None:
    """Whoever has had the last notice waits for the next; whoever has not is sent it."""
    made = promote(api, environment)
    place = f"{made['epoch']}.{made['seq']}"

    up_to_date = follow(ask(), Last_Event_ID=place)
    assert up_to_date.next() == b": "
    behind = follow(ask(), Last_Event_ID=f"{made['epoch']}.{made['seq'] - 1}")
    assert behind.next_notice() == notice(made)
    newer = promote(api, environment, version="1.1.0")
    assert up_to_date.next_notice() == behind.next_notice() == notice(newer)


def test_a_quiet_stream_is_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """By comments, which no client takes for a change."""
    monkeypatch.setattr(hub, "HEARTBEAT_SECONDS", 0.0)
    token, _ = mint(TokenSpec(name="web", capabilities=(Capability.reader,)))

    async def first_message() -> Any:
        streams = hub.Hub(ReadModel(cast("Any", None)), Keyring([token]))
        sent = asyncio.Queue[Any]()
        notices = streams_of_notices.Notices(token, "production")
        streams.add(notices)
        notices.send = sent.put
        running = asyncio.create_task(streams.run())
        message = await sent.get()
        running.cancel()
        return message["body"]

    assert asyncio.run(first_message()) == b": \n\n"


def test_the_address_of_a_stream_opens_nothing_else(
    api: Api, registry: Registry, environment: str, ask: Callable[..., Answer]
) -> None:
    """It stays the same, so that a client keeps its connection; and it ends with its token."""
    made = api.call("POST", "/v1/tokens", {"name": f"web {environment}", "role": "reader"}).json
    answer = ask(Authorization=f"Bearer {made['secret']}")
    again = ask({"targetingKey": "u2"}, Authorization=f"Bearer {made['secret']}")
    address = answer.json["eventStreams"][0]["endpoint"]["requestUri"]
    ticket = address.partition("?")[2]
    nobody = type(api)(registry.url, "")

    assert again.json["eventStreams"] == answer.json["eventStreams"]
    assert made["secret"] not in answer.text
    for path in (f"/v1/environments/{environment}/releases/summarize", "/v1/prompts", "/metrics"):
        assert nobody.get(f"{path}?{ticket}").status == 401
    flags = address.partition("?")[0].replace("/events", "/evaluate/flags")
    assert nobody.call("POST", f"{flags}?{ticket}", {}).status == 401
    for forged in (ticket[:-1], f"{ticket}x", "ticket=", "ticket=%FF", "ticket=a.1.b", ""):
        assert nobody.get(f"{address.partition('?')[0]}?{forged}").status == 401
    notices = Notices(api.url + address)
    assert notices.response.status == 200
    api.call("DELETE", f"/v1/tokens/{made['id']}")
    until(lambda: notices.response.read1() == b"", "the stream to end")
    assert nobody.get(address).status == 401
    notices.close()
    nobody.close()
