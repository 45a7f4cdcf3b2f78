"""Numbers in words, for people."""

from collections.abc import Mapping, Sequence
from typing import Final

RESEARCH_USE: Final = "Research use only. Not a medical device."
NONE: Final = "–"
"""Stands where there is no number."""


def many(count: int, thing: str) -> str:
    """`1 image`, `1,204 images`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def from_to(fewest: int, most: int) -> str:
    """`227`, or `0 to 227` where the two differ."""
    return f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"


def signed(points: float) -> str:
    """`+1.2`, `−0.5`, `0.0`."""
    words = f"{abs(points):.1f}"
    if float(words) == 0:
        return words
    return f"{'+' if points > 0 else '−'}{words}"


def with_spread(value: float | None, spread: float | None, decimals: int) -> str:
    """`0.21 ± 0.02`; a dash where there is no number."""
    if value is None:
        return NONE
    rounded = round(value, decimals) + 0.0  # without the sign of a zero
    return f"{rounded:.{decimals}f}" + (f" ± {spread:.{decimals}f}" if spread is not None else "")


def per_cent(fraction: float | None, interval: Sequence[float] | None = None, *, decimals: int = 1) -> str:
    """`87.2 %`, with its interval `87.2 % (84.6 to 89.4)`; a dash where there is no number."""
    if fraction is None:
        return NONE
    brackets = f" ({between(interval, decimals)})" if interval else ""
    return f"{100 * fraction:.{decimals}f} %{brackets}"


def between(interval: Sequence[float] | None, decimals: int = 1) -> str:
    """`77.0 to 83.8`, in per cent, for fractions; a dash where there is no interval."""
    return NONE if interval is None else " to ".join(f"{100 * end:.{decimals}f}" for end in interval)


def counts_in_words(counts: Mapping[str, int]) -> str:
    """`benign 437, malignant 210, normal 133`."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def megabytes(size: float) -> str:
    """`0.4 MB`, `12 MB`, `1,204 MB`, of 1,000,000 bytes each."""
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:,.0f} MB"
