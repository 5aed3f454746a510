"""A journal that is missing, damaged or behind can be written again, and nothing that is known is lost."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from journal.story import ADMIN, EPOCH, SECRET, content, promote, promoted, reference, states, tell

from registry.access.capabilities import Capability
from registry.access.tokens import Keyring, TokenSpec, mint
from registry.errors import Unavailable
from registry.git.remote import Credentials
from registry.journal.change import Change, token_path
from registry.journal.local import LocalJournal
from registry.journal.maintenance import mirror
from registry.journal.maintenance.recover import recover
from registry.journal.maintenance.survey import Seen, scan
from registry.journal.maintenance.verify import verify
from registry.rollouts.position import Position
from registry.rollouts.state import ApprovalRequest
from registry.system import timestamps

if TYPE_CHECKING:
    from pathlib import Path

    from registry.journal.maintenance.recover import Recovered
    from registry.journal.maintenance.survey import Found

OPEN = Credentials()
NOBODY = Seen()


def nowhere(prompt: str, ref: Any) -> bytes | None:
    """Nobody else has a version's bytes."""
    return None


def mend(data: Path, seen: Seen = Seen(), fetch: Any = nowhere) -> Recovered:  # noqa: B008 - it is frozen
    """Look, and recover."""
    return recover(data, scan(data, seen), fetch)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a journal."""
    return tell(tmp_path / "data", "1.0.0", "1.1.0")


def ruin(data: Path, commit: str) -> None:
    """Damage the object of a commit."""
    path = data / "journal.git/objects" / commit[:2] / commit[2:]
    path.chmod(0o600)
    path.write_bytes(b"ruined")


def test_a_whole_journal_gets_a_new_epoch(data: Path) -> None:
    """Clients take each state again, whatever they have seen; the history stays."""
    done = mend(data)

    assert (done.lost, done.new_admin, done.put_aside) == ((), False, None)
    assert done.head > (EPOCH, 1000)
    assert verify(data).problems == ()
    with closing(LocalJournal(data)) as journal:
        (state,) = journal.load().states
        entry = journal.head()
    assert (state.position, state.stable_version) == (done.head, "1.1.0")
    assert (entry.change.op, entry.change.actor, entry.change.previous) == ("recover", "operator", 2)
    assert entry.change.after == "1.1.0"


def test_an_epoch_of_the_future_goes_back(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the present, with what Redis knows better; but not to a time that is over by the clock of Redis."""
    true, ahead = timestamps.now(), timestamps.now() + timedelta(days=99)
    monkeypatch.setattr(timestamps, "now", lambda: ahead)
    epoch, seq = mend(data).head
    monkeypatch.setattr(timestamps, "now", lambda: true)
    seen = Seen(Position(epoch, seq + 5), (promoted("1.2.0", seq + 5, epoch),), ahead)
    found = [scan(data, one) for one in (seen, replace(seen, at=true), replace(seen, at=None))]
    done = mend(data, replace(seen, at=true), lambda _, ref: content(ref.version))

    assert [one.goes_back for one in found] == [False, True, True]
    assert (epoch, done.head[0]) == (int(ahead.timestamp()), int(true.timestamp()))
    assert (states(data), verify(data).problems) == ({"summarize": "1.2.0"}, ())


def test_what_redis_knows_better_is_taken(data: Path) -> None:
    """An old copy goes on from what was acknowledged after it."""
    seen = Seen(Position(EPOCH + 5, 9), (promoted("1.2.0", 9, EPOCH + 5),))
    done = mend(data, seen, lambda _, ref: content(ref.version))

    assert states(data) == {"summarize": "1.2.0"}
    assert done.head > (EPOCH + 6, 0)
    assert (verify(data).problems, done.lost) == ((), ())


