"""The Validation tab: cross-validate a system, watch the training, read the results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QShowEvent
from PySide6.QtWidgets import QPushButton, QWidget

from busapp.engine.catalog.counts import lacking
from busapp.engine.contract import validation as contract
from busapp.engine.estimates import estimate
from busapp.engine.events import EpochEnded, Event, Finished, FoldEnded, Note, RunStarted
from busapp.engine.settings import ExportSettings, ValidateSettings
from busapp.engine.settings.systems import leaks_in_words
from busapp.engine.study.patients import remarkable
from busapp.engine.study.workspace import Workspace
from busapp.errors import UserError
from busapp.gui.jobs.job_thread import JobOutcome
from busapp.gui.runs.run_tab import RunTab
from busapp.gui.validation.case_viewer import CaseViewer
from busapp.gui.validation.compare_view import CompareView
from busapp.gui.validation.fold_curves import FoldCurves
from busapp.gui.validation.gain_view import GainView
from busapp.gui.validation.image_strip import NO_MAPS, NO_MODEL, ImageStrip, cases_of_cell
from busapp.gui.validation.leaks_view import LeaksView
from busapp.gui.validation.measurement_view import MeasurementView
from busapp.gui.validation.measurements_button import MeasurementsButton
from busapp.gui.validation.result_pages import ResultPages
from busapp.gui.validation.run_numbers import RunNumbers, numbers_of
from busapp.gui.validation.side_by_side_view import OptimizersView, RivalsView
from busapp.gui.validation.validation_panel import ValidationPanel
from busapp.gui.widgets.background import Background
from busapp.gui.widgets.panels import settings_column
from busapp.gui.widgets.settings_form import SettingsForm
from busapp.gui.widgets.warning_frame import WarningFrame, words_label
from busapp.gui.words import recipe_in_words

NO_IMAGES = "No images yet. Import a folder in the Dataset tab (Ctrl+1), then cross-validate a classifier here."
NO_RUN = "No cross-validation yet. Choose a system and a protocol on the left, then start one."


class ValidationTab(RunTab):
    """Settings and past runs on the left, curves and results in the middle, numbers on the right.

    Signals:
        figures_requested: the id of the run whose table and figures to export.
        app_requested: the id of the run whose model to export for an app, and the format.
    """

    figures_requested = Signal(str)
    app_requested = Signal(str, str)

    kind = "validate"
    job_kinds = (kind, "leaks", "gain", "rivals", "optimizers")
    result_width = 340

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.numbers: RunNumbers | None = None
        self._numbers_are_due = False
        self._fold_is_new = False
        self._cell: tuple[int, int, int] | None = None
        self._reader = Background(self)
        self._reader.made.connect(self._show_numbers)
        self._reader.failed.connect(self._on_no_numbers)
        self.curves = FoldCurves()
        self.pages = ResultPages()
        self.confusion = self.pages.confusion
        self.confusion.cell_chosen.connect(self._choose_cell)
        self.strip = ImageStrip()
        self.strip.hide()
        self.strip.opened.connect(self._view)
        self.result = ValidationPanel()
        self.result.diagnosis_clicked.connect(self._use_for_diagnosis)
        self.result.figures_clicked.connect(self._export_figures)
        self.result.app_clicked.connect(self._export_for_app)
        settings = self._make_settings_panel()
        self._add_views()
        start = [self.estimate_label, self.start_button, self.measurements_button]
        self.arrange(settings, start, [(self.curves, 4), (self.pages, 5), (self.strip, 0)], self.result)
        self.form.changed.connect(self._look_at_settings)
        self.clear_run()

    def _make_settings_panel(self) -> QWidget:
        self.form = SettingsForm(ValidateSettings)
        self.protocol_leaks = WarningFrame()
        self.odd_patients = WarningFrame()
        self.recipe_label = words_label("muted")
        self.generators_label = words_label("muted")
        self.estimate_label = words_label("muted")
        self.start_button = QPushButton("&Start cross-validation")
        self.start_button.clicked.connect(self._start)

        return settings_column(
            self.form, self.protocol_leaks, self.odd_patients, self.recipe_label, self.generators_label
        )

    def _add_views(self) -> None:
        self.compare_view = CompareView()
        self.leaks_view = LeaksView(self.form)
        self.gain_view = GainView(self.form)
        self.rivals_view = RivalsView(self.form)
        self.optimizers_view = OptimizersView(self.form)
        self.measurements: dict[str, MeasurementView[Any]] = {
            view.settings_type.kind: view
            for view in (self.leaks_view, self.gain_view, self.rivals_view, self.optimizers_view)
        }
        for view in self.measurements.values():
            view.start_requested.connect(self.start_requested)
            view.resume_requested.connect(self.resume_requested)
        for each in (self.compare_view, *self.measurements.values()):
            self.add_view(each)
        self.runs_list.compare_requested.connect(self.compare)
        self.measurements_button = MeasurementsButton()
        self.measurements_button.chosen.connect(self.show_measurement)

    # -- views in the place of the run ---------------------------------------------------------------------

    def compare(self, run_ids: Sequence[str]) -> None:
        """Show finished runs side by side."""
        assert self.workspace is not None
        self.show_instead(self.compare_view)
        self.compare_view.compare(self.workspace, run_ids)
        self.compare_view.back_button.setFocus()

    def show_measurement(self, kind: str) -> None:
        """Show the newest measurement of a kind (`leaks`, `gain`, `rivals`, `optimizers`), or how to measure."""
        view = self.measurements[kind]
        self.show_instead(view)
        self._refresh_measurement()
        view.back_button.setFocus()

    def _refresh_measurement(self) -> None:
        if self.workspace is not None and isinstance(self.shown_instead, MeasurementView):
            self.shown_instead.refresh(self.workspace)

    def _measurement_of(self, run_id: str) -> MeasurementView[Any] | None:
        """The view that shows a run; None if the tab itself does, or the run is gone."""
        assert self.workspace is not None
        try:
            return self.measurements.get(self.workspace.run(run_id).info.kind)
        except UserError:
            return None

    def open_run(self, run_id: str) -> None:
        measurement = self._measurement_of(run_id)
        if measurement is None:
            super().open_run(run_id)
        else:
            self.show_measurement(measurement.settings_type.kind)
            measurement.show_run(run_id)

    def follow_run(self, run_id: str) -> None:
        if self._measurement_of(run_id) is None:
            super().follow_run(run_id)
        else:
            self._refresh_measurement()

    # -- settings ------------------------------------------------------------------------------------------

    def open_study(self, workspace: Workspace) -> None:
        self.strip.open_study(workspace)
        super().open_study(workspace)

    def refresh(self) -> None:
        super().refresh()
        patients = remarkable(self.workspace.catalog.patient_counts().elements()) if self.workspace else []
        self.odd_patients.show_list("The images in use:", patients)
        self._look_at_settings()
        self._look_for_model()

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
            self.estimate_label.setText("Estimate: correct the marked field first.")
            return
        once = " It is fitted once in each fold: the number of epochs does not matter." if settings.members else ""
        self.recipe_label.setText(f"Recipe: {recipe_in_words(settings.training)}.{once}")
        leaks = leaks_in_words(settings.system, settings.leaks, settings.network)
        self.protocol_leaks.show_list("This protocol leaks:", leaks)
        self._describe_generators(settings, lacking(counts))
        expected = estimate(settings, self.workspace) if self.workspace and counts else None
        self.estimate_label.setText(f"Estimate: {expected.in_words()}" if expected else "")

    def _describe_generators(self, settings: ValidateSettings, lacks: dict[str, int]) -> None:
        self.generators_label.setVisible(settings.uses_generators)
        per = "one for all folds" if settings.leaks.generator_sees_test else f"one for each of {settings.folds} folds"
        wanted = [*lacks] if settings.system == "system2" else []
        wanted += ["all classes (the network uses its discriminator)"] if settings.needs_discriminator else []
        self.generators_label.setText(
            f"Trains a generator for {' and '.join(wanted)}, {per}, unless the study has one that this protocol allows "
            f"({settings.generator_preset} preset)."
            if wanted
            else "All classes are equally large, so no synthetic images are needed."
        )

    def _start(self) -> None:
        settings = self._settings()
        if settings is not None:
            self.start(settings)

    # -- the run -------------------------------------------------------------------------------------------

    def clear_run(self) -> None:
        self.numbers, self._cell = None, None
        self._numbers_are_due = self._fold_is_new = False
        self._reader.ask(None)
        self.curves.clear()
        self.strip.hide()
        if self.run is None:
            self.result.clear()
            self.pages.start([])
            self.show_pictures(False)
        else:
            assert self.workspace is not None
            self.result.start(self.run.info, phantoms=self.workspace.phantoms)
            self.pages.start((self.run.result() or {}).get("classes") or self.workspace.catalog.classes())
            self.show_pictures(True)

    def load_run(self, run_id: str) -> None:
        super().load_run(run_id)
        self._look_for_model()
        if self._fold_is_new:
            self._request_numbers()

    def draw_event(self, event: Event) -> None:
        if isinstance(event, EpochEnded):
            self.curves.add(event)
        elif isinstance(event, FoldEnded):
            self._fold_is_new = True
            if len(event.confusion) != len(self.confusion.classes):  # the classes of the study have changed since
                self.confusion.start([f"class {number}" for number in range(1, len(event.confusion) + 1)])
            self.confusion.put_fold(event.fold, event.confusion)
        elif isinstance(event, Note) and event.level == "warning":
            self.result.add_note(event.text)
        elif isinstance(event, Finished):
            self._fold_is_new = True
            self.result.show_result(cast(contract.ValidationResult, event.result))

    def job_event(self, kind: str, event: Event) -> None:
        super().job_event(kind, event)
        if kind == self.kind and self._fold_is_new:
            self._request_numbers()
        elif kind in self.measurements and isinstance(event, RunStarted):
            self._refresh_measurement()
        elif kind in self.measurements and isinstance(event, Note):  # the next of its runs begins
            self.runs_list.refresh()

    def job_ended(self, kind: str, outcome: JobOutcome) -> None:
        super().job_ended(kind, outcome)
        if kind == "export" and "model" in outcome.result and self._is_for_diagnosis(outcome.result):
            self.diagnosis_requested.emit(Path(outcome.result["model"]))

    def _is_for_diagnosis(self, exported: Mapping[str, Any]) -> bool:
        """True unless the model was exported for an app, into a folder outside the study."""
        assert self.workspace is not None
        return Path(exported["folder"]).is_relative_to(self.workspace.root)

    def _export_figures(self) -> None:
        if self.run is not None:
            self.figures_requested.emit(self.run.id)

    def _export_for_app(self, file_format: str) -> None:
        if self.run is not None:
            self.app_requested.emit(self.run.id, file_format)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.shut_down()
        super().closeEvent(event)

    def shut_down(self) -> None:
        super().shut_down()
        self._reader.stop()
        self.strip.stop()

    # -- its numbers ---------------------------------------------------------------------------------------

    def _request_numbers(self) -> None:
        """Compute the numbers of the run again, as soon as this tab is visible."""
        self._numbers_are_due, self._fold_is_new = True, False
        if self.isVisible():
            self._ask_for_numbers()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask_for_numbers()

    def _ask_for_numbers(self) -> None:
        workspace, run = self.workspace, self.run
        if self._numbers_are_due and workspace is not None and run is not None:
            self._numbers_are_due = False
            self._reader.ask(lambda: numbers_of(workspace, run.id))

    def _show_numbers(self, numbers: RunNumbers) -> None:
        self.numbers = numbers
        if self.confusion.classes != numbers.statistics["classes"]:
            self.confusion.name_classes(numbers.statistics["classes"])
        self.result.show_statistics(numbers.statistics)
        self.pages.show_numbers(numbers.statistics, numbers.curves)
        self._show_cell()

    def _on_no_numbers(self, sentence: str) -> None:
        self.result.add_note(f"The measures cannot be computed. {sentence}")

    def _use_for_diagnosis(self) -> None:
        if self.run is not None:
            self.start_requested.emit(ExportSettings(run=self.run.id))

    # -- the images of a cell ------------------------------------------------------------------------------

    def _look_for_model(self) -> None:
        """Use the model exported from this run for heat maps, if there is one."""
        if self.workspace is not None:
            model = self.workspace.models_dir / f"{self.run.id}.onnx" if self.run is not None else None
            self.strip.use_model(self.workspace, model, NO_MODEL if self.result.can_be_exported else NO_MAPS)

    def _choose_cell(self, fold: int, true: int, predicted: int) -> None:
        self._cell = (fold, true, predicted)
        self.strip.show()
        self._show_cell()

    def _show_cell(self) -> None:
        if self._cell is None or self.workspace is None:
            return
        fold, true, predicted = self._cell
        pair = self.confusion.classes[true], self.confusion.classes[predicted]
        tested = self.numbers.tested if self.numbers is not None else None
        heading, cases = cases_of_cell(self.workspace, tested, pair, fold)
        self.strip.show_cases(heading, cases, pair[1])

    def _view(self, row: int) -> None:
        assert self.workspace is not None
        strip = self.strip
        with_map = strip.maps_box.isChecked()
        viewer = CaseViewer(self.workspace, strip.cases, row, strip.heat_maps, with_map, self)
        viewer.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        viewer.walked.connect(strip.select)
        viewer.open()
