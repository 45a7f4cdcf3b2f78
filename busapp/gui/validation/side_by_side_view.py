"""The views that show cross-validations under one protocol side by side: a network and its rivals, and optimisers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from busapp.engine.contract.side_by_side import Column, SideBySideResult
from busapp.engine.networks.registry import NETWORKS
from busapp.engine.results import side_by_side_words as words
from busapp.engine.results.difference_words import measure_title
from busapp.engine.settings import OptimizersSettings, RivalsSettings, SeriesSettings
from busapp.engine.utils.words import low_to_high, many
from busapp.gui.theme import SPACE
from busapp.gui.validation.column_curves import ColumnCurves
from busapp.gui.validation.difference_plot import DifferencePlot, DifferenceRow
from busapp.gui.validation.differences import Difference
from busapp.gui.validation.measurement_view import MeasurementPanel, MeasurementView
from busapp.gui.widgets.number_cells import count_cell, measure_cell
from busapp.gui.widgets.numbers_table import Cell, NumbersTable, text
from busapp.gui.widgets.settings_form import SettingsForm
from busapp.gui.widgets.warning_frame import WarningFrame, words_label

_MOST_IN_ONE_LINE: Final = 4
"""Most columns of a table whose intervals stand beside their values; with more, below them."""
_LEAKS: Final = "This number leaks"


class RivalsView(MeasurementView["SideBySidePanel"]):
    """GAN-ResNet and its rivals, or how to compare them."""

    settings_type = RivalsSettings
    title = words.HEADINGS["rivals"]
    what = (
        "A network that is fused with a GAN is worth its effort if it is better than its parts. This compares it on "
        "your images, in the same folds, with a plain CNN, with the ResNet alone, with the GAN's discriminator alone, "
        "and with the ResNet that is trained on synthetic images as well. The differences show what the synthetic "
        "images and the fusion are each worth."
    )
    measure = "&Measure with rivals"

    def __init__(self, form: SettingsForm, parent: QWidget | None = None) -> None:
        super().__init__(SideBySidePanel(), form, parent)

    def adapted(self, values: dict[str, Any]) -> dict[str, Any]:
        """Leave the network out if it has no rivals."""
        has_rivals = NETWORKS[values["network"]].rivals is not None
        return {name: value for name, value in values.items() if name != "network" or has_rivals}

    def settings_in_words(self, settings: SeriesSettings) -> str:
        assert isinstance(settings, RivalsSettings)
        chosen = NETWORKS[self._form.values()["network"]].title
        network = NETWORKS[settings.network].title
        why = "" if chosen == network else f", since {chosen} is not fused with a GAN"
        return f"{network}{why}; {_training_in_words(settings)}; the system does not matter"


class OptimizersView(MeasurementView["SideBySidePanel"]):
    """One network with several optimisers, or how to compare them."""

    settings_type = OptimizersSettings
    title = words.HEADINGS["optimizers"]
    what = (
        "The optimiser that suits a network best is not known beforehand. This repeats the same cross-validation with "
        "SGD with momentum, Adam, AdamW and RMSprop, each with its usual learning rate. All have the same folds, and "
        "are compared image by image."
    )
    measure = "&Measure optimisers"

    def __init__(self, form: SettingsForm, parent: QWidget | None = None) -> None:
        super().__init__(SideBySidePanel(), form, parent)

    def settings_in_words(self, settings: SeriesSettings) -> str:
        assert isinstance(settings, OptimizersSettings)
        return f"{NETWORKS[settings.network].title}, {settings.system}; {_training_in_words(settings)}"


def _training_in_words(settings: RivalsSettings | OptimizersSettings) -> str:
    protocol = settings.validations[-1].protocol_in_words
    folds = "one hold-out" if settings.validations[-1].system == "existing" else many(settings.folds, "fold")
    return f"{protocol}, {settings.recipe} recipe, {folds}, {many(settings.epochs, 'epoch')}, seed {settings.seed}"


class SideBySidePanel(MeasurementPanel):
    """The result as a sentence, a table of the cross-validations, their differences, and their curves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._result: SideBySideResult | None = None
        self.sentence = words_label("heading")
        self.circumstances = words_label("muted")
        self.table = NumbersTable("Side by side", sortable=False)
        self.measure_box = QComboBox()
        self.measure_box.setAccessibleName("Measure of the differences")
        self.measure_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.measure_box.currentIndexChanged.connect(lambda _index: self._show_differences())
        self.plot = DifferencePlot("Differences")
        self.curves = ColumnCurves()
        self.notes = WarningFrame()
        label = QLabel("&Differences in")
        label.setProperty("role", "heading")
        label.setBuddy(self.measure_box)
        row = QHBoxLayout()
        row.setSpacing(SPACE)
        row.addWidget(label)
        row.addWidget(self.measure_box)
        row.addStretch()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        for widget in (self.sentence, self.circumstances, self.table):
            column.addWidget(widget)
        column.addLayout(row)
        for part in (self.plot, self.curves, self.notes):
            column.addWidget(part)
        column.addStretch()

    def show_result(self, result: Mapping[str, Any], *, phantoms: bool) -> None:
        """Show the result of a run (`engine.validation.side_by_side`). `phantoms`: its images are simulated."""
        self._result = found = cast(SideBySideResult, result)
        self.sentence.setText(words.sentences(found))
        simulated = " All images are simulated phantoms." if phantoms else ""
        self.circumstances.setText(f"{words.circumstances(found)} In brackets 95 % intervals.{simulated}")
        self._show_table(found)
        chosen = self.measure_box.currentData()
        self.measure_box.blockSignals(True)
        self.measure_box.clear()
        for measure in found["differences"][0]["measures"]:
            self.measure_box.addItem(measure_title(measure), measure)
        self.measure_box.setCurrentIndex(max(0, self.measure_box.findData(chosen)))
        self.measure_box.blockSignals(False)
        self._show_differences()
        self.curves.show_columns(found["columns"])
        self.notes.show_list("Read with care:", words.cautions(found))

    def _show_table(self, result: SideBySideResult) -> None:
        columns = result["columns"]
        headings = ["Measure\n(95 % interval)"]
        headings += [f"{words.mark(column)}{_broken(column['title'])}" for column in columns]
        rows = [[text(title), *map(cell, columns)] for title, cell in _rows(result)]
        self.table.show_cells(headings, rows)
        heights = sum(self.table.rowHeight(row) for row in range(self.table.rowCount()))
        bar = self.table.horizontalScrollBar().sizeHint().height()  # in a narrow window it may hide no row
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + heights + bar + 4)

    def _show_differences(self) -> None:
        measure = self.measure_box.currentData()
        if self._result is None or measure is None:
            return
        self.plot.set_title(f"Differences in {self.measure_box.currentText().lower()}")
        self.plot.show_rows(
            [
                DifferenceRow(
                    each["title"],
                    Difference.of(found["difference"], found["ci95"], turned=False),
                    found["p_value"],
                )
                for each in self._result["differences"]
                for found in [each["measures"][measure]]
            ]
        )


