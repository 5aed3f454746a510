"""Names made to be taken for something else: none outside the grammar is accepted, none reaches a command.

Half of the proof asks the registry's own rule. The other half is a server that lists the names as bytes,
as no honest git would, for a mirror that already has the one commit which they all name.
"""

from __future__ import annotations

import random
import re
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from faults.scenario import Result, at_least
from support import PromptRepository, prompt

from registry.catalog import naming
from registry.catalog.catalog import Catalog
from registry.catalog.mirror.mirror import Mirror
from registry.catalog.naming import LATEST
from registry.errors import RegistryError
from registry.git.command import Git, _Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


SEED = 99
ENDS = b"\0\n "  # in a list over HTTP: git takes what follows for something else, or refuses the whole list
EVIL, STUCK_ON, EXACT, TURNED = 0.2, 0.1, 0.5, 0.1  # how often a name has what is meant to deceive
READ_EACH = 10  # of the names, one is read

# The grammar, written down a second time: from the design, not from the code.
_SEGMENT = (
    rb"(?!v\d+(\.\d+)*(/|$))(?!(versions|releases|rollouts|actions|diff|history|resolve|stream)(/|$))"
    rb"[a-z0-9][a-z0-9_-]{0,63}"
)
_NUMBER = rb"(0|[1-9]\d*)"
_PART = rb"(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_TAG = re.compile(
    rb"(?P<name>%s(/%s){0,7})/v(?P<version>%s\.%s\.%s(-%s(\.%s)*)?)"
    % (_SEGMENT, _SEGMENT, _NUMBER, _NUMBER, _NUMBER, _PART, _PART)
)
_OBJECT_ID = re.compile(rb"[0-9a-f]{40}")
_LONGEST_NAME, _LONGEST_VERSION = 200, 100

_EVIL = (  # beside what it says: letters of other alphabets that look like ours, and digits
    "-x", "--upload-pack=touch x", "--output=/x", "--", "-c", "@{-1}", "@{u}", "HEAD^{commit}",
    "a~3", "a^", ":/x", "a..b", "^a", "a:b", "@", "$(touch x)", "`touch x`", ";id", "|id", "&",
    ">x", "$IFS", "*", "?", "[a]", "'", '"', "\\", "%00", "../../x", "..", ".", ".git", ".GIT",
    "git~1", "//", "~", "#", "!", "=", "{a,b}", "\n", "\r", "\t", "\0", "\x1b[2J", "\x7f", "\x85",
    "\u202e", "\u2066", "\u200b", "\ufeff", "\xad", "\u0430", "\u03bf", "\u0455", "\uff53", "\u017f",
    "K", "İ", "\u0131", "é",
    "e\u0301", "ﬁ", "\uff11", "\u0663", "\xb2", "Summarize", "SUMMARIZE", "v1", "v1.0", "v1.0.0", "versions",
    "stream", "refs/heads/main", "HEAD", "", "a" * 64, "a" * 65, "a" * 300, "/".join("abcdefgh"),
    "/".join("abcdefghi"), "a.lock", "_a", "a_", "a-", "+", " ", "\udcff", "\udc80",
)  # fmt: skip
_VERSIONS = (
    "1.0.0", "0.0.0", "1.0.0-rc.1", "1.0.0-0a", "1.0.0--", "1.0.0-x.lock",
    "999999999999999999999.0.0", "01.0.0", "1.0", "1", "1.0.0.0", "1.0.0-01", "1.0.0-", "1.0.0+b",
    "1.0.0-a+b", "-1.0.0", "1.0.0\n", "\u0661.\u0660.\u0660", "1.0.0-é", "1.0.0-a..b", "1.0.0 ", "",
    "1.0.0-" + "a" * 94, "1.0.0-" + "a" * 95, "latest", "1.0.0^{}", "1.0.0~1", "1.0.0@{0}",
    "1.0.0-\u202e", "x",
)  # fmt: skip


def prove(*, full: bool) -> Iterator[Result]:
    """Make names, ask the rule about each, and let a server list them all."""
    chance = random.Random(SEED)
    count = 10_000 if full else 1_000
    tags = list({_made(chance): None for _ in range(count * 2)})
    yield at_least(_asked(tags), count)
    yield from _listed([tag for tag in tags if not {*ENDS} & {*tag}][:count], count)


def _made(chance: random.Random) -> bytes:
    """A tag: good words and evil ones, and now and then a byte turned."""
    words = ("support", "a", "triage", "x-1", "s_2", f"p{chance.randrange(10**6)}")
    segments = [
        chance.choice(_EVIL) if chance.random() < EVIL else chance.choice(words)
        for _ in range(chance.choice((1, 1, 2, 2, 3, 9)))
    ]
    if chance.random() < STUCK_ON:
        segments[0] += chance.choice(_EVIL)
    exact = f"1.{chance.randrange(100)}.{chance.randrange(10**6)}"
    version = exact if chance.random() < EXACT else chance.choice(_VERSIONS)
    joint = chance.choice(("/v",) * 9 + ("/V", "/", "v", "/v/v"))
    tag = bytearray(f"{'/'.join(segments)}{joint}{version}".encode("utf-8", "surrogateescape"))
    if chance.random() < TURNED:
        tag[chance.randrange(len(tag))] = chance.randrange(256)
    return bytes(tag)


