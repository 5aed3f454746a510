"""The names of a report's forms, apart from their making, which other commands need not load."""

from __future__ import annotations

from typing import Literal

Format = Literal["table", "json", "junit", "markdown", "github"]
ENDINGS: dict[str, Format] = {".json": "json", ".xml": "junit", ".md": "markdown"}  # of files
