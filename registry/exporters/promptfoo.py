"""Write a prompt, its model and its cases as a configuration of promptfoo that runs as it is. Pure.

The request that promptfoo sends is the one that an app sends: nothing of promptfoo's own defaults comes in,
and what promptfoo would change of a text or of a value is written so that it does not. What it cannot say is
named.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from promptstage import mustache, template
from promptstage.model import MessagesPlaceholder
from promptstage.requests.openai import make_openai_request
from promptstage.requests.rendered import make_rendered
from registry.errors import Invalid
from registry.exporters import promptfoo_checks, promptfoo_values
from registry.exporters.nunjucks import nunjucks

if TYPE_CHECKING:
    from promptstage.model import Document, Json
    from registry.suites.cases import Case, Suite

SCHEMA = "https://promptfoo.dev/config-schema.json"
_PROVIDERS = {"": "openai:chat:", "openai": "openai:chat:", "anthropic": "anthropic:messages:"}
_NO_PLACE = "promptfoo has no place for messages"
_OWN = ("tools", "tool_choice")  # keys of the provider that its assertions look at
_APART = frozenset(("model", "messages", *_OWN))


class Export(NamedTuple):
    """A configuration, and sentences on what is not in it."""

    config: dict[str, Any]
    left_out: tuple[str, ...]


def export(name: str, document: Document, suite: Suite | None, judge: str | None = None) -> Export:
    """Return the configuration of a prompt and its suite.

    Args:
        name: the prompt.
        document: its content.
        suite: its cases; None if it has none.
        judge: the model that judges, with its publisher; None: promptfoo's own.

    Raises:
        Invalid: with what of the prompt promptfoo cannot say.
    """
    left_out: list[str] = []
    prompt = json.dumps(_messages(document, left_out), indent=2, ensure_ascii=False)
    tests = [_test(case, document, left_out) for case in (suite.cases if suite else ())]
    defaults = promptfoo_values.defaults(document)
    grader = {"provider": provider_id(judge, left_out)} if judge else {}
    config = {
        "description": document.description or document.title,
        "prompts": [{"label": name, "raw": prompt}],
        "providers": [_provider(name, document, left_out)],
        "defaultTest": {"vars": defaults, "options": {"disableVarExpansion": True, **grader}},
        "tests": [test for test in tests if test],
    }
    return Export({key: value for key, value in config.items() if value}, tuple(left_out))


def _messages(document: Document, left_out: list[str]) -> list[Json]:
    found: list[Json] = []
    for message in document.messages:
        if isinstance(message, MessagesPlaceholder):
            if not message.optional:
                raise Invalid(
                    f"the placeholder {message.name} is required, and promptfoo has no place for messages"
                )
            left_out.append(f"the placeholder {message.name}, as promptfoo has no place for messages")
        else:
            found.append({"role": message.role, "content": _content(message.content, document)})
    return found


def _content(content: Any, document: Document) -> Any:
    """Return a text, or parts with texts, in promptfoo's language."""
    if isinstance(content, str):
        return nunjucks(_parsed(content, document))
    if isinstance(content, dict):
        return {key: _content(inner, document) for key, inner in content.items()}
    return [_content(inner, document) for inner in content] if isinstance(content, list | tuple) else content


def _parsed(text: str, document: Document) -> template.Template:
    if document.language != mustache.LANGUAGE:
        found = template.parse(text)
        if flat := next((name for name in found.names if "." in name), None):
            raise Invalid(f"the variable {flat} has a point in its name, where promptfoo looks into a value")
        return found
    plain = mustache.parse(text).plain
    if plain is None:
        raise Invalid("it has sections or partials of Mustache, which promptfoo does not know")
    return plain


def _provider(name: str, document: Document, left_out: list[str]) -> Json:
    """Return the model with all that the request says beside its messages."""
    request = cast("Json", make_openai_request(make_rendered(name, document, [])))
    rest = {key: value for key, value in request.items() if key not in _APART}
    config: Json = {"omitDefaults": True}
    config |= {key: request[key] for key in _OWN if key in request}
    config |= {"passthrough": rest} if rest else {}
    return {"id": provider_id(document.model, left_out), "config": config}


def provider_id(model: str, left_out: list[str]) -> str:
    """Return what promptfoo calls a model."""
    if not model:
        raise Invalid("it names no model, which promptfoo has to ask; add `model:`")
    publisher, slash, short = model.partition("/")
    if not slash:
        publisher, short = "", model
    if publisher not in _PROVIDERS:
        left_out.append(
            f"where {model} is asked: promptfoo takes OPENAI_BASE_URL, or apiBaseUrl in its config"
        )
    return f"{_PROVIDERS.get(publisher, 'openai:chat:')}{short}"


def _test(case: Case, document: Document, left_out: list[str]) -> Json | None:
    """Return a case as a test; None if it has a value that promptfoo would change."""
    if changed := promptfoo_values.changed(case, document):
        left_out.append(f"the case {case.id}: {changed}")
        return None
    checks = [
        _check for check in case.checks if (_check := promptfoo_checks.assertion(check, case, left_out))
    ]
    about: Json = {"id": case.id} | ({"tags": list(case.tags)} if case.tags else {})
    about |= {"source": case.source} if case.source else {}
    test: Json = {"description": case.id, "vars": promptfoo_values.values(case, document)}
    test["assert"] = list(filter(None, checks))
    test |= {"threshold": case.threshold} if case.threshold is not None else {}
    return {key: value for key, value in (test | {"metadata": about}).items() if value not in ({}, [])}
