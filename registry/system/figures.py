"""Write figures of calls as people read them: short, and a dash for what is not known."""

from __future__ import annotations

from decimal import Decimal
from math import floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptstage.model import Json

UNKNOWN = "-"
SECOND = 1000  # milliseconds
EXACT = 10_000  # counts below it are written in full
UNITS = "kMG"
ALL = 1000  # tenths of a percent
THOUSAND, MILLION = 1000, 1_000_000
BLOCKS = " ▏▎▍▌▋▊▉█"
BAR = 12  # characters


def milliseconds(value: float | None) -> str:
    """Write a latency: ``812 ms``, ``4.1 s``."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f} ms" if round(value) < SECOND else f"{value / SECOND:.1f} s"


def count(value: int | None) -> str:
    """Write a count: ``8125``, or three digits of a greater one: ``12.3k``, ``3.40M``."""
    if value is None:
        return UNKNOWN
    if value < EXACT:
        return str(value)
    digits, power = f"{value:.2e}".split("e")
    unit = min(int(power) // 3, len(UNITS))
    above = int(power) - 3 * unit
    return f"{float(digits) * 10**above:.{max(0, 2 - above)}f}{UNITS[unit - 1]}"


def counted(number: int, what: str) -> str:
    """Write how many there are of something: ``1 case``, ``2 cases``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def dollars(value: float | None) -> str:
    """Write an amount of money: ``$12.34``, or four digits of less than a dollar: ``$0.00003713``."""
    if value is None:
        return UNKNOWN
    exact = Decimal(f"{value:.4g}")
    decimals = max(2, -int(exact.normalize().as_tuple().exponent)) if exact < 1 else 2
    return f"${value:.{decimals}f}"


def cost_of_call(row: Json) -> float | None:
    """Return what a call of a row of usage costs on average, of those whose cost is known, as alerts do."""
    priced = row["calls"] - row["unpriced"]
    return row["cost_usd"] / priced if priced > 0 and row["cost_usd"] is not None else None


def share(part: int, whole: int) -> str:
    """Write a share in percent: ``2.1 %``. A few are never ``0.0 %``, and all but a few never ``100.0 %``."""
    if not whole:
        return UNKNOWN
    tenths = round(1000 * part / whole)
    if part and not tenths:
        return "< 0.1 %"
    return "> 99.9 %" if part < whole and tenths == ALL else f"{tenths / 10:.1f} %"


def metric(name: str, value: float | None) -> str:
    """Write the value of an alert's metric, so that one just above a limit does not look like the limit."""
    if value is None:
        return UNKNOWN
    if name == "cost_per_call":
        return dollars(value)
    return f"{value:.0f} ms" if name.endswith("_ms") else f"{100 * value:.3g}%"


def evidence(e: float) -> str:
    """Write an E-value: ``0.31``, ``1,500``; beyond a million it says no more."""
    if round(e) < THOUSAND:
        return f"{e:.3g}"
    return f"{e:,.0f}" if e < MILLION else "over a million"


def spent(share: float) -> str:
    """Write how much of a budget is spent: ``99%`` until all of it is."""
    return f"{floor(round(100 * share, 6))}%"


def bar(value: int, most: int) -> str:
    """Draw a value as a bar, the greatest at full length."""
    eighths = round(8 * BAR * value / most) if most else 0
    return "█" * (eighths // 8) + BLOCKS[eighths % 8].strip()


def feedback(said: Json) -> str:
    """Write what people said: ``40 up, 12 down``."""
    counted = sorted(((n, kind) for kind, n in said.items() if isinstance(n, int)), reverse=True)
    return ", ".join(f"{n} {kind}" for n, kind in counted) or UNKNOWN
