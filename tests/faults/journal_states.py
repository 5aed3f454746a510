"""A journal that is missing, damaged or old: changes are refused, reads go on, and `recover` mends it.

Under a registry that runs, and before one starts; from what Redis holds, and from a mirror alone.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3
from cli.shell import Cli
from faults.quick import QuickRegistry
from faults.scenario import Result, at_least
from support import PATIENCE, Api, PromptRepository, Registry, Valkey, until

from promptstage import Client
from registry.journal.change import content_path, state_path, token_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PROMPT, ENVIRONMENT = "summarize", "production"
PLACE = f"/v1/environments/{ENVIRONMENT}"
READS = (
    f"{PLACE}/releases/{PROMPT}",
    f"{PLACE}/resolve/{PROMPT}?key=u",
    f"{PLACE}/rollouts",
    f"{PLACE}/rollouts/{PROMPT}",
)
MISSING, DAMAGED, BEHIND = "journal_missing", "journal_damaged", "journal_behind"
NOTHING = ""  # is refused with no code: no change needs what is damaged, and `verify` finds it


class Case(NamedTuple):
    """What is done to a journal, and with which code changes are refused then.

    Attributes:
        running: in a registry that runs.
        starting: in one that starts on it.
    """

    what: str
    damage: Callable[[Stage], object]
    running: str
    starting: str


class Open(QuickRegistry):
    """A registry that may not be able to serve anything."""

    def _ready(self) -> bool:
        with closing(Api(self.url, "")) as api:
            try:
                return bool(api.get("/readyz").status)
            except urllib3.exceptions.HTTPError:
                return False


class Stage:
    """A registry over a Redis of its own, a client of it, and a mirror.

    Attributes:
        version: the newest version, which is stable.
        token: the newest token, with its id and secret.
        old: a copy of the journal without the newest changes.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.data, self.old = self.folder / "data", self.folder / "old"
        self.author = PromptRepository(self.folder / "prompts")
        self.valkey = Valkey(self.folder)
        stack.callback(self.valkey.kill)
        self.count = 0
        self.version = ""
        self.token: dict[str, Any] = {}
        self.author.tag(PROMPT, "1.0.0")
        self.registry = self._start(QuickRegistry)
        stack.callback(self.end)
        self.client = Client(
            self.registry.url,
            token=self.registry.api.token,
            prompts=[PROMPT],
            snapshot_dir=self.folder / "snapshots",
        )
        stack.callback(self.client.close)
        variables = {"PROMPTSTAGE_DATA": str(self.data), "PROMPTSTAGE_REDIS_URL": self.valkey.url}
        self.cli = Cli(self.folder, **variables)

    def _start(self, kind: type[Registry], port: int = 0) -> Registry:
        return kind(self.author.path, self.data, port=port, redis_url=self.valkey.url)

    def end(self) -> None:
        """End whichever registry runs."""
        self.registry.kill()

    def restart(self, act: Callable[[], object]) -> None:
        """Do something while no registry runs."""
        self.registry.stop()
        act()
        self.registry.api.close()
        self.registry = self._start(Open, self.registry.port)

    def prepare(self) -> None:
        """Make a change of each kind, each with new objects; before the last ones, keep a copy."""
        shutil.rmtree(self.old, ignore_errors=True)
        shutil.copytree(self.data / "journal.git", self.old)
        self.count += 1
        self.version = f"1.{self.count}.0"
        self.author.tag(PROMPT, self.version)
        assert self.promote(self.version).status == 200
        body = {"name": f"app-{self.count}", "role": "reader"}
        self.token = self.registry.api.call("POST", "/v1/tokens", body).json
        until(lambda: self.client.get(PROMPT, key="u").version == self.version, "the client to follow")

    def promote(self, version: str) -> Any:
        """Ask for a version with a key of its own."""
        return self.registry.api.act(
            "promote", PROMPT, {"version": version}, Idempotency_Key=f"{self.count}-{version}"
        )

    def history(self) -> set[str]:
        """The commits of all changes of the prompt."""
        answer = self.registry.api.get(f"{PLACE}/rollouts/{PROMPT}/history?limit=500").json
        return {change["commit"] for change in answer["data"]}

    def git(self, *arguments: object) -> str:
        """Run git on the journal."""
        command = ["git", f"--git-dir={self.data / 'journal.git'}", *map(str, arguments)]
        return subprocess.check_output(command, text=True).strip()

    def ruin(self, expression: str) -> None:
        """Damage an object."""
        oid = self.git("rev-parse", expression)
        path = self.data / "journal.git/objects" / oid[:2] / oid[2:]
        path.chmod(0o600)
        path.write_bytes(b"ruined")

    def refer(self, text: str) -> None:
        """Write something else where the branch says which change is the newest."""
        (self.data / "journal.git/refs/heads/main").write_text(text)

    def truncate_pack(self) -> None:
        """Pack everything, and cut off what was packed."""
        self.git("repack", "-a", "-d", "-q")
        (pack,) = (self.data / "journal.git/objects/pack").glob("*.pack")
        pack.chmod(0o600)
        with pack.open("r+b") as file:
            file.truncate(pack.stat().st_size // 2)

    def turn_back(self) -> None:
        """Put the old copy in the place of the journal."""
        shutil.rmtree(self.data / "newest", ignore_errors=True)
        (self.data / "journal.git").rename(self.data / "newest")
        self.old.rename(self.data / "journal.git")
        shutil.rmtree(self.data / "newest")

    def looks(self) -> tuple[bool, str]:
        """What nobody but `recover` may change of a journal that is not whole."""
        branch = self.data / "journal.git/refs/heads/main"
        return (self.data / "journal.json").exists(), branch.read_text() if branch.exists() else ""


def _state(_: Stage) -> str:
    return f"main:{state_path(ENVIRONMENT, PROMPT)}"


def _request(stage: Stage) -> str:
    changed = stage.git("log", "-1", "--name-only", "--format=", "main", "--", "requests")
    return f"main:{changed}"


CASES = (
    Case("its folder is gone", lambda s: shutil.rmtree(s.data / "journal.git"), MISSING, MISSING),
    Case("its marker is gone", lambda s: (s.data / "journal.json").unlink(), MISSING, MISSING),
    Case("the branch is empty", lambda s: s.refer(""), DAMAGED, DAMAGED),
    Case("the branch is garbage", lambda s: s.refer("garbage\n"), DAMAGED, DAMAGED),
    Case("the branch names what is not there", lambda s: s.refer("1" * 40 + "\n"), DAMAGED, DAMAGED),
    Case("the newest commit is damaged", lambda s: s.ruin("main"), DAMAGED, DAMAGED),
    Case("the newest tree is damaged", lambda s: s.ruin("main^{tree}"), DAMAGED, DAMAGED),
    Case("a folder's tree is damaged", lambda s: s.ruin("main:states"), DAMAGED, DAMAGED),
    Case("the record of the newest change is", lambda s: s.ruin("main:change.json"), DAMAGED, DAMAGED),
    Case("a state is damaged", lambda s: s.ruin(_state(s)), NOTHING, DAMAGED),
    Case("a token is damaged", lambda s: s.ruin(f"main:{token_path(s.token['id'])}"), NOTHING, DAMAGED),
    Case("a request is damaged", lambda s: s.ruin(_request(s)), NOTHING, NOTHING),
    Case("the pack is cut off", Stage.truncate_pack, DAMAGED, DAMAGED),
    Case(
        "a staged version is damaged",
        lambda s: s.ruin(f"main:{content_path(PROMPT, s.version)}"),
        NOTHING,
        NOTHING,
    ),
    Case("an old copy", Stage.turn_back, BEHIND, BEHIND),
)
IN_SHORT = ("its folder is gone", "the newest commit is damaged", "an old copy")


def prove(*, full: bool) -> Iterator[Result]:
    """Damage it in each way, and mend it."""
    with ExitStack() as stack:
        stage = Stage(stack)
        for number, case in enumerate(CASES):
            if full or case.what in IN_SHORT:
                # Without Redis nobody but the mirror could know that an old copy is one.
                before = _starting if number % 2 or case.running == BEHIND else _mirror_alone
                yield _under(stage, case, (_running, before) if full else (_running,))


class Trial:
    """One damage and its mending, and what went wrong.

    Attributes:
        kept: the history that must be there afterwards.
        always: whether every read must be answered.
    """

    def __init__(self, stage: Stage, code: str, *, always: bool) -> None:
        self.stage = stage
        self.code = code
        self.always = always
        self.codes: Counter[str] = Counter()
        self.unread = 0
        self.lost = 0
        self.problems: list[str] = []
        self.kept: set[str] = set()
        self.before = {path: stage.registry.api.get(path).text for path in READS}
        self.epoch = stage.registry.api.state(PROMPT)["epoch"]

    def expect(self, true: object, what: str) -> None:
        """Note it, if it is not so."""
        if not true:
            self.problems.append(what)

    def refuse(self) -> None:
        """Read, then ask for changes, while it is damaged."""
        stage, looks = self.stage, self.stage.looks()
        self.read()
        token = {"name": f"b-{stage.count}", "role": "reader"}
        answers = stage.promote("1.0.0"), stage.registry.api.call("POST", "/v1/tokens", token)
        codes = [answer.json["code"] if answer.status == 503 else NOTHING for answer in answers]
        self.codes.update(code or "accepted" for code in codes)
        self.expect(codes[0] == self.code, f"{answers[0].status} {codes[0]}, not {self.code}")
        self.expect(codes[1] in {self.code, NOTHING}, f"a token: {answers[1].status} {codes[1]}")
        if all(codes):
            self.expect(stage.looks() == looks, "something was re-created")
        self.expect(stage.client.get(PROMPT, key="u").version in {stage.version, "1.0.0"}, "get was wrong")

    def read(self) -> None:
        """Read everything that is read in a day."""
        stage = self.stage
        self.expect(stage.client.get(PROMPT, key="u").version == stage.version, "get was wrong")
        for path, before in self.before.items():
            answer = stage.registry.api.get(path)
            self.unread += answer.status == 503
            right = (
                answer.text == before if answer.status == 200 else answer.status == 503 and not self.always
            )
            self.expect(right, f"{path}: {answer.status} {answer.text[:200]}")
        if self.always:
            self.expect(_first_event(stage.registry.api) == b"event: release", "no stream")

    def mend(self) -> None:
        """Verify, recover, and go on without a restart."""
        stage = self.stage
        verified = stage.cli("journal", "verify")
        found = self.code == BEHIND or (verified.code == 1 and "Error: " in verified.err)
        self.expect(found, f"verify: {verified.code} {verified.err[:200]}")
        recovered = stage.cli("journal", "recover", "--yes")
        self.expect(recovered.code == 0, f"recover: {recovered.err}")
        state = until(lambda: _state_since(stage.registry.api, self.epoch), "a later epoch")
        expected = "1.0.0" if not self.code else stage.version
        self.lost += state["stable"]["version"] != expected
        self.lost += len(self.kept - stage.history())
        stage.author.tag(PROMPT, f"2.{stage.count}.0")
        self.expect(stage.promote(f"2.{stage.count}.0").status == 200, "no change is taken")
        until(lambda: stage.client.get(PROMPT, key="u").version[0] == "2", "the client to follow")
        verified = stage.cli("journal", "verify")
        self.expect(verified.code == 0, f"afterwards: {verified.err}")


def _state_since(api: Api, epoch: int) -> Any:
    """The state, if the registry runs on what was recovered."""
    answer = api.get(f"{PLACE}/rollouts/{PROMPT}")
    return answer.json if answer.status == 200 and answer.json["epoch"] > epoch else None


def _running(stage: Stage, case: Case) -> Trial:
    """A registry runs, and Redis is emptied with it: it knows all that it served."""
    trial = Trial(stage, case.running, always=True)
    with stage.valkey.client() as client:
        case.damage(stage)
        client.flushall()
    trial.refuse()
    until(lambda: stage.valkey.states()[1], "Redis to be whole again")
    trial.mend()
    return trial


def _starting(stage: Stage, case: Case) -> Trial:
    """A registry starts on it; Redis has everything."""
    trial = Trial(stage, case.starting, always=False)
    stage.restart(lambda: case.damage(stage))
    trial.refuse()
    trial.mend()
    return trial


def _mirror_alone(stage: Stage, case: Case) -> Trial:
    """A registry starts on it, and Redis is empty; all is in the mirror, the history and the tokens too."""
    trial = Trial(stage, case.starting, always=False)
    assert stage.cli("journal", "mirror", stage.folder / f"{stage.count}.git").code == 0
    trial.kept = stage.history()

    def lose() -> None:
        case.damage(stage)
        with stage.valkey.client() as client:
            client.flushall()

    stage.restart(lose)
    trial.refuse()
    trial.mend()
    with closing(Api(stage.registry.url, stage.token["secret"])) as app:
        trial.lost += app.get(READS[0]).status != 200
    stage.cli("journal", "mirror", "--stop")
    return trial


def _under(stage: Stage, case: Case, ways: Iterable[Callable[[Stage, Case], Trial]]) -> Result:
    trials = []
    for way in ways:
        stage.prepare()
        trials.append(way(stage, case))
    codes = sum((trial.codes for trial in trials), Counter())
    problems = [problem for trial in trials for problem in trial.problems]
    unread = sum(trial.unread for trial in trials)
    note = ", ".join(f"{code} {times}" for code, times in codes.items())
    result = Result(
        case.what,
        len(trials),
        lost=sum(trial.lost for trial in trials),
        wrong=len(problems),
        note="; ".join([note, *([f"{unread} reads answered 503"] * bool(unread)), *problems[:3]]),
    )
    return at_least(result, 1)


def _first_event(api: Api) -> bytes:
    pool = urllib3.PoolManager(retries=False, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {api.token}"}
    with closing(
        pool.request("GET", f"{api.url}{PLACE}/stream?names={PROMPT}", headers=headers, preload_content=False)
    ) as answer:
        return bytes(answer.readline()).strip()
