"""The Diagnosis tab: one image with its class and heat map, or many images in a table."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, cast

from PySide6.QtCore import QBuffer, QCoreApplication, QIODevice, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QGuiApplication, QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from busapp import paths
from busapp.engine.contract.diagnosis import DiagnosedImage
from busapp.engine.diagnosis.job import unreadable
from busapp.engine.events import Event, Finished, ImageDiagnosed, RunStarted, Skipped
from busapp.engine.images.preprocessing import IMAGE_SUFFIXES
from busapp.engine.imports.names import DICOM_SUFFIXES, is_dicomdir
from busapp.engine.models.library import SUFFIX, name_of
from busapp.engine.models.model import Model
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of, write_atomically
from busapp.engine.utils.png import bare_png
from busapp.errors import UserError
from busapp.gui.diagnosis.batch_table import BatchTable
from busapp.gui.diagnosis.models_dialog import ModelsDialog, model_files
from busapp.gui.diagnosis.report_dialog import Preview, ReportChoice, ReportDialog
from busapp.gui.diagnosis.reports import preview_of, preview_of_file, stem_of_report, writes_pages
from busapp.gui.diagnosis.single_diagnosis import Pasted, SingleDiagnosis
from busapp.gui.runs.study_tab import StudyTab
from busapp.gui.theme import SPACE
from busapp.gui.user_settings import last_folder, remember_folder
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.empty_state import EmptyState
from busapp.gui.widgets.flow_row import FlowRow

NO_MODEL: Final = (
    "No model yet. Cross-validate a system in the Validation tab (Ctrl+3), then choose “Use for diagnosis” there."
)
NO_IMAGE: Final = (
    "Drop an image here (PNG, JPEG, BMP, TIFF, WebP, PGM, DICOM), or a folder of images. Ctrl+V pastes one."
)
_SUFFIXES: Final = " ".join(f"*{suffix}" for suffix in sorted(IMAGE_SUFFIXES | DICOM_SUFFIXES))
# DICOM files often have no suffix at all.
_FILTERS: Final = f"Images ({_SUFFIXES});;All files (*)"


class DiagnosisTab(StudyTab):
    """A drop area at first; then an image with its heat map and answer, or the table of many images."""

    job_kinds = ("diagnose", "export")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self._fills_table = False
        self._used_model: Path | None = None

        self.empty = EmptyState(NO_IMAGE, "Open images…", "Open a folder…")
        self.empty.setObjectName("drop-area")
        self.empty.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.empty.setStyleSheet("#drop-area { border: 2px dashed palette(mid); border-radius: 8px; }")
        self.empty.clicked.connect(self._ask_for_images)
        self.empty.second_clicked.connect(self._ask_for_folder)
        self.single = SingleDiagnosis()
        self.view, self.result = self.single.view, self.single.result
        self.single.answered.connect(lambda _answered: self._show_page(self.single))
        self.single.problem.connect(self.problem)
        self.result.report_clicked.connect(self._report_of_image)
        self.result.model_details_requested.connect(lambda: self.open_models())
        self.batch = BatchTable()
        self.batch.opened.connect(self.diagnose)
        self.batch.labels_chosen.connect(self._measure)
        self.batch.report_clicked.connect(self._report_of_batch)
        self.batch.problem.connect(lambda sentence: self.problem.emit(sentence, ""))
        self.pages = QStackedWidget()
        for page in (self.empty, self.single, self.batch):
            self.pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE, SPACE, SPACE, SPACE)
        layout.addLayout(self._make_toolbar())
        layout.addWidget(self.pages, 1)

        paste = QShortcut(QKeySequence(QKeySequence.StandardKey.Paste), self)
        paste.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        paste.activated.connect(self.paste)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.shut_down)
        self._show_page(self.empty)

    def _make_toolbar(self) -> FlowRow:
        self.model_box = QComboBox()
        self.model_box.setAccessibleName("Model")
        self.model_box.setMinimumWidth(220)
        self.model_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.model_box.activated.connect(self._ask_again)
        self.model_box.activated.connect(self._try_model)
        self._trial = Background(self)
        self._trial.failed.connect(lambda sentence: self.problem.emit(sentence, ""))
        label = QLabel("&Model")
        label.setBuddy(self.model_box)
        self.models_button = QPushButton("Mo&dels…")
        self.models_button.setToolTip("Show all models; import, export or retire one")
        self.models_button.clicked.connect(lambda: self.open_models())
        self.open_button = QPushButton("&Open images…")
        self.open_button.clicked.connect(self._ask_for_images)
        self.folder_button = QPushButton("Open a &folder…")
        self.folder_button.clicked.connect(self._ask_for_folder)
        self.paste_button = QPushButton("&Paste")
        self.paste_button.setToolTip("Diagnose the image on the clipboard (Ctrl+V)")
        self.paste_button.clicked.connect(self.paste)
        self.image_button = QPushButton("&Image")
        self.image_button.clicked.connect(lambda: self._show_page(self.single))
        self.table_button = QPushButton("&Table")
        self.table_button.clicked.connect(lambda: self._show_page(self.batch))
        row = FlowRow()
        row.addWidget(label)
        row.addWidget(self.model_box)
        for button in (self.models_button, self.open_button, self.folder_button, self.paste_button):
            row.addWidget(button)
        row.add_gap()
        row.addWidget(self.image_button)
        row.addWidget(self.table_button)
        return row

    def _show_page(self, page: QWidget) -> None:
        self.pages.setCurrentWidget(page)
        self.image_button.setVisible(self.single.shown is not None and page is not self.single)
        self.table_button.setVisible(self.batch.total > 0 and page is not self.batch)
        if page is self.single:
            self.view.view.setFocus()

    # -- the study and its models --------------------------------------------------------------------------

    def open_study(self, workspace: Workspace) -> None:
        self.single.open_study(workspace)
        self._used_model = None
        self.batch.clear()
        self.model_box.clear()
        super().open_study(workspace)
        self._show_page(self.empty)
        for run in workspace.runs("diagnose"):
            if not writes_pages(run):
                self.open_run(run.id)
            if self.batch.total:
                break  # a run that failed before its first image is passed over for an older one
        self._show_page(self.empty)

    def open_run(self, run_id: str) -> None:
        assert self.workspace is not None
        try:
            run = self.workspace.run(run_id)
        except UserError as error:
            self.problem.emit(str(error), "")
            return
        if run.info.kind == "export":
            exported = run.result() or {}
            if "model" in exported:  # an exported generator has none
                self.open_model(Path(exported["model"]))
            return
        for event in run.events():
            self._fill_table(event)

    def refresh(self) -> None:
        assert self.workspace is not None
        chosen = self.model_path
        names = {run.id: run.info.name for run in self.workspace.runs("validate")}
        self.model_box.clear()
        for path in self.workspace.models():
            self.model_box.addItem(f"{names.get(path.stem, path.stem)} (this study)", path)
        for path in sorted(paths.models_dir().glob("*.onnx")):
            self.model_box.addItem(f"{path.stem} (ships with busapp)", path)
        self._select_model(chosen)
        self._name_used_model()
        has_model = self.model_box.count() > 0
        self.empty.set_sentence(NO_IMAGE if has_model else NO_MODEL)
        for widget in (
            self.model_box,
            self.open_button,
            self.folder_button,
            self.paste_button,
            self.empty.button,
            self.empty.second_button,
        ):
            widget.setEnabled(has_model)
        for button in (self.empty.button, self.empty.second_button):
            button.setVisible(has_model)

    @property
    def model_path(self) -> Path | None:
        """The file of the chosen model; None if there is no model."""
        path = self.model_box.currentData()
        return path if isinstance(path, Path) else None

    def open_model(self, path: Path) -> None:
        """Choose a model, and diagnose the shown image with it."""
        self.refresh()
        self._select_model(path)
        self._ask_again()

    def _try_model(self) -> None:
        """Open the chosen model, so that a broken one is reported before an image is opened."""
        path = self.model_path
        if path is not None:
            self._trial.ask(lambda: Model.load(path))

    def open_models(self, offered: Sequence[Path] = ()) -> None:
        """Show all models. `offered` are files that the user may want to import."""
        if self.workspace is None:
            return
        dialog = ModelsDialog(self.workspace, self, chosen=self.model_path, offered=offered)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.used.connect(self.open_model)
        dialog.changed.connect(self.refresh)
        dialog.changed.connect(self.study_changed)
        dialog.open()

    def _select_model(self, path: Path | None) -> None:
        for index in range(self.model_box.count()):
            if self.model_box.itemData(index) == path:
                self.model_box.setCurrentIndex(index)

    # -- input ---------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        data = event.mimeData()
        if model_files(data) or (self.model_path is not None and (data.hasUrls() or data.hasImage())):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        data = event.mimeData()
        dropped = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        if dropped:
            self.open_files(dropped)
        elif data.hasImage():
            self._diagnose_picture(QImage(data.imageData()))
        event.acceptProposedAction()

    def paste(self) -> None:
        """Diagnose the image or the files on the clipboard."""
        data = QGuiApplication.clipboard().mimeData()
        copied = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        if copied:
            self.open_files(copied)
        elif data.hasImage():
            self._diagnose_picture(QGuiApplication.clipboard().image())
        else:
            self.problem.emit("There is no image on the clipboard. Copy an image first.", "")

    def open_files(self, files: Sequence[Path]) -> None:
        """Diagnose one image at once; start a job for several images, a folder or a disc. Offer model files for
        import."""
        models = [file for file in files if file.suffix.lower() == SUFFIX]
        if models:
            self.open_models(models)
        elif len(files) == 1 and not files[0].is_dir() and not is_dicomdir(files[0].name):
            self.diagnose(files[0])
        elif self.model_path is not None:
            self.start_requested.emit(DiagnoseSettings(images=tuple(files), model=self.model_path))

    def _ask_for_images(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Open images", str(last_folder()), _FILTERS)
        if names:
            remember_folder(Path(names[0]).parent)
            self.open_files([Path(name) for name in names])

    def _ask_for_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Open a folder of images", str(last_folder()))
        if name:
            remember_folder(Path(name))
            self.open_files([Path(name)])

    def _diagnose_picture(self, picture: QImage) -> None:
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        picture.save(buffer, "PNG")  # type: ignore[call-overload]
        self._ask(Pasted(bytes(buffer.data().data())))

    # -- one image -----------------------------------------------------------------------------------------

    def diagnose(self, source: Path) -> None:
        """Diagnose one image file in a thread."""
        self._ask(source)

    def _ask_again(self) -> None:
        if self.model_path is not None:
            self.single.ask_again(self.model_path)

    def _ask(self, source: Path | Pasted) -> None:
        if self.model_path is None:
            self.problem.emit(NO_MODEL, "")
        else:
            self.single.ask(self.model_path, source)

    def shut_down(self) -> None:
        """Wait for the image that is being diagnosed, which takes less than a second."""
        self.single.shut_down()
        self._trial.stop()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.shut_down()
        super().closeEvent(event)

    # -- many images, and reports --------------------------------------------------------------------------

    def job_event(self, kind: str, event: Event) -> None:
        if kind == "diagnose":
            self._fill_table(event)

    def _name_used_model(self) -> None:
        if self.workspace is not None and self._used_model is not None:
            self.batch.show_model(name_of(self.workspace, self._used_model))

    def _fill_table(self, event: Event) -> None:
        assert self.workspace is not None
        if isinstance(event, RunStarted):
            run = self.workspace.run(event.run)
            self._fills_table = not writes_pages(run)
            if self._fills_table:
                self.batch.clear()
                used = run.info.settings["model"] or (run.result() or {}).get("model")
                self._used_model = Path(used) if used else None
                self._name_used_model()
                self._show_page(self.batch)
        elif self._fills_table and isinstance(event, ImageDiagnosed):
            self.batch.add(cast(DiagnosedImage, event.diagnosis))
        elif self._fills_table and isinstance(event, Skipped):
            self.batch.add(unreadable(event.file, event.reason, event.reason))
        elif self._fills_table and isinstance(event, Finished):
            self.batch.show_external(event.result.get("external"))

    def _measure(self, labels: Path) -> None:
        """Diagnose the images of the table again, with labels."""
        images = tuple(Path(entry["file"]) for entry in self.batch.all_entries())
        self.start_requested.emit(DiagnoseSettings(images=images, model=self.model_path, labels=labels))

    def _report_of_image(self) -> None:
        shown = self.single.shown
        if shown is None or self.workspace is None:
            return
        source = shown.request.source
        if isinstance(source, Path) and shown.is_the_file:
            self._ask_for_report([source], shown.request.model, partial(preview_of, shown))
            return
        content = bare_png(shown.image)
        kept = self.workspace.root / "cache" / f"{stem_of_report(shown)}-{sha256_of(content)[:12]}.png"
        try:
            write_atomically(kept, content)
        except (UserError, OSError) as error:
            self.problem.emit(f"The image could not be saved for the report. {error}", "")
            return
        self._ask_for_report([kept], shown.request.model, partial(preview_of, shown))

    def _report_of_batch(self) -> None:
        images = [Path(entry["file"]) for entry in self.batch.entries() if entry["probabilities"]]
        model = self._used_model or self.model_path  # the report must agree with the table
        if images and model is not None:
            self._ask_for_report(images, model, partial(preview_of_file, model, images[0]))

    def _ask_for_report(self, images: Sequence[Path], model: Path, preview: Preview) -> None:
        """Show the first page; write all pages after the user has chosen the files."""
        dialog = ReportDialog(len(images), preview, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._write_report(images, model, dialog.choice()))
        dialog.open()

    def _write_report(self, images: Sequence[Path], model: Path, choice: ReportChoice | None) -> None:
        if choice is not None:
            self.start_requested.emit(
                DiagnoseSettings(
                    images=tuple(images),
                    model=model,
                    reader=choice.reader,
                    patient=choice.patient,
                    pdf=choice.pdf,
                    dicom=choice.dicom,
                )
            )
