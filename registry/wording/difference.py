"""Show the difference between two versions before a release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from registry.errors import Unavailable
from registry.wording import latest, paths
from registry.wording.reads import Refused
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptstage.model import Json
    from registry.wording.reads import Reads

HEADING = 2  # lines of a unified diff before the first change
LINES = 40  # of a difference that are shown before a question: it must be on the screen together with it
LINE = 400  # characters of such a line
VALUE = 60  # characters of a parameter
STYLES = {"+": "green", "-": "red", "@": "cyan"}  # by a line's first character
KEYS = {"language": "template"}  # what authors call a key of a document
DERIVED = ("edition", "portable")  # keys of a document that follow from others
NOTHING: Json = {"unified": "", "changed": []}


def style(line: str) -> str:
    """How a line of a unified diff is shown."""
    return "bold" if line.startswith(("+++ ", "--- ")) else STYLES.get(line[:1], "")


class Comparison:
    """Two versions of a prompt, side by side.

    Attributes:
        old: what the registry says of the one in force; None where nothing is.
        new: what it says of the other.
        diff: ``unified`` and ``changed`` of the two.
    """

    def __init__(self, registry: Reads, name: str, old: str, new: str) -> None:
        """Ask for all three; `old` is empty where nothing is in force. Raises Refused or Unavailable."""
        self.name = name
        self.new = latest.version(registry, name, new)
        self.old = latest.version(registry, name, old) if old else None
        self.diff, self._trouble = _diff(registry, name, old, new) if old else (NOTHING, "")

    def changes(self) -> str:
        """Which parts differ, and how to see all of it."""
        version = clean(self.new["version"])
        if self.old is None:
            return f"all of it is new: promptstage show {self.name} {version}"
        command = f"promptstage diff {self.name} {clean(self.old['version'])} {version}"
        if self._trouble:
            return f"cannot be shown: {self._trouble}; try: {command}"
        lines = self._lines()
        added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
        parts = changed(self.diff) or "nothing that is served"
        return f"{parts} (+{added} -{removed} lines: {command})"

    def excerpt(self) -> Iterator[tuple[str, str]]:
        """The first lines of the text that differs, each with its style; the last says what is left out."""
        lines = self._lines()
        for line in lines[:LINES]:
            yield clean(line, LINE), style(line)
        if len(lines) > LINES:
            yield f"… and {len(lines) - LINES} more lines", "bold"

    def parts(self) -> Iterator[tuple[str, str]]:
        """What changed beside the text: the model, its parameters, variables, tools and partials."""
        for part, pairs in self.differing().items():
            told = [
                f"{clean(name)} {_shown(old)} → {_shown(new)}".strip() for name, (old, new) in pairs.items()
            ]
            if told:
                yield part.capitalize(), ", ".join(told)
        if partials := self.diff.get("partials"):
            yield "Partials", ", ".join(map(clean, partials))

    def differing(self) -> dict[str, dict[str, tuple[str | None, str | None]]]:
        """The same for programs: by part and name, the old value and the new one as JSON; null is none."""
        before, after = self.old and self.old["document"], self.new["document"]
        if before is None or after is None:
            return {}
        models = [{"": document["model"]} if document["model"] else {} for document in (before, after)]
        return {
            "model": _pairs(str, *models),
            "parameters": _pairs(json.dumps, before["parameters"], after["parameters"]),
            "variables": _pairs(str, _kinds(before), _kinds(after)),
            "tools": _pairs(json.dumps, _tools(before), _tools(after)),
        }

    def needed(self) -> list[str]:
        """The variables that apps must pass for the new version, and need not for the old one."""
        before, after = (required(one) for one in (self.old and self.old["document"], self.new["document"]))
        return [clean(name) for name in after if name not in before]

    def _lines(self) -> list[str]:
        if self.old is None:
            return list(_all_new(self.new["document"]))
        lines: list[str] = self.diff["unified"].splitlines()[HEADING:]
        return lines


def changed(diff: Json) -> str:
    """Name what differs of two documents, for people; empty if nothing does."""
    return ", ".join(clean(KEYS.get(key, key)) for key in diff["changed"] if key not in DERIVED)


def required(document: Json | None) -> list[str]:
    """The variables and placeholders that apps must pass."""
    if document is None:
        return []
    names = [variable["name"] for variable in document["variables"] if variable["required"]]
    return names + [m["placeholder"] for m in document["messages"] if not m.get("optional", True)]


def _all_new(document: Json | None) -> Iterator[str]:
    """Yield the lines of a first version as added ones."""
    for message in (document or {"messages": []})["messages"]:
        heading, text = described(message)
        yield f"+{heading}:"
        yield from (f"+  {line}" for line in text.splitlines())


def described(message: Json) -> tuple[str, str]:
    """Return the heading of a message of either edition, and its text with its parts."""
    if "placeholder" in message:
        return message["placeholder"], "(messages of the app" + (
            ", optional)" if message["optional"] else ")"
        )
    content = message["template"] if "template" in message else message["content"]
    return message["role"], content if isinstance(content, str) else "\n".join(map(_part, content))


def _part(part: Json) -> str:
    """Describe a part: a text as it is, of others the type and what it holds."""
    kind = part.get("type")
    held = part.get(str(kind))
    if kind == "text" and isinstance(held, str):
        return held
    shown = held if isinstance(held, dict) else {key: value for key, value in part.items() if key != "type"}
    return f"({kind}: {', '.join(f'{key}={value}' for key, value in shown.items())})"


def _diff(registry: Reads, name: str, old: str, new: str) -> tuple[Json, str]:
    """The difference; one that cannot be had is no reason not to release, and what is in the way is said."""
    try:
        return registry.get(paths.diff_path(name, old, new), "unified"), ""
    except (Refused, Unavailable) as error:
        return NOTHING, error.message.partition("\n")[0]


def _pairs(
    write: Callable[[object], str], before: Json, after: Json
) -> dict[str, tuple[str | None, str | None]]:
    """Return the values that differ between two mappings, by name, as they are written."""
    found = {}
    for name in {**before, **after}:
        old, new = (write(side[name]) if name in side else None for side in (before, after))
        if old != new:
            found[name] = old, new
    return found


def _tools(document: Json) -> Json:
    """The tools by name, and what the model should call."""
    tools = {tool["function"]["name"]: tool["function"] for tool in document.get("tools", ())}
    choice = document.get("tool_choice")
    return tools | ({"choice": choice} if choice else {})


def _shown(value: str | None) -> str:
    return "none" if value is None else clean(value, VALUE)


def shown_default(value: Any) -> str:
    """Return the text that a variable has when it is not given, for people."""
    return "nothing" if value is None or value == "" else str(value)


def _kinds(document: Json) -> dict[str, str]:
    """Describe each variable and placeholder: one with a default need not be passed."""
    variables = {
        v["name"]: "required" if v["required"] else f"optional, else {shown_default(v['default'])}"
        for v in document["variables"]
    }
    return variables | {
        m["placeholder"]: "messages, optional" if m["optional"] else "messages"
        for m in document["messages"]
        if "placeholder" in m
    }
