"""A client for an application's own tests: no network, no thread, no file.

from promptstage.testing import Client

client = Client.of({"summarize": "Summarize {{text}}"})
answer = my_app.summarize(client, "...")
assert client.got == [("summarize", "1.0.0")]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from promptstage.client import Client as RealClient
from promptstage.errors import PromptUnavailable
from promptstage.evaluation import PINNED
from promptstage.holding import Holding
from promptstage.model import Decision, Release, Served, parse_release
from promptstage.prompt import Freshness, make_document, make_prompt

if TYPE_CHECKING:
    from typing import Self

    from promptstage.prompt import Fallback, Messages, Prompt

    Content = str | Messages | Mapping[str, Any]


class Got(NamedTuple):
    """One prompt that the application was given."""

    name: str
    version: str


class Client(RealClient):
    """What an application gets in place of a real client; make it with `of`.

    Attributes:
        got: what was given, in order.
    """

    def __init__(self, prompts: Mapping[str, Content]) -> None:
        self._shelf = _Shelf({name: _release(name, content) for name, content in prompts.items()})
        self.got: list[Got] = []
        self._serve(self._shelf)

    @classmethod
    def of(cls, prompts: Mapping[str, Content]) -> Self:
        """A client that serves these prompts and no others.

        Args:
            prompts: by name: a text (one user message), a list of messages, ``{"versions": {"1.2.0":
                <text or messages>, ...}}`` (the first one is served), or a whole release as the
                registry sends it, with a split if need be.
        """
        return cls(prompts)

    def serve(self, name: str, version: str, *, arm: str = "stable") -> None:
        """From now on everyone gets this version, on this arm.

        Raises:
            KeyError: there is no such prompt or version.
        """
        release = self._held[name].release
        _ = release.versions[version]
        fixed = replace(release, targets=(), split=None, default_version=version, default_arm=arm)
        self._held[name] = Holding(fixed)

    def _choose(
        self,
        name: str,
        key: str | int | None,
        attributes: Mapping[str, object] | None,
        version: str | None,
        fallback: Fallback | None,
    ) -> Prompt:
        prompt = super()._choose(name, key, attributes, version, fallback)
        self.got.append(Got(prompt.name, prompt.version))
        return prompt


class _Shelf:
    """The source of a client without a registry."""

    def __init__(self, releases: Mapping[str, Release]) -> None:
        self.held = {name: Holding(release) for name, release in releases.items()}

    def find(self, name: str) -> Holding:
        raise PromptUnavailable(name, "unknown_prompt", f"this test has no {name}; name it in Client.of")

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
        """A test looks at `got`."""

    def ready(self, timeout: float) -> bool:  # noqa: ARG002 - there is nothing to wait for
        return True

    def status(self) -> dict[str, Any]:
        return {"prompts": {name: {"versions": list(h.release.versions)} for name, h in self.held.items()}}

    def close(self) -> None:
        """Nothing is open."""


def _release(name: str, content: Content) -> Release:
    if isinstance(content, Mapping) and "default" in content:
        return parse_release(dict(content))
    texts = content["versions"] if isinstance(content, Mapping) else {"1.0.0": content}
    versions = {
        version: Served(version, None, "", "", make_document(text)) for version, text in texts.items()
    }
    return Release("test", name, 1, 1, (), None, next(iter(versions)), "stable", versions)
