"""Find keys and tokens that do not belong in a prompt, by their well-known shapes. Pure.

Only unmistakable shapes are used: a fixed beginning, then a run of a length and an alphabet that prose does
not have. The secret itself is never repeated, neither here nor by a caller.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# Its kind, possible beginnings, and rest; of two that begin alike the more specific one is first.
_SHAPES = (
    ("an API key of Anthropic", ("sk-ant-",), r"[\w-]{24,}"),
    ("an API key of OpenRouter", ("sk-or-v1-",), r"[0-9a-f]{32,}"),
    ("an API key of OpenAI", ("sk-",), r"(?:(?:proj|svcacct|admin)-[\w-]{32,}|[A-Za-z0-9]{32,})"),
    ("an API key of Google", ("AIza",), r"[\w-]{35}"),
    ("an API key of Groq", ("gsk_",), r"[A-Za-z0-9]{40,}"),
    ("an API key of xAI", ("xai-",), r"[A-Za-z0-9]{60,}"),
    ("an API key of Perplexity", ("pplx-",), r"[A-Za-z0-9]{40,}"),
    ("an API key of Stripe", ("sk_live_", "sk_test_", "rk_live_", "rk_test_"), r"[A-Za-z0-9]{16,}"),
    ("an API key of SendGrid", ("SG.",), r"[\w-]{22}\.[\w-]{43}"),
    ("an access key of AWS", ("AKIA", "ASIA"), r"[A-Z0-9]{16}"),
    ("a token of GitHub", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"[A-Za-z0-9]{36,}"),
    ("a token of GitHub", ("github_pat_",), r"[A-Za-z0-9_]{40,}"),
    ("a token of GitLab", ("glpat-",), r"[\w-]{20,}"),
    ("a token of Hugging Face", ("hf_",), r"[A-Za-z0-9]{34,}"),
    ("a token of npm", ("npm_",), r"[A-Za-z0-9]{36}"),
    ("a token of PyPI", ("pypi-AgEIcHlwaS5vcmc",), r"[\w-]{32,}"),
    ("a token of Slack", ("xox",), r"[abeoprs]-[A-Za-z0-9-]{20,}"),
    ("a token of Slack", ("xapp-",), r"\d-[A-Z0-9]{8,}-\d+-[0-9a-f]{32,}"),
    ("a webhook of Slack", ("https://hooks.slack.com/services/",), r"T\w{6,}/B\w{6,}/\w{16,}"),
    ("a token of a Promptstage registry", ("ps_",), r"[\w-]{32,}"),
    ("a signed token (JWT)", ("eyJ",), r"[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{20,}"),
    ("a private key", ("-----BEGIN ",), r"(?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
)
_KINDS = tuple(kind for kind, _, _ in _SHAPES)
_GROUPS = (f"((?:{'|'.join(map(re.escape, beginnings))}){rest})" for _, beginnings, rest in _SHAPES)
_SECRET = re.compile(rf"(?<![\w-])(?:{'|'.join(_GROUPS)})", re.ASCII)
_BEGINNINGS = tuple(beginning.encode() for _, beginnings, _ in _SHAPES for beginning in beginnings)
_PLACEHOLDER = re.compile(r"[xX*.0_-]{12}")  # sk-xxxxxxxxxxxxxxxx: documentation shows where a key goes


class Secret(NamedTuple):
    """Where a secret begins, counted from 1, and its kind."""

    line: int
    column: int
    kind: str


def find(content: bytes) -> Iterator[Secret]:
    """Find secrets anywhere in a file, also in its comments: git keeps those as well."""
    if not any(
        beginning in content for beginning in _BEGINNINGS
    ):  # takes a twentieth of the time of the search
        return
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        for found in _SECRET.finditer(line):
            if found.lastindex and not _PLACEHOLDER.search(found.group()):
                yield Secret(number, found.start() + 1, _KINDS[found.lastindex - 1])
