"""Measure how long the Dataset tab blocks the window with 100,000 images: opening, scrolling, selecting, resizing.

A frame is the work of the window's thread for one input (a notch of the wheel, a key, a step of the slider): the
event, everything that it causes, and painting. Frames are 1/60 s apart, so that thumbnails load in between as in real
use. The reference, in the same run, is a plain `QListView` with the same number of items and one solid icon: Qt's own
time, with pictures that cost nothing.

    python benchmarks/grid_scroll.py [--images N] [--contents N] [--json FILE|-]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import json_report
import numpy as np
from PIL import Image
from PySide6.QtCore import QAbstractListModel, QEvent, QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPixmap, QWheelEvent
from PySide6.QtWidgets import QApplication, QListView, QWidget

from busapp.engine.catalog import NewImage
from busapp.engine.study.thumbnails import make_mask_thumbnail, make_thumbnail, mask_thumbnail_path, thumbnail_path
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils.files import sha256_of
from busapp.gui import theme
from busapp.gui.dataset.tab import DatasetTab

CLASSES = ("benign", "malignant", "normal")
FRAME_S = 1 / 60
NO_KEYS = Qt.KeyboardModifier.NoModifier


def fill(workspace: Workspace, images: int, contents: int) -> None:
    """Add `images` images with `contents` different pictures to the study, with thumbnails as an import makes them."""
    rng = np.random.default_rng(0)
    hashes = [f"{number:064x}" for number in range(contents)]
    outline = np.zeros((224, 224), np.uint8)
    outline[80:140, 60:150] = 255
    mask = sha256_of(outline.tobytes())
    _write(mask_thumbnail_path(workspace, mask), make_mask_thumbnail(Image.fromarray(outline)))
    for sha256 in hashes:
        coarse = Image.fromarray(rng.integers(0, 255, (40, 40), np.uint8)).convert("RGB")
        _write(thumbnail_path(workspace, sha256), make_thumbnail(coarse.resize((500, 500), Image.Resampling.BICUBIC)))
    rows = [
        NewImage(
            file=f"{CLASSES[number % 3]}/{number}.png",
            sha256=hashes[number % contents],
            suffix=".png",
            class_name=CLASSES[number % 3],
            width=500,
            height=500,
            kind="synthetic" if number % 10 == 0 else "real",
            mask=mask if number % 2 else None,
        )
        for number in range(images)
    ]
    workspace.catalog.add(rows, f"{images} images")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


class _Solid(QAbstractListModel):
    """A model of `count` items, all with the same icon."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._count = count
        self._icon = QPixmap(128, 128)
        self._icon.fill(QColor("grey"))

    def rowCount(self, parent: Any = None) -> int:
        return self._count

    def data(self, index: Any, role: int = 0) -> Any:
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon
        return "benign" if role == Qt.ItemDataRole.DisplayRole else None


def reference_grid(count: int) -> QListView:
    """Qt's own grid with its fastest settings."""
    view = QListView()
    view.setViewMode(QListView.ViewMode.IconMode)
    view.setFlow(QListView.Flow.LeftToRight)
    view.setWrapping(True)
    view.setResizeMode(QListView.ResizeMode.Adjust)
    view.setUniformItemSizes(True)
    view.setSelectionMode(QListView.SelectionMode.ExtendedSelection)
    view.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
    view.setIconSize(QSize(128, 128))
    view.setModel(_Solid(count))
    view.model().setParent(view)
    return view


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """The time of an action and of everything that it causes in the window's thread, in milliseconds: wall clock and
    processor."""
    began, began_cpu = time.perf_counter(), time.thread_time()
    action()
    QApplication.processEvents()
    return 1e3 * (time.perf_counter() - began), 1e3 * (time.thread_time() - began_cpu)


def frames(actions: Iterable[Callable[[], object]]) -> dict[str, float]:
    """Run each action in a frame of its own. Returns statistics of the frames' times in milliseconds."""
    found = []
    for action in actions:
        found.append(timed(action))
        time.sleep(max(0.0, FRAME_S - found[-1][0] / 1e3))
    wall, cpu = np.array(found).T
    return {
        "frames": len(found),
        "median_ms": round(float(np.median(wall)), 2),
        "p99_ms": round(float(np.percentile(wall, 99)), 2),
        "largest_ms": round(float(wall.max()), 2),
        "p99_cpu_ms": round(float(np.percentile(cpu, 99)), 2),
    }


def key(view: QListView, which: Qt.Key, held: Qt.KeyboardModifier = NO_KEYS) -> Callable[[], object]:
    """An action that presses a key in the view."""
    return lambda: QApplication.sendEvent(view, QKeyEvent(QEvent.Type.KeyPress, which, held))


