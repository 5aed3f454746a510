"""Pages of prompts: lists, versions good and bad, differences, and reports of suites."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from console.documented_api import STATE, E, P, answering
from console.scenes.states import ASKED, FLAT, NOTHING, PAUSED
from suites.test_reports import report as made_report

from registry.api.docs import examples, suites
from registry.console import prompt, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptstage.model import Json

INVALID = {
    **examples.VERSION,
    "version": "1.4.0",
    "status": "invalid",
    "problem": {"message": "no role", "line": 4, "column": 2, "path": "prompts/summarize.prompt.yml"},
    "document": None,
    "digest": None,
}
BROKEN = {**INVALID, "problem": None}
REPORT = made_report()  # by the code that writes what is attested


def prompts() -> Iterator[tuple[str, Json]]:
    """Lists, one prompt in each state, versions good and bad, differences."""
    api: Any = answering()
    yield "prompts.html", prompt.listed(api, "", "")
    yield "prompts.html", prompt.listed(api, "no such", "")
    (one,) = examples.PROMPTS["data"]
    other = {**one, "latest": None, "description": None}
    listed: tuple[Json, ...] = (
        {"data": [], "next_cursor": None},
        {"data": [other], "next_cursor": "summarize"},
    )
    for found in listed:
        yield "prompts.html", prompt.listed(answering({"/v1/prompts": found}), "", "")
    versions = {"data": [INVALID, BROKEN, examples.SUMMARY, {**examples.SUMMARY, "version": "1.1.0"}]}
    failing: Json = {"data": [{**examples.USAGE["data"][0], "errors": errors} for errors in (0, 3)]}
    failing["data"][0]["version"] = "1.1.0"
    for state in (STATE, PAUSED, ASKED, FLAT, NOTHING):
        more = {"/v1/prompts/summarize/versions": versions, f"{P}/usage": failing}
        there = answering({**more, f"{P}/rollouts/summarize": state})
        yield "prompt.html", prompt.content(there, (E,), E, "summarize")
    no_changes = answering(
        {
            f"{P}/rollouts/summarize/history": {"data": [], "next_cursor": None},
            "/v1/prompts/summarize/versions": {"data": [examples.SUMMARY]},
        }
    )
    yield "prompt.html", prompt.content(no_changes, (E,), E, "summarize")
    yield "version.html", prompt.one_version(api, "summarize", "1.3.0")
    yield from reports()
    here = "/v1/prompts/summarize/versions/1.3.0"
    for changed in (INVALID, BROKEN, {**examples.VERSION, "document": {**examples.DOCUMENT, "model": None}}):
        plain = answering({here: changed, "/v1/catalog": None, f"{here}/attestations": {"data": []}})
        yield "version.html", prompt.one_version(plain, "summarize", "1.3.0")
    yield "diff.html", prompt.compared(api, "summarize", "1.2.0", "1.3.0")
    old, new = examples.DOCUMENT["variables"]
    asks_more = {
        **examples.VERSION,
        "document": {**examples.DOCUMENT, "model": "m", "variables": [old, {**new, "required": True}]},
    }
    gap = examples.DIFF["unified"] + "@@ -20,1 +20,2 @@\n same\n+added\n-removed\n"
    asked = {here: asks_more, "/v1/prompts/summarize/diff": {**examples.DIFF, "unified": gap}}
    yield "diff.html", prompt.compared(answering(asked), "summarize", "1.2.0", "1.3.0")
    same = answering({"/v1/prompts/summarize/diff": {**examples.DIFF, "unified": "", "changed": []}})
    yield "diff.html", prompt.compared(same, "summarize", "1.2.0", "1.3.0")


def reports() -> Iterator[tuple[str, Json]]:
    """A run with cases of every kind, one compared with nothing, and one in which all is well."""
    (run,) = REPORT.prompts
    runs = (run, replace(run, against=None, details=()))
    for one in (replace(REPORT, prompts=(each,)).to_json() for each in runs):
        body = json.dumps(one).encode()
        kept = {**suites.KEPT, "report": f"sha256:{sha256(body).hexdigest()}"}
        api = answering({"/v1/prompts/support/x/versions/1.3.0/attestations": {"data": [kept]}})
        yield "report.html", report.opened(api, "support/x", "1.3.0", body)
