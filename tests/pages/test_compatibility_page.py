"""What the page about versions shows: a journal of 0.1.0 is upgraded, and its backup leads back."""

from __future__ import annotations

import tarfile
from contextlib import closing
from typing import TYPE_CHECKING

from pages.markdown import ROOT, blocks
from pages.running import environment, shell

from registry.journal.local import LocalJournal
from registry.system import formats

if TYPE_CHECKING:
    from pathlib import Path

UPGRADE, BACK = (block.text for block in blocks("docs/compatibility.md", "sh"))


def number(folder: Path) -> int:
    """The format of a data folder's journal."""
    with closing(LocalJournal(folder)) as journal:
        return journal.head().change.format


def test_there_and_back(tmp_path: Path) -> None:
    """The commands in their order; the backup of before has the format of before."""
    with tarfile.open(ROOT / "tests/compatibility/0.1.0/data-0.1.0.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    variables = environment(tmp_path, PROMPTSTAGE_DATA="data")
    told = shell(UPGRADE, tmp_path, variables)

    assert formats.JOURNAL[formats.NEWEST] in told
    assert (number(tmp_path / "data"), f"Format:    {formats.NEWEST}\n" in told) == (formats.NEWEST, True)
    shell(BACK, tmp_path, variables)
    assert number(tmp_path / "restored") == formats.FIRST
