"""``promptstage journal``: what an operator does with the journal, on the machine that holds it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli import output, when
from registry.cli.options import AsJson, Yes  # noqa: TC001 - typer reads the annotations
from registry.cli.output import clean
from registry.errors import Unavailable

if TYPE_CHECKING:
    from registry.catalog.upstream import Credentials
    from registry.rollouts.upkeep.recover import Recovered
    from registry.rollouts.upkeep.salvage import Found, Seen
    from registry.rollouts.upkeep.verify import Report
    from registry.settings import Settings

PROBLEMS_SHOWN = 20
KILO = 1024
NO_MIRROR = "The journal has no mirror; give it one: promptstage journal mirror URL"

app = typer.Typer(
    help="Verify, back up, restore, recover and mirror the journal, on the machine that holds it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Data = Annotated[
    Path,
    typer.Option("--data", metavar="DIR", envvar="PROMPTSTAGE_DATA", help="The registry's data folder."),
]
DEFAULT = Path(".data")


@app.command()
def verify(*, data: Data = DEFAULT, as_json: AsJson = False) -> None:
    """Check that the journal is whole: every object, every change, every byte. Exit code 1 if not.

    It only reads; a registry may run on the folder meanwhile.

    \b
    Example:  promptstage journal verify
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.rollouts.upkeep.verify import verify as look  # noqa: PLC0415 - for these commands alone

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
        what = f"{newest.op} by {clean(newest.actor)} at {when.show(newest.at)}"
        _facts(
            ("Journal", clean(data.absolute())),
            ("Newest", f"{newest.epoch}.{newest.seq}, {what}"),
            ("Changes", str(report.changes)),
            ("States", str(report.states)),
            ("Versions", f"{report.versions} with their bytes"),
            ("Tokens", f"{report.tokens}, revoked ones too"),
            ("Size", size(report.size)),
        )
    if not report.problems:
        output.say("The journal is whole", "bold green")
        return
    for problem in report.problems[:PROBLEMS_SHOWN]:
        output.complain(clean(problem, limit=1000))
    if more := len(report.problems) - PROBLEMS_SHOWN:
        output.tell(f"and {more} more" if more > 0 else "")
    output.tell(
        "Restore a backup:             promptstage journal restore FILE --data ANOTHER_FOLDER\n"
        "or save what can be read:     promptstage journal recover"
    )


def _facts(*facts: tuple[str, str]) -> None:
    for label, value in facts:
        output.say(f"{label + ':':<11}{value}")


