"""Keys and tokens that have no business in a prompt, by their well-known shapes. Pure.

Only shapes that say by themselves what they are: a fixed beginning, then a run of a length and an
alphabet that prose does not have. What is found is never repeated, neither here nor by a caller.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHAPES = {
    "an API key of Anthropic": r"sk-ant-[\w-]{24,}",
    "an API key of OpenRouter": r"sk-or-v1-[0-9a-f]{32,}",
    "an API key of OpenAI": r"sk-(?:(?:proj|svcacct|admin)-[\w-]{32,}|[A-Za-z0-9]{32,})",
    "an API key of Google": r"AIza[\w-]{35}",
    "an API key of Groq": r"gsk_[A-Za-z0-9]{40,}",
    "an API key of xAI": r"xai-[A-Za-z0-9]{60,}",
    "an API key of Perplexity": r"pplx-[A-Za-z0-9]{40,}",
    "an API key of Stripe": r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "an API key of SendGrid": r"SG\.[\w-]{22}\.[\w-]{43}",
    "an access key of AWS": r"A(?:KIA|SIA)[A-Z0-9]{16}",
    "a token of GitHub": r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}",
    "a token of GitLab": r"glpat-[\w-]{20,}",
    "a token of Hugging Face": r"hf_[A-Za-z0-9]{34,}",
    "a token of npm": r"npm_[A-Za-z0-9]{36}",
    "a token of PyPI": r"pypi-AgEIcHlwaS5vcmc[\w-]{32,}",
    "a token of Slack": r"xox[abeoprs]-[A-Za-z0-9-]{20,}|xapp-\d-[A-Z0-9]{8,}-\d+-[0-9a-f]{32,}",
    "a webhook of Slack": r"https://hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{16,}",
    "a token of a Promptstage registry": r"ps_[\w-]{32,}",
    "a signed token (JWT)": r"eyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{20,}",
    "a private key": r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----",
}
_KINDS = tuple(_SHAPES)
_SECRET = re.compile(rf"(?<![\w-])(?:{'|'.join(f'({shape})' for shape in _SHAPES.values())})", re.ASCII)
_PLACEHOLDER = re.compile(r"[xX*.0_-]{12}")  # sk-xxxxxxxxxxxxxxxx: a reader is shown where a key goes


class Secret(NamedTuple):
    """Where a secret begins, counted from 1, and what kind of one it is."""

    line: int
    column: int
    kind: str


def find(content: bytes) -> Iterator[Secret]:
    """Look for secrets in all of a file, its comments included: git keeps those as well."""
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        for found in _SECRET.finditer(line):
            if found.lastindex and not _PLACEHOLDER.search(found.group()):
                yield Secret(number, found.start() + 1, _KINDS[found.lastindex - 1])
