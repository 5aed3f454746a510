"""One caller must not stop the others: what a request may cost, and a token's turns."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from registry.access.capabilities import Capability
from registry.access.tokens import Token, TokenSpec, mint
from registry.api.http.bounds import AT_WORK, BODY_BYTES, Bounds, Lane
from registry.api.http.routes import MAX_VALUES
from registry.api.releases import MAX_ATTRIBUTES
from registry.errors import Unavailable
from registry.rollouts.state import State
from registry.system.work import GONE, Work, check

if TYPE_CHECKING:
    from support import Api, Registry

RELEASE = "/v1/environments/production/releases/summarize"


def token(name: str = "dashboard") -> Token:
    """A token of its own."""
    return mint(TokenSpec(name=name, capabilities=(Capability.reader,)))[0]


async def crowd(bounds: Bounds, works: list[tuple[Token, Lane, Work]], release: asyncio.Event) -> list[Any]:
    """Let all of them take turns, until there is an end to it; what became of each."""

    async def one(who: Token, lane: Lane, work: Work) -> str:
        async with bounds.turn(who, lane, work):
            at_work.append(lane)
            await release.wait()
            check()
        return "done"

    at_work: list[Lane] = []
    tasks = [asyncio.create_task(one(*each)) for each in works]
    await asyncio.sleep(0.05)
    release.set()
    return [at_work[:], *await asyncio.gather(*tasks, return_exceptions=True)][: len(works) + 1]


def test_few_of_a_tokens_requests_are_at_work_at_once() -> None:
    """Its other lanes, and other tokens, have their own turns."""
    one, other = token(), token("other")

    async def run() -> None:
        bounds, release = Bounds(), asyncio.Event()
        works = [(one, Lane.READ, Lane.READ.work()) for _ in range(20)]
        works += [(one, Lane.CHANGE, Lane.CHANGE.work()), (other, Lane.READ, Lane.READ.work())]
        at_once, *became = await crowd(bounds, works, release)
        assert at_once.count(Lane.READ) == AT_WORK + 1
        assert Lane.CHANGE in at_once
        assert became == ["done"] * len(works)
        assert not bounds._lanes

    asyncio.run(run())


def test_who_waits_too_long_is_told_to_send_fewer() -> None:
    """And who is at work is told that it took too long, at the next chance."""

    async def run() -> None:
        bounds, release, one = Bounds(), asyncio.Event(), token()
        works = [(one, Lane.READ, Work(0.01)) for _ in range(AT_WORK + 1)]
        _, *became = await crowd(bounds, works, release)
        assert [error.code for error in became] == ["deadline"] * AT_WORK + ["busy"]

    asyncio.run(run())


def test_work_without_a_caller_does_not_start() -> None:
    """Nor anything after a stop."""

    async def run() -> None:
        bounds = Bounds()
        work = Work(5)
        work.end(GONE)
        with pytest.raises(Unavailable, match="no longer waits"):
            async with bounds.turn(token(), Lane.READ, work):
                pass
        bounds.close()
        with pytest.raises(Unavailable, match="stopping"):
            async with bounds.turn(token(), Lane.CHANGE, Work()):
                pass
        assert not bounds._lanes

    asyncio.run(run())


def test_who_rests_lets_others_have_the_turn() -> None:
    """A host that is slow to answer keeps nobody else waiting, and is no time of this request's."""

    async def run() -> None:
        bounds, one, work = Bounds(), token(), Work(0.1)
        async with bounds.turn(one, Lane.READ, work), bounds.rest():
            for _ in range(AT_WORK):
                async with bounds.turn(one, Lane.READ, Work(0.05)):
                    await asyncio.sleep(0.05)
        assert not bounds._lanes

    asyncio.run(run())


