"""Hold a client's releases, ready to be evaluated, and never replace one by an older one."""

from __future__ import annotations

import json
from threading import RLock
from typing import TYPE_CHECKING

from promptstage import limits
from promptstage._http.registry_errors import plain
from promptstage._replica.key_table import KeyTable
from promptstage._replica.notifier import Notifier
from promptstage._replica.validation import rank, read_release
from promptstage.clock import Freshness
from promptstage.errors import ReleaseInvalid
from promptstage.evaluation import SPLIT, decide, measured
from promptstage.model import Decision
from promptstage.pins import resume
from promptstage.prompt import Origin, make_prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from promptstage._replica.unavailable import Why
    from promptstage.model import Json, Release, Slot
    from promptstage.prompt import Prompt, Source
    from promptstage.status import PromptStatus

EPOCHS = (
    "the registry's journal is of epoch {theirs}, and what is held of epoch {ours}, which stays: is it "
    "another registry, or was a clock wrong? After a restore run `promptstage journal recover`"
)


class HeldRelease:
    """A release, where it came from, and the prompts that it can lead to, each made once.

    Attributes:
        release: what is served.
        source: ``live`` once the registry confirmed it, until then ``snapshot``.
        freshness: when it was last confirmed.
        etag: what the registry called it, for conditional polling.
        static: the prompt for everyone, where there is nothing to decide.
        by_key: gives the prompt of a key, where that alone decides.
        is_stale: whether it is too old to be served before the registry was asked. Then neither `static`
            nor `by_key` is there, so that `get` looks twice.
    """

    __slots__ = (
        "_origin", "_pinned", "_prompts", "by_key", "etag", "freshness", "is_stale", "release", "source",
        "static",
    )  # fmt: skip

    def __init__(
        self,
        release: Release,
        source: Source = "live",
        *,
        age: float = 0.0,
        etag: str | None = None,
        is_stale: bool = False,
    ) -> None:
        self.release = release
        self.source = source
        self.freshness = Freshness(age)
        self.etag = etag
        self.is_stale = is_stale
        split = release.split
        self._origin = Origin(release.seq, split, release.default_arm, measured(split) if split else 0)
        self._prompts: dict[tuple[str, str, str], Prompt] = {}
        self._pinned: dict[str, Prompt] = {}
        self.static: Prompt | None = None
        self.by_key: Callable[[str], Prompt] | None = None
        if release.targets or is_stale:
            return
        if release.split is None:
            self.static = self.choose("", None)
        else:
            self.by_key = KeyTable(release.split, self._of_slot).find

    def choose(self, key: str, attributes: Mapping[str, object] | None) -> Prompt:
        """The prompt for a key."""
        return self._prompt(decide(self.release, key, attributes))

    def resume(self, pin: object) -> Prompt | None:
        """The prompt of a pin; None if this release has no such version, or it is no pin."""
        if not isinstance(pin, str):
            return None
        if found := self._pinned.get(pin):
            return found
        decision = resume(self.release, pin)
        if decision is None:
            return None
        if len(self._pinned) >= limits.KEPT_PINS:
            self._pinned.clear()
        return self._pinned.setdefault(pin, self._make(decision))

    def _of_slot(self, slot: Slot | None) -> Prompt:
        release, split = self.release, self.release.split
        place = (slot.version, slot.arm) if slot else (release.default_version, release.default_arm)
        return self._prompt(Decision(*place, SPLIT, split.rollout if split else None, None))

    def _prompt(self, decision: Decision) -> Prompt:
        chosen = decision[:3]  # version, arm, reason
        return self._prompts.get(chosen) or self._prompts.setdefault(chosen, self._make(decision))

    def _make(self, decision: Decision) -> Prompt:
        served = self.release.versions[decision.version]
        return make_prompt(self.release.prompt, served, decision, self.source, self.freshness, self._origin)


