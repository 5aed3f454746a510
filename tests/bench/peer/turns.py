"""What the program of a peer does: set its peer up, then work when it is told to, turn by turn.

python -m bench.peer.NAME FOLDER        by the interpreter that has the peer, from the folder of the tests

It needs nothing but the standard library. It writes one line of JSON when it is ready, and one for each line
that it reads, which names a work of its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

PROMPT, SPLIT, RENDER = "prompt", "split", "render"
CALLS = 5_000  # in a turn
PERCENT = 10
TEXT = "Summarize {{text}} for {{tone}}. " + "Lorem ipsum dolor sit amet. " * 36  # 1 KB, two variables
VALUES = {"text": "a thread", "tone": "a friend"}


class Work(NamedTuple):
    """What is measured, once per key.

    Attributes:
        kind: `PROMPT`, `SPLIT` or `RENDER`: what it is compared with.
        call: does it for one key.
        note: what the call includes.
        fresh: whether each key is a new one; else the same ones come in every turn.
    """

    kind: str
    call: Callable[[str], object]
    note: str
    fresh: bool = True


def answer(set_up: Callable[[Path], Mapping[str, Work]]) -> None:
    """Set up, then do what each line says; an error is an answer, too."""
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)  # what a peer prints is no answer
        try:
            works = set_up(Path(sys.argv[1]))
            for work in works.values():
                _check(work)
            print(json.dumps({name: [work.kind, work.note] for name, work in works.items()}), file=answers)
            keys = _keys()
            for line in sys.stdin:
                work = works[line.strip()]
                turn = next(keys) if work.fresh else [f"user-{i % 100}" for i in range(CALLS)]
                print(json.dumps({"seconds": _seconds(work.call, turn)}), file=answers)
        except Exception as error:  # noqa: BLE001 - whatever a peer raises, it is its row that says so
            print(json.dumps({"failed": f"{type(error).__name__}: {error}"}), file=answers)


def _keys() -> Iterator[list[str]]:
    """New keys, for every turn."""
    for number in count(1):
        yield [f"user-{number}-{i}" for i in range(CALLS)]


def _seconds(call: Callable[[str], object], keys: Sequence[str]) -> float:
    """The time that the processor worked for a call, whichever thread of this process asked it to."""
    begun = time.process_time()
    for key in keys:
        call(key)
    return (time.process_time() - begun) / len(keys)


def _check(work: Work) -> None:
    """Make sure that the work is really done: who answers without working is fast."""
    if work.kind == SPLIT:
        found = Counter(work.call(f"user-{i}") for i in range(CALLS)).most_common()
        share = found[-1][1] / CALLS * 100
        assert len(found) == 2, f"not two outcomes, but {found[:3]}"
        assert PERCENT / 2 < share < PERCENT * 2, f"a split at {share:.1f} %, not {PERCENT} %"
    elif work.kind == RENDER:
        assert all(value in str(work.call("user-1")) for value in VALUES.values()), (
            "values are not in the text"
        )
    else:
        assert work.call("user-1"), "there is no prompt"
