"""The document of OFREP, with the one word that lets an evaluation with a value be valid."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

FILE = Path(__file__).parent / "vectors/ofrep/openapi.yaml"


@cache
def document() -> Any:
    """The document, corrected; see the page beside it."""
    found = yaml.safe_load(FILE.read_text())
    values = found["components"]["schemas"]["evaluationSuccess"]["allOf"][1]
    values["anyOf"] = values.pop("oneOf")
    return found


def check(schema: str, answer: Any) -> None:
    """Check an answer against one of the document's schemas."""
    wanted = {"$ref": f"#/components/schemas/{schema}", "components": document()["components"]}
    Draft202012Validator(wanted).validate(answer)
