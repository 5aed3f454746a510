"""An application that makes calls while it is told to: python -m faults.reporting_app URL FOLDER PACE.

It reads commands from its standard input, one a line, and answers each with a line of JSON: ``calls COUNT
RATE`` makes so many calls, so many a second; ``settle`` waits until nothing is queued any more.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from faults.pace import TIMES, paced
from support import until

from client import responses_of as given
from promptstage import Client

PAGE = os.sysconf("SC_PAGE_SIZE")


def main(url: str, folder: str, pace: float) -> None:
    """Serve commands until there are no more."""
    with (
        paced(pace, (*TIMES, "BATCH_EVERY")),
        Client(url, snapshot_dir=folder, prompts=["rolling"]) as client,
    ):
        assert client.ready(10), client.status()
        for line in sys.stdin:
            command, *numbers = line.split()
            answer = calls(client, *map(int, numbers)) if command == "calls" else settle(client)
            sys.stdout.write(f"{json.dumps(answer)}\n")
            sys.stdout.flush()


def calls(client: Client, count: int, rate: int) -> dict[str, Any]:
    """Make calls; what went wrong, the longest one, and by how much the process has grown."""
    before, errors, longest = resident(), 0, 0.0
    begun = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, begun + number / rate - time.monotonic()))
        at = time.monotonic()
        try:
            with client.call("rolling", key=f"user-{number}", route="POST /tickets") as call:
                call.messages(text="My parcel never came")
                call.record(given.CHAT)
        except Exception:  # noqa: BLE001 - that is what is counted
            errors += 1
        longest = max(longest, time.monotonic() - at)
    return {
        "errors": errors,
        "longest": longest,
        "grown": resident() - before,
        **client.status()["reports"],
    }


def settle(client: Client) -> dict[str, Any]:
    """Wait until all is sent that was not let go."""
    until(lambda: client.status()["reports"]["queued"] == 0, "the queue", patience=60)
    return dict(client.status()["reports"])


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
