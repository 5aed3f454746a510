"""Capabilities: what each implies, and what is written of them."""

from __future__ import annotations

import json
from itertools import combinations

import pytest

from registry.access.capabilities import Capability, implied, rank, reduced
from registry.access.tokens import Token, TokenSpec, mint
from registry.errors import Forbidden

ALL = frozenset(Capability)
# The keys of a record that a registry without capabilities wrote, in their order.
KEYS = [
    "id",
    "name",
    "role",
    "environments",
    "digest",
    "created_at",
    "created_by",
    "expires_at",
    "revoked_at",
]


def minted(*given: Capability, environments: tuple[str, ...] = ()) -> Token:
    """A token with these."""
    return mint(TokenSpec(name="one", capabilities=given, environments=environments))[0]


@pytest.mark.parametrize("one", [one for one in Capability if one is not Capability.admin])
def test_each_implies_reader_and_nothing_else(one: Capability) -> None:
    """A judge reports no calls, and a releaser reads no content."""
    assert implied([one]) == {one, Capability.reader}


def test_an_admin_has_all_but_review() -> None:
    """Who runs the registry does not thereby read what users wrote."""
    assert implied(["admin"]) == ALL - {Capability.review}
    assert implied(["admin", "review"]) == ALL


def test_a_shorter_list_gives_the_same() -> None:
    """Of every set of them; and it is the shortest."""
    for size in range(1, len(ALL) + 1):
        for given in combinations(Capability, size):
            short = reduced(reversed(given))
            assert implied(short) == implied(given)
            assert short == reduced(short)
            for left in combinations(short, len(short) - 1):
                assert not left or implied(left) != implied(given)


@pytest.mark.parametrize("role", [Capability.reader, Capability.releaser, Capability.admin])
def test_a_record_of_before_stays_as_it_is(role: Capability) -> None:
    """Byte for byte: an older registry wrote the same keys, and this one writes them again."""
    written = minted(role).model_dump_json()

    assert list(json.loads(written)) == KEYS
    assert json.loads(written)["role"] == role
    assert Token.model_validate_json(written).model_dump_json() == written


def test_a_record_says_less_to_an_older_registry() -> None:
    """It goes by `role`, which never gives more than what the token has."""
    for size in range(1, len(ALL) + 1):
        for given in combinations(Capability, size):
            record = json.loads(minted(*given).model_dump_json())
            assert record["role"] in {"reader", "releaser", "admin"}
            assert implied([record["role"]]) <= implied(given)
            assert rank(given) == record["role"]


def test_what_a_newer_registry_gave_is_kept_and_gives_nothing() -> None:
    """A capability that is unknown here neither fails nor allows."""
    fields = json.loads(minted(Capability.app).model_dump_json()) | {"capabilities": ["fly", "app"]}
    token = Token.model_validate(fields)

    assert [one for one in Capability if token.may(one)] == [Capability.app, Capability.reader]
    assert json.loads(token.model_dump_json())["capabilities"] == ["fly", "app"]


def test_what_is_missing_is_named() -> None:
    """With what the token has."""
    with pytest.raises(Forbidden, match=r"this needs the role review; the token 'one' has admin$"):
        minted(Capability.admin, Capability.app).allow(Capability.review)
    with pytest.raises(Forbidden, match=r"this needs the role releaser; the token 'one' has app, judge$"):
        minted(Capability.judge, Capability.app).allow(Capability.releaser)


def test_an_admin_of_one_environment_rules_only_there() -> None:
    """What concerns the whole registry takes a token for all environments; reports do not."""
    limited = minted(Capability.admin, environments=("staging",))

    limited.allow(Capability.admin, "staging")
    limited.allow(Capability.app)
    with pytest.raises(Forbidden, match="for all environments"):
        limited.allow(Capability.admin)
    with pytest.raises(Forbidden, match="for staging only"):
        limited.allow(Capability.app, "production")
