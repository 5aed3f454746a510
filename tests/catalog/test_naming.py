"""Names, versions and tags."""

from __future__ import annotations

import random

import pytest
from semver import Version

from registry.catalog import naming
from registry.errors import Invalid
from registry.system.text import escape

HOSTILE = [
    b"",
    b"/v1.0.0",
    b"v1.0.0",
    b"--upload-pack=x/v1.0.0",
    b"-x/v1.0.0",
    b"$(touch x)/v1.0.0",
    b"a;b/v1.0.0",
    b"../a/v1.0.0",
    b"a//b/v1.0.0",
    b"a/\x1b[31m/v1.0.0",
    b"a\n/v1.0.0",
    b"a/v1.0.0\n",
    "\u202eabc/v1.0.0".encode(),
    b"\xff\xfe/v1.0.0",
    b"Summarize/v1.0.0",
    b"a/V1.0.0",
    b"a/v01.0.0",
    b"a/v1.0",
    b"a/v1.0.0-01",
    b"a/v1.0.0+build",
    b"a/v1.0.0-",
    "a/v\u0661.0.0".encode(),
    b"a/v" + b"9" * 200 + b".0.0",
    b"a/versions/v1.0.0",
    b"a/v1/b/v1.0.0",
    b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0/v1.0.0",
    b"/".join([b"a"] * 9) + b"/v1.0.0",
]


@pytest.mark.parametrize("tag", HOSTILE, ids=escape)
def test_other_tags_are_not_ours(tag: bytes) -> None:
    """The grammar is matched over bytes; what it does not know makes no version."""
    assert naming.split_tag(tag) is None


@pytest.mark.parametrize(
    ("tag", "name", "version"),
    [
        (b"summarize/v1.3.0", "summarize", "1.3.0"),
        (b"support/tri_age-2/v0.0.1-rc.1.x-y", "support/tri_age-2", "0.0.1-rc.1.x-y"),
        (
            b"da39a3ee5e6b4b0d3255bfef95601890afd80709/v1.0.0",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "1.0.0",
        ),
        (b"latest/v1.0.0", "latest", "1.0.0"),
        (b"v/v1.0.0", "v", "1.0.0"),
    ],
)
def test_a_tag_names_a_version(tag: bytes, name: str, version: str) -> None:
    """``<name>/v<version>``, and back."""
    assert naming.split_tag(tag) == (name, version)
    assert naming.tag_of(name, version).encode() == tag


@pytest.mark.parametrize(
    ("version", "number"),
    [
        ("1.3.0", 1_003_000),
        ("0.0.0", 0),
        ("999.999.999", 999_999_999),
        ("1000.0.0", None),
        ("1.0.1000", None),
        ("1.0.0-rc.1", None),
        ("no", None),
    ],
)
def test_the_number_of_a_version(version: str, number: int | None) -> None:
    """Major, minor and patch have three digits each; what does not fit has no number."""
    assert naming.number(version) == number


def test_versions_are_ordered_by_precedence() -> None:
    """Numbers as numbers, pre-releases before their release: the example of SemVer 2.0.0."""
    rising = [
        "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
        "1.0.0-rc.1", "1.0.0", "1.2.0", "1.10.0",
    ]  # fmt: skip

    assert naming.newest_first(sorted(rising)) == rising[::-1]


@pytest.mark.parametrize(
    ("versions", "invalid", "latest"),
    [
        (["1.0.0", "1.1.0", "2.0.0-rc.1"], [], "1.1.0"),
        (["1.0.0", "1.1.0"], ["1.1.0"], "1.0.0"),
        (["1.0.0-a", "1.0.0-b"], [], "1.0.0-b"),
        (["1.0.0", "0.9.0-b"], ["1.0.0"], "0.9.0-b"),
        (["1.0.0", "1.1.0"], ["1.0.0", "1.1.0"], "1.1.0"),
        ([], [], None),
    ],
)
def test_the_latest_version(versions: list[str], invalid: list[str], latest: str | None) -> None:
    """The highest release that is not known to be invalid, else the highest pre-release."""
    assert naming.latest(versions, invalid) == latest


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("support/triage.prompt.yml", "support/triage"),
        ("a.prompt.yaml", "a"),
        ("a.yml", None),
        ("Support/a.prompt.yml", None),
        ("a.prompt.yml.bak", None),
    ],
)
def test_a_path_names_a_prompt(path: str, name: str | None) -> None:
    """A prompt's name is its path under the prompts folder without the suffix."""
    assert naming.name_of(path) == name
    assert name is None or path in naming.file_names(name)


def test_the_release_after_a_version() -> None:
    """Each part is counted up by itself; the first version of all follows 0.0.0."""
    assert [naming.bump("1.2.3", part) for part in ("major", "minor", "patch")] == ["2.0.0", "1.3.0", "1.2.4"]
    assert naming.bump(None, "minor") == "0.1.0"


def test_what_is_refused_comes_with_the_rule() -> None:
    """A person reads what would do instead."""
    with pytest.raises(Invalid, match="use a-z"):
        naming.require_name("A b")
    with pytest.raises(Invalid, match=r"write one like 1\.3\.0"):
        naming.require_version("1.3")
    assert (naming.require_name("a"), naming.require_version("1.3.0")) == ("a", "1.3.0")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"a/v1.0.0", "a/v1.0.0"),
        (b"\x1b[31m\n", r"\x1b[31m\n"),
        ("\u202eabc".encode(), r"\u202eabc"),
        (b"\xff", r"\xff"),
        ("é".encode(), "é"),
        (b"x" * 999, "x" * 159 + "…"),
    ],
)
def test_foreign_text_is_escaped(data: bytes, shown: str) -> None:
    """Nothing that somebody else wrote steers a terminal or turns a line around."""
    assert escape(data) == shown


@pytest.mark.parametrize(
    ("text", "name"),
    [("Résumé v2", "resume-v2"), ("support/My Prompt!", "support/my-prompt"), ("日本", None)],
)
def test_a_name_is_made_of_what_was_meant(text: str, name: str | None) -> None:
    """Letters lose their accents; where nothing is left there is nothing to suggest."""
    assert naming.suggest(text) == name


def test_versions_are_ordered_as_semver_orders_them() -> None:
    """Also those that differ in a word of their pre-release only."""
    numbers = ("0", "1", "2", "10")
    words = ("", "-0", "-1", "-10", "-a", "-a.0", "-a.b", "-a-b", "-0a", "--", "-rc.2", "-rc.10", "-Rc")
    versions = [f"{a}.{b}.0{word}" for a in numbers for b in numbers for word in words]
    random.Random(1).shuffle(versions)

    assert sorted(versions, key=Version.parse, reverse=True) == naming.newest_first(versions)
