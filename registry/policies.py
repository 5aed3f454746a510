"""The operator's rules: what an environment requires of a change, in a TOML file.

    [environments.production]
    approval = true         # a start or promote waits until another token approves it

The file is read when a registry starts; to change a rule, change the file and start the registry again.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydantic_core import ErrorDetails

PLAIN = {
    "extra_forbidden": "there is no such key",
    "bool_type": "write true or false",
    "model_type": "this is a table",
    "dict_type": "this is a table",
}


class EnvironmentRules(BaseModel):
    """The rules of one environment: with `approval`, a start or promote takes a second token."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    approval: bool = False


class Rules(BaseModel):
    """The rules of all environments; where nothing is said, there are none."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    environments: dict[str, EnvironmentRules] = Field(default_factory=dict)

    def of(self, environment: str) -> EnvironmentRules:
        """The rules of an environment."""
        return self.environments.get(environment) or EnvironmentRules()


def read(path: Path | None, environments: Iterable[str]) -> Rules:
    """Read the rules from a file; without one there are none.

    Args:
        path: the file.
        environments: those that are configured; a rule for another one would never be kept.

    Raises:
        Invalid: it cannot be read, or holds what is no rule; the message names the file and the key.
    """
    if path is None:
        return Rules()
    try:
        rules = Rules.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise _wrong(path, f"it cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise _wrong(path, "; ".join(_sentence(found) for found in error.errors())) from error
    except ValueError as error:  # of TOML, or of UTF-8
        raise _wrong(path, f"it is no TOML: {error}") from error
    known = list(environments)
    for name in rules.environments:
        if name not in known:
            text = f"environments.{name}: there is no such environment; there are {', '.join(known)}"
            raise _wrong(path, text)
    return rules


def _wrong(path: Path, what: str) -> Invalid:
    return Invalid(f"{path}: {what}", code="invalid_config")


def _sentence(found: ErrorDetails) -> str:
    return f"{'.'.join(map(str, found['loc']))}: {PLAIN.get(found['type'], found['msg'])}"
