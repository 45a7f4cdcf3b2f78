"""The job that diagnoses many images, and writes a table, pages and overlays."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from busapp.engine.contract.dataset import SkippedFile
from busapp.engine.contract.diagnosis import DiagnosedImage, DiagnoseResult
from busapp.engine.diagnosis.diagnosis import Diagnoser, Diagnosis
from busapp.engine.diagnosis.external_validation import ExternalValidation, labels_of_folders, read_labels
from busapp.engine.events import Finished, ImageDiagnosed, Job, Note, Progress, Skipped
from busapp.engine.images.heat_map import overlay
from busapp.engine.images.pictures import open_picture
from busapp.engine.images.preprocessing import read_content
from busapp.engine.imports import names
from busapp.engine.imports.files.disc_files import files_of
from busapp.engine.imports.files.file_kinds import FileKind, file_kind
from busapp.engine.imports.files.sources import FileEntry
from busapp.engine.models.library import default_model
from busapp.engine.models.model import Model
from busapp.engine.settings import DiagnoseSettings
from busapp.engine.study.runs import Run
from busapp.engine.study.workspace import Workspace
from busapp.engine.utils import prefetch
from busapp.engine.utils.files import sha256_of, write_atomically
from busapp.engine.utils.tables import csv_bytes
from busapp.engine.utils.words import RESEARCH_USE
from busapp.errors import BadInput, UnreadableImage


def images_to_diagnose(given: Iterable[Path]) -> Iterator[Path]:
    """The files themselves, the images of each folder, and the files that a DICOMDIR lists, also missing ones. Images
    are also DICOM files under any name, but no lesion masks (`…_mask.png`) and no hidden files."""
    for path in given:
        if path.is_dir():
            yield from (found for found in sorted(path.rglob("*")) if _kind(found) in ("picture", "DICOM"))
        elif _kind(path) == "DICOMDIR":
            there, missing = files_of(path)
            yield from (*there, *missing)
        else:
            yield path


def _kind(path: Path) -> FileKind | None:
    if names.is_hidden(path.name) or not path.is_file():
        return None
    return file_kind(path.name, FileEntry("", path.name, path).read)


@dataclass(frozen=True)
class _Answered:
    """A file that was diagnosed: its `frame`, counted from 1, of its `frames`. The `picture` is kept only if an output
    needs it."""

    sha256: str
    diagnosis: Diagnosis
    frame: int
    frames: int
    picture: Image.Image | None


def _diagnose(path: Path, diagnoser: Diagnoser, *, keep_picture: bool) -> _Answered:
    """Diagnose a file; for a loop, its middle frame. Raises `UnreadableImage` and `BadModel`."""
    content = read_content(path)
    opened = open_picture(content, file=str(path))
    seen = opened.seen(opened.middle)
    diagnosis = diagnoser.diagnose(seen, str(path))
    kept = seen.picture if keep_picture else None
    return _Answered(sha256_of(content), diagnosis, opened.middle, opened.frames, kept)


def diagnose_images(workspace: Workspace, settings: DiagnoseSettings, run: Run) -> Job:
    """Job: classify images with one model, and write the requested table, pages and overlays.

    Folders with the names of the model's classes are labels, unless labels are given. Result: `DiagnoseResult`.

    Raises:
        BadModel: the model cannot be used.
        BadInput: there is no model, none of the images can be read, or the labels do not fit any image.
    """
    path, images = settings.model or default_model(workspace), list(images_to_diagnose(settings.images))
    if not images:
        raise BadInput("There are no images in the folder", file=settings.images[0], remedy="Choose another folder.")
    # Threads with an image each do not wait for each other; threads that share an image do.
    model = Model.load(path, threads=1 if len(images) > 1 else None)
    yield from (Note(caution, "warning") for caution in model.cautions)
    batch = _Batch(model, settings, images)
    with batch.outputs:
        yield from batch.work()
    if len(batch.skipped) == len(images):
        raise BadInput("None of the images can be read", file=images[0], remedy="Check that they open in a viewer.")
    result: DiagnoseResult = {
        "model": str(model.path),
        "cautions": model.cautions,
        "images": batch.entries,
        "skipped": batch.skipped,
    }
    if batch.external:
        result["external"] = batch.external.result()
    if settings.csv:
        write_table(settings.csv, batch.entries, model.classes)
    yield Progress(len(images), len(images), "done")
    yield Finished(dict(result))


class _Batch:
    """The images of one job on their way through the model, and the requested outputs."""

    def __init__(self, model: Model, settings: DiagnoseSettings, images: list[Path]) -> None:
        self._images, self._diagnoser = images, Diagnoser(model)
        self.entries: list[DiagnosedImage] = []
        self.skipped: list[SkippedFile] = []
        self.outputs = ExitStack()
        """Files to close at the end."""
        self._heatmaps = HeatMapFolder(settings.heatmaps) if settings.heatmaps else None
        self._pages = None
        if settings.pdf or settings.dicom:
            from busapp.engine.diagnosis.pages import Pages  # matplotlib takes 0.3 s to import

            self._pages = self.outputs.enter_context(Pages(settings, model))
        self.external: ExternalValidation | None = None
        by_folder = None if settings.labels else labels_of_folders(images, model.classes)
        labels = read_labels(settings.labels, images, model.classes) if settings.labels else by_folder
        if labels:
            known = frozenset(image.sha256 for image in model.description.known)
            self.external = ExternalValidation(labels, model.classes, known)

    def work(self) -> Job:
        """Diagnose every image, several at once, and report them in order."""
        keep = self._heatmaps is not None or self._pages is not None
        diagnose = partial(_diagnose, diagnoser=self._diagnoser, keep_picture=keep)
        with closing(prefetch.in_order(diagnose, self._images, "diagnosis")) as found:
            for answer in found:
                if answer is not None:
                    path, answered = answer
                    try:
                        yield from self._keep(path, answered.result())
                    except UnreadableImage as error:
                        yield from self._skip(path, error)
                yield self._progress()

    def _progress(self) -> Progress:
        done, total = len(self.entries), len(self._images)
        name = self._images[min(done, total - 1)].name
        return Progress(done, total, f"image {min(done + 1, total)} of {total} · {name}")

    def _skip(self, path: Path, error: UnreadableImage) -> Job:
        if len(self._images) == 1:
            raise error
        self.skipped.append({"file": str(path), "reason": str(error)})
        if self.external:
            self.external.skip(path)
        self.entries.append(unreadable(str(path), error.what, str(error)))
        yield Skipped(str(path), str(error))

    def _keep(self, path: Path, answered: _Answered) -> Job:
        entry: DiagnosedImage = answered.diagnosis.as_json()
        if answered.frames > 1:
            entry |= {"frame": answered.frame, "frames": answered.frames}
        if self.external:
            entry = {**entry, **self.external.add(path, answered.sha256, entry)}
        self.entries.append(entry)
        if self._heatmaps and answered.picture:
            self._heatmaps.write(answered.picture, answered.diagnosis)
        if self._pages and answered.picture:
            for sentence in self._pages.add(
                answered.picture, answered.diagnosis, path, answered.frame, answered.frames
            ):
                yield Note(sentence, "warning")
        yield ImageDiagnosed(dict(entry))


def unreadable(file: str, reason: str, error: str) -> DiagnosedImage:
    """The entry of a file that cannot be read; `error` is the whole message."""
    return {
        "file": file,
        "predicted": None,
        "probabilities": {},
        "abstained": True,
        "reasons": [reason],
        "milliseconds": 0.0,
        "error": error,
    }


def write_table(path: Path, entries: Sequence[DiagnosedImage], classes: tuple[str, ...]) -> None:
    """Write one row for each image as CSV in the user's style. Probabilities are in [0, 1], empty if the image could
    not be read; `frame` is empty if the image is not a loop. With labels there are two more columns: the true class,
    and why an image does not count."""
    labelled = any("true" in entry for entry in entries)
    head = ["file", "frame", "predicted", "abstained", "reasons", *(["true", "not_counted"] if labelled else [])]
    rows: list[list[object]] = [[*head, *(f"probability:{c}" for c in classes), "use"]]
    for entry in entries:
        probabilities = [entry["probabilities"].get(name, "") for name in classes]
        answer = entry["predicted"] or ""
        reasons = " ".join(entry["reasons"])
        about: list[object] = [entry["file"], entry.get("frame", ""), answer, entry["abstained"], reasons]
        about += [entry.get("true", ""), entry.get("not_counted", "")] if labelled else []
        rows.append([*about, *probabilities, RESEARCH_USE])
    write_atomically(path, csv_bytes(rows))


class HeatMapFolder:
    """A folder of overlays as PNG files, named after the images. Images of the same name get a number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()

    def write(self, image: Image.Image, diagnosis: Diagnosis) -> Path:
        """Write one overlay of the predicted class and return its path."""
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