def wheel(view: QListView, notches: int) -> Callable[[], object]:
    """An action that turns the wheel over the view."""
    place, angle = QPointF(100, 100), QPoint(0, -120 * notches)
    button, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    return lambda: QApplication.sendEvent(
        view.viewport(),
        QWheelEvent(place, view.mapToGlobal(place), QPoint(), angle, button, NO_KEYS, phase, False),
    )


def mouse(view: QListView, kind: QEvent.Type, place: QPoint) -> Callable[[], object]:
    """An action that presses the left button, moves the mouse with the button held, or releases the button."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    button = none if kind == QEvent.Type.MouseMove else left
    held = none if kind == QEvent.Type.MouseButtonRelease else left
    spot = QPointF(place)
    return lambda: QApplication.sendEvent(
        view.viewport(), QMouseEvent(kind, spot, view.viewport().mapToGlobal(spot), button, held, NO_KEYS)
    )


def drag(view: QListView, share: float) -> Callable[[], object]:
    """An action that drags the scroll bar to a share of its length."""
    bar = view.verticalScrollBar()
    return lambda: bar.setSliderPosition(round(bar.maximum() * share))


def measure(window: QWidget, view: QListView) -> dict[str, dict[str, float]]:
    """Measure typical actions of a user, the same for both grids."""
    size = window.size()
    results = {
        "wheel": frames(wheel(view, 1) for _ in range(300)),
        "wheel, turned fast": frames(wheel(view, 5) for _ in range(150)),
        "page keys": frames(key(view, Qt.Key.Key_PageDown) for _ in range(150)),
        "arrow key held": frames(key(view, Qt.Key.Key_Down) for _ in range(150)),
        "scroll bar dragged": frames(drag(view, share) for share in np.linspace(0, 1, 150)),
        "Home and End": frames(key(view, which) for _ in range(15) for which in (Qt.Key.Key_Home, Qt.Key.Key_End)),
        "Ctrl+A": frames([key(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)]),
        "a click, all selected": frames(
            [
                mouse(view, kind, QPoint(60, 90))
                for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease)
            ]
        ),
        "rubber band": frames(
            [
                mouse(view, QEvent.Type.MouseButtonPress, QPoint(3, 40)),
                *(mouse(view, QEvent.Type.MouseMove, QPoint(6 * n, 40 + 6 * n)) for n in range(1, 80)),
                mouse(view, QEvent.Type.MouseButtonRelease, QPoint(480, 520)),
            ]
        ),
    }

    def resize(width: int) -> Callable[[], object]:
        return lambda: window.resize(width, size.height())

    results["window resized"] = frames(resize(size.width() - 10 * step) for step in range(30))
    window.resize(size)
    return results


def measure_study(workspace: Workspace, images: int) -> dict[str, Any]:
    """Open a study in the Dataset tab, and measure its use."""
    tab = DatasetTab()
    tab.resize(1366, 768)
    tab.show()
    QApplication.processEvents()
    opened, opened_cpu = timed(lambda: tab.open_study(workspace))
    refreshed, _ = timed(tab.refresh)
    assert tab.grid.images.rowCount() == images
    results: dict[str, Any] = {
        "opened_ms": round(opened),
        "opened_cpu_ms": round(opened_cpu),
        "refreshed_ms": round(refreshed),
        "grid": measure(tab, tab.grid),
    }
    sides = [*range(128, 224, 4), *range(224, 64, -4)]
    results["grid"]["size slider"] = frames((lambda side=side: tab.size_slider.setValue(side)) for side in sides)  # type: ignore[misc]
    tab.size_slider.setValue(128)
    results["grid"]["lesion masks on and off"] = frames(tab.grid.masks_action.trigger for _ in range(10))
    tab.shut_down()
    tab.close()
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--contents", type=int, default=5_000, help="number of different pictures")
    parser.add_argument("--json", default="-")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication([])
    theme.apply(app, "light")
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder) / "study")
        filled, _ = timed(lambda: fill(workspace, arguments.images, arguments.contents))
        result = {"images": arguments.images, "contents": arguments.contents, "filled_s": round(filled / 1e3, 1)}
        plain = reference_grid(arguments.images)
        plain.resize(740, 720)
        plain.show()
        QApplication.processEvents()
        result["reference"] = measure(plain, plain)
        plain.close()
        result |= measure_study(workspace, arguments.images)
        workspace.close()
    json_report.write(result, arguments.json)


if __name__ == "__main__":
    main()