def _rows(result: SideBySideResult) -> Sequence[tuple[str, Callable[[Column], Cell]]]:
    """The titles of the table's rows, each with its cell for a column."""
    columns = result["columns"]
    in_two_lines = len(columns) > _MOST_IN_ONE_LINE

    def measure(value: float | None, interval: list[float] | None, column: Column) -> Cell:
        leaks = bool(column["leaks"])
        return measure_cell(value, interval, leaks=leaks, in_two_lines=in_two_lines, tip=_LEAKS if leaks else "")

    def of_class(name: str) -> list[tuple[str, Callable[[Column], Cell]]]:
        return [
            (
                f"Sensitivity, {name} (%)",
                lambda column: measure(column["sensitivity"][name], column["sensitivity_ci95"][name], column),
            ),
            (
                f"Specificity, {name} (%)",
                lambda column: measure(column["specificity"][name], column["specificity_ci95"][name], column),
            ),
        ]

    rows: list[tuple[str, Callable[[Column], Cell]]] = [
        ("Accuracy (%)", lambda column: measure(column["accuracy"], column["accuracy_ci95"], column)),
        ("Lowest and highest fold (%)", _folds),
        ("Spread over folds (points)", _deviation),
        (
            "Balanced accuracy (%)",
            lambda column: measure(column["balanced_accuracy"], column["balanced_accuracy_ci95"], column),
        ),
        *(row for name in result["classes"] for row in of_class(name)),
        ("Test loss (nats)", _loss),
        ("Time to train", _time),
    ]
    if any(column["n_synthetic"] for column in columns):
        rows.append(
            ("Synthetic images", lambda column: count_cell(column["n_synthetic"], "In the training part of a fold"))
        )
    if any(words.training_in_words(result, column) for column in columns):
        rows.append(("Training", lambda column: text(words.training_in_words(result, column).replace(", ", "\n"))))
    rows.append(("Run", lambda column: text(column["run"].replace("-validate", ""), column["run"])))
    return rows


def _broken(title: str) -> str:
    """Break a heading into two lines, before what is added or after the first word."""
    return title.replace(" + ", "\n+ ") if " + " in title else title.replace(" ", "\n", 1)


def _folds(column: Column) -> Cell:
    found = column["fold_range"]
    if found is None:
        return Cell("–")
    low, high = (100 * value for value in found)
    tip = f"Test accuracies of single folds{f'. {_LEAKS}' if column['leaks'] else ''}"
    return Cell(words.mark(column) + low_to_high(found), low=low, high=high, tip=tip, warns=bool(column["leaks"]))


def _deviation(column: Column) -> Cell:
    found = column["fold_deviation"]
    if found is None:
        return Cell("–", tip="There is one fold only")
    return Cell(f"{100 * found:.1f}", 100 * found, tip="Standard deviation of the folds' accuracies")


def _loss(column: Column) -> Cell:
    return Cell(
        words.loss_cell(column), column["test_loss"], tip="Cross-entropy after the last epoch, mean of the folds"
    )


def _time(column: Column) -> Cell:
    tip = "All folds together, without tests and generators; the table as CSV has seconds"
    return Cell(words.time_cell(column), column["train_seconds"], tip=tip)
