"""A journal that is missing, damaged or behind can be written again, and nothing that is known is lost."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from rollouts.story import ADMIN, EPOCH, SECRET, content, promote, promoted, reference, states, tell

from registry.access.tokens import Keyring, Role, Wish, mint
from registry.errors import Unavailable
from registry.rollouts import clock
from registry.rollouts.change import Change, token_path
from registry.rollouts.journal import Journal
from registry.rollouts.state import ApprovalRequest
from registry.rollouts.upkeep.recover import recover
from registry.rollouts.upkeep.salvage import Seen, look
from registry.rollouts.upkeep.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

    from registry.rollouts.upkeep.recover import Recovered


def nowhere(prompt: str, ref: Any) -> bytes | None:
    """Nobody else has a version's bytes."""
    return None


def mend(data: Path, seen: Seen = Seen(), fetch: Any = nowhere) -> Recovered:  # noqa: B008 - it is frozen
    """Look, and recover."""
    return recover(data, look(data, seen), fetch)


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
    with closing(Journal(data)) as journal:
        (state,) = journal.load().states
        entry = journal.head()
    assert (state.position, state.stable_version) == (done.head, "1.1.0")
    assert (entry.change.op, entry.change.actor, entry.change.previous) == ("recover", "operator", 2)
    assert entry.change.after == "1.1.0"


def test_what_redis_knows_better_is_taken(data: Path) -> None:
    """An old copy goes on from what was acknowledged after it."""
    seen = Seen((EPOCH + 5, 9), (promoted("1.2.0", 9, EPOCH + 5),))
    done = mend(data, seen, lambda _, ref: content(ref.version))

    assert states(data) == {"summarize": "1.2.0"}
    assert done.head > (EPOCH + 6, 0)
    assert (verify(data).problems, done.lost) == ((), ())


def test_what_awaits_approval_still_does(data: Path) -> None:
    """With the bytes of what was asked for, which nothing else names yet."""
    request = ApprovalRequest(
        id="a-1", op="promote", version=reference("1.2.0"), asked_by="ada", token="t", asked_at=clock.now()
    )
    asked = promoted("1.1.0", 9).model_copy(update={"awaiting_approval": request})
    done = mend(data, Seen((EPOCH, 9), (asked,)), lambda _, ref: content(ref.version))

    with closing(Journal(data)) as journal:
        (state,) = journal.load().states
        staged = journal.staged("summarize", "1.2.0")
    assert (state.awaiting_approval, staged) == (request, content("1.2.0"))
    assert (verify(data).problems, done.lost) == ((), ())


def test_bytes_that_nobody_has_are_named(data: Path) -> None:
    """The state goes on; false bytes are none."""
    seen = Seen((EPOCH, 9), (promoted("1.2.0", 9),))

    assert mend(data, seen, lambda *_: b"false").lost == ("summarize@1.2.0",)
    assert states(data) == {"summarize": "1.2.0"}


def test_a_lost_journal_is_made_of_redis(data: Path) -> None:
    """The token of the admin's file is good again."""
    shutil.rmtree(data / "journal.git")
    done = mend(data, Seen((EPOCH, 2), (promoted("1.1.0", 2),)), lambda _, ref: content(ref.version))

    assert (states(data), done.new_admin, verify(data).problems) == ({"summarize": "1.1.0"}, True, ())
    with closing(Journal(data)) as journal:
        keyring = Keyring(journal.load().tokens)
    assert keyring.find(f"Bearer {SECRET}", clock.now()).rules_all


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
    mend(data, Seen((EPOCH, 3), (promoted("1.2.0", 3),)), lambda _, ref: content(ref.version))

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

    with closing(Journal(data)) as journal:
        keyring = Keyring(journal.load().tokens)
    made = keyring.find(f"Bearer {(data / 'admin.token').read_text()}", clock.now())
    assert (made.created_by, made.name != ADMIN.name, made.rules_all) == ("operator", True, True)


def test_nothing_at_all(tmp_path: Path) -> None:
    """An empty folder and an empty Redis hold nothing to recover."""
    with pytest.raises(Unavailable, match="nothing can be recovered"):
        look(tmp_path, Seen())


def test_a_registry_that_writes_meanwhile(data: Path) -> None:
    """What was looked at is not the newest any more: look again."""
    found = look(data, Seen())
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
    with closing(Journal(data)) as journal, journal.lock() as lock:
        head = journal.head()
        token, _ = mint(Wish(name="app", role=Role.reader))
        seq = head.change.seq + 1
        change = Change(epoch=EPOCH, seq=seq, at=clock.now(), actor="a", op="token.create", token=token)
        journal.write(lock, head.commit, change, {token_path(token.id): token.model_dump_json().encode()})
