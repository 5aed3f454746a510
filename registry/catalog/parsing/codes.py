"""The codes of findings in prompt files, with their severity and meaning.

This is the only list: every report takes its severity from here, so a code that is not in it cannot be
reported. Codes are part of the interface: new ones are added, none is renamed.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Severity = Literal["error", "warning"]


class Code(NamedTuple):
    """The severity and meaning of a code."""

    severity: Severity
    meaning: str


_ERRORS = {
    "alias": "a YAML alias, which the strict reader does not expand",
    "anchor": "a YAML anchor, which the strict reader does not keep",
    "bad_name": "the file's path gives a name that no prompt can have",
    "default": "a variable's default is a list or a mapping",
    "documents": "more than one YAML document in a file",
    "duplicate_key": "a key is used twice",
    "duplicate_variable": "a variable is declared twice",
    "empty": "the file is empty",
    "json_schema": "jsonSchema is absent, or no JSON object",
    "key": "a key that is not text",
    "lfs": "a pointer of Git LFS in place of the file",
    "no_content": "a message without content",
    "no_file": "a symbolic link, or a folder, where a file should be",
    "no_messages": "a prompt without messages",
    "not_a_list": "something else where a list belongs",
    "not_a_mapping": "something else where `key: value` pairs belong",
    "not_boolean": "neither true nor false",
    "not_text": "something else where text belongs",
    "not_utf8": "the file is not in UTF-8",
    "nul": "a NUL character",
    "number": "a number that is too large",
    "part": "a part of a message that is not as its type needs it",
    "partial": "a partial that cannot be put in",
    "placeholder": "a place for messages without a name of its own",
    "response_format": "a responseFormat that is unknown",
    "section": "a section of a Mustache text that is not closed, or closes in another one",
    "settings": "promptstage.toml is broken, or holds what is no setting",
    "tag": "a YAML tag",
    "too_deep": "nested too deep",
    "too_large": "the file is larger than 256 KiB",
    "too_many": "too many keys and values, or tags in a text",
    "two_files": "two files of one prompt, .yml and .yaml",
    "undeclared": "a placeholder that is not among the declared variables",
    "unclosed_tag": "a {{ of a Mustache text that is not closed",
    "unknown_role": "a message whose role is absent or unknown",
    "unknown_tag": "a tag of a Mustache text that does not exist here",
    "unreadable": "the file cannot be read",
    "variable_name": "a name that no variable can have",
    "yaml": "the YAML is broken",
}
# Of `check` and `tag` alone; a version that was tagged all the same is served.
_ERRORS_OF_CHECK = {
    "assertion": "an assertion that does not exist, or is not as its type needs it",
    "case": "a line of a file of cases or a row of testData that is no case, or a value of another type",
    "case_too_large": "a case of more than 256 KiB",
    "case_variable": "a case without a variable that its prompt or one of its checks needs",
    "code_assertion": "an assertion that would run code, which none here does",
    "duplicate_case": "an id that two cases have",
    "evaluator": "an evaluator of GitHub's that does not exist, or is not as its kind needs it",
    "parameter": "a value that a parameter of the model cannot have",
    "pattern": "a text that is no regular expression",
    "rubric": "a rubric's file that is not there, or no text",
    "schema": "a jsonSchema, the parameters of a tool, or the schema of a check that are no JSON Schema",
    "secret": "something with the shape of a well-known key or token",
    "too_many_cases": "a file of more than 20,000 cases, or 64 MiB",
    "tools": "tools, or a toolChoice, that an API would refuse, or that cannot be read",
}
_WARNINGS = {
    "bad_version": "the newest tag of a prompt holds a file that cannot be served, or none",
    "default_unused": "a default of a variable that is required",
    "literal": "{{...}} that is no placeholder, so it stays as it is",
    "logic": "logic of another template language, which stays as it is",
    "lost_tag": "a tag that looks like a version of a prompt, but makes none",
    "no_checks": "a case that no check judges",
    "part_type": "a part of a message whose type is unknown, and which is sent as it is",
    "same_file": "the newest tag of a prompt holds the same file as the one before it",
    "small_bump": "the newest tag raises the version less than the changes since the one before it call for",
    "stray": "a file with messages in the prompts folder, whose name is not that of a prompt file",
    "stray_cases": "a file of cases without a prompt beside it, which nothing reads",
    "template": "a template language that is unknown, so {{name}} alone is replaced",
    "unclosed": "a {{ that is not closed, so it stays as it is",
    "unknown_key": "a key that has no effect",
    "unknown_parameter": "a parameter of the model that no known provider has",
    "unused_schema": "a jsonSchema that responseFormat does not ask for, so no model gets it",
    "unused_variable": "a declared variable that no message uses",
    "variable_type": "a type that no variable has, or a default of another type",
    "variables": "variables in a shape that is not read, so the placeholders count",
}

CODES: Final = {
    code: Code("error", meaning) for code, meaning in sorted((_ERRORS | _ERRORS_OF_CHECK).items())
} | {code: Code("warning", meaning) for code, meaning in _WARNINGS.items()}
FATAL: Final = frozenset(_ERRORS)


def can_be_ignored(code: str) -> bool:
    """Return whether a prompt can be served in spite of this."""
    return code not in FATAL
