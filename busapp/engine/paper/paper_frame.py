"""Shared parts of the papers' figures: file names, numbers, title and footer. Only jobs import this."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.figure import Figure

from busapp.engine.results.measured import Measured
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


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table in words: its title, details, and for each column a number and what stands below it, such as
    its interval (empty if there is none)."""

    title: str
    detail: str
    is_paper: bool
    leaks: bool
    cells: tuple[tuple[str, str], ...]


DESCRIPTION: Final = ("run", "system", "protocol", "leaks")
"""The columns of `described`."""


def described(one: Measured) -> Row:
    """A run in the first columns of a figure's numbers."""
    return one.run.id, one.system, " ".join(one.variant), "; ".join(one.leaks)


def file_names(measured: Sequence[Measured]) -> list[str]:
    """`system1-strict`, followed by the run's id if two runs would have the same name."""
    stems = ["-".join((one.system, *one.variant)).replace(" ", "-") for one in measured]
    return [
        stem if stems.count(stem) == 1 else f"{stem}-{one.run.id}" for stem, one in zip(stems, measured, strict=True)
    ]


def leaks_of(measured: Iterable[Measured], *, with_network: bool = False) -> list[tuple[str, str]]:
    """A line for `framed` for each run: its leaks in words, and the colour of these words. `with_network`: runs of the
    default network name it too."""
    return [
        (f"{title}: ⚠ leaks: {'; '.join(one.leaks)}", ORANGE) if one.leaks else (f"{title}: leaks nothing", "0.35")
        for one in measured
        for title in (one.title_with_network if with_network else one.title,)
    ]


def framed(figure: Figure, title: str, lines: list[tuple[str, str]], phantoms: bool) -> None:
    """Add the title and a footer: `lines`, each with its colour, and for phantoms a note that they are no patients."""
    width, height = figure.get_size_inches()
    title = "\n".join(textwrap.wrap(title, round(10.5 * width)))
    figure.suptitle(title, fontsize=11, weight="bold", x=0.01, ha="left", parse_math=False)
    if phantoms:
        lines = [*lines, ("Simulated phantoms: these numbers say nothing about patients.", ORANGE)]
    wrapped = [(part, colour) for words, colour in lines for part in textwrap.wrap(words, round(17.8 * width))]
    for number, (words, colour) in enumerate(reversed(wrapped)):
        figure.text(0.01, (0.06 + 0.15 * number) / height, words, fontsize=7.5, color=colour, parse_math=False)
    below = (0.12 + 0.15 * len(wrapped)) / height
    figure.set_layout_engine("constrained", rect=(0, below, 1, 1 - below))
