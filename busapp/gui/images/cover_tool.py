"""The panel to cover text and marks that are burned into a picture."""

from collections.abc import Callable
from typing import Final

from PIL import Image
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QRadioButton, QVBoxLayout, QWidget

from busapp.engine.catalog import ImageRecord
from busapp.engine.curation.covering import cover_image, covered, suggest
from busapp.engine.images.marks import Mark
from busapp.engine.settings import Fill
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.gui.images.cover_boxes import CoverBoxes
from busapp.gui.images.image_canvas import ARROWS, ImageCanvas, move_by_arrow, to_qimage
from busapp.gui.theme import SPACE
from busapp.gui.widgets.background import Background

KEPT: Final = "The imported picture stays in the study. Exports use the covered one."
_KEYS: Final = (
    "Drag to draw an area. Click an area to switch it on or off. Tab chooses the next area. Arrow keys move it (Ctrl: "
    "10 pixels at once), Shift and arrow keys resize it, T switches it on or off, Del removes it, N draws a new one. "
    "The middle button moves the picture, the wheel zooms."
)
_NEW_SIDE: Final = 120
"""Width of an area that is drawn with the key N, in screen pixels."""


class CoverTool(QWidget):
    """Works on one image at a time, from `begin` until it emits `covered` or `left`.

    Signals:
        covered: the catalog now has a covered content for the image.
        left: the user cancelled.
    """

    covered = Signal()
    left = Signal()

    def __init__(self, canvas: ImageCanvas, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._work: tuple[Workspace, ImageRecord, Image.Image] | None = None
        self._layer: CoverBoxes | None = None
        self._is_looking = self._has_found = False
        self.is_storing = False
        """True while the covered image is being stored. Nothing else can be done meanwhile."""
        self._looking, self._previewing, self._storing = Background(self), Background(self), Background(self)
        self._looking.made.connect(self._suggest)
        self._previewing.made.connect(self._show_preview)
        self._storing.made.connect(self._on_stored)
        for background in (self._looking, self._previewing, self._storing):
            background.failed.connect(self._on_problem)
        self._make_widgets()
        self._lay_out()

    def _make_widgets(self) -> None:
        self.status = _words("")
        self.problem = _words("", "error")
        self.black_button = QRadioButton("Black")
        self.black_button.setToolTip("Anybody can see that something was covered")
        self.black_button.setChecked(True)
        self.surroundings_button = QRadioButton("From the surroundings")
        self.surroundings_button.setToolTip("For callipers in tissue: new pixels are made up from those around them")
        self.surroundings_button.toggled.connect(self._on_choice)
        self.made_up = _words("These pixels are made up. Do not measure or judge anything there.", "warning")
        self.preview_box = QCheckBox("Preview (Space)")
        self.preview_box.toggled.connect(self._on_choice)
        self.cover_button = self._button("Cover (Enter)", self.cover)
        self.cancel_button = self._button("Cancel (Esc)", self.leave)

    def _button(self, text: str, on_clicked: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.clicked.connect(lambda: on_clicked())
        return button

    def _lay_out(self) -> None:
        upper: tuple[QWidget, ...] = (
            _words("Cover burned-in text and marks", "heading"),
            self.status,
            _words("Fill"),
            self.black_button,
            self.surroundings_button,
            self.made_up,
            self.preview_box,
            self.problem,
        )
        keys, kept = _words(_KEYS, "muted"), _words(KEPT, "muted")
        lower: tuple[QWidget, ...] = (keys, kept, self.cover_button, self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, SPACE, 0, SPACE)
        column.setSpacing(SPACE)
        for widget in upper:
            column.addWidget(widget)
        column.addStretch()
        for widget in lower:
            column.addWidget(widget)
        self.setFixedWidth(260)

    # -- begin and end -------------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        return self._layer is not None

    @property
    def layer(self) -> CoverBoxes:
        """The layer with the areas. It exists only while the tool is active."""
        assert self._layer is not None
        return self._layer

    def begin(self, workspace: Workspace, image: ImageRecord, picture: Image.Image) -> None:
        """Look for text and marks in an image. `picture` is its current content."""
        self._work = workspace, image, picture
        self._layer = CoverBoxes(*picture.size)
        self._layer.changed.connect(self._on_areas)
        self._canvas.scene().addItem(self._layer)
        self._canvas.setAccessibleName("Image with the areas to cover")
        self._is_looking, self._has_found = True, False
        self.preview_box.setChecked(False)
        self.black_button.setChecked(True)
        self._on_choice()
        self._looking.ask(lambda: suggest(picture))
        self._canvas.setFocus()

    def leave(self) -> None:
        """Close the tool without covering anything."""
        if self.is_active and not self.is_storing:
            self._end()
            self.left.emit()

    def _end(self) -> None:
        for background in (self._looking, self._previewing):
            background.stop()
        self._canvas.scene().removeItem(self.layer)
        self.layer.deleteLater()
        self._layer = self._work = None
        self._canvas.setAccessibleName("Image")

    def _suggest(self, marks: list[Mark]) -> None:
        self._is_looking, self._has_found = False, bool(marks)
        # Text may name a patient. Callipers mark the lesion, and users often want to keep them.
        self.layer.suggest((mark.box, mark.kind == "text") for mark in marks)

    # -- covering ------------------------------------------------------------------------------------------

    @property
    def fill(self) -> Fill:
        return "surroundings" if self.surroundings_button.isChecked() else "black"

    def cover(self) -> None:
        """Cover the areas that are on, and store the result."""
        if self._work is None or not self.cover_button.isEnabled():
            return
        workspace, image, _ = self._work
        boxes, fill = self.layer.boxes(), self.fill
        self._set_storing(True)
        self._storing.ask(lambda: cover_image(workspace, image, boxes, fill))

    def _set_storing(self, is_storing: bool) -> None:
        self.is_storing = is_storing
        self.setEnabled(not is_storing)
        self.layer.setEnabled(not is_storing)
        if is_storing:
            self.status.setText("Covering…")

    def _on_stored(self) -> None:
        self._set_storing(False)
        self._end()
        self.covered.emit()

    def _on_areas(self) -> None:
        self.preview_box.setChecked(False)
        self._refresh()

    def _on_choice(self) -> None:
        if self._work is None:
            return
        boxes, fill, picture = self.layer.boxes(), self.fill, self._work[2]
        is_previewed = self.preview_box.isChecked()
        self.made_up.setVisible(fill == "surroundings")
        self.layer.setVisible(not is_previewed)
        self._canvas.show_picture(to_qimage(picture), "Preview…" if is_previewed else "")
        self._previewing.ask((lambda: to_qimage(covered(picture, boxes, fill))) if is_previewed else None)
        self._refresh()

    def _refresh(self) -> None:
        self.problem.hide()
        on = len(self.layer.boxes())
        self.cover_button.setEnabled(on > 0)
        self.status.setText(self._status(on, len(self.layer.areas)))
        self._canvas.setAccessibleDescription(self._chosen_in_words())

    def _status(self, on: int, areas: int) -> str:
        if not areas:
            if self._is_looking:
                return "Looking for text and callipers…"
            found = "" if self._has_found else "No text or callipers were found. "
            return f"{found}Look for yourself, and draw the areas to cover."
        suggested = "" if on == areas else " Click an area to switch it on."
        return f"{on:,} of {many(areas, 'area')} will be covered.{suggested}"

    def _chosen_in_words(self) -> str:
        chosen = self.layer.chosen
        if chosen is None:
            return _KEYS
        left, top, right, bottom = chosen.box
        state = "will be covered" if chosen.is_on else "will not be covered"
        number = self.layer.areas.index(chosen) + 1
        return f"Area {number}, {right - left} by {bottom - top} pixels at {left}, {top}, {state}"

    def _show_preview(self, picture: QImage) -> None:
        self._canvas.show_picture(picture, "Preview")

    def _on_problem(self, sentence: str) -> None:
        self._is_looking = False
        self._set_storing(False)
        self.preview_box.setChecked(False)
        self._refresh()
        self.problem.setText(sentence)
        self.problem.show()

    # -- keys ----------------------------------------------------------------------------------------------

    def on_canvas_key(self, event: QKeyEvent) -> bool:
        """Handle a key press over the picture. True if the key did something.

        Tab after the last area, and Shift+Tab before the first one, move the focus to the panel."""
        if self.is_storing:
            return True
        key, layer = Qt.Key(event.key()), self.layer
        if key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            return layer.walk(1 if key == Qt.Key.Key_Tab else -1)
        if key in ARROWS and layer.chosen is not None:
            move_by_arrow(event, layer)
        elif key == Qt.Key.Key_Space:
            self.preview_box.toggle()
        elif key == Qt.Key.Key_T:
            layer.switch()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            layer.remove()
        elif key == Qt.Key.Key_N:
            centre = self._canvas.mapToScene(self._canvas.viewport().rect().center())
            layer.add_at(centre, max(8, round(_NEW_SIDE / self._canvas.transform().m11())))
        else:
            return self.on_key(event)
        return True

    def on_key(self, event: QKeyEvent) -> bool:
        """Handle a key press anywhere in the window. True if the key did something."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.cover()
        elif event.key() == Qt.Key.Key_Escape:
            self.leave()
        else:
            return False
        return True


def _words(text: str, role: str = "") -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setProperty("role", role)
    return label
