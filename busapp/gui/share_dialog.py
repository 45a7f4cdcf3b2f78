"""The dialog before images are exported: the format, which images, where to, and how many and how large they are."""

from pathlib import Path
from typing import Final, Literal

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from busapp.engine.settings import ShareSettings
from busapp.engine.sharing import Choice, bytes_per_pixel, choose_images, target_of
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import safe_name
from busapp.engine.utils.words import counts_in_words, many, megabytes
from busapp.errors import BadInput
from busapp.gui.theme import SPACE
from busapp.gui.user_settings import last_folder, remember_folder
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.panels import resize_within_screen
from busapp.gui.widgets.warning_frame import words_label

Format = Literal["folders", "coco", "zip"]

_FORMATS: Final[dict[Format, tuple[str, str]]] = {
    "folders": (
        "Folders",
        "One folder for each class, lesion masks beside their images, and a table. You can import it again as it is.",
    ),
    "coco": (
        "COCO",
        "Images, masks and one file of annotations, for programs that learn to find or outline lesions.",
    ),
    "zip": ("ZIP", "The same folders in one file, to give to a colleague."),
}


class _Card(QFrame):
    """One format: its name and one sentence. A click anywhere on it chooses it."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.button = QRadioButton(name)
        self.button.setAccessibleDescription(sentence)
        says = words_label("muted")
        says.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        says.setText(sentence)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        column.addWidget(self.button)
        column.addWidget(says, 1, Qt.AlignmentFlag.AlignTop)
        self.button.toggled.connect(self._show_choice)

    def _show_choice(self, chosen: bool) -> None:
        self.setProperty("level", "info" if chosen else None)
        self.style().unpolish(self)
        self.style().polish(self)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.button.setFocus()
        self.button.click()


class _TextWarning(QFrame):
    """Shows how many images may have burned-in text, or were not checked for it. Hidden if there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("level", "warning")
        self.label = words_label()
        self.button = QPushButton("Show them")
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE, SPACE // 2, SPACE, SPACE // 2)
        row.setSpacing(SPACE)
        row.addWidget(self.label, 1)
        row.addWidget(self.button)

    def show_choice(self, choice: Choice) -> None:
        sentences = []
        if choice.with_text:
            sentences.append(
                f"{many(choice.with_text, 'image')} may have burned-in text, which could name a patient. Check, and "
                "cover the text before you pass the export on."
            )
        if choice.unchecked:
            sentences.append(
                f"{many(choice.unchecked, 'image')} {'was' if choice.unchecked == 1 else 'were'} not checked for text "
                "yet: check the images first."
            )
        self.label.setText(" ".join(sentences))
        self.button.setVisible(bool(choice.with_text))
        self.setVisible(bool(sentences))


