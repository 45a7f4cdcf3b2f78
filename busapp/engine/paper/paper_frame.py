"""Shared parts of the paper's figures: file names, numbers, title and footer. Only jobs import this."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from busapp.engine.utils.figures import ORANGE
from busapp.engine.utils.tables import csv_bytes

Cell = str | int | float | None
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Drawing:
    """A figure and its numbers: `head` names the columns of `rows`."""

    name: str
    """The file name without suffix."""
    draw: Callable[[], Figure]
    head: tuple[str, ...]
    rows: Sequence[Row]

    def as_csv(self) -> bytes:
        """The numbers as CSV in the user's style; None becomes an empty cell."""
        return csv_bytes([self.head, *self.rows])


def framed(figure: Figure, title: str, lines: list[tuple[str, str]], phantoms: bool) -> None:
    """Add the title and a footer: `lines`, each with its colour, and for phantoms a note that they are no patients."""
    figure.suptitle(title, fontsize=11, weight="bold", x=0.01, ha="left", parse_math=False)
    width, height = figure.get_size_inches()
    if phantoms:
        lines = [*lines, ("Simulated phantoms: these numbers say nothing about patients.", ORANGE)]
    wrapped = [(part, colour) for words, colour in lines for part in textwrap.wrap(words, round(18.5 * width))]
    for number, (words, colour) in enumerate(reversed(wrapped)):
        figure.text(0.01, (0.06 + 0.15 * number) / height, words, fontsize=7.5, color=colour, parse_math=False)
    below = (0.12 + 0.15 * len(wrapped)) / height
    figure.set_layout_engine("constrained", rect=(0, below, 1, 1 - below))
