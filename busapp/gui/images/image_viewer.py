"""The large view of one image, with its facts, its lesion mask, its adaptive equalisation and a tool to cover text and
marks that are burned in. Arrow keys show the next and the previous image."""

from collections.abc import Callable, Sequence

from PIL import Image
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.catalog import ImageRecord
from busapp.engine.images.preprocessing import Preprocessing, read_image
from busapp.engine.study.workspace import Workspace
from busapp.errors import UnreadableImage
from busapp.gui.images import prepared_picture
from busapp.gui.images.cover_tool import KEPT, CoverTool
from busapp.gui.images.image_canvas import ImageCanvas, mask_overlay, to_qimage
from busapp.gui.theme import SPACE
from busapp.gui.widgets.background import Background


class ImageViewer(QDialog):
    """Keys: Left and Right show the previous and the next image, M shows the mask, E equalises, N filters noise, K
    segments, S shows the plain and the prepared image side by side, H covers text and marks, O shows a covered image as
    it was imported, Esc or Space closes.

    Signals:
        walked: the row of the image now shown, among the images given.
        catalog_changed: the image was covered, or the covering was undone. The viewer then calls `facts` again.
    """

    walked = Signal(int)
    catalog_changed = Signal()

    def __init__(
        self,
        workspace: Workspace,
        images: Sequence[ImageRecord],
        row: int,
        facts: Callable[[ImageRecord], list[str]],
        parent: QWidget | None = None,
    ) -> None:
        """`facts` returns the facts about an image, one in each line."""
        super().__init__(parent)
        self._workspace = workspace
        self._images = list(images)
        self._facts = facts
        self.row = row
        self._picture: Image.Image | None = None
        self._plain, self._prepared = QImage(), QImage()
        self._covered_in: int | None = None
        """Revision of the catalog after the last covering in this viewer. None if there was none or it was undone."""
        self._preparer = Background(self)
        self._preparer.made.connect(self._show_prepared)
        self.canvas, self.second_canvas = self._panes()
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.about.setFixedWidth(260)
        self.mask_box = self._box("Lesion mask (M)", self._show_mask)
        self.denoise_box, self.equalise_box, self.segment_box = (
            self._box(words, lambda _: self._on_steps())
            for words in ("Noise filter (N)", "Adaptive equalisation (E)", "Segmentation (K)")
        )
        self._step_boxes = self.denoise_box, self.equalise_box, self.segment_box
        for box in self._step_boxes:
            box.setToolTip("As in a validation with this step, but here at the image's own size")
        self.side_box = self._box("Side by side (S)", self._on_side_by_side)
        self.side_box.setToolTip("Show the plain and the prepared image side by side. Both zoom and move together.")
        self.original_box = self._box("As imported (O)", lambda _: self._show_content())
        self.original_box.setToolTip(f"The picture before anything in it was covered. {KEPT}")
        self.cover_tool = CoverTool(self.canvas)
        self.cover_tool.covered.connect(self._on_covered)
        self.cover_tool.left.connect(self._on_tool_left)
        self.cover_button = self._button("Cover… (H)", self.begin_covering)
        self.cover_button.setToolTip(f"Cover a name, other text or callipers that are burned in. {KEPT}")
        self.undo_button = self._button("Undo covering (Ctrl+Z)", self.undo_covering)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), self, self.undo_covering)
        self.previous_button = self._button("← Previous", lambda: self.walk(-1))
        self.next_button = self._button("Next →", lambda: self.walk(1))
        self._lay_out(self._button("Close (Esc)", self.reject))
        if parent is not None:
            self.resize(parent.window().size() * 0.9)
        self.canvas.setFocus()
        self._show()

    def _panes(self) -> tuple[ImageCanvas, ImageCanvas]:
        first, second = ImageCanvas(), ImageCanvas()

        def follow(canvas: ImageCanvas, other: ImageCanvas) -> None:
            if not second.isHidden():  # a hidden canvas has another size, and would show another part
                other.look_like(canvas)

        first.moved.connect(lambda: follow(first, second))
        second.moved.connect(lambda: follow(second, first))
        for canvas in (first, second):
            canvas.setFrameShape(QFrame.Shape.NoFrame)
            canvas.setMinimumSize(160, 160)
            canvas.installEventFilter(self)
        second.setAccessibleName("Prepared image")
        second.hide()
        return first, second

    def _box(self, text: str, on_toggled: Callable[[bool], None]) -> QCheckBox:
        box = QCheckBox(text)
        box.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # after a click, arrow keys still change the image
        box.toggled.connect(on_toggled)
        return box

    def _button(self, text: str, on_clicked: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: on_clicked())
        return button

    def _lay_out(self, close: QPushButton) -> None:
        hint = QLabel("Turn the wheel to zoom, drag to move, double-click to fit.")
        hint.setProperty("role", "muted")
        hint.setWordWrap(True)
        page = QWidget()
        side = QVBoxLayout(page)
        side.setContentsMargins(0, SPACE, 0, SPACE)
        side.setSpacing(SPACE)
        boxes = self.mask_box, *self._step_boxes, self.side_box, self.original_box
        upper: tuple[QWidget, ...] = (self.about, *boxes, *self.extras(), self.cover_button, self.undo_button)
        lower: tuple[QWidget, ...] = (hint, self.previous_button, self.next_button, close)
        for widget in upper:
            side.addWidget(widget)
        side.addStretch()
        for widget in lower:
            side.addWidget(widget)
        self._side = QStackedWidget()
        self._side.addWidget(page)
        self._side.addWidget(self.cover_tool)
        self._side.setFixedWidth(260)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, SPACE, 0)
        row.setSpacing(2)
        row.addWidget(self.canvas, 1)
        row.addWidget(self.second_canvas, 1)
        row.addSpacing(2 * SPACE)
        row.addWidget(self._side)

    def extras(self) -> Sequence[QWidget]:
        """Widgets that a subclass adds below the boxes."""
        return ()

    @property
    def image(self) -> ImageRecord:
        """The image that is shown."""
        return self._images[self.row]

    def walk(self, steps: int) -> None:
        """Show a later or earlier image, at most the last or the first one."""
        row = max(0, min(len(self._images) - 1, self.row + steps))
        if row != self.row:
            self.row = row
            self._show()
            self.walked.emit(row)

    def done(self, result: int) -> None:
        if self.cover_tool.is_storing:  # the user must see whether it could be stored
            return
        self.cover_tool.leave()
        self._preparer.stop()
        super().done(result)

    # -- what is shown -------------------------------------------------------------------------------------

    def _show(self) -> None:
        image = self.image
        self.setWindowTitle(f"{image.file}, {self.row + 1} of {len(self._images)}")
        for canvas in (self.canvas, self.second_canvas):
            canvas.is_synthetic = image.kind == "synthetic"
        self.original_box.setEnabled(image.original is not None)
        self._show_content()
        self.canvas.fit()
        self.mask_box.setEnabled(image.mask is not None)
        self._show_mask()
        provenance = [f"Drawn by run {image.run}" if image.run else f"From {image.source}"]
        covering = ["Covered; the imported content is kept"] if image.original is not None else []
        known = [*self._facts(image), *covering, *provenance, f"SHA-256 {image.sha256[:16]}…"]
        self.about.setText("\n".join(known))
        self.previous_button.setEnabled(self.row > 0)
        self.next_button.setEnabled(self.row < len(self._images) - 1)
        self.undo_button.setVisible(self._can_undo())

    @property
    def _is_original(self) -> bool:
        """True if a covered image is shown as it was imported."""
        return self.original_box.isChecked() and self.image.original is not None

    def _show_content(self) -> None:
        image, workspace = self.image, self._workspace
        self.canvas.sentence = ""
        try:
            self._picture = read_image(
                workspace.imported_path(image) if self._is_original else workspace.image_path(image)
            )
        except UnreadableImage as error:
            self._picture, self.canvas.sentence = None, f"{error.what}."
        self._plain = to_qimage(self._picture) if self._picture else QImage()
        self._prepare()
        self._show_pictures()
        self.cover_button.setEnabled(self._picture is not None)

    def _show_pictures(self) -> None:
        """Show the plain picture, the prepared one or both. Until it is prepared, the plain picture stands in its
        place, with a caption that says so."""
        steps, both = self._steps.steps, self.side_box.isChecked()
        words = ", ".join(step.short for step in steps)
        if self._prepared.isNull():
            prepared, caption = self._plain, f"Plain, being {words}…"
        else:
            prepared, caption = self._prepared, words[:1].upper() + words[1:]
        plain = "As imported" if self._is_original else "Plain" if both else ""
        if self._is_original:
            caption = f"{caption}, as imported"
        if both or not steps:
            self.canvas.show_picture(self._plain, plain)
        else:
            self.canvas.show_picture(prepared, caption)
        self.second_canvas.show_picture(prepared if both else QImage(), caption)
        for canvas in (self.canvas, self.second_canvas):
            words = f", {canvas.caption}" if canvas.caption else ""
            canvas.setAccessibleDescription(f"{self.image.file}, {self.image.class_name}{words}")

    @property
    def _steps(self) -> Preprocessing:
        """The chosen steps. The size is that of no square: images are prepared at their own."""
        denoised, equalised, segmented = (box.isChecked() for box in self._step_boxes)
        return Preprocessing(0, equalise=equalised, denoise=denoised, segment=segmented)

    def _prepare(self) -> None:
        picture, steps, self._prepared = self._picture, self._steps, QImage()
        if picture is None or not steps.steps:
            self._preparer.ask(None)
        else:
            self._preparer.ask(lambda: prepared_picture.prepared(picture, steps))

    def _show_prepared(self, picture: QImage) -> None:
        self._prepared = picture
        self._show_pictures()

    def _on_steps(self) -> None:
        if not self._steps.steps:
            self.side_box.setChecked(False)
        self._prepare()
        self._show_pictures()

    def _on_side_by_side(self, wanted: bool) -> None:
        if wanted and not self._steps.steps:
            self.equalise_box.setChecked(True)
        self._show_pictures()
        self.second_canvas.look_like(self.canvas)
        self.second_canvas.setVisible(wanted)

    def _show_mask(self, _wanted: bool = False) -> None:
        overlay = self._overlay(self.image)
        for canvas in (self.canvas, self.second_canvas):
            canvas.show_overlay(overlay)

    def _overlay(self, image: ImageRecord) -> QImage:
        if image.mask is None or not self.mask_box.isChecked():
            return QImage()
        try:
            return mask_overlay(read_image(self._workspace.mask_path(image.mask)))
        except UnreadableImage:
            return QImage()

    # -- covering ------------------------------------------------------------------------------------------

    def begin_covering(self) -> None:
        """Open the cover tool on the current content of the image."""
        if not self.cover_button.isEnabled() or self.cover_tool.is_active:
            return
        for box in (self.original_box, self.mask_box, *self._step_boxes):
            box.setChecked(False)
        assert self._picture is not None
        self._side.setCurrentWidget(self.cover_tool)
        self.cover_tool.begin(self._workspace, self.image, self._picture)

    def _on_tool_left(self) -> None:
        self._side.setCurrentIndex(0)
        self.canvas.setFocus()
        self._show_pictures()

    def _on_covered(self) -> None:
        self._covered_in = self._workspace.catalog.revision()
        self._on_tool_left()
        self._read_again()

    def _can_undo(self) -> bool:
        return self._covered_in is not None and self._workspace.catalog.revision() == self._covered_in

    def undo_covering(self) -> None:
        """Undo the last covering in this viewer, unless the dataset has changed since."""
        if self._can_undo() and not self.cover_tool.is_active:
            self._workspace.catalog.undo()
            self._covered_in = None
            self._read_again()

    def _read_again(self) -> None:
        self._images[self.row] = self._workspace.catalog.image(self.image.id) or self.image
        self.catalog_changed.emit()
        self._show()

    # -- keys ----------------------------------------------------------------------------------------------

    def _on_key(self, key: int) -> bool:
        """Handle a key press. True if the key did something."""
        far = len(self._images)
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Home: -far,
            Qt.Key.Key_End: far,
        }
        boxes = {
            Qt.Key.Key_M: self.mask_box,
            Qt.Key.Key_E: self.equalise_box,
            Qt.Key.Key_N: self.denoise_box,
            Qt.Key.Key_K: self.segment_box,
            Qt.Key.Key_S: self.side_box,
            Qt.Key.Key_O: self.original_box,
        }
        if key in steps:
            self.walk(steps[Qt.Key(key)])
        elif key in boxes and boxes[Qt.Key(key)].isEnabled():
            boxes[Qt.Key(key)].toggle()
        elif key == Qt.Key.Key_H:
            self.begin_covering()
        elif key == Qt.Key.Key_Space:
            self.reject()
        else:
            return False
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Handle keys before a canvas does, which would use the arrow keys to move its picture."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        return self.cover_tool.on_canvas_key(event) if self.cover_tool.is_active else self._on_key(event.key())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_done = self.cover_tool.on_key(event) if self.cover_tool.is_active else self._on_key(event.key())
        if not is_done:
            super().keyPressEvent(event)
