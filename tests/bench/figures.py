"""The figures that the documentation shows: tables that are written from one run of the bench.

python -m bench figures     keeps the last run as `figures.json`, and writes the tables of the pages from it
make figures                measures all that the tables show, and then does that: an hour on a quiet machine

A table stands between two comments that name it. It is never written by hand, and a test compares it with
the file, so that two pages cannot disagree.
"""

from __future__ import annotations

import re
from functools import partial
from math import inf
from operator import itemgetter
from typing import TYPE_CHECKING

from bench import results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bench.results import Json, Subjects

PAGES = tuple(
    sorted(
        file
        for folder in (".", "client", "deploy", "docs")
        for file in (results.ROOT / folder).glob("*.md")
        if file.name != "CHANGELOG.md"
    )
)
BLOCK = re.compile(r"(<!-- figures: (?P<table>\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


CLIENT = {
    "client": (
        "get, no rollout, stamped",
        "get, split, a key that returns",
        "get, split, the key of a context",
        "get, split, a new key each, unstamped",
        "get, split, a new key each",
        "use, split, a key that returns",
        "context, a key",
        "messages, 1 KB, two variables",
        "a log record with its stamp",
        "call, an answer recorded",
        "call, in a coroutine",
        "call, reported",
        "a part of a streamed answer",
        "the same text in Mustache",
        "a record written, in a batch of 500",
        "import promptstage",
        "from promptstage import Client, context",
    ),
    "middleware": ("ASGI, middleware, header", "WSGI, middleware, header"),
}
SERVICE = {
    "promote": ("promote acknowledged",),
    "latency": ("acknowledged -> served, same registry",),
    "streams": ("acknowledged -> at 1000 clients", "an idle stream, of 5000", "5000 idle streams"),
    "http": (
        "GET release, 200",
        "GET release, 304",
        "resolve, a key that returns",
        "resolve, a new key each",
    ),
    "growth": ("start to ready", "sync: tagged -> served"),
    "catalog": (
        "first look -> names and versions served",
        "a look that finds one tag -> served",
        "memory, all 100,000 versions known",
    ),
    "check": ("check of 1000 files, without the start",),
    "outcomes": (
        "a record: store alone, of a processor",
        "records a second of a core, over HTTP",
        "a batch of 200, p99",
        "GET release beside reports",
        "usage of 90 days by version",
        "usage of 90 days by version and day",
        "usage of a week by prompt, version and hour, with p95",
        "one call by its id",
        "the 50 worst scores",
        "retention of one day",
    ),
}
"""The works that a page shows, by the subject of the bench."""
PEERS = {
    "promptstage: get": "a cached prompt; here with its log stamp",
    "promptstage: get, a new key each": "a split by user, a new user each call; here with its log stamp",
    "promptstage: messages": "rendering 1 KB with two variables",
}
"""Our work that begins each kind of `bench.peers`, and what the page calls it."""
OURS = ("promptstage", "floor")


def write() -> None:
    """Keep the last run, and write the tables of all pages from it."""
    results.keep()
    for page in PAGES:
        page.write_text(written(page.read_text()))


def written(page: str) -> str:
    """A page with its tables as the kept run has them."""
    subjects = results.load(results.KEPT)
    return BLOCK.sub(lambda found: found[1] + _table(found["table"], subjects) + found[3], page)


def _table(name: str, subjects: Subjects) -> str:
    lines = TABLES[name](subjects)
    return "".join(f"{line}\n" for line in lines)


def _costs(figures: Mapping[str, Sequence[str]], subjects: Subjects) -> Iterator[str]:
    """What each work takes, and how many times its floor that is."""
    yield from ("| work | takes | of its floor |", "|---|---|---|")
    for subject, works in figures.items():
        for work in works:
            rows = [row for row in subjects.get(subject, ()) if row["work"] == work and row["value"]]
            yield from map(_cost, rows) if rows else [f"| {work} | not measured in that run | |"]


def _cost(row: Json) -> str:
    of = "" if row["prompts"] is None else f", {row['prompts']:,} prompts"
    # Of what is measured with ever more prompts the ratio says how it grew, not what it could take.
    ratio = f"{_rounded(row['ratio'])} x" if row["ratio"] and not of else ""
    return f"| {row['work']}{of} | {_rounded(row['value'])} {row['unit']} | {ratio} |"


def _peers(subjects: Subjects) -> Iterator[str]:
    """What others take for the same work, as multiples of ours."""
    yield from ("| work | takes others |", "|---|---|")
    kinds: dict[str, list[Json]] = {}
    work = ""
    for row in subjects["peers"]:
        work = row["work"] if row["work"] in PEERS else work
        kinds.setdefault(work, []).append(row)
    for work, others in kinds.items():
        yield f"| {PEERS[work]} | {_multiples(others)} |"


def _multiples(rows: Sequence[Json]) -> str:
    """Each peer with the ratio of its fastest work, the nearest first; what is ours is left out."""
    found: dict[str, float] = {}
    for row in rows:
        peer = row["work"].partition(":")[0]
        if row["ratio"] and peer not in OURS:
            found[peer] = min(row["ratio"], found.get(peer, inf))
    return ", ".join(f"{peer} {ratio:.0f} x" for peer, ratio in sorted(found.items(), key=itemgetter(1)))


def _rounded(value: float) -> str:
    """Two digits that count: what is measured again differs in the third."""
    return f"{float(f'{value:.2g}'):,g}"


TABLES: dict[str, Callable[[Subjects], Iterator[str]]] = {
    "client": partial(_costs, CLIENT),
    "all": partial(_costs, CLIENT | SERVICE),
    "peers": _peers,
}
