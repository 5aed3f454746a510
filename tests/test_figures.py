"""The figures of the documentation: from one run of the bench, and what became slower between two."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from bench import compare, figures, results
from bench.__main__ import SUBJECTS
from bench.measure import Row

if TYPE_CHECKING:
    from pathlib import Path

    from bench.results import Subjects


@pytest.mark.parametrize("page", figures.PAGES, ids=lambda page: str(page.relative_to(results.ROOT)))
def test_a_page_shows_what_was_measured(page: Path) -> None:
    """`python -m bench figures` would change nothing, and no microseconds stand outside its tables."""
    text = page.read_text()

    assert figures.written(text) == text
    assert not re.findall(r".*\d (?:us|µs|microseconds)\b.*", figures.BLOCK.sub("", text))


def test_each_table_is_on_one_page() -> None:
    """The comparison shows other products, the page about scale all figures, the client's page its own."""
    tables = {
        page.name: [found["table"] for found in figures.BLOCK.finditer(page.read_text())]
        for page in figures.PAGES
    }

    assert {name: found for name, found in tables.items() if found} == {
        "comparison.md": ["peers"],
        "scale.md": ["all"],
        "client.md": ["client"],
    }


def test_a_table_that_was_changed_by_hand_is_written_again() -> None:
    """A figure comes from the run alone."""
    page = (results.ROOT / "docs/scale.md").read_text()

    assert figures.written(re.sub(r"\d+ x \|", "99 x |", page)) == page


def subjects(*rows: Row) -> Subjects:
    """A run with one subject, as it is read back."""
    return {"client": json.loads(json.dumps([row.to_json() for row in rows]))}


@pytest.mark.parametrize(
    ("old", "new", "slower"),
    [
        (Row("get", 1.0, "us", floor=0.5), Row("get", 3.0, "us", floor=1.5), False),  # a slower machine
        (Row("get", 1.0, "us", floor=0.5), Row("get", 1.04, "us", floor=0.5), False),
        (Row("get", 1.0, "us", floor=0.5), Row("get", 1.06, "us", floor=0.5), True),
        (Row("asked", 100, "/s", floor=100), Row("asked", 94, "/s", floor=100), True),
        (Row("asked", 100, "/s", floor=100), Row("asked", 120, "/s", floor=100), False),
        (Row("start", 1.0, "s"), Row("start", 9.0, "s"), False),  # without a floor it is the machine's word
    ],
)
def test_what_became_slower_is_told_by_its_floor(old: Row, new: Row, *, slower: bool) -> None:
    """A rate that fell is as much slower as a time that rose."""
    (pair,) = compare.pairs(subjects(old), subjects(new))

    assert compare.is_slower(pair) == slower


def test_another_floor_is_noticed_in_the_same_minutes() -> None:
    """Then the values are compared, which are of one machine; of two machines they would say nothing."""
    runs = subjects(Row("get", 1.2, "us", floor=1.0)), subjects(Row("get", 1.1, "us", floor=0.4))
    (apart,), (together,) = compare.pairs(*runs), compare.pairs(*runs, same_minutes=True)

    assert (compare.is_slower(apart), compare.is_slower(together)) == (True, False)
    assert (together.old, together.new, together.note) == (1.2, 1.1, compare.ANOTHER)


def test_of_several_turns_the_one_in_the_middle_counts() -> None:
    """One turn that something else disturbed says nothing; a work that only one run has is left out."""
    old = subjects(Row("get", 1.0, "us", floor=1.0), Row("gone", 1.0, "us", floor=1.0))
    turns = [
        tuple(compare.pairs(old, subjects(Row("get", value, "us", floor=1.0), Row("new", 1.0, "us"))))
        for value in (1.0, 9.0, 1.01)
    ]

    assert [(pair.work, pair.new) for pair in compare.middle(turns)] == [("client: get", 1.01)]


def test_two_files_are_compared(tmp_path: Path) -> None:
    """The status is 1 where something became slower, and where nothing could be compared."""
    for name, value in (("old", 1.0), ("new", 2.0)):
        rows = [Row("get", value, "us", floor=1.0).to_json()]
        (tmp_path / name).mkdir()
        (tmp_path / name / "client.json").write_text(json.dumps({"rows": rows}))

    table, status = compare.compare([str(tmp_path / "old"), str(tmp_path / "new")])

    assert (table.row_count, status) == (1, 1)
    assert compare.compare([str(tmp_path / "new"), str(tmp_path / "old")])[1] == 0


def test_one_command_measures_all_that_the_tables_show() -> None:
    """`make figures` names each subject of a table, and each is one of the bench."""
    named = re.search(r"^FIGURES := (.*)$", (results.ROOT / "Makefile").read_text(), re.MULTILINE)
    assert named

    shown = {*figures.CLIENT, *figures.SERVICE, "peers"}
    assert set(named[1].split()) == shown
    assert shown <= set(SUBJECTS)
