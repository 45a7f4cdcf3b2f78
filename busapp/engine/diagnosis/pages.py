"""The page of a diagnosed image, as PDF and as DICOM: one figure for both. Only jobs import this module, because it
loads matplotlib."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

from busapp.engine.diagnosis.diagnosis import Diagnosis
from busapp.engine.diagnosis.page_figure import answer, page_figure
from busapp.engine.images.remarks import Remark
from busapp.engine.models.model import Model
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.utils.figures import to_png
from busapp.engine.utils.files import replacing, write_atomically, writing_is_needed
from busapp.errors import UnreadableImage

DPI: Final = 150
"""Resolution of the page as pixels, 1239×1754."""
PICTURES_DPI: Final = 300
"""Resolution of the pictures in a PDF; matplotlib's default is 100."""


def page_png(image: Image.Image, diagnosis: Diagnosis, model: Model, *, reader: str = "", patient: str = "") -> bytes:
    """Return the page as a PNG, for a preview."""
    return to_png(page_figure(image, diagnosis, model, reader=reader, patient=patient), dpi=100)


def page_pixels(figure: Figure) -> npt.NDArray[np.uint8]:
    """Return a page as uint8 (height, width, 3), RGB."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


class Pages:
    """The pages of a job: a PDF, which is moved into place only when it is complete, and DICOM files, which are written
    one by one at once."""

    def __init__(self, settings: DiagnoseSettings, model: Model) -> None:
        self._settings, self._model = settings, model
        self._outputs = ExitStack()
        self._pdf: PdfPages | None = None
        self._series: dict[str, tuple[str, int]] = {}
        self._names: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._outputs.__exit__(kind, error, where)

    def add(self, image: Image.Image, diagnosis: Diagnosis, source: Path, frame: int, frames: int) -> list[str]:
        """Add one page. The image is `frame`, counted from 1, of the `frames` in the file `source`.

        Returns problems that concern only this image, as sentences.

        Raises:
            NoSpace: the disk is full.
            BadInput: nothing can be written there.
        """
        named = replace(diagnosis, file=f"{diagnosis.file}, frame {frame} of {frames}") if frames > 1 else diagnosis
        names = {"reader": self._settings.reader, "patient": self._settings.patient}
        figure = page_figure(image, named, self._model, **names)
        if self._settings.pdf is not None:
            self._pages_of(self._settings.pdf).savefig(figure, dpi=PICTURES_DPI)
        if self._settings.dicom is None:
            return []
        try:
            self._write_dicom(self._settings.dicom, figure, diagnosis, source, frame)
        except UnreadableImage as problem:
            return [f"An image has no DICOM page. {problem}"]
        return []

    def _pages_of(self, path: Path) -> PdfPages:
        if self._pdf is None:
            self._outputs.enter_context(writing_is_needed(path))
            stream = self._outputs.enter_context(replacing(path))
            self._pdf = self._outputs.enter_context(PdfPages(stream))
        return self._pdf

    def _write_dicom(self, folder: Path, figure: Figure, diagnosis: Diagnosis, source: Path, frame: int) -> None:
        from busapp.engine.images.dicom.page import secondary_capture

        content = secondary_capture(
            page_pixels(figure),
            source,
            frame,
            self._series,
            patient=self._settings.patient,
            reader=self._settings.reader,
            finding=answer(diagnosis),
            burned_in=Remark.LETTERS.sentence in diagnosis.remarks,
        )
        stem, number = source.stem, 1
        # Names that differ only in upper and lower case are one name on Windows and macOS.
        while (name := stem if number == 1 else f"{stem}-{number}").casefold() in self._names:
            number += 1
        self._names.add(name.casefold())
        path = folder / f"{name}.diagnosis.dcm"
        with writing_is_needed(path):
            write_atomically(path, content)
