"""The report of a study: one HTML file that needs nothing beside it, for reading, printing and handing on."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

import busapp
from busapp import paths
from busapp.engine import figures
from busapp.engine.diagnosis import RESEARCH_USE, Diagnoser, Model, default_model
from busapp.engine.events import EpochEnded, SamplesDrawn
from busapp.engine.files import write_atomically
from busapp.engine.preprocessing import read_image
from busapp.engine.runs import Run
from busapp.engine.systems import Leaks, leaks_in_words
from busapp.engine.workspace import Workspace
from busapp.errors import BadInput, UnreadableImage

EXAMPLES: Final = 6
"""Images of each class that the report shows."""
THUMBNAIL: Final = 112
"""Pixels on the longer side."""


def write_report(
    workspace: Workspace, path: Path, *, diagnosis_images: Sequence[Path] = (), model: Path | None = None
) -> Path:
    """Write the report of everything the study holds: images, generators, validation runs, and diagnoses.

    Args:
        workspace: the study.
        path: the HTML file; replaced where it is there.
        diagnosis_images: images to diagnose in the report.
        model: what to diagnose with; None means the study's newest.

    Returns:
        Where the report is.

    Raises:
        BadInput: the file cannot be written, or images are to be diagnosed and there is no model.
        BadModel: the model cannot be used.
        UnreadableImage: one of the images to be diagnosed cannot be read.
    """
    html = _template().render(
        study=workspace.name,
        phantoms=workspace.phantoms,
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        version=busapp.__version__,
        research_use=RESEARCH_USE,
        classes=_classes(workspace),
        dataset=_dataset(workspace),
        generators=[_generator(run) for run in _finished(workspace, "synthesize")],
        validations=[_validation(workspace, run) for run in _finished(workspace, "validate")],
        diagnoses=_diagnoses(model or default_model(workspace), diagnosis_images) if diagnosis_images else None,
    )
    try:
        write_atomically(path, html.encode())
    except OSError as error:
        raise BadInput("The report cannot be written", file=path, remedy="Choose another place.") from error
    return path


def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(paths.resources_dir()),
        autoescape=True,  # names of files, classes and studies come from outside
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(png=_data_uri, per_cent=_per_cent)
    return environment.get_template("report.html")


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _per_cent(fraction: float | None) -> str:
    return "–" if fraction is None else f"{100 * fraction:.1f} %"


def _finished(workspace: Workspace, kind: str) -> list[Run]:
    """The oldest first, as the study went."""
    return [run for run in reversed(workspace.runs(kind)) if run.info.state == "finished" and run.result() is not None]


def _dataset(workspace: Workspace) -> dict[str, int]:
    records = workspace.catalog.images(kind="real")
    return {
        "images": len(records),
        "groups": len({record.group for record in records}),
        "conflicts": len(workspace.catalog.conflicts()),
        "set_aside": sum(record.excluded is not None for record in records),
    }


def _classes(workspace: Workspace) -> list[dict[str, Any]]:
    real, synthetic = workspace.catalog.counts("real"), workspace.catalog.counts("synthetic")
    return [
        {
            "name": name,
            "real": real[name],
            "synthetic": synthetic[name],
            "real_examples": _examples(workspace, name, "real"),
            "synthetic_examples": _examples(workspace, name, "synthetic"),
        }
        for name in real
    ]


def _examples(workspace: Workspace, class_name: str, kind: Any) -> list[bytes]:
    found: list[bytes] = []
    for record in workspace.catalog.images(class_name=class_name, kind=kind, with_excluded=False):
        try:
            image = read_image(workspace.image_path(record))
        except UnreadableImage:
            continue
        image.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR)
        found.append(figures.image_to_png(image))
        if len(found) == EXAMPLES:
            break
    return found


def _generator(run: Run) -> dict[str, Any]:
    drawn = [event for event in run.events() if isinstance(event, SamplesDrawn)]
    files = [run.folder / event.file for event in drawn[-1:]]
    return {
        "run": run.info,
        "result": run.result(),
        "settings": run.info.settings,
        "samples": [(drawn[-1].epoch, path.read_bytes()) for path in files if path.exists()],
    }


def _validation(workspace: Workspace, run: Run) -> dict[str, Any]:
    result = run.result() or {}
    epochs = [event for event in run.events() if isinstance(event, EpochEnded)]
    return {
        "run": run.info,
        "result": result,
        "changed_since": workspace.changed_since(run),
        "leaks": {name.replace("_", " "): count for name, count in result["leaks"].items()},
        "let_through": leaks_in_words(result["system"], Leaks(**result["switches"])),
        "confusion": figures.to_png(figures.confusion_figure(result["confusion"], result["classes"])),
        "curves": figures.to_png(figures.curves_figure(epochs)) if epochs else None,
    }


def _diagnoses(model_path: Path, images: Sequence[Path]) -> dict[str, Any]:
    model = Model.load(model_path)
    diagnoser = Diagnoser(model)
    entries = []
    for path in images:
        picture = read_image(path)
        diagnosis = diagnoser.diagnose(picture, path.name)
        figure = figures.to_png(figures.diagnosis_figure(picture, diagnosis))
        entries.append({"diagnosis": diagnosis, "figure": figure})
    return {"model": model, "entries": entries}
