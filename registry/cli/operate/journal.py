"""``promptstage journal``: maintain the journal, on the machine that holds it."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads the annotations
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import output
from registry.cli.operate.data_folder import DEFAULT, Data, check_owner, facts
from registry.cli.operate.journal_mirror import mirror
from registry.cli.operate.journal_recover import recover
from registry.cli.operate.journal_upgrade import upgrade
from registry.cli.options import AsJson  # noqa: TC001 - typer reads the annotations
from registry.cli.output import PATH_SHOWN
from registry.wording import times
from registry.wording.text import clean

if TYPE_CHECKING:
    from registry.journal.maintenance.verify import Report

PROBLEMS_SHOWN = 20
KILO = 1024

app = typer.Typer(
    help="Verify, pack, back up, restore, recover, mirror and upgrade the journal, on its machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def verify(*, data: Data = DEFAULT, as_json: AsJson = False) -> None:
    """Check that the journal is whole: every object, every change, every byte. Exit code 1 if not.

    It only reads, so a registry may run on the folder meanwhile. Where registries share a journal, it checks
    the folder's copy.

    \b
    Example:  promptstage journal verify
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.journal.maintenance.verify import verify as look  # noqa: PLC0415 - for these commands alone

    with output.progress() as tell:
        report = look(data, tell)
    if as_json:
        output.dump(report.to_json())
    else:
        _summary(data, report)
    if report.problems:
        raise typer.Exit(1)


def _summary(data: Path, report: Report) -> None:
    newest = report.newest
    if newest:
        what = f"{newest.op} by {clean(newest.actor)} at {times.show(newest.at)}"
        facts(
            ("Journal", clean(data.absolute())),
            ("Newest", f"{newest.epoch}.{newest.seq}, {what}"),
            ("Changes", str(report.changes)),
            ("States", str(report.states)),
            ("Versions", f"{report.versions} with their bytes"),
            ("Tokens", f"{report.tokens}, revoked ones too"),
            ("Size", size(report.size)),
            ("Format", _format(newest.format)),
        )
    if not report.problems:
        output.say("The journal is whole", "bold green")
        return
    for problem in report.problems[:PROBLEMS_SHOWN]:
        output.complain(clean(problem, limit=1000))
    if more := len(report.problems) - PROBLEMS_SHOWN:
        output.tell(f"and {more} more" if more > 0 else "")
    there = clean(quote(str(data)), PATH_SHOWN)
    output.tell(
        "Restore a backup:             promptstage journal restore FILE --data ANOTHER_FOLDER\n"
        f"or save what can be read:     promptstage journal recover --data {there}"
    )


def _format(number: int) -> str:
    from registry.system.formats import NEWEST  # noqa: PLC0415 - for some commands alone

    return str(number) if number == NEWEST else f"{number}; promptstage journal upgrade makes it {NEWEST}"


def size(count: float) -> str:
    """A number of bytes as people write it."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < KILO:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= KILO
    return f"{count:.1f} GiB"


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; it must not exist yet.")],
    *,
    data: Data = DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
) -> None:
    """Write the whole journal into one file, which only you can read. A registry may go on writing.

    The file is a git bundle: `git clone FILE` shows all of it. It holds digests of tokens, and no secret.
    A plain copy of a stopped registry's data folder is a backup, too. Where registries share a journal, it is
    the folder's copy, which lacks what a registry that is cut off has not seen.

    \b
    Example:  promptstage journal backup /backup/journal-$(date +%F).bundle
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.journal.maintenance import backup as copies  # noqa: PLC0415 - for this command alone

    with output.progress() as tell:
        tell("packing the journal")
        count = copies.backup(data, file, force=force)
    output.say(f"{clean(file)}: {size(count)}")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `journal backup` wrote.")],
    *,
    data: Data = DEFAULT,
) -> None:
    """Restore the journal of a backup into a data folder that has none, after verifying it.

    Clients, and a Redis of your own, may have seen changes that are newer than the backup. Then the registry
    refuses to write (`journal_behind`), and clients keep what they have, until you run `promptstage journal
    recover`. A token that was revoked since then is valid again: revoke it again.

    \b
    Example:  promptstage journal restore /backup/journal-2026-05-04.bundle --data /var/lib/promptstage
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.journal.maintenance import backup as copies  # noqa: PLC0415 - for this command alone

    check_owner(data)
    with output.progress() as tell:
        report = copies.restore(data, file, tell)
    _summary(data, report)
    output.note(
        "clients and Redis may have seen newer changes than this backup has. Before you start the "
        f"registry: promptstage journal recover --data {clean(quote(str(data)), PATH_SHOWN)}"
    )
    output.note("tokens that were revoked since then are valid again: promptstage token list, and revoke ID")


@app.command()
def pack(*, data: Data = DEFAULT) -> None:
    """Pack the journal into less disk space: some 4 KiB a change, instead of 60 or more at first.

    A registry may run on the folder. It goes on serving, but changes wait meanwhile, and are answered 503
    `busy` after 5 s. Packing a thousand changes takes about a second, so do it weekly, at night.

    \b
    Example:  promptstage journal pack
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.journal.maintenance import pack as packing  # noqa: PLC0415 - for this command alone

    check_owner(data)
    with output.progress() as tell:
        tell("packing the journal")
        before, after = packing.pack(data)
    output.say(f"{clean(data.absolute())}: the journal takes {size(after)}, {size(before)} before")


app.command()(recover)
app.command()(mirror)
app.command()(upgrade)
