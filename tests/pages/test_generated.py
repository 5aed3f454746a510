"""What is written from the code is up to date."""

from __future__ import annotations

import pytest
from cli.test_cli_help import COMMANDS
from pages import generated
from pages.markdown import read


@pytest.mark.parametrize("page", [generated.COMMAND_LINE, *generated.TABLES])
def test_a_page_is_what_the_code_says(page: str) -> None:
    """`make docs` would change nothing."""
    assert generated.written(page) == read(page)


def test_a_table_that_was_changed_by_hand_is_written_again() -> None:
    """Each page with tables has the comments around them."""
    for page, tables in generated.TABLES.items():
        assert [name for _, name, _ in generated.TABLE.findall(read(page))] == list(tables)


def test_every_command_has_a_section() -> None:
    """Groups and the commands in them, too."""
    page = read(generated.COMMAND_LINE)

    assert [name for name in COMMANDS if f"### promptstage {' '.join(name)}\n" not in page] == []
