"""Tables of the papers as figures. Only jobs import this."""

import textwrap
from collections.abc import Sequence
from typing import Final

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from busapp.engine.paper.paper_frame import Line
from busapp.engine.utils.figures import ORANGE

_COLUMN: Final = 0.86
_ROW: Final = 0.42
_TOP: Final = 0.8
"""Width of a column of numbers, height of a row, and height above the first row, in inches."""
_LETTERS: Final = 13
"""Letters of a title in an inch."""
_NEXT: Final = 0.15
"""Height of each further line of a title, in inches."""


def draw_table(
    title: str, columns: Sequence[str], lines: Sequence[Line], notes: Sequence[str], first: float = 2.6
) -> Figure:
    """A table: the rows of a paper shaded, what leaks in orange, notes below.

    `columns` are the headings of the cells, of one or two lines each. `first` is the width of the column with the
    titles, in inches.
    """
    width = first + _COLUMN * len(columns)
    wrapped = [part for note in notes for part in textwrap.wrap(note, round(19 * width))]
    bottom = 0.2 + 0.16 * len(wrapped)
    titles = [textwrap.wrap(line.title, round(_LETTERS * first)) or [""] for line in lines]
    heights = [_ROW + _NEXT * (len(title) - 1) for title in titles]
    height = _TOP + sum(heights) + bottom
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    axes.text(0.1, 0.2, title, fontsize=11, weight="bold", parse_math=False)
    for place, name in enumerate(columns):
        axes.text(first + _COLUMN * (place + 0.5), _TOP - 0.12, name, fontsize=7.5, ha="center", parse_math=False)
    axes.plot([0.1, width - 0.1], [_TOP, _TOP], color="0.3", linewidth=0.8)
    for number, line in enumerate(lines):
        top = _TOP + sum(heights[:number])
        y = top + heights[number] / 2
        if line.is_paper:
            axes.add_patch(Rectangle((0.1, top), width - 0.2, heights[number], color="0.93", linewidth=0))
        for place, part in enumerate(titles[number]):
            at = top + _ROW / 2 - 0.07 + _NEXT * place
            axes.text(0.15, at, part, fontsize=8.5, weight="bold", va="center", parse_math=False)
        colour, below_title = ORANGE if line.leaks else "0.35", top + heights[number] - _ROW / 2 + 0.1
        axes.text(0.15, below_title, line.detail, fontsize=6.2, va="center", color=colour, parse_math=False)
        for place, (value, below) in enumerate(line.cells):
            x = first + _COLUMN * (place + 0.5)
            axes.text(x, y - (0.07 if below else 0), value, fontsize=8.5, ha="center", va="center")
            axes.text(x, y + 0.1, below, fontsize=6.2, ha="center", va="center", color="0.35")
    axes.plot([0.1, width - 0.1], [height - bottom + 0.04] * 2, color="0.3", linewidth=0.8)
    for number, note in enumerate(wrapped):
        axes.text(0.15, height - bottom + 0.2 + 0.16 * number, note, fontsize=6.8, color="0.25", parse_math=False)
    return figure