def test_what_awaits_approval_still_does(data: Path) -> None:
    """With the bytes of what was asked for, which nothing else names yet."""
    request = ApprovalRequest(
        id="a-1",
        op="promote",
        version=reference("1.2.0"),
        asked_by="ada",
        token="t",
        asked_at=timestamps.now(),
    )
    asked = promoted("1.1.0", 9).model_copy(update={"awaiting_approval": request})
    done = mend(data, Seen(Position(EPOCH, 9), (asked,)), lambda _, ref: content(ref.version))

    with closing(LocalJournal(data)) as journal:
        (state,) = journal.load().states
        staged = journal.staged("summarize", "1.2.0")
    assert (state.awaiting_approval, staged) == (request, content("1.2.0"))
    assert (verify(data).problems, done.lost) == ((), ())


def test_bytes_that_nobody_has_are_named(data: Path) -> None:
    """The state goes on; false bytes are none."""
    seen = Seen(Position(EPOCH, 9), (promoted("1.2.0", 9),))

    assert mend(data, seen, lambda *_: b"false").lost == ("summarize@1.2.0",)
    assert states(data) == {"summarize": "1.2.0"}


def test_a_lost_journal_is_made_of_redis(data: Path) -> None:
    """The token of the admin's file is good again."""
    shutil.rmtree(data / "journal.git")
    done = mend(data, Seen(Position(EPOCH, 2), (promoted("1.1.0", 2),)), lambda _, ref: content(ref.version))

    assert (states(data), done.new_admin, verify(data).problems) == ({"summarize": "1.1.0"}, True, ())
    with closing(LocalJournal(data)) as journal:
        keyring = Keyring(journal.load().tokens)
    assert keyring.find(f"Bearer {SECRET}", timestamps.now()).is_global_admin


def test_a_branch_that_is_garbage(data: Path) -> None:
    """The newest change is found among the objects; the damaged journal is put aside."""
    (data / "journal.git/refs/heads/main").write_text("garbage")
    done = mend(data)

    assert (states(data), verify(data).problems) == ({"summarize": "1.1.0"}, ())
    assert verify(data).changes == 5
    assert done.put_aside == data / f"journal.git.damaged-{done.head[0]}"
    assert done.put_aside.is_dir()


def test_a_newest_change_that_is_damaged(data: Path) -> None:
    """The one before it is the last that is whole; Redis knows the rest."""
    ruin(data, promote(data, "1.2.0").commit)
    mend(data, Seen(Position(EPOCH, 3), (promoted("1.2.0", 3),)), lambda _, ref: content(ref.version))

    assert (states(data), verify(data).problems) == ({"summarize": "1.2.0"}, ())
    assert verify(data).changes == 5


@pytest.mark.parametrize("left", [".journal.recovering/journal.git", "journal.git.damaged-1700000005"])
def test_a_recovery_that_was_cut_off(data: Path, left: str) -> None:
    """It can be begun again: the journal is found where it was left."""
    (data / left).parent.mkdir(exist_ok=True)
    (data / "journal.git").rename(data / left)
    mend(data)

    assert (states(data), verify(data).problems) == ({"summarize": "1.1.0"}, ())
    assert verify(data).changes == 5


def test_an_admin_without_a_file_gets_one(data: Path) -> None:
    """A restored journal brings no secret with it."""
    (data / "admin.token").unlink()
    assert mend(data).new_admin

    with closing(LocalJournal(data)) as journal:
        keyring = Keyring(journal.load().tokens)
    made = keyring.find(f"Bearer {(data / 'admin.token').read_text()}", timestamps.now())
    assert (made.created_by, made.name != ADMIN.name, made.is_global_admin) == ("operator", True, True)


def mend_with(data: Path, url: Path, seen: Seen = NOBODY) -> Found:
    """Recover with what a mirror holds; what was found."""
    with mirror.fetched(data, str(url), OPEN, lambda _: None) as copy:
        found = scan(data, seen, mirror=copy)
    recover(data, found, lambda _, ref: content(ref.version))
    assert verify(data).problems == ()
    return found


@pytest.fixture
def mirrored(data: Path, tmp_path: Path) -> Path:
    """A mirror that has everything."""
    mirror.push(data, str(tmp_path / "m.git"), OPEN, begin=True)
    return tmp_path / "m.git"


