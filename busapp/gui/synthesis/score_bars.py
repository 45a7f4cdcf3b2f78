"""Scores of synthetic images as small bars, each above the same score between real images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from busapp.engine.gan.scores import SCORES_IN_WORDS
from busapp.engine.utils.words import with_spread
from busapp.gui.theme import TEST, TRAIN, colours, theme

_GAP: Final = 8
_SIDES: Final = (("synthetic against real", "", TEST), ("real against real", "_floor", TRAIN))
"""Label of a bar, suffix of its key in the result, and colour."""


@dataclass(frozen=True, slots=True)
class _Score:
    title: str
    meaning: str
    values: list[float]
    words: list[str]
    """One for each of `_SIDES`."""


class ScoreBars(QWidget):
    """The known scores of a synthesis run; hidden if there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scores: list[_Score] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)
        self.hide()

    def show_scores(self, result: Mapping[str, Any]) -> None:
        """Show the scores in a result of `synthesize`; older results have fewer."""
        self._scores = [_score(name, result) for name in SCORES_IN_WORDS if _is_known(name, result)]
        self.setAccessibleName(
            ". ".join(f"{each.title}: {each.words[0]}; real against real {each.words[1]}" for each in self._scores)
        )
        self.setVisible(bool(self._scores))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        line = self.fontMetrics().height()
        return QSize(240, len(_SIDES) * line + len(self._scores) * self._height())

    def _height(self) -> int:
        """Pixels of the two bars of a score."""
        return len(_SIDES) * self.fontMetrics().height() + _GAP

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        line = self.fontMetrics().height()
        for row, (name, _, colour) in enumerate(_SIDES):
            self._paint_bar(painter, QRectF(0, row * line, line, line), QColor(colour))
            painter.setPen(QColor(colours().muted))
            painter.drawText(QRectF(line + _GAP, row * line, self.width(), line), Qt.AlignmentFlag.AlignLeft, name)
        for row, score in enumerate(self._scores):
            self._paint_score(painter, score, len(_SIDES) * line + row * self._height() + _GAP)

    def _paint_score(self, painter: QPainter, score: _Score, top: int) -> None:
        metrics, line = self.fontMetrics(), self.fontMetrics().height()
        titles = max(metrics.horizontalAdvance(each.title) for each in self._scores) + _GAP
        numbers = max(metrics.horizontalAdvance(words) for each in self._scores for words in each.words) + _GAP
        painter.setPen(QColor(colours().text))
        painter.drawText(QRectF(0, top, titles, line), Qt.AlignmentFlag.AlignLeft, score.title)
        unit = (self.width() - titles - numbers) / (max(score.values) or 1.0)
        for row, ((_, _, colour), value, words) in enumerate(zip(_SIDES, score.values, score.words, strict=True)):
            room = QRectF(titles, top + row * line, max(1.0, value * unit), line)
            self._paint_bar(painter, room, QColor(colour))
            painter.setPen(QColor(colours().text))
            room = QRectF(0, room.top(), self.width(), line)
            painter.drawText(room, Qt.AlignmentFlag.AlignRight, words)

    @staticmethod
    def _paint_bar(painter: QPainter, room: QRectF, colour: QColor) -> None:
        painter.fillRect(room.adjusted(0, 4, 0, -3), colour)

    def event(self, event: Any) -> bool:
        """Show the meaning of the score under the mouse as a tooltip."""
        if isinstance(event, QHelpEvent):
            row = (event.pos().y() - len(_SIDES) * self.fontMetrics().height()) // self._height()
            if 0 <= row < len(self._scores):
                QToolTip.showText(event.globalPos(), f"<p>{self._scores[row].meaning}</p>", self)
            return True
        return super().event(event)


def _is_known(name: str, result: Mapping[str, Any]) -> bool:
    return result.get(name) is not None and result.get(f"{name}_floor") is not None


def _score(name: str, result: Mapping[str, Any]) -> _Score:
    described = SCORES_IN_WORDS[name]
    keys = [name + suffix for _, suffix, _ in _SIDES]
    words = [with_spread(result[key], result.get(f"{key}_spread"), described.decimals) for key in keys]
    return _Score(described.title, described.meaning, [float(result[key]) for key in keys], words)
