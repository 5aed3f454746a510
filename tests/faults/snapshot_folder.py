"""A snapshot folder in every bad state: `get` goes on, and nothing outside of the folder is touched."""

from __future__ import annotations

import os
import random
import resource
import subprocess
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from client.fake_registry import FakeRegistry, release
from faults.proxy import PASS, SHUT, Proxy
from faults.scenario import Result

from promptstage import Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

NAME = "summarize"
SEED = 20261123
ROUNDS = {True: 25, False: 2}  # in full, in short
GETS = 1000  # in each run
READY_SECONDS = 10.0
NOBODY = 65534
SMALL = "size=64k"
FILLER = b"x" * 1024


class Place:
    """Where a client keeps its snapshots, and where it must not write.

    Attributes:
        root: what the client is given as its folder.
        outside: what must stay as it is.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "snapshots"
        self.outside = folder / "outside"
        self.outside.mkdir()
        (self.outside / "precious.json").write_bytes(b"precious")

    @property
    def folder(self) -> Path:
        """Where the files of the one registry are."""
        (folder,) = self.root.iterdir()
        return folder

    @property
    def file(self) -> Path:
        """The snapshot of the one prompt."""
        return self.folder / f"{NAME}.json"

    def left_outside(self) -> dict[str, bytes]:
        """Every file there."""
        return {str(path): path.read_bytes() for path in self.outside.rglob("*") if path.is_file()}


@contextmanager
def _full(place: Place) -> Iterator[None]:
    """No byte more fits: on a small disk of its own or, where none may be mounted, for the whole process."""
    if not _mount(place.root, SMALL):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
        yield
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        return
    try:
        with (place.root / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(FILLER)
    except OSError:
        yield
    finally:
        _unmount(place.root)


@contextmanager
def _read_only(place: Place) -> Iterator[None]:
    mounted = _mount(place.root, "ro")
    if not mounted:
        place.root = Path("/proc/self/snapshots")  # where not even root may write
    yield
    if mounted:
        _unmount(place.root)


@contextmanager
def _torn(place: Place) -> Iterator[None]:
    content = place.file.read_bytes()
    place.file.write_bytes(content[: random.randrange(len(content))])
    yield


@contextmanager
def _garbage(place: Place) -> Iterator[None]:
    place.file.write_bytes(random.randbytes(random.randrange(5000)))
    yield


@contextmanager
def _foreign(place: Place) -> Iterator[None]:
    """Somebody else's file in our folder, saying something else; without root, we are somebody else."""
    place.file.write_bytes(place.file.read_bytes().replace(b"1.0.0", b"6.6.6"))
    own = os.getuid
    if own() == 0:
        os.chown(place.file, NOBODY, NOBODY)
    else:
        os.getuid = lambda: NOBODY
    yield
    os.getuid = own


@contextmanager
def _link_to_file(place: Place) -> Iterator[None]:
    place.file.unlink()
    place.file.symlink_to(place.outside / "precious.json")
    yield


@contextmanager
def _link_to_folder(place: Place) -> Iterator[None]:
    folder = place.folder
    folder.rename(place.root.with_name("moved"))
    folder.symlink_to(place.outside)
    yield


@contextmanager
def _link_to_lock(place: Place) -> Iterator[None]:
    lock = place.folder / ".lock"
    lock.unlink()
    lock.symlink_to(place.outside / "made")
    yield


@contextmanager
def _a_file(place: Place) -> Iterator[None]:
    place.root.rename(place.root.with_name("moved"))
    place.root.write_bytes(b"")
    yield


STATES: tuple[tuple[str, Callable[[Place], AbstractContextManager[None]]], ...] = (
    ("folder full", _full),
    ("folder read-only", _read_only),
    ("file torn", _torn),
    ("file of garbage", _garbage),
    ("file of a foreign owner", _foreign),
    ("file is a link", _link_to_file),
    ("folder is a link", _link_to_folder),
    ("lock is a link", _link_to_lock),
    ("folder is a file", _a_file),
)


def prove(*, full: bool) -> Iterator[Result]:
    """Bring the folder into each state, between the runs of an application."""
    random.seed(SEED)
    for what, state in STATES:
        rounds = ROUNDS[full]
        wrong = sum(_run(state) for _ in range(rounds))
        yield Result(what, rounds, wrong=wrong, note=f"{3 * GETS * rounds} gets")


def _run(state: Callable[[Place], AbstractContextManager[None]]) -> int:
    """Four runs: one before; then without a registry, with one, and without. Gives how much went wrong."""
    registry = FakeRegistry()
    with TemporaryDirectory() as folder, Proxy(registry.port) as proxy:
        place = Place(Path(folder))
        registry.releases[NAME] = release(NAME, "1.0.0")
        wrong = _get(proxy, place, {"1.0.0"})
        with state(place):
            outside = place.left_outside()
            proxy.set(SHUT)
            wrong += _get(proxy, place, {"1.0.0", "fallback"}, ready=False)
            proxy.set(PASS)
            registry.publish(release(NAME, "1.1.0", seq=2))
            wrong += _get(proxy, place, {"1.1.0"})
            proxy.set(SHUT)
            wrong += _get(proxy, place, {"1.0.0", "1.1.0", "fallback"}, ready=False)
            wrong += place.left_outside() != outside
        registry.stop()
    return wrong


def _get(proxy: Proxy, place: Place, allowed: set[str], *, ready: bool = True) -> int:
    """One run of an application; gives how often `get` failed or gave what it must not."""
    with Client(proxy.url, prompts=[NAME], snapshot_dir=place.root) as client:
        if ready and not client.ready(READY_SECONDS):
            return GETS
        return sum(not _is_good(client, allowed) for _ in range(GETS))


def _is_good(client: Client, allowed: set[str]) -> bool:
    try:
        return client.get(NAME, fallback="mine").version in allowed
    except Exception:  # noqa: BLE001 - there may be none, whatever it is
        return False


def _mount(folder: Path, options: str) -> bool:
    """Put an empty disk in memory over a folder, with what was in it, if we may."""
    files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    if not _may("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(folder)):
        return False
    for path, content in files.items():
        (folder / path).parent.mkdir(mode=0o700, exist_ok=True)
        (folder / path).write_bytes(content)
    return _may("mount", "-o", f"remount,{options}", str(folder))


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", str(folder)], check=True)


def _may(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
