"""``promptstage cases``: what people labelled in production becomes cases in git."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.catalog import naming
from registry.cli import hints, http, output
from registry.cli.author import layout, worktree
from registry.cli.options import AsJson, Environment, MaybeName, Yes  # noqa: TC001 - typer reads the annotations
from registry.cli.review import case_branch
from registry.errors import Conflict
from registry.review import case_lines
from registry.wording import paths
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptstage.model import Json
    from registry.cli.http import Registry

PAGE = 25  # labels read at once: each may have 256 KiB of content
WIDTH = 400  # characters of a case on the screen
NOTED = 500  # cases in one request
ENDING = ".cases.jsonl"
app = typer.Typer(
    help="Make cases of what people labelled in production.", no_args_is_help=True, rich_markup_mode=None
)


@dataclass(slots=True)
class File:
    """The file of cases of one prompt, and what comes into it.

    Attributes:
        path: from the top of the repository.
        before: what HEAD has of it.
        known: the cases that it ever had.
        new: the lines that come, by the id of the call.
    """

    prompt: str
    path: str
    before: bytes
    known: case_lines.Known
    new: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """What the file holds then."""
        gap = b"\n" if self.before and not self.before.endswith(b"\n") else b""
        return self.before + gap + "".join(f"{line}\n" for line in self.new.values()).encode()


@dataclass(slots=True)
class Pull:
    """What a pull finds.

    Attributes:
        files: by prompt.
        here: cases that git has already, by the id of the call: only the registry does not know it.
        left_out: what does not become a case, and why.
    """

    files: dict[str, File] = field(default_factory=dict)
    here: dict[str, str] = field(default_factory=dict)
    left_out: list[Json] = field(default_factory=list)

    @property
    def new(self) -> dict[str, str]:
        """The ids of new cases, by the id of the call."""
        return {call: file.known.by_call[call] for file in self.files.values() for call in file.new}


@app.callback()
def _cases() -> None:
    """Make cases of what people labelled in production."""


@app.command()
def pull(  # noqa: PLR0913 - one parameter an option
    name: MaybeName = None,
    *,
    environment: Environment = "production",
    branch: Annotated[
        str | None,
        typer.Option(metavar="BRANCH", help="The new branch.  [default: cases/NAME, or cases/all]"),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also labels that were pulled, if git has lost their cases.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Commit cases of new labels on a branch of their own; without NAME, of all prompts.

    Run it in the prompts repository. Each label that is to become a case is a line of NAME.cases.jsonl beside
    the prompt's file, with the call's variables and where it is from. A call whose case the file ever had is
    not pulled again, also if somebody removed it. A case with a secret in it is left out. The lines are shown
    first; your worktree, and what you staged, stay as they are.
    It takes a token of the role review.

    \b
    Example:  promptstage cases pull
              promptstage cases pull summarize --branch more-cases
              git diff HEAD...cases/summarize
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    top = worktree.top(Path())
    worktree.require_identity(top)
    target = branch or f"cases/{(name or 'all').replace('/', '-')}"
    case_branch.require_free(top, target)
    registry = http.connect()
    with hints.helping(name or "", environment):
        found = _find(top, _labels(registry, environment, name, again=again))
        _note(registry, environment, found.here)
        commit = _commit(top, target, found, yes=yes, as_json=as_json) if found.new else None
        _note(registry, environment, found.new if commit else {})
    _tell(found, target, commit, as_json=as_json)


def _labels(registry: Registry, environment: str, name: str | None, *, again: bool) -> Iterator[Json]:
    """Yield the labels that are to become cases, the oldest last."""
    asked: dict[str, Any] = {"case": "true", "content": "true", "limit": PAGE}
    asked |= {} if again else {"pulled": "false"}
    asked |= {"prompt": name} if name else {}
    cursor: str | None = ""
    while cursor is not None:
        page = registry.get(paths.labels_path(environment), "data", **asked)
        yield from page["data"]
        cursor = page["next_cursor"]
        asked["cursor"] = cursor


def _find(top: Path, labels: Iterator[Json]) -> Pull:
    """Sort labels into what is new, what git has, and what cannot become a case."""
    places = {name: path for path, name in layout.at_head(top).prompts_in(worktree.paths(top)).items()}
    found = Pull()
    for label in reversed(list(labels)):
        prompt, call = label["prompt"] or "", label["call"]
        if prompt not in places:
            why = f"there is no prompt {prompt!r} in HEAD" if prompt else "its call names no prompt"
            found.left_out.append({"call": call, "prompt": prompt, "reason": why})
            continue
        if prompt not in found.files:
            found.files[prompt] = _file(top, prompt, places[prompt])
        file = found.files[prompt]
        if call in file.known.by_call:
            found.here[call] = file.known.by_call[call]
            continue
        identifier = case_lines.case_id(prompt, call, file.known.ids)
        try:
            file.new[call] = case_lines.line(label, identifier)
        except case_lines.NoCase as error:
            found.left_out.append({"call": call, "prompt": prompt, "reason": str(error)})
            continue
        file.known.ids.add(identifier)
        file.known.by_call[call] = identifier
    return found


def _file(top: Path, prompt: str, beside: str) -> File:
    """Read what HEAD and its history have of a prompt's cases. Raises Conflict if the worktree differs."""
    path = f"{naming.stem(beside)}{ENDING}"
    if worktree.is_changed(top, f":(top,literal){path}"):
        raise Conflict(
            f"{path} differs from what HEAD holds, and that would be in the way of new lines; git add it and "
            "git commit it first",
            code="changed_file",
        )
    return File(
        prompt, path, worktree.content(top, path) or b"", case_lines.known(case_branch.ever(top, path))
    )


