"""Wall clocks that are wrong, and that are set while processes run: a client's, and the registry's."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from faults.busy import busy
from faults.caller import GETS_A_SECOND
from faults.crowd import CLIENTS, Crowd, Service, Trial, text_of
from faults.flock import Herd
from faults.pace import SLACK
from faults.scenario import Result
from support import Api, Valkey, until

from promptstage import limits
from registry.journal.position import is_newer

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
PATCH = Path(__file__).with_name("faketime")
TRUE, FAR, BACK = "+0", "+10y", "-1h"
CLOCKS = (FAR, BACK, TRUE)
ODD_SECONDS = 1800.0  # by which a clock must differ from ours to be a wrong one
CONNECTED = 1.0  # seconds that a client may be behind
CONFIRMED = limits.SILENCE  # seconds that a connected client may say that it was not confirmed
HOLD = {True: 2.0, False: 0.4}  # seconds with each clock
STEP = 4  # seconds that a step of a rollout is held
SEEN = 1.5  # seconds after which a registry has seen a step: it looks every second
LATE = 5.0  # seconds that a step may end late, where changes are many: not an hour, and not ten years
RETRY_AFTER = 3  # seconds
FLOCK = 10
TIMED = "timed"


class Wall:
    """A wall clock for processes, which can be set while they run; their monotonic clock stays true."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall"
        self.set(TRUE)
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # its name in older versions
            "PYTHONPATH": os.pathsep.join([str(PATCH), os.environ.get("PYTHONPATH", "")]),
            "NO_FAKE_STAT": "1",  # files have the time of the disk: the harder case
        }

    def set(self, clock: str) -> None:
        """Let it differ so much from the true one."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{clock}\n")
        written.replace(self._file)

    @contextmanager
    def hangs_here(self) -> Iterator[None]:
        """Let the processes that are started meanwhile go by it."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def prove(*, full: bool) -> Iterator[Result]:
    """The clients' clock first, then the registry's."""
    if LIBRARY is None:
        yield Result("wrong clocks", 0, void="there is no libfaketime on this machine")
        return
    for prove_one in (partial(_of_clients, full=full), *((_of_a_registry, _of_journals) if full else ())):
        with TemporaryDirectory() as folder, ExitStack() as stack:
            yield from prove_one(stack, Path(folder), Wall(Path(folder)))


# The clients' clock


def _of_clients(stack: ExitStack, folder: Path, wall: Wall, *, full: bool) -> Iterator[Result]:
    service = stack.enter_context(closing(Service(folder)))
    herd = Herd(service, 1, FLOCK, 1.0, wall.environment)
    with closing(herd):
        herd.ask("connected", limits.BACK_OFF_CAP)
        for clock in CLOCKS:
            yield _set_under_clients(service, herd, wall, clock, full=full)
        if full:
            yield _refuse_until(service, herd, wall)
    if full:
        for clock in (FAR, BACK):
            yield _begin_at(service, wall, clock)


def _set_under_clients(service: Service, herd: Herd, wall: Wall, clock: str, *, full: bool) -> Result:
    gets, bad = _called(herd)
    begun, behind = time.monotonic(), 0.0
    wall.set(clock)
    while time.monotonic() < begun + HOLD[full]:
        position, asked = service.promote(), time.monotonic()
        reached = chain.from_iterable(herd.ask("reach", position, CONNECTED + SLACK))
        behind = max(behind, max(reached) - asked)
    ((now, shown),) = herd.ask("look")
    after = _called(herd)
    rate = (after[0] - gets) / (time.monotonic() - begun)
    ages = [prompt["age"] for prompt in shown]
    return Result(
        f"clients' clock set to {clock}",
        int(clock == TRUE or abs(now - time.time()) > ODD_SECONDS),
        wrong=after[1] - bad + sum(not 0 <= age <= CONFIRMED for age in ages),
        stale=int(behind > CONNECTED + SLACK * (not full)),
        note=f"{after[0] - gets} gets, {behind * 1000:.0f} ms behind at most, age {max(ages):.1f} s",
        void="" if rate >= GETS_A_SECOND else f"{rate:.0f} gets a second only",
    )


def _called(herd: Herd) -> tuple[int, int]:
    """How often `get` was called, and how often it was bad."""
    ((_, gets, bad),) = herd.ask("report")
    return gets, bad