def size(count: float) -> str:
    """A number of bytes as people write it."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < KILO:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= KILO
    return f"{count:.1f} GiB"


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it must not be there yet.")],
    *,
    data: Data = DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
) -> None:
    """Write the whole journal into one file, which only you can read. A registry may go on writing.

    The file is a git bundle: `git clone FILE` shows all of it. It holds digests of tokens, and no secret.
    A plain copy of a stopped registry's data folder is a backup too.

    \b
    Example:  promptstage journal backup /backup/journal-$(date +%F).bundle
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.rollouts.upkeep import backup as copies  # noqa: PLC0415 - for this command alone

    with output.progress() as tell:
        tell("packing the journal")
        count = copies.backup(data, file, force=force)
    output.say(f"{clean(file)}: {size(count)}")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `journal backup` wrote.")],
    *,
    data: Data = DEFAULT,
) -> None:
    """Put the journal of a backup into a data folder that has none. It is verified before.

    Clients, and a Redis of your own, may have seen changes that are younger than the backup. Until it is
    told otherwise the registry then refuses to write (`journal_behind`), and clients keep what they have.
    `promptstage journal recover` settles both. A token that was revoked since is good again: revoke it again.

    \b
    Example:  promptstage journal restore /backup/journal-2026-05-04.bundle --data /var/lib/promptstage
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.rollouts.upkeep import backup as copies  # noqa: PLC0415 - for this command alone

    _check_owner(data)
    with output.progress() as tell:
        report = copies.restore(data, file, tell)
    _summary(data, report)
    output.note(
        "clients and Redis may have seen younger changes than this backup has. Before you start the "
        f"registry: promptstage journal recover --data {clean(data)}"
    )
    output.note("tokens that were revoked since are good again: promptstage token list, and revoke ID")


@app.command()
def recover(
    *,
    data: Data = DEFAULT,
    yes: Yes = False,
    without_redis: Annotated[
        bool, typer.Option("--without-redis", help="Go on although the Redis does not answer.")
    ] = False,
) -> None:
    """Make a journal that can be written again, when it is missing, damaged, or older than what was seen.

    It takes what can be read of the journal, and what Redis knows better: the one of PROMPTSTAGE_REDIS_URL,
    else that of a registry that runs on the folder. So do not stop a registry that still serves. A damaged
    journal is put aside, never removed. Every state gets a new epoch, so that all clients take it.

    \b
    Example:  promptstage journal recover --data /var/lib/promptstage
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.rollouts.upkeep import recover as recovery  # noqa: PLC0415 - for this command alone
    from registry.rollouts.upkeep.salvage import look  # noqa: PLC0415

    settings = _settings(data)
    if not data.is_dir():
        raise Unavailable(f"{data} is no folder; name the registry's data folder with --data")
    _check_owner(data)
    seen = _seen(settings, without_redis=without_redis)
    with output.progress() as tell:
        found = look(data, seen, tell)
    for line in _findings(found, seen):
        output.tell(line)
    if not yes and output.is_dialogue() and not output.ask("Write all this under a new epoch?"):
        raise typer.Exit(1)
    _recovered(data, recovery.recover(data, found, _fetcher(settings)))
    if found.base is None:
        output.note(
            "the history and all tokens of before could not be read; make new ones: promptstage token create"
        )


def _check_owner(data: Path) -> None:
    """What another user wrote there, the registry could not change any more."""
    if data.exists() and data.stat().st_uid != os.geteuid():
        raise Unavailable(f"{data} is the user {data.owner()}'s; run this with: sudo -u {data.owner()} ...")


def _seen(settings: Settings, *, without_redis: bool) -> Seen:
    from registry import embedded_valkey  # noqa: PLC0415 - for this command alone
    from registry.rollouts.board import Board  # noqa: PLC0415
    from registry.rollouts.upkeep.salvage import Seen  # noqa: PLC0415

    board = Board(settings.redis_url or embedded_valkey.socket_url(settings.data), settings.redis_prefix)
    try:
        return Seen(board.head(), tuple(board.read()))
    except Unavailable as error:
        if settings.redis_url and not without_redis:
            raise Unavailable(
                f"{error.message}. It may know younger changes: start it, or go on --without-redis"
            ) from error
        return Seen()
    finally:
        board.close()


def _findings(found: Found, seen: Seen) -> list[str]:
    base = found.base
    kept = f"up to {base.epoch}.{base.seq}, {when.show(base.at)}" if base else "nothing of it is whole"
    redis = f"up to {seen.head[0]}.{seen.head[1]}" if any(seen.head) else "nothing to ask, or it is empty"
    needless = not found.problems and not found.from_redis
    return [
        *(f"Problem:   {clean(problem, limit=1000)}" for problem in found.problems[:PROBLEMS_SHOWN]),
        f"Journal:   {kept}",
        f"Redis:     {redis}; it knows {found.from_redis} states better",
        f"Together:  {len(found.states)} states, {len(found.tokens)} tokens",
        *(["The journal is whole, and nobody here knows more. After a restore, clients may."] * needless),
    ]


def _fetcher(settings: Settings) -> Any:
    """What reads a version's bytes from the mirror of the prompt repository."""
    from registry.catalog.catalog import Catalog  # noqa: PLC0415 - for this command alone
    from registry.catalog.mirror import Mirror  # noqa: PLC0415
    from registry.errors import RegistryError  # noqa: PLC0415

    catalog = Catalog(Mirror(settings.data, ""))

    def fetch(prompt: str, ref: Any) -> bytes | None:
        try:
            return catalog.read(prompt, ref.version).content
        except RegistryError:
            return None

    return fetch


