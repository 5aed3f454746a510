"""Both distributions, built and installed where there is no checkout: what a user has works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from email import message_from_bytes
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from support import GIT, Api, Registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from email.message import Message

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FOLDERS = {"promptstage": ROOT / "client", "promptstage-registry": ROOT}
PACKAGES = {"promptstage": "promptstage", "promptstage-registry": "registry"}
BOTH = pytest.mark.parametrize("name", FOLDERS)

# An app: asks for a prompt, and logs.
APP = """
import logging, sys
import promptstage
from promptstage import Client, logs

assert promptstage.__file__.startswith(sys.prefix), promptstage.__file__
logs.install()
logging.basicConfig(format="%(levelname)s %(promptstage)s %(message)s", level=logging.INFO)
with Client(prompts=["summarize"]) as client:
    assert client.ready(10), client.status()
    prompt = client.get("summarize", key="user-42")
    logging.info(prompt.messages(text="My parcel never came.")[1]["content"])
"""
# Loads every module of the service.
SCHEMA = {file.name for file in (ROOT / "registry/outcomes/store/schema").glob("*.sql")}
PAGES = {
    file.name for kind in ("templates", "static") for file in (ROOT / "registry/console" / kind).iterdir()
}
LOAD = """
import importlib, pkgutil, sys
import registry

assert registry.__file__.startswith(sys.prefix), registry.__file__
for module in pkgutil.walk_packages(registry.__path__, "registry."):
    if module.name not in ("registry.__main__", "registry.outcomes.store.postgres"):  # which needs an extra
        importlib.import_module(module.name)
"""


class Built(NamedTuple):
    """What one distribution is shipped as."""

    wheel: Path
    sdist: Path


class Environment(NamedTuple):
    """A Python environment with nothing but what was installed into it, and a folder to work in."""

    bin: Path
    folder: Path

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment as its user would, whose variables name nothing of ours."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PROMPTSTAGE_", "PYTHON"))
        }
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.folder,
            env={**kept, **GIT, "HOME": str(self.folder), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def say(self, *command: str, **variables: str) -> str:
        """Run a program that must succeed; returns what it wrote, errors last."""
        done = self.run(*command, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def build(source: Path, folder: Path, *options: str) -> Built:
    """Build a distribution as `make dist` does."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), *options]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return Built(next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"), source))


def needed(requirements: Iterable[str]) -> dict[str, Requirement]:
    """What requirements need when they are installed, and what that needs in turn, by name."""
    found: dict[str, Requirement] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        extras = wanted.extras or {""}
        known = found.get(wanted.name)
        if known and wanted.extras <= known.extras:
            continue
        found[wanted.name] = wanted
        below = [Requirement(text) for text in distribution(wanted.name).requires or ()]
        waiting += [
            each for each in below
            if not each.marker or any(each.marker.evaluate({"extra": extra}) for extra in extras)
        ]  # fmt: skip
    return found


def link(names: Iterable[str], site: Path) -> None:
    """Make installed distributions visible in another environment, without what else is installed here."""
    for name in names:
        installed = distribution(name)
        tops = {file.parts[0] for file in installed.files or () if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            if not (site / top).exists():
                (site / top).symlink_to(str(installed.locate_file(top)))


def install(folder: Path, *wheels: Path) -> Environment:
    """Make an environment of wheels and what they require; dependencies are those of the tests.

    pip refuses wheels that require what is not there, or another version of it.
    """
    venv.create(folder / "venv", symlinks=True)
    program = folder / "venv/bin"
    site = next((folder / "venv/lib").glob("*/site-packages"))
    required = [text for wheel in wheels for text in metadata(wheel).get_all("Requires-Dist", [])]
    ours = set(FOLDERS)
    own = [text for text in required if Requirement(text).name not in ours and "extra ==" not in text]
    link(needed(own), site)
    pip = [sys.executable, "-m", "pip", "--isolated", "--python", str(program / "python")]
    quiet = ["--quiet", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *quiet, *map(str, wheels)], check=True)
    return Environment(program, folder)


def metadata(wheel: Path) -> Message:
    """What a wheel says of itself."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def contents(wheel: Path) -> dict[str, bytes]:
    """Every file of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """Both distributions."""
    return {name: build(folder, tmp_path_factory.mktemp(name)) for name, folder in FOLDERS.items()}


