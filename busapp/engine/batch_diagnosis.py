"""The job that diagnoses many images: a table, pages and overlays of them."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from PIL import Image

from busapp import paths
from busapp.engine.diagnosis import RESEARCH_USE, Diagnoser, Diagnosis, Model
from busapp.engine.events import Finished, ImageDiagnosed, Job, Note, Progress, Skipped
from busapp.engine.files import write_atomically
from busapp.engine.heat_map import overlay
from busapp.engine.imports import names
from busapp.engine.imports.dicom import is_dicom
from busapp.engine.pictures import open_picture
from busapp.engine.runs import Run
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput, UnreadableImage


def default_model(workspace: Workspace) -> Path:
    """The newest model of the study, else the one that ships.

    Raises:
        BadInput: there is neither.
    """
    shipped = sorted(paths.models_dir().glob("*.onnx"))
    for path in (*workspace.models(), *shipped):
        return path
    raise BadInput(
        "There is no model to diagnose with",
        remedy="Cross-validate a system and export the run (`busapp export RUN`), or name a model file.",
    )


def find_images(given: Iterable[Path]) -> Iterator[Path]:
    """The files themselves, and the images of each folder by name: also DICOM files without an ending, as archives
    export them, but no lesion masks (`…_mask.png`) and no hidden files."""
    for path in given:
        if path.is_dir():
            yield from (found for found in sorted(path.rglob("*")) if _may_be_image(found))
        else:
            yield path


def _may_be_image(path: Path) -> bool:
    name = path.name
    if names.is_hidden(name) or not path.is_file():
        return False
    if names.is_image(name):
        return names.image_of_mask(name) is None
    return names.is_dicom(name) or (names.may_be_dicom(name) and name.upper() != "DICOMDIR" and _begins_as_dicom(path))


def _begins_as_dicom(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return is_dicom(stream.read(132))
    except OSError:
        return False


def _read(path: Path) -> tuple[Image.Image, dict[str, int]]:
    """The picture in a file, of a loop its middle frame, and what the image's entry says of a loop: `frame`, counted
    from 1, of its `frames`. Raises `UnreadableImage`."""
    picture = open_picture(path)
    of_loop = {"frame": picture.middle, "frames": picture.frames} if picture.frames > 1 else {}
    return picture.frame(picture.middle), of_loop


def diagnose_images(workspace: Workspace, settings: DiagnoseSettings, run: Run) -> Job:
    """Job: classify images with one model, and write the table, the pages and the overlays that were asked for.

    Result: `model`, `cautions`, `images` (one entry each, in the order given; an unreadable one has `error`, a loop
    `frame` and `frames`) and `skipped`.

    Raises:
        BadModel: the model cannot be used.
        BadInput: there is no model, or no image among those given can be read.
    """
    model = Model.load(settings.model or default_model(workspace))
    yield from (Note(caution, "warning") for caution in model.cautions)
    images = list(find_images(settings.images))
    if not images:
        raise BadInput("There are no images in the folder", file=settings.images[0], remedy="Choose another.")
    diagnoser, entries, skipped = Diagnoser(model), [], []
    with ExitStack() as outputs:
        pages = None
        if settings.pdf:
            from busapp.engine.figures import DiagnosisPages  # matplotlib takes 0.3 s to import

            pages = outputs.enter_context(DiagnosisPages(settings.pdf, model))
        heatmaps = HeatMapFolder(settings.heatmaps) if settings.heatmaps else None
        for done, path in enumerate(images):
            yield Progress(done, len(images), f"image {done + 1} of {len(images)} · {path.name}")
            try:
                picture, of_loop = _read(path)
            except UnreadableImage as error:
                if len(images) == 1:
                    raise
                skipped.append({"file": str(path), "reason": str(error)})
                entries.append(_unreadable(path, error))
                yield Skipped(str(path), str(error))
                continue
            diagnosis = diagnoser.diagnose(picture, str(path))
            entries.append(diagnosis.as_json() | of_loop)
            if heatmaps:
                heatmaps.write(picture, diagnosis)
            if pages:
                pages.add(picture, diagnosis)
            yield ImageDiagnosed(entries[-1])
    if len(skipped) == len(images):
        raise BadInput("None of the images can be read", file=images[0], remedy="Check that they open in a viewer.")
    if settings.csv:
        write_table(settings.csv, entries, model.classes)
    yield Progress(len(images), len(images), "done")
    yield Finished(
        {"model": str(model.path), "cautions": model.cautions, "images": entries, "skipped": skipped},
    )


def _unreadable(path: Path, error: UnreadableImage) -> dict[str, Any]:
    return {
        "file": str(path),
        "predicted": None,
        "probabilities": {},
        "abstained": True,
        "reasons": [error.what],
        "milliseconds": 0.0,
        "error": str(error),
    }


def write_table(path: Path, entries: list[dict[str, Any]], classes: tuple[str, ...]) -> None:
    """One row per image as CSV (UTF-8); probabilities in [0, 1], empty where the image could not be read; `frame` is
    empty where the image is no loop."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    head = ["file", "frame", "predicted", "abstained", "reasons"]
    writer.writerow([*head, *(f"probability:{c}" for c in classes), "use"])
    for entry in entries:
        probabilities = [entry["probabilities"].get(name, "") for name in classes]
        answer = entry["predicted"] or ""
        reasons = " ".join(entry["reasons"])
        about = [entry["file"], entry.get("frame", ""), answer, entry["abstained"], reasons]
        writer.writerow([*about, *probabilities, RESEARCH_USE])
    write_atomically(path, stream.getvalue().encode())


class HeatMapFolder:
    """Overlays as PNG files, named after the images; images of one name from different folders get a number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()

    def write(self, image: Image.Image, diagnosis: Diagnosis) -> Path:
        """Write one overlay of the predicted class and return where it is."""
        stem, number = Path(diagnosis.file).stem, 1
        name = stem
        while name in self._names:
            number += 1
            name = f"{stem}-{number}"
        self._names.add(name)
        content = io.BytesIO()
        overlay(image, diagnosis.heat_map).save(content, "PNG")
        path = self._folder / f"{name}.heatmap.png"
        write_atomically(path, content.getvalue())
        return path
