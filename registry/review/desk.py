"""The desk of people: take a call off the queue, say what it is worth, and see what judges think of it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from registry.errors import Conflict, NotFound
from registry.outcomes.call import CONTENT, UUID7
from registry.outcomes.store import calls, queue, rows
from registry.outcomes.store.queue import Label
from registry.review import rules
from registry.system import timestamps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.outcomes.outcomes import Outcomes
    from registry.outcomes.store.database import Connection
    from registry.outcomes.store.queue import Person, Sample

CLAIM_MS = 600_000  # to read a call and say what it is worth; then others may have it
NEXT = "take the next one"


class ReviewDesk:
    """The queue and the labels; any thread may use it."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._outcomes = outcomes

    def waiting(
        self, environment: str, prompt: str | None, limit: int, after: tuple[int, int] | None
    ) -> tuple[list[dict[str, Any]], int]:
        """Return calls that wait for people, and how many there are in all. Raises Unavailable."""

        def work(connection: Connection) -> tuple[list[dict[str, Any]], int]:
            found = queue.waits(connection, environment, prompt, limit, after)
            return [_item(one, _now()) for one in found], queue.count(connection, environment, prompt)

        return self._outcomes.database().read(work)

    def claim(self, environment: str, call: str, person: Person) -> dict[str, Any]:
        """Let a person have a call for ten minutes; return it with its content, and without scores.

        Raises:
            NotFound: there is no such call.
            Conflict: another person has it, it is done, or its content is not there.
            Unavailable: the database does not answer.
        """
        key, now = _key(call, environment), _now()

        def work(connection: Connection) -> Sample:
            _sample(connection, environment, key)
            taken = queue.claim(connection, key, person, now, now + CLAIM_MS)
            return _own(connection, environment, key, taken=taken)

        sample = self._outcomes.database().write(work)
        return self._outcomes.database().read(lambda connection: _shown(connection, sample))

    def label(self, environment: str, call: str, person: Person, said: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what a person says of a call; return it, and what judges said.

        The same person may say something else until it is in git.

        Args:
            environment: where.
            call: its id.
            person: who says it.
            said: `verdict`, `expected`, `note`, `tags`, `case`.

        Raises:
            NotFound: there is no such call.
            Conflict: another person has it or labelled it, it is in git, or its content is not there.
            Unavailable: the database does not answer.
        """
        key, now = _key(call, environment), _now()

        def work(connection: Connection) -> Label:
            sample = _sample(connection, environment, key)
            taken = queue.finish(connection, key, person, now)
            _own(connection, environment, key, taken=taken)
            label = _label(sample, person, said, now)
            if not queue.put_label(connection, label):
                raise _labelled(connection, key)
            return label

        label = self._outcomes.database().write(work)
        found = self._outcomes.call(environment, call.lower())
        return {"label": shown(label), "scores": found["scores"] if found else []}

    def skip(self, environment: str, call: str, person: Person) -> dict[str, Any]:
        """Put a call behind the others. Raises NotFound, Conflict or Unavailable."""
        key, now = _key(call, environment), _now()

        def work(connection: Connection) -> Sample:
            _sample(connection, environment, key)
            taken = queue.skip(connection, key, person, now)
            return _own(connection, environment, key, taken=taken)

        sample = self._outcomes.database().write(work)
        return _item(sample, now) | {"done": bool(sample.is_done)}

    def labels(
        self,
        environment: str,
        where: Mapping[str, Any],
        limit: int,
        after: tuple[int, bytes] | None,
        *,
        content: bool = False,
    ) -> list[dict[str, Any]]:
        """Return labels, the newest first, with the content of their calls if wanted. Raises Unavailable."""

        def work(connection: Connection) -> list[dict[str, Any]]:
            found = queue.labels(connection, environment, where, limit, after)
            bodies = calls.bodies(connection, [one.call for one in found]) if content else {}
            return [{**shown(one), **_content(bodies.get(one.call), wanted=content)} for one in found]

        return self._outcomes.database().read(work)

    def pull(self, environment: str, cases: Mapping[str, str]) -> int:
        """Note the cases that are in git now, by call; return how many were not. Raises Unavailable."""
        named = [(rows.call_key(call), case) for call, case in cases.items()]
        return self._outcomes.database().write(
            lambda connection: queue.pull(connection, environment, named, _now())
        )


def shown(label: Label) -> dict[str, Any]:
    """Return the API's form of a label."""
    return {
        "call": rows.identifier(label.call),
        "prompt": label.prompt,
        "version": label.version,
        "verdict": label.verdict,
        "expected": None if label.expected is None else json.loads(label.expected),
        "note": label.note,
        "tags": json.loads(label.tags) if label.tags else [],
        "case": bool(label.is_case),
        "by": label.name,
        "at": _time(label.at),
        "pulled_at": None if label.pulled is None else _time(label.pulled),
        "case_id": label.case_id,
    }


def _item(sample: Sample, now: int) -> dict[str, Any]:
    is_claimed = sample.until >= now
    return {
        "call": rows.identifier(sample.call),
        "prompt": sample.prompt,
        "version": sample.version,
        "queued_at": _time(sample.queued),
        "because": rules.shown(sample.reasons, scores=False),
        "skips": sample.skips,
        "claimed_by": sample.holder_name if is_claimed else None,
        "claimed_until": _time(sample.until) if is_claimed else None,
    }


def _shown(connection: Connection, sample: Sample) -> dict[str, Any]:
    """Return a claimed call with its content and people's comments; what judges say comes later."""
    found = calls.with_content(connection, sample.environment, [sample.call])
    said = {
        kind: json.loads(detail).get("comment") for kind, detail in queue.comments(connection, sample.call)
    }
    call = {name: value for name, value in (found[0] if found else {}).items() if name != "scores"}
    feedback = [{**one, "comment": said.get(one["kind"])} for one in call.get("feedback", ())]
    return _item(sample, _now()) | {"content": {**call, "feedback": feedback}}


def _label(sample: Sample, person: Person, said: Mapping[str, Any], now: int) -> Label:
    expected, tags = said.get("expected"), said.get("tags")
    return Label(
        call=sample.call,
        environment=sample.environment,
        prompt=sample.prompt,
        version=sample.version,
        reasons=sample.reasons or rules.CHOSEN,
        verdict=said["verdict"],
        expected=None if expected is None else json.dumps(expected),
        note=said.get("note"),
        tags=json.dumps(tags) if tags else None,
        is_case=int(said["case"]),
        token=person.token,
        name=person.name,
        at=now,
        pulled=None,
        case_id=None,
    )


def _key(call: str, environment: str) -> bytes:
    if not UUID7.fullmatch(call.lower()):
        raise _unknown(call, environment)
    return rows.call_key(call)


def _sample(connection: Connection, environment: str, key: bytes) -> Sample:
    """Return a call whose content is kept. Raises NotFound or Conflict."""
    if found := queue.sample(connection, environment, key):
        return found
    call = calls.one(connection, environment, rows.identifier(key), content=False)
    if call is None:
        raise _unknown(rows.identifier(key), environment)
    if call["erased"]:
        raise Conflict(
            f"the content of {call['id']} was erased, so there is nothing to say of it; {NEXT}", code="erased"
        )
    raise Conflict(
        f"the content of {call['id']} was not kept: [environments.{environment}.content] sample says of how "
        "many calls it is",
        code="not_sampled",
    )


def _own(connection: Connection, environment: str, key: bytes, *, taken: bool) -> Sample:
    """Return a call that a person has. Raises Conflict if another one has it, or it is done."""
    sample = _sample(connection, environment, key)
    if taken:
        return sample
    if sample.is_done:
        raise _labelled(connection, key)
    raise Conflict(
        f"{sample.holder_name} has {rows.identifier(key)} until {_time(sample.until)}; {NEXT}",
        code="claimed",
        claimed_by=sample.holder_name,
        claimed_until=_time(sample.until),
    )


def _labelled(connection: Connection, key: bytes) -> Conflict:
    label, call = queue.label_of(connection, key), rows.identifier(key)
    if label is None:
        return Conflict(f"{call} was skipped {queue.SKIPS} times, and is done; {NEXT}", code="skipped")
    if label.pulled is not None:
        return Conflict(
            f"{call} is the case {label.case_id} of {label.prompt} in git since {_time(label.pulled)}; "
            "change it there",
            code="pulled",
            label=shown(label),
        )
    return Conflict(
        f"{label.name} called {call} {label.verdict} at {_time(label.at)}; {NEXT}",
        code="labelled",
        label=shown(label),
    )


def _unknown(call: str, environment: str) -> NotFound:
    return NotFound(
        f"there is no call {call[:64]!r} in {environment}; it may be too old", code="unknown_call"
    )


def _content(body: Mapping[str, Any] | None, *, wanted: bool) -> dict[str, Any]:
    return {"content": body and {name: body[name] for name in CONTENT if name in body}} if wanted else {}


def _now() -> int:
    return time.time_ns() // 1_000_000


def _time(milliseconds: int) -> str:
    return timestamps.rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC), "milliseconds")
