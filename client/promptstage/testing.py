"""A client for an application's own tests: no network, no thread, no file.

from promptstage.testing import Client

client = Client.of({"summarize": "Summarize {{text}}"})
answer = my_app.summarize(client, "...")
assert client.got == [("summarize", "1.0.0")]

With pytest there is a fixture: see `promptstage.pytest_plugin`. In other tests, import and test an
application whose client is at the top of a module in the block of `Client.everywhere`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from promptstage import stand_in
from promptstage._calls.content import FIELDS as CONTENT
from promptstage._calls.record import wire
from promptstage._calls.silent import Silent
from promptstage._replica.health import Health
from promptstage._replica.release_store import HeldRelease, status_of
from promptstage.client import Client as RealClient
from promptstage.clock import Freshness
from promptstage.errors import PromptUnavailable
from promptstage.evaluation import BUCKETS, PINNED
from promptstage.keys import as_key, current_defaults, merged
from promptstage.model import Decision, Release, Served, Slot, parse_release
from promptstage.prompt import make_document, make_prompt
from promptstage.status import now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike
    from typing import Self

    from promptstage._calls.record import Record
    from promptstage.prompt import Fallback, Messages, Prompt
    from promptstage.source import Reporter
    from promptstage.status import Status

    Content = str | Messages | Mapping[str, Any]

READERS = "promptstage.prompt_files"  # the entry points of what reads prompt files
_LENT = ("_source", "_held", "_fast", "_choose")  # where a client looks for all that it serves


def read_files(folder: str | PathLike[str] = "prompts") -> dict[str, Content]:
    """Read prompt files as they are in a folder, or in a repository; `Client.of` takes what is returned.

    Each prompt has the one version 1.0.0. A session's fixture may keep it, as it takes a millisecond a file.

    Raises:
        ImportError: promptstage-registry, which reads such files, is not installed.
        ValueError: a file cannot be served, or there is none; the message has its line and column.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import, and seldom needed

    reader = next(iter(entry_points(group=READERS)), None)
    if reader is None:
        raise ImportError(
            "prompt files are read by promptstage-registry, which is not installed here; "
            "add it to what your tests need: pip install promptstage-registry"
        )
    prompts: dict[str, Content] = reader.load()(os.fspath(folder))
    return prompts


class Got(NamedTuple):
    """One prompt that the application was given."""

    name: str
    version: str


class Call(NamedTuple):
    """One `get`, `aget`, `use` or `call`: what the application asked with, and the prompt that it was given.

    Attributes:
        prompt: with `name`, `version`, `arm`, `reason` and all else.
        key: the call's, or that of `context`; None where each call draws its own.
        attributes: the call's, and those of `context`.
    """

    prompt: Prompt
    key: str | None
    attributes: Mapping[str, object]


class Client(RealClient):
    """A client for tests, with the interface of the real one; make it with `of`.

    Attributes:
        got: name and version of what was given, in order.
        calls: the same, with all there is to know of them.
        recorded: each `call` that ended, as a registry would be told of it, with its content.
        signals: what was said by `feedback` and `resolved`: ``("feedback", {...})`` or
            ``("resolutions", {...})``.
    """

    def __init__(self, prompts: Mapping[str, Content]) -> None:
        if not isinstance(prompts, Mapping):
            example = '{"summarize": "Summarize {{text}}"}'
            raise TypeError(f"prompts are a mapping such as {example}, not {type(prompts).__name__}")
        self._releases = {name: _release(name, content) for name, content in prompts.items()}
        self._served_to: dict[tuple[str, str], HeldRelease] = {}
        self.got: list[Got] = []
        self.calls: list[Call] = []
        self.recorded: list[dict[str, Any]] = []
        self.signals: list[tuple[str, dict[str, Any]]] = []
        self._serve(_Shelf(self._releases, _Notes(self.recorded, self.signals)))
        self._fast = {}  # every call is noted

    @classmethod
    def of(cls, prompts: Mapping[str, Content]) -> Self:
        """A client that serves these prompts and no others.

        Args:
            prompts: by name: a text (one user message), a list of messages, ``{"versions": {"1.2.0":
                <text or messages>, ...}}`` (the first one is served), or a whole release as the
                registry sends it, with a split if need be.

        Raises:
            ValueError: one of them is something else.
            TypeError: they are no mapping.
        """
        return cls(prompts)

    @classmethod
    def from_files(cls, folder: str | PathLike[str] = "prompts") -> Self:
        """A client that serves the prompt files of a folder; raises what `read_files` raises."""
        return cls(read_files(folder))

    @contextmanager
    def everywhere(self) -> Iterator[Self]:
        """Let every client of this process serve what this one does, and note it here, for one block.

        That holds for clients that are there already, and for those that are made in the block, which need no
        URL. At its end the former go on as before, and the latter serve nothing.
        """
        before = {client: _lent(client) for client in list(stand_in.clients)}
        outer, stand_in.everywhere = stand_in.everywhere, self
        for client in before:
            self.lend(client)
        try:
            yield self
        finally:
            stand_in.everywhere = outer
            for client in list(stand_in.clients):
                (outer or Client({})).lend(client)
                if client in before:
                    vars(client).pop("_choose")  # the client's own is that of its class
                    vars(client).update(before[client])

    def lend(self, client: object) -> None:
        """Let another client serve what this one does, from now on."""
        vars(client).update({part: getattr(self, part) for part in _LENT})

    def serve(
        self, name: str, version: str | None = None, *, arm: str = "stable", key: str | int | None = None
    ) -> None:
        """From now on everyone, or one key, gets this version, on this arm.

        Args:
            name: the prompt.
            version: else the one that the arm gets in the release that this client was made with.
            arm: ``canary``, ``control`` or ``stable``.
            key: only who has this key; others go on as before.

        Raises:
            KeyError: there is no such prompt or version, or no such arm.
        """
        if name not in self._releases:
            raise KeyError(f"there is no {name} here; name it in Client.of")
        release = self._releases[name]
        version = version or _version_on(release, arm)
        if version not in release.versions:
            raise KeyError(f"{name} has no {version} here but {', '.join(release.versions)}")
        split = release.split and replace(release.split, slots=(Slot(arm, version, 0, BUCKETS),))
        forced = HeldRelease(
            replace(release, targets=(), split=split, default_version=version, default_arm=arm)
        )
        if key is None:
            self._held[name] = forced
        else:
            self._served_to[name, as_key(key) or ""] = forced

    def _choose(  # noqa: PLR0913 - as get
        self,
        name: str,
        key: str | int | None,
        attributes: Mapping[str, object] | None,
        version: str | None,
        fallback: Fallback | None,
        *,
        pin: str | None,
        unkeyed: str = "",
    ) -> Prompt:
        prompt = super()._choose(name, key, attributes, version, fallback, pin=pin, unkeyed=unkeyed)
        defaults = current_defaults()
        given = as_key(key) or defaults.key
        is_chosen = version is None and prompt.reason != PINNED
        if is_chosen and (forced := self._served_to.get((name, given or ""))):
            prompt = forced.choose(given or "", None)
        self.got.append(Got(prompt.name, prompt.version))
        self.calls.append(Call(prompt, given, merged(defaults.attributes, attributes) or {}))
        return prompt


