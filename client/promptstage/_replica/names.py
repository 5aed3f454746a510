"""The names and versions that a registry accepts; its documentation has the grammar.

Anything else is not asked for: it cannot exist, and must not end up in a path or spoil the stream of
the other names.
"""

from __future__ import annotations

import re

_SEGMENT = r"[a-z0-9][a-z0-9_-]{0,63}"
_NAME = re.compile(rf"{_SEGMENT}(/{_SEGMENT}){{0,7}}")
_NAME_LENGTH = 200
_VERSION_LENGTH = 100
_VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", re.ASCII)


def is_name(name: str) -> bool:
    """Whether a prompt may be called so."""
    return isinstance(name, str) and len(name) <= _NAME_LENGTH and _NAME.fullmatch(name) is not None


def is_version(version: str) -> bool:
    """Whether it is one exact version."""
    return (
        isinstance(version, str)
        and len(version) <= _VERSION_LENGTH
        and _VERSION.fullmatch(version) is not None
    )
