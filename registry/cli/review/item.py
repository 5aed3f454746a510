"""A call as people read it: what went in, what came out, and what users said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.system.text import visible
from registry.wording import item as item_texts
from registry.wording import times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json

    Line = tuple[str, str]  # and its style

LINES = 25  # of one text, until more is asked for
WIDTH = 2000  # characters of one of its lines
INDENT = "  "
TAB = 4


def lines(item: Json, *, whole: bool) -> Iterator[Line]:
    """Yield the lines of a claimed call; `whole`: also of long texts."""
    content = item["content"]
    named = f"{item['prompt'] or 'no prompt'}@{item['version'] or 'unknown'}"
    model = content.get("response_model") or content.get("model", "")
    yield clean(f"{named}  {times.show(content['at'])}  {model}  {item['call']}"), "dim"
    for heading, text in item_texts.inputs(content):
        yield from _part(heading, text, whole=whole)
    yield from _part("answer", item_texts.answer(item), whole=whole, style="bold cyan")
    if error := content.get("error"):
        yield f"error: {clean(error)}", "red"
    for said in content["feedback"]:
        value = "" if said["value"] is None else f" {said['value']:g}"
        comment = f": {clean(said['comment'], WIDTH)}" if said.get("comment") else ""
        yield f"feedback: {clean(said['kind'])}{value}{comment}", "yellow"
    for flag in content["flags"]:
        yield f"flag: {clean(flag)}", "yellow"


def _part(heading: str, text: str, *, whole: bool, style: str = "bold") -> Iterator[Line]:
    yield f"{heading}:", style
    found = text.expandtabs(TAB).splitlines() or ["(nothing)"]
    shown = found if whole or len(found) <= LINES + 1 else found[:LINES]
    yield from ((INDENT + visible(line if whole else line[:WIDTH]), "") for line in shown)
    cut = not whole and any(len(line) > WIDTH for line in shown)
    if cut or len(shown) < len(found):
        yield f"{INDENT}… m shows all of it: {len(found)} lines, {len(text)} characters", "dim"
