"""What a token may be called."""

from __future__ import annotations

import pytest

from registry.access.tokens import MAX_NAME, check_name
from registry.system.text import skeleton


@pytest.mark.parametrize(
    "name",
    [
        "ada",
        "Team (EU) #3",
        "Zo\u00eb",
        "\u091c\u094b\u0936\u0940",
        "\u0e1b\u0e39\u0e48",
        "\u738b\u82b3",
        "\U0001f680",
    ],
)
def test_people_and_services_have_names(name: str) -> None:
    """In any script."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    "mark",
    [
        *"\u00ad\u034f\u061c\u180b\u180e\u200b\u200c\u200d\u200e\u202a\u202e\u2060\u2066\u2069\ufe0f\ufeff",
        *"\U000e0041\U000e0100\u115f\u17b4\u2800\u3164\uffa0\U0001d159",
        *"\n\t\x00\x7f\x85\u2028\u00a0\u3000\ue000\ud800\u20dd",
    ],
)
def test_what_is_not_seen_is_in_no_name(mark: str) -> None:
    """Wherever it stands: two names that look the same would be two actors."""
    for name in (f"ada{mark}", f"a{mark}da", f"{mark}ada"):
        with pytest.raises(ValueError, match="one line of visible text"):
            check_name(name)


@pytest.mark.parametrize(
    "name", ["", " ada", "ada ", "a  b", "x" * (MAX_NAME + 1), "a" + "\u0323\u0301" * 3, "a \u0301"]
)
def test_what_is_no_name(name: str) -> None:
    """Blanks that are not seen, accents that hang loose, and no end."""
    with pytest.raises(ValueError, match="a name"):
        check_name(name)


def test_a_name_has_one_spelling() -> None:
    """An accent is part of its letter, and neither case nor width makes another name."""
    assert check_name("Zoe\u0308") == "Zo\u00eb"
    assert skeleton("\uff2fPS-\u2160") == skeleton("ops-i")
