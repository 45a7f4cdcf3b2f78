"""Previews and file names for the report of diagnosed images."""

from dataclasses import replace
from pathlib import Path

from busapp.engine.diagnosis.diagnosis import Diagnoser
from busapp.engine.images.pictures import open_picture
from busapp.engine.models.model import Model
from busapp.engine.study.runs import Run
from busapp.gui.diagnosis.single_diagnosis import Answered, Pasted


def writes_pages(run: Run) -> bool:
    """True if a run wrote a report of images that were diagnosed before."""
    return any(run.info.settings.get(name) is not None for name in ("pdf", "dicom"))


def preview_of(shown: Answered, reader: str, patient: str) -> bytes:
    """Return the page of the shown image, as PNG bytes."""
    from busapp.engine.diagnosis.pages import page_png  # matplotlib

    said = replace(shown.diagnosis, file=shown.name)
    return page_png(shown.image, said, shown.model, reader=reader, patient=patient)


def preview_of_file(model_file: Path, file: Path, reader: str, patient: str) -> bytes:
    """Return the page of a file, as PNG bytes."""
    from busapp.engine.diagnosis.pages import page_png  # matplotlib

    model, picture = Model.load(model_file), open_picture(file)
    seen = picture.seen(picture.middle)
    return page_png(seen.picture, Diagnoser(model).diagnose(seen, file.name), model, reader=reader, patient=patient)


def stem_of_report(shown: Answered) -> str:
    """Return the file stem for an image that is not a file by itself (pasted, a frame or a crop).

    The name of its file is not part of it, because archives may name files after the patient."""
    if isinstance(shown.request.source, Pasted):
        stem = "pasted"
    else:
        stem = "image" if shown.picture.frames == 1 else f"frame-{shown.frame}-of-{shown.picture.frames}"
    return stem if shown.request.crop is None else f"{stem}-cropped"
