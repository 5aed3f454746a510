"""Render pages: templates, what they call, and the headers that every page has."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from registry.system import figures
from registry.system.text import visible
from registry.wording import agreement, describe, rules, times
from registry.wording.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

# No script but our files, no frame, and a form leads nowhere else. Plots set styles from a script, which the
# policy allows; no attribute holds any.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; object-src 'none'; img-src 'self' data:",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ROOT = "/console"
UTC_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")


def render(template: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Render a template of this package."""
    text = _templates().get_template(template).render(values, now=datetime.now(UTC))
    return HTMLResponse(text, status, HEADERS)


def url(*parts: str, **query: object) -> str:
    """Return the address of a page; a prompt's name keeps its slashes."""
    given = {key: value for key, value in query.items() if value not in {None, ""}}
    path = "/".join([ROOT, *(quote(part) for part in parts)])
    return path + (f"?{urlencode(given)}" if given else "")


@cache
def asset_version() -> str:
    """Return what changes with the files of the console, so that a browser may keep them."""
    from hashlib import sha256  # noqa: PLC0415 - once a process

    folder = files("registry.console") / "static"
    content = b"".join(file.read_bytes() for file in sorted(folder.iterdir(), key=lambda file: file.name))
    return sha256(content).hexdigest()[:12]


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("registry.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        url=url,
        asset=lambda name: f"{ROOT}/static/{asset_version()}/{name}",
        describe=describe,
        agreement=agreement,
        figures=figures,
        rules=rules,
    )
    made.filters.update(
        time=moment,
        clean=clean,
        lines=lines,
        breaking=breaking,
        told=told,
        duration=times.duration,
        money=figures.dollars,
        spent=figures.spent,
        scope=rules.scope,
        count="{:,}".format,
    )
    return made


def now() -> datetime:
    """Return the time that a page is made at."""
    return datetime.now(UTC)


def moment(text: str | None) -> Markup:
    """Return a time in UTC, which a script shows in the reader's own zone."""
    if not text:
        return escape(describe.NONE)
    utc = times.show(text)
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(utc, utc.replace("T", " "))


def breaking(name: str) -> Markup:
    """Return a prompt's name, whose folders may stand on lines of their own."""
    return Markup("/<wbr>").join(escape(part) for part in clean(name).split("/"))


def told(sentence: str) -> Markup:
    """Return a sentence of ours, the times in it as `moment` shows them."""
    pieces = UTC_TIME.split(sentence)
    return Markup("").join(moment(piece) if UTC_TIME.fullmatch(piece) else escape(piece) for piece in pieces)


def lines(text: str) -> Markup:
    """Return a text of several lines; in none of them is anything that is not seen."""
    return Markup("\n").join(escape(visible(line)) for line in text.split("\n"))
