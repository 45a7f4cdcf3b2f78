"""The view that measures what synthetic images are worth to the classifier on this study."""

from collections.abc import Mapping
from typing import Any, cast

from PySide6.QtWidgets import QVBoxLayout, QWidget

from busapp.engine.catalog.counts import lacking
from busapp.engine.contract import validation as contract
from busapp.engine.results import gain_words
from busapp.engine.settings import GainSettings, SeriesSettings
from busapp.engine.study.splits import select
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.words import many
from busapp.gui.theme import SPACE
from busapp.gui.validation.difference_plot import DifferencePlot, DifferenceRow
from busapp.gui.validation.differences import Difference
from busapp.gui.validation.measurement_view import MeasurementPanel, MeasurementView
from busapp.gui.widgets.number_cells import count_cell, measure_cell
from busapp.gui.widgets.numbers_table import NumbersTable, text
from busapp.gui.widgets.settings_form import SettingsForm
from busapp.gui.widgets.warning_frame import WarningFrame, words_label


class GainView(MeasurementView["GainPanel"]):
    """The verdict, the trainings side by side, and their differences; or how to measure them."""

    settings_type = GainSettings
    title = "What synthetic images are worth"
    what = (
        "A generator is worth its time if its images make the classifier better. This measures it on your images. "
        "The same strict cross-validation is repeated without synthetic images, with them, and without them but with "
        "altered copies and class weights, which need no generator. All have the same folds, and are compared image "
        "by image."
    )
    measure = "&Measure their worth"

    def __init__(self, form: SettingsForm, parent: QWidget | None = None) -> None:
        super().__init__(GainPanel(), form, parent)

    def settings_in_words(self, settings: SeriesSettings) -> str:
        epochs = "" if settings.generator_epochs is None else f" of {many(settings.generator_epochs, 'epoch')}"
        return (
            f"{settings.recipe} recipe, {settings.folds} folds, {many(settings.passes, 'epoch')}, seed "
            f"{settings.seed}, {settings.generator_preset} generators{epochs}; system and protocol do not matter"
        )

    def obstacle(self, workspace: Workspace, settings: SeriesSettings) -> str:
        assert isinstance(settings, GainSettings)
        if lacking(select(workspace, settings.synthetic).counts):
            return ""
        return "All classes are equally large, so no synthetic images are added: there is nothing to measure."


class GainPanel(MeasurementPanel):
    """The verdict as a sentence, a table of the trainings, and a plot of each difference."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence = words_label("heading")
        self.circumstances = words_label("muted")
        self.trainings = NumbersTable("The trainings", sortable=False)
        self.headings = {name: words_label("heading") for name in gain_words.DIFFERENCES}
        self.plots = {name: DifferencePlot("Differences") for name in gain_words.DIFFERENCES}
        self.notes = WarningFrame()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        for widget in (self.sentence, self.circumstances, self.trainings):
            column.addWidget(widget)
        for name in gain_words.DIFFERENCES:
            column.addWidget(self.headings[name])
            column.addWidget(self.plots[name])
        column.addWidget(self.notes)
        column.addStretch()

    def show_result(self, result: Mapping[str, Any], *, phantoms: bool) -> None:
        """Show the result of a `gain` run (`engine.gain.measure_gain`). `phantoms`: its images are simulated."""
        found = cast(contract.GainResult, result)
        self.sentence.setText(gain_words.sentences(found))
        simulated = " All images are simulated phantoms." if phantoms else ""
        self.circumstances.setText(f"{gain_words.circumstances(found)} In brackets 95 % intervals.{simulated}")
        self._show_trainings(found)
        rows = {name: _rows(found, name) for name in gain_words.DIFFERENCES}
        everything = [row for each in rows.values() for row in each]
        for name, plot in self.plots.items():
            for widget in (plot, self.headings[name]):
                widget.setVisible(bool(rows[name]))
            title = gain_words.difference_in_words(found, name)
            self.headings[name].setText(title)
            plot.set_title(title)
            plot.show_rows(rows[name], beside=everything)
        self.notes.show_list("Read with care:", gain_words.cautions(found))

    def _show_trainings(self, result: contract.GainResult) -> None:
        headings = ["Training", "Accuracy (%)", "Balanced accuracy (%)"]
        headings += [f"{gain_words.measure_in_words(result, f'sensitivity/{name}')} (%)" for name in result["classes"]]
        rows = []
        for name, entry in gain_words.trainings(result).items():
            shares: list[tuple[float | None, contract.Interval | None]] = [
                (entry["accuracy"], entry["accuracy_ci95"]),
                (entry["balanced_accuracy"], entry["balanced_accuracy_ci95"]),
            ]
            shares += [(entry["sensitivity"][of], entry["sensitivity_ci95"][of]) for of in result["classes"]]
            title = "\n".join(filter(None, (gain_words.TRAININGS[name], gain_words.training_in_words(entry))))
            rows.append(
                [
                    text(title, f"Run {entry['run']}"),
                    *(measure_cell(value, interval, in_two_lines=True) for value, interval in shares),
                    count_cell(entry["n_images"]),
                    count_cell(entry["n_synthetic"], "In the training part of every fold"),
                ]
            )
        self.trainings.show_cells([*(_broken(words) for words in headings), "Images", "Synthetic"], rows)
        bar = self.trainings.horizontalScrollBar().sizeHint().height()  # in a narrow window it may hide no row
        self.trainings.setFixedHeight(self.trainings.sizeHint().height() + bar)


def _rows(result: contract.GainResult, name: contract.DifferenceName) -> list[DifferenceRow]:
    """One row for each measure of a difference; none if the difference was not measured."""
    return [
        DifferenceRow(
            gain_words.measure_in_words(result, measure),
            Difference.of(found["difference"], found["ci95"], turned=False),
            found["p_value"],
        )
        for measure, found in (result["differences"][name] or {}).items()
    ]


def _broken(words: str) -> str:
    """Break a heading into two lines."""
    return words.replace(", ", "\n").replace(" accuracy", "\naccuracy")
