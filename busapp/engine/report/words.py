"""Numbers in the cells of a report's tables: an interval stands on a second line. A dash stands for no number."""

from collections.abc import Sequence

from busapp.engine.utils.words import NONE, low_to_high, per_cent, signed


def per_cent_cell(fraction: float | None, interval: Sequence[float] | None) -> str:
    """`80.7 %` above `77.0 to 83.8`."""
    return per_cent(fraction) + (f"\n{low_to_high(interval)}" if fraction is not None and interval else "")


def number(value: float | None, decimals: int = 3) -> str:
    """`0.912`"""
    return NONE if value is None else f"{value:.{decimals}f}"


def number_cell(value: float | None, interval: Sequence[float] | None, decimals: int = 3) -> str:
    """`0.912` above `0.890 to 0.931`."""
    ends = " to ".join(number(end, decimals) for end in interval) if interval else ""
    return number(value, decimals) + (f"\n{ends}" if value is not None and ends else "")


def points_cell(fraction: float | None, interval: Sequence[float] | None = None) -> str:
    """`+3.2` above `−1.0 to +7.4`, in percentage points."""
    if fraction is None:
        return NONE
    ends = " to ".join(signed(100 * end) for end in interval) if interval else ""
    return signed(100 * fraction) + (f"\n{ends}" if ends else "")


def p_value(value: float | None) -> str:
    """`0.031`, `< 0.001`"""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
