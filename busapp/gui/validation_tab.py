"""The Validation tab: cross-validate a system, watch it learn, read what it is worth."""

from pathlib import Path
from typing import cast

from pydantic import ValidationError
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from busapp.engine.estimates import estimate, lacking
from busapp.engine.events import EpochEnded, Event, Finished, FoldEnded, Note
from busapp.engine.predictions import read_predictions
from busapp.engine.settings import ExportSettings, ValidateSettings
from busapp.engine.systems import leaks_in_words
from busapp.errors import UserError
from busapp.gui.job_thread import Outcome
from busapp.gui.run_tab import RunTab, settings_column
from busapp.gui.settings_form import SettingsForm
from busapp.gui.widgets.confusion_matrix import ConfusionTabs
from busapp.gui.widgets.fold_curves import FoldCurves
from busapp.gui.widgets.image_strip import ImageStrip, StripImage
from busapp.gui.widgets.validation_result import ValidationResult
from busapp.gui.widgets.warning_frame import WarningFrame

NO_IMAGES = "No images yet. Import a folder in the Dataset tab (Ctrl+1), then cross-validate a classifier here."
NO_RUN = "No cross-validation yet. Choose a system and a protocol on the left, then start one."


class ValidationTab(RunTab):
    """Settings and past runs on the left, curves and confusion matrix in the middle, numbers on the right."""

    kind = "validate"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fold_accuracies: dict[int, float] = {}
        self.curves = FoldCurves()
        self.confusion = ConfusionTabs()
        self.confusion.cell_chosen.connect(self._show_cell)
        self.strip = ImageStrip()
        self.strip.hide()
        self.result = ValidationResult()
        self.result.diagnosis_clicked.connect(self._use_for_diagnosis)
        pictures = [(self.curves, 4), (self.confusion, 5), (self.strip, 0)]
        self.arrange(self._make_settings_panel(), pictures, self.result)
        self.form.changed.connect(self._look_at_settings)
        self.clear_run()

    def _make_settings_panel(self) -> QWidget:
        self.form = SettingsForm(ValidateSettings)
        self.protocol_leaks = WarningFrame()
        self.generators_label = QLabel()
        self.estimate_label = QLabel()
        for label in (self.generators_label, self.estimate_label):
            label.setWordWrap(True)
            label.setProperty("role", "muted")
        self.start_button = QPushButton("&Start cross-validation")
        self.start_button.clicked.connect(self._start)

        return settings_column(
            self.form, self.protocol_leaks, self.generators_label, self.estimate_label, self.start_button
        )

    # -- settings ------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        super().refresh()
        self._look_at_settings()

    def _settings(self) -> ValidateSettings | None:
        try:
            return cast(ValidateSettings, self.form.settings())
        except ValidationError:
            return None

    def _look_at_settings(self) -> None:
        settings = self._settings()
        counts = self.workspace.catalog.counts() if self.workspace else {}
        self.start_button.setEnabled(settings is not None and bool(counts))
        self.empty.set_sentence(NO_RUN if counts else NO_IMAGES)
        if settings is None:
            self.estimate_label.setText("Estimate: after the marked field is mended.")
            return
        self.protocol_leaks.show_list("This protocol leaks:", leaks_in_words(settings.system, settings.leaks))
        self._tell_generators(settings, lacking(counts))
        expected = estimate(settings, self.workspace) if self.workspace and counts else None
        self.estimate_label.setText(f"Estimate: {expected.in_words()}" if expected else "")

    def _tell_generators(self, settings: ValidateSettings, lacks: dict[str, int]) -> None:
        self.generators_label.setVisible(settings.system == "system2")
        per = "one for all folds" if settings.leaks.generator_sees_test else f"one for each of {settings.folds} folds"
        self.generators_label.setText(
            f"Trains a generator for {' and '.join(lacks)}, {per}, wherever the study has none that this protocol "
            f"allows ({settings.generator_preset} preset)."
            if lacks
            else "All classes are equally large, so no synthetic images are needed."
        )

    def _start(self) -> None:
        settings = self._settings()
        if settings is not None:
            self.start(settings)

    # -- the run -------------------------------------------------------------------------------------------

    def clear_run(self) -> None:
        self._fold_accuracies.clear()
        self.curves.clear()
        self.strip.hide()
        if self.run is None:
            self.result.clear()
            self.confusion.start([])
            self.show_pictures(False)
        else:
            assert self.workspace is not None
            self.result.start(self.run.info, phantoms=self.workspace.phantoms)
            self.confusion.start((self.run.result() or {}).get("classes") or self.workspace.catalog.classes())
            self.show_pictures(True)

    def draw_event(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            self.curves.add(event)
        elif isinstance(event, FoldEnded):
            self._fold_accuracies[event.fold] = event.test_accuracy
            if len(event.confusion) != len(self.confusion.classes):  # the study has other classes since
                self.confusion.start([f"class {number}" for number in range(1, len(event.confusion) + 1)])
            self.confusion.put_fold(event.fold, event.confusion)
            self.result.show_fold_mean(list(self._fold_accuracies.values()))
        elif isinstance(event, Note) and event.level == "warning":
            self.result.add_note(event.text)
        elif isinstance(event, Finished):
            self.result.show_result(event.result)

    def job_ended(self, kind: str, outcome: Outcome) -> None:
        super().job_ended(kind, outcome)
        if kind == "export" and outcome.state == "finished":
            self.diagnosis_requested.emit(Path(outcome.result["model"]))

    def _use_for_diagnosis(self) -> None:
        if self.run is not None:
            self.start_requested.emit(ExportSettings(run=self.run.id))

    # -- the images of a cell ------------------------------------------------------------------------------

    def _show_cell(self, fold: int, true: int, predicted: int) -> None:
        assert self.workspace is not None and self.run is not None
        names = self.confusion.classes
        where = f"True {names[true]}, called {names[predicted]}, {f'fold {fold}' if fold else 'all folds'}"
        self.strip.show()
        try:
            predictions = read_predictions(self.run)
        except UserError:
            self.strip.show_images(f"{where}: the images are known when a fold is finished.", [])
            return
        records = {image.id: image for image in self.workspace.catalog.images()}
        found = [
            StripImage(
                self.workspace.image_path(records[tested.image_id]),
                Path(tested.file).name,
                f"{tested.file}\nTrue {tested.true}, called {tested.predicted}, fold {tested.fold}",
            )
            for tested in predictions
            if (tested.true, tested.predicted) == (names[true], names[predicted])
            and fold in (0, tested.fold)
            and tested.image_id in records
        ]
        self.strip.show_images(f"{where}: {len(found):,} images", found)
