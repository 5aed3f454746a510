"""``promptstage journal mirror``: mirror the journal, and show how far the mirror is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import output
from registry.cli.operate.data_folder import (
    DEFAULT,
    Data,
    changes,
    check_owner,
    credentials,
    facts,
    settings_of,
)
from registry.cli.options import AsJson  # noqa: TC001 - typer reads the annotations
from registry.errors import Invalid
from registry.wording import times
from registry.wording.text import clean

if TYPE_CHECKING:
    from pathlib import Path

NO_MIRROR = "The journal has no mirror; give it one: promptstage journal mirror URL"


def mirror(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="The URL or path of a git repository for this alone.")
    ] = None,
    *,
    data: Data = DEFAULT,
    stop: Annotated[bool, typer.Option("--stop", help="Stop mirroring; the copy stays.")] = False,
    as_json: AsJson = False,
) -> None:
    """Mirror the journal to another git repository, and keep it up to date from now on.

    The registry pushes within two seconds after a change, and no change waits for it. It never pushes by
    force: a repository that holds anything else is left alone. Without URL the command shows the mirror, and
    how far it is.

    PROMPTSTAGE_GIT_TOKEN_FILE, PROMPTSTAGE_GIT_SSH_KEY and PROMPTSTAGE_GIT_KNOWN_HOSTS name the files that
    open it, here and where the registry runs. It holds digests of tokens, and no secret.
    When the disk is lost: promptstage journal recover --mirror URL --data NEW_FOLDER

    \b
    Example:  promptstage journal mirror git@git.example.org:ops/promptstage-journal.git
              promptstage journal mirror /mnt/backup/journal.git --data /var/lib/promptstage
              promptstage journal mirror
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.journal.maintenance import mirror as mirrors  # noqa: PLC0415 - for this command alone

    if stop and url:
        raise Invalid("--stop ends whatever mirror there is; leave the URL out")
    if stop:
        ended = mirrors.forget(data)
        output.say(f"{clean(ended)} is not kept up to date any more" if ended else NO_MIRROR)
    elif url is None:
        _show_mirror(data, as_json=as_json)
    else:
        check_owner(data)
        with output.progress() as tell:
            tell("pushing the journal")
            done = mirrors.push(data, url, credentials(settings_of(data)), begin=True)
            mirrors.remember(data, done.url)
        output.say(f"{clean(done.url)} is at {done.epoch}.{done.seq}, the newest change")


def _show_mirror(data: Path, *, as_json: bool) -> None:
    """Show how far the mirror is by this machine's clock; exit with 1 if the last push failed."""
    from registry.journal.maintenance import mirror as mirrors  # noqa: PLC0415 - for this command alone
    from registry.journal.maintenance.verify import newest  # noqa: PLC0415

    head, made_at = newest(data)
    lag = mirrors.lag(data, head, made_at)
    known = lag.status if lag else None
    if as_json:
        shown = known.model_dump(mode="json", exclude={"failures"}) if known else {"url": None}
        behind = {"lag_changes": lag.changes, "lag_seconds": round(lag.seconds, 1)} if lag else {}
        output.dump(shown | behind)
    elif lag is None or known is None:
        output.say(NO_MIRROR)
    else:
        there = (
            f"{known.epoch}.{known.seq}, pushed at {times.show(known.pushed_at)}" if known.pushed_at else ""
        )
        late = f"by {changes(lag.changes)}, the oldest {times.duration(lag.seconds)} ago"
        facts(
            ("Mirror", clean(known.url)),
            ("Holds", f"all up to {there}" if there else "nothing yet"),
            ("Behind", late if lag.changes else "by nothing"),
        )
    if known and known.error:
        output.complain(f"at {times.show(known.tried_at)}: {clean(known.error, limit=1000)}")
        raise typer.Exit(1)
