"""The API, with the answers of its documentation."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from registry.api.docs import evidence, examples, review_shapes, suites
from registry.errors import NotFound, RegistryError
from registry.wording import reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json

E = "production"
P = f"/v1/environments/{E}"
STATE, CALL = examples.STATE, examples.CALL
FAILED = {
    **suites.KEPT,
    "result": "failed",
    "regressed": [f"case-{number}" for number in range(30)],
    "against": None,
    "model": None,
}


class Answers:
    """The API, with the answers of its documentation, some of them changed; None: it does not answer."""

    def __init__(self, changed: dict[str, Any] | None = None) -> None:
        self._found = {
            "/v1/prompts": examples.PROMPTS,
            "/v1/prompts/summarize/versions": {
                "data": [examples.SUMMARY, {**examples.SUMMARY, "version": "1.2.0"}]
            },
            "/v1/prompts/summarize/versions/1.3.0": examples.VERSION,
            "/v1/prompts/summarize/versions/1.2.0": {**examples.VERSION, "version": "1.2.0"},
            "/v1/prompts/summarize/versions/1.3.0/attestations": {"data": [suites.KEPT, FAILED]},
            "/v1/prompts/summarize/diff": examples.DIFF,
            "/v1/catalog": examples.CATALOG,
            "/v1/doctor": examples.EXAMINATION,
            "/v1/journal": examples.JOURNAL,
            "/v1/notifications": examples.NOTIFICATIONS,
            "/v1/tokens": {"data": []},
            f"{P}/rollouts": {"data": [STATE]},
            f"{P}/rollouts/summarize": STATE,
            f"{P}/rollouts/summarize/history": examples.HISTORY,
            f"{P}/history": examples.HISTORY,
            f"{P}/clients": examples.CLIENTS,
            f"{P}/budgets": examples.BUDGETS,
            f"{P}/alerts": examples.ALERTS,
            f"{P}/guard": examples.ENVIRONMENT_GUARD,
            f"{P}/evidence/summarize": {**evidence.EXAMPLE, "over_time": None},
            f"{P}/suites/summarize": suites.STANDING,
            f"{P}/usage": {**examples.USAGE, "totals": examples.USAGE["data"]},
            f"{P}/calls": {"data": [CALL], "next_cursor": None},
            f"{P}/calls/{examples.CALL_ID}": CALL,
            f"{P}/resolve/summarize": examples.RESOLVED,
            f"{P}/review": review_shapes.EXAMPLES["ReviewPage"],
            f"{P}/review/agreement": review_shapes.EXAMPLES["Agreements"],
        }
        self._found |= changed or {}

    def get(self, path: str, member: str, **query: Any) -> Json:
        """Read a path."""
        answer = self._found.get(path.partition("?")[0])
        if answer is None:
            raise NotFound(f"there is no {path}", code="not_found")
        if query.get("state") == "done":
            return review_shapes.EXAMPLES["LabelPage"] | {"open": 1}
        assert member in answer, path
        return deepcopy(answer)

    def pages(self, path: str, limit: int | None = None) -> Iterator[Json]:
        """Read a list."""
        return reads.pages(self, path, limit)

    def maybe(self, path: str, member: str, **query: Any) -> Json | None:
        """Read a path, if it can be read."""
        try:
            return self.get(path, member, **query)
        except RegistryError:
            return None

    def put(self, path: str, answer: Any) -> None:
        """Change an answer."""
        self._found[path] = answer

    def post(self, path: str, body: Json, member: str, *, if_match: str = "") -> Json:
        """Ask a question, which changes nothing here."""
        del body, if_match
        return self.get(path, member)


def answering(changed: dict[str, Any] | None = None) -> Any:
    """The API, where a page takes one."""
    return Answers(changed)


def with_states(*states: Json) -> Any:
    """The API where these are in force."""
    return answering({f"{P}/rollouts": {"data": list(states)}, f"{P}/rollouts/summarize": states[0]})