def _allowed(tag: bytes) -> bool:
    found = _TAG.fullmatch(tag)
    return bool(found and len(found["name"]) <= _LONGEST_NAME and len(found["version"]) <= _LONGEST_VERSION)


def _asked(tags: Sequence[bytes]) -> Result:
    wrong = accepted = 0
    for tag in tags:
        read = naming.split_tag(tag)
        accepted += read is not None
        wrong += (read is not None) != _allowed(tag)
        wrong += read is not None and naming.tag_of(*read).encode() != tag
    return Result("a name, against the grammar", len(tags), wrong=wrong, note=f"{accepted} are in it")


def _listed(tags: Sequence[bytes], count: int) -> Iterator[Result]:
    """Let a server list them, read what came of it, and look at all that git was told meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        author = PromptRepository(Path(folder) / "author")
        for name in {tag.decode().rpartition("/v")[0] for tag in tags if _allowed(tag)}:
            file = author.path / f"prompts/{name}.prompt.yml"  # else its tags are those of something else
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(prompt())
        author.tag("first", "1.0.0", prompt())  # the file that all have, which a fetch of this one brings
        head = author.git("rev-parse", "HEAD")
        # As many as of the hostile ones become versions, as many are fetched in another way than few.
        plain = "".join(f"create refs/tags/first/v1.1.{number} {head}\n" for number in range(count // 4))
        subprocess.run(["git", "-C", author.path, "update-ref", "--stdin"], input=plain.encode(), check=True)
        with _watched() as honest:
            _look(Path(folder), str(author.path)).mirror.close()
            author.tag("first", "1.0.1", prompt())  # what a mirror that has something fetches in another way
            catalog = _look(Path(folder), str(author.path))
            catalog.read("first", "1.0.0")
            catalog.mirror.close()
        with _watched() as told, _server(head.encode(), tags) as url:
            catalog = _look(Path(folder), url)
            ours = {tag.encode() for tag in catalog.mirror.tags() if not tag.startswith("first/")}
            misread = sum(not _reads(catalog, tag, tag in ours) for tag in tags[::READ_EACH])
            report = catalog.mirror.report()["ignored"]
            catalog.mirror.close()
    wanted = {tag for tag in tags if _allowed(tag) and not tag.endswith(b".lock")}  # git's own rule
    hidden = len(tags) - len(ours) - report["count"]
    yield at_least(
        Result(
            "a name, listed by a hostile server",
            len(tags),
            lost=len(wanted - ours),
            wrong=len(ours - wanted) + misread + sum(not shown.isprintable() for shown in report["sample"]),
            note=f"{len(ours)} became versions; git itself hid {hidden}",
        ),
        count,
    )
    yield at_least(
        Result(
            "git told something while such names are about",
            len(told.commands) + len(told.questions),
            wrong=len(set(told.commands) - set(honest.commands))
            + sum(not _OBJECT_ID.fullmatch(question) for question in told.questions),
            note=f"{len(told.commands)} commands, word for word those for an honest repository",
        ),
        count // (2 * READ_EACH),
    )


def _look(folder: Path, repository: str) -> Catalog:
    catalog = Catalog(Mirror(folder / "data", repository))
    catalog.mirror.sync()
    catalog.adopt()
    return catalog


def _reads(catalog: Catalog, tag: bytes, exists: bool) -> bool:
    """Whether a version that exists reads back as its tag, and anything else is an error with a sentence."""
    name, _, version = tag.decode("utf-8", "surrogateescape").rpartition("/v")
    try:
        found = catalog.read(name, version)
    except RegistryError as error:
        return not exists and bool(error.message)
    if version == LATEST:  # a word for one of those that exist
        return found.name == name
    return exists and found.tag.encode() == tag and (found.name, found.version) == (name, version)


@dataclass(frozen=True, slots=True)
class _Told:
    """The arguments of each git that was started, and the questions for objects."""

    commands: list[tuple[str, ...]]
    questions: list[bytes]


@contextmanager
def _watched() -> Iterator[_Told]:
    """Note all that git is told while the block runs."""
    told = _Told([], [])
    start, ask = Git._start, _Reader.send

    def starting(git: Git, args: Sequence[str], *more: Any) -> Any:
        told.commands.append(tuple(args))
        return start(git, args, *more)

    def asking(reader: _Reader, questions: bytes) -> None:
        told.questions.extend(questions.splitlines())
        ask(reader, questions)

    with patch.object(Git, "_start", starting), patch.object(_Reader, "send", asking):
        yield told


@contextmanager
def _server(commit: bytes, tags: Sequence[bytes]) -> Iterator[str]:
    """List the tags to whoever asks, each with this commit, as gitprotocol-http has it."""
    lines = [commit + b" refs/tags/" + tag for tag in tags]
    lines[0] += b"\0agent=git/hostile"
    body = _packet(b"# service=git-upload-pack\n") + b"0000" + b"".join(map(_packet, lines)) + b"0000"

    class Listing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Listing) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/x.git"
        finally:
            server.shutdown()


def _packet(line: bytes) -> bytes:
    return b"%04x%s" % (len(line) + 4, line)
