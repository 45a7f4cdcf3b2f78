"""Positions of the cards of a grid, computed on demand, so that a hundred thousand cards cost no more than ten."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from PySide6.QtCore import QPoint, QRect, QSize


class GridLayout:
    """Cards of one size in lines from left to right, in sections. Each section begins with a header.

    A row is the index of a card, counted from 0 over all sections. Positions are in pixels from the top left corner of
    the whole content.
    """

    def __init__(self, counts: Sequence[int], width: int, card: QSize, header: int) -> None:
        """`counts` are the numbers of cards in each section, at least 1. `header` is the height of a header, or 0."""
        self.columns = max(1, width // card.width())
        self.header = header
        self._width = max(width, card.width())
        self._cell = QSize(self._width // self.columns, card.height())
        self._starts = list(accumulate(counts, initial=0))
        lines = [-(-count // self.columns) for count in counts]
        self._first_lines = list(accumulate(lines, initial=0))
        self._tops = list(accumulate((header + n * card.height() for n in lines), initial=0))

    @property
    def count(self) -> int:
        """Number of cards."""
        return self._starts[-1]

    @property
    def height(self) -> int:
        """Height from the top of the first section to the bottom of the last one."""
        return self._tops[-1]

    def rect(self, row: int) -> QRect:
        """The cell of a card."""
        section, line, column = self._position(row)
        top = self._tops[section] + self.header + line * self._cell.height()
        return QRect(QPoint(column * self._cell.width(), top), self._cell)

    def row_at(self, point: QPoint) -> int | None:
        """The card at a point, or None between the cards."""
        found = next(self.rows_in(QRect(point, QSize(1, 1))), None)
        return found.start if found else None

    def rows_in(self, area: QRect) -> Iterator[range]:
        """The cards that a rectangle touches, as runs of consecutive rows from top to bottom."""
        first = max(0, area.left() // self._cell.width())
        last = min(self.columns - 1, area.right() // self._cell.width())
        if first > last:
            return
        for section in self.sections_in(area.top(), area.bottom()):
            start, end = self._starts[section], self._starts[section + 1]
            cards_top = self._tops[section] + self.header
            top = max(0, (area.top() - cards_top) // self._cell.height())
            bottom = min(-(-(end - start) // self.columns) - 1, (area.bottom() - cards_top) // self._cell.height())
            if last - first + 1 == self.columns:
                runs = [range(start + top * self.columns, min(end, start + (bottom + 1) * self.columns))]
            else:
                lines = (start + line * self.columns for line in range(top, bottom + 1))
                runs = [range(row + first, min(end, row + last + 1)) for row in lines]
            yield from (run for run in runs if run)

    def sections_in(self, top: int, bottom: int) -> range:
        """The sections, headers included, between two heights."""
        if bottom < 0 or top >= self.height:
            return range(0)
        return range(self._section_at(top), self._section_at(bottom) + 1)

    def header_rect(self, section: int) -> QRect:
        """The header of a section, as wide as the grid."""
        return QRect(0, self._tops[section], self._width, self.header)

    def section_bottom(self, section: int) -> int:
        """Position of the bottom of a section."""
        return self._tops[section + 1]

    def moved(self, row: int, lines: int) -> int:
        """The card that is `lines` lines below (or above, if negative), in the same column if that line is long enough.

        Movement stops at the first and at the last line.
        """
        section, line, column = self._position(row)
        wanted = max(0, min(self._first_lines[-1] - 1, self._first_lines[section] + line + lines))
        section = bisect_right(self._first_lines, wanted) - 1
        start = self._starts[section] + (wanted - self._first_lines[section]) * self.columns
        return min(start + column, self._starts[section + 1] - 1)

    def _position(self, row: int) -> tuple[int, int, int]:
        """Section, line in the section, column."""
        section = bisect_right(self._starts, row) - 1
        return section, *divmod(row - self._starts[section], self.columns)

    def _section_at(self, height: int) -> int:
        return max(0, min(len(self._tops) - 2, bisect_right(self._tops, height) - 1))
