"""Numbers as reports write them. A dash stands where there is no number."""

from collections.abc import Sequence

from busapp.engine.utils.words import signed

NONE = "–"


def per_cent(fraction: float | None, decimals: int = 1) -> str:
    """`80.7 %`"""
    return NONE if fraction is None else f"{100 * fraction:.{decimals}f} %"


def between(interval: Sequence[float] | None, decimals: int = 1) -> str:
    """`77.0 to 83.8`, in per cent."""
    return NONE if interval is None else " to ".join(f"{100 * end:.{decimals}f}" for end in interval)


def per_cent_within(fraction: float | None, interval: Sequence[float] | None) -> str:
    """`80.7 %`, and beneath it `77.0 to 83.8`."""
    return per_cent(fraction) + (f"\n{between(interval)}" if fraction is not None and interval else "")


def number(value: float | None, decimals: int = 3) -> str:
    """`0.912`"""
    return NONE if value is None else f"{value:.{decimals}f}"


def number_within(value: float | None, interval: Sequence[float] | None, decimals: int = 3) -> str:
    """`0.912`, and beneath it `0.890 to 0.931`."""
    within = " to ".join(number(end, decimals) for end in interval) if interval else ""
    return number(value, decimals) + (f"\n{within}" if value is not None and within else "")


def points(fraction: float | None, interval: Sequence[float] | None = None) -> str:
    """`+3.2`, and beneath it `−1.0 to +7.4`, in percentage points."""
    if fraction is None:
        return NONE
    within = " to ".join(signed(100 * end) for end in interval) if interval else ""
    return signed(100 * fraction) + (f"\n{within}" if within else "")


def p_value(value: float | None) -> str:
    """`0.031`, `< 0.001`"""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
