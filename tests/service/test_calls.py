"""Calls over HTTP: reported, seen, added up; and what is said of input that is wrong or too much."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from outcomes_in import record
from support import Api, processes_with, until

from registry.api.docs import examples, outcome_shapes
from registry.api.http import intake
from registry.api.http.rate import BURST_SECONDS, RECORDS_A_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from support import Answer, Registry


class There:
    """An environment of the shared registry, as an app sees it."""

    def __init__(self, api: Api, environment: str) -> None:
        self.api = api
        self.path = f"/v1/environments/{environment}"

    def send(self, *records: Any, batch: str | None = None) -> Answer:
        """Report calls."""
        return self.api.call("POST", f"{self.path}/calls", {"batch": batch or str(uuid4()), "calls": records})

    def post(self, what: str, body: object, **headers: str) -> Answer:
        """Report something else."""
        return self.api.call("POST", f"{self.path}/{what}", body, **headers)

    def get(self, what: str) -> Any:
        """Read."""
        return self.api.get(f"{self.path}/{what}").json

    def folded(self, calls: int) -> list[Any]:
        """The calls, when there are so many."""

        def look() -> list[Any] | None:
            found: list[Any] = self.get("calls")["data"]
            return found if len(found) == calls else None

        return until(look, f"{calls} calls")


@pytest.fixture
def there(api: Api, environment: str) -> There:
    """An environment in which nothing was reported yet."""
    return There(api, environment)


def test_a_call_that_is_reported_is_seen(there: There) -> None:
    """Among the calls, by itself, and in usage, a moment later."""
    sent = record(error="RateLimitError", flags=["hallucinated_order"])
    answer = there.send(sent, {"mood": "good"})
    (seen,) = there.folded(1)

    outcome_shapes.Taken.model_validate(answer.json)
    outcome_shapes.Call.model_validate(seen)
    assert seen.keys() <= {*examples.CALL, "error"}
    assert answer.json == {
        "accepted": 1,
        "refused": [{"index": 1, "detail": "a record has an id, a UUIDv7, and at, its start"}],
        "sample": 0.0,
    }
    assert there.get(f"calls/{sent['id']}") == seen
    assert seen["version"] == "1.2.0"
    (row,) = there.get("usage?by=prompt,version")["data"]
    assert (row["prompt"], row["version"], row["calls"], row["errors"]) == ("summarize", "1.2.0", 1, 1)
    for filters in ("prompt=summarize", "error=any", "error=RateLimitError", "flag=hallucinated_order"):
        assert there.get(f"calls?{filters}")["data"] == [seen]
    assert there.get("calls?prompt=other")["data"] == []


def test_what_is_said_of_a_call_is_joined(there: There) -> None:
    """Before and after it came; the worst score is found first."""
    good, bad = record(conversation="60303ae22b998861"), record()
    assert there.post("feedback", {"call": bad["id"], "kind": "down"}).json == {"accepted": 1, "refused": []}
    there.send(good, bad)
    there.post(
        "scores", [{"call": c["id"], "name": "judge", "value": v} for c, v in ((good, 0.4), (bad, 0.1))]
    )
    there.post("resolutions", {"conversation": "60303ae22b998861", "ok": True})

    worst = until(
        lambda: len(found := there.get("calls?below=judge:0.5")["data"]) == 2 and found, "both scores"
    )
    assert [call["id"] for call in worst] == [bad["id"], good["id"]]
    assert [call["id"] for call in there.get("calls?feedback=down")["data"]] == [bad["id"]]
    row = until(lambda: (r := there.get("usage")["data"][0]) and r["resolutions"] and r, "the resolution")
    assert row["feedback"] == {"down": 1}
    assert row["cost_per_resolution"] == pytest.approx(0.002)


def test_pages_follow_each_other(there: There) -> None:
    """Of calls, and of usage; none is left out or shown twice."""
    there.send(*(record(route=f"/{i}") for i in range(7)))
    there.folded(7)
    for what, name in (("calls?", "id"), ("usage?by=route&period=hour&", "route")):
        pages = [there.get(f"{what}limit=3")]
        while cursor := pages[-1]["next_cursor"]:
            pages.append(there.get(f"{what}limit=3&cursor={cursor}"))
        found = [row[name] for page in pages for row in page["data"]]
        assert len(found) == len(set(found)) == 7
        assert len(pages) == 3


def test_an_erasure_forgets_a_person(there: There) -> None:
    """Usage keeps its sums."""
    there.send(record(subject="9f86d081884c7d65"), record())
    there.folded(2)

    answer = there.post("erasures", {"key": "test"}).json
    outcome_shapes.Erased.model_validate(answer)
    assert answer == {"calls": 1, "cases": []}
    assert sorted(call["erased"] for call in there.get("calls")["data"]) == [False, True]
    assert there.get("usage")["data"][0]["calls"] == 2


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 422, "the body is not JSON; send UTF-8 JSON"),
        (b'{"batch": 1, "calls": []} x', 422, "the body is not JSON; send UTF-8 JSON"),
        (b"[" * 100_000, 422, "the body is not JSON; send UTF-8 JSON"),
        (b"\xff", 422, "the body is not JSON; send UTF-8 JSON"),
        (b'{"calls": []}', 422, "batch: a UUID, the same one when this is sent again"),
        (b'{"batch": "x", "calls": {}}', 422, "calls: send a list"),
        (
            b'{"batch": "x", "calls": [' + b"{}," * 50_000,
            422,
            "at most 2000 records at once; send them in parts",
        ),
        (b" " * (intake.MAX_BODY_BYTES + 1), 413, "a body may have 8388608 bytes, not 8388609"),
    ],
    ids=["cut", "more", "deep", "bytes", "no batch", "no list", "50,000 records", "too large"],
)
def test_a_body_that_is_wrong_is_answered_clearly(
    there: There, body: bytes, status: int, detail: str
) -> None:
    """And the registry goes on."""
    answer = there.post("calls", body)

    assert answer.status == status
    assert answer.json["detail"] == detail
    assert there.send(record()).status == 200


def test_packed_bodies_are_unpacked_within_bounds(there: There) -> None:
    """A bomb is stopped while it is unpacked; another encoding is named."""
    sent = gzip.compress(json.dumps({"batch": str(uuid4()), "calls": [record()]}).encode())
    bomb = gzip.compress(bytes(40 << 20))

    assert there.post("calls", sent, Content_Encoding="gzip").json["accepted"] == 1
    assert there.post("calls", bomb, Content_Encoding="gzip").status == 413
    assert there.post("calls", sent[:-9], Content_Encoding="gzip").status == 422
    assert there.post("calls", sent, Content_Encoding="br").status == 415


def test_a_record_of_two_megabytes_is_cut_to_what_is_kept(there: There) -> None:
    """Its content was not asked for, and no text of it is longer than it may be."""
    sent = record(route="x" * (1 << 20), messages=["y" * (1 << 20)])

    assert there.send(sent).json["accepted"] == 1
    assert len(there.folded(1)[0]["route"]) == 64


def test_a_token_may_send_so_many_records_a_second(registry: Registry, there: There) -> None:
    """More is answered 503, to be sent again; another token is not kept up."""
    slow = There(Api(registry.api.url, new_token(registry.api, "app")), there.path.rpartition("/")[2])
    answers = [slow.send(*[{}] * 2000) for _ in range(BURST_SECONDS + 1)]

    assert [answer.status for answer in answers] == [200] * BURST_SECONDS + [503]
    assert answers[-1].json["code"] == "too_fast"
    assert answers[-1].headers["Retry-After"] == "1"
    assert there.send(record()).status == 200
    assert RECORDS_A_SECOND == 2000


def test_each_report_needs_its_capability(registry: Registry, there: There) -> None:
    """A reader reads; an app reports; a judge scores; only an admin erases."""
    tokens = {name: new_token(registry.api, name) for name in ("reader", "app", "judge", "releaser")}
    place = there.path.rpartition("/")[2]
    asked = {
        "calls": ({"batch": str(uuid4()), "calls": []}, "app"),
        "feedback": ([], "app"),
        "resolutions": ([], "app"),
        "scores": ([], "judge"),
        "scores/claims": ({}, "judge"),
        "erasures": ({"key": "k"}, "admin"),
    }
    for what, (body, needed) in asked.items():
        for name, token in tokens.items():
            answer = There(Api(registry.api.url, token), place).post(what, body)
            assert answer.status == (200 if name == needed else 403), (what, name, answer.text)
    for token in tokens.values():
        assert There(Api(registry.api.url, token), place).get("usage")["data"] == []


@pytest.mark.parametrize(
    "query",
    [
        "usage?by=colour", "usage?cursor=1", "usage?period=decade", "usage?since=yesterday",
        "calls?cursor=99999999999999999999", "calls?cursor=inf~00", "calls?cursor=nan~00",
        "calls?cursor=1e300~01a22a487c7e77a6be0464309570d22b", "calls?cursor=1~ff",
        "calls?below=judge", "calls?cursor=x", "calls?flag=a&feedback=down", "calls?limit=0",
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_refused(there: There, query: str) -> None:
    """With the parameter that is wrong."""
    answer = there.api.get(f"{there.path}/{query}")

    assert answer.status == 422
    assert answer.json["detail"]


@pytest.mark.parametrize(
    "span",
    [
        "period=minute&since=2000-01-01T00:00:00Z&cursor=0.0",
        "period=hour&since=1970-01-01T00:00:00Z&until=2999-01-01T00:00:00Z",
        "period=day&since=1970-01-01T00:00:00Z&until=2999-01-01T00:00:00Z",
    ],
)
def test_a_span_of_centuries_costs_what_there_is(there: There, span: str) -> None:
    """Where nothing can be is not looked at, also not for a cursor that was made up."""
    there.send(record())
    there.folded(1)

    answer = there.api.get(f"{there.path}/usage?{span}")

    assert answer.status == 200
    assert [row["calls"] for row in answer.json["data"]] == [1]


A_CALL = "01a22a48-7c7e-77a6-be04-64309570d22b"
RESERVED, SETTLED = {"usd": 0.1}, {"outcome": "nothing"}


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("reservations", {**RESERVED, "call": f"x{A_CALL}"}),
        ("reservations", {**RESERVED, "call": f"{A_CALL}\n"}),
        ("reservations", {"usd": True}),
        ("settlements", {**SETTLED, "call": f"\0{A_CALL}"}),
        ("settlements", {**SETTLED, "nonsense": False}),
        ("settlements", {**SETTLED, "usd": True}),
        ("settlements", {**SETTLED, "usd": "0.1"}),
    ],
)
def test_what_a_judge_may_not_say(there: There, what: str, said: dict[str, object]) -> None:
    """An id with something around it, or a number that is none."""
    answer = there.post(f"scores/{what}", {"call": A_CALL, "lease": "l", **said})

    assert answer.status == 422, answer.text
    assert answer.json["detail"].partition(":")[0] in said


def test_doctor_names_what_reports_lack(there: There) -> None:
    """Prompts, versions, and fields that are newer than the registry."""
    there.send(
        record(prompt=None, version=None), record(version="9.9.9"), record(cost_usd=None, model="mine")
    )
    there.send(record(mood="good"), {})
    there.folded(4)
    checks = [check for check in there.api.get("/v1/doctor").json["checks"] if check["name"] == "calls"]
    said = " ".join(check["message"] for check in checks)

    for what in ("name no prompt", "does not exist", "not known here", "were refused"):
        assert what in said
    assert {check["status"] for check in checks} == {"ok", "warning"}


def test_a_call_that_is_not_there(there: There) -> None:
    """Whatever is asked for."""
    for call in (record()["id"], "7", "x" * 500):
        assert there.api.get(f"{there.path}/calls/{call}").json["code"] == "unknown_call"


def test_without_reports_there_is_no_database(serve: Callable[..., Registry]) -> None:
    """A registry without reports costs what it cost; the first one makes it all, and a stop ends it."""
    registry = serve()
    assert not (registry.data / "outcomes").exists()
    there = There(registry.api, "production")
    there.send(record())
    there.folded(1)

    assert registry.stop() == 0, registry.log
    assert "folder" not in registry.log
    assert processes_with(str(registry.data)) == []


def test_what_waits_is_folded_by_the_next_process(serve: Callable[..., Registry]) -> None:
    """A registry that is killed the moment it answered has lost nothing."""
    registry = serve()
    There(registry.api, "production").send(record())
    registry.kill()
    again = serve()

    assert There(again.api, "production").folded(1)


def test_registries_that_share_a_journal_need_a_shared_database(
    serve: Callable[..., Registry], tmp_path: Any
) -> None:
    """Two half counts are no count: ingest says why, and all else works."""
    path = str(tmp_path / "journal.git")
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    registry = serve(journal=path)
    answer = There(registry.api, "production").send(record())

    assert answer.status == 503
    assert answer.json["code"] == "outcomes_off"
    assert "PROMPTSTAGE_DATABASE_URL" in answer.json["detail"]
    assert "PROMPTSTAGE_DATABASE_URL" in registry.log
    assert registry.api.get("/v1/prompts").status == 200


def new_token(api: Api, *capabilities: str) -> str:
    """A token with these capabilities."""
    body = {"name": f"{capabilities[0]}-{time.monotonic_ns()}", "capabilities": capabilities}
    secret: str = api.call("POST", "/v1/tokens", body).json["secret"]
    return secret
