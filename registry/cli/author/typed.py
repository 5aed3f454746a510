"""``promptstage types``: write the module that lets a type checker know each prompt and its arguments."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptstage.errors import ReleaseInvalid
from promptstage.model import EDITION, parse_release
from registry.catalog.parsing import notes, signature
from registry.cli import http, output
from registry.cli.author import source, typed_module, worktree
from registry.cli.options import AsJson, Environment  # noqa: TC001 - typer reads the annotations
from registry.errors import Invalid, Unavailable
from registry.wording import paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from registry.catalog.parsing.signature import Signature

Signatures = dict[str, list["Signature"]]  # by prompt, those of its versions

FILE = Path("prompts_types.py")
NAMES = 4000  # characters of names in one question; proxies take URLs of 8 KiB


def types(
    *,
    file: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="The module to write; - is stdout.", dir_okay=False
        ),
    ] = FILE,
    environment: Environment = "production",
    only_head: Annotated[
        bool, typer.Option("--head", help="Only what HEAD holds; no registry is asked.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if the file is not up to date.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a Python module in which a type checker knows each prompt and its variables.

    In an app that says `from prompts_types import Client`, a misspelt prompt and a missing, unknown or wrong
    variable are type errors. At run time that is promptstage.Client itself.

    It covers what HEAD holds, if this is a prompts repository, and every version that is in force. A call
    must fit them all: what one of them requires is required, what one of them knows is known.

    \b
    Example:  promptstage types
              promptstage types -o src/app/prompts_types.py --environment staging
              promptstage types --head --check
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    found = _in_head(required=only_head)
    try:
        for name, known in () if only_head else _in_force(environment):
            found.setdefault(name, []).append(known)
    except Unavailable as error:
        hint = "\nWithout a registry:  promptstage types --head" if found else ""
        raise Unavailable(f"{error.message}{hint}", code=error.code, **error.extra) from error
    if not found:
        raise Invalid(
            f"HEAD holds no prompt, and none is in force in {environment}; "
            "promote one, or choose another with --environment"
        )
    options = "--head" if only_head else f"--environment {environment}"
    prompts = {name: signature.merge(known) for name, known in found.items()}
    text = typed_module.write(prompts, f"promptstage types {options} -o {shlex.quote(file.name)}")
    if str(file) == "-" and not check:
        sys.stdout.write(text)
        return
    if not check:
        file.write_text(text, encoding="utf-8")
    elif _content(file) != text:
        raise Invalid(
            f"{file} is not up to date; renew it:  promptstage types {options} -o {shlex.quote(str(file))}",
            code="stale",
        )
    if as_json:
        output.dump({"file": str(file), "prompts": sorted(prompts), "written": not check})
    else:
        count = f"{len(prompts)} prompt{'s' * (len(prompts) != 1)}"
        output.say(f"{file} is up to date: {count}" if check else f"Wrote {file}: {count}")


def _content(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _in_head(*, required: bool) -> Signatures:
    """Return what HEAD holds; without `required`, nothing where there is no repository."""
    top = worktree.top(Path()) if required else worktree.find(Path())
    held = source.in_head(top) if top else {}
    if required and not held:
        raise Invalid("HEAD holds no prompt; git add one and git commit it, or leave out --head")
    return {
        name: [signature.of(file.parse().document, notes.read(file.content).types)]
        for name, file in held.items()
    }


def _in_force(environment: str) -> Iterator[tuple[str, Signature]]:
    """Yield each version that clients of an environment may get. Raises Refused or Unavailable."""
    registry = http.connect()
    states = registry.get(paths.rollout_path(environment), "data")["data"]
    for names in _few([state["prompt"] for state in states if state["stable"]]):
        found = registry.get(paths.releases_path(environment), "releases", names=names, edition=EDITION)
        for release in found["releases"]:
            try:
                versions = parse_release(release).versions
            except ReleaseInvalid as error:
                raise Unavailable(f"{error}; this command is older than the registry: upgrade it") from error
            for served in versions.values():
                yield release["prompt"], signature.of(served.document, {})


def _few(names: Sequence[str]) -> Iterator[str]:
    """Yield the names joined by commas, as many at once as a URL may hold."""
    joined = ""
    for name in names:
        if joined and len(joined) + len(name) > NAMES:
            yield joined
            joined = ""
        joined += f",{name}" if joined else name
    if joined:
        yield joined
