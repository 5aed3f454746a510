"""The figures that the documentation shows: tables that are written from one run of the bench.

python -m bench figures     keeps the last run as `figures.json`, and writes the tables of the pages from it

A table stands between two comments that name it. It is never written by hand, and a test compares it with
the file, so that two pages cannot disagree.
"""

from __future__ import annotations

import re
from functools import partial
from math import inf
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from bench import results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.results import Json, Subjects

PAGES = tuple(results.ROOT / page for page in ("README.md", "client/README.md", "deploy/README.md"))
BLOCK = re.compile(r"(<!-- figures: (?P<table>\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)


class Figure(NamedTuple):
    """A line of a table.

    Attributes:
        label: what the page calls it.
        subject: of the bench.
        work: its row.
        prompts: of how many, where that is measured with several.
    """

    label: str
    subject: str
    work: str
    prompts: int | None = None


CLIENT = (
    Figure("`get`, with its stamp, no rollout", "client", "get, no rollout, stamped"),
    Figure(
        "`get`, with its stamp, a rollout, a key that returns", "client", "get, split, a key that returns"
    ),
    Figure(
        "`get`, with its stamp, a rollout, the key of a `context`",
        "client",
        "get, split, the key of a context",
    ),
    Figure("`get`, with its stamp, a rollout, a new key each time", "client", "get, split, a new key each"),
    Figure("`use`, a block", "client", "use, split, a key that returns"),
    Figure("`context`, a block", "client", "context, a key"),
    Figure("`messages`, 1 KB with two variables", "client", "messages, 1 KB, two variables"),
    Figure("a log record with its stamp", "client", "a log record with its stamp"),
    Figure("a request through the ASGI middleware", "middleware", "ASGI, middleware, header"),
    Figure("a request through the WSGI middleware", "middleware", "WSGI, middleware, header"),
    Figure("`import promptstage`", "client", "import promptstage"),
    Figure("`from promptstage import Client, context`", "client", "from promptstage import Client, context"),
)
SERVICE = (
    Figure("a change, until it is acknowledged", "promote", "promote acknowledged"),
    Figure("from there until a client serves it", "latency", "acknowledged -> served, same registry"),
    Figure("from there until 1,000 clients have it", "streams", "acknowledged -> at 1000 clients"),
    Figure("an idle stream, of 5,000", "streams", "an idle stream, of 5000"),
    Figure("5,000 idle streams", "streams", "5000 idle streams"),
    Figure("a release, to those without the client", "http", "GET release, 200"),
    Figure("`resolve`, a key that returns", "http", "resolve, a key that returns"),
    Figure("`resolve`, a new key each time", "http", "resolve, a new key each"),
    Figure("start to ready, 10 prompts", "growth", "start to ready", 10),
    Figure("start to ready, 5,000 prompts", "growth", "start to ready", 5_000),
    Figure("a new tag, until it is served, 10 prompts", "growth", "sync: tagged -> served", 10),
    Figure("a new tag, until it is served, 5,000 prompts", "growth", "sync: tagged -> served", 5_000),
    Figure("a new tag, until it is served, 100,000 tags", "catalog", "a look that finds one tag -> served"),
    Figure("first start, until served, 100,000 tags", "catalog", "first look -> names and versions served"),
    Figure("memory, 100,000 tags", "catalog", "memory, all 100,000 versions known"),
    Figure("`promptstage check` of 1,000 files", "check", "check of 1000 files, without the start"),
)
PEERS = {
    "promptstage: get": "a cached prompt; here with its log stamp",
    "promptstage: get, a new key each": "a split by user, a new user each call; here with its log stamp",
    "promptstage: messages": "rendering 1 KB with two variables",
}
"""Our work that begins each kind of `bench.peers`, and what the page calls it."""
OURS = ("promptstage", "floor")
WITHOUT_FLOOR = {"growth"}  # its ratios are to its own smallest size


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


def _costs(figures: Sequence[Figure], subjects: Subjects) -> Iterator[str]:
    """What each work takes, and how many times its floor that is."""
    yield from ("| work | takes | of its floor |", "|---|---|---|")
    for label, subject, work, prompts in figures:
        row = results.row(subjects, subject, work, prompts)
        if row is None:
            yield f"| {label} | not measured in that run | |"
            continue
        ratio = "" if row["ratio"] is None or subject in WITHOUT_FLOOR else f"{_rounded(row['ratio'])} x"
        yield f"| {label} | {_rounded(row['value'])} {row['unit']} | {ratio} |"


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
    "all": partial(_costs, (*CLIENT, *SERVICE)),
    "peers": _peers,
}