def test_a_lost_disk(tmp_path: Path, mirrored: Path) -> None:
    """All that was pushed is there in another folder, with its history; a new admin's secret too."""
    new = tmp_path / "new"
    new.mkdir()
    found = mend_with(new, mirrored)

    assert (states(new), verify(new).changes) == ({"summarize": "1.1.0"}, 3 + 3)
    assert (found.here, found.mirrored, found.lost) == (None, (EPOCH, 2), None)
    with closing(LocalJournal(new)) as journal:
        keyring = Keyring(journal.load().tokens)
    assert keyring.find(f"Bearer {SECRET}", timestamps.now()).name == "admin"
    assert keyring.find(f"Bearer {(new / 'admin.token').read_text()}", timestamps.now()).is_global_admin
    assert sorted(path.name for path in new.glob(".*")) == []


def test_what_no_mirror_has_any_more(tmp_path: Path, mirrored: Path) -> None:
    """Redis has the state, nobody the history: how many changes that are is told."""
    new = tmp_path / "new"
    new.mkdir()
    found = mend_with(new, mirrored, Seen(Position(EPOCH, 6), (promoted("1.2.0", 6),)))

    assert (states(new), found.from_redis) == ({"summarize": "1.2.0"}, 1)
    assert found.lost == ((EPOCH, 2), (EPOCH, 6))


def test_an_old_copy_goes_on_from_the_mirror(data: Path, tmp_path: Path, mirrored: Path) -> None:
    """And is put aside; a token that was revoked since stays revoked."""
    old = tmp_path / "old"
    shutil.copytree(data, old)
    revoke(data)
    mirror.push(data, str(mirrored), OPEN)
    found = mend_with(old, mirrored)

    assert (found.here, found.mirrored) == ((EPOCH, 2), (EPOCH, 3))
    assert found.problems == ("the journal is older than its mirror",)
    with closing(LocalJournal(old)) as journal:
        (revoked,) = [token for token in journal.load().tokens if token.id == ADMIN.id]
    assert revoked.revoked_at is not None
    mirror.push(old, str(mirrored), OPEN)  # it goes on where the mirror is, so nothing is in the way


@pytest.mark.parametrize("versions", [("1.2.0",), ("1.2.0", "1.3.0")])
def test_an_old_copy_that_took_changes(
    data: Path, tmp_path: Path, mirrored: Path, versions: tuple[str, ...]
) -> None:
    """The history is the mirror's, and nothing of either is undone: no promote, and no revoked token."""
    old = tmp_path / "old"
    shutil.copytree(data, old)
    revoke(data)
    newest = mirror.push(data, str(mirrored), OPEN).commit
    for version in versions:
        promote(old, version)
    found = mend_with(old, mirrored)

    assert (found.here, found.mirrored) == ((EPOCH, 2 + len(versions)), (EPOCH, 3))
    assert found.parent == newest
    assert f"went different ways after {EPOCH}.2; what either has is taken" in found.problems[0]
    assert states(old) == {"summarize": versions[-1]}
    with closing(LocalJournal(old)) as journal:
        (revoked,) = [token for token in journal.load().tokens if token.id == ADMIN.id]
    assert revoked.revoked_at is not None
    mirror.push(old, str(mirrored), OPEN)


def test_a_mirror_that_is_behind(data: Path, mirrored: Path) -> None:
    """What is whole here is newer, so nothing of the mirror is taken."""
    promote(data, "1.2.0")
    found = mend_with(data, mirrored)

    assert (found.here, found.mirrored, found.problems) == ((EPOCH, 3), (EPOCH, 2), ())
    assert states(data) == {"summarize": "1.2.0"}


def test_a_damaged_journal_and_a_mirror_that_is_behind(data: Path, mirrored: Path) -> None:
    """The mirror is the base; what can still be read here of what came after it is not lost."""
    damaged = promote(data, "1.2.0").commit
    promote(data, "1.3.0")
    ruin(data, damaged)
    found = mend_with(data, mirrored)

    assert (found.base and found.base.position, found.lost) == ((EPOCH, 2), ((EPOCH, 2), (EPOCH, 4)))
    assert states(data) == {"summarize": "1.3.0"}


