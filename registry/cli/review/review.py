"""``promptstage review``: look at calls, one after the other, and say what their answers are worth."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from registry.cli import hints, http, output
from registry.cli.options import AsJson, Environment, MaybeName  # noqa: TC001 - typer reads the annotations
from registry.cli.review import agreement as compared
from registry.cli.review import item as items
from registry.cli.review import keys
from registry.wording import item, paths
from registry.wording.reads import Refused
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json
    from registry.cli.http import Registry

PASSED_OVER = ("claimed", "labelled", "skipped", "pulled", "erased", "not_sampled", "unknown_call")
BOUND = 0.5  # a score below it is bad
VERDICTS = {keys.GOOD: "good", keys.BAD: "bad", keys.EDIT: "bad"}


def review(  # noqa: PLR0913 - one parameter an option
    name: MaybeName = None,
    *,
    environment: Environment = "production",
    call: Annotated[
        str | None, typer.Option(metavar="ID", help="This call alone, also if nothing queued it.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="TAG", help="A tag for what is labelled; may be repeated.")
    ] = None,
    cases: Annotated[bool, typer.Option("--cases/--no-cases", help="Whether labels become cases.")] = True,
    agreement: Annotated[
        bool, typer.Option("--agreement", help="Show instead how far judges agree with people.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look at sampled calls one after the other, and say what their answers are worth; without NAME, of all.

    g says that an answer is good, b that it is bad, e opens an editor for what it should have been. t notes
    why, n leaves the call to others, m shows all of a long text, q ends. What judges say is shown after that:
    whoever knows it before says the same. From a pipe it reads a line for each call, such as `b too long`.
    It takes a token of the role review. `cases pull` then makes cases of what was labelled.

    \b
    Example:  promptstage review
              promptstage review summarize --tag refund
              promptstage review --call 01a22a48-7c7e-77a6-be04-64309570d22b
              promptstage review summarize --agreement
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    registry = http.connect()
    session = Session(registry, environment, {"tags": tag or [], "case": cases})
    with hints.helping(name or "", environment):
        if agreement:
            return compared.show(registry, environment, name, as_json=as_json)
        if call:
            session.look(session.claim(call), "")
        else:
            session.work(name)
    return session.sum_up(as_json=as_json)


class Session:
    """What one person looks at in a row.

    Args:
        registry: where.
        environment: of it.
        said: what each label says besides: `tags`, and whether it becomes a `case`.
    """

    def __init__(self, registry: Registry, environment: str, said: Json) -> None:
        self._registry = registry
        self._environment = environment
        self._said = said
        self._labels: list[Json] = []
        self._skipped = 0

    def work(self, name: str | None) -> None:
        """Go through what waits, also what comes meanwhile, until nothing is left or the person stops."""
        path = paths.review_path(self._environment) + (f"?{urlencode({'prompt': name})}" if name else "")
        left = self._registry.get(path, "open", limit=1)["open"]
        for number, waiting in enumerate(self._waiting(path), 1):
            claimed = self._claim_if_free(waiting["call"])
            if claimed and not self.look(claimed, f"{number} of {max(number, left)}  "):
                return

    def claim(self, call: str) -> Json:
        """Take a call, with its content. Raises Refused or Unavailable."""
        return self._registry.post(paths.review_path(self._environment, call, "claim"), {}, "content")

    def look(self, claimed: Json, progress: str) -> bool:
        """Show a call, and ask what it is worth; return False if the person stops."""
        note = ""
        self._show(claimed, progress, whole=False)
        while True:
            said = keys.ask(item.answer(claimed))
            if said.key == keys.QUIT:
                return False
            if said.key == keys.NEXT:
                self._skip(claimed["call"])
                return True
            if said.key in VERDICTS:
                self._label(claimed["call"], said, note)
                return True
            if said.key == keys.MORE:
                self._show(claimed, progress, whole=True)
            note = said.text or note

    def sum_up(self, *, as_json: bool) -> None:
        """Say what was done, and what to do with it."""
        if as_json:
            output.dump({"data": self._labels})
            return
        if not self._labels and not self._skipped:
            output.note(f"nothing waits for review in {self._environment}, or nothing was said")
            return
        count = Counter(label["verdict"] for label in self._labels)
        output.say(f"{len(self._labels)} labelled: {count['good']} good, {count['bad']} bad", "bold")
        if any(label["case"] for label in self._labels):
            output.tell("Make cases of them, in your prompts repository:  promptstage cases pull")

    def _waiting(self, path: str) -> Iterator[Json]:
        seen: set[str] = set()
        while fresh := [one for one in self._registry.pages(path) if one["call"] not in seen]:
            yield from fresh
            seen |= {one["call"] for one in fresh}

    def _claim_if_free(self, call: str) -> Json | None:
        try:
            return self.claim(call)
        except Refused as error:
            if error.code not in PASSED_OVER:
                raise
            return None

    def _show(self, claimed: Json, progress: str, *, whole: bool) -> None:
        output.tell("")
        (first, style), *rest = items.lines(claimed, whole=whole)
        output.tell(progress + first, style)
        for line, style in rest:
            output.tell(line, style)

    def _skip(self, call: str) -> None:
        self._registry.post(paths.review_path(self._environment, call, "skip"), {}, "done")
        self._skipped += 1

    def _label(self, call: str, said: keys.Said, note: str) -> None:
        is_edit = said.key == keys.EDIT
        body: dict[str, Any] = {"verdict": VERDICTS[said.key], **self._said}
        body |= {"expected": said.text} if is_edit else {}
        note = note or ("" if is_edit else said.text)
        body |= {"note": note} if note else {}
        try:
            done = self._registry.post(paths.review_path(self._environment, call, "label"), body, "label")
        except Refused as error:
            if error.code not in PASSED_OVER:
                raise
            output.note(f"this was not kept: {error.message}")
            return
        self._labels.append(done["label"])
        for score in done["scores"]:
            verdict = "bad" if score["value"] < BOUND else "good"
            by = f" by {clean(score['judge'])}" if score["judge"] else ""
            output.tell(
                f"judge: {clean(score['name'])} {score['value']:g}{by}: {verdict}; you: {body['verdict']}",
                "dim" if verdict == body["verdict"] else "magenta",
            )
