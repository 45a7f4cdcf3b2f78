"""What leaks are worth on this study."""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from busapp.engine.settings import LeaksSettings, SeriesSettings
from busapp.engine.utils.words import many, per_cent, signed
from busapp.gui.theme import SPACE
from busapp.gui.validation.differences import Difference, p_number
from busapp.gui.validation.measurement_view import MeasurementResult, MeasurementView
from busapp.gui.validation.waterfall import Waterfall, shared_in_words, worth_in_words
from busapp.gui.widgets.numbers_table import Cell, NumbersTable, text
from busapp.gui.widgets.warning_frame import WarningFrame, words_label


class LeaksView(MeasurementView["LeaksResult"]):
    """The waterfall from published to strict, and each leak alone."""

    settings_type = LeaksSettings
    heading = "What leaks are worth"
    what = (
        "A published number may be high because test images leaked into the training. This measures by how much on "
        "your images: the same cross-validation is repeated as published, then with one leak closed after another "
        "until nothing leaks, and with each leak alone."
    )
    measure = "&Measure leaks"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(LeaksResult(), parent)

    def settings_in_words(self, settings: SeriesSettings) -> str:
        assert isinstance(settings, LeaksSettings)
        folds = "one hold-out" if settings.system == "existing" else f"{settings.folds} folds"
        return (
            f"{settings.system}, {settings.recipe} recipe, {folds}, {many(settings.epochs, 'epoch')}, seed "
            f"{settings.seed}; the protocol does not matter"
        )


class LeaksResult(MeasurementResult):
    """The sentence, the waterfall, and each leak by itself."""

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
            f"{result['seed']}. Published: {_images(first)}; strict: {_images(last)}"
            f"{'; all simulated phantoms' if phantoms else ''}. In brackets 95 % intervals, by bootstrap over groups. "
            f"Trained on {' and '.join(result['devices'])}."
        )
        self.waterfall.show_steps(steps)
        self.alone.show_cells(
            ["Leak", "Accuracy in % (95 % interval)", "Added to strict (95 % interval)", "p-value", "Images", "Groups"],
            [_alone(entry) for entry in result["alone"]],
        )
        bar = self.alone.horizontalScrollBar().sizeHint().height()  # in a narrow window it must not hide a row
        self.alone.setFixedHeight(self.alone.sizeHint().height() + bar)
        self.notes.show_list("Read with care:", _notes(result))


def _images(entry: Mapping[str, Any]) -> str:
    return f"{entry['n_images']:,} images in {entry['n_groups']:,} groups"


def _alone(entry: Mapping[str, Any]) -> list[Cell]:
    interval = entry["accuracy_ci95"]
    shared = None
    if entry["paired_difference"] is not None:
        shared = Difference.of(entry["paired_difference"], entry["paired_ci95"], turned=False)
    accuracy = f"⚠ {per_cent(entry['accuracy'], interval)}"
    low, high = (100 * interval[0], 100 * interval[1]) if interval else (None, None)
    p_value = entry["p_value"]
    return [
        text(entry["label"]),
        Cell(accuracy.replace(" %", ""), 100 * entry["accuracy"], low, high, "This number leaks", warns=True),
        Cell(
            worth_in_words(entry),
            100 * entry["difference"],
            shared.low if shared else None,
            shared.high if shared else None,
            shared_in_words(entry),
        ),
        Cell("–" if p_value is None else p_number(p_value), p_value),
        Cell(f"{entry['n_images']:,}", entry["n_images"]),
        Cell(f"{entry['n_groups']:,}", entry["n_groups"]),
    ]


def _notes(result: Mapping[str, Any]) -> list[str]:
    """What the numbers do not say by themselves."""
    entries: Sequence[Mapping[str, Any]] = [*result["steps"][1:], *result["alone"]]
    notes = ["Leaks overlap: what one is worth depends on which others are open, so that alone they do not add up."]
    if any(entry["same_folds"] is False for entry in entries):
        notes.append("Where a leak is closed by dividing the images anew, the luck of the split is part of the step.")
    if any(entry["n_common"] not in (None, entry["n_images"]) for entry in entries):
        notes.append("Strict sets conflicting duplicates aside; intervals are of the images that both runs tested.")
    picked = result["picked_epoch"].get(result["strict"])
    if picked is not None and f"{100 * picked:.1f}" != "0.0":
        notes.append(
            "A leak that is no switch: had every fold reported the epoch that did best on its test images, strict "
            f"would read {100 * picked:.1f} points higher."
        )
    return notes
