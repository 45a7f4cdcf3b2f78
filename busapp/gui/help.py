"""The guide, the versions and licences of this program's parts, and its self-test."""

import subprocess
import sys
from importlib import metadata

from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QTextBrowser, QVBoxLayout, QWidget

import busapp
from busapp import paths
from busapp.engine.events import Finished, Job, Note, Progress
from busapp.engine.utils.words import RESEARCH_USE
from busapp.errors import UserError
from busapp.gui.machine import graphics, processor
from busapp.gui.theme import SPACE
from busapp.gui.widgets.panels import resize_within_screen

_PARTS = (
    "PySide6-Essentials",
    "pyqtgraph",
    "numpy",
    "pillow",
    "SQLAlchemy",
    "pydantic",
    "torch",
    "torchvision",
    "keras",
    "tensorflow",
    "onnxruntime",
    "scikit-image",
    "scikit-learn",
    "matplotlib",
)


class Guide(QDialog):
    """The user guide, in a window of its own."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Guide — busapp")
        self.text = QTextBrowser()
        self.text.setAccessibleName("Guide")
        self.text.setOpenExternalLinks(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        resize_within_screen(self, 640, 720)

    def open_at(self, chapter: str) -> None:
        """Show the chapter of a tab (`dataset`, `synthesis`, `validation`, `diagnosis`)."""
        url = QUrl.fromLocalFile(str(paths.resources_dir() / "guide.html"))
        url.setFragment(chapter)
        self.text.setSource(url)
        self.show()
        self.raise_()


class About(QDialog):
    """Version, machine, and the libraries with their licences."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About busapp")
        heading = QLabel(f"busapp {busapp.__version__}")
        heading.setProperty("role", "heading")
        what = QLabel(f"Breast ultrasound: curate, synthesise, cross-validate, diagnose.\n{RESEARCH_USE}")
        self.text = QTextBrowser()
        self.text.setAccessibleName("Versions and licences")
        self.text.setPlainText("\n".join(_versions()))
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE)
        for widget in (heading, what, self.text, close):
            column.addWidget(widget)
        resize_within_screen(self, 560, 480)


def _versions() -> list[str]:
    lines = [
        "busapp: Apache-2.0",
        f"Python {sys.version.split()[0]}: PSF-2.0",
        f"Machine: {processor()} {graphics()}",
        "",
    ]
    for part in _PARTS:
        try:
            about = metadata.metadata(part).json
        except metadata.PackageNotFoundError:
            continue
        licence = str(about.get("license_expression") or about.get("license") or "see its package")
        lines.append(f"{part} {about['version']}: {licence.splitlines()[0][:80]}")
    return [*lines, "Droid Sans Fallback 2.55b: Apache-2.0", "Noto Sans 2.0, of 14 scripts: OFL-1.1"]


def self_test() -> Job:
    """Test the installation in a separate process. The result holds the lines of its output as `output`.

    Raises:
        UserError: a part failed.
    """
    command, folder = paths.own_command("selftest")
    lines: list[str] = []
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            yield Note(lines[-1])
            yield Progress(0, 0, lines[-1])
        if process.wait() != 0:
            raise UserError("The self-test failed: " + " / ".join(lines[-3:]), remedy="Install busapp again.")
        yield Finished({"output": lines})
    finally:
        process.stdout.close()
        process.kill()
        process.wait()
