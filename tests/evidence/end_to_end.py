"""``python -m evidence.end_to_end``: a real app and registry, and candidates that fail three times as often.

Each rollout is taken back by the guard. How many calls of the candidate had been counted by then is printed
beside what `simulate` foretells. The exit code is 1 where one was not taken back, or it took longer than was
foretold.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from bench import many
from outcomes_in import now, record
from rich.console import Console
from support import Registry, until

from promptstage import Client
from registry.evidence.constants import CALLS as NEEDED
from registry.evidence.forecast import forecast, spread
from registry.evidence.simulation import Traffic, Trial, Watched
from registry.evidence.verdicts import Metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support import Api

ROLLOUTS = int(os.environ.get("ROLLOUTS", "40"))
BASE, RATIO = 0.05, 3.0
PACE = 15  # calls a second of each prompt
PATIENCE = 300.0
SEED = 20261130
PLACE = "/v1/environments/production"
MARGIN = 1.5  # of the foretold ninth decile: that of 40 rollouts is itself off by a third


class Failed(Exception):
    """What the model answers."""


def main() -> int:
    """Take back all, and compare."""
    logging.getLogger("promptstage.calls").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        many.author(folder / "prompts", ROLLOUTS, versions=2)
        registry = Registry(folder / "prompts", folder / "data", poll_seconds="3600")
        try:
            counted = _taken_back(registry, many.names(ROLLOUTS))
        finally:
            registry.stop()
    watched = (Watched(Metric("errors", 1.0), BASE, RATIO),)
    trial = Trial(steps=((50, None),), traffic=Traffic(calls=3600 * PACE), watched=watched)
    foretold = forecast(trial, 1000, SEED).calls
    found = spread(counted)
    assert foretold
    assert found
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(
        f"{len(counted)} of {ROLLOUTS} rollouts were taken back, with three times the errors at 5 %"
    )
    console.print(f"calls of the candidate until then: median {found.median:g}, 9 of 10 {found.p90:g}")
    console.print(f"foretold: median {foretold.median:g}, 9 of 10 {foretold.p90:g}")
    return int(len(counted) < ROLLOUTS or found.p90 > MARGIN * foretold.p90)


def _taken_back(registry: Registry, names: Sequence[str]) -> list[int]:
    """Call until all rollouts were taken back; the calls of the candidate that were counted for each."""
    api = registry.api
    for name in names:
        api.act("promote", name, {"version": "1.0.0"})
        known = [record(now() - 1000, prompt=name, version="1.0.0", duration_ms=50.0) for _ in range(NEEDED)]
        for first in range(0, NEEDED, 500):
            part = {"batch": str(uuid4()), "calls": known[first : first + 500]}
            until(lambda part=part: api.call("POST", f"{PLACE}/calls", part).status == 200, "room")  # type: ignore[misc]
    usage = f"{PLACE}/usage?by=prompt"
    until(lambda: _calls(api, usage) >= NEEDED * len(names), "the calls of before", patience=PATIENCE)
    for name in names:
        body = {"version": "1.1.0", "steps": [{"percent": 50}], "guard": True}
        started = api.act("start", name, body).json["state"]["rollout"]
        assert started["guard"]["constants"]["window"]["value"] == 10, started
    with closing(Client(registry.url, token=api.token, environment="production", prompts=names)) as client:
        assert client.ready(PATIENCE)
        return _call(client, api, list(names))


def _calls(api: Api, usage: str) -> int:
    return sum(row["calls"] for row in api.get(usage).json["data"])


def _call(client: Client, api: Api, names: list[str]) -> list[int]:
    """Call the models of all prompts in turn, as those of as many users, until the guard has acted on all."""
    chance, counted = random.Random(SEED), []
    deadline = time.monotonic() + PATIENCE
    while names and time.monotonic() < deadline:
        begun = time.monotonic()
        for name in list(names):
            with suppress(Failed), client.call(name, key=str(chance.getrandbits(64))) as call:
                call.record(input_tokens=100, output_tokens=10)
                if chance.random() < BASE * (RATIO if call.prompt.version == "1.1.0" else 1):
                    raise Failed
            if call.prompt.reason == "STATIC":  # it was taken back
                names.remove(name)
                counted.append(_units(api, name))
        time.sleep(max(0.0, 1 / PACE - (time.monotonic() - begun)))
    return counted


def _units(api: Api, name: str) -> int:
    """The users of the candidate that the guard had counted when it acted."""
    change = api.get(f"{PLACE}/rollouts/{name}/history").json["data"][0]
    assert (change["actor"], change["op"]) == ("guard", "rollback")
    ((_, (canary, _), _),) = change["evidence"]["harm"][0]["steps"]
    return int(canary)


if __name__ == "__main__":
    sys.exit(main())
