"""A journal that registries with folders of their own share: one order, nothing lost, nothing twice."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest
from git_hosts import http_host, ssh_host
from journal.story import tell

from registry.access.capabilities import Capability
from registry.access.tokens import TokenSpec
from registry.control import retry
from registry.control.tokens import Requester, Tokens
from registry.errors import Conflict, GitFailed, NotFound, RegistryError, Unavailable
from registry.git.remote import Credentials
from registry.journal import remote
from registry.journal.maintenance.verify import verify
from registry.journal.remote import RemoteJournal
from registry.replication.read_model import ReadModel
from registry.replication.redis_store import RedisStore
from registry.replication.replica import Replica
from registry.rollouts.position import Position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from registry.access.tokens import Token

OPEN = Credentials()
NO_REDIS = "unix:///nowhere"


def bare(path: Path) -> Path:
    """An empty repository that takes pushes over http too."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    git(path, "config", "http.receivepack", "true")
    return path


def git(repository: Path, *args: str) -> str:
    """What a stranger's git does there, and says."""
    done = subprocess.run(
        ["git", f"--git-dir={repository}", *args], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


class Hasty(RemoteJournal):
    """One that can be disturbed around a push."""

    before: Callable[[], object] = staticmethod(lambda: None)
    after: Callable[[], object] = staticmethod(lambda: None)
    pushes = 0

    def _push(self, commit: str, parent: str | None) -> None:
        self.pushes += 1
        self.before()
        super()._push(commit, parent)
        self.after()


class Member:
    """A registry's copy of the journal, and its tokens."""

    def __init__(self, folder: Path, address: str, credentials: Credentials = OPEN) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.journal = Hasty(folder, address, credentials)
        self.replica = Replica(self.journal, RedisStore(NO_REDIS, "test"), ReadModel(cast("Any", None)))
        self.is_new = self.replica.open(folder / "admin.token")
        self.tokens = Tokens(("production",), self.replica)

    def create(self, name: str, key: str | None = None) -> int:
        """Make a token; the seq of that."""
        return self._create(name, key)[1]

    def _create(self, name: str, key: str | None) -> tuple[Token, int]:
        asked = Requester(token=self.tokens.list()[0], idempotency_key=key)
        token, _, done = self.tokens.create(
            TokenSpec(name=name, capabilities=(Capability.reader,)), name, asked
        )
        return token, done.entry.change.seq

    def names(self) -> list[str]:
        """The tokens that it knows, after a look."""
        self.replica.reconcile()
        return [token.name for token in self.tokens.list()]

    def refused(self, name: str = "another") -> tuple[str, str]:
        """Why it makes no token: the code, and the sentence."""
        with pytest.raises(Unavailable) as raised:
            self.create(name)
        return raised.value.code, raised.value.message


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the journal is shared."""
    return bare(tmp_path / "shared.git")


@pytest.fixture
def join(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Member]]:
    """Makes registries that share it, which look at once."""
    for name in ("RETRY_SECONDS", "PAUSES", "POLL_SECONDS", "ALONE_SECONDS"):
        monkeypatch.setattr(remote, name, 0.0)
    made: list[Member] = []

    def make(name: str) -> Member:
        made.append(Member(tmp_path / name, str(place)))
        return made[-1]

    yield make
    for member in made:
        member.journal.close()


def test_the_first_one_begins_it_and_the_others_join(join: Callable[[str], Member], place: Path) -> None:
    """They have the same tokens; the first admin's secret is where the journal was begun alone."""
    members = [join("a"), join("b")]

    assert [member.is_new for member in members] == [True, False]
    assert [(member.folder / "admin.token").exists() for member in members] == [True, False]
    assert members[0].create("ci") == 1
    assert members[1].names() == ["admin", "ci"]
    assert {git(member.folder / "journal.git", "rev-parse", "main") for member in members} == {
        git(place, "rev-parse", "main")
    }


def test_any_number_of_askers_share_one_look(
    join: Callable[[str], Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another registry made is known before a no, and strangers make nobody look again and again."""
    first, second = join("a"), join("b")
    looks: list[float] = []
    fetch = second.journal._fetch

    def count(lock: int, timeout: float) -> None:
        looks.append(timeout)
        fetch(lock, timeout)

    monkeypatch.setattr(second.journal, "_fetch", count)
    first.create("ci")
    since = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(second.replica.refresh, [since] * 40))

    assert [token.name for token in second.replica.keyring.tokens()] == ["admin", "ci"]
    assert len(looks) == 1


def test_of_two_that_begin_at_once_one_does(
    join: Callable[[str], Member], place: Path, tmp_path: Path
) -> None:
    """The other one takes that over, and no token is left that opens nothing."""
    late = Hasty(tmp_path / "late", str(place), OPEN)
    (tmp_path / "late").mkdir()
    late.before = lambda: join("first") if late.pushes == 1 else None
    replica = Replica(late, RedisStore(NO_REDIS, "test"), ReadModel(cast("Any", None)))

    assert not replica.open(tmp_path / "late/admin.token")
    assert not (tmp_path / "late/admin.token").exists()
    assert git(place, "rev-list", "--count", "main") == "1"
    assert verify(tmp_path / "late").problems == ()
    late.close()


def test_a_beginning_that_seemed_to_fail_is_ones_own(place: Path, tmp_path: Path) -> None:
    """The repository took it, and only its answer was lost: the admin's token stays."""
    (tmp_path / "a").mkdir()
    journal = Hasty(tmp_path / "a", str(place), OPEN)
    journal.after = timed_out
    replica = Replica(journal, RedisStore(NO_REDIS, "test"), ReadModel(cast("Any", None)))

    assert replica.open(tmp_path / "a/admin.token")
    assert (tmp_path / "a/admin.token").exists()
    journal.close()


def timed_out() -> None:
    """What a push says that was heard, but not answered."""
    raise GitFailed("git push was ended after 10 s", code="git_timeout")


def test_all_at_once_stay_in_one_order(join: Callable[[str], Member], place: Path) -> None:
    """Whoever is overtaken decides again: no change is lost, none is made twice, no number is left out."""
    members = [join(name) for name in "abc"]
    work = [(member, f"{member.folder.name}-{number}") for number in range(4) for member in members]
    with ThreadPoolExecutor(3) as pool:
        seqs = list(pool.map(lambda one: one[0].create(one[1]), work))

    assert sorted(seqs) == list(range(1, 13))
    assert sorted(members[0].names()) == sorted(["admin", *(name for _, name in work)])
    assert verify(members[1].folder).problems == ()
    assert git(place, "rev-list", "--count", "main") == "13"


def test_a_try_on_what_is_here_saves_a_look(
    join: Callable[[str], Member], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes to the same as with one: changes and refusals are those of the newest state."""
    member, other = join("a"), join("b")
    monkeypatch.setattr(remote, "TURN_SECONDS", -1.0)
    for one in (member, other):
        one.journal._next_fetch = time.monotonic() + 60

    assert member.create("ci") == 1
    assert other.create("other") == 2
    assert [member.journal.pushes, other.journal.pushes] == [1 + 1, 2]
    with pytest.raises(Conflict, match="is in use"):
        other.create("ci")
    assert member.tokens.revoke(other.tokens.list()[2].id, requester(member)).entry.change.seq == 3
    with pytest.raises(NotFound):
        other.tokens.revoke(git(place, "rev-parse", "main")[:12], requester(other))
    assert [token.name for token in other.tokens.list()] == ["admin", "ci"]


def requester(member: Member) -> Requester:
    """The admin."""
    return Requester(token=member.tokens.list()[0])


def test_who_is_overtaken_decides_on_the_new_state(join: Callable[[str], Member]) -> None:
    """What was possible before need not be so any more."""
    slow, fast = join("a"), join("b")
    slow.journal.before = lambda: fast.create("ci") if slow.journal.pushes == 2 else None

    with pytest.raises(Conflict, match="is in use"):
        slow.create("ci")

    assert slow.names() == ["admin", "ci"]


def test_a_push_that_seemed_to_fail_is_not_made_again(join: Callable[[str], Member], place: Path) -> None:
    """The commit is found where it was pushed to, also behind what others wrote since."""
    member, other = join("a"), join("b")

    def lose_sight() -> None:
        other.create("others")
        timed_out()

    told: list[int] = []
    member.replica.listeners.append(lambda change, _: told.append(change.seq))
    member.journal.after = lose_sight

    assert member.create("ci") == 1
    assert told == [1]
    assert member.names() == ["admin", "ci", "others"]
    assert git(place, "rev-list", "--count", "main") == "3"


def test_a_change_lost_sight_of_says_so(join: Callable[[str], Member], place: Path) -> None:
    """With the key it can be asked for again, here or elsewhere, and is made once."""
    member, other = join("a"), join("b")

    def vanish() -> None:
        place.rename(place.with_name("away"))
        timed_out()

    member.journal.after = vanish
    with pytest.raises(
        Unavailable, match="may have been made: repeat it with the same Idempotency-Key"
    ) as raised:
        member.create("ci", "key-1")
    place.with_name("away").rename(place)

    assert raised.value.code == "journal_unreachable"
    with pytest.raises(Conflict, match="made the token") as again:
        other.create("ci", "key-1")
    assert again.value.code == "already_created"
    assert member.names() == ["admin", "ci"]


def test_who_is_overtaken_each_time_gives_up(
    join: Callable[[str], Member], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many tries, and nothing of it is left there."""
    monkeypatch.setattr(retry, "TRIES", 3)
    member, other = join("a"), join("b")
    member.journal.before = lambda: other.create(f"other-{member.journal.pushes}")

    assert member.refused("ci")[0] == "busy"
    assert member.journal.pushes == 1 + retry.TRIES
    assert git(place, "rev-list", "--count", "main") == str(1 + retry.TRIES)
    assert "ci" not in other.names()


def test_cut_off_it_refuses_and_comes_back_by_itself(join: Callable[[str], Member], place: Path) -> None:
    """Nothing is acknowledged that the others could not see; what is here is read on."""
    member, other = join("a"), join("b")
    member.create("ci")
    place.rename(place.with_name("away"))

    code, message = member.refused()
    assert (code, "what is in force is served" in message) == ("journal_unreachable", True)
    assert member.names() == ["admin", "ci"]
    assert member.replica.problem is not None
    place.with_name("away").rename(place)
    assert other.create("later") == 2
    assert member.names() == ["admin", "ci", "later"]
    assert member.create("last") == 3


def test_a_line_that_hangs_is_not_waited_for_each_time(
    join: Callable[[str], Member], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a while after a failure the next one is refused at once, without a try."""
    member = join("a")
    monkeypatch.setattr(remote, "RETRY_SECONDS", 60.0)
    place.rename(place.with_name("away"))
    first = member.refused()
    place.with_name("away").rename(place)

    assert member.refused() == first


def test_one_that_was_turned_back_is_noticed(join: Callable[[str], Member], place: Path) -> None:
    """A stranger's force, or an old backup: nothing is written over it until the newest copy is back."""
    member = join("a")
    member.create("ci")
    newest = git(place, "rev-parse", "main")
    git(place, "update-ref", "refs/heads/main", f"{newest}~1")

    code, message = member.refused()
    assert (code, "is at change 0" in message, "at change 1" in message) == ("journal_behind", True, True)
    git(place, "update-ref", "-d", "refs/heads/main")
    assert member.refused()[0] == "journal_behind"
    git(member.folder / "journal.git", "push", "--quiet", str(place), "main")
    assert member.create("again") == 2


def test_one_that_was_rewritten_is_noticed(join: Callable[[str], Member], place: Path) -> None:
    """Other changes in the place of those that were acknowledged are not taken over."""
    member, other = join("a"), join("b")
    git(place, "config", "receive.denyNonFastForwards", "false")
    before = git(place, "rev-parse", "main")
    member.create("ci")
    git(place, "update-ref", "refs/heads/main", before)
    other.create("others")

    assert member.refused()[0] == "journal_behind"
    assert [token.name for token in member.tokens.list()] == ["admin", "ci"]


@pytest.mark.parametrize("holds", ["a journal", "a program"])
def test_another_journal_is_left_alone(
    join: Callable[[str], Member], place: Path, tmp_path: Path, holds: str
) -> None:
    """A folder that has one of its own joins no other, and nothing is written anywhere."""
    join("a")
    if holds == "a program":
        tree = git(place, "mktree")
        commit = git(place, "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "-m", "x", tree)
        git(place, "update-ref", "refs/heads/main", commit)
    before = git(place, "rev-parse", "main")
    stranger = Member(tell(tmp_path / "stranger", "1.0.0"), str(place))

    assert stranger.refused()[0] == "journal_foreign"
    assert git(place, "rev-parse", "main") == before
    stranger.journal.close()


def test_a_host_that_takes_nothing_says_why(join: Callable[[str], Member], place: Path) -> None:
    """A right that is missing does not come by trying again."""
    member = join("a")
    git(place, "config", "receive.maxInputSize", "1")

    code, message = member.refused()

    assert (code, "maximum allowed size" in message) == ("journal_unwritable", True)
    assert member.journal.pushes == 2


def test_a_start_that_was_cut_off_while_joining(join: Callable[[str], Member]) -> None:
    """The copy is there, and not its marker: the next start takes it as it is."""
    join("a").create("ci")
    second = join("b")
    (second.folder / "journal.json").unlink()

    assert not join("b").is_new
    assert verify(second.folder).problems == ()


def test_without_a_place_nothing_begins(tmp_path: Path) -> None:
    """A disk that is not mounted is no reason for a journal of its own."""
    with pytest.raises(Unavailable, match="git init --bare") as raised:
        Member(tmp_path / "a", str(tmp_path / "nowhere.git"))

    assert raised.value.code == "journal_unreachable"
    assert not (tmp_path / "a/journal.json").exists()


def test_over_http_with_a_token(tmp_path: Path) -> None:
    """The host sees it; a wrong one is told, with the file to mend."""
    token = tmp_path / "token"
    place = bare(tmp_path / "hosted/journal.git")
    with http_host(tmp_path / "hosted", "me:s3cret") as host:
        token.write_text("me:s3cret")
        member = Member(tmp_path / "a", f"{host.url}/journal.git", Credentials(token_file=token))
        with closing(member.journal):
            assert member.create("ci") == 1
            token.write_text("me:wrong")
            assert f"refuses the token in {token}" in member.refused()[1]

    assert git(place, "rev-list", "--count", "main") == "2"


def test_over_ssh_with_a_key(tmp_path: Path) -> None:
    """As the prompt repository is reached."""
    place = bare(tmp_path / "journal.git")
    with ssh_host(tmp_path / "ssh") as host:
        opened = Credentials(ssh_key=host.key, known_hosts=host.known_hosts)
        with closing(Member(tmp_path / "a", host.url(place), opened).journal):
            assert git(place, "rev-list", "--count", "main") == "1"


def test_how_often_it_is_looked_at(tmp_path: Path, place: Path) -> None:
    """Once for each news, and else every few seconds: a host of repositories is not to be hammered."""
    with closing(RemoteJournal(tmp_path, str(place), OPEN)) as journal:
        assert journal.is_due(None, alone=False)
        with journal.lock() as lock:
            journal.join(lock)
            with pytest.raises(RegistryError):
                journal.refresh(lock)
        journal.trouble, journal._next_fetch = None, time.monotonic() + remote.POLL_SECONDS

        assert not journal.is_due(None, alone=False)
        assert not journal.is_due(None, alone=True)
        assert [journal.is_due(Position(7, 3), alone=False) for _ in range(3)] == [True, False, False]
        assert [journal.is_due(Position(7, 4), alone=False) for _ in range(2)] == [True, False]