class ReleaseStore:
    """The releases of one environment, by name.

    Attributes:
        by_name: what is held. Read it without a lock: a release is swapped as a whole.
        absent: names that the registry answered with a 404, and what it said.
        errors: names whose last release could not be read, and why. The one before stays.
        behind: names of which the registry serves an older epoch than is held, in words.

    Args:
        environment: the one they are of.
        report: called with a name and why its release is ignored, once for each reason.
    """

    def __init__(self, environment: str, report: Callable[[str, str], None]) -> None:
        self.environment = environment
        self._report = report
        self.by_name: dict[str, HeldRelease] = {}
        self.absent: dict[str, Why] = {}
        self.errors: dict[str, str] = {}
        self.behind: dict[str, str] = {}
        self.reset()

    def reset(self) -> None:
        """At first, and in a forked child: new locks. What was confirmed long ago is live no more.

        A child may be told of its fork late: what it holds until then was confirmed to another process.
        """
        for name, held in self.by_name.items():
            if held.source == "live" and held.freshness.age > limits.SILENCE:
                self.by_name[name] = HeldRelease(
                    held.release, "snapshot", age=held.freshness.age, etag=held.etag
                )
        self._lock = RLock()
        self._changed = Notifier()

    def load(self, name: str, data: bytes, *, age: float, max_age: float) -> None:
        """Take in what an earlier run left behind, unless something is held."""
        try:
            release = self._read(name, read_json(data))
        except ReleaseInvalid as error:
            self.ignore(name, f"the snapshot of an earlier run: {error}")
        else:
            self.by_name.setdefault(name, HeldRelease(release, "snapshot", age=age, is_stale=age > max_age))

    def adopt(self, name: str, body: Json, *, etag: str | None = None) -> bool:
        """Take a release of the registry in, unless a newer one is held.

        Returns:
            Whether it is the one that is held now.
        """
        try:
            new = HeldRelease(self._read(name, body), etag=etag)  # takes its time, and so not under the lock
        except ReleaseInvalid as error:
            self.ignore(name, str(error))
            return False
        with self._lock:
            held = self.by_name.get(name)
            is_older = held is not None and rank(new.release.position) < rank(held.release.position)
            if not is_older:
                self.by_name[name] = new
        if held and is_older:
            self._note_epoch(name, new.release.epoch, held.release.epoch)
            return False
        for noted in (self.absent, self.errors, self.behind):
            noted.pop(name, None)
        self._changed.notify_all()
        return True

    def ignore(self, name: str, why: str) -> None:
        """Note that what came of a name is of no use. What is held stays."""
        self._note(self.errors, name, plain(why))

    def _note_epoch(self, name: str, theirs: int, ours: int) -> None:
        if theirs != ours:
            self._note(self.behind, name, EPOCHS.format(theirs=theirs, ours=ours))

    def _note(self, noted: dict[str, str], name: str, why: str) -> None:
        if noted.get(name) != why:
            self._report(name, why)
            noted[name] = why  # after that, so that the log has what `status` shows

    def _read(self, name: str, body: Json) -> Release:
        release = read_release(body)
        if (release.environment, release.prompt) != (self.environment, name):
            raise ReleaseInvalid(f"a release of {release.prompt} in {release.environment}")
        return release

    def settle_for(self, name: str) -> None:
        """Serve a release as it is, though it is too old: the registry was asked, and gave no newer one."""
        held = self.by_name.get(name)
        if held and held.is_stale:
            aged = HeldRelease(held.release, held.source, age=held.freshness.age, etag=held.etag)
            with self._lock:
                if self.by_name[name] is held:
                    self.by_name[name] = aged

    def miss(self, name: str, why: Why) -> None:
        """Note that the registry has no release of a name. One that is held stays."""
        self.absent[name] = why
        self.errors.pop(name, None)

    def forget_all_but(self, names: Container[str]) -> None:
        """Forget what was noted about other names, also if that came in after they were let go."""
        for noted in (self.absent, self.errors, self.behind):
            for name in tuple(noted):
                if name not in names:
                    noted.pop(name, None)

    def confirm(self, names: Iterable[str], head: tuple[int, int] | None = None) -> None:
        """Note that the registry, whose head is at `head`, has nothing newer for these names.

        Not for one that we are ahead of it in, nor for one whose newer release could not be read, nor for
        one of an earlier epoch: that journal is gone, and this one may never have heard of it.
        """
        ahead: dict[str, int] = {}
        with self._lock:
            for name in names:
                held = self.by_name.get(name)
                if held is None or name in self.errors:
                    continue
                if head and not _covers(head, held.release.position):
                    if rank(head) < rank((held.release.epoch, 0)):  # another epoch, and an older one
                        ahead[name] = held.release.epoch
                    continue
                self.behind.pop(name, None)
                if held.source == "live":
                    held.freshness.at = Freshness().at
                else:
                    self.by_name[name] = HeldRelease(held.release, etag=held.etag)
        self._changed.notify_all()
        if head:
            for name, epoch in ahead.items():
                self._note_epoch(name, head[0], epoch)

    def is_live(self, name: str) -> bool:
        """Whether the registry has confirmed this name to this process."""
        held = self.by_name.get(name)
        return held is not None and held.source == "live"

    def wait_live(self, names: Iterable[str], timeout: float) -> bool:
        """Wait until all these names are live."""
        late = list(names)[::-1]  # the first one, which comes first, last

        def all_live() -> bool:
            """Asked at each change: a name that is live stays so, and is not looked at again."""
            while late and self.is_live(late[-1]):
                late.pop()
            return not late

        return self._changed.wait_for(all_live, timeout)

    def status(self, name: str) -> PromptStatus:
        """The part of `Client.status` that is about one name."""
        absent = self.absent.get(name)
        error = self.errors.get(name) or self.behind.get(name) or (absent and absent.reason)
        return status_of(self.by_name.get(name), error)

    def in_words(self) -> str:
        """Describe what can be served while the registry cannot be reached."""
        held = tuple(self.by_name.values())
        if not held:
            return "nothing is held, so get returns its fallback or raises PromptUnavailable"
        old = sum(holding.source == "snapshot" for holding in held)
        oldest = max(holding.freshness.age for holding in held)
        of_earlier = f", {old} of them from an earlier run's snapshot" if old else ""
        return f"get goes on with the {len(held)} held{of_earlier}, confirmed {oldest:.0f} s ago or less"


def status_of(held: HeldRelease | None, error: str | None = None) -> PromptStatus:
    """The status of one name."""
    if held is None:
        return {
            "version": None,
            "versions": [],
            "source": None,
            "age": None,
            "epoch": None,
            "seq": None,
            "error": error,
        }
    release = held.release
    versions = (version for version in release.versions if version not in release.recent)
    return {
        "version": release.default_version,
        "versions": list(dict.fromkeys([release.default_version, *versions])),
        "source": "live" if held.source == "live" else "snapshot",
        "age": round(held.freshness.age, 3),
        "epoch": release.epoch,
        "seq": release.seq,
        "error": error,
    }


def read_json(data: bytes) -> Json:
    """A JSON object from outside.

    Raises:
        ReleaseInvalid: it is none.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ReleaseInvalid(f"not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ReleaseInvalid("JSON, but not an object")
    return body


def _covers(head: tuple[int, int], position: tuple[int, int]) -> bool:
    return head[0] == position[0] and head >= position
