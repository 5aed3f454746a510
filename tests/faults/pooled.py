"""A pool whose processes are replaced: python -m faults.pooled URL TOKEN FOLDER SLACK TASKS METHOD.

METHOD is how they are started: ``fork``, ``forkserver`` or ``spawn``. Forked ones have the client of their
parent, the others each make one, as an application's module does. Writes one JSON object: what all told.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from faults.witness import COLD, HOT, READY_SECONDS, Told, Truth, Witness

from promptstage import Client
from promptstage.stamp import current

PROCESSES, TASKS_EACH = 4, 3


@cache
def client(url: str, token: str, folder: Path) -> Client:
    """The one of this process, or of the process that it was forked from."""
    made = Client(url, token=token, prompts=[HOT, COLD], snapshot_dir=folder / "snapshots")
    assert made.ready(READY_SECONDS)
    return made


def work(place: tuple[str, str, Path, float]) -> Told:
    """What one task finds."""
    url, token, folder, slack = place
    here = client(url, token, folder)
    return Witness(here, Truth(folder), urlsplit(url).port or 0, slack).tell(str(current()))


def main(*arguments: str) -> None:
    """Start the pool, and add up what its workers told."""
    url, token, folder, slack, tasks, method = arguments
    place = (url, token, Path(folder), float(slack))
    if method == "fork":
        client(*place[:3])
    counts: Counter[str] = Counter(processes=-(-int(tasks) // TASKS_EACH))
    slowest: dict[str, float] = {}
    with multiprocessing.get_context(method).Pool(PROCESSES, maxtasksperchild=TASKS_EACH) as pool:
        for told in pool.imap_unordered(work, [place] * int(tasks)):
            for what, value in told.items():
                if what.startswith("slowest"):
                    slowest[what] = max(slowest.get(what, 0.0), value)
                else:
                    counts[what] += int(value)
        pool.close()
        pool.join()
    sys.stdout.write(json.dumps({"counts": counts, "slowest": slowest}))


if __name__ == "__main__":
    main(*sys.argv[1:])
