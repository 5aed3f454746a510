"""``promptstage.toml``: what it says, what is wrong with it, and what the registry takes from it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from support import prompt

from registry.catalog.parsing import repository_settings
from registry.catalog.parsing.repository_settings import RepositorySettings
from registry.catalog.parsing.toml_source import FILE
from registry.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from support import PromptRepository

    from registry.catalog.catalog import Catalog
    from registry.catalog.version import Version

FIXTURES = '[prompts]\nfolder = "a/b"\nexclude = ["**/__fixtures__/**"]\n'
CHECK = '[check]\noff = ["unknown_key"]\nerror = ["unused_variable"]\n'


def test_all_of_it() -> None:
    """A byte order mark is none of it."""
    found = repository_settings.parse(f"\ufeff{FIXTURES}{CHECK}".encode())

    assert found == RepositorySettings(
        "a/b", ("**/__fixtures__/**",), frozenset(["unknown_key"]), frozenset(["unused_variable"])
    )
    assert [found.severity(code) for code in ("unknown_key", "unused_variable", "stray", "yaml")] == [
        None, "error", "warning", "error",
    ]  # fmt: skip


def test_nothing_of_it_is_needed() -> None:
    """An empty file says nothing."""
    assert repository_settings.parse(b"") == RepositorySettings()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[prompts]\nfolder =\n", 2, "it is no TOML: Invalid value; correct it"),
        ("[prompts]\n[prompts]\n", 2, "it is no TOML: Cannot declare"),
        ('[prompts]\nfolder = "a', 2, "it is no TOML: "),
        ("[a]\nb = 1" + "0" * 5000, None, "it is no TOML: "),
        ("a = " + "[" * 5000, None, "nested too deep"),
        ("a = 1 #" + "x" * repository_settings.SIZE_LIMIT, 1, "keep it below 16 KiB"),
        (b"[prompts]\n# \xff\n", 2, "it is not UTF-8"),
        ("\n[prompt]\n", 2, "there is no 'prompt'; did you mean prompts?"),
        ("colour = 1\n", 1, "there is no 'colour'; there are prompts and check"),
        ("[prompts]\n\nfolders = 'a'\n", 3, "there is no 'folders' in [prompts]; did you mean folder?"),
        ("[check]\nfolder = 'a'\n[prompts]\nfolder = 'b'\n", 2, "there is no 'folder' in [check]"),
        ("prompts = 3\n", 1, "prompts must be a table; write [prompts]"),
        ("[[prompts]]\nfolder = 'a'\n", 1, "prompts must be a table"),
        ("[prompts]\nfolder = 3\n", 2, 'folder must be text; write folder = "prompts"'),
        ("prompts.folder = 3\n", 1, "folder must be text"),
        ("prompts = {folder = 3}\n", 1, "folder must be text"),
        ("[prompts]\nfolder = ''\n", 2, "folder is empty"),
        ("[prompts]\nfolder = '/etc'\n", 2, "folder '/etc' is absolute"),
        ("[prompts]\nfolder = 'C:/x'\n", 2, "folder 'C:/x' is absolute"),
        ("[prompts]\n# folder\nfolder = 'a/../../b'\n", 3, "leaves the repository by .."),
        ("[prompts]\nfolder = '..'\n", 2, "leaves the repository by .."),
        ("[prompts]\nfolder = 'a//b'\n", 2, "is no path of a folder"),
        ("[prompts]\nfolder = 'a\\b'\n", 2, "is no path of a folder"),
        ("[prompts]\nfolder = '.git/x'\n", 2, "is no path of a folder"),
        ("[prompts]\nfolder = '" + "x" * 201 + "'\n", 2, "more than 200 characters"),
        ("[prompts]\nexclude = 'a'\n", 2, "exclude in [prompts] must be a list of texts"),
        ("[prompts]\nexclude = [1]\n", 2, "exclude in [prompts] must be a list of texts"),
        ("[prompts]\nexclude = [\n  'a',\n  '/b',\n]\n", 4, "exclude has '/b'; write paths from the prompts"),
        ("[prompts]\nexclude = ['../b']\n", 2, "write paths from the prompts folder"),
        ("[prompts]\nexclude = ['']\n", 2, "must have 1 to 200 characters"),
        ("[prompts]\nexclude = [" + "'a'," * 101 + "]\n", 2, "more than 100 patterns"),
        ("[check]\noff = ['unkown_key']\n", 2, "no code 'unkown_key', as in off; did you mean unknown_key?"),
        ("[check]\noff = [\n'stray',\n'xyz']\n", 4, "promptstage check --codes lists them"),
        ("[check]\noff = ['undeclared']\n", 2, "undeclared cannot be off"),
        ("[check]\noff = ['stray']\nerror = ['stray']\n", 3, "stray is in off and in error"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_its_line(text: str | bytes, line: int | None, words: str) -> None:
    """And a remedy; where the line cannot be told, the file is named."""
    with pytest.raises(DocumentInvalid) as raised:
        repository_settings.parse(text if isinstance(text, bytes) else text.encode())

    assert (raised.value.line, raised.value.path) == (line, FILE)
    assert words in raised.value.message
    assert raised.value.message.startswith(FILE) == (line is None)


def test_the_registry_reads_the_place_alone() -> None:
    """A key for authors, or of a later edition, takes no version away; a wrong key of the place does."""
    later = f"{FIXTURES}[check]\noff = ['of_tomorrow']\n[eval]\nmodels = 3\n".encode()

    assert repository_settings.parse(later, whole=False).folder == "a/b"
    with pytest.raises(DocumentInvalid, match="did you mean folder"):
        repository_settings.parse(b"[prompts]\nfoldre = 'a'\n", whole=False)


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("**/__fixtures__/**", "__fixtures__/a.prompt.yml", True),
        ("**/__fixtures__/**", "x/y/__fixtures__/z/a.prompt.yml", True),
        ("**/__fixtures__/**", "x/fixtures/a.prompt.yml", False),
        ("drafts", "drafts/x/a.prompt.yml", True),
        ("drafts/", "drafts/a.prompt.yml", True),
        ("drafts/**", "x/drafts/a.prompt.yml", False),
        ("*-old.prompt.yml", "a-old.prompt.yml", True),
        ("*-old.prompt.yml", "x/a-old.prompt.yml", False),
        ("**/*-old.prompt.y*ml", "x/y/a-old.prompt.yaml", True),
        ("a/**/**/b.prompt.yml", "a/b.prompt.yml", True),
        ("a/?.prompt.yml", "a/bc.prompt.yml", False),
        ("a/a/b", "a/b/c.prompt.yml", False),
    ],
)
def test_patterns(pattern: str, path: str, excluded: bool) -> None:
    """``*`` stays within a folder, ``**`` is any number of them, and a folder stands for all in it."""
    assert RepositorySettings(exclude=(pattern,)).is_excluded(path) is excluded


def test_a_hostile_pattern_or_key_takes_no_time() -> None:
    """Neither wildcards in a row nor a key of thousands of parts."""
    begun = time.perf_counter()
    patterns = ("**/a/" * 40 + "b", "*a" * 99 + "b", "[" * 200)
    RepositorySettings(exclude=patterns).is_excluded("/".join(["a" * 60] * 8))
    RepositorySettings(exclude=patterns).is_excluded("/".join(["a"] * 8))
    with pytest.raises(DocumentInvalid):
        repository_settings.parse(("a." * 8000 + "a = 1").encode())

    assert time.perf_counter() - begun < 2


def commit(author: PromptRepository, settings: str, *paths: str) -> None:
    """Commit settings and prompts, with a tag for the prompt `a`."""
    for path in paths:
        file = author.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(prompt())
    (author.path / FILE).write_text(settings)
    author.git("add", "--all")
    author.git("commit", "--quiet", "--allow-empty", "-m", "x")
    author.git("tag", "a/v1.0.0")


@pytest.mark.parametrize("folder", ["assistant/prompts", "./assistant/prompts/", "."])
def test_the_folder_of_the_tagged_commit_counts(
    author: PromptRepository, read: Callable[[], Catalog], folder: str
) -> None:
    """Alone; also the top of a repository that has a folder `prompts` too. A later commit changes nothing."""
    below = "" if folder == "." else "assistant/prompts/"
    commit(author, f'[prompts]\nfolder = "{folder}"\n', "prompts/b.prompt.yml", f"{below}a.prompt.yml")
    author.git("tag", "b/v1.0.0")
    (author.path / FILE).unlink()
    author.tag("b", "1.1.0")
    catalog = read()

    assert catalog.read("a", "1.0.0").status == "valid"
    assert [catalog.read("b", version).status for version in ("1.1.0", "1.0.0")] == ["valid", "invalid"]


def problem(version: Version) -> str:
    """What is said of a version that cannot be served."""
    return str((version.problem or {})["message"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[prompts]\nfolder = '../x'\n", "folder '../x' leaves the repository"),
        ("[prompts\n", "it is no TOML"),
        ("#" * (20 << 10), "promptstage.toml has more than 16 KiB"),
        ("#" * (300 << 10), "promptstage.toml has more than 16 KiB"),
        ("[prompts]\nfolder = 'x'\n", "x/a.prompt.yml is not in the tagged commit"),
        ("[prompts]\nexclude = ['a.*']\n", "prompts/a.prompt.yml is excluded by promptstage.toml"),
    ],
)
def test_broken_settings_make_a_version_invalid(
    author: PromptRepository, read: Callable[[], Catalog], settings: str, words: str
) -> None:
    """With a message that says where; other versions are served."""
    commit(author, settings, "prompts/a.prompt.yml")
    (author.path / FILE).write_text("")
    author.tag("a", "1.1.0")
    catalog = read()

    assert problem(catalog.read("a", "1.0.0")).startswith(words)
    assert str((catalog.read("a", "1.0.0").problem or {})["path"]) in {FILE, words.partition(" ")[0]}
    assert catalog.read("a", "1.1.0").status == "valid"


def test_settings_that_are_no_file(author: PromptRepository, read: Callable[[], Catalog]) -> None:
    """A link may lead anywhere, and a folder holds none."""
    author.tag("a", "0.9.0")
    (author.path / FILE).symlink_to("x.toml")
    author.tag("a", "1.0.0")
    (author.path / FILE).unlink()
    (author.path / FILE).mkdir()
    (author.path / FILE / "x").write_text("")
    author.tag("a", "1.1.0")
    catalog = read()

    assert problem(catalog.read("a", "1.0.0")).startswith("promptstage.toml is a symbolic link; make it")
    assert problem(catalog.read("a", "1.1.0")).startswith("promptstage.toml is a folder; make it a file")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[suite]\nmin_pass_rate = 95\n", 2, "must be a share of the cases, 0 to 1"),
        ("[suite]\nmin_pass_rate = true\n", 2, "must be a share of the cases, 0 to 1"),
        ("[suite]\nmin_pas_rate = 1\n", 2, "did you mean min_pass_rate?"),
        ("[eval]\njudge = 3\n", 2, 'write judge = "openai/gpt-5.4"'),
        ("[eval]\nmodels = 3\n", 2, 'write [eval.models."openai/*"]'),
        ('[eval.models]\n"a/*" = 3\n', 1, 'write [eval.models."openai/*"]'),
        ('[eval.models."a/*"]\n', None, "base_url of eval.models"),
        ('[eval.models."a/*"]\nbase_url = "ftp://x"\n', 2, "must be an address"),
        ('[eval.models."a/*"]\nbase_url = "https://u:p@x/v1"\n', 2, "must be an address"),
        ('[eval.models."a/*"]\nbase_url = "https://x"\nkey = "sk-abc"\n', 3, "there is no 'key'"),
        ('[eval.models."a/*"]\nbase_url = "https://x"\npublisher = 1\n', 3, "must be true or false"),
        ('[eval.models."a/*"]\nurl = "https://x"\n', 2, "there is no 'url'"),
    ],
)
def test_what_is_wrong_with_suites_and_models(text: str, line: int | None, words: str) -> None:
    """Each with its line, and what to write; a registry that reads a tag never minds."""
    with pytest.raises(DocumentInvalid, match=re.escape(words)) as caught:
        repository_settings.parse(text.encode())

    assert caught.value.line == line
    assert repository_settings.parse(text.encode(), whole=False) == RepositorySettings()