@pytest.fixture(scope="module")
def service(built: dict[str, Built], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Where an operator or an author works."""
    folder = tmp_path_factory.mktemp("service")
    return install(folder, *(shipped.wheel for shipped in built.values()))


@pytest.fixture(scope="module")
def app(built: dict[str, Built], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Where an application runs: the client and what that requires."""
    return install(tmp_path_factory.mktemp("app"), built["promptstage"].wheel)


@BOTH
def test_a_wheel_holds_the_whole_package(built: dict[str, Built], name: str) -> None:
    """Every file of it, data files too, and nothing else."""
    package = PACKAGES[name]
    top = FOLDERS[name] / package
    there = {
        file.relative_to(top.parent).as_posix()
        for file in top.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    files = {file for file in contents(built[name].wheel) if ".dist-info/" not in file}
    data = {Path(file).name for file in files if not file.endswith(".py")}

    assert files == there
    assert data == {"promptstage": {"py.typed"}, "registry": {"gitconfig", *SCHEMA, *PAGES}}[package]


@BOTH
def test_a_wheel_of_the_sdist_is_the_same(built: dict[str, Built], name: str, tmp_path: Path) -> None:
    """Byte for byte: whoever builds from the source archive has what was released."""
    with tarfile.open(built[name].sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    again = build(unpacked, tmp_path / "dist", "-t", "wheel")

    assert contents(again.wheel) == contents(built[name].wheel)
    assert {file.name for file in unpacked.iterdir()} >= {"LICENSE", "README.md", "pyproject.toml"}


@BOTH
def test_a_wheel_says_what_it_is(built: dict[str, Built], name: str) -> None:
    """Name, version, licence, Python and addresses; both are of one version."""
    told = metadata(built[name].wheel)
    versions = {metadata(shipped.wheel)["Version"] for shipped in built.values()}
    labels = {url.split(",")[0] for url in told.get_all("Project-URL", [])}
    licence = next(data for file, data in contents(built[name].wheel).items() if file.endswith("/LICENSE"))

    assert told["Name"] == name
    assert versions == {tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]}
    assert (told["License-Expression"], told["Requires-Python"]) == ("Apache-2.0", ">=3.11")
    assert labels == {"Source", "Documentation", "Changelog", "Issues"}
    assert licence == (ROOT / "LICENSE").read_bytes()


@BOTH
def test_the_long_description_can_be_read_elsewhere(built: dict[str, Built], name: str) -> None:
    """It is the README, whose links and pictures lead back to the files of this version."""
    told = metadata(built[name].wheel)
    page = MarkdownIt("commonmark").enable("table").render(str(told.get_payload()))
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    near = re.findall(r"(!?)\[[^\]]*\]\((?!https?:|#)([^)]+)\)", (FOLDERS[name] / "README.md").read_text())
    source = next(url.split(", ")[1] for url in told.get_all("Project-URL", []) if url.startswith("Source"))
    place = f"v{told['Version']}/{FOLDERS[name].relative_to(ROOT).as_posix()}/".replace("/./", "/")
    there = {f"{source}/{'raw' if is_picture else 'blob'}/{place}{target}" for is_picture, target in near}

    assert told["Description-Content-Type"] == "text/markdown"
    assert page.startswith("<h1>")
    assert [target for target in links if not target.startswith(("https://", "http://", "#"))] == []
    assert there <= set(links)


def test_the_service_goes_with_its_client() -> None:
    """They are released together: the registry decides with code of exactly this client."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert f"promptstage=={project['version']}" in project["dependencies"]


def test_every_module_loads(service: Environment) -> None:
    """With what is required, from the environment; the tests' own dependencies are not there."""
    service.say("python", "-c", LOAD)

    assert service.run("python", "-c", "import pytest").returncode == 1


def test_the_client_comes_alone(app: Environment) -> None:
    """An application has no part of the service."""
    assert "No module named 'registry'" in app.run("python", "-c", "import registry").stderr
    assert not (app.bin / "promptstage").exists()
    read = app.run("python", "-c", "from promptstage.testing import read_files; read_files()")
    assert "pip install promptstage-registry" in read.stderr


def test_the_command_line_is_there(service: Environment) -> None:
    """By its name, with all commands."""
    told = service.say("promptstage", "--help")

    assert {"init", "check", "serve", "promote"} <= set(told.split())


@pytest.fixture(scope="module")
def prompts(service: Environment) -> Path:
    """What `init` makes there."""
    service.say("promptstage", "init", "prompts")
    return service.folder / "prompts"


def test_an_author_checks(service: Environment, prompts: Path) -> None:
    """The starter files are good, and a slip is found by its line and column."""
    bad = service.folder / "bad/prompts/slip.prompt.yml"
    bad.parent.mkdir(parents=True)
    bad.write_text("messages: 3\n")

    assert "0 errors, 0 warnings" in service.say("promptstage", "check", str(prompts))
    program = f"from promptstage.testing import read_files; print(*read_files({str(prompts)!r}))"
    assert "summarize" in service.say("python", "-c", program)
    refused = service.run("promptstage", "check", "bad")
    assert refused.returncode == 1
    assert "slip.prompt.yml:1:11" in refused.stdout


def test_the_workflows_of_init_name_the_wheels(
    service: Environment, prompts: Path, built: dict[str, Built]
) -> None:
    """Which is where it was installed from."""
    workflow = (prompts / ".github/workflows/prompts.yml").read_text()

    assert f"pip install {built['promptstage'].wheel} {built['promptstage-registry'].wheel}\n" in workflow


@pytest.fixture(scope="module")
def registry(service: Environment, prompts: Path) -> Iterator[Registry]:
    """The installed service, on the repository that `init` made."""

    class Installed(Registry):
        program = (str(service.bin / "promptstage"),)

    started = Installed(prompts, service.folder / "data")
    yield started
    assert started.stop() == 0, started.log


def test_from_git_to_a_log_line(registry: Registry, service: Environment, app: Environment) -> None:
    """A version is put in force by the command line, and an app's log line names it."""
    variables = {"PROMPTSTAGE_URL": registry.url, "PROMPTSTAGE_TOKEN": registry.api.token}
    service.say("promptstage", "promote", "summarize", "1.0.0", "-y", **variables)

    written = app.say("python", "-c", APP, **variables)
    assert (
        f"Promptstage {distribution('promptstage-registry').version} running on {registry.url}"
        in registry.log
    )
    assert written.splitlines()[-1] == "INFO summarize@1.0.0 My parcel never came."


def test_the_documentation_brings_its_files(registry: Registry) -> None:
    """Its scripts and styles are served by the registry itself."""
    page = Api(registry.url, "").get("/docs").text
    files = re.findall(r'(?:src|href)="([^":]+)"', page)

    assert [file for file in files if Api(registry.url, "").get(f"/{file}").status != 200] == []
    assert any(file.endswith(".js") for file in files)
