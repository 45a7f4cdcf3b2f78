"""Numbers in words, for people."""

from collections.abc import Mapping, Sequence
from typing import Final

RESEARCH_USE: Final = "Research use only. Not a medical device."
NONE: Final = "–"
"""Stands where there is no number."""


def many(count: int, thing: str) -> str:
    """`1 image`, `1,204 images`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def images_in_groups(n_images: int, n_groups: int) -> str:
    """`1,204 images in 1,100 groups`."""
    return f"{many(n_images, 'image')} in {many(n_groups, 'group')}"


def low_to_high(interval: Sequence[float] | None, scale: float = 100, decimals: int = 1) -> str:
    """`84.6 to 89.4` from (0.846, 0.894); a dash if there is no interval."""
    if interval is None:
        return NONE
    low, high = interval
    return f"{scale * low:.{decimals}f} to {scale * high:.{decimals}f}"


def from_to(fewest: int, most: int) -> str:
    """`227`, or `0 to 227` if the two differ."""
    return f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"


def signed(points: float) -> str:
    """`+1.2`, `−0.5`, `0.0`."""
    words = f"{abs(points):.1f}"
    if float(words) == 0:
        return words
    return f"{'+' if points > 0 else '−'}{words}"


def with_spread(value: float | None, spread: float | None, decimals: int) -> str:
    """`0.21 ± 0.02`; a dash if there is no number."""
    if value is None:
        return NONE
    rounded = round(value, decimals) + 0.0  # without the sign of a zero
    return f"{rounded:.{decimals}f}" + (f" ± {spread:.{decimals}f}" if spread is not None else "")


def per_cent(fraction: float | None, interval: Sequence[float] | None = None, *, decimals: int = 1) -> str:
    """`87.2 %`, with its interval `87.2 % (84.6 to 89.4)`; a dash if there is no number."""
    if fraction is None:
        return NONE
    brackets = f" ({low_to_high(interval, decimals=decimals)})" if interval else ""
    return f"{100 * fraction:.{decimals}f} %{brackets}"


def counts_in_words(counts: Mapping[str, int]) -> str:
    """`benign 437, malignant 210, normal 133`."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def megabytes(size: float) -> str:
    """`0.4 MB`, `12 MB`, `1,204 MB`, of 1,000,000 bytes each."""
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:,.0f} MB"
