"""What the report of diagnosed images needs of the window: its first page before it is written, and names."""

from dataclasses import replace
from pathlib import Path

from busapp.engine.diagnosis.diagnosis import Diagnoser
from busapp.engine.images.pictures import open_picture
from busapp.engine.models.model import Model
from busapp.engine.study.runs import Run
from busapp.gui.diagnosis.single_diagnosis import Answered, Pasted


def writes_pages(run: Run) -> bool:
    """Whether a run wrote the report of images that were diagnosed before."""
    return any(run.info.settings.get(name) is not None for name in ("pdf", "dicom"))


def preview_of(shown: Answered, reader: str, patient: str) -> bytes:
    """The page of the image that is shown, as PNG."""
    from busapp.engine.diagnosis.pages import page_png  # matplotlib

    said = replace(shown.diagnosis, file=shown.name)
    return page_png(shown.image, said, shown.model, reader=reader, patient=patient)


def preview_of_file(model_file: Path, file: Path, reader: str, patient: str) -> bytes:
    """The page of a file, as PNG."""
    from busapp.engine.diagnosis.pages import page_png  # matplotlib

    model, picture = Model.load(model_file), open_picture(file)
    image = picture.frame(picture.middle)
    return page_png(image, Diagnoser(model).diagnose(image, file.name), model, reader=reader, patient=patient)


def stem_of_report(shown: Answered) -> str:
    """What a picture that is no file of its own is called in its report: without the name of its file, which archives
    may have called after the patient."""
    if isinstance(shown.question.source, Pasted):
        stem = "pasted"
    else:
        stem = "image" if shown.picture.frames == 1 else f"frame-{shown.frame}-of-{shown.picture.frames}"
    return stem if shown.question.crop is None else f"{stem}-cropped"