def test_bodies_have_so_much_room() -> None:
    """All of a token's together; another token has its own."""
    bounds, one = Bounds(), token()
    with bounds.body(one, BODY_BYTES):
        with pytest.raises(Unavailable, match="send fewer"), bounds.body(one, 1):
            pass
        with bounds.body(token("other"), 1):
            pass
    with bounds.body(one, 1):
        pass


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS", "BREW", "GET"])
@pytest.mark.parametrize("part", ["rollouts/", "a/actions/", "versions/", "%2F", "x"])
def test_a_long_path_is_refused_in_a_moment(api: Api, method: str, part: str) -> None:
    """Whatever it repeats, and whatever is done with it."""
    path = "/v1/environments/x/rollouts/" + part * (60_000 // len(part)) + "x"
    begun = time.monotonic()
    answer = api.call(method, path)

    assert 400 <= answer.status < 500
    assert time.monotonic() - begun < 1  # some 5 ms on a quiet machine


def many(sign: str, count: int) -> bytes:
    """A body with so many bad values."""
    return b"{%s}" % b",".join(b'"%s%d":0' % (sign.encode(), number) for number in range(count))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (many("k", 300), "301 bad values"),
        (many("k", MAX_VALUES), "more than 10000 values"),
        (b'{"reason":' + b"[]," * 300_000 + b"0}", "more than 10000 values"),
        (b'{"version":"1.1.0","steps":[' + b"{}," * 4000 + b"{}]}", "bad values"),
        (b'{"version":"1.1.0","reason":"' + b"x" * 3000 + b'"}', "reason: "),
        (b"[" * 9000, "not JSON"),
    ],
)
def test_a_long_body_is_refused_shortly(api: Api, environment: str, body: bytes, said: str) -> None:
    """The answer does not list each of thousands."""
    answer = api.act("start", "summarize", body, environment)

    assert (answer.status, said in answer.json["detail"]) == (422, True), answer.text[:300]
    assert len(answer.text) < 20_000


def test_a_long_good_body_is_taken(api: Api, environment: str) -> None:
    """What was validated in a thread is what the action gets."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    audience = [{"when": [{"attribute": "tenant", "in": [f"acme-{number}" for number in range(900)]}]}]
    answer = api.act("start", "summarize", {"version": "1.1.0", "audience": audience}, environment)

    assert answer.status == 200, answer.text
    assert answer.json["state"]["rollout"]["audience"] == audience


@pytest.mark.parametrize(
    "attributes", [{"a": list(range(2000))}, dict.fromkeys(map(str, range(2000))), {"a": [[0] * 1001]}]
)
def test_a_question_has_so_many_attributes(api: Api, attributes: dict[str, Any]) -> None:
    """Each of them is looked for in each target."""
    answer = api.call("POST", RELEASE.replace("releases", "resolve"), {"attributes": attributes})

    assert (answer.status, f"at most {MAX_ATTRIBUTES}" in answer.text) == (422, True), answer.text[:300]


def test_a_query_has_so_many_fields(api: Api) -> None:
    """Attributes beyond are refused in the query, too; what nobody reads is not even parsed."""
    path = RELEASE.replace("releases", "resolve")

    assert api.get(f"{path}?{'attribute=a:b&' * 1001}").status == 422
    assert api.get(f"/livez?{'a&' * 30_000}").status == 200


def test_states_are_listed_as_they_are_shown(api: Api, environment: str) -> None:
    """They are written down by other means than a single one."""
    api.act("promote", "summarize", {"version": "1.0.0"}, environment)
    audience = [{"when": [{"attribute": "tenant", "in": ["acme"]}]}]
    steps = [{"percent": 0.5, "hold": "1h"}, {"percent": 50}]
    body = {"version": "1.1.0", "steps": steps, "audience": audience}
    state = api.act("start", "summarize", body, environment).json["state"]
    (listed,) = api.get(f"/v1/environments/{environment}/rollouts").json["data"]

    assert listed == state == api.state("summarize", environment)
    assert listed == json.loads(State.model_validate(state).model_dump_json())


def test_many_unknown_names_are_missing(api: Api) -> None:
    """Nobody is asked whether another name was meant."""
    names = [f"team-{number}/no-such-prompt" for number in range(1000)]
    begun = time.monotonic()
    answer = api.get(f"/v1/environments/production/releases?names={','.join(names)}")

    assert (answer.status, answer.json["missing"]) == (200, names)
    assert time.monotonic() - begun < 1


def test_invented_names_are_followed_but_not_counted(registry: Registry, environment: str) -> None:
    """One may be tagged tomorrow; until then it costs next to nothing, here and in the reports."""
    names = {f"no-such-prompt-{number}": None for number in range(2000)}
    pool = registry.api._pool
    url = f"{registry.url}/v1/environments/{environment}/stream"
    headers = {"Authorization": f"Bearer {registry.api.token}", "Content-Type": "application/json"}
    body = json.dumps({"names": {**names, "summarize": None}})
    stream = pool.request("POST", url, body=body, headers=headers, preload_content=False)
    assert b"heartbeat" in stream.readline()
    told = registry.api.get(f"/v1/environments/{environment}/clients").json
    stream.close()

    assert [row["prompt"] for row in told["data"]] == ["summarize"]
