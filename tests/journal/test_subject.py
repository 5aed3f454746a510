"""The subjects of the journal's commits, as git shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from registry.access.capabilities import Capability
from registry.access.tokens import TokenSpec, mint
from registry.journal.change import Change
from registry.journal.fast_import import subject
from registry.rollouts.state import State

STATE = State(environment="production", prompt="support/triage")
HOSTILE = "ada\nAuthor: x\r\u202e"


def change(**fields: Any) -> Change:
    """A change, of support/triage in production if it says nothing else."""
    told = {"op": "promote", "actor": "ada", "after": "1.3.0", "state": STATE, **fields}
    return Change(epoch=1, seq=1, at=datetime.now(UTC), **told)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "promote support/triage 1.3.0 in production by ada"),
        ({"op": "ask.start"}, "ask to start support/triage 1.3.0 in production by ada"),
        (
            {"op": "advance", "after": 12.5, "actor": "schedule"},
            "advance support/triage to 12.5% in production by schedule",
        ),
        ({"op": "rollback", "after": None}, "rollback support/triage in production by ada"),
        ({"op": "create", "state": None, "actor": "registry"}, "create by registry"),
    ],
)
def test_a_subject_names_version_place_and_actor(fields: dict[str, Any], expected: str) -> None:
    """Of every kind of change."""
    assert subject(change(**fields)) == expected


@pytest.mark.parametrize("name", [HOSTILE, "ada in staging by root", "\x1b[2J", "x" * 5000, '"'])
def test_a_name_cannot_forge_a_subject(name: str) -> None:
    """It stays one line, of characters that are seen, and in quotes; a reason is not in it at all."""
    token = mint(TokenSpec(name=name, capabilities=(Capability.reader,)))[0]
    for made in (change(actor=name, reason=HOSTILE), change(op="token.create", state=None, token=token)):
        told = subject(made)
        assert told.isprintable()
        assert len(told) < 300
        assert told.startswith(("promote support/triage 1.3.0 in production by ", "token.create "))
    assert subject(change(actor="a b")).endswith('by "a b"')
