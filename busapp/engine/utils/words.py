"""Numbers in words, for people."""

from collections.abc import Sequence
from typing import Final

RESEARCH_USE: Final = "Research use only. Not a medical device."


def many(count: int, thing: str) -> str:
    """`1 image`, `1,204 images`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def images_in_groups(n_images: int, n_groups: int) -> str:
    """`1,204 images in 1,100 groups`."""
    return f"{many(n_images, 'image')} in {many(n_groups, 'group')}"


def low_to_high(interval: Sequence[float], scale: float = 100, decimals: int = 1) -> str:
    """`84.6 to 89.4` from (0.846, 0.894)."""
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
        return "–"
    rounded = round(value, decimals) + 0.0  # without the sign of a zero
    return f"{rounded:.{decimals}f}" + (f" ± {spread:.{decimals}f}" if spread is not None else "")