def _refuse_until(service: Service, herd: Herd, wall: Wall) -> Result:
    """A registry that asks to come again at a date, by its own clock."""
    wall.set(FAR)
    service.registry.kill()
    with busy(service.port, RETRY_AFTER, dated=True):
        begun = time.monotonic()
        time.sleep(2 * RETRY_AFTER)
        told = time.monotonic() - SLACK
    service.start()
    ((attempts, _, bad),) = herd.ask("report")
    refused = [
        later - earlier for times in attempts for earlier, later in pairwise(times) if begun < earlier < told
    ]
    (reached,) = herd.ask("reach", service.promote(), RETRY_AFTER + limits.BACK_OFF_CAP)
    return Result(
        f"Retry-After is a date, clients' clock at {FAR}",
        len(refused),
        wrong=bad + sum(wait < RETRY_AFTER - 1 for wait in refused),  # a date has whole seconds
        stale=reached.count(math.inf),
        note=f"came again after {min(refused, default=0):.1f} to {max(refused, default=0):.1f} s",
    )


def _begin_at(service: Service, wall: Wall, clock: str) -> Result:
    """Clients that begin without a registry, with snapshots of a time that is not theirs."""
    wall.set(clock)
    service.registry.kill()
    with closing(Herd(service, 1, FLOCK, 1.0, wall.environment)) as herd:
        deadline = time.monotonic() + limits.BACK_OFF_CAP
        while not (gets := _called(herd)[0]) and time.monotonic() < deadline:
            time.sleep(0.1)
        ((_, shown),) = herd.ask("look")
        service.start()
        (reached,) = herd.ask(
            "reach", service.promote(), limits.BACK_OFF_CAP + limits.ATTEMPT_SPACING + SLACK
        )
        gets, bad = _called(herd)
    ages = [prompt["age"] for prompt in shown]
    return Result(
        f"clients begin at {clock}, snapshots of now",
        sum(prompt["source"] == "snapshot" for prompt in shown),
        wrong=bad + sum(age < 0 for age in ages),
        stale=reached.count(math.inf),
        note=f"{gets} gets, age {max(ages):.0f} s at first",
    )


# The registry's clock


def _of_a_registry(stack: ExitStack, folder: Path, wall: Wall) -> Iterator[Result]:
    with wall.hangs_here():
        service = stack.enter_context(closing(Service(folder)))
    crowd = stack.enter_context(closing(Crowd(service, [service.registry.url] * CLIENTS)))
    for clock in CLOCKS:
        yield _set_under_registry(crowd, wall, clock)
    yield _hold(service, wall)
    yield _admit(service, wall)
    yield crowd.verdict()


def _set_under_registry(crowd: Crowd, wall: Wall, clock: str) -> Result:
    trial = Trial(crowd, f"registry's clock set to {clock}")
    wall.set(clock)
    time.sleep(HOLD[True])
    asked = time.monotonic()
    late = crowd.late(CONNECTED + SLACK)
    behind = crowd.stalest(trial.begun, asked)
    return trial.result(
        int(clock == TRUE or abs(_time_of(crowd.service.api) - time.time()) > ODD_SECONDS),
        stale=late + (behind > CONNECTED),
        note=f"{behind * 1000:.0f} ms behind at most",
    )


def _time_of(api: Api) -> float:
    return datetime.fromisoformat(api.get("/v1/doctor").json["time"]).timestamp()


def _hold(service: Service, wall: Wall) -> Result:
    """Two steps, each held for a while; the clock is set in the first, and back in the second."""
    for version in ("1.0.0", "1.1.0"):
        service.author.tag(TIMED, version, text_of(version))
    service.api.act("promote", TIMED, {"version": "1.0.0"})
    steps = [{"percent": 1, "hold": f"{STEP}s"}, {"percent": 50, "hold": f"{STEP}s"}, {"percent": 100}]
    service.api.act("start", TIMED, {"version": "1.1.0", "steps": steps})
    begun = time.monotonic()
    time.sleep(SEEN)
    wall.set(FAR)
    until(lambda: _step(service) != 0, "the first step to end")
    second = time.monotonic()
    time.sleep(SEEN)
    wall.set(BACK)
    until(lambda: _step(service) is None, "the second step to end")
    held = (second - begun, time.monotonic() - second)
    wall.set(TRUE)
    return Result(
        f"timed steps, clock set to {FAR} and {BACK}",
        len(held),
        wrong=sum(seconds < STEP - SLACK / 2 for seconds in held),
        stale=sum(seconds > STEP + LATE for seconds in held),
        note=f"{STEP} s each, held for {held[0]:.1f} s and {held[1]:.1f} s",
    )


