"""A client's copy of what its environment serves: snapshot, first fetch, and what the follower brings."""

from __future__ import annotations

import json
import logging
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from promptstage import limits
from promptstage._calls.silent import Silent
from promptstage._http.registry_errors import NOT_FOUND, Fault
from promptstage._http.transport import NOT_MODIFIED, Transport
from promptstage._replica.fetcher import Fetcher
from promptstage._replica.follower import Follower
from promptstage._replica.health import Health
from promptstage._replica.lifecycle import forks_later, register
from promptstage._replica.pinned_versions import PinnedVersions, VersionInvalid, read_version, write_version
from promptstage._replica.release_store import ReleaseStore, read_json
from promptstage._replica.snapshot import Snapshots, default_root
from promptstage._replica.snapshot_writer import SnapshotWriter
from promptstage._replica.unavailable import NOT_A_NAME, Why, unavailable
from promptstage._replica.validation import is_name, is_version
from promptstage._reporting.reporter import Reporter as Reports
from promptstage.clock import uptime
from promptstage.errors import ReleaseInvalid
from promptstage.model import EDITION

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from os import PathLike

    from promptstage._calls.content import Redact
    from promptstage._http.transport import Answer, Token
    from promptstage._replica.release_store import HeldRelease
    from promptstage.errors import PromptUnavailable
    from promptstage.prompt import Prompt
    from promptstage.source import Reporter
    from promptstage.status import Status

_logger = logging.getLogger("promptstage")


