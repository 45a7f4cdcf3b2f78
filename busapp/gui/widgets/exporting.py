"""Exports of plots and tables: a picture as it is shown, or the numbers behind it."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage, QPaintDevice, QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QGraphicsView, QMenu, QMessageBox, QWidget

from busapp.engine.utils.tables import csv_bytes
from busapp.gui.user_settings import last_folder, remember_folder

PNG_SCALE = 2

Export = Callable[[Path], None]


def add_exports(menu: QMenu, widget: QWidget, title: str, suffixes: Sequence[str], export: Export) -> None:
    """Add the entries "Export PNG…" and so on, which ask for a name and call `export` with the path."""
    for suffix in suffixes:
        menu.addAction(f"Export {suffix.upper()}…", partial(ask_and_export, widget, title, suffix, export))


def ask_and_export(widget: QWidget, title: str, suffix: str, export: Export) -> None:
    """Ask for a name and write the file. Show a message if it cannot be written."""
    name, _ = QFileDialog.getSaveFileName(
        widget, f"Export {title}", str(last_folder() / f"{title}.{suffix}"), f"{suffix.upper()} (*.{suffix})"
    )
    if not name:
        return
    path = Path(name)
    remember_folder(path.parent)
    try:
        export(path if path.suffix else path.with_suffix(f".{suffix}"))
    except OSError as error:
        QMessageBox.warning(widget, "Export", f"The file could not be written ({name}). {error.strerror or error}.")


def write_picture(widget: QWidget, path: Path, title: str) -> None:
    """Draw a widget as it is shown into a PNG or an SVG file. Raises `OSError` if the file cannot be written."""
    # pyqtgraph's own SVG exporter fails on text outlines, so Qt draws both kinds.
    if path.suffix.lower() == ".svg":
        path.touch()  # raises an error if the file cannot be written; Qt would only warn
        svg = QSvgGenerator()
        svg.setFileName(str(path))
        svg.setSize(widget.size())
        svg.setViewBox(widget.rect())
        svg.setTitle(title)
        _paint(widget, svg)
    else:
        image = QImage(widget.size() * PNG_SCALE, QImage.Format.Format_RGB32)
        _paint(widget, image)
        if not image.save(str(path)):
            raise OSError(f"no picture can be written as {path.suffix or path.name}")


def write_rows(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write rows, the headings first, as a CSV file in the user's style. Raises `OSError` if that fails."""
    path.write_bytes(csv_bytes(rows))


def _paint(widget: QWidget, device: QPaintDevice) -> None:
    painter = QPainter(device)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if isinstance(widget, QGraphicsView):  # it fits its scene to the device itself
        widget.render(painter)
    else:
        painter.scale(device.width() / widget.width(), device.height() / widget.height())
        widget.render(painter, QPoint())
    painter.end()
