"""``promptstage render``: print the messages that an app would send."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptstage.errors import PromptstageError, VariablesMissing
from promptstage.structured_rendering import make_renderer
from registry.catalog.parsing import notes
from registry.cli import output
from registry.cli.author import case_values, source
from registry.cli.options import AsJson, MaybeVersion, Name  # noqa: TC001 - typer reads the annotations
from registry.cli.output import PATH_SHOWN
from registry.errors import Invalid
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptstage.model import Document, Json

EXAMPLES = {
    "number": "3", "boolean": "true", "list": '["a", "b"]', "object": '{"a": 1}',
    "placeholder": '[{"role": "user", "content": "..."}]',
}  # fmt: skip
STDIN = Path("-")
VALUE_LIMIT = 64 << 20  # bytes of a file of values: pictures may be among them
WIDEST = 100_000  # characters of a line; a prompt is printed whole


def render(  # noqa: PLR0913 - one parameter an option
    name: Name,
    version: MaybeVersion = None,
    *,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "-v",
            "--var",
            metavar="NAME=VALUE",
            help="A variable or placeholder, as often as needed; @FILE is a file's text. "
            "JSON where its type is no string.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--vars", metavar="FILE", help="A JSON object of variables and placeholders; - is stdin."
        ),
    ] = None,
    case: Annotated[
        str | None,
        typer.Option(
            "--case", metavar="N|ID", help="The values of the N-th entry of testData, or of a case by its id."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the messages of a prompt, with values for its variables.

    Without VERSION it is the file as it is in the worktree, with VERSION the one that is tagged in this
    repository; no registry is asked. A value of -v wins over one of --vars, and that over one of --case.

    \b
    Example:  promptstage render summarize -v text="My parcel never came." -v tone=friendly
              promptstage render summarize 1.2.0 -v text=@thread.txt
              promptstage render summarize --case 1 --json
              promptstage render support/triage --case late-parcel
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    chosen, found = source.at_version(name, version) if version else (None, source.in_worktree(name))
    document = found.parse().document
    types, cases = notes.read(found.content)
    types |= dict.fromkeys((place.name for place in document.placeholders), "placeholder")
    given = case_values.find(name, chosen, found, case) if case else {}
    given |= (_object(file) if file else {}) | _named(values or [], types)
    try:
        messages = make_renderer(name, document).messages(given)
    except VariablesMissing as error:
        told = _missing(error, document, version, has_cases=bool(cases) and case is None)
        raise Invalid(told, code="variables_missing") from error
    except (PromptstageError, TypeError) as error:
        raise Invalid(str(error)) from error
    known = {v.name for v in document.variables} | {p.name for p in document.placeholders}
    names = (value.partition("=")[0] for value in values or [])
    if unknown := [given for given in names if not {given, given.partition(".")[0]} & known]:
        output.note(f"{name} has no variable {', '.join(map(clean, unknown))}; it is left out")
    if as_json:
        output.dump({"prompt": name, "version": chosen, "messages": messages})
    else:
        _show(messages)


def _show(messages: Sequence[Json]) -> None:
    for number, message in enumerate(messages):
        if number:
            output.say()
        rest = dict(message)
        output.say(f"{clean(rest.pop('role'))}:", "bold")
        text = rest.pop("content") if isinstance(rest.get("content"), str) else ""
        lines = text.splitlines() + (
            json.dumps(rest, indent=2, ensure_ascii=False).splitlines() if rest else []
        )
        for line in lines:
            output.say(f"  {clean(line.expandtabs(), WIDEST)}")


def _named(values: Sequence[str], types: Mapping[str, str]) -> Json:
    """Read values like ``text=...`` and ``text=@FILE``; one of a type that is no text is JSON."""
    found = {}
    for given in values:
        name, equals, value = given.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{given!r} is no value; write it like text=hello, or text=@file.txt")
        text = _read(Path(value[1:])) if value.startswith("@") else value
        found[name] = text if types.get(name, "string") == "string" else _json(name, text, types[name])
    return found


def _json(name: str, text: str, kind: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Invalid(f"{name} is a {kind}, so its value is JSON: -v {name}='{EXAMPLES[kind]}'") from error


def _object(file: Path) -> Json:
    """Read a JSON object of values; `-` is stdin."""
    try:
        found = json.loads(_read(file))
    except ValueError as error:
        raise Invalid(f"{_named_file(file)} is no JSON: {error}; correct it") from error
    if not isinstance(found, dict):
        raise Invalid(
            f'{_named_file(file)} holds no JSON object; write the variables like {{"text": "hello"}}'
        )
    return found


def _named_file(file: Path) -> str:
    return "stdin" if file == STDIN else clean(file, PATH_SHOWN)


def _read(file: Path) -> str:
    """Read a text file, or stdin; a device that never ends is no text. Raises Invalid."""
    with nullcontext(sys.stdin.buffer) if file == STDIN else file.open("rb") as stream:
        content = stream.read(VALUE_LIMIT + 1)
    if len(content) > VALUE_LIMIT:
        raise Invalid(f"{_named_file(file)} has more than {VALUE_LIMIT >> 20} MiB; pass a shorter value")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"{_named_file(file)} is not UTF-8; save it as UTF-8") from error


def _missing(error: VariablesMissing, document: Document, version: str | None, *, has_cases: bool) -> str:
    """Name all that is missing, and the command that gives it."""
    if error.place:
        return str(error)
    command = " ".join(["promptstage render", error.prompt, *([version] if version else [])])
    lists = [placeholder.name for placeholder in document.placeholders if placeholder.name in error.names]
    messages = f"'{EXAMPLES['placeholder']}'"
    shown = [f"-v {name}={messages if name in lists else '...'}" for name in error.names]
    them = "it" if len(error.names) == 1 else "them"
    text = f"{error.prompt} needs {', '.join(error.names)}; give {them}:\n  {' '.join([command, *shown])}"
    return f"{text}\nor take those of its testData:\n  {command} --case 1" if has_cases else text