def _recovered(data: Path, done: Recovered) -> None:
    output.say(f"The journal is at {done.head[0]}.{done.head[1]}, with {done.states} states", "bold")
    if done.put_aside:
        output.say(f"The damaged one is {clean(done.put_aside)}; remove it when you do not need it any more")
    if done.new_admin:
        output.say(f"The token in {clean(data / 'admin.token')} is an admin's")
    for version in done.lost:
        output.note(
            f"the bytes of {clean(version)} are nowhere here; it is served again as soon as the repository "
            "that has them is read"
        )


@app.command()
def mirror(
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="Of a git repository for this alone, or a path.")
    ] = None,
    *,
    data: Data = DEFAULT,
    stop: Annotated[bool, typer.Option("--stop", help="Mirror it no more; what is there stays.")] = False,
    as_json: AsJson = False,
) -> None:
    """Push the journal to another git repository, and let the registry keep that up to date from now on.

    The registry pushes within two seconds after a change, and waits for nothing of it. Without URL: what it
    is mirrored to, and how far that is. Never by force: a repository that holds anything else is left alone.

    What opens it is in the files of PROMPTSTAGE_GIT_TOKEN_FILE, PROMPTSTAGE_GIT_SSH_KEY and
    PROMPTSTAGE_GIT_KNOWN_HOSTS, here and where the registry runs. It holds digests of tokens, and no secret.
    When the disk is lost: promptstage journal recover --mirror URL --data NEW_FOLDER

    \b
    Example:  promptstage journal mirror git@git.example.org:ops/promptstage-journal.git
              promptstage journal mirror /mnt/backup/journal.git --data /var/lib/promptstage
              promptstage journal mirror
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.rollouts.upkeep import mirror as mirrors  # noqa: PLC0415 - for this command alone

    if stop:
        ended = mirrors.forget(data)
        output.say(f"{clean(ended)} is not kept up to date any more" if ended else NO_MIRROR)
    elif url is None:
        _show_mirror(data, as_json=as_json)
    else:
        _check_owner(data)
        begin = mirrors.remembered(data) is None  # later, a path where nothing is may be a disk that is away
        with output.progress() as tell:
            tell("pushing the journal")
            done = mirrors.push(data, url, _credentials(_settings(data)), begin=begin)
            mirrors.remember(data, done.url)
        output.say(f"{clean(done.url)} is at {done.epoch}.{done.seq}, the newest change")


def _show_mirror(data: Path, *, as_json: bool) -> None:
    """How far the mirror is by this machine's clock; exit code 1 if the last push failed."""
    from registry.rollouts.upkeep import mirror as mirrors  # noqa: PLC0415 - for this command alone
    from registry.rollouts.upkeep.verify import newest  # noqa: PLC0415

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
            f"{known.epoch}.{known.seq}, pushed at {when.show(known.pushed_at)}" if known.pushed_at else ""
        )
        late = f"by {_changes(lag.changes)}, the oldest {when.duration(lag.seconds)} ago"
        _facts(
            ("Mirror", clean(known.url)),
            ("Holds", f"all up to {there}" if there else "nothing yet"),
            ("Behind", late if lag.changes else "by nothing"),
        )
    if known and known.error:
        output.complain(f"at {when.show(known.tried_at)}: {clean(known.error, limit=1000)}")
        raise typer.Exit(1)


def _changes(count: int) -> str:
    return "1 change" if count == 1 else f"{count} changes"


def _credentials(settings: Settings) -> Credentials:
    from registry.catalog.upstream import Credentials  # noqa: PLC0415 - for these commands alone

    return Credentials(settings.git_token_file, settings.git_ssh_key, settings.git_known_hosts)


def _settings(data: Path) -> Settings:
    from pydantic import ValidationError  # noqa: PLC0415 - no other command should wait for its import

    from registry.errors import Invalid  # noqa: PLC0415
    from registry.settings import Settings  # noqa: PLC0415

    try:
        return Settings(data=data)
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(f"PROMPTSTAGE_{str(first['loc'][0]).upper()}: {first['msg']}") from error
