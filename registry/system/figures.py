"""Write figures of calls as people read them: short, and a dash for what is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptstage.model import Json

UNKNOWN = "-"
SECOND = 1000  # milliseconds
THOUSAND = 1000
BLOCKS = " ▏▎▍▌▋▊▉█"
BAR = 12  # characters
CENTS = 1.0  # dollars; smaller sums have more digits


def milliseconds(value: float | None) -> str:
    """Write a latency: ``812 ms``, ``4.1 s``."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f} ms" if value < SECOND else f"{value / SECOND:.1f} s"


def count(value: int | None) -> str:
    """Write a count: ``812``, ``1.2k``, ``3.4M``."""
    if value is None:
        return UNKNOWN
    for unit in ("", "k", "M", "G"):
        if value < THOUSAND * 10 or unit == "G":
            break
        value //= THOUSAND
    return f"{value}{unit}"


def dollars(value: float | None) -> str:
    """Write an amount of money: ``$0.0012``, ``$12.34``."""
    if value is None:
        return UNKNOWN
    return f"${value:.2f}" if value >= CENTS or not value else f"${value:.4g}"


def share(part: int, whole: int) -> str:
    """Write a share in percent: ``2.1 %``."""
    return f"{100 * part / whole:.1f} %" if whole else UNKNOWN


def bar(value: int, most: int) -> str:
    """Draw a value as a bar, the greatest at full length."""
    eighths = round(8 * BAR * value / most) if most else 0
    return "█" * (eighths // 8) + BLOCKS[eighths % 8].strip()


def feedback(said: Json) -> str:
    """Write what people said: ``40 up, 12 down``."""
    counted = sorted(((n, kind) for kind, n in said.items() if isinstance(n, int)), reverse=True)
    return ", ".join(f"{n} {kind}" for n, kind in counted) or UNKNOWN