@pytest.mark.parametrize("later", [(), ("1.2.0",)])
def test_what_is_damaged_here_may_be_whole_in_the_mirror(
    data: Path, mirrored: Path, later: tuple[str, ...]
) -> None:
    """The history is all of one piece again, what the mirror has not yet included."""
    for version in later:
        promote(data, version)
    with closing(LocalJournal(data)) as journal:
        commits = journal.load().commits
    ruin(data, commits[1])
    found = mend_with(data, mirrored)

    assert (found.parent, found.here, found.lost) == (commits[-1], (EPOCH, 2 + len(later)), None)
    assert states(data) == {"summarize": later[-1] if later else "1.1.0"}


def revoke(data: Path) -> None:
    """Revoke the admin's token."""
    with closing(LocalJournal(data)) as journal, journal.lock() as lock:
        head = journal.head()
        token = ADMIN.model_copy(update={"revoked_at": timestamps.now()})
        seq = head.change.seq + 1
        change = Change(epoch=EPOCH, seq=seq, at=timestamps.now(), actor="a", op="token.revoke", token=token)
        journal.write(lock, head.commit, change, {token_path(token.id): token.model_dump_json().encode()})


def test_a_mirror_of_another_journal(data: Path, tmp_path: Path) -> None:
    """It may well be newer; nothing of it is taken."""
    (tmp_path / "other").mkdir()
    with closing(LocalJournal(tmp_path / "other")) as journal, journal.lock() as lock:
        journal.create(lock, EPOCH + 1, {})
    mirror.push(tmp_path / "other", str(tmp_path / "m.git"), OPEN, begin=True)
    with pytest.raises(Unavailable, match="another journal"):
        mend_with(data, tmp_path / "m.git")

    assert states(data) == {"summarize": "1.1.0"}


def test_a_mirror_that_holds_no_journal(data: Path, tmp_path: Path) -> None:
    """It says so, whether it is empty or something else."""
    for name, words in (("away", "cannot be read"), ("empty", "cannot be read")):
        if name == "empty":
            (tmp_path / name).mkdir()
        with (
            pytest.raises(Unavailable, match=words),
            mirror.fetched(data, str(tmp_path / name), OPEN, lambda _: None),
        ):
            pass

    assert sorted(path.name for path in data.glob(".*")) == []


def test_nothing_at_all(tmp_path: Path) -> None:
    """An empty folder and an empty Redis hold nothing to recover."""
    with pytest.raises(Unavailable, match="nothing can be recovered"):
        scan(tmp_path, Seen())


def test_a_registry_that_writes_meanwhile(data: Path) -> None:
    """What was looked at is not the newest any more: look again."""
    found = scan(data, Seen())
    promote(data, "1.2.0")
    with pytest.raises(Unavailable, match="try again"):
        recover(data, found, nowhere)

    assert states(data) == {"summarize": "1.2.0"}


@pytest.mark.parametrize("later", [(), ("1.2.0",)])
def test_what_was_never_acknowledged_does_not_come_back(data: Path, later: tuple[str, ...]) -> None:
    """A writer that was killed may leave whole commits, but the branch does not lead to them."""
    branch = data / "journal.git/refs/heads/main"
    before = branch.read_text()
    for number in range(5):
        promote(data, f"9.{number}.0")
        branch.write_text(before)
    create_token(data)
    for version in later:
        promote(data, version, previous=2)
    (data / "journal.json").unlink()

    mend(data)

    assert states(data) == {"summarize": later[-1] if later else "1.1.0"}


def create_token(data: Path) -> None:
    """A change that is not about a prompt."""
    with closing(LocalJournal(data)) as journal, journal.lock() as lock:
        head = journal.head()
        token, _ = mint(TokenSpec(name="app", capabilities=(Capability.reader,)))
        seq = head.change.seq + 1
        change = Change(epoch=EPOCH, seq=seq, at=timestamps.now(), actor="a", op="token.create", token=token)
        journal.write(lock, head.commit, change, {token_path(token.id): token.model_dump_json().encode()})