class _Notes(Silent):
    """Takes the records of calls: a test may look at all that is in them."""

    def __init__(self, recorded: list[dict[str, Any]], signals: list[tuple[str, dict[str, Any]]]) -> None:
        self._recorded = recorded
        self._signals = signals

    def is_sampled(self, text: str) -> bool:  # noqa: ARG002 - each one
        return True

    def started(self, record: Record) -> None:
        """A test sees its end."""

    def ended(self, record: Record) -> None:
        content = record.content.to_json() if record.content else dict.fromkeys(CONTENT)
        self._recorded.append(wire(record) | content)

    def signal(self, kind: str, body: dict[str, Any]) -> None:
        self._signals.append((kind, body))


class _Shelf:
    """The source of a client without a registry."""

    environment = "test"

    def __init__(self, releases: Mapping[str, Release], reporter: _Notes) -> None:
        self.reporter: Reporter = reporter
        self.held = {name: HeldRelease(release) for name, release in releases.items()}
        self._health = Health()
        self._since = now()

    def find(self, name: str) -> HeldRelease:
        remedy = "name it in Client.of" if self.held else "take the fixture promptstage_client, or Client.of"
        raise PromptUnavailable(
            name,
            "unknown_prompt",
            f"this test has no {name} but {', '.join(self.held) or 'nothing'}; {remedy}",
        )

    def pin(self, name: str, version: str) -> Prompt:
        holding = self.held.get(name) or self.find(name)
        served = holding.release.versions.get(version)
        if served is None:
            raise PromptUnavailable(
                name, "unknown_version", f"this test has no {name}@{version}; name it in Client.of"
            )
        return make_prompt(name, served, Decision(version, "pinned", PINNED, None, None), "live", Freshness())

    def pinned(self, name: str, version: str) -> bool:
        return name in self.held and version in self.held[name].release.versions

    def count(self, what: str) -> None:
        self._health.count(what)

    def fell_back(self, error: PromptUnavailable) -> None:  # noqa: ARG002 - a test knows why
        self.count("fallbacks")

    def ready(self, timeout: float) -> bool:  # noqa: ARG002 - there is nothing to wait for
        return True

    def status(self) -> Status:
        return {
            "url": "",
            "environment": "test",
            "prompts": {name: status_of(holding) for name, holding in self.held.items()},
            "stream": {"state": "idle", "since": self._since, "head": None, "failures": 0, "error": None},
            "snapshots": {"folder": None, "error": None},
            "reports": self.reporter.status(),
            **self._health.status(),
        }

    def close(self) -> None:
        """Nothing is open."""


def _lent(client: object) -> dict[str, Any]:
    return {part: value for part, value in vars(client).items() if part in _LENT}


def _release(name: str, content: Content) -> Release:
    if isinstance(content, Mapping) and "default" in content:
        return parse_release(dict(content))
    texts = content.get("versions") if isinstance(content, Mapping) else {"1.0.0": content}
    if not (isinstance(texts, Mapping) and texts):
        raise ValueError(
            f'{name} is neither a text, nor messages, nor {{"versions": {{...}}}}, nor a release'
        )
    versions = {
        version: Served(version, None, _digest(text), "", make_document(text))
        for version, text in texts.items()
    }
    return Release("test", name, 1, 1, (), None, next(iter(versions)), "stable", versions)


def _digest(content: Content) -> str:
    """A digest to tell versions apart by, as pins do."""
    return f"sha256:{sha256(repr(content).encode()).hexdigest()}"


def _version_on(release: Release, arm: str) -> str:
    slots = release.split.slots if release.split else ()
    versions = {slot.arm: slot.version for slot in slots} | {release.default_arm: release.default_version}
    if arm not in versions:
        raise KeyError(f"{release.prompt} has no arm {arm} here; name the version that it should get")
    return versions[arm]
