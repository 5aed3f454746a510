"""The console: what a page costs with many prompts and calls, and what open pages cost everybody else.

``CALLS=1000000`` changes how many calls there are.
"""

from __future__ import annotations

import gzip
import os
import socket
import statistics
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from bench import many
from bench.load import Ask, Load
from bench.many_calls import fill
from bench.measure import Row, median
from console.pages_over_http import Browser
from outcomes_in import now
from support import Registry, until

from registry.outcomes.call import DAY_MS
from registry.outcomes.store.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPTS = 1000
CALLS = int(os.environ.get("CALLS", "10_000_000"))
DAYS = 90
TIMES = 40  # of each page; the slowest of 20 is the p95
CONSOLES = 50
TURNS = 9
RELEASES = 2000  # in a turn
UPDATES = 20
PAGES = {
    "overview": "/console/e/production",
    "prompt": f"/console/e/production/prompts/{many.FIRST}",
    "all prompts": "/console/prompts",
    "history": "/console/e/production/history",
    "rollback": "/console/e/production/rollback",
    "usage of 7 days by prompt": "/console/e/production/usage",
    "usage of 90 days by version": "/console/e/production/usage?by=version&span=90d",
    "usage of 90 days by model": "/console/e/production/usage?by=model&span=90d",
    "calls": "/console/e/production/calls",
    "system": "/console/system",
}


def measure() -> Iterator[Row]:
    """Open each page many times, then follow what changes, then ask for releases beside open pages."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        registry = _served(folder)
        stack.callback(registry.stop)
        with closing(Browser(registry.url)) as browser:
            browser.log_in(registry.api.token)
            yield _first_page(browser)
            for what, path in PAGES.items():
                yield _page(browser, what, path)
            yield _update(registry, browser)
            yield _beside(registry, browser)


def _served(folder: Path) -> Registry:
    """A registry with many prompts in force, and the calls of a quarter."""
    commit = many.author(folder / "prompts", PROMPTS, 2)
    many.keep(folder / "data", commit, PROMPTS, PROMPTS)
    store = open_store("", folder / "data")
    fill(store.main, now() // DAY_MS - DAYS, DAYS, CALLS)
    store.close()
    registry = Registry(folder / "prompts", folder / "data", poll_seconds="3600", patience=120)
    until(lambda: not registry.api.get("/v1/catalog").json["unread"], "the end of the validation")
    return registry


def _first_page(browser: Browser) -> Row:
    """Add up all that a browser loads for the first page."""
    page = browser.get(PAGES["overview"])
    links = [part.split('"')[0] for part in page.html.split('="')[1:] if part.startswith("/console/static/")]
    files = [browser.get(link).html for link in dict.fromkeys(links)]
    bodies = [page.html.encode(), *(file.encode() for file in files)]
    packed = sum(len(gzip.compress(body)) for body in bodies)
    note = f"{len(files)} files and the page; {packed / 1024:.0f} KiB if a proxy packs them"
    return Row(
        "the first page, all of it", sum(map(len, bodies)) / 1024, "KiB", target="<= 150 KiB", note=note
    )


def _page(browser: Browser, what: str, path: str) -> Row:
    browser.get(path)  # the first one loads templates
    seconds = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        page = browser.get(path)
        seconds.append(time.perf_counter() - begun)
        assert page.status == 200, (path, page.text)
    p95 = statistics.quantiles(seconds, n=20)[-1]
    note = f"p50 {statistics.median(seconds) * 1000:.1f} ms"
    return Row(f"page: {what}, p95", p95 * 1000, "ms", target="<= 50 ms", note=note)


def _update(registry: Registry, browser: Browser) -> Row:
    """From the acknowledgement of a change to what an open page is told, and has asked for again."""
    with closing(_follow(registry, browser)) as stream:
        waits = []
        registry.api.act("start", many.FIRST, {"version": "1.1.0"})
        for number in range(UPDATES):
            registry.api.act(("pause", "resume")[number % 2], many.FIRST, {})
            begun = time.perf_counter()
            while b"changed" not in stream.recv(65536):
                pass
            browser.get(PAGES["overview"])
            waits.append(time.perf_counter() - begun)
    value, spread = median(waits)
    note = f"at most {max(waits) * 1000:.0f} ms"
    return Row("a change at an open page", value * 1000, "ms", spread, target="<= 200 ms", note=note)


def _follow(registry: Registry, browser: Browser) -> socket.socket:
    """Open the stream of a page."""
    ((name, value),) = browser.cookies.items()
    stream = socket.create_connection(("127.0.0.1", registry.port), timeout=30)
    stream.sendall(
        b"GET /console/events?environment=production HTTP/1.1\r\nHost: x\r\n"
        + f"Cookie: {name}={value}\r\n\r\n".encode()
    )
    return stream


def _beside(registry: Registry, browser: Browser) -> Row:
    """Count releases a second, in turns with and without open pages."""
    quiet, busy = [], []
    headers = (("authorization", f"Bearer {registry.api.token}"),)
    ask = Ask(f"/v1/environments/production/releases/{many.FIRST}", headers)
    for _ in range(TURNS):
        quiet.append(_releases(registry, ask))
        streams = [_follow(registry, browser) for _ in range(CONSOLES)]
        busy.append(_releases(registry, ask))
        for stream in streams:
            stream.close()
    value, spread = median(busy)
    note = f"{CONSOLES} streams of pages"
    return Row("GET release beside open pages", value, "/s", spread, median(quiet)[0], ">= 0.95x", note)


def _releases(registry: Registry, ask: Ask) -> float:
    with closing(Load(registry.port, ask)) as load:
        begun = time.perf_counter()
        return load.run(RELEASES) / (time.perf_counter() - begun)
