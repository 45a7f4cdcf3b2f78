"""Take the README's pictures of the real window on a study: each tab, the duplicate review, the comparison of runs,
and the measurements by several cross-validations.

    python docs/take_screenshots.py STUDY [--out docs/images] [--size 1280x800] [--scheme light] [--image FILE]

The study must contain results: Synthesis and Validation show its newest runs, and its newest model diagnoses FILE (by
default the study's first malignant image). The review shows the first waiting pair, or else the first decided one;
without pairs there is no picture of it. The comparison shows the longest finished run of each system, protocol and
recipe (`compare.png`, if there are two or more). `leaks.png`, `gain.png`, `rivals.png` and `optimizers.png` show the
newest finished measurements of these kinds. The script needs no screen (`QT_QPA_PLATFORM=offscreen`).
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from busapp.engine.results.measured import longest_runs
from busapp.engine.study.workspace import Workspace
from busapp.gui import theme
from busapp.gui.main_window import MainWindow
from busapp.gui.runs.runs_list import MOST_COMPARED
from busapp.gui.validation.measurement_view import MeasurementView

SETTLE_SECONDS = 1.5
"""Seconds before a picture is taken, because timers and threads draw thumbnails and curves."""

LONGEST_SECONDS = 60.0
"""Longest time in seconds to wait for numbers that are resampled in the background. Then the picture is taken anyway.
"""


def work_events(app: QApplication, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
    """Process the window's events for some seconds, or until a condition is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        app.processEvents()
        time.sleep(0.01)


def first_malignant(study: Workspace, folder: Path) -> Path:
    """A copy of the study's first malignant image, or else of its first image, with its original name."""
    images = study.catalog.images(kind="real")
    chosen = next((image for image in images if image.class_name == "malignant"), images[0])
    return Path(shutil.copy(study.image_path(chosen), folder / Path(chosen.file).name))


def show_review(window: MainWindow) -> bool:
    """Open the duplicate review at a pair. True if there is a pair."""
    review = window.dataset.review
    window.dataset.open_review()
    if review.pair is None:
        review.head.decided_box.setChecked(True)
    if review.pair is None:
        review.left.emit()
    return review.pair is not None


def show_comparison(window: MainWindow, app: QApplication) -> bool:
    """Compare the study's runs, and wait for their differences. True if there are two or more runs to compare."""
    assert window.workspace is not None
    view = window.validation.compare_view
    ids = [run.id for run in longest_runs(window.workspace)][:MOST_COMPARED]
    if len(ids) < 2:
        return False
    window.validation.compare(ids)
    view.paper_box.setChecked(True)
    work_events(app, LONGEST_SECONDS, until=view.table.isVisible)
    return True


def show_measurement(kind: str, window: MainWindow, app: QApplication) -> bool:
    """Show a measurement: `leaks`, `gain`, `rivals` or `optimizers`. True if it was made."""
    window.validation.show_measurement(kind)
    return is_measured(window.validation.measurements[kind], app)


def is_measured(view: MeasurementView[Any], app: QApplication) -> bool:
    """Wait for the estimate of another measurement. True if a finished one is shown."""
    work_events(app, LONGEST_SECONDS, until=lambda: "Estimating" not in view.plan.text())
    return view.result.isVisible()


def main() -> None:
    """Open the window, and save a picture of each tab."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--size", default="1280x800")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--image", type=Path)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    arguments.out.mkdir(parents=True, exist_ok=True)

    app = QApplication(sys.argv[:1])
    with tempfile.TemporaryDirectory() as settings:  # the user's own window settings stay as they are
        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, settings)
        theme.apply(app, arguments.scheme)
        study = Workspace.open(arguments.study)
        window = MainWindow(study)
        window.resize(width, height)
        window.show()
        for index, (name, tab) in enumerate(window.study_tabs.items()):
            window.tabs.setCurrentIndex(index)
            work_events(app, SETTLE_SECONDS)
            if tab is window.validation and window.validation.run is not None:
                work_events(app, LONGEST_SECONDS, until=lambda: window.validation.numbers is not None)
                work_events(app, SETTLE_SECONDS)
            if tab is window.diagnosis and study.models():
                window.diagnosis.diagnose(arguments.image or first_malignant(study, Path(settings)))
                work_events(app, 2 * SETTLE_SECONDS)
            window.grab().save(str(arguments.out / f"{name.lower()}.png"))
            if tab is window.dataset and show_review(window):
                work_events(app, SETTLE_SECONDS)
                window.grab().save(str(arguments.out / "review.png"))
                window.dataset.review.left.emit()
            if tab is window.validation:
                views = {"compare": show_comparison}
                views |= {kind: partial(show_measurement, kind) for kind in window.validation.measurements}
                for picture, show in views.items():
                    if show(window, app):
                        work_events(app, SETTLE_SECONDS)
                        window.grab().save(str(arguments.out / f"{picture}.png"))
                    window.validation.leave_view()
        window.close()
        work_events(app, SETTLE_SECONDS, until=lambda: not window.isVisible())


if __name__ == "__main__":
    main()
