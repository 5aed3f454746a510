"""The repositories of `repositories`, written object by object, as git itself would refuse to."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support import prompt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHO = b"A <a@example.org> 1767225600 +0000"
FILE, LINK, FOLDER, SUBMODULE = b"100644", b"120000", b"40000", b"160000"
GOOD = prompt("{{text}}").encode()
NOBODY = "1" * 40  # the id of no object
CHUNK = 1 << 20

Entry = tuple[bytes, bytes, str]  # mode, name, id


@dataclass(frozen=True, slots=True)
class Case:
    """A repository that somebody made to do harm.

    Attributes:
        what: what is wrong with it, in a few words.
        make: writes it into a folder, and gives its address; the number is the part of its full size.
        bad: what becomes of its version ``bad@1.0.0``.
        reason: a pattern of what is said of that.
        alone: whether the version ``good@1.0.0`` is not beside it.
    """

    what: str
    make: Callable[[Path, float], str]
    bad: str
    reason: str = ""
    alone: bool = False


@dataclass(slots=True)
class Store:
    """A bare repository that takes whatever it is given."""

    path: Path
    refs: dict[bytes, str] = field(default_factory=dict)
    address: str = ""

    def begin(self) -> Store:
        """Make it, with one version that is as it should be."""
        for folder in ("objects/pack", "objects/info", "refs/heads", "refs/tags", "info", "hooks"):
            (self.path / folder).mkdir(parents=True)
        (self.path / "HEAD").write_text("ref: refs/heads/main\n")
        (self.path / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        self.refs[b"refs/tags/good/v1.0.0"] = self.commit(
            self.prompts((FILE, b"good.prompt.yml", self.blob(GOOD)))
        )
        return self

    def end(self) -> str:
        """Write the refs, and give the address."""
        lines = [b"%s %s\n" % (oid.encode(), ref) for ref, oid in sorted(self.refs.items())]
        (self.path / "packed-refs").write_bytes(b"# pack-refs with: sorted\n" + b"".join(lines))
        return self.address or str(self.path)

    def add(self, kind: bytes, data: bytes) -> str:
        """Write an object, without a look at what is in it."""
        whole = b"%s %d\0" % (kind, len(data)) + data
        oid = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        file = self.file(oid)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(zlib.compress(whole, 1))
        return oid

    def file(self, oid: str) -> Path:
        """Where an object is."""
        return self.path / "objects" / oid[:2] / oid[2:]

    def blob(self, data: bytes) -> str:
        """Write a file's content."""
        return self.add(b"blob", data)

    def zeros(self, size: int) -> str:
        """Write a great blob, without having it in memory."""
        header = b"blob %d\0" % size
        digest, packer = hashlib.sha1(header, usedforsecurity=False), zlib.compressobj(1)
        packed = [packer.compress(header)]
        for start in range(0, size, CHUNK):
            chunk = bytes(min(CHUNK, size - start))
            digest.update(chunk)
            packed.append(packer.compress(chunk))
        file = self.file(digest.hexdigest())
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"".join(packed) + packer.flush())
        return digest.hexdigest()

    def tree(self, *entries: Entry) -> str:
        """Write a folder, with its entries in this order."""
        return self.add(b"tree", b"".join(b"%s %s\0" % (m, n) + bytes.fromhex(oid) for m, n, oid in entries))

    def prompts(self, *entries: Entry) -> str:
        """Write a folder with the prompts folder in it."""
        return self.tree((FOLDER, b"prompts", self.tree(*entries)))

    def commit(self, tree: str, parent: bytes = b"", message: bytes = b"x\n") -> str:
        """Write a commit."""
        head = b"tree %s\n%sauthor %s\ncommitter %s\n\n" % (tree.encode(), parent, WHO, WHO)
        return self.add(b"commit", head + message)

    def tag(self, oid: str, kind: bytes, name: bytes = b"bad/v1.0.0") -> str:
        """Write an annotated tag."""
        return self.add(
            b"tag", b"object %s\ntype %s\ntag %s\ntagger %s\n\nx\n" % (oid.encode(), kind, name, WHO)
        )

    def bad(self, oid: str) -> None:
        """Let the crafted version be this object."""
        self.refs[b"refs/tags/bad/v1.0.0"] = oid

    def trap(self) -> str:
        """Make a script that tells when it was run."""
        return f"#!/bin/sh\ntouch {self.path.parent}/ran\n"

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the repository itself."""
        (self.path / path).write_text(text)
        (self.path / path).chmod(mode)


CRAFTED: list[Case] = []
NAME = b"bad.prompt.yml"


def craft(
    what: str, bad: str, reason: str = "", *, alone: bool = False
) -> Callable[[Callable[[Store, float], None]], None]:
    """Make a case of what writes the crafted part of a repository."""

    def keep(write: Callable[[Store, float], None]) -> None:
        def make(folder: Path, size: float) -> str:
            store = Store(folder / "upstream.git").begin()
            write(store, size)
            return store.end()

        CRAFTED.append(Case(what, make, bad, reason, alone=alone))

    return keep


def _of_entries(what: str, bad: str, reason: str, entries: Callable[[Store, str], tuple[Entry, ...]]) -> None:
    """Make a case of the entries in the prompts folder, made with the id of a good file."""

    @craft(what, bad, reason)
    def _(store: Store, _size: float) -> None:
        store.bad(store.commit(store.prompts(*entries(store, store.blob(GOOD)))))


_of_entries(
    "a symbolic link", "invalid", "symbolic link", lambda s, _: ((LINK, NAME, s.blob(b"/etc/passwd")),)
)
_of_entries("a submodule", "invalid", "submodule", lambda _s, _: ((SUBMODULE, NAME, NOBODY),))
_of_entries("a folder", "invalid", "folder", lambda s, x: ((FOLDER, NAME, s.tree((FILE, b"x", x))),))
_of_entries("a named pipe", "invalid", "something else", lambda _, x: ((b"10644", NAME, x),))
_of_entries("an entry ..", "absent", "hasDotdot", lambda s, x: ((FOLDER, b"..", s.tree()), (FILE, NAME, x)))
_of_entries(
    "an entry .git", "absent", "hasDotgit", lambda s, x: ((FOLDER, b".git", s.tree()), (FILE, NAME, x))
)
_of_entries(
    "an entry GIT~1", "absent", "hasDotgit", lambda s, x: ((FOLDER, b"GIT~1", s.tree()), (FILE, NAME, x))
)
_of_entries("an entry ../x", "absent", "fullPathname", lambda _, x: ((FILE, b"../x", x), (FILE, NAME, x)))
_of_entries("two entries of one name", "absent", "duplicateEntries", lambda _, x: ((FILE, NAME, x),) * 2)
_of_entries(
    "names that differ in case", "valid", "", lambda _, x: ((FILE, b"BAD.prompt.yml", x), (FILE, NAME, x))
)
_of_entries(
    "a name that is not UTF-8", "valid", "", lambda _, x: ((FILE, NAME, x), (FILE, b"\xff\n\x1b[2J", x))
)
_of_entries(
    "both suffixes", "invalid", "both there", lambda _, x: ((FILE, b"bad.prompt.yaml", x), (FILE, NAME, x))
)
_of_entries("a missing blob", "absent", "could not be fetched", lambda _s, _: ((FILE, NAME, NOBODY),))
_of_entries(
    "a pointer of LFS",
    "invalid",
    "Git LFS",
    lambda s, _: (
        (FILE, NAME, s.blob(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")),
    ),
)


@craft("300 MB in a file", "invalid", "more than 256 KiB")
def _great_file(store: Store, size: float) -> None:
    store.bad(store.commit(store.prompts((FILE, NAME, store.zeros(int(size * (300 << 20)))))))


@craft("300 MB beside a file", "valid")
def _great_neighbour(store: Store, size: float) -> None:
    great = store.zeros(int(size * (300 << 20)))
    store.bad(store.commit(store.prompts((FILE, NAME, store.blob(GOOD)), (FILE, b"great", great))))


@craft("a tree of 10^10 files", "valid")
def _tree_bomb(store: Store, _size: float) -> None:
    below = store.tree((FILE, b"x", store.blob(b"x")))
    for _ in range(10):
        below = store.tree(*((FOLDER, b"%d" % i, below) for i in range(10)))
    store.bad(store.commit(store.prompts((FILE, NAME, store.blob(GOOD)), (FOLDER, b"bomb", below))))


@craft("a folder 3,000 deep", "valid")
def _deep(store: Store, size: float) -> None:
    below = store.tree()
    for _ in range(int(3000 * size)):
        below = store.tree((FOLDER, b"d", below))
    store.bad(store.commit(store.prompts((FILE, NAME, store.blob(GOOD)), (FOLDER, b"deep", below))))


@craft("a folder of 1,500,000 files", "valid")
def _wide(store: Store, size: float) -> None:
    good = store.blob(GOOD)
    many = ((FILE, b"bad-%07d" % i, good) for i in range(int(1_500_000 * size)))
    store.bad(store.commit(store.prompts(*many, (FILE, NAME, good))))


@craft("100,000 refs", "valid")
def _many_refs(store: Store, size: float) -> None:
    head = store.commit(store.prompts((FILE, NAME, store.blob(GOOD))))
    store.bad(head)
    store.refs |= {
        b"refs/%s/x%06d" % (k, i): head for k in (b"heads", b"tags") for i in range(int(50_000 * size))
    }


@craft("replace refs", "invalid")
def _replaced(store: Store, _size: float) -> None:
    was, instead = store.blob(b"no prompt"), store.blob(GOOD)
    store.bad(store.commit(store.prompts((FILE, NAME, was))))
    store.refs[b"refs/replace/" + was.encode()] = instead


@craft("grafts", "valid")
def _grafts(store: Store, _size: float) -> None:
    head = store.commit(store.prompts((FILE, NAME, store.blob(GOOD))))
    store.bad(head)
    store.write("info/grafts", f"{head} {store.commit(store.tree())}\n")


@craft("a shallow history", "valid")
def _shallow(store: Store, _size: float) -> None:
    parent = b"parent %s\n" % NOBODY.encode()
    head = store.commit(store.prompts((FILE, NAME, store.blob(GOOD))), parent)
    store.bad(head)
    store.write("shallow", f"{head}\n")


@craft("a missing parent", "absent", "could not be fetched")
def _no_parent(store: Store, _size: float) -> None:
    parent = b"parent %s\n" % NOBODY.encode()
    store.bad(store.commit(store.prompts((FILE, NAME, store.blob(GOOD))), parent))


@craft("alternates into nowhere and in a circle", "valid")
def _alternates(store: Store, _size: float) -> None:
    store.bad(store.commit(store.prompts((FILE, NAME, store.blob(GOOD)))))
    store.write("objects/info/alternates", f"{store.path}/objects\n/nowhere\n../../../etc\n")


@craft("hooks", "valid")
def _hooks(store: Store, _size: float) -> None:
    store.bad(store.commit(store.prompts((FILE, NAME, store.blob(GOOD)))))
    for hook in (
        "pre-upload-pack",
        "post-upload-pack",
        "post-checkout",
        "reference-transaction",
        "fsmonitor",
    ):
        store.write(f"hooks/{hook}", store.trap(), 0o755)


@craft("a configuration that runs commands", "valid")
def _configuration(store: Store, _size: float) -> None:
    store.bad(store.commit(store.prompts((FILE, NAME, store.blob(GOOD)))))
    store.write("trap", store.trap(), 0o755)
    trap = store.path / "trap"
    keys = ("fsmonitor", "hooksPath", "sshCommand", "pager", "askPass", "gitProxy", "alternateRefsCommand")
    core = "".join(f"\t{key} = {trap}\n" for key in keys)
    store.write(
        "config",
        f"[core]\n\trepositoryformatversion = 0\n\tbare = true\n{core}"
        f"[uploadpack]\n\tpackObjectsHook = {trap}\n[credential]\n\thelper = !{trap}\n"
        f'[filter "lfs"]\n\tprocess = {trap}\n\tsmudge = {trap}\n',
    )


@craft("a tag of a tag of a blob", "invalid", "holds no commit")
def _tagged_blob(store: Store, _size: float) -> None:
    store.bad(store.tag(store.tag(store.blob(GOOD), b"blob"), b"tag"))


@craft("a chain of ten tags", "invalid", "tag")
def _chain(store: Store, _size: float) -> None:
    oid = store.tag(store.commit(store.prompts((FILE, NAME, store.blob(GOOD)))), b"commit")
    for _ in range(9):
        oid = store.tag(oid, b"tag")
    store.bad(oid)


@craft("a tag that says it is another", "valid")
def _misnamed(store: Store, _size: float) -> None:
    head = store.commit(store.prompts((FILE, NAME, store.blob(GOOD))))
    store.bad(store.tag(head, b"commit", b"../../good/v1.0.0"))


@craft("a tag of the wrong kind", "absent", "could not be fetched")
def _miscalled(store: Store, _size: float) -> None:
    store.bad(store.tag(store.blob(GOOD), b"commit"))


@craft("a message of 2 MB", "invalid", "more than 1 MiB")
def _long_message(store: Store, _size: float) -> None:
    tree = store.prompts((FILE, NAME, store.blob(GOOD)))
    store.bad(store.commit(tree, message=b"x" * (2 << 20)))


@craft("a damaged blob", "absent", "could not be fetched")
def _damaged(store: Store, _size: float) -> None:
    blob = store.blob(prompt("{{damaged}}").encode())
    store.bad(store.commit(store.prompts((FILE, NAME, blob))))
    store.file(blob).write_bytes(b"x" * 40)


@craft("a damaged pack", "valid")
def _damaged_pack(store: Store, _size: float) -> None:
    store.bad(store.commit(store.prompts((FILE, NAME, store.blob(GOOD)))))
    for suffix in ("pack", "idx"):
        store.write(f"objects/pack/pack-{NOBODY}.{suffix}", "PACK" + "x" * 2000)


@craft("a HEAD into nowhere", "valid")
def _head(store: Store, _size: float) -> None:
    store.bad(store.commit(store.prompts((FILE, NAME, store.blob(GOOD)))))
    store.write("HEAD", "ref: refs/heads/../../../etc/passwd\n")


@craft("a tag that is a link to another", "valid")
def _symbolic(store: Store, _size: float) -> None:
    store.refs[b"refs/tags/other"] = store.commit(store.prompts((FILE, NAME, store.blob(GOOD))))
    (store.path / "refs/tags/bad").mkdir()
    store.write("refs/tags/bad/v1.0.0", "ref: refs/tags/other\n")


@craft("a ref outside of the repository", "absent")
def _outside(store: Store, _size: float) -> None:
    store.refs[b"refs/../../../etc/passwd"] = NOBODY


@craft("a command for an address", "refused", "ext")
def _command(store: Store, _size: float) -> None:
    store.address = f"ext::touch {store.path.parent}/ran"


@craft("an option for an address", "refused", "git")
def _option(store: Store, _size: float) -> None:
    store.address = f"--upload-pack=touch {store.path.parent}/ran"


@craft("a folder that is no repository", "refused", "git")
def _nothing(store: Store, _size: float) -> None:
    store.address = str(store.path / "info")


@craft("an empty repository", "absent", alone=True)
def _empty(store: Store, _size: float) -> None:
    store.refs.clear()
