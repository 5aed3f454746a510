"""Why a tag makes no version: what its author has to know."""

from __future__ import annotations

import time
from itertools import product

import pytest

from registry.catalog.mirror.rejected_tags import sample, why
from registry.catalog.naming import split_tag
from registry.system.text import escape


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("Summarize/v1.0.0", "upper case is not allowed in a name"),
        ("support/my prompt/v1.0.0", "a name has only a-z, 0-9, _, - and /"),
        ("-x/v1.0.0", "each part of a name begins with a-z or 0-9"),
        (f"{'a' * 65}/v1.0.0", "a part of the name has more than 64 characters"),
        ("a/v1/v1.0.0", "a part of the name looks like a version"),
        ("a/history/v1.0.0", "a part of the name is a reserved word"),
        (f"{'abcd/' * 41}a/v1.0.0", "the name has more than 200 characters"),
        ("a/b/c/d/e/f/g/h/i/v1.0.0", "the name has more than 8 parts"),
        ("a/v01.0.0", "a number of the version has a leading zero"),
        ("a/v1.00.0-rc", "a number of the version has a leading zero"),
        ("a/v1.0.0+build", "a version has no build metadata (+...)"),
        ("a/v1", "the version has less than three numbers; write 1.2.0"),
        ("a/v1.2-rc.1", "the version has less than three numbers; write 1.2.0"),
        ("a/v1.2.3.4", "the version has more than three numbers"),
        ("a/v1.2.x", "the version does not follow SemVer 2.0.0; write 1.2.0 or 1.2.0-rc.1"),
        (f"a/v1.0.0-{'a' * 100}", "the version has more than 100 characters"),
        ("a/V1.0.0", "the v before the version has to be lower case"),
        ("a/1.0.0", "the v before the version is missing"),
        ("v1.0.0", "the name before the version is missing"),
        ("summarize-v1.0.0", "there has to be a / between name and version"),
        ("summarize@1.0.0", "there has to be a / between name and version"),
        ("a/vip", "it is not <name>/v<version>"),
        ("release", "it is not <name>/v<version>"),
        ("ä/v1.0.0", "a tag of a version is ASCII"),
    ],
)
def test_the_reason_is_said(tag: str, reason: str) -> None:
    """In words, and the first one only."""
    assert split_tag(tag.encode()) is None
    assert why(tag.encode()) == reason


def test_what_is_ignored_has_a_reason() -> None:
    """Whatever it is."""
    pieces = ("", "a", "A", "/", "/v", "1", "01", ".", "-", "+")
    tags = {"".join(chosen).encode() for chosen in product(pieces, repeat=5)}

    assert [tag for tag in tags if not split_tag(tag) and not why(tag)] == []


def test_what_nearly_made_a_version_is_shown_first() -> None:
    """Not the first ones of the alphabet."""
    noise = [b"build%d" % i for i in range(100)]

    shown = sample([*noise, b"zeta/V1.0.0", b"zeta-v1.0.0"])

    assert shown[:3] == [b"zeta/V1.0.0", b"zeta-v1.0.0", b"build0"]
    assert len(shown) == 20


@pytest.mark.parametrize("length", [4_000, 60_000, 1_000_000])
@pytest.mark.parametrize("pattern", [b"/", b"a/", b"-1.", b"_v1.2/", b"x"])
def test_long_tags_take_no_time(length: int, pattern: bytes) -> None:
    """They are refused by their length, before anything looks into them."""
    tags = [pattern * (length // len(pattern)) + b"%d/v1.0.0" % number for number in range(50)]
    began = time.process_time()

    assert [why(tag) for tag in sample(tags)] == ["the tag has more than 302 characters"] * 20
    assert [split_tag(tag) for tag in tags] == [None] * 50
    assert {len(escape(tag)) for tag in tags} == {160}
    assert time.process_time() - began < 1
