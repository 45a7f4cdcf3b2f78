"""The measures of a validation as tables: by class, over all classes, and by fold."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from PySide6.QtWidgets import QHeaderView, QWidget

from busapp.gui.widgets.number_cells import count_cell
from busapp.gui.widgets.numbers_table import Cell, NumbersTable, text

UNDEFINED: Final = "–"
"""Shown where a number is not defined, such as the sensitivity of a class without test images."""
_BY_CLASS: Final = (
    ("sensitivity", "Sensitivity"),
    ("specificity", "Specificity"),
    ("class_accuracy", "Accuracy"),
    ("auc", "AUC"),
)
_OVERALL: Final = (
    ("accuracy", "Accuracy", True),
    ("balanced_accuracy", "Balanced accuracy", True),
    ("macro_auc", "Mean AUC", False),
    ("train_accuracy", "Train accuracy", True),
)
"""Key, words, and whether the measure is shown in per cent."""
_TIPS: Final = {
    "class_accuracy": "Accuracy of the class against the rest",
    "balanced_accuracy": "Mean sensitivity of the classes",
    "macro_auc": "Mean area under the ROC curve of the classes",
    "train_accuracy": "Mean over the folds, on the training images",
}
_LETTERS: Final = 11
"""Pixels: the smallest letters in the window."""

Range = Sequence[float] | None


def fraction(value: float | None, interval: Range = None, *, decimals: int = 3, tip: str = "") -> Cell:
    """Return a cell with a share in [0, 1], not in per cent, and its 95 % interval below."""
    words = UNDEFINED if value is None else f"{value:.{decimals}f}"
    return _cell(words, value, interval, f"{interval[0]:.2f}–{interval[1]:.2f}" if interval else "", tip)


def _cell(words: str, value: float | None, interval: Range, between: str, tip: str) -> Cell:
    if not interval:
        return Cell(words, value, tip=tip)
    said = f"{words}, 95 % interval {between.replace('–', ' to ')}"
    return Cell(f"{words}\n{between}", value, interval[0], interval[1], tip="\n".join(filter(None, (said, tip))))


def range_in_words(between: Range, *, in_per_cent: bool) -> str:
    """Return the range as `71.1–87.2`; a dash if there is none."""
    if not between:
        return UNDEFINED
    low, high = between
    return f"{100 * low:.1f}–{100 * high:.1f}" if in_per_cent else f"{low:.2f}–{high:.2f}"


class _WholeTable(NumbersTable):
    """A table as high as its rows and as wide as its panel, with letters so small that four intervals fit."""

    def __init__(self, title: str, *, sortable: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(title, sortable=sortable, parent=parent)
        font = self.font()
        font.setPixelSize(_LETTERS)
        for widget in (self, self.horizontalHeader()):
            widget.setFont(font)

    def show_whole(self, headings: Sequence[str], rows: Sequence[Sequence[Cell]], *, even: bool) -> None:
        """Show the cells. `even`: all columns of numbers have the same width; else each is as wide as it needs."""
        self.show_cells(headings, rows)
        names, numbers = QHeaderView.ResizeMode.ResizeToContents, QHeaderView.ResizeMode.Stretch
        header = self.horizontalHeader()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(numbers if even else names)
        header.setSectionResizeMode(0, names if even else numbers)
        header.setMinimumSectionSize(30)
        self.setFixedHeight(self.sizeHint().height())


class MetricsTable(_WholeTable):
    """One row for each class, each number with its interval."""

    def __init__(self, title: str = "Measures of every class", parent: QWidget | None = None) -> None:
        super().__init__(title, parent=parent)

    def show_measures(
        self, classes: Sequence[str], result: Mapping[str, Any], *, heading: str = "Class", decimals: int = 3
    ) -> None:
        """`result[measure]` holds a value in [0, 1] or None for each class. `result[measure_ci95]` and
        `result["fold_range"][measure]` hold [low, high] or None for each class. Measures that the result does not have
        are skipped."""
        measures = [(key, title) for key, title in _BY_CLASS if key in result]
        ranges = result.get("fold_range") or {}
        rows = [
            [
                text(name),
                *(
                    fraction(
                        result[key].get(name),
                        (result.get(f"{key}_ci95") or {}).get(name),
                        decimals=decimals,
                        tip=_about(key, (ranges.get(key) or {}).get(name)),
                    )
                    for key, _ in measures
                ),
            ]
            for name in classes
        ]
        self.show_whole([heading, *(title for _, title in measures)], rows, even=True)


class OverallTable(_WholeTable):
    """Measures over all classes: the value, its interval, and the lowest and highest value of the folds."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Measures over all classes", sortable=False, parent=parent)

    def show_result(self, result: Mapping[str, Any]) -> None:
        """Show the result of `statistics.of_run`."""
        ranges = {"train_accuracy": _train_range(result.get("folds") or []), **(result.get("fold_range") or {})}
        rows = []
        for key, words, in_per_cent in _OVERALL:
            if key not in result:
                continue
            value, interval = result[key], result.get(f"{key}_ci95")
            unit = " (%)" if in_per_cent else ""
            shown = UNDEFINED if value is None else f"{100 * value:.1f}" if in_per_cent else f"{value:.3f}"
            within, folds = (range_in_words(pair, in_per_cent=in_per_cent) for pair in (interval, ranges.get(key)))
            tip = _TIPS.get(key, words)
            low, high = interval or (None, None)
            rows.append([text(words + unit, tip), Cell(shown, value, low, high, tip=tip), Cell(within), Cell(folds)])
        self.show_whole(["All classes", "Value", "95 %", "Folds"], rows, even=False)


