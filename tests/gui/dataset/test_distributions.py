import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from busapp.engine.catalog import ImageRecord, Measures
from busapp.engine.utils.histograms import histograms
from busapp.gui.dataset.distributions import Distributions

CLASSES = ["benign", "malignant"]


def image(number: int, class_name: str, side: int = 100) -> ImageRecord:
    name = f"{class_name}/{number}.png"
    return ImageRecord(number, name, str(number), ".png", class_name, "real", side, side, None, "", None, None, None)


def brightness(value: float) -> Measures:
    return Measures(coverage=1.0, brightness=value, contrast=2 * value, colour=0.0, texture=5.0)


@pytest.fixture
def shown(qtbot: QtBot) -> Iterator[Distributions]:
    widget = Distributions()
    qtbot.addWidget(widget)
    images = [image(number, CLASSES[number % 2], side=100 + number) for number in range(16)]
    measures = {each.id: brightness(10.0 * each.id) for each in images[:-1]}
    widget.show_images(images, measures, CLASSES)
    widget.show()
    yield widget


def heights(widget: Distributions, name: str) -> list[float]:
    return [float(y) for y in widget.plot.values(name)[1]]


def test_bins_are_shared_by_the_classes_and_hold_all_their_images() -> None:
    edges, counts = histograms({"benign": [0.0, 1.0, 1.0, 9.0], "malignant": [5.0] * 12})
    assert (edges[0], edges[-1], len(edges)) == (0.0, 9.0, 5)
    assert counts["benign"].tolist() == [3, 0, 0, 1]
    assert counts["malignant"].tolist() == [0, 0, 12, 0]


def test_one_value_for_all_is_still_a_histogram() -> None:
    edges, counts = histograms({"benign": [1.0, 1.0]})
    assert np.all(np.diff(edges) > 0)
    assert counts["benign"].sum() == 2


def test_each_class_has_its_histogram_and_those_not_measured_are_told(shown: Distributions) -> None:
    assert sum(heights(shown, "benign")) == 8
    assert sum(heights(shown, "malignant")) == 7
    assert shown.sentence.text() == "1 image has not been measured yet."
    assert "Mean intensity" in shown.plot.x_axis


def test_shares_add_up_to_the_whole_class(shown: Distributions) -> None:
    shown.share_box.click()
    assert sum(heights(shown, "malignant")) == pytest.approx(100)
    assert shown.plot.y_axis == "Share of the class (%)"


def test_another_property_is_another_histogram(shown: Distributions) -> None:
    before = shown.plot.values("benign")[0]
    shown.property_box.setCurrentText("Contrast")
    assert shown.plot.values("benign")[0][-1] == pytest.approx(2 * before[-1])
    shown.property_box.setCurrentText("Size")
    assert shown.plot.values("benign")[0][0] == pytest.approx(100)


def test_what_is_shown_can_be_exported(shown: Distributions, tmp_path: Path) -> None:
    shown.plot.export(tmp_path / "brightness.csv")
    with (tmp_path / "brightness.csv").open(encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["Mean intensity (0 to 255)", "benign", "malignant"]
    assert sum(float(row[1]) for row in rows[1:]) == 8


def test_images_that_nothing_is_known_of_say_how_to_measure_them(shown: Distributions) -> None:
    shown.show_images([image(1, "benign")], {}, CLASSES)
    assert "Check images" in shown.sentence.text()
    assert shown.plot.isHidden()
