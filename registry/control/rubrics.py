"""The rubrics by which calls are judged: those of their version, or those that a guard froze."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from registry.errors import DocumentInvalid, GitFailed, NotFound, Unavailable
from registry.review import rubrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from registry.catalog.catalog import Catalog
    from registry.control.rollouts import Rollouts
    from registry.review.rubrics import Rubric

KEPT = 500  # versions, whose rubrics are some kilobytes each


class Rubrics:
    """Reads and remembers rubrics; any thread may use it."""

    def __init__(self, catalog: Catalog, rollouts: Rollouts) -> None:
        self._catalog = catalog
        self._rollouts = rollouts
        self._remembered = lru_cache(KEPT)(self._read)

    def of_call(self, environment: str, call: Mapping[str, Any]) -> tuple[Rubric, ...]:
        """Return what a call is judged by.

        While a rollout has a guard with the metric `judge`, both of its arms are judged by the rubric of the
        stable version that the guard names: else a candidate would bring its own judge along.

        Raises:
            Unavailable: a file of the version is being fetched.
        """
        prompt, version = call.get("prompt"), call.get("version")
        if not prompt or not version:
            return ()
        frozen = self._frozen(environment, prompt, call.get("rollout"))
        names = {rubric.name for rubric in frozen}
        own = (rubric for rubric in self.of(prompt, version) if rubric.name not in names)
        return (*frozen, *own)

    def of(self, prompt: str, version: str) -> tuple[Rubric, ...]:
        """Return the rubrics of a version; none if it cannot be read. Raises Unavailable."""
        return self._remembered(prompt, version)

    def _frozen(self, environment: str, prompt: str, rollout: str | None) -> tuple[Rubric, ...]:
        if rollout is None:
            return ()
        state = self._rollouts.state(environment, prompt)
        guard = state.rollout.guard if state.rollout and state.rollout.id == rollout else None
        if guard is None or guard.judge is None or state.stable is None:
            return ()
        judge = guard.judge
        return tuple(
            replace(rubric, model=judge.model)
            for rubric in self.of(prompt, state.stable.version)
            if rubric.name == judge.name and judge.rubric in {None, rubric.digest}
        )

    def _read(self, prompt: str, version: str) -> tuple[Rubric, ...]:
        try:
            return self._in_file(prompt, version)
        except (NotFound, DocumentInvalid):
            return ()

    def _in_file(self, prompt: str, version: str) -> tuple[Rubric, ...]:
        tagged = self._catalog.read(prompt, version)
        content = self._rollouts.replica.staged(prompt, version) or tagged.content or b""
        files = rubrics.wanted(content)
        if not files:
            return rubrics.of_file(content, {})

        def wanted(_: str, found: Mapping[str, bytes | str]) -> list[str]:
            return [path for path in files if path not in found]

        try:
            beside = self._catalog.mirror.suite(tagged.commit, prompt, wanted).beside
        except GitFailed as error:
            raise Unavailable(
                f"the rubrics of {prompt}@{version} are being fetched; try again in a moment", code=error.code
            ) from error
        return rubrics.of_file(content, beside)
