"""``promptstage journal upgrade``: a journal in the newest format, when all registries know it."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import output
from registry.cli.operate.data_folder import (
    DEFAULT,
    Data,
    RedisUrl,
    RemoteJournal,
    check_owner,
    journal_of,
    settings_of,
)
from registry.cli.operate.journal_recover import redis_store_of
from registry.cli.options import Yes  # noqa: TC001 - typer reads the annotations
from registry.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from registry.settings import Settings

BACK = "older registries refuse the journal from then on; only a backup of before leads back"


def upgrade(  # noqa: PLR0913 - one parameter an option
    *,
    data: Data = DEFAULT,
    yes: Yes = False,
    redis_url: RedisUrl = None,
    journal: RemoteJournal = None,
    without_redis: Annotated[
        bool, typer.Option("--without-redis", help="Go on although the Redis does not answer.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
) -> None:
    """Let the journal go on in the newest format, when all registries that use it are upgraded.

    A registry writes to a journal in the format that the journal has, so registries can be upgraded one after
    the other. Run this once after the last of them; they go on running. A new journal has the newest format.

    It refuses while a registry runs that does not know the format; Redis tells (--redis-url, or
    PROMPTSTAGE_REDIS_URL). Make a backup before: an older registry refuses the journal afterwards.

    \b
    Example:  promptstage journal upgrade --dry-run
              promptstage journal upgrade --data /var/lib/promptstage --yes
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.journal.maintenance import upgrade as upgrading  # noqa: PLC0415 - for this command alone
    from registry.system import formats  # noqa: PLC0415

    settings = settings_of(data, redis_url=redis_url, journal=journal)
    check_owner(data)
    with closing(journal_of(settings)) as opened:
        present = opened.head().change.format
        if present >= formats.NEWEST:
            output.say(f"The journal has format {present}, the newest; there is nothing to do")
            return
        _check_registries(settings, formats.NEWEST, without_redis=without_redis)
        for number in range(present + 1, formats.NEWEST + 1):
            output.tell(f"Format {number}: {formats.JOURNAL[number]}")
        output.note(BACK)
        if dry_run:
            output.note("nothing was changed: this was --dry-run")
            return
        output.confirm(f"Go on in format {formats.NEWEST}?", yes=yes)
        done = upgrading.upgrade(opened, data)
    how = f", from change {done.change.seq} on" if done else ""
    output.say(f"The journal has format {formats.NEWEST}{how}", "bold")


def _check_registries(settings: Settings, wanted: int, *, without_redis: bool) -> None:
    """Let the registries that run with this Redis pass, if all know the format.

    Raises:
        Conflict: one does not (`older_registries`).
        Unavailable: the Redis does not answer.
    """
    try:
        with closing(redis_store_of(settings)) as redis_store:
            known = list(_known(redis_store.reports().values()))
    except Unavailable as error:
        if settings.redis_url and not without_redis:
            raise Unavailable(
                f"{error.message}. It may know of older registries: start it, or go on --without-redis"
            ) from error
        return
    if old := [number for number in known if number < wanted]:
        raise Conflict(
            f"{len(old)} of {len(known)} running registry processes know no format above {max(old)}: upgrade "
            "them first, and repeat this ten seconds after the last of them ended",
            code="older_registries",
        )


def _known(reports: Iterable[bytes]) -> Iterable[int]:
    """The newest format that each process knows; the oldest ones did not tell."""
    for report in reports:
        number = None
        with suppress(ValueError, AttributeError):
            number = json.loads(report).get("format")
        yield number if isinstance(number, int) else 1
