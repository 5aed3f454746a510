"""python -m bench.reporter URL BATCHES PAUSE TOKEN...: an app that reports batch after batch.

It is a process of its own, and packs all batches before it sends the first. At the end it writes the seconds
that each batch took, as JSON.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from uuid import uuid4

from outcomes_in import record
from support import Api

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH = 200
PATH = "/v1/environments/production/calls"


def start(url: str, batches: int, pause: float, tokens: Sequence[str]) -> subprocess.Popen[str]:
    """Start one; it says when it is ready to send, and sends at a line of input."""
    command = [sys.executable, "-m", "bench.reporter", url, str(batches), str(pause), *tokens]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    process.stdout.readline()
    return process


def finish(process: subprocess.Popen[str]) -> list[float]:
    """The seconds that each batch took."""
    told, _ = process.communicate()
    found: list[float] = json.loads(told)
    return found


def main(url: str, batches: str, pause: str, *tokens: str) -> None:
    """Report, and say how long it took."""
    bodies = [_body() for _ in range(int(batches))]
    apis = [Api(url, token) for token in tokens]
    print("ready", flush=True)
    sys.stdin.readline()
    seconds = []
    for number, body in enumerate(bodies):
        begun = time.perf_counter()
        answer = apis[number % len(apis)].call("POST", PATH, body, Content_Encoding="gzip")
        seconds.append(time.perf_counter() - begun)
        assert answer.json["accepted"] == BATCH, answer.text
        time.sleep(max(0.0, float(pause) - seconds[-1]))
    print(json.dumps(seconds))


def _body() -> bytes:
    batch = {"batch": str(uuid4()), "calls": [record() for _ in range(BATCH)]}
    return gzip.compress(json.dumps(batch).encode(), 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
