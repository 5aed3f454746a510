"""A journal in a format in which registries may join that know nothing of suites."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from suites.test_attestation import SENT
from suites.test_suite_checks import CI

from registry.control.attestations import Attestations
from registry.control.suite_gate import SuiteGate
from registry.control.tokens import Requester
from registry.errors import Conflict
from registry.policies.rule_set import Rules
from registry.rollouts.action import Action
from registry.rollouts.state import State
from registry.suites.attestation import SuiteResult
from registry.system import timestamps
from registry.system.formats import SUITES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class OlderReplica:
    """The replica of such a journal, to which nothing is written."""

    format = SUITES - 1
    is_sure = True
    keyring = SimpleNamespace(check=lambda *_: None)

    @contextmanager
    def writing(self, *, sure: bool) -> Iterator[int]:
        """Hold no lock."""
        yield 0

    @contextmanager
    def turns(self) -> Iterator[Callable[[bool], None]]:
        """Wait for nobody."""
        yield lambda _: None

    def request(self, *_: object) -> None:
        """Know no earlier request."""


def test_it_takes_no_attestation() -> None:
    """It says how to go on."""
    rollouts = cast("Any", SimpleNamespace(replica=OlderReplica()))
    attestations = Attestations(cast("Any", None), rollouts, cast("Any", None))

    with pytest.raises(Conflict, match="promptstage journal upgrade") as refused:
        attestations.attest(SuiteResult.model_validate(SENT), Requester(token=CI))
    assert refused.value.code == "older_format"


def test_it_takes_no_override() -> None:
    """Which would be in the state of a request that awaits approval."""
    nothing: Any = None
    gate = SuiteGate(Rules(), nothing, nothing, cast("Any", OlderReplica()))
    place: dict[str, Any] = {"environment": "production", "prompt": "summarize"}
    state = State(**place)
    action = Action(**place, op="start", actor="ada", override={"suite": "why"})

    with pytest.raises(Conflict, match="promptstage journal upgrade") as refused:
        gate.check(action, state, state, timestamps.now())
    assert refused.value.code == "older_format"
    assert gate.check(Action(**place, op="pause", actor="ada"), state, state, timestamps.now()) == {}
