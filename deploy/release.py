"""Check that a tag, the versions and the changelog agree, and print the notes of a release.

python deploy/release.py check v0.2.0 --address https://git.example.org/acme/promptstage
python deploy/release.py notes v0.2.0
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
PROJECTS = ("pyproject.toml", "client/pyproject.toml")
IN_PROGRESS = "Unreleased"


def section(changelog: str, title: str) -> str:
    """The text under the heading of a version, which may have a date behind it; empty without one."""
    heading = rf"^## \[?{re.escape(title)}\]?(?: [^\n]*)?\n(.*?)(?=^## |\Z)"
    found = re.search(heading, changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def problems(root: Path, tag: str, address: str | None = None) -> Iterator[str]:
    """Every reason not to release what is in a folder under a tag, one sentence each.

    Args:
        root: the checkout.
        tag: `v` and the version.
        address: where the repository is; without it, what the packages say of that is not looked at.
    """
    version = tag.removeprefix("v")
    if version == tag:
        yield f"the tag {tag} must begin with v"
    projects = {name: tomllib.loads((root / name).read_text()) for name in PROJECTS}
    for name, project in projects.items():
        if project["project"]["version"] != version:
            yield f"{name} has version {project['project']['version']}, not {version}"
        if address:
            yield from (f"{name} names {url}, not below {address}" for url in _elsewhere(project, address))
    if f"promptstage=={version}" not in projects["pyproject.toml"]["project"]["dependencies"]:
        yield f"pyproject.toml must require promptstage=={version}"
    changelog = (root / "CHANGELOG.md").read_text()
    if not section(changelog, version):
        yield f"CHANGELOG.md has nothing under ## {version}"
    if section(changelog, IN_PROGRESS):
        yield f"CHANGELOG.md has entries under ## {IN_PROGRESS}; move them under ## {version}"
    if f"/promptstage:{version}\n" not in (root / "deploy/kubernetes.yml").read_text():
        yield f"deploy/kubernetes.yml must name the image promptstage:{version}"


def _elsewhere(project: dict[str, Any], address: str) -> list[str]:
    """The addresses of a project, and those put into its README, that are not of this repository."""
    hook = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    named = [*project["project"]["urls"].values()]
    named += [re.sub(r"^(\\1|\])\(|\\\d\)$", "", each["replacement"]) for each in hook["substitutions"]]
    return [url for url in named if not f"{url}/".startswith(f"{address}/")]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run a command; returns its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check", help="say what is in the way of a release; exit 1 if there is anything"
    )
    check.add_argument(
        "--address", help="where the repository is, such as https://git.example.org/acme/promptstage"
    )
    notes = commands.add_parser("notes", help="print the changelog of a version")
    for command in (check, notes):
        command.add_argument("tag", help="v and the version: v0.2.0")
    given = parser.parse_args(arguments)
    if given.command == "check":
        found = list(problems(root, given.tag, given.address))
        sys.stderr.writelines(f"{problem}\n" for problem in found)
        return 1 if found else 0
    text = section((root / "CHANGELOG.md").read_text(), given.tag.removeprefix("v"))
    sys.stdout.write(f"{text}\n" if text else "")
    return 0 if text else 1


if __name__ == "__main__":
    sys.exit(main())
