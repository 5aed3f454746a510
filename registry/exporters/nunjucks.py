"""Write a parsed text in Nunjucks, the template language of promptfoo. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.errors import Invalid

if TYPE_CHECKING:
    from promptstage.template import Template

_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_READ = re.compile(r"\{[{%#]|[%#}]\}|\{\Z")  # what Nunjucks would read, or join with a tag that follows
_RAW = re.compile(r"\{%\s*(?:end)?raw\s*%\}")


def nunjucks(text: Template) -> str:
    """Return a text that renders in Nunjucks as it does here. Raises Invalid for what cannot."""
    parts = [_literal(text.literals[0])]
    for name, literal in zip(text.names, text.literals[1:], strict=True):
        if not _NAME.fullmatch(name):
            raise Invalid(f"the variable {name} is an expression to promptfoo; rename it")
        parts += (f"{{{{{name}}}}}", _literal(literal))
    return "".join(parts)


def _literal(text: str) -> str:
    if not _READ.search(text):
        return text
    if found := _RAW.search(text):
        raise Invalid(f"a text holds {found[0]}, which promptfoo reads even as text")
    return f"{{% raw %}}{text}{{% endraw %}}"
