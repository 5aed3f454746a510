"""What a process finds that has a client, compared with what is true of the registry."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from promptstage.stamp import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptstage import Client, Prompt

HOT, COLD = "summarize", "support/triage"  # one is promoted all the time, the other stays
READY_SECONDS = 15.0
CONNECTED_SECONDS = 5.0  # within which a new process is
STALE_SECONDS = 1.0  # that a process which is connected may be behind
GET_SECONDS = 0.5  # for `GETS` of a name that is held: far more than a busy machine needs
GETS = 200
LOOK_SECONDS = 0.005

Told = dict[str, float]


class Truth:
    """What is true of the registry, as any process may read it.

    Args:
        folder: where it is written.
    """

    def __init__(self, folder: Path) -> None:
        self._digests: dict[str, str] = json.loads((folder / "digests.json").read_text())
        self._newest = os.open(folder / "newest", os.O_RDONLY)

    @property
    def newest(self) -> int:
        """The seq of the newest promote of `HOT` that was acknowledged."""
        return int.from_bytes(os.pread(self._newest, 8, 0), "little")

    @property
    def versions(self) -> list[str]:
        """All that there are of `HOT`."""
        names = (place.split("@") for place in self._digests)
        return [version for name, version in names if name == HOT]

    def is_true(self, prompt: Prompt) -> bool:
        """Whether name, version, digest and text belong together."""
        place = f"{prompt.name}@{prompt.version}"
        text = prompt.document.texts[0]
        return prompt.digest == self._digests.get(place) and text.startswith(
            f"{prompt.name} {prompt.version}:"
        )


class Witness:
    """Looks at the client of its process.

    Args:
        client: the process's.
        truth: what is true.
        port: where the client connects to.
        slack: seconds by which all may be late on a busy machine.
    """

    def __init__(self, client: Client, truth: Truth, port: int, slack: float) -> None:
        self._client = client
        self._truth = truth
        self._port = port
        self._slack = slack

    def tell(self, stamp: str) -> Told:
        """What there is, at once and when it is connected: counts of what must not be, and the slowest.

        Args:
            stamp: what the context was marked with before the process began.
        """
        begun = time.monotonic()
        held = [self._client.get(HOT, key=key, stamp=False) for key in range(GETS)]
        took = time.monotonic() - begun
        held.append(self._client.get(COLD, stamp=False))
        return {
            "gets": len(held),
            "wrong": sum(not self._truth.is_true(prompt) for prompt in held),
            "stamps": str(current()) != stamp,
            "slow": took > GET_SECONDS + self._slack,
            **self._follow(begun),
        }

    def _follow(self, begun: float) -> Told:
        connected = wait(self._is_connected, CONNECTED_SECONDS + self._slack)
        told = {"late": float(not connected), "slowest connect": time.monotonic() - begun}
        shared = sockets_of("self") & sockets_of(os.getppid()) & connections_to(self._port)
        next_one = self._truth.newest + 1
        assert wait(lambda: self._truth.newest >= next_one, READY_SECONDS), "nothing is promoted"
        since = time.monotonic()
        told["late"] += not wait(lambda: seq_of(self._client) >= next_one, STALE_SECONDS + self._slack)
        threads = [thread for thread in threading.enumerate() if thread.name == "promptstage"]
        return told | {
            "slowest promote": time.monotonic() - since,
            "shared": len(shared),
            "threads": len(threads) != 1,
        }

    def _is_connected(self) -> bool:
        return self._client.status()["stream"]["state"] == "connected"


def seq_of(client: Client) -> int:
    """How far a client has come with what is promoted all the time; 0 before the first release."""
    return client.status()["prompts"][HOT]["seq"] or 0


def connections_to(port: int) -> set[str]:
    """The connections to a port of this machine, by their inodes."""
    remote = f":{port:04X} "
    lines = (line for line in Path("/proc/net/tcp").read_text().splitlines() if remote in line)
    return {fields[9] for fields in map(str.split, lines) if fields[2].endswith(remote.strip())}


def sockets_of(pid: int | str) -> set[str]:
    """The sockets that a process holds, by their inodes."""
    sockets = (link for link in _links(pid) if link.startswith("socket:"))
    return {link.removeprefix("socket:[").removesuffix("]") for link in sockets}


def _links(pid: int | str) -> Iterator[str]:
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield str(file.readlink())
        except OSError:  # closed meanwhile
            continue


def wait(look: Callable[[], bool], seconds: float) -> bool:
    """Look until it is so, and say whether it was in time."""
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True
