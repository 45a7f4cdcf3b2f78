"""The view that measures what leaks are worth on this study."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from busapp.engine.settings import LeaksSettings, SeriesSettings
from busapp.engine.utils.words import images_in_groups, many, per_cent, signed
from busapp.gui.theme import SPACE
from busapp.gui.validation.differences import Difference, p_number
from busapp.gui.validation.measurement_view import MeasurementPanel, MeasurementView
from busapp.gui.validation.waterfall import Waterfall, shared_in_words, worth_in_words
from busapp.gui.widgets.number_cells import count_cell, measure_cell
from busapp.gui.widgets.numbers_table import Cell, NumbersTable, text
from busapp.gui.widgets.settings_form import SettingsForm
from busapp.gui.widgets.warning_frame import WarningFrame, words_label


class LeaksView(MeasurementView["LeaksPanel"]):
    """The waterfall from published to strict, and each leak alone; or how to measure them."""

    settings_type = LeaksSettings
    title = "What leaks are worth"
    what = (
        "A published number may be too high because test images leaked into the training. This measures by how much, "
        "on your images. The same cross-validation is repeated: as published, then with one leak closed after "
        "another until nothing leaks, and with each leak alone."
    )
    measure = "&Measure leaks"

    def __init__(self, form: SettingsForm, parent: QWidget | None = None) -> None:
        super().__init__(LeaksPanel(), form, parent)

    def settings_in_words(self, settings: SeriesSettings) -> str:
        assert isinstance(settings, LeaksSettings)
        folds = "one hold-out" if settings.system == "existing" else f"{settings.folds} folds"
        return (
            f"{settings.system}, {settings.recipe} recipe, {folds}, {many(settings.passes, 'epoch')}, seed "
            f"{settings.seed}; the protocol does not matter"
        )


class LeaksPanel(MeasurementPanel):
    """The result as a sentence, the waterfall, and each leak alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sentence = words_label("heading")
        self.circumstances = words_label("muted")
        self.waterfall = Waterfall()
        alone = words_label("heading")
        alone.setText("Each leak alone, on top of strict")
        self.alone = NumbersTable("Each leak alone")
        self.notes = WarningFrame()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE)
        for widget in (self.sentence, self.circumstances, self.waterfall, alone, self.alone, self.notes):
            column.addWidget(widget)
        column.addStretch()

    def show_result(self, result: Mapping[str, Any], *, phantoms: bool) -> None:
        """Show the result of a `leaks` run (`engine.leaks.measure_leaks`). `phantoms`: its images are simulated."""
        steps = result["steps"]
        first, last = steps[0], steps[-1]
        worth = 100 * (first["accuracy"] - last["accuracy"])
        self.sentence.setText(
            f"⚠ Published {per_cent(first['accuracy'], first['accuracy_ci95'])}, strict "
            f"{per_cent(last['accuracy'], last['accuracy_ci95'])}: leaks are worth {signed(worth)} points of accuracy "
            "here."
        )
        folds = "one hold-out" if result["folds"] == 1 else f"{result['folds']} folds"
        self.circumstances.setText(
            f"{result['system']}, {result['recipe']} recipe, {folds}, {many(result['epochs'], 'epoch')}, seed "
            f"{result['seed']}. Published: {images_in_groups(first['n_images'], first['n_groups'])}; strict: "
            f"{images_in_groups(last['n_images'], last['n_groups'])}"
            f"{'; all simulated phantoms' if phantoms else ''}. In brackets 95 % intervals, by bootstrap over groups. "
            f"Trained on {' and '.join(result['devices'])}."
        )
        self.waterfall.show_steps(steps)
        self.alone.show_cells(
            ["Leak", "Accuracy in % (95 % interval)", "Added to strict (95 % interval)", "p-value", "Images", "Groups"],
            [_alone(entry) for entry in result["alone"]],
        )
        bar = self.alone.horizontalScrollBar().sizeHint().height()  # in a narrow window it may hide no row
        self.alone.setFixedHeight(self.alone.sizeHint().height() + bar)
        self.notes.show_list("Read with care:", _notes(result))


def _alone(entry: Mapping[str, Any]) -> list[Cell]:
    shared = None
    if entry["paired_difference"] is not None:
        shared = Difference.of(entry["paired_difference"], entry["paired_ci95"], turned=False)
    p_value = entry["p_value"]
    return [
        text(entry["label"]),
        measure_cell(entry["accuracy"], entry["accuracy_ci95"], leaks=True, tip="This number leaks"),
        Cell(
            worth_in_words(entry),
            100 * entry["difference"],
            shared.low if shared else None,
            shared.high if shared else None,
            shared_in_words(entry),
        ),
        Cell("–" if p_value is None else p_number(p_value), p_value),
        count_cell(entry["n_images"]),
        count_cell(entry["n_groups"]),
    ]


def _notes(result: Mapping[str, Any]) -> list[str]:
    """Reasons to read the numbers with care, one sentence each."""
    entries: Sequence[Mapping[str, Any]] = [*result["steps"][1:], *result["alone"]]
    notes = ["Leaks overlap: the worth of one depends on which others are open, so the leaks alone do not add up."]
    if any(entry["same_folds"] is False for entry in entries):
        notes.append("If closing a leak needs a new split of the images, the luck of the split is part of the step.")
    if any(entry["n_common"] not in (None, entry["n_images"]) for entry in entries):
        notes.append("Strict sets conflicting duplicates aside; the intervals are of the images that both runs tested.")
    picked = result["picked_epoch"].get(result["strict"])
    if picked is not None and f"{100 * picked:.1f}" != "0.0":
        notes.append(
            "One more leak, which is no switch: if every fold reported its best epoch on the test images, strict would "
            f"be {100 * picked:.1f} points higher."
        )
    return notes