class Replica:
    """The source of a real client. See `promptstage.client.Source` for what it promises."""

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        transport: Transport,
        environment: str,
        timeout: float,
        snapshots: Snapshots,
        *,
        max_age: float = limits.MAX_AGE,
        reporter: Reporter | None = None,
    ) -> None:
        self._transport = transport
        self.environment = environment
        self.reporter = reporter or Silent()
        self._snapshots = snapshots
        self._max_age = max_age
        self._has_answered = False
        self._health = Health()
        self._holdings = ReleaseStore(environment, self._health.ignored)
        self.held: dict[str, HeldRelease] = self._holdings.by_name
        self._pins = PinnedVersions()
        self._wanted: dict[str, None] = {}
        self._asked_for: dict[str, None] = {}
        self._keeper = SnapshotWriter(snapshots, self._holdings)
        self._fetcher = Fetcher(timeout, self._health, self._keeper.save)
        self._follower = Follower(
            transport=transport,
            holdings=self._holdings,
            health=self._health,
            wanted=self._wanted,
            asked_for=self._asked_for,
            refresh=self._refresh,
            store=self._store,
            save=self._keeper.save,
        )
        register(self)

    @classmethod
    def connect(  # noqa: PLR0913 - settings, by keyword
        cls,
        url: str,
        *,
        token: Token,
        environment: str,
        timeout: float,
        max_age: float,
        snapshot_dir: str | PathLike[str] | None,
        report: bool,
        content: bool,
        redact: Redact | None,
    ) -> Replica:
        """A replica of what one environment of a registry serves. Nothing is sent yet."""
        transport = Transport(url, token, timeout)
        reporter = None
        if report:
            own = Transport(url, token, timeout)  # it goes on for a moment where the other has ended
            reporter = Reports(own, environment, content=content, redact=redact)
        root = Path(snapshot_dir) if snapshot_dir else default_root()
        snapshots = Snapshots(root, transport.url, environment)
        return cls(transport, environment, timeout, snapshots, max_age=max_age, reporter=reporter)

    def subscribe(self, names: Iterable[str]) -> None:
        """Keep names fresh from now on; what an earlier run knew of them is there at once."""
        for name in names:
            if not is_name(name):
                raise ValueError(str(self._unavailable(str(name), NOT_A_NAME)))
            if name not in self.held and (stored := self._snapshots.load(name)):
                self._holdings.load(name, stored.data, age=stored.age, max_age=self._max_age)
            self._wanted[name] = None
        self._follower.follow()

    def _subscribe_unknown(self, name: str) -> None:
        """Subscribe a name that `get` was asked for; of those without a release only the newest stay."""
        self.subscribe([name])
        self._asked_for[name] = None  # after that: else another thread may let it go before it is wanted
        surplus = [other for other in tuple(self._asked_for) if other not in self.held]
        for other in surplus[: -limits.UNRELEASED_NAMES]:
            self._wanted.pop(other, None)
            if self._asked_for.pop(other, name) is None:
                self._health.let_go(other)
        self._holdings.forget_all_but(self._wanted)

    def find(self, name: str) -> HeldRelease:
        """The release of a name that was not held a moment ago, or was too old to be served unasked."""
        if not is_name(name):
            raise self._unavailable(name, NOT_A_NAME)
        if name not in self._wanted:
            self._subscribe_unknown(name)
        fault = None
        if not self._is_settled(name):
            fault = self._fetch(name, partial(self._fetch_release, name))
            self._holdings.settle_for(name)
        if held := self.held.get(name):
            return held
        raise self._unavailable(name, self._holdings.absent.get(name) or fault)

    def pin(self, name: str, version: str) -> Prompt:
        """One version: out of memory, a release that has it, a snapshot, or the registry."""
        if not is_version(version):
            raise ValueError(f"a pinned version is an exact one, such as 1.2.0, not {version!r}")
        if not is_name(name):
            raise self._unavailable(name, NOT_A_NAME)
        pin = (name, version)
        found = self._pins.get(pin) or self._pin_held(name, version) or self._pin_stored(name, version)
        if found:
            return found
        fault = None
        if self._pins.missing(pin) is None:
            fault = self._fetch(pin, partial(self._fetch_version, name, version))
        if found := self._pins.get(pin):
            return found
        raise self._unavailable(name, self._pins.missing(pin) or fault, version)

    def pinned(self, name: str, version: str) -> bool:
        """Whether `pin` answers from memory."""
        return (name, version) in self._pins

    def count(self, what: str) -> None:
        """Add one to a count of `status`."""
        self._health.count(what)

    def fell_back(self, error: PromptUnavailable) -> None:
        """Count it, and say so once for each name."""
        self._health.fell_back(error)

    def ready(self, timeout: float) -> bool:
        """Wait until every name is live; where there is none, until the registry answers."""
        names = tuple(self._wanted)
        if not names:
            return self._wait_for_answer(timeout)
        if forks_later():  # no thread is there that would bring them
            for name in names:
                if not self._holdings.is_live(name):
                    self._fetch(name, partial(self._confirm, name), timeout)
        if self._holdings.wait_live(names, timeout):
            return True
        if timeout:  # who only looks, looks often
            late = [name for name in names if not self._holdings.is_live(name)]
            _logger.warning("not ready after %g s: %s", timeout, "; ".join(map(self._why_late, late)))
        return False

    def _wait_for_answer(self, timeout: float) -> bool:
        deadline, fault = uptime() + timeout, None
        while not self._has_answered and not self._follower.is_stopped:
            left = deadline - uptime()
            if fault and left <= 0:
                break
            fault = self._fetch("", self._greet, max(0.0, left))  # "" is no prompt's name
            if fault:
                self._follower.pause(min(limits.ATTEMPT_SPACING, max(0.0, deadline - uptime())))
        if fault and timeout:
            _logger.warning("not ready after %g s: %s", timeout, fault)
        return self._has_answered

    def _greet(self) -> None:
        path = f"/v1/environments/{quote(self.environment, safe='')}/releases?names=&edition={EDITION}"
        answer = self._transport.fetch(path)
        if answer.status == NOT_FOUND:
            raise Fault(answer.detail or answer.code, of_one_name=True)
        self._health.answered()
        self._has_answered = True
        self._max_age = 0.0  # the registry can be had, and the application waits for it

    def _why_late(self, name: str) -> str:
        if why := self._holdings.absent.get(name):
            return str(self._unavailable(name, why))
        error = self._holdings.errors.get(name) or self._follower.status()["error"]
        return f"{name} ({error or 'connected, and its release is on the way'})"

    def status(self) -> Status:
        """The state of the replica, for people, without the token."""
        return {
            "url": self._transport.url,
            "environment": self.environment,
            "prompts": {name: self._holdings.status(name) for name in tuple(self._wanted)},
            "stream": self._follower.status(),
            "snapshots": {"folder": str(self._snapshots.folder), "error": self._snapshots.error},
            "reports": self.reporter.status(),
            **self._health.status(),
        }

    def stop(self) -> None:
        """End all threads and connections, without waiting for them. What is to be reported still is."""
        self.reporter.leave()
        self._follower.stop()
        self._transport.stop()

    def close(self) -> None:
        """Stop, and wait a moment until all is ended, reported and saved."""
        self.reporter.close()
        self.stop()
        deadline = uptime() + limits.JOIN
        for threads in (self._follower, self._fetcher):
            threads.join(max(0.0, deadline - uptime()))
        self._keeper.save()
        self._keeper.touch()

    def reset(self) -> None:
        """In a forked child: only the forking thread is here, and the sockets are the parent's."""
        self._transport.forget()
        for part in (
            self._health,
            self._holdings,
            self._pins,
            self._fetcher,
            self._follower,
            self._snapshots,
        ):
            part.reset()

    def follow(self) -> None:
        """Go on keeping fresh what is wanted."""
        self._follower.follow()

    def _fetch(self, what: Hashable, work: Callable[[], None], at_most: float = inf) -> Fault | None:
        if self._follower.is_stopped:
            return Fault("this client is closed", reason="closed")
        return self._fetcher.fetch(what, work, at_most)

    def _is_settled(self, name: str) -> bool:
        held = self.held.get(name)
        return not held.is_stale if held else name in self._holdings.absent

    def _fetch_release(self, name: str) -> None:
        if not self._is_settled(name):  # by another fetch, between our look and our start
            self._confirm(name)

    def _confirm(self, name: str) -> None:
        self._refresh(name)
        if error := self._holdings.errors.get(name):
            raise Fault(f"it sent something unreadable: {error}", of_one_name=True)
        self._follower.wake()

    def _refresh(self, name: str) -> None:
        held = self.held.get(name)
        path = f"/v1/environments/{quote(self.environment, safe='')}/releases/{quote(name)}?edition={EDITION}"
        answer = self._transport.fetch(path, etag=held.etag if held else None)
        self._health.answered()
        if answer.status == NOT_FOUND:
            self._holdings.miss(name, Why(answer.code, answer.detail))
        elif answer.status == NOT_MODIFIED:
            self._holdings.errors.pop(name, None)  # what could not be read is gone again
            self._holdings.confirm([name])
        else:
            self._take(name, answer)

    def _take(self, name: str, answer: Answer) -> None:
        try:
            body = read_json(answer.body)
        except ReleaseInvalid as error:
            self._holdings.ignore(name, str(error))
            return
        if self._holdings.adopt(name, body, etag=answer.etag):
            self._store(name, answer.body)

    def _fetch_version(self, name: str, version: str) -> None:
        if (name, version) in self._pins:  # the same
            return
        answer = self._transport.fetch(f"/v1/prompts/{quote(name)}/versions/{quote(version)}")
        self._health.answered()
        if answer.status == NOT_FOUND:
            self._pins.miss((name, version), Why(answer.code, answer.detail))
            return
        try:
            served = read_version((name, version), answer.body)
        except VersionInvalid:
            self._pins.miss((name, version), Why("invalid"))
        except ReleaseInvalid as error:
            raise Fault(f"it sent something unreadable: {error}") from error
        else:
            self._pins.keep(name, served, "live")
            self._keeper.add(name, answer.body, version)

    def _pin_held(self, name: str, version: str) -> Prompt | None:
        held = self.held.get(name)
        served = held and held.release.versions.get(version)
        if not held or not served:
            return None
        # Stored by itself too: the release will move on, and the pin should outlive that and a restart.
        self._keeper.add(name, json.dumps(write_version(name, served)).encode(), version)
        return self._pins.keep(name, served, held.source, held.freshness.age)

    def _pin_stored(self, name: str, version: str) -> Prompt | None:
        stored = self._snapshots.load(name, version)
        try:
            served = stored and read_version((name, version), stored.data)
        except ReleaseInvalid:
            return None
        return self._pins.keep(name, served, "snapshot", stored.age) if stored and served else None

    def _store(self, name: str, data: bytes) -> None:
        self._keeper.add(name, data)
        if name not in self._wanted:  # it was let go while this came in; what is held is followed
            self._wanted[name] = None
            self._follower.follow()

    def _unavailable(self, name: str, why: Why | Fault | None, version: str = "") -> PromptUnavailable:
        if isinstance(why, Fault):
            why = Why(why.reason, str(why))
        return unavailable(
            str(name),
            why or Why("unreachable"),
            url=self._transport.url,
            environment=self.environment,
            version=version,
            known=tuple(self.held),
        )
