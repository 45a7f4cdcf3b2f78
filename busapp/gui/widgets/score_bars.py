"""Scores of drawn images as small bars, each above the same score of real images among themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from busapp.engine.gan.scores import SCORES_IN_WORDS
from busapp.engine.words import with_spread
from busapp.gui.theme import colours, theme
from busapp.gui.widgets.fold_curves import TEST, TRAIN

_BAR: Final = 8
_GAP: Final = 10
_SIDES: Final = (("synthetic against real", "", TEST), ("real against real", "_floor", TRAIN))
"""What a bar is called, what the result calls it behind the score's name, and its colour."""


@dataclass(frozen=True, slots=True)
class _Score:
    title: str
    meaning: str
    values: list[float]
    words: list[str]
    """One for each of `_SIDES`."""


class ScoreBars(QWidget):
    """The scores of a synthesis run that are known; hidden where none is."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scores: list[_Score] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)
        self.hide()

    def show_scores(self, result: Mapping[str, Any]) -> None:
        """Those of a result of `synthesize`; older ones have fewer."""
        self._scores = [_score(name, result) for name in SCORES_IN_WORDS if _is_known(name, result)]
        self.setAccessibleName(
            ". ".join(f"{each.title}: {each.words[0]}; real against real {each.words[1]}" for each in self._scores)
        )
        self.setVisible(bool(self._scores))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, len(self._scores) * self._height())

    def _height(self) -> int:
        """Of one score."""
        return 3 * self.fontMetrics().height() + 2 * (_BAR + 2) + _GAP

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        for row, score in enumerate(self._scores):
            self._paint(painter, score, row * self._height())

    def _paint(self, painter: QPainter, score: _Score, top: int) -> None:
        line = self.fontMetrics().height()
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(colours().text))
        painter.drawText(QRectF(0, top, self.width(), line), Qt.AlignmentFlag.AlignLeft, score.title)
        font.setBold(False)
        painter.setFont(font)
        top += line
        unit = (self.width() - 1) / (max(score.values) or 1.0)
        for (name, _, colour), value, words in zip(_SIDES, score.values, score.words, strict=True):
            room = QRectF(0, top, self.width(), line)
            painter.setPen(QColor(colours().muted))
            painter.drawText(room, Qt.AlignmentFlag.AlignLeft, name)
            painter.setPen(QColor(colours().text))
            painter.drawText(room, Qt.AlignmentFlag.AlignRight, words)
            painter.fillRect(QRectF(0, top + line, max(1.0, value * unit), _BAR), QColor(colour))
            top += line + _BAR + 2

    def event(self, event: Any) -> bool:
        """What a score means, where the mouse rests on it."""
        if isinstance(event, QHelpEvent):
            row = event.pos().y() // self._height()
            if row < len(self._scores):
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
