"""What a suite is made of: the prompt's file, the file of cases, and rubrics. Pure."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from registry.catalog.naming import stem
from registry.catalog.parsing import partials
from registry.catalog.parsing.strict_yaml import Source
from registry.suites import assertions, case_lines
from registry.suites.digest import CASES, DATA, canonical, suite_digest

if TYPE_CHECKING:
    from promptstage.model import Json
    from registry.catalog.parsing.partials import Files
    from registry.suites.case_lines import Line
    from registry.suites.problems import Problem

DEFAULT = "defaultTest"  # a key of the prompt's file
_ESCAPE = re.compile(rb"\\[xuU]")


def may_have(content: bytes, key: str) -> bool:
    """Tell whether a prompt's file may have a key, without parsing it; an escape may stand for any letter."""
    return key.encode() in content or _ESCAPE.search(content) is not None


def cases_path(path: str) -> str:
    """Return the path of the file of cases, for the path of a prompt's file."""
    return f"{stem(path)}{CASES}"


class SuiteSource:
    """The files of one suite, read as far as they are asked for.

    Attributes:
        path: that of the prompt's file, from the prompts folder.
        cases: that of the file of cases.
    """

    def __init__(self, path: str, content: bytes, beside: Files) -> None:
        self.path = path
        self.cases = cases_path(path)
        self._content = partials.split(content)[0]
        self._beside = beside

    @cached_property
    def source(self) -> Source:
        """The prompt's file, read when it is needed: most prompts have nothing of a suite."""
        return Source(self._content)

    @cached_property
    def lines(self) -> tuple[list[Line], list[Problem]]:
        """The lines of the file of cases, and what is wrong with others."""
        problems: list[Problem] = []
        content = self._beside.get(self.cases)
        if not isinstance(content, bytes):
            return [], problems
        return list(case_lines.read(self.cases, content, problems)), problems

    @cached_property
    def rubrics(self) -> tuple[str, ...]:
        """The paths of rubrics that the checks name, each once, and in order."""
        lists = (self.default_test.get("assert"), *(line.data.get("assert") for line in self.lines[0]))
        return tuple(dict.fromkeys(path for given in lists for path in assertions.rubric_files(given)))

    @property
    def default_test(self) -> Json:
        """What the prompt's file says of each line; empty if that is nothing, or no mapping."""
        node = self.source.top.get(DEFAULT) if may_have(self._content, DEFAULT) else None
        found = node.plain() if node else None
        return found if isinstance(found, dict) else {}

    @property
    def digest(self) -> str:
        """The digest of the suite, right or wrong."""
        paths = (self.cases, *self.rubrics)
        files = {path: data for path in paths if isinstance(data := self._beside.get(path), bytes)}
        if not any(may_have(self._content, key) for key in DATA):
            return suite_digest(files, None, None)
        test_data, evaluators = (canonical(self.source, key) for key in DATA)
        return suite_digest(files, test_data, evaluators)
