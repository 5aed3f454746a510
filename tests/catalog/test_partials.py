"""Partials: files of the same commit, put into the texts of a prompt."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from support import PromptRepository

from promptstage import mustache
from promptstage.model import dump_document
from registry.catalog.catalog import Catalog
from registry.catalog.diff import diff
from registry.catalog.mirror.mirror import Mirror
from registry.catalog.parsing import lines, partials
from registry.catalog.parsing.document import check, parse, wanted
from registry.errors import DocumentInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PATH = "prompts/chat.prompt.yml"
FILE = """\
template: mustache
messages:
- role: system
  content: |
    You help {{company}}.
      {{> shared/style.md}}
    {{#facts}}
    {{> shared/fact.md}}
    {{/facts}}
- {role: user, content: "{{question}} {{> shared/ask.md}}"}
"""
FILES = {
    "shared/style.md": b"Be {{tone}}.\n\n{{> shared/rules.md}}\nNever lie.\n",
    "shared/rules.md": b"{{#rules}}\n* {{.}}\n{{/rules}}\n",
    "shared/fact.md": b"- {{title}}: {{text}}\n",
    "shared/ask.md": b"Please answer.",
}


def text(template: str, files: Mapping[str, bytes | str] = FILES) -> str:
    """A text with its partials."""
    return partials.expand(template, files).text


def said(content: str, files: Mapping[str, bytes | str]) -> list[str]:
    """Each finding about a file of one message, with its place and code."""
    file = f"template: mustache\nmessages:\n- role: user\n  content: |\n    First.\n    {content}\n"
    return [f"{f.line}:{f.column} {f.code}: {f.message}" for f in check(file.encode(), PATH, files)]


def test_a_document_has_its_partials_put_in() -> None:
    """Indented as their tags are; names in them are variables in the order of the text."""
    document = dump_document(parse(FILE.encode(), PATH, FILES).document)

    assert document["messages"][0]["template"] == (
        "You help {{company}}.\n  Be {{tone}}.\n\n{{#rules}}\n  * {{.}}\n{{/rules}}\n  Never lie.\n"
        "{{#facts}}\n- {{title}}: {{text}}\n{{/facts}}\n"
    )
    assert document["messages"][1]["template"] == "{{question}} Please answer."
    assert [(v["name"], v["required"]) for v in document["variables"]] == [
        ("company", True), ("tone", True), ("rules", False), ("facts", False), ("question", True),
    ]  # fmt: skip
    assert (document["edition"], document["portable"]) == (2, False)


@pytest.mark.parametrize(
    ("template", "file", "expanded"),
    [
        ("a {{>p}} b", "{{#x}}\n y{{/x}}", "a {{#x}} y{{/x}} b"),
        ("a{{>p}}\nb", "{{! none }}", "a\nb"),
        ("{{>p}}b", "a\n{{/x}}".replace("{{/x}}", "{{! }}"), "a\nb"),
        ("{{#x}}{{>p}}{{/x}}", "\n\n", "{{#x}}\n\n\n{{/x}}\n"),
        ("  {{#x}}{{>p}}{{/x}}", "\na", "  {{!}}{{#x}}\na{{/x}}"),
        ("{{>p}}{{a}}", "\\{{ {", "\\{{ {{{a}}"),
        (" {{>p}}\n", "a\r\n\r\nb", " a\r\n\r\n b"),
        ("{{>p}}", "\ufeffa", "a"),
        ("{{>p}}", "", ""),
    ],
)
def test_odd_places(template: str, file: str, expanded: str) -> None:
    """What is written is parsed to what the file and its partial are by themselves, or refused."""
    try:
        found = text(template, {"p": file.encode()})
    except partials.PartialWrong as wrong:
        assert "half a tag" in str(wrong) or "is not closed" in str(wrong)  # noqa: PT017
        assert template.startswith("{{>p}}{{a}}")
        return
    assert found == expanded
    assert not mustache.parse(found).partials


@pytest.mark.parametrize(
    "tag",
    [
        r"{{> p.md}}", r"{{\t> p.md}}", r"{{\n \_> p.md}}", r"\x7b{> p.md}}", r"\u007b\u007b> p.md}}",
        r"{{\U0000003e p.md}}", "{\\\n   {> p.md}}", "{\\\r\n {> p.md}}",
        "{{\n  > p.md}}", "{{\u2003> p.md}}",
    ],
)  # fmt: skip
def test_a_tag_is_seen_however_yaml_writes_it(tag: str) -> None:
    """Whether a file may have partials is told from its bytes; the parser is asked only where it may."""
    file = f'template: mustache\nmessages:\n- {{role: user, content: "a {tag}"}}\n'

    assert wanted(file.encode(), {}) == ("p.md",)


def test_a_file_of_other_escapes_is_not_parsed_for_partials() -> None:
    """Which most texts in quotes have: a second parse would double the time of each file."""
    assert not partials.may_ask(rb'content: "First.\n\tThen \"{{text}}\" > {{ name }}\n"')


CHAIN = {f"{n}.md": f"{{{{> {n + 1}.md}}}}".encode() for n in range(9)} | {"9.md": b"end"}
BOMB = {f"{n}.md": (f"{{{{> {n + 1}.md}}}}" * 100).encode() for n in range(7)} | {"7.md": b""}
WRONG: dict[str, tuple[str, Mapping[str, bytes | str], str]] = {
    "absent": ("{{> a.md}}", {}, "'{{> a.md}}' asks for a.md, which is not there; write that file"),
    "absent from another": (
        "{{> b.md}}",
        {"b.md": b"{{> a.md}}"},
        "'{{> b.md}}' asks for a.md, which is not",
    ),
    "a link": ("{{> a.md}}", {"a.md": "is a symbolic link; put a file there"}, "is a symbolic link; put"),
    "itself": (
        "{{> a.md}}",
        {"a.md": b"{{> b.md}}", "b.md": b"{{> a.md}}"},
        "asks for itself: a.md -> b.md -> a.md",
    ),
    "outside": ("{{> ../a.md}}", {}, "leaves the prompts folder; write its path from there"),
    "absolute": ("{{> /etc/passwd}}", {}, "leaves the prompts folder"),
    "dots": ("{{> a/./b.md}}", {}, "is no path of a file"),
    "backslash": ("{{> a\\b.md}}", {}, "is no path of a file"),
    "a folder": ("{{> a/}}", {}, "is no path of a file"),
    "long": (f"{{{{> {'a' * 500}}}}}", {}, "has more than 400 characters"),
    "no path": ("{{> }}", {}, "is a partial without a path; write one as in {{> shared/style.md}}"),
    "dynamic": ("{{>*a}}", {"*a": "is not there; write the file"}, "is not there"),
    "binary": ("{{> a.md}}", {"a.md": b"a\0b"}, "is no text in UTF-8; save it as UTF-8"),
    "Latin 1": ("{{> a.md}}", {"a.md": b"\xe9"}, "is no text in UTF-8"),
    "large": ("{{> a.md}}", {"a.md": b"a" * 65_537}, "has more than 64 KiB; shorten the file, or split it"),
    "deep": ("{{> 0.md}}", CHAIN, "is nested more than 8 deep: 0.md -> 1.md"),
    "a bomb": ("{{> 0.md}}", BOMB, "makes a text of more than 256 KiB"),
    "indented": (" " * 5000 + "{{> a.md}}", {"a.md": b"a\n" * 100}, "makes a text of more than 256 KiB"),
    "tags": ("{{> a.md}}" * 11, {"a.md": b"{{a}}" * 500}, "makes a text of more than 5000 tags"),
    "many": (
        " ".join(f"{{{{> {n}}}}}" for n in range(33)),
        {str(n): b"a" for n in range(33)},
        "is one too many",
    ),
    "unclosed": (
        "{{> a.md}}",
        {"a.md": b"one\n{{#x}}"},
        "cannot be put in: line 2 of a.md: {{#x}} is not closed",
    ),
    "half a section": ("{{#x}}{{> a.md}}", {"a.md": b"{{/x}}"}, "{{#x}} is not closed"),
    "half a tag": ("{{> a.md}}{{x}}", {"a.md": b"a\\"}, "begins or ends with half a tag; complete it there"),
}


@pytest.mark.parametrize(("content", "files", "words"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_put_in(content: str, files: Mapping[str, bytes | str], words: str) -> None:
    """An error of the line that asks."""
    found = said(content, files)

    assert len(found) == 1
    assert words in found[0], found
    assert found[0].startswith("6:")


def test_an_undeclared_name_in_a_partial() -> None:
    """Is told at the tag, as the file has no other place for it."""
    head = b"template: mustache\nvariables: [{name: a}]\n"
    file = head + b"messages:\n- {role: user, content: '{{a}} {{> b.md}}'}\n"
    (found,) = check(file, PATH, {"b.md": b"{{b}}"})

    assert (found.line, found.column, found.code) == (4, 32, "undeclared")


def test_the_first_edition_has_no_partials() -> None:
    """There the tag is text, as it was."""
    file = b"messages:\n- {role: user, content: '{{> a.md}}'}\n"
    assert dump_document(parse(file, PATH).document)["messages"] == [
        {"role": "user", "content": "{{> a.md}}"}
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a: b",
        b"a\0",
        b"a\0b\0",
        b"a\x005\0abc",
        b"a\x003\0abcd",
        b"a\x003\0abcb\0",
        b"\0\0\0",
        b"a\0-1\0",
    ],
)
def test_what_is_no_content_of_several_files(content: bytes) -> None:
    """It is one file, and whatever is wrong with it is said as before."""
    assert partials.unpack(content) == {"": content}


def test_the_content_of_a_version() -> None:
    """All files in one order, so that their digest is that of the contract."""
    content = partials.pack("chat.prompt.yml", FILE.encode(), FILES)
    first, *others = partials.unpack(content).items()

    assert content.startswith(b"chat.prompt.yml\0%d\0template: mustache" % len(FILE))
    assert first == ("chat.prompt.yml", FILE.encode())
    assert others == sorted(FILES.items())
    assert partials.pack("chat.prompt.yml", b"a: b", {}) == b"a: b"
    assert parse(content, PATH) == parse(FILE.encode(), PATH, FILES)


@pytest.fixture
def author(tmp_path: Path) -> PromptRepository:
    """A repository with a prompt and its partials."""
    made = PromptRepository(tmp_path / "author")
    for path, data in FILES.items():
        file = made.path / "prompts" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    made.tag("chat", "1.0.0", FILE)
    return made


@pytest.fixture
def synced(author: PromptRepository, tmp_path: Path) -> Iterator[Callable[[], Catalog]]:
    """Tells what a registry knows of it."""
    mirror = Mirror(tmp_path / "mirror", str(author.path))

    def sync() -> Catalog:
        mirror.sync()
        catalog = Catalog(mirror)
        catalog.adopt()
        return catalog

    yield sync
    mirror.close()


def test_a_version_of_git(author: PromptRepository, synced: Callable[[], Catalog]) -> None:
    """The files of the tag's own commit, whatever is there later; the digest is that of all of them."""
    (author.path / "prompts/shared/style.md").write_text("Be quick.\n")
    author.tag("chat", "1.0.1", FILE)
    catalog = synced()
    old, new = (catalog.read("chat", version) for version in ("1.0.0", "1.0.1"))
    catalog.settle([("chat", "1.0.0")])

    assert (
        old.digest == f"sha256:{sha256(partials.pack('chat.prompt.yml', FILE.encode(), FILES)).hexdigest()}"
    )
    assert old.document == parse(FILE.encode(), PATH, FILES).document
    assert new.document
    assert new.document.texts[0].startswith("You help {{company}}.\n  Be quick.\n{{#facts}}")
    compared = diff(old, new)
    assert compared["changed"] == ["variables", "messages"]
    assert compared["partials"] == ["shared/rules.md", "shared/style.md"]
    assert "-      Be {{tone}}.\n" in compared["unified"]
    assert "+      Be quick.\n" in compared["unified"]


@pytest.mark.parametrize("space", ["\t", "\u00a0", "\u2028"])
def test_any_space_before_the_sign_of_a_partial(
    author: PromptRepository, synced: Callable[[], Catalog], space: str
) -> None:
    """What is a partial to the reader of templates has its file."""
    author.tag("chat", "1.0.1", FILE.replace("{{> shared/ask", f"{{{{{space}> shared/ask"))

    assert synced().read("chat", "1.0.1").status == "valid"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("rm prompts/shared/ask.md", "is not in the tagged commit; add the file, or correct the path"),
        ("mv prompts/shared/ask.md prompts/shared/Ask.md", "did you mean shared/Ask.md?"),
        ("ln -sf style.md prompts/shared/ask.md", "is a symbolic link; put a file there"),
        (
            "rm prompts/shared/ask.md; mkdir prompts/shared/ask.md; touch prompts/shared/ask.md/a",
            "is a folder",
        ),
        ("head -c 100000 /dev/zero > prompts/shared/ask.md", "has more than 64 KiB"),
        ("echo version https://git-lfs.github.com/spec/v1 > prompts/shared/ask.md", "is in Git LFS"),
        ("head -c 100 /dev/zero > prompts/shared/ask.md", "is no text in UTF-8"),
    ],
)
def test_a_tag_without_a_partial(
    author: PromptRepository, synced: Callable[[], Catalog], command: str, words: str
) -> None:
    """The version is invalid, with the place of the tag that asks; its neighbour is not."""
    author.git("-c", f"alias.do=!{command}", "do")
    author.tag("chat", "1.0.1", FILE)
    catalog = synced()
    found = catalog.read("chat", "1.0.1")

    assert found.status == "invalid"
    assert found.problem
    assert words in found.problem["message"]
    assert (found.problem["line"], found.problem["column"]) == (10, 39)
    assert catalog.read("chat", "1.0.0").status == "valid"


def test_a_file_that_looks_like_the_content_of_several(
    author: PromptRepository, synced: Callable[[], Catalog]
) -> None:
    """It is a file with NUL characters, and invalid as ever."""
    author.tag("fake", "1.0.0", partials.pack("fake.prompt.yml", FILE.encode(), FILES))
    found = synced().read("fake", "1.0.0")

    assert found.problem
    assert "NUL" in found.problem["message"]
    with pytest.raises(DocumentInvalid):
        parse(found.content or b"", PATH, {})


def test_the_line_of_a_name_that_a_partial_has() -> None:
    """It is that of the tag which leads to it."""
    line = lines.finder(partials.pack("chat.prompt.yml", FILE.encode(), FILES))

    assert [line(("variables", name)) for name in ("company", "tone", "rules", "other")] == [5, 6, 6, None]
