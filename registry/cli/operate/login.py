"""``promptstage login`` and ``logout``: store a token per registry, so that commands work in any folder."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from registry.cli import credential, http, output, profiles
from registry.cli.credential import Credential, Target
from registry.cli.options import AsJson  # noqa: TC001 - typer reads the annotations
from registry.errors import Invalid, NotFound
from registry.system import proxies
from registry.wording.text import clean

if TYPE_CHECKING:
    from promptstage.model import Json


MOST_TYPED = 10_000  # characters of a token that is sent on stdin: what is longer is another file

MaybeUrl = Annotated[
    str | None, typer.Argument(metavar="URL", help="The registry, like https://prompts.example.org.")
]


def login(
    url: MaybeUrl = None,
    *,
    use: Annotated[
        bool, typer.Option("--use", help="Switch to this registry, with its stored token.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the stored registries.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Show which registry and token are used.")] = False,
    as_json: AsJson = False,
) -> None:
    """Store a token for a registry, so that commands work in any folder.

    The token is asked for without an echo, or read from stdin, and tried before it is stored.

    The URL is --url, else PROMPTSTAGE_URL, else the latest login, else http://127.0.0.1:8000. The token is
    PROMPTSTAGE_TOKEN, which goes wherever the URL says; else the one stored for exactly that URL; else, for a
    registry on this machine, the one in PROMPTSTAGE_DATA (.data).

    \b
    Example:  promptstage login https://prompts.example.org
              promptstage login https://prompts.example.org < token.txt
              promptstage login https://staging.example.org --use
              promptstage login --show
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    if show:
        _shown(as_json=as_json)
    elif listed:
        _listed(as_json=as_json)
    elif url is None:
        raise typer.BadParameter("name the registry: promptstage login https://prompts.example.org")
    else:
        _log_in(url, use=use, as_json=as_json)


def _log_in(url: str, *, use: bool, as_json: bool) -> None:
    """Try a token, and keep it if it is good."""
    place = credential.normal(url, "URL")
    token = _kept(place) if use else _asked(place)
    target = Target(place, "of this login", "See whether it runs, and whether the URL is right", token)
    http.Registry(target).get("/v1/prompts", "data", limit=1)
    with profiles.editing() as kept:
        kept.current = place
        kept.tokens[place] = token.token
    if as_json:
        output.dump(_data())
    else:
        output.say(f"Logged in to {place}")
        _note_environment(place)


def _asked(place: str) -> Credential:
    if place.startswith("http://") and not proxies.is_here(place):
        output.note("http sends the token unencrypted; use https wherever others share the network")
    if sys.stdin.isatty():
        typed = getpass(f"Token for {place}: ", stream=sys.stderr)  # it ends the echo before it asks
    else:
        typed = sys.stdin.read(MOST_TYPED)
    token = credential.checked(typed, "The token is the one that you gave")
    if not token.token:
        raise Invalid("no token was given; type it, or send it: promptstage login URL < FILE")
    return token


def _kept(place: str) -> Credential:
    token = profiles.load().tokens.get(place)
    if not token:
        raise NotFound(f"no token is stored for {place}; log in: promptstage login {place}")
    return credential.checked(token, f"The token is the stored one; for another: promptstage login {place}")


def _note_environment(place: str) -> None:
    """Say what beats the login here."""
    target = credential.find()
    if target.url != place:
        output.note(f"here commands ask {clean(target.url)}, {target.origin}; unset that to use the login")
    elif "PROMPTSTAGE_TOKEN" in target.credential.origin:
        output.note("here PROMPTSTAGE_TOKEN is used in place of the login's token; unset it to use that")


def _data() -> Json:
    """Return what is used here, for programs; tokens are never shown."""
    target = credential.find()
    return {
        "url": target.url,
        "url_from": target.origin,
        "token": bool(target.credential.token),
        "token_from": target.credential.origin,
        "file": str(profiles.path()),
        "registries": _registries(),
    }


def _registries() -> list[Json]:
    kept = profiles.load()
    return [{"url": url, "current": url == kept.current} for url in sorted(kept.tokens)]


def _shown(*, as_json: bool) -> None:
    found = _data()
    if as_json:
        return output.dump(found)
    rows = [
        ("Registry:", f"{clean(found['url'])} ({found['url_from']})"),
        ("Token:", found["token_from"] if found["token"] else f"none. {found['token_from']}"),
        ("Logins:", f"{len(found['registries'])} in {found['file']}"),
    ]
    return output.facts(rows)


def _listed(*, as_json: bool) -> None:
    found = _registries()
    if as_json:
        output.dump({"data": found})
    elif not found:
        output.note("there is no login yet: promptstage login URL")
    else:
        rows = [[clean(one["url"]), "current" if one["current"] else ""] for one in found]
        output.table(("registry", ""), rows)


def logout(
    url: MaybeUrl = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Forget all of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forget the token for a registry; without URL, for the one of the latest login.

    The token itself stays valid until it is revoked: promptstage token revoke NAME.

    \b
    Example:  promptstage logout
              promptstage logout https://staging.example.org
    """  # noqa: D301 - typer's mark of lines to be kept as they are
    with profiles.editing() as kept:
        place = credential.normal(url, "URL") if url else kept.current
        gone = sorted(kept.tokens) if every else [place] if place in kept.tokens else []
        if not gone:
            raise NotFound(f"there is no login to {place or 'any registry'}; see: promptstage login --list")
        for one in gone:
            del kept.tokens[one]
        if kept.current in gone:
            kept.current = ""
    if as_json:
        output.dump({"forgotten": gone})
    else:
        output.say(f"Logged out of {', '.join(map(clean, gone))}")