def _step(service: Service) -> int | None:
    rollout: dict[str, Any] | None = service.api.state(TIMED)["rollout"]
    return int(rollout["step"]) if rollout else None


def _admit(service: Service, wall: Wall) -> Result:
    """What lets whom in: no token of a clock that was ahead may outlive its span."""
    api = service.api
    wall.set(FAR)
    ahead = _token(api, "of-the-future", expires_in="1h")
    endless = _token(api, "endless")
    then = [_status(service, token) for token in (ahead, endless, service.token)]
    wall.set(TRUE)
    passing = _token(api, "passing", expires_in="1s")
    until(lambda: _status(service, passing) != 200, "a token to expire")
    now = [_status(service, token) for token in (ahead, endless, service.token, passing)]
    wall.set(BACK)
    again = _status(service, passing)
    wall.set(FAR)
    later = _status(service, _token(api, "short", expires_in="1h"))
    wall.set(TRUE)
    return Result(
        "tokens, clock set to and fro",
        len(then) + len(now) + 2,
        wrong=sum(map(int.__ne__, [*then, *now, later], [200, 200, 200, 401, 200, 200, 401, 200])),
        note=f"an expired one, clock at {BACK}: {again}",
    )


def _token(api: Api, name: str, **wish: str) -> str:
    made = api.call("POST", "/v1/tokens", {"name": name, "role": "reader", **wish})
    assert made.status < 300, made.text
    return str(made.json["secret"])


def _status(service: Service, token: str) -> int:
    with closing(Api(service.registry.url, token)) as api:
        return api.get("/v1/prompts").status


# Journals of different clocks


def _of_journals(stack: ExitStack, folder: Path, wall: Wall) -> Iterator[Result]:
    """What a later journal begins with is newer to all whose clock is right, whatever the clocks showed."""
    (folder / "redis").mkdir()
    valkey = Valkey(folder / "redis")
    stack.callback(valkey.kill)
    wall.set(FAR)
    stack.enter_context(wall.hangs_here())
    service = stack.enter_context(closing(Service(folder, valkey.url)))
    crowd = stack.enter_context(closing(Crowd(service, [service.registry.url] * CLIENTS)))
    for what, renew in (("recovered", _recover), ("begun anew", _begin_anew)):
        trial = Trial(crowd, f"journal of {FAR}, {what} at {BACK}")
        wall.set(FAR)
        before = service.promote()
        wall.set(BACK)
        renew(service)
        after = service.promote()
        late = crowd.late(limits.BACK_OFF_CAP + limits.ATTEMPT_SPACING + SLACK)
        note = f"epoch {before[0]} became {after[0]}"
        yield trial.result(1, wrong=int(not is_newer(after, before)), stale=late, note=note)


def _recover(service: Service) -> None:
    """An old copy of the journal, which Redis knows better."""
    journal, old = (service.folder / "data/journal.git", service.folder / "old.git")
    subprocess.run(["cp", "-a", journal, old], check=True)
    for _ in range(3):
        service.promote()
    service.registry.kill()
    subprocess.run(["rm", "-rf", journal], check=True)
    old.rename(journal)
    service.start()
    command = [sys.executable, "-m", "registry", "journal", "recover", "--data", str(journal.parent), "--yes"]
    environment = {**os.environ, "PROMPTSTAGE_REDIS_URL": service.redis_url}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    until(lambda: service.api.get("/readyz").json, "the recovered journal to be seen")


def _begin_anew(service: Service) -> None:
    """An empty folder, in which only the admin's token is what it was."""
    service.registry.kill()
    data = service.folder / "data"
    data.rename(service.folder / "lost")
    data.mkdir(mode=0o700)
    (data / "admin.token").write_bytes((service.folder / "lost/admin.token").read_bytes())
    service.start()