class FoldTable(NumbersTable):
    """One row for each fold. The lowest and the highest value of a column are marked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Fold by fold", parent=parent)

    def show_folds(self, classes: Sequence[str], folds: Iterable[Mapping[str, Any]]) -> None:
        """`folds` as in a validation's result."""
        rows = sorted(folds, key=lambda fold: int(fold["fold"]))
        columns: list[tuple[str, list[float | None], bool]] = [
            ("Test\naccuracy", [fold.get("test_accuracy") for fold in rows], True),
            ("Balanced\naccuracy", [fold.get("balanced_accuracy") for fold in rows], True),
            *(
                (f"Sensitivity\n{name}", [(fold.get("sensitivity") or {}).get(name) for fold in rows], False)
                for name in classes
            ),
            ("Train\naccuracy", [fold.get("train_accuracy") for fold in rows], True),
        ]
        headings = ["Fold", "Test\nimages", *(words for words, _, _ in columns)]
        cells = [[Cell(str(fold["fold"]), fold["fold"]), _images(fold)] for fold in rows]
        for _, values, in_per_cent in columns:
            defined = [value for value in values if value is not None]
            low, high = (min(defined), max(defined)) if defined else (0.0, 0.0)
            for row, value in zip(cells, values, strict=True):
                mark = "" if value is None or low == high else "▼ " * (value == low) + "▲ " * (value == high)
                tip = {"▼ ": "The lowest of the folds", "▲ ": "The highest of the folds"}.get(mark, "")
                words = UNDEFINED if value is None else f"{100 * value:.1f} %" if in_per_cent else f"{value:.2f}"
                row.append(Cell(mark + words, value, tip=tip))
        self.show_cells(headings, cells)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(self.fontMetrics().horizontalAdvance("▼ 100.0 %") + 12)  # else it scrolls
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)


def _images(fold: Mapping[str, Any]) -> Cell:
    return count_cell(fold.get("n_test", sum(map(sum, fold.get("confusion", [])))))


def _about(key: str, between: Range) -> str:
    folds = f"Folds: {range_in_words(between, in_per_cent=False).replace('–', ' to ')}" if between else ""
    return "\n".join(filter(None, (_TIPS.get(key, ""), folds)))


def _train_range(folds: Iterable[Mapping[str, Any]]) -> Range:
    known = [fold["train_accuracy"] for fold in folds if fold.get("train_accuracy") is not None]
    return (min(known), max(known)) if known else None
