"""A synthetic image and its nearest training image, large, with their difference."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from busapp.engine.study.workspace import Workspace
from busapp.engine.synthesis.nearest import Neighbours
from busapp.gui.images.pair_pictures import PairKey, PairLoader
from busapp.gui.images.pair_view import Facts, PairView
from busapp.gui.theme import SPACE

_AHEAD = 2
"""Number of pictures to load in advance."""


class NearestViewer(QDialog):
    """Keys: Left and Right move, + − and 0 zoom, D shows the difference, both in turn or neither, Esc or Space closes.

    Signals:
        walked: the `Neighbours` shown now.
    """

    walked = Signal(object)

    def __init__(
        self,
        study: Workspace,
        classes: Sequence[str],
        pairs: Sequence[Neighbours],
        shown: Neighbours,
        parent: QWidget | None = None,
    ) -> None:
        """`shown` is one of the `pairs`. All of these have a nearest image."""
        super().__init__(parent)
        self._classes, self._pairs = classes, list(pairs)
        self._at = self._pairs.index(shown)
        self._loader = PairLoader(self)
        self._loader.open_study(study)
        self._loader.loaded.connect(lambda _key: self._show_pictures())
        self.heading = QLabel()
        self.heading.setProperty("role", "heading")
        self.view = PairView()
        self.view.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # a focused button would take the arrow keys
        self.previous_button = self._button("← Previous", lambda: self.walk(-1))
        self.next_button = self._button("Next →", lambda: self.walk(1))
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(self.heading, 1)
        row.addWidget(self._button("Difference, blink or neither (D)", self.view.next_mode))
        for button in (self.previous_button, self.next_button, self._button("Close (Esc)", self.reject)):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        column.addLayout(row)
        column.addWidget(self.view, 1)
        if parent is not None:
            self.resize(parent.window().size() * 0.9)
        self.view.setFocus()
        self._show()

    def _button(self, text: str, on_clicked: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: on_clicked())
        return button

    @property
    def pair(self) -> Neighbours:
        """The two images that are shown."""
        return self._pairs[self._at]

    def walk(self, steps: int) -> None:
        """Move forward or back; stop at the ends."""
        at = max(0, min(len(self._pairs) - 1, self._at + steps))
        if at != self._at:
            self._at = at
            self._show()
            self.walked.emit(self.pair)

    def done(self, result: int) -> None:
        self._loader.stop()
        super().done(result)

    def _show(self) -> None:
        pair = self.pair
        assert pair.nearest is not None
        likeness, _nearest, *rest = pair.lines()
        self.setWindowTitle(f"Synthetic image {pair.number} and its nearest training image")
        self.heading.setText(". ".join([f"Pair {self._at + 1:,} of {len(self._pairs):,}: {likeness.lower()}", *rest]))
        self.view.show_facts(
            Facts(pair.drawn, self._classes, [], ["drawn by this run"]),
            Facts(pair.nearest, self._classes, [], ["trained on", *(["nearest mirrored"] if pair.mirrored else [])]),
        )
        self.previous_button.setEnabled(self._at > 0)
        self.next_button.setEnabled(self._at < len(self._pairs) - 1)
        self._loader.want([_key(ahead) for ahead in self._pairs[self._at : self._at + 1 + _AHEAD]])
        self._show_pictures()

    def _show_pictures(self) -> None:
        self.view.show_pictures(self._loader.get(_key(self.pair)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        far = len(self._pairs)
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Home: -far,
            Qt.Key.Key_End: far,
        }
        if event.key() in steps:
            self.walk(steps[Qt.Key(event.key())])
        elif event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus, Qt.Key.Key_0):
            self.view.zoom_by_key(event)
        elif event.key() == Qt.Key.Key_D:
            self.view.next_mode()
        elif event.key() == Qt.Key.Key_Space:
            self.reject()
        else:
            super().keyPressEvent(event)


def _key(pair: Neighbours) -> PairKey:
    assert pair.nearest is not None
    return PairKey(pair.drawn, pair.nearest, "mirrored" if pair.mirrored else "")
