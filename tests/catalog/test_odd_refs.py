"""Odd refs in an author's repository, of the kinds in git's own tests: none stops another tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from registry.catalog.catalog import Catalog

if TYPE_CHECKING:
    from support import PromptRepository

    from registry.catalog.mirror.mirror import Mirror

GOOD = "{good}"  # the object of a good tag
ODD = {
    "a name that no ref may have": ("s/v1.0...1", GOOD),
    "a symbolic ref to such a name": ("s/v9.0.0", "ref: refs/heads/broken...ref"),
    "such a name that is symbolic": ("s/v9...0", "ref: refs/heads/main"),
    "a symbolic ref to nothing": ("s/v9.0.0", "ref: refs/heads/nowhere"),
    "a symbolic ref out of refs": ("s/v9.0.0", "ref: config"),
    "a symbolic ref to itself": ("s/v9.0.0", "ref: refs/tags/s/v9.0.0"),
    "a chain of symbolic refs": ("s/v9.0.0", "ref: refs/tags/chain"),
    "the id of no object": ("s/v9.0.0", "0" * 40),
    "an object that is not there": ("s/v9.0.0", "d" * 40),
    "no id": ("s/v9.0.0", "nothing of the kind"),
    "half an id": ("s/v9.0.0", "4b825dc642cb6eb9"),
    "an empty file, as a power cut leaves it": ("s/v9.0.0", ""),
    "a file of zeros, likewise": ("s/v9.0.0", "\0" * 41),
    "a lock that a killed git left": ("s/v9.0.0.lock", GOOD),
    "a dash first": ("-s/v9.0.0", GOOD),
    "HEAD": ("HEAD", GOOD),
    "a folder and nothing in it": ("s/v9.0.0/x.lock", ""),
}


@pytest.mark.parametrize(("name", "content"), ODD.values(), ids=ODD)
def test_an_odd_ref_stops_no_other(author: PromptRepository, mirror: Mirror, name: str, content: str) -> None:
    """The good tags before it and after it are versions; it is none that could be served."""
    author.tag("s", "1.0.0")
    good = author.git("rev-parse", "s/v1.0.0")
    odd = author.path / ".git/refs/tags" / name
    odd.parent.mkdir(parents=True, exist_ok=True)
    odd.write_text(content.replace(GOOD, good) + "\n" if content else "")
    catalog = Catalog(mirror)
    for version in ("1.1.0", "1.2.0"):  # whatever a first look may forgive
        author.tag("s", version)
        mirror.sync()
        catalog.adopt()

    read = {version: catalog.read("s", version).status for version in ("1.0.0", "1.1.0", "1.2.0")}
    assert set(read.values()) == {"valid"}
    assert catalog.names() == ["s"]
