"""Cells of numbers as every table writes them: counts, and measures with their 95 % intervals."""

from collections.abc import Sequence

from busapp.engine.utils.words import low_to_high
from busapp.gui.widgets.numbers_table import Cell


def count_cell(count: int, tip: str = "") -> Cell:
    """`1,204`."""
    return Cell(f"{count:,}", count, tip=tip)


def measure_cell(
    value: float | None,
    interval: Sequence[float] | None,
    *,
    in_per_cent: bool = True,
    leaks: bool = False,
    in_two_lines: bool = False,
    tip: str = "",
) -> Cell:
    """`90.0 (81.0 to 96.0)`, or `0.925 (0.810 to 0.960)` if not `in_per_cent`; the unit belongs in the heading.

    `value` and `interval` are fractions in [0, 1]; a dash stands for None. `leaks` marks the number with a triangle.
    `in_two_lines` puts the interval under the value, without brackets.
    """
    if value is None:
        return Cell("–", tip=tip)
    scale, decimals = (100, 1) if in_per_cent else (1, 3)
    words = f"{'⚠ ' if leaks else ''}{scale * value:.{decimals}f}"
    if not interval:
        return Cell(words, scale * value, tip=tip, warns=leaks)
    bounds = low_to_high(interval, scale, decimals)
    words += f"\n{bounds}" if in_two_lines else f" ({bounds})"
    return Cell(words, scale * value, scale * interval[0], scale * interval[1], tip, warns=leaks)
