"""Explain a YAML error: the place, the parser's message, and a remedy for the author."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    Place = tuple[int, int]

BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # the line breaks of YAML 1.1

_NO_ESCAPE = "double the backslash, or put the text in single quotes"
_NO_DIRECTIVE = "remove the line that begins with %"
_NO_TAG = "quote a text that begins with !"
_REMEDIES = {  # for messages of libyaml that do not say what to do
    "block sequence entries are not allowed in this context": "quote a text that begins with -, or begin the "
    "list in the next line",
    "could not find expected directive name": _NO_DIRECTIVE,
    "could not find expected ':'": "write `key: value`, or indent the line if it belongs to a text above",
    "did not find expected '-' indicator": "indent the line as deep as what it belongs to",
    "did not find expected ',' or ']'": "close the [ above; or quote the text, if it begins with one",
    "did not find expected ',' or '}'": "close the { above; or quote the text, if it begins with one",
    "did not find expected alphabetic or numeric character": "quote a text that begins with * or &",
    "did not find expected <document start>": "begin all keys in the same column, each with a space after "
    "its colon; remove a line of ... or %",
    "did not find expected comment or line break": "begin the text in the line below the | or >",
    "did not find expected hexdecimal number": _NO_ESCAPE,
    "did not find expected node content": "close the [ or { above; or quote a text that begins with "
    "one of [ ] { } or a comma",
    "did not find expected tag URI": _NO_TAG,
    "did not find expected key": "indent the line as deep as the others; or write a text that holds "
    "quotes, or begins with one or with [, below `|`",
    "found unexpected end of stream": "close the quote that begins here",
    "found an indentation indicator equal to 0": "remove the 0 after the | or >",
    "found incompatible YAML document": _NO_DIRECTIVE,
    "found undefined tag handle": _NO_TAG,
    "found unexpected document indicator": "indent a line of a text that begins with --- or ...",
    "found unknown directive name": _NO_DIRECTIVE,
    "found unknown escape character": _NO_ESCAPE,
    "mapping keys are not allowed in this context": "quote a text that begins with ?",
    "mapping values are not allowed in this context": "quote a text that holds `: `, put a space after "
    "the - of a list, or mend the indentation",
}
_QUOTED = "quote the text that begins with it, or write it below `|`"
_SPACES = "indent with spaces, as YAML takes no tabs"
_CULPRITS = {  # causes that the parser cannot name
    re.compile(r"^<<<<<<< ", re.MULTILINE): "a merge conflict begins here; decide it, and remove its "
    "<<<<<<<, ======= and >>>>>>>",
    re.compile("[\x85\u2028\u2029]"): "an invisible character ends the line here for YAML, but not in an "
    "editor; remove it, or write a line break instead",
}
# Characters that look like those of YAML, and are text to it; each is looked for where the parser stopped.
_LOOKALIKES = {
    re.compile(
        r"^[ \t]*(?=[\xa0\u2000-\u200b\u202f\u205f\u3000])"
    ): "a blank that is no plain space indents this line, such as a no-break space; write plain spaces",
    re.compile(r"(?<=\w)\uff1a"): "this is a full-width colon, and text to YAML; write : and a space",
    re.compile(
        "(?<=[:,{\\[-] )[\u201c-\u201f\xab]"
    ): 'this quotation mark is text to YAML; write " around the text',
}
_NEAR = 2  # lines, up to the one where the parser stopped
_HALF_A_PAIR = (
    "this escape stands for no character; write the other half of the surrogate pair, too, or better the "
    "character itself"
)
_BAD_ESCAPE = "found invalid Unicode character escape code"
_ESCAPE = 2  # characters of an escape that libyaml has read when it notices: \\u
_NOTICED_LATE = ("could not find expected ':'", "found unexpected end of stream")


class Mark(Protocol):
    """A place as libyaml reports it: all count from 0, and `index` in the whole text."""

    line: int
    column: int
    index: int


def explain(problem: str | None, marks: Sequence[Mark | None], text: str) -> tuple[Place, str]:
    """Return where a text stops being YAML, and what to do there.

    Args:
        problem: libyaml's message.
        marks: where libyaml noticed it, and where the value being read begins.
        text: the whole text.
    """
    for culprit, message in _CULPRITS.items():
        if found := culprit.search(text):
            return end_of(text[: found.start()]), message
    what = problem or "the text ends too early"
    # A key without its colon is noticed lines later; the context is where it begins.
    mark = next(filter(None, marks[::-1] if what in _NOTICED_LATE else marks), None)
    place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if is_bad_escape(what):
        return (place[0], place[1] - _ESCAPE), _HALF_A_PAIR
    if lookalike := _lookalike(text, mark):
        return lookalike
    # libyaml does not name the character that cannot begin a value.
    character = text[mark.index] if mark and "cannot start" in what else ""
    return place, _said(what, character)


def _lookalike(text: str, mark: Mark | None) -> tuple[Place, str] | None:
    """Find a character that only looks like one of YAML's, in the line of a mark or the one before."""
    last = mark.line if mark else 0
    lines = BREAK.split(text)
    for number in range(last, max(last - _NEAR, -1), -1):
        for pattern, message in _LOOKALIKES.items():
            if number < len(lines) and (found := pattern.search(lines[number])):
                return (
                    number + 1,
                    found.end() + 1 if not found.group().strip() else found.start() + 1,
                ), message
    return None


def is_bad_escape(problem: str | None) -> bool:
    """Return whether the problem is an escape of no character: a surrogate, or a number beyond Unicode."""
    return problem == _BAD_ESCAPE


def _said(what: str, character: str) -> str:
    if character == "\t":
        return f"there is a tab; {_SPACES}"
    if character:
        return f"a value cannot begin with {character!r}; {_QUOTED}"
    remedy = _SPACES if "tab character" in what else _REMEDIES.get(what, "correct the YAML here")
    return f"{what}; {remedy}"


def end_of(text: str) -> Place:
    """Return the line and column, both from 1, just after a text."""
    lines = BREAK.split(text)
    return len(lines), len(lines[-1]) + 1
