"""Plan an import: which version of the source becomes which version here, and what is refused. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING

from registry.catalog import naming
from registry.catalog.parsing import bump, document
from registry.errors import DocumentInvalid, Invalid
from registry.importers import provenance
from registry.importers.fit import fit
from registry.importers.imported import Imported, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from promptstage.model import Document
    from registry.catalog.parsing.bump import Reason
    from registry.importers.here import Held, Here

SAME = bump.Reason("patch", "is the same as the version before it")
CASES_CHANGED = bump.Reason("patch", "changes its cases")
_EPOCH = datetime(1970, 1, 2, tzinfo=UTC)  # git has no date before 1970 in any time zone
_FAR = datetime(2100, 1, 1, tzinfo=UTC)  # and tools fail on dates far from now

Written = tuple[Imported, "Held"]


@dataclass(frozen=True, slots=True)
class Step:
    """One version of the source on its way to a commit and a tag.

    Attributes:
        item: the version, under the name that it gets here.
        version: the one that it becomes.
        since: the one before it; None for a first one.
        reasons: why it is the next one.
        files: as it leaves them.
    """

    item: Imported
    version: str
    since: str | None
    reasons: tuple[Reason, ...]
    files: Held

    @property
    def tag(self) -> str:
        """Its tag."""
        return naming.tag_of(self.item.name, self.version)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import does. `known` counts the versions that are here already."""

    steps: tuple[Step, ...]
    refused: tuple[Refused, ...]
    known: int


def make(
    found: Iterable[Imported | Refused],
    here: Here,
    prefix: str = "",
    tell: Callable[[Imported], None] = lambda _: None,
) -> Plan:
    """Plan an import.

    Args:
        found: what a reader yields.
        here: what the repository has.
        prefix: goes before each name, without a slash at its end.
        tell: is called for each version, as many take a while.
    """
    refused: list[Refused] = []
    prompts: dict[str, list[Imported]] = {}
    for each in found:
        item = each if isinstance(each, Refused) else _named(each, prefix)
        if isinstance(item, Refused):
            refused.append(item)
        else:
            prompts.setdefault(item.name, []).append(item)
    read = [_Prompt(name, items, here, tell) for name, items in prompts.items()]
    steps = _by_date([prompt.steps() for prompt in read])
    refused += [each for prompt in read for each in prompt.refused]
    return Plan(tuple(steps), tuple(refused), sum(prompt.known for prompt in read))


def _named(item: Imported, prefix: str) -> Imported | Refused:
    """Return a version under the name that it gets here."""
    name = f"{prefix}/{item.name}" if prefix else item.name
    try:
        naming.require_name(name)
        provenance.require_number(item)
    except Invalid as error:
        return Refused(item.source or item.name, item.number, error.message)
    item = replace(item, name=name, source=item.source or item.name)
    if item.at and not _EPOCH <= item.at < _FAR:
        left_out = f"its date, {item.at.isoformat()}, which git cannot keep"
        return replace(item, at=None, left_out=(*item.left_out, left_out))
    return item


def _by_date(prompts: Iterable[Iterable[Step]]) -> list[Step]:
    """Order versions of all prompts by their dates; those of one prompt stay in the source's order."""
    dated: list[tuple[datetime, Step]] = []
    for steps in prompts:
        latest = _EPOCH
        for step in steps:
            latest = max(latest, step.item.at or latest)
            dated.append((latest, step))
    return [step for _, step in sorted(dated, key=itemgetter(0))]


class _Prompt:
    """One prompt of the source, on its way to steps.

    Attributes:
        known: how many of its versions are here already.
        refused: it, or some of its versions.
    """

    def __init__(
        self, name: str, items: Sequence[Imported], here: Here, tell: Callable[[Imported], None]
    ) -> None:
        self.known = 0
        self.refused: list[Refused] = []
        self._name = name
        self._items = items
        self._here = here
        self._tell = tell
        self._held = here.held.get(name)

    def steps(self) -> Iterator[Step]:
        """Yield the versions that are new here."""
        names = list(dict.fromkeys(item.source for item in self._items))
        if len(names) > 1:
            both = " and ".join(map(repr, names))
            why = f"{both} would both be {self._name} here; rename one in the source"
            self.refused += [Refused(name, None, why) for name in names]
            return
        new = list(self._new())
        if self._is_here(new):
            self.known += len(new)
        elif new and (why := self._here.obstacle(self._name)):
            self.refused.append(Refused(names[0], None, why))
        else:
            yield from self._numbered(new)

    def _new(self) -> Iterator[Written]:
        """Yield the versions that were not imported before, with their files."""
        before = self._here.before.get(self._name)
        seen: set[str] = set()
        for item in self._items:
            number = str(item.number)
            self._tell(item)
            if before and number in before.numbers:
                self.known += 1
                continue
            if number in seen:
                self._refuse(item, f"the source has its version {number} twice")
                continue
            seen.add(number)
            try:
                yield fit(item, self._here.path(self._name))
            except Invalid as error:
                self._refuse(item, error.message)

    def _refuse(self, item: Imported, why: str) -> None:
        self.refused.append(Refused(item.source, item.number, why))

    def _is_here(self, new: Sequence[Written]) -> bool:
        """Tell whether HEAD has the one version of the source byte by byte, whoever wrote it."""
        return len(new) == 1 and self._name not in self._here.before and new[0][1] == self._held

    def _numbered(self, new: Iterable[Written]) -> Iterator[Step]:
        """Number the versions by what differs, above all that are tagged."""
        version = naming.latest(self._here.versions.get(self._name, ()))
        last = self._held
        before = last and _parse(last)
        for item, files in new:
            after = _parse(files)
            reasons = tuple(_reasons(last, files, before, after))
            part = bump.needed(reasons, version) if version else "major"
            since, version = version, naming.bump(version, part)
            yield Step(item, version, since, reasons, files)
            last, before = files, after


def _reasons(
    last: Held | None, files: Held, before: Document | None, after: Document | None
) -> Iterator[Reason]:
    if last is None:
        return
    if before and after:
        yield from bump.reasons(before, after)
    if last.cases != files.cases:
        yield CASES_CHANGED
    if last == files:
        yield SAME


def _parse(files: Held) -> Document | None:
    try:
        return document.parse(files.content, files.path, {}).document
    except DocumentInvalid:
        return None
