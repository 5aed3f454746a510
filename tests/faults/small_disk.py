"""A data folder on a small disk, and authors who push great files: changes go on, health tells the truth."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from faults.disk import NOT_MOUNTED, full_but, mount, mounted
from faults.scenario import Result
from git_hosts import http_host
from support import PromptRepository, Registry, until

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = "64m"
GREAT = 80 << 20  # bytes of a file beside the prompts: more than the disk
SMALL, COUNT = 64 << 10, 1300  # bytes of each of so many files, which are as much together
PROMPT = "summarize"
SPARE = 4 << 20  # bytes that a look may take of the disk where it needs none of a great file
PATIENCE = 90.0  # seconds; the longest pause after failures is a minute


class Stage:
    """A registry on a small disk, whose repository is a path or at a host that sends all that there is.

    Attributes:
        problems: what was not as it must be.
        changes: how many were made.
    """

    def __init__(self, stack: ExitStack, folder: Path, *, whole: bool) -> None:
        self.author = PromptRepository(folder / "prompts")
        self.author.tag(PROMPT, "1.0.0")
        self.author.tag(PROMPT, "1.1.0")
        self.data = folder / "disk/data"
        address = str(self.author.path)
        if whole:
            self.author.git("config", "uploadpack.allowFilter", "false")
            address = f"{stack.enter_context(http_host(folder, '')).url}/prompts/.git"
        self.registry = Registry(address, self.data, poll_seconds="1")
        stack.callback(self.registry.kill)
        self.problems: list[str] = []
        self.changes = 0
        self.change()

    def push(self, version: str, *, many: bool = False) -> None:
        """Push a version with great files beside it: one, or many small ones."""
        for number in range(COUNT if many else 1):
            (self.author.path / f"beside-{number}").write_bytes(os.urandom(SMALL if many else GREAT))
        self.author.tag(PROMPT, version)

    def wait_for(self, version: str) -> None:
        """Wait until a version can be read."""
        place = f"/v1/prompts/{PROMPT}/versions/{version}"
        until(lambda: self.registry.api.get(place).status == 200, version, patience=PATIENCE)

    def change(self) -> None:
        """Promote a version, and roll it back: each is acknowledged."""
        for op, body in (
            ("promote", {"version": "1.0.0"}),
            ("promote", {"version": "1.1.0"}),
            ("rollback", None),
        ):
            answer = self.registry.api.act(op, PROMPT, body)
            if answer.status not in {200, 409}:
                self.problems.append(f"{op}: {answer.status} {answer.text}")
            self.changes += answer.status == 200

    def expect(self, true: object, what: str) -> None:
        """Note it, if it is not so."""
        if not true:
            self.problems.append(what)

    def journal(self) -> tuple[bool, ...]:
        """Whether readyz, doctor and the metric say that changes can be made."""
        api = self.registry.api
        checks = {check["name"]: check["status"] for check in api.get("/v1/doctor").json["checks"]}
        metric = re.search(r"^promptstage_journal_writable (\S+)", api.get("/metrics").text, re.MULTILINE)
        return (
            api.get("/readyz").json["journal"] == "ok",
            checks["journal"] == "ok",
            bool(metric and float(metric[1])),
        )

    def free(self) -> int:
        """The bytes that the disk has left."""
        return os.statvfs(self.data).f_bavail * os.statvfs(self.data).f_frsize

    def left(self) -> list[str]:
        """What is unfinished on the disk."""
        return [str(file) for file in self.data.rglob("tmp_*") if file.is_file()]

    def result(self, what: str) -> Result:
        """What came of it."""
        note = "; ".join([f"{self.changes} changes", f"{self.free() >> 20} MiB left", *self.problems[:3]])
        return Result(what, self.changes, wrong=len(self.problems), note=note)


def prove(*, full: bool) -> Iterator[Result]:
    """Push great files, to a host that can leave them out and to one that cannot; then fill the disk."""
    for whole in (False, True) if full else (False,):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            (folder / "disk").mkdir()
            if not mount(folder / "disk", f"size={SIZE}"):
                yield Result("a small disk", 0, void=NOT_MOUNTED)
                return
            stack.enter_context(mounted(folder / "disk"))
            stage = Stage(stack, folder, whole=whole)
            yield _refused(stage) if whole else _left_out(stage, full=full)


def _left_out(stage: Stage, *, full: bool) -> Result:
    """Nothing of the files arrives, and the versions do; then the disk is filled by something else."""
    free = stage.free()
    for version, many in (("1.2.0", False), ("1.3.0", True))[: 2 if full else 1]:
        stage.push(version, many=many)
        stage.wait_for(version)
        stage.change()
    stage.expect(free - stage.free() < SPARE, f"{(free - stage.free()) >> 20} MiB were taken")
    stage.expect(all(stage.journal()), "it is not said that all is well")
    with full_but(stage.data, 0):
        until(lambda: _is_told(stage), "readyz, doctor and metric to say that the disk is full")
        stage.expect(
            stage.registry.api.act("rollback", PROMPT).status in {503, 409}, "a change on a full disk"
        )
    (stage.data / "log").unlink()
    until(lambda: all(stage.journal()), "readyz, doctor and metric to say that all is well again")
    stage.change()
    stage.expect(not stage.left(), "something unfinished is left")
    return stage.result("80 MB beside the prompts, a disk of 64 MB")


def _is_told(stage: Stage) -> bool:
    """Whether a disk is said to be full on which others take whatever is let go."""
    with suppress(OSError), (stage.data / "log").open("ab", buffering=0) as log:
        while log.write(bytes(4096)):
            continue
    return not any(stage.journal())


def _refused(stage: Stage) -> Result:
    """The fetch does not fit, again and again: that is said, and leaves nothing."""
    stage.push("1.2.0")
    api = stage.registry.api
    until(lambda: "disk" in api.get("/readyz").json["repository"], "readyz to say why", patience=PATIENCE)
    for _ in range(10):
        stage.change()
    stage.expect(all(stage.journal()), "it is not said that changes can be made")
    stage.expect(not stage.left(), "something unfinished is left")
    stage.author.git("tag", "-d", f"{PROMPT}/v1.2.0")
    stage.author.git("reset", "-q", "--hard", "HEAD~1")
    stage.author.tag(PROMPT, "1.2.1")
    stage.wait_for("1.2.1")
    stage.change()
    return stage.result("80 MB that a host cannot leave out, a disk of 64 MB")
