"""Tags that look like those of versions, in a repository that holds other things beside prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry.catalog.catalog import Catalog
from registry.doctor import checks
from registry.errors import NotFound

if TYPE_CHECKING:
    from support import PromptRepository

    from registry.catalog.mirror.mirror import Mirror


def followed(mirror: Mirror) -> Catalog:
    """A catalog that has read all, as the thread of a registry does in the background."""
    catalog = Catalog(mirror)
    mirror.sync()
    catalog.adopt()
    catalog.settle(catalog.unread())
    if mirror.wants:
        mirror.sync()
    catalog.adopt()
    return catalog


def warnings(catalog: Catalog) -> list[str]:
    """What `doctor` warns of."""
    return [check.message for check in checks.tags(catalog.status()) if check.status != "ok"]


def test_tags_of_other_things_are_no_versions(
    author: PromptRepository, mirror: Mirror, caplog: pytest.LogCaptureFixture
) -> None:
    """They are counted, and nobody is warned of them."""
    author.tag("s", "1.0.0")
    for tag in ("api/v1.0.0", "api/v1.1.0", "plugins/auth/v0.3.1"):
        author.git("tag", tag)
    catalog = followed(mirror)

    assert catalog.names() == ["s"]
    assert catalog.statuses() == {"valid": 1, "invalid": 0, "unread": 0}
    assert (warnings(catalog), catalog.ignored()) == ([], 3)
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []
    told = [check.message for check in checks.tags(catalog.status())]
    assert told == [
        "3 are of other things, as no prompt's file is there: api/v1.1.0, api/v1.0.0, plugins/auth/v0.3.1"
    ]


def test_a_name_without_a_file_is_unknown_for_a_reason(author: PromptRepository, mirror: Mirror) -> None:
    """An author who forgot the file finds it in the answer."""
    author.tag("s", "1.0.0")
    author.git("tag", "api/v1.0.0")
    catalog = followed(mirror)

    asked = (catalog.list, catalog.latest, lambda name: catalog.read(name, "1.0.0"))
    for ask in asked:
        with pytest.raises(NotFound, match=r"of api/v1\.0\.0, prompts/api\.prompt\.yml is not in") as caught:
            ask("api")
        assert caught.value.code == "unknown_prompt"


def test_a_prompt_that_lacks_its_file_at_one_tag_is_invalid_there(
    author: PromptRepository, mirror: Mirror, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever of the versions that is."""
    for name in "st":
        author.tag(name, "1.0.0")
    author.git("rm", "-q", "prompts/s.prompt.yml")
    author.tag("t", "1.1.0")
    author.git("tag", "s/v1.1.0")
    author.tag("s", "1.2.0")
    catalog = followed(mirror)

    assert [version.status for version in catalog.list("s")] == ["valid", "invalid", "valid"]
    told = "s@1.1.0 cannot be served: prompts/s.prompt.yml is not in the tagged commit"
    assert sum(told in message for message in caplog.messages) == 1
    assert len(warnings(catalog)) == 1


def test_a_file_in_the_newest_commit_makes_a_prompt(
    author: PromptRepository, mirror: Mirror, caplog: pytest.LogCaptureFixture
) -> None:
    """Its author tagged too early; and it is said once."""
    author.tag("t", "1.0.0")
    author.git("tag", "s/v1.0.0")
    author.tag("s", "2.0.0")
    author.git("tag", "-d", "s/v2.0.0")
    catalog = followed(mirror)

    assert (catalog.names(), [v.status for v in catalog.list("s")]) == (["s", "t"], ["invalid"])
    assert sum("s@1.0.0 cannot be served" in message for message in caplog.messages) == 1


def test_a_first_version_under_a_name_of_something_else(author: PromptRepository, mirror: Mirror) -> None:
    """From then on it is a prompt, and the tags before are versions that lack their file."""
    author.tag("t", "1.0.0")
    author.git("tag", "s/v1.0.0")
    catalog = followed(mirror)
    author.tag("s", "1.1.0")
    mirror.sync()
    catalog.adopt()

    assert catalog.read("s", "1.1.0").status == "valid"
    assert [version.status for version in catalog.list("s")] == ["valid", "invalid"]


def test_a_repository_without_a_newest_commit_is_read(author: PromptRepository, mirror: Mirror) -> None:
    """Its HEAD may name a branch that nobody made."""
    author.tag("t", "1.0.0")
    author.git("tag", "s/v1.0.0")
    author.git("symbolic-ref", "HEAD", "refs/heads/nowhere")

    assert (followed(mirror).names(), mirror.wants, mirror.report()["error"]) == (["t"], False, None)
