"""How far a version has to rise."""

from __future__ import annotations

import pytest

from registry.catalog.parsing import bump
from registry.catalog.parsing.document import parse

OLD = """\
name: Summarize
model: openai/gpt-5-mini
modelParameters: {temperature: 0.2}
responseFormat: text
variables:
  - {name: text, required: true}
  - {name: tone, required: false, default: neutral}
messages:
  - {role: user, content: "{{text}} {{tone}}"}
"""
OPTIONAL = "  - {name: tone, required: false, default: neutral}\n"
CHANGES = {
    "a new required variable": (
        ("messages:", "  - {name: audience, required: true}\nmessages:"),
        ("major", "requires a new variable: audience"),
    ),
    "a variable is gone": ((OPTIONAL, ""), ("major", "removes a variable: tone")),
    "an optional one is required": (
        (OPTIONAL, "  - {name: tone, required: true}\n"),
        ("major", "requires what was optional: tone"),
    ),
    "another format": (
        ("responseFormat: text", "responseFormat: json_object"),
        ("major", "answers in json_object instead of text"),
    ),
    "a new optional variable": (
        ("messages:", "  - {name: length, required: false}\nmessages:"),
        ("minor", "takes a new optional variable: length"),
    ),
    "a required one is optional": (
        ("{name: text, required: true}", "{name: text, required: false}"),
        ("minor", "makes optional what was required: text"),
    ),
    "another model": (("gpt-5-mini", "gpt-5"), ("minor", "uses openai/gpt-5 instead of openai/gpt-5-mini")),
    "a schema": (("responseFormat: text", "jsonSchema: {}"), ("minor", "answers by another JSON schema")),
    "another default": (("neutral", "warm"), ("patch", "changes a default: tone")),
    "parameters": (("0.2", "0.3"), ("patch", "changes the model's parameters")),
    "another text": (('content: "', 'content: "Please: '), ("patch", "changes the text of its messages")),
    "another title": (("Summarize", "In short"), ("patch", "describes itself in other words")),
}


def reasons(change: tuple[str, str]) -> list[bump.Reason]:
    """What differs after a change of the file."""
    new = OLD.replace(*change)
    if "tone" not in new.partition("messages:")[0]:
        new = new.replace(" {{tone}}", "")
    return bump.reasons(parse(OLD.encode(), "").document, parse(new.encode(), "").document)


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES)
def test_a_change_calls_for_a_part(change: tuple[str, str], reason: tuple[str, str]) -> None:
    """The first of the reasons is the gravest, in words."""
    assert reasons(change)[0] == reason


def test_the_gravest_difference_decides() -> None:
    """The part that is needed is that of the gravest difference; none at all is a patch."""
    all_three = [bump.Reason("patch", "a"), bump.Reason("major", "b"), bump.Reason("minor", "c")]

    assert bump.needed(all_three, "1.0.0") == "major"
    assert bump.needed(all_three[2:], "1.0.0") == "minor"
    assert bump.needed([], "1.0.0") == "patch"


def test_below_1_0_0_each_part_counts_one_less() -> None:
    """SemVer promises nothing there, and by custom the minor part is what breaks."""
    assert bump.needed([bump.Reason("major", "a")], "0.3.1") == "minor"
    assert bump.needed([bump.Reason("minor", "a")], "0.3.1") == "patch"


@pytest.mark.parametrize(
    ("version", "part", "enough"),
    [
        ("1.2.4", "patch", True),
        ("1.2.4", "minor", False),
        ("1.3.0", "minor", True),
        ("1.9.9", "major", False),
        ("2.0.0", "major", True),
        ("2.0.0-rc.1", "major", True),
        ("1.2.2", "patch", False),
    ],
)
def test_whether_a_version_is_far_enough(version: str, part: bump.Part, enough: bool) -> None:
    """More than enough is an author's right."""
    assert bump.is_enough("1.2.3", version, part) is enough


def test_the_same_document_has_no_reason() -> None:
    """Comments and the order of keys mean nothing."""
    new = "# a comment\n" + OLD

    assert bump.reasons(parse(OLD.encode(), "").document, parse(new.encode(), "").document) == []
