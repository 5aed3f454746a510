"""Write the module in which a type checker finds each prompt with its arguments. Pure.

At run time the module is `promptstage.Client` and nothing else. For a type checker it has a class for each
prompt and its calls, and an overload of `get`, `aget`, `use` and `call` for each name. Thousands of overloads
are quick because mypy compares each with every other one only in a file whose errors it reports.
"""

from __future__ import annotations

import re
from collections import Counter
from keyword import iskeyword
from typing import TYPE_CHECKING

from registry.catalog.parsing.signature import ANY, MESSAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from registry.catalog.parsing.signature import Parameter, Signature

RETURNS = {  # methods of a prompt that render it
    "messages": "list[dict[str, Any]]",
    "text": "str",
    "openai": "OpenAIRequest",
    "litellm": "OpenAIRequest",
    "anthropic": "AnthropicRequest",
}
OF_A_CALL = {name: kind for name, kind in RETURNS.items() if name != "text"}  # what a call renders
_KINDS = {
    ANY: "object",
    MESSAGES: "History",
    "string": "str",
    "number": "float",
    "boolean": "bool",
    "list": "list[Any] | tuple[Any, ...]",
    "object": "Mapping[str, Any]",
}
_OPENERS = (
    ("", "get", "GetOptions", "{}Prompt"),
    ("async ", "aget", "GetOptions", "{}Prompt"),
    ("", "use", "UseOptions", "AbstractContextManager[{}Prompt]"),
    ("", "call", "CallOptions", "{}Call"),
)
_HEAD = '''\
"""The client of this application; a type checker knows its prompts and their arguments.

Written from the prompt files. To renew it:

    {command}
"""
# mypy: ignore-errors
# pyright: basic, reportIncompatibleMethodOverride=false, reportInconsistentOverload=false
# pyright: reportNoOverloadImplementation=false, reportOverlappingOverload=false
# pyright: reportSelfClsParameterName=false
# ruff: noqa
# fmt: off

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from typing import Any, Literal, NotRequired, TypedDict, Unpack, overload

    import promptstage
    from promptstage.requests.shapes import AnthropicRequest, OpenAIRequest
    from promptstage.typed import CallOptions, GetOptions, History, UseOptions
'''


def write(prompts: Mapping[str, Signature], command: str) -> str:
    """Return the text of the module.

    Args:
        prompts: what each prompt takes; at least one.
        command: how to renew it.
    """
    classes = _class_names(prompts)
    lines = [_HEAD.format(command=command)]
    for name, made in classes.items():
        lines += _prompt(made, prompts[name])
    lines += _client(classes)
    lines += ["", "else:", "    from promptstage import Call, Client, Prompt", ""]
    lines += [f"    {made}Prompt, {made}Call = Prompt, Call" for made in classes.values()]
    return "\n".join(lines) + "\n"


def _class_names(names: Collection[str]) -> dict[str, str]:
    """Return the beginning of the names of each prompt's classes; names that differ in signs get a number."""
    found: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for name in sorted(names):
        camel = "".join(part[:1].upper() + part[1:] for part in re.split(r"[-_/]+", name))
        plain = f"P{camel}" if camel[:1].isdigit() else camel
        seen[plain] += 1
        found[name] = f"{plain}_{seen[plain]}" if seen[plain] > 1 else plain
    return found


def _prompt(made: str, signature: Signature) -> Iterator[str]:
    """Yield the classes of a prompt and its calls, after the mapping for names that are no keywords."""
    mapped = {name: parameter for name, parameter in sorted(signature.items()) if not _is_keyword(name)}
    if mapped:
        keys = (
            f"{name!r}: {kind if p.required else f'NotRequired[{kind}]'}"
            for name, p in mapped.items()
            if (kind := _annotation(p))
        )
        yield f"    {made}Mapping = TypedDict({f'{made}Mapping'!r}, {{{', '.join(keys)}}})"
        yield ""
    arguments = ", ".join(_arguments(made, signature, mapped))
    yield f"    class {made}Prompt(promptstage.Prompt):"
    yield from (f"        def {method}({arguments}) -> {kind}: ..." for method, kind in RETURNS.items())
    yield f"    class {made}Call(promptstage.Call):"
    yield f"        prompt: {made}Prompt"
    yield from (f"        def {method}({arguments}) -> {kind}: ..." for method, kind in OF_A_CALL.items())
    yield ""


def _arguments(made: str, signature: Signature, mapped: Mapping[str, Parameter]) -> Iterator[str]:
    yield _unlike("self", signature)
    if mapped:
        default = "" if any(parameter.required for parameter in mapped.values()) else " = ..."
        yield f"{_unlike('mapping', signature)}: {made}Mapping{default}"
    yield "/"
    keywords = sorted(signature.keys() - mapped.keys())
    if keywords:
        yield "*"
    for name in keywords:
        yield f"{name}: {_annotation(signature[name])}" + ("" if signature[name].required else " = ...")


def _is_keyword(name: str) -> bool:
    """Return whether a name can be a keyword; in a class, one with two underscores means something else."""
    return name.isidentifier() and not iskeyword(name) and not name.startswith("__")


def _annotation(parameter: Parameter) -> str:
    kinds = [_KINDS[kind] for kind in sorted(parameter.kinds)]
    return " | ".join(kinds if parameter.required or ANY in parameter.kinds else [*kinds, "None"])


def _unlike(word: str, names: Collection[str]) -> str:
    """Return a parameter's name that no variable has."""
    return _unlike(f"{word}_", names) if word in names else word


def _client(classes: Mapping[str, str]) -> Iterator[str]:
    yield "    class Client(promptstage.Client):"
    for before, method, options, result in _OPENERS:
        for name, made in classes.items():
            if len(classes) > 1:
                yield "        @overload"
            arguments = f"self, name: Literal[{name!r}], **options: Unpack[{options}]"
            yield f"        {before}def {method}({arguments}) -> {result.format(made)}: ..."
