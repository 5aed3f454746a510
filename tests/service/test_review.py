"""Review over HTTP: pages, claims of two people, labels, and what is said of what cannot be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from outcomes_in import record, uuid7
from service.test_calls import There, new_token
from support import Api, until

from registry.api.docs import review_shapes

if TYPE_CHECKING:
    from support import Answer, Registry

A_LABEL = {"verdict": "bad", "expected": {"label": "refund"}, "note": "no", "tags": ["refund"]}


@pytest.fixture
def app(api: Api, reviewed: str) -> There:
    """An environment in which content is kept."""
    return There(api, reviewed)


@pytest.fixture
def ada(registry: Registry, app: There) -> There:
    """The same, as a reviewer sees it."""
    return reviewer(registry, app)


def reviewer(registry: Registry, app: There) -> There:
    """Somebody else who reviews."""
    return There(Api(registry.url, new_token(registry.api, "review")), app.path.rpartition("/")[2])


def queued(app: There, ada: There, count: int = 1, **fields: Any) -> list[str]:
    """Report calls that users did not like, and wait until they are queued."""
    given = {"response": "It is sunny.", "variables": {"text": "Where is it?"}, **fields}
    sent = [record(**given) for _ in range(count)]
    assert app.send(*sent).status == 200
    app.post("feedback", [{"call": call["id"], "kind": "down", "comment": "wrong"} for call in sent])
    until(lambda: ada.get("review")["open"] == count, "the queue")
    return [call["id"] for call in sent]


def checked(answer: Answer, shape: str) -> Any:
    """An answer that has the shape that is described, and the keys of its example."""
    assert answer.status == 200, answer.text
    getattr(review_shapes, shape).model_validate(answer.json)
    example = review_shapes.EXAMPLES[shape]
    assert answer.json.keys() == example.keys()
    return answer.json


def test_from_the_queue_to_a_case(registry: Registry, app: There, ada: There) -> None:
    """Listed without content, claimed with it, labelled, and noted as a case; each as it is described."""
    (call,) = queued(app, ada)
    (item,) = checked(ada.api.get(f"{ada.path}/review"), "ReviewPage")["data"]
    assert (item["call"], item["because"], item["claimed_by"]) == (call, ["down"], None)
    claimed = checked(ada.post(f"review/{call}/claim", {}), "Claimed")
    assert claimed["content"]["variables"] == {"text": "Where is it?"}
    assert claimed["content"]["feedback"][0]["comment"] == "wrong"
    registry.find(f"The content of call {call} in {app.path.rpartition('/')[2]} was read by review-")
    label = checked(ada.post(f"review/{call}/label", A_LABEL), "Labelled")["label"]
    assert label | A_LABEL == label
    assert label["case"]
    (listed,) = checked(ada.api.get(f"{ada.path}/labels?content=true"), "LabelPage")["data"]
    assert listed["content"] == {"variables": {"text": "Where is it?"}, "response": "It is sunny."}
    assert checked(ada.post("labels/pulled", {"cases": {call: "parcel"}}), "Pulled") == {"pulled": 1}

    (done,) = ada.get("review?state=done")["data"]
    assert (done["case_id"], done["verdict"]) == ("parcel", "bad")
    assert ada.get("review")["open"] == 0
    assert app.post("erasures", {"conversation": "x"}).json == {"calls": 0, "cases": []}


def test_two_people_on_one_call(registry: Registry, app: There, ada: There) -> None:
    """Who comes second is told who has it, and what to do."""
    (call,) = queued(app, ada)
    ben = reviewer(registry, app)
    ada.post(f"review/{call}/claim", {})
    refused = ben.post(f"review/{call}/label", A_LABEL)
    assert (refused.status, refused.json["code"]) == (409, "claimed")
    assert refused.json["claimed_by"] == ada.get("review")["data"][0]["claimed_by"]
    ada.post(f"review/{call}/label", A_LABEL)
    refused = ben.post(f"review/{call}/claim", {})

    assert (refused.status, refused.json["code"]) == (409, "labelled")
    assert "take the next one" in refused.json["detail"]
    checked(ada.post(f"review/{call}/label", {"verdict": "good"}), "Labelled")


def test_a_call_is_skipped(app: There, ada: There) -> None:
    """It comes last then."""
    first, second = sorted(queued(app, ada, 2), key=[i["call"] for i in ada.get("review")["data"]].index)
    assert checked(ada.post(f"review/{first}/skip", {}), "Skipped")["skips"] == 1

    assert [item["call"] for item in ada.get("review")["data"]] == [second, first]


def test_pages(app: There, ada: There) -> None:
    """Neither the queue nor labels are cut off or doubled where a page ends."""
    calls = queued(app, ada, 5)
    for what in ("review", "labels", "review?state=done"):
        mark = "&" if "?" in what else "?"
        found, cursor = [], ""
        while cursor is not None:
            page = ada.get(f"{what}{mark}limit=2{cursor and f'&cursor={cursor}'}")
            found += [item["call"] for item in page["data"]]
            cursor = page["next_cursor"]
        assert sorted(found) == sorted(calls if what == "review" or found else [])
        for call in calls:
            ada.post(f"review/{call}/label", {"verdict": "good"})


def test_what_cannot_be_labelled(app: There, ada: There) -> None:
    """One that was erased, has no content, is not there; and labels that say nothing."""
    (call,) = queued(app, ada, subject="9f86d081884c7d65")
    bare = record()
    app.send(bare)
    until(lambda: len(app.get("calls")["data"]) == 2, "the calls")
    for identifier, code in (
        (bare["id"], "not_sampled"),
        (uuid7(1), "unknown_call"),
        ("x" * 99, "unknown_call"),
    ):
        assert ada.post(f"review/{identifier}/label", A_LABEL).json["code"] == code
    for wrong in ({}, {"verdict": "fine"}, {**A_LABEL, "x": 1}, {**A_LABEL, "expected": "x" * 70_000}):
        assert ada.post(f"review/{call}/label", wrong).status == 422
    assert ada.post("labels/pulled", {"cases": {"x": "y"}}).status == 422
    for query in (
        "review?cursor=9999999999999999999.1",
        f"review?cursor=1.{'f' * 32}",
        "review?cursor=1",
        "labels?cursor=1.ab",
        "labels?since=1",
        "review?state=all",
    ):
        assert ada.api.get(f"{ada.path}/{query}").status == 422
    assert app.post("erasures", {"key": "test"}).json["calls"] == 1
    refused = ada.post(f"review/{call}/label", A_LABEL)

    assert (refused.status, refused.json["code"]) == (409, "erased")
    assert ada.get("review")["data"] == []