def _commit(top: Path, branch: str, found: Pull, *, yes: bool, as_json: bool) -> str:
    """Show what comes, and commit it; return the commit's id."""
    files = [file for file in found.files.values() if file.new]
    if not as_json:
        for file in files:
            _show(file)
        output.confirm(f"Commit {_cases_of(len(found.new))} on the new branch {branch}?", yes=yes)
    return case_branch.commit(top, branch, {file.path: file.content for file in files}, _message(files))


def _show(file: File) -> None:
    output.tell(f"{clean(file.path)}: {_cases_of(len(file.new))}", "bold")
    for line in file.new.values():
        output.tell(f"+ {clean(line, WIDTH)}", "green")


def _message(files: Sequence[File]) -> str:
    """Return the message of a commit: how many, of what, and who labelled them."""
    count = sum(len(file.new) for file in files)
    of = files[0].prompt if len(files) == 1 else f"{len(files)} prompts"
    people = Counter(by for file in files for by in _people(file))
    listed = ", ".join(f"{by} ({n})" for by, n in people.most_common())
    return f"Add {_cases_of(count)} of {of} from production\n\nLabelled by {listed}."


def _people(file: File) -> Iterator[str]:
    yield from (json.loads(line)["source"]["by"] for line in file.new.values())


def _note(registry: Registry, environment: str, cases: dict[str, str]) -> None:
    """Tell the registry what git has now: what it keeps for these may go."""
    listed = list(cases.items())
    for first in range(0, len(listed), NOTED):
        body = {"cases": dict(listed[first : first + NOTED])}
        registry.post(f"{paths.labels_path(environment)}/pulled", body, "pulled")


def _tell(found: Pull, branch: str, commit: str | None, *, as_json: bool) -> None:
    new = [
        {"call": call, "prompt": file.prompt, "path": file.path, "id": file.known.by_call[call]}
        for file in found.files.values()
        for call in file.new
    ]
    if as_json:
        shown = {"branch": branch if commit else None, "commit": commit, "cases": new}
        output.dump({**shown, "left_out": found.left_out})
        return
    for left in found.left_out:
        output.note(f"{left['call']} becomes no case: {left['reason']}")
    if commit is None:
        output.note("no new label is to become a case; label calls:  promptstage review")
        return
    output.say(f"{_cases_of(len(new))} on the branch {branch}, commit {commit[:12]}", "bold")
    names = " ".join(sorted({case["prompt"] for case in new}))
    output.tell(f"Try them:  git switch {branch} && promptstage eval {names}")


def _cases_of(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"
