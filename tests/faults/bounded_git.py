"""Repositories that make git take all there is: each is refused in time, in little memory, with a reason."""

from __future__ import annotations

import hashlib
import resource
import zlib
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import packs
from faults.hostile_repositories import Case, Store
from faults.repositories import looks
from faults.scenario import Result

from registry.git import process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.repositories import Seen

GROWN = 2 << 30  # bytes of the file in a pack of some 300
SHORT = 0.35  # of it: still more than git may have
MEMORY = process.MEMORY + (64 << 20)  # of the largest process: its data, and the program itself
SECONDS = 90.0  # a list without end is left after a minute, or when git's memory is full
STEP = 1 << 24  # bytes; the most that one instruction of a delta copies
_LIMIT = "RLIMIT_DATA"  # what bounds a process here, as in git_process
_REFS = b"".join(b"003e%s refs/tags/%06d\n" % (b"1" * 40, n) for n in range(10_000))


def prove(*, full: bool) -> Iterator[Result]:
    """Let a process of its own look at each."""
    size = 1.0 if full else SHORT
    if not hasattr(resource, _LIMIT):
        yield Result("git's memory", 0, void="this system does not bound the memory of a process")
        return
    grown = Case("a pack of 300 bytes that grows to 2 GiB", _grown, "absent", "MiB of memory")
    yield _result(grown, *looks([grown], size))
    if full:
        with endless() as address:
            what = "a list of refs without end"
            listed = Case(what, lambda _folder, _size: address, "refused", "MiB|ended after")
            yield _result(listed, *looks([listed], size))


def _result(case: Case, seen: Seen) -> Result:
    problems = []
    if seen.bad != case.bad:
        problems.append(f"it is {seen.bad}")
    if not any(word in seen.reason for word in case.reason.split("|")):
        problems.append(f"said: {seen.reason!r}")
    if case.bad == "absent" and seen.good != "valid":
        problems.append("the version beside it was not read")
    if seen.crash:
        problems.append(seen.crash)
    if seen.memory > MEMORY:
        problems.append("too much memory")
    note = "; ".join((f"{seen.seconds:.1f} s, {seen.memory >> 20} MB", *problems))
    return Result(case.what, 1, wrong=len(problems), stale=int(seen.seconds > SECONDS), note=note)


def _grown(folder: Path, size: float) -> str:
    """A repository with a tag of a file that only a delta of a delta holds."""
    store = Store(folder / "upstream.git").begin()
    steps = int(GROWN * size) // STEP
    base, middle, great = (_blob(length) for length in (1 << 16, STEP, steps * (STEP - 1)))
    entries = [
        (base, packs.entry(3, bytes(1 << 16))),
        (middle, packs.entry(7, packs.delta(1 << 16, [1 << 16] * (STEP >> 16)), base)),
        (great, packs.entry(7, packs.delta(STEP, [STEP - 1] * steps), middle)),
    ]
    _write_pack(store.path / "objects/pack", entries)
    store.bad(great.hex())
    return store.end()


def _write_pack(folder: Path, entries: list[tuple[bytes, bytes]]) -> None:
    """Write a pack and its index, as git would if it had the memory."""
    pack = bytearray(b"PACK" + (2).to_bytes(4) + len(entries).to_bytes(4))
    places = {}
    for oid, data in entries:
        places[oid] = (len(pack), zlib.crc32(data))
        pack += data
    digest = hashlib.sha1(pack, usedforsecurity=False).digest()
    oids = sorted(places)
    fan = b"".join(sum(oid[0] <= first for oid in oids).to_bytes(4) for first in range(256))
    checks = b"".join(places[oid][1].to_bytes(4) for oid in oids)
    offsets = b"".join(places[oid][0].to_bytes(4) for oid in oids)
    index = b"\xfftOc" + (2).to_bytes(4) + fan + b"".join(oids) + checks + offsets + digest
    name = f"pack-{digest.hex()}"
    (folder / f"{name}.pack").write_bytes(pack + digest)
    (folder / f"{name}.idx").write_bytes(index + hashlib.sha1(index, usedforsecurity=False).digest())


def _blob(size: int) -> bytes:
    """The id of a file of zeros."""
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for start in range(0, size, STEP):
        digest.update(bytes(min(STEP, size - start)))
    return digest.digest()


class _Endless(BaseHTTPRequestHandler):
    """A host that lists refs as long as somebody listens."""

    def do_GET(self) -> None:
        """Say what it can: the second version of git's protocol."""
        lines = b"001e# service=git-upload-pack\n0000000eversion 2\n000cls-refs\n0017object-format=sha1\n0000"
        self._begin("advertisement")
        self.wfile.write(lines)

    def do_POST(self) -> None:
        """List."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._begin("result")
        with suppress(ConnectionError):
            while True:
                self.wfile.write(_REFS)

    def _begin(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def endless() -> Iterator[str]:
    """The address of such a host."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Endless) as host:
        thread = Thread(target=host.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{host.server_port}/x.git"
        finally:
            host.shutdown()
            thread.join()