class ShareDialog(QDialog):
    """Asks for the settings of an export. `settings()` returns them once the dialog is accepted.

    Signals:
        text_requested: the user wants to see the images with burned-in text; the dialog closes without an export.
    """

    text_requested = Signal()

    def __init__(self, workspace: Workspace, parent: QWidget | None = None, *, run: str | None = None) -> None:
        """`run`: a synthesis run, if only its images are to be exported."""
        super().__init__(parent)
        self.setWindowTitle("Export images" if run is None else "Export the images of a run")
        self._workspace, self._run = workspace, run
        self._images = workspace.catalog.images()
        self._flags = workspace.catalog.flags()
        self._bytes_per_pixel: float | None = None

        self.formats: dict[Format, QRadioButton] = {}
        self._group = QButtonGroup(self)
        cards = QHBoxLayout()
        cards.setSpacing(SPACE)
        for name, (title, sentence) in _FORMATS.items():
            card = _Card(title, sentence)
            self.formats[name] = card.button
            self._group.addButton(card.button)
            cards.addWidget(card, 1)
        self.formats[ShareSettings.model_fields["format"].default].setChecked(True)
        drawn = sum(image.kind == "synthetic" for image in self._images)
        aside = sum(image.excluded is not None for image in self._images)
        self.synthetic_box = _switch("synthetic", drawn if run is None else 0)
        self.set_aside_box = _switch("set_aside", aside)
        self.new_names_box = _switch("new_names", None)
        self.out_box = QLineEdit(str(self._free_place(last_folder())))
        self.out_box.setAccessibleName("Where to")
        self.browse_button = QPushButton("Choose…")
        self.browse_button.clicked.connect(self._choose)
        where = QHBoxLayout()
        where.addWidget(QLabel("Where to"))
        where.addWidget(self.out_box, 1)
        where.addWidget(self.browse_button)
        self.problem = words_label("error")
        self.summary = words_label()
        self.left_out = words_label("muted")
        self.names_hint = words_label("warning")
        self.text_warning = _TextWarning()
        self.text_warning.button.clicked.connect(self._show_text)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.export_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        column.addLayout(cards)
        for box in (self.synthetic_box, self.set_aside_box, self.new_names_box):
            column.addWidget(box)
            box.toggled.connect(self._look)
        column.addWidget(self.names_hint)
        column.addLayout(where)
        column.addWidget(self.problem)
        column.addSpacing(SPACE)
        column.addWidget(self.summary)
        column.addWidget(self.left_out)
        column.addWidget(self.text_warning)
        column.addStretch(1)
        column.addWidget(self.buttons)
        resize_within_screen(self, 720, 400)
        self._group.buttonToggled.connect(self._on_format)
        self.out_box.textChanged.connect(self._look)
        self._look()
        self._weighing = Background(self)
        self._weighing.made.connect(self._on_weighed)
        self._weighing.ask_long(lambda handle: bytes_per_pixel(workspace, self._images, handle.is_stopped))

    def settings(self) -> ShareSettings:
        """Return the settings that the user chose."""
        return ShareSettings(
            out=Path(self.out_box.text().strip()),
            format=next(name for name, button in self.formats.items() if button.isChecked()),
            synthetic=self.synthetic_box.isChecked(),
            set_aside=self.set_aside_box.isChecked(),
            new_names=self.new_names_box.isChecked(),
            run=self._run,
        )

    def accept(self) -> None:
        """Close and remember the place, unless something has been put there meanwhile."""
        self._look()
        if self.export_button.isEnabled():
            remember_folder(self.settings().out.parent)
            super().accept()

    def done(self, result: int) -> None:
        """Close, once the size of the current image is known."""
        self.hide()
        self._weighing.stop()
        super().done(result)

    # -- inside --------------------------------------------------------------------------------------------

    def _free_place(self, folder: Path) -> Path:
        """Return a path in the folder that is free, both as a folder and as a ZIP file."""
        name = f"{safe_name(self._workspace.name)} images"
        place, number = folder / name, 1
        while place.exists() or place.with_name(f"{place.name}.zip").exists():
            number += 1
            place = folder / f"{name} {number}"
        return place

    def _on_format(self) -> None:
        out, is_zip = self.out_box.text(), self.formats["zip"].isChecked()
        bare = out[:-4] if out.lower().endswith(".zip") else out
        self.out_box.setText(f"{bare}.zip" if is_zip and bare else bare)
        self._look()

    def _choose(self) -> None:
        place = Path(self.out_box.text())
        if self.formats["zip"].isChecked():
            name, _ = QFileDialog.getSaveFileName(self, "Export into a ZIP file", str(place), "ZIP (*.zip)")
            if name:
                self.out_box.setText(name if name.lower().endswith(".zip") else f"{name}.zip")
            return
        name = QFileDialog.getExistingDirectory(self, "Export into a folder", str(place.parent))
        if name:
            self.out_box.setText(name)
            if self._problem(self.settings()):  # the folder is not empty, so a new one is offered inside it
                self.out_box.setText(str(self._free_place(Path(name))))

    def _on_weighed(self, bytes_per_pixel: float) -> None:
        self._bytes_per_pixel = bytes_per_pixel
        self._look()

    def _look(self) -> None:
        settings = self.settings()
        choice = choose_images(self._images, self._flags, settings)
        self.summary.setText(self._in_words(choice))
        left = {"set aside": choice.left_set_aside, "synthetic": choice.left_synthetic}
        self.left_out.setText(f"Left out: {', '.join(f'{n:,} {why}' for why, n in left.items() if n)}.")
        self.left_out.setVisible(any(left.values()))
        self.names_hint.setText("Files keep the names that they were imported with. Could one name a patient?")
        self.names_hint.setVisible(bool(choice.with_patient) and not settings.new_names)
        self.text_warning.show_choice(choice)
        self.problem.setText(self._problem(settings))
        self.problem.setVisible(bool(self.problem.text()))
        self.export_button.setText(f"Export {many(len(choice.images), 'image')}" if choice.images else "Export")
        self.export_button.setEnabled(bool(choice.images) and not self.problem.text())

    def _in_words(self, choice: Choice) -> str:
        if not choice.images:
            return "There is nothing to export."
        counts: dict[str, int] = {}
        for image in choice.images:
            counts[image.class_name] = counts.get(image.class_name, 0) + 1
        size = ""
        if self._bytes_per_pixel:
            pixels = sum(image.width * image.height for image in choice.images)
            size = f", about {megabytes(self._bytes_per_pixel * pixels)}"
        images = many(len(choice.images), "image")
        return (
            f"{images}{size}: {counts_in_words(dict(sorted(counts.items())))}. No tag of the original files is in them."
        )

    def _problem(self, settings: ShareSettings) -> str:
        if not self.out_box.text().strip():
            return "Where should the images go?"
        try:
            target_of(self._workspace, settings)
        except BadInput as error:
            return f"{error.what}. {error.remedy}"
        return ""

    def _show_text(self) -> None:
        self.reject()
        self.text_requested.emit()


def _switch(field: str, count: int | None) -> QCheckBox:
    """Return the checkbox of a setting, with the number of images that it affects; hidden if that is 0."""
    described = ShareSettings.model_fields[field]
    box = QCheckBox(f"{described.title} ({count:,})" if count is not None else described.title or field)
    box.setToolTip(f"<p>{described.description}</p>")
    box.setAccessibleDescription(described.description or "")
    box.setChecked(described.default)
    if count == 0:
        box.hide()
    return box
