"""The page of a diagnosed image, as PDF and as DICOM: one figure for both. It loads matplotlib: only jobs import it."""

import io
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

import busapp
from busapp.engine.abstention import in_words
from busapp.engine.diagnosis import RESEARCH_USE, Diagnosis, Model
from busapp.engine.figures import A4, draw_diagnosis, to_png
from busapp.engine.files import space_is_needed, write_atomically
from busapp.engine.quiet import no_warnings
from busapp.engine.settings import DiagnoseSettings

DPI: Final = 150
"""Of the page as pixels: 1240×1753."""
_WIDTH: Final = 104
"""Letters of a line of small words."""
_LONGEST: Final = 4
"""Lines that the name of a file may take."""


def page_figure(
    image: Image.Image, diagnosis: Diagnosis, model: Model, *, reader: str = "", patient: str = ""
) -> Figure:
    """One page of A4: answer, picture, heat map, probabilities, similar images, and what all that rests on.

    Nobody is named but the `reader` and the `patient` that are given; `diagnosis.file` says what the image is called.
    """
    figure = Figure(figsize=A4)
    grid = figure.add_gridspec(
        2, 2, left=0.09, right=0.93, top=0.79, bottom=0.37, height_ratios=(2.5, 1), hspace=0.45, wspace=0.06
    )
    bars = grid[1, :].subgridspec(1, 2, width_ratios=(0.12, 1), wspace=0)
    axes = {
        "picture": figure.add_subplot(grid[0, 0]),
        "heat": figure.add_subplot(grid[0, 1]),
        "bars": figure.add_subplot(bars[0, 1]),
    }
    draw_diagnosis(figure, axes, image, diagnosis)
    figure.text(0.08, 0.945, answer(diagnosis), fontsize=18, weight="bold", parse_math=False)
    reasons = [line for reason in diagnosis.reasons for line in textwrap.wrap(reason, 92)]
    figure.text(0.08, 0.925, "\n".join(reasons), fontsize=10, va="top", parse_math=False)
    about = list(_about(diagnosis, reader, patient))
    figure.text(0.08, 0.872, "\n".join(about), fontsize=8.5, color="0.25", va="top", parse_math=False)
    figure.text(0.08, 0.33, "\n".join(_foundation(diagnosis, model)), fontsize=8.5, va="top", parse_math=False)
    figure.text(0.08, 0.04, RESEARCH_USE, fontsize=11, weight="bold")
    return figure


def answer(diagnosis: Diagnosis) -> str:
    """The heading: the class, the classes between which it is not decided, or that there is no answer."""
    if not diagnosis.abstained:
        return diagnosis.predicted
    return f"Not decided: {in_words(diagnosis.possible)}" if diagnosis.is_undecided else "No answer"


def _about(diagnosis: Diagnosis, reader: str, patient: str) -> Iterator[str]:
    lines = textwrap.wrap(_printable(diagnosis.file), _WIDTH) or [""]
    yield from lines[:_LONGEST]
    named = [f"Patient: {_printable(patient)}"] if patient else []
    named += [f"Reader: {_printable(reader)}"] if reader else []
    yield "    ".join([f"Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", *named])


def _foundation(diagnosis: Diagnosis, model: Model) -> Iterator[str]:
    lines = []
    if diagnosis.similar:
        alike = ", ".join(f"{image.class_name} ({image.distance:.2f})" for image in diagnosis.similar)
        lines += [f"Most similar images that the model learned from, with their distance (1 is usual): {alike}", ""]
    lines += [
        "Probabilities are calibrated on images that the networks of the cross-validation had not seen. The heat map "
        "says what speaks for the class, the line where that is at least half as strong as at its peak.",
        "",
        f"Model {model.path.name}, read by busapp {busapp.__version__}",
        *model.card(),
        *model.cautions,
    ]
    for line in lines:
        yield from textwrap.wrap(_printable(line), _WIDTH) or [""]


def _printable(words: str) -> str:
    """Names of files may hold anything, line breaks and halves of characters too."""
    whole = words.encode(errors="replace").decode()
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in whole)


def page_png(image: Image.Image, diagnosis: Diagnosis, model: Model, *, reader: str = "", patient: str = "") -> bytes:
    """The page as a PNG, for a preview."""
    with no_warnings():  # of letters that the font does not have: they become boxes
        return to_png(page_figure(image, diagnosis, model, reader=reader, patient=patient), dpi=100)


def page_pixels(figure: Figure) -> npt.NDArray[np.uint8]:
    """A page as uint8 (height, width, 3), RGB."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    with no_warnings():
        canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


class Pages:
    """The pages of a job: a PDF, which is moved into place when it is complete and left out after a failure, and DICOM
    files, each written at once."""

    def __init__(self, settings: DiagnoseSettings, model: Model) -> None:
        self._settings, self._model = settings, model
        self._stream = io.BytesIO()
        self._pdf = PdfPages(self._stream) if settings.pdf else None
        self._names: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        path = self._settings.pdf
        if self._pdf is None or path is None or self._pdf.get_pagecount() == 0:
            return
        self._pdf.close()
        if kind is None:
            with space_is_needed(path):
                write_atomically(path, self._stream.getvalue())

    def add(self, image: Image.Image, diagnosis: Diagnosis, source: Path, frame: int, frames: int) -> None:
        """One page. `source` is the file that the image is `frame`, counted from 1, of its `frames` of.

        Raises:
            NoSpace: the disk is full.
        """
        named = replace(diagnosis, file=f"{diagnosis.file}, frame {frame} of {frames}") if frames > 1 else diagnosis
        names = {"reader": self._settings.reader, "patient": self._settings.patient}
        figure = page_figure(image, named, self._model, **names)
        if self._pdf is not None:
            with no_warnings():
                self._pdf.savefig(figure)
        if self._settings.dicom is not None:
            self._write_dicom(self._settings.dicom, figure, diagnosis, source, frame)

    def _write_dicom(self, folder: Path, figure: Figure, diagnosis: Diagnosis, source: Path, frame: int) -> None:
        from busapp.engine.secondary_capture import secondary_capture

        content = secondary_capture(
            page_pixels(figure),
            source.read_bytes(),
            frame,
            patient=self._settings.patient,
            reader=self._settings.reader,
            finding=answer(diagnosis),
        )
        stem, number = source.stem, 1
        while (name := stem if number == 1 else f"{stem}-{number}") in self._names:
            number += 1
        self._names.add(name)
        path = folder / f"{name}.diagnosis.dcm"
        with space_is_needed(path):
            write_atomically(path, content)
