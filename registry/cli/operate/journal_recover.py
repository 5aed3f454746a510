"""``promptstage journal recover``: recover a journal from everything that can still be read."""

from __future__ import annotations

from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli import output
from registry.cli.operate.data_folder import (
    DEFAULT,
    Data,
    RedisUrl,
    RemoteJournal,
    changes,
    credentials,
    require_folder,
    settings_of,
)
from registry.cli.options import Yes  # noqa: TC001 - typer reads the annotations
from registry.errors import Unavailable
from registry.system import figures
from registry.system.formats import NEWER
from registry.wording import times
from registry.wording.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from registry.journal.maintenance.recover import Recovered
    from registry.journal.maintenance.survey import Found, Seen
    from registry.replication.redis_store import RedisStore
    from registry.settings import Settings

PROBLEMS_SHOWN = 20
BLIND = (
    "what was acknowledged after that and did not reach the mirror cannot be known here; compare "
    "with what applications log (promptstage status shows what is in force now)"
)


def recover(  # noqa: PLR0913 - one parameter an option
    *,
    data: Data = DEFAULT,
    yes: Yes = False,
    redis_url: RedisUrl = None,
    journal: RemoteJournal = None,
    mirror_url: Annotated[
        str | None,
        typer.Option(
            "--mirror", metavar="URL", help="The mirror to read; default: the one that the folder remembers."
        ),
    ] = None,
    without_mirror: Annotated[
        bool, typer.Option("--without-mirror", help="Go on without the mirror.")
    ] = False,
    without_redis: Annotated[bool, typer.Option("--without-redis", help="Go on without Redis.")] = False,
) -> None:
    """Recover a journal that is missing, damaged or behind, so that it can be written again.

    It takes the newest that can be read, here or in the mirror, and what Redis knows better: the one that
    the registry was given (--redis-url, or PROMPTSTAGE_REDIS_URL), else that of a registry that runs on the
    folder. So do not stop a registry that still serves; it writes again within a second. A damaged journal is
    put aside, never removed. Every state gets a new epoch, so that all clients take it. An epoch that a wrong
    clock put into the future goes back to the present: set the clock before you run this.

    Where registries share a journal (--journal, or PROMPTSTAGE_JOURNAL), that one is read as a mirror is, and
    what was made is pushed there, never by force: run this where the newest copy is. A copy alone that is
    damaged or behind needs no recovery: move its data folder away, and start the registry with an empty one.

    \b
    Example:  promptstage journal recover --data /var/lib/promptstage
              promptstage journal recover --mirror git@git.example.org:ops/journal.git --data NEW_FOLDER
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.journal.maintenance import mirror as mirrors  # noqa: PLC0415 - for this command alone
    from registry.journal.maintenance import recover as recovery  # noqa: PLC0415

    settings = settings_of(data, redis_url=redis_url, journal=journal)
    if mirror_url:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)  # the disk is gone, and all that was there
    require_folder(data)
    seen = _seen(settings, without_redis=without_redis)
    url = None if without_mirror else mirror_url or settings.journal or mirrors.remembered(data)
    found = _scan(settings, seen, url)
    for line in _findings(found, seen, url):
        output.tell(line)
    output.confirm("Write all this under a new epoch?", yes=yes)
    _recovered(data, recovery.recover(data, found, _fetcher(settings)))
    if found.goes_back:
        _clear_redis(settings)
    if found.format > found.known:
        output.note(f"the journal has format {found.format} now: older registries refuse it, upgrade them")
    for line in _losses(found, seen):
        output.note(line)
    if settings.journal:
        done = mirrors.push(data, settings.journal, credentials(settings))
        output.say(f"{clean(done.url)} is at {done.epoch}.{done.seq} too")
    elif url and url != mirrors.remembered(data):
        output.note(f"this journal is not mirrored yet; to go on: promptstage journal mirror {clean(url)}")


def _scan(settings: Settings, seen: Seen, url: str | None) -> Found:
    from registry.journal.maintenance import mirror as mirrors  # noqa: PLC0415 - for this command alone
    from registry.journal.maintenance.survey import scan  # noqa: PLC0415

    with output.progress() as tell, ExitStack() as held:
        copy = None
        if url:
            try:
                copy = held.enter_context(mirrors.fetched(settings.data, url, credentials(settings), tell))
            except Unavailable as error:
                if error.code == NEWER:
                    raise
                raise Unavailable(
                    f"{error.message}. It may have newer changes: mend that, or go on --without-mirror"
                ) from error
        return scan(settings.data, seen, tell, copy)


def _seen(settings: Settings, *, without_redis: bool) -> Seen:
    from registry.journal.maintenance.survey import Seen  # noqa: PLC0415 - for this command alone

    try:
        with closing(redis_store_of(settings)) as redis_store:
            return Seen(
                redis_store.head(), tuple(redis_store.read()), redis_store.time(), redis_store.format()
            )
    except Unavailable as error:
        if error.code == NEWER and not without_redis:
            raise
        if settings.redis_url and not without_redis:
            raise Unavailable(
                f"{error.message}. It may have newer changes: start it, or go on --without-redis"
            ) from error
        return Seen()


def _clear_redis(settings: Settings) -> None:
    """Remove what Redis holds of an epoch that was left; who runs would replace it by itself."""
    try:
        with closing(redis_store_of(settings)) as redis_store:
            redis_store.clear()
    except Unavailable as error:
        if settings.redis_url:
            output.note(f"{error.message}. A registry replaces what it holds of the old epoch")
    else:
        output.say("What Redis held of the old epoch is removed; registries fill it again")


def redis_store_of(settings: Settings) -> RedisStore:
    """The Redis that the settings name, or the one of a registry that runs on the data folder."""
    from registry.redis import embedded  # noqa: PLC0415 - for this command alone
    from registry.replication.redis_store import RedisStore  # noqa: PLC0415

    return RedisStore(settings.redis_url or embedded.socket_url(settings.data), settings.redis_prefix)


def _findings(found: Found, seen: Seen, url: str | None) -> list[str]:
    redis = f"up to {seen.head}" if any(seen.head) else "nothing to ask, or it is empty"
    states = figures.counted(len(found.states), "state")
    needless = not (found.problems or found.from_redis or found.goes_back)
    return [
        *(f"Problem:   {clean(problem, limit=1000)}" for problem in found.problems[:PROBLEMS_SHOWN]),
        f"Journal:   {f'up to {found.here}' if found.here else 'nothing of it is whole'}",
        *([f"Mirror:    up to {found.mirrored}, {clean(url)}"] if found.mirrored else []),
        f"Redis:     {redis}; it knows {figures.counted(found.from_redis, 'state')} better",
        *([f"Base:      {found.base.position}, {times.show(found.base.at)}"] if found.base else []),
        f"Together:  {states}, {figures.counted(len(found.tokens), 'token')}",
        *([f"Epoch:     {_going_back(found)}"] if found.goes_back else []),
        *(
            ["The journal is whole, and nothing newer is known here. After a restore, clients may know more."]
            * needless
        ),
    ]


def _losses(found: Found, seen: Seen) -> list[str]:
    """List the changes that were seen, and are in no journal any more."""
    if found.base is None:
        return [
            "the history and all tokens of before could not be read; make new ones: promptstage token create"
        ]
    if found.lost is None:
        blind = found.here is None and not found.from_redis and not any(seen.head)
        return [BLIND] * blind
    kept, newest = found.lost
    count = f"{changes(newest.seq - kept.seq)}, " if kept.epoch == newest.epoch else ""
    gone = (
        f"lost: {count}all after {kept} up to {newest}. Their history is gone; what "
        "they put in force is here as far as it could be read, or Redis knew it"
    )
    tokens = (
        "tokens that they made are gone, and those that they revoked are valid again: promptstage token list"
    )
    return [gone, tokens]


def _going_back(found: Found) -> str:
    epoch = found.head[0]
    try:
        then = f"{epoch}, which is {times.show(datetime.fromtimestamp(epoch, UTC))}"
    except (ValueError, OverflowError, OSError):  # later than any calendar goes
        then = str(epoch)
    return f"goes back from {then}, to the present: {times.show(found.now)}. Is this clock right?"


def _fetcher(settings: Settings) -> Any:
    """Return a function that reads a version's bytes from the mirror of the prompt repository."""
    from registry.catalog.catalog import Catalog  # noqa: PLC0415 - for this command alone
    from registry.catalog.mirror.mirror import Mirror  # noqa: PLC0415
    from registry.errors import RegistryError  # noqa: PLC0415

    catalog = Catalog(Mirror(settings.data, ""))

    def fetch(prompt: str, ref: Any) -> bytes | None:
        try:
            return catalog.read(prompt, ref.version).content
        except RegistryError:
            return None

    return fetch


def _recovered(data: Path, done: Recovered) -> None:
    output.say(f"The journal is at {done.head}, with {figures.counted(done.states, 'state')}", "bold")
    if done.put_aside:
        output.say(f"The damaged one is {clean(done.put_aside)}; remove it when you do not need it any more")
    if done.new_admin:
        output.say(f"The token in {clean(data / 'admin.token')} is an admin's")
    for version in done.lost:
        output.note(
            f"the bytes of {clean(version)} are nowhere here; it is served again as soon as the repository "
            "that has them is read"
        )
