r"""Read regular expressions as promptfoo does, which is as JavaScript without flags does. Pure.

They are translated to Python's, so that the same text matches: ``\d`` and ``\w`` are ASCII, ``$`` is the end
of the text and nothing else, ``.`` stops at each of JavaScript's line ends, ``[^]`` is any character, and a
letter after a backslash that means nothing is itself. Characters are whole ones, not halves as JavaScript
has them without its flag `u`. Look-behind must have a fixed width.
"""

from __future__ import annotations

import re
from functools import lru_cache

LENGTH = 10_000  # characters of a pattern; people write some dozens
_LINE_ENDS = r"\n\r\u2028\u2029"
_SPACES = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_SAME = frozenset("tnrvf0xu")  # escapes that both languages have, if what follows fits
_QUANTIFIER = re.compile(r"\{\d+(?:,\d*)?\}")
_GROUP = re.compile(r"\(\?(?:[:=!]|<[=!]|<(?P<name>[A-Za-z_$][\w$]*)>|(?P<flags>[ims]*(?:-[ims]*)?):)")
_CONTROL = re.compile(r"\\c([A-Za-z])")
_CODES = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4})")


class PatternError(ValueError):
    """A text is no regular expression; the message follows "this regular expression"."""


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Return a pattern in JavaScript's language as Python's. Raises PatternError."""
    if len(pattern) > LENGTH:
        raise PatternError(f"has more than {LENGTH} characters; split it into several")
    try:
        return re.compile(_Translation(pattern).run())
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"is broken: {error}; correct it") from error


def problem(pattern: str) -> str:
    """Return why a text is no pattern, in words that follow "this regular expression"; empty if it is one."""
    try:
        compile_pattern(pattern)
    except PatternError as error:
        return str(error)
    return ""


class _Translation:
    """One pattern on its way; `at` is the next character of it."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._written: list[str] = []

    def run(self) -> str:
        while self._at < len(self._pattern):
            self._written.append(self._next())
        return "".join(self._written)

    def _next(self) -> str:
        character = self._pattern[self._at]
        match character:
            case "\\":
                return self._escape(in_class=False)
            case "[":
                return self._class()
            case "(":
                return self._group()
            case "*" | "+" | "?" | "{":
                return self._repeat(character)
        self._at += 1
        return {"$": r"\Z", ".": f"[^{_LINE_ENDS}]", "}": r"\}", "]": r"\]"}.get(character, character)

    def _repeat(self, character: str) -> str:
        found = _QUANTIFIER.match(self._pattern, self._at)
        if character == "{" and not found:
            self._at += 1
            return r"\{"
        repeat = found[0] if found else character
        self._at += len(repeat)
        if self._pattern[self._at : self._at + 1] == "?":
            repeat += "?"
            self._at += 1
        if self._pattern[self._at : self._at + 1] in {"+", "*", "?"}:  # possessive in Python
            raise PatternError(f"repeats a repetition at character {self._at + 1}; put it in (?:...)")
        return repeat

    def _group(self) -> str:
        if not self._pattern.startswith("(?", self._at):
            self._at += 1
            return "("
        found = _GROUP.match(self._pattern, self._at)
        if not found:
            shown = self._pattern[self._at : self._at + 4]
            raise PatternError(f"has {shown!r}, which JavaScript does not know; write (?i:...) for any case")
        self._at = found.end()
        return f"(?P<{found['name']}>" if found["name"] else found[0]

    def _escape(self, *, in_class: bool) -> str:
        if self._at + 1 >= len(self._pattern):
            raise PatternError("ends in a backslash; remove it, or write two")
        code = _CODES.match(self._pattern, self._at)
        control = _CONTROL.match(self._pattern, self._at)
        if control:
            self._at = control.end()
            return f"\\x{ord(control[1]) % 32:02x}"
        letter = self._pattern[self._at + 1]
        if code:
            self._at = code.end()
            return code[0]
        if letter == "k" and (name := re.compile(r"\\k<([A-Za-z_$][\w$]*)>").match(self._pattern, self._at)):
            self._at = name.end()
            return f"(?P={name[1]})"
        self._at += 2
        if letter.isdigit():
            return "\\0" if letter == "0" else self._reference(letter, in_class=in_class)
        known = _IN_CLASS if in_class else _OUTSIDE
        return known.get(letter) or (f"\\{letter}" if letter in "tnrvf" else re.escape(letter))

    def _reference(self, first: str, *, in_class: bool) -> str:
        if in_class:
            return f"\\x0{first}"  # an octal code, in JavaScript as it was
        digits = first
        while self._pattern[self._at : self._at + 1].isdigit() and len(digits) < 2:  # noqa: PLR2004
            digits += self._pattern[self._at]
            self._at += 1
        return f"(?:\\{digits})"

    def _class(self) -> str:
        start = self._at
        self._at += 1
        negated = self._pattern.startswith("^", self._at)
        self._at += negated
        inner: list[str] = []
        while True:
            if self._at >= len(self._pattern):
                raise PatternError(f"has a [ without a ] at character {start + 1}; close it")
            character = self._pattern[self._at]
            if character == "]":
                self._at += 1
                break
            if character == "\\":
                inner.append(self._escape(in_class=True))
                continue
            self._at += 1
            inner.append(f"\\{character}" if character in "[&~|^" else character)
        if not inner:
            return r"[\s\S]" if negated else r"(?!)"
        return f"[{'^' * negated}{''.join(inner)}]"


_OUTSIDE = {
    "d": "[0-9]", "D": "[^0-9]", "w": "[A-Za-z0-9_]", "W": "[^A-Za-z0-9_]", "s": f"[{_SPACES}]",
    "S": f"[^{_SPACES}]", "b": r"(?a:\b)", "B": r"(?a:\B)",
}  # fmt: skip
_IN_CLASS = {"d": "0-9", "w": "A-Za-z0-9_", "s": _SPACES, "b": r"\x08", "D": r"\D", "W": r"\W", "S": r"\S"}
