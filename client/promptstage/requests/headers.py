"""Headers of a request to a model, by which a proxy on the way knows the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIXES = {"helicone": "Helicone-Property-"}


def make_headers(platform: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Write metadata as a platform's headers, without what is empty.

    Characters beyond ASCII are escaped: a header with one would fail the request.

    Raises:
        ValueError: there is no such platform.
    """
    if platform not in PREFIXES:
        raise ValueError(f"no headers are known for {platform!r}; choose one of {', '.join(PREFIXES)}")
    return {
        f"{PREFIXES[platform]}{name.replace('_', '-').title()}": _ascii(value)
        for name, value in metadata.items()
        if value
    }


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
