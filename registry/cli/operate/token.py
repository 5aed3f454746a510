"""``promptstage token``: create, list and revoke the tokens of apps and people, and recover the last one."""

from __future__ import annotations

import secrets
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from registry.access.capabilities import MEANINGS, Capability, reduced
from registry.cli import http, output
from registry.cli.operate.data_folder import (
    DEFAULT,
    Data,
    RemoteJournal,
    journal_of,
    require_folder,
    settings_of,
)
from registry.cli.options import (  # noqa: TC001 - typer reads the annotations
    AsJson,
    IfNeeded,
    Reason,
    Yes,
)
from registry.cli.output import PATH_SHOWN
from registry.errors import Conflict, NotFound
from registry.wording import times
from registry.wording.reads import Refused
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json

app = typer.Typer(
    help="Create, list and revoke tokens, and recover the last admin's.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

TOKENS = "/v1/tokens"
TO_THE_DAY = 10  # characters of an RFC 3339 time
LOST = "If no admin's token is left:  promptstage token recover, on the machine that holds the journal"


def _meanings() -> str:
    return "; ".join(f"{one}: {MEANINGS[one]}" for one in Capability)


@contextmanager
def _helping() -> Iterator[None]:
    """Let a refusal inside the block name the way back in."""
    try:
        yield
    except Refused as error:
        lost = f"\n{LOST}" if error.code in {"unauthorized", "forbidden"} else ""
        raise Refused(error.message + lost, code=error.code, **error.extra) from error


@app.command()
def create(  # noqa: PLR0913 - one parameter an option
    *,
    role: Annotated[
        list[Capability],
        typer.Option(
            metavar="ROLE", help=f"What it may do; may be repeated. Each includes reader. {_meanings()}."
        ),
    ],
    environment: Annotated[
        list[str] | None,
        typer.Option(
            "-e",
            "--environment",
            metavar="ENV",
            help="Only in this environment; may be repeated. Default: all.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who will use it; the history shows it.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When it expires: 90d, 12h. Default: never."),
    ] = None,
    reason: Reason = "",
    if_needed: IfNeeded = False,
    as_json: AsJson = False,
) -> None:
    """Create a token and print its secret, alone on stdout. The secret is shown only once.

    With --if-needed nothing is created if a valid token has this name, these roles and environments.

    \b
    Example:  promptstage token create --role app -e production --name checkout --expires 90d
              export PROMPTSTAGE_TOKEN=$(promptstage token create --role releaser --name grace)
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    body: Json = {"name": name or f"{role[0]}-{secrets.token_hex(3)}", **_rights(role), "reason": reason}
    if environment:
        body["environments"] = environment
    if expires is not None:
        body["expires_in"] = expires
    registry = http.connect()
    with _helping():
        if if_needed and name and (kept := _same(registry.get(TOKENS, "data")["data"], body)):
            return _so_already(kept, as_json=as_json)
        made = registry.post(TOKENS, body, "secret")
    output.tell(_told(made))
    if as_json:
        output.dump(made)
    else:
        print(clean(made["secret"]))
    return None


def _rights(roles: list[Capability]) -> Json:
    """The fields of a request; a single one as registries take it that do not know the list."""
    given = list(reduced(roles))
    return {"capabilities": given} if len(given) > 1 else {"role": given[0]}


def _granted(token: Json) -> list[str]:
    return list(token.get("capabilities") or [token["role"]])


def _roles(token: Json) -> str:
    return ", ".join(map(clean, _granted(token)))


def _same(tokens: list[Json], wanted: Json) -> Json | None:
    """The token that is good for just what is wanted, if there is one."""
    now = datetime.now(UTC)
    environments = sorted(wanted.get("environments", ()))
    for token in tokens:
        ends = token["expires_at"]
        is_good = ends is None or datetime.fromisoformat(ends) > now
        same = token["name"] == wanted["name"] and _granted(token) == _granted(wanted)
        if same and is_good and sorted(token["environments"] or ()) == environments:
            return token
    return None


def _so_already(token: Json, *, as_json: bool) -> None:
    output.note(f"{clean(token['name'])} ({clean(token['id'])}) is there already, so nothing was changed")
    if as_json:
        output.dump(token | {"secret": None, "changed": False})


def _told(token: Json) -> str:
    where = f"in {_environments(token)}" if token["environments"] else "in all environments"
    until = f"until {times.show(token['expires_at'])}" if token["expires_at"] else "until it is revoked"
    what = f"{clean(token['name'])} ({clean(token['id'])}) is {_roles(token)} {where}, {until}"
    return f"The token {what}. Keep its secret now: it is not shown again."


@app.command("list")
def list_tokens(*, as_json: AsJson = False) -> None:
    """List the tokens that were not revoked. Secrets are never shown.

    \b
    Example:  promptstage token list
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    with _helping():
        answer = http.connect().get(TOKENS, "data")
    if as_json:
        output.dump(answer)
        return
    now = datetime.now(UTC)
    columns = ("id", "name", "role", "environments", "created", "expires")  # 80 characters, as a rule
    output.table(columns, [_row(token, now) for token in answer["data"]])


def _row(token: Json, now: datetime) -> list[str]:
    cells = [clean(token["id"]), clean(token["name"]), _roles(token)]
    created = clean(token["created_at"])[:TO_THE_DAY]
    return [*cells, _environments(token), created, expiry(token["expires_at"], now)]


def _environments(token: Json) -> str:
    return ", ".join(map(clean, token["environments"] or ["all"]))


def expiry(moment: str | None, now: datetime) -> str:
    """When a token ends, as seen from now."""
    if moment is None:
        return "never"
    left = (datetime.fromisoformat(moment) - now).total_seconds()
    return f"in {times.duration(left)}" if left > 0 else "expired"


@app.command()
def revoke(
    token: Annotated[str, typer.Argument(metavar="ID", help="Its id, or its name.")],
    *,
    yes: Yes = False,
    reason: Reason = "",
    if_needed: IfNeeded = False,
    as_json: AsJson = False,
) -> None:
    """Revoke a token for good. Within a second it is refused, and its streams end.

    With --if-needed nothing is done if there is no such token.

    \b
    Example:  promptstage token revoke 3f9a0c11d2e4
              promptstage token revoke checkout --yes --reason "its laptop was stolen"
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    registry = http.connect()
    with _helping():
        tokens = registry.get(TOKENS, "data")["data"]
    if if_needed and not any(token in {one["id"], one["name"]} for one in tokens):
        output.note(f"there is no token {clean(token)!r}, so nothing was changed")
        return output.dump({"changed": False}) if as_json else None
    found = find(tokens, token)
    shown = f"{clean(found['name'])} ({clean(found['id'])}, {_roles(found)})"
    output.confirm(f"Revoke {shown}?", yes=yes)
    answer = registry.delete(f"{TOKENS}/{quote(found['id'], safe='')}", "seq", reason=reason)
    return output.dump(answer) if as_json else output.say(f"{shown} is revoked")


@app.command()
def recover(*, data: Data = DEFAULT, journal: RemoteJournal = None) -> None:
    """Create a new admin's token on the machine that holds the journal, when no other is left.

    Its secret is written to admin.token in the data folder, which only the registry's user can read, and the
    history shows it. A running registry accepts the token at once. If the token in that file is already a
    valid admin's, nothing is changed.

    \b
    Example:  promptstage token recover --data /var/lib/promptstage
              export PROMPTSTAGE_TOKEN=$(cat /var/lib/promptstage/admin.token)
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    from registry.access import admin_token  # noqa: PLC0415 - for this command alone
    from registry.control import lost_token  # noqa: PLC0415

    require_folder(data)
    file = data / admin_token.FILE
    with closing(journal_of(settings_of(data, journal=journal))) as held:
        token, new = lost_token.recover(held, file)
    what = f"{clean(token.name)} ({clean(token.id)}) is admin in all environments, until it is revoked"
    output.say(f"The token {what}" if new else f"Nothing to do: the token {what}")
    output.say(f"Its secret is in {clean(file.absolute(), PATH_SHOWN)}")
    if new:
        output.note("if one was lost, or is in wrong hands, revoke it: promptstage token list, and revoke ID")


def find(tokens: list[Json], wanted: str) -> Json:
    """The token with an id, else the one with a name.

    Raises:
        NotFound: there is none.
        Conflict: several have the name.
    """
    found = [one for one in tokens if one["id"] == wanted] or [one for one in tokens if one["name"] == wanted]
    if not found:
        raise NotFound(f"there is no token {clean(wanted)!r}; see: promptstage token list")
    if len(found) > 1:
        ids = ", ".join(clean(one["id"]) for one in found)
        raise Conflict(f"{clean(wanted)!r} is the name of {ids}; name one of these")
    return found[0]
